package replica_test

import (
	"errors"
	"slices"
	"testing"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

func keysOf(t *testing.T, n *replica.Node, id qa.EventID) []qa.Identity {
	t.Helper()
	out, err := n.Keys(bounded(t), id)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func refusedAct(t *testing.T, n *replica.Node, id qa.EventID, act qa.Act, want error) {
	t.Helper()
	if _, err := n.Do(bounded(t), id, act); !errors.Is(err, want) {
		t.Fatalf("%s: %v, want %v", act.Kind, err, want)
	}
}

// pastOf returns what a change builds on, by the ledger.
func pastOf(t *testing.T, s storage.Store, id qa.EventID, of wire.Hash) map[wire.Hash]bool {
	t.Helper()
	deps := map[wire.Hash][]wire.Hash{}
	for _, en := range entries(t, s, id) {
		c, err := wire.DecodeChange(en.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		deps[c.Hash] = c.Deps
	}
	past := map[wire.Hash]bool{}
	queue := []wire.Hash{of}
	for len(queue) > 0 {
		for _, d := range deps[queue[0]] {
			if !past[d] {
				past[d] = true
				queue = append(queue, d)
			}
		}
		queue = queue[1:]
	}
	return past
}

func TestAskingAnonymously(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		host := startRelay(t)
		boss := device(t, mem.New())
		id := found(t, boss, host.url())
		q := ask(t, boss, id, "?")
		key := newKey(t)
		n := openNode(t, quick(replica.Config{Store: store, Key: key}))
		n.Start(t.Context())
		join(t, n, id, host.url())
		settled(t, n, id, 1)

		who := qa.Act{Kind: qa.ActPost, Text: "Who am I?", Anonymous: true}
		refusedAct(t, n, id, qa.Act{Kind: qa.ActPost, Parent: q, Text: "anonymous reply", Anonymous: true}, replica.ErrOnlyQuestions)
		host.stop()
		eventually(t, n, "being offline", func() bool { return statusOf(t, n, id).Relay.State == qa.RelayOffline })
		ask(t, n, id, "under my name")
		before := len(entries(t, store, id))
		refusedAct(t, n, id, who, replica.ErrNotYetDelivered)
		if got := len(entries(t, store, id)); got != before || len(keysOf(t, n, id)) != 1 {
			t.Fatal("a refused question left something behind")
		}
		host.start()
		settled(t, n, id, 2)
		anonymous := do(t, n, id, who)
		keys := keysOf(t, n, id)
		p, err := n.Post(bounded(t), id, anonymous)
		if err != nil || len(keys) != 2 || keys[0] != n.Identity() || p.By != keys[1] || p.By == n.Identity() {
			t.Fatalf("%+v, %v, %v", p, keys, err)
		}
		settled(t, n, id, 3)

		// Kept over a restart and a rebuild: still to be edited, followed and withdrawn.
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		n = openNode(t, quick(replica.Config{Store: store, Key: key}))
		n.Start(t.Context())
		if err := n.Rebuild(bounded(t), id); err != nil {
			t.Fatal(err)
		}
		delivered := func() { t.Helper(); settled(t, n, id, statusOf(t, n, id).Posts) }
		delivered()
		do(t, n, id, qa.Act{Kind: qa.ActEdit, Post: anonymous, Text: "Who was I?"})
		delivered()
		do(t, n, id, qa.Act{Kind: qa.ActReact, Post: anonymous, Emoji: qa.WantEmoji, On: true})
		delivered()
		do(t, n, id, qa.Act{Kind: qa.ActMark, Post: anonymous, Mark: "answered", On: true})
		delivered()
		do(t, n, id, qa.Act{Kind: qa.ActPost, Parent: anonymous, Text: "More of me", Anonymous: true})
		delivered()
		do(t, n, id, qa.Act{Kind: qa.ActWithdraw, Post: anonymous, On: true})
		delivered()
		do(t, n, id, qa.Act{Kind: qa.ActReact, Post: q, Emoji: qa.WantEmoji, On: true}) // as oneself
		delivered()
		eventually(t, boss, "all of it", func() bool { return statusOf(t, boss, id).Changes == statusOf(t, n, id).Changes })
		for _, th := range weekOf(t, boss, id).Threads {
			switch th.Question.ID {
			case anonymous:
				if th.Question.Text() != "Who was I?" || !th.Question.Withdrawn || !th.Answered || th.Wants != 1 ||
					th.Question.Reactions[0].By != p.By || len(th.Replies) != 1 || th.Replies[0].By != p.By {
					t.Fatalf("%+v", th)
				}
			case q:
				if th.Wants != 1 || th.Question.Reactions[0].By != n.Identity() {
					t.Fatalf("%+v", th)
				}
			}
		}
		// A second question has a second key.
		other := do(t, n, id, who)
		if o, err := n.Post(bounded(t), id, other); err != nil || o.By == p.By || o.By == n.Identity() {
			t.Fatalf("%+v, %v", o, err)
		}
	})
}

// While an anonymous question is on its way, what its writer says by name does not
// build on it: the order of changes would tell who asked.
func TestNothingIsBuiltOnAnAnonymousQuestionOnItsWay(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		host := startRelay(t)
		boss := device(t, mem.New())
		id := found(t, boss, host.url())
		ask(t, boss, id, "?")
		key := newKey(t)
		open := func() *replica.Node {
			n := openNode(t, quick(replica.Config{Store: store, Key: key}))
			n.Start(t.Context())
			return n
		}
		n := open()
		join(t, n, id, host.url())
		settled(t, n, id, 1)
		host.stop()
		eventually(t, n, "being offline", func() bool { return statusOf(t, n, id).Relay.State == qa.RelayOffline })
		anonymous := do(t, n, id, qa.Act{Kind: qa.ActPost, Text: "who?", Anonymous: true})
		asked := entries(t, store, id)[2]

		named := func(text string) wire.Hash {
			t.Helper()
			ask(t, n, id, text)
			all := entries(t, store, id)
			last := all[len(all)-1]
			if qa.IdentityOfActor([]byte(last.Actor)) != n.Identity() {
				t.Fatal("not by name")
			}
			return last.Hash
		}
		built := []wire.Hash{named("by name"), named("and again")}
		refusedAct(t, n, id, qa.Act{Kind: qa.ActPost, Parent: anonymous, Text: "hm"}, replica.ErrNotYetDelivered)
		refusedAct(t, n, id, qa.Act{Kind: qa.ActEdit, Post: anonymous, Text: "hm"}, replica.ErrNotYetDelivered)
		refusedAct(t, n, id, qa.Act{Kind: qa.ActMark, Post: anonymous, Mark: "pinned", On: true}, replica.ErrNotYetDelivered)
		// Also by the next start of the program.
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		n = open()
		built = append(built, named("after a restart"))
		for i, h := range built {
			if pastOf(t, store, id, h)[asked.Hash] {
				t.Fatalf("named change %d builds on the anonymous question", i)
			}
		}
		if got := texts(weekOf(t, n, id)); !slices.Contains(got, "who?") || len(got) != 5 {
			t.Fatalf("%q", got)
		}

		host.start()
		settled(t, n, id, 5)
		settled(t, boss, id, 5)
		h := named("when it is there")
		if !pastOf(t, store, id, h)[asked.Hash] {
			t.Fatal("what is on the relay is not built on")
		}
		do(t, n, id, qa.Act{Kind: qa.ActPost, Parent: anonymous, Text: "a reply by name"})
		settled(t, n, id, 7)
		settled(t, boss, id, 7)
		samePostsAfterRebuild(t, n, id)
	})
}
