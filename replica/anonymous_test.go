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
	out, err := n.Keys(testContext(t), id)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func wantRefused(t *testing.T, n *replica.Node, id qa.EventID, act qa.Act, want error) {
	t.Helper()
	if _, err := n.Do(testContext(t), id, act); !errors.Is(err, want) {
		t.Fatalf("%s: %v, want %v", act.Kind, err, want)
	}
}

// pastOf returns all changes that a change depends on, directly or not, according to the
// ledger.
func pastOf(t *testing.T, s storage.Store, id qa.EventID, of wire.Hash) map[wire.Hash]bool {
	t.Helper()
	deps := map[wire.Hash][]wire.Hash{}
	for _, en := range entries(t, s, id) {
		c, err := wire.DecodeChange(en.Bytes())
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
		id := createEvent(t, boss, host.url())
		q := ask(t, boss, id, "?")
		key := newKey(t)
		n := openNode(t, fastRetries(replica.Config{Store: store, Key: key}))
		n.Start(t.Context())
		join(t, n, id, host.url())
		waitSynced(t, n, id, 1)

		who := qa.Act{Kind: qa.ActPost, Text: "Who am I?", Anonymous: true}
		wantRefused(t, n, id, qa.Act{Kind: qa.ActPost, Parent: q, Text: "anonymous reply", Anonymous: true}, replica.ErrOnlyQuestions)
		host.stop()
		eventually(t, n, "being offline", func() bool { return statusOf(t, n, id).Relay.State == qa.RelayOffline })
		ask(t, n, id, "under my name")
		before := len(entries(t, store, id))
		wantRefused(t, n, id, who, replica.ErrNotYetDelivered)
		if got := len(entries(t, store, id)); got != before || len(keysOf(t, n, id)) != 1 {
			t.Fatal("a refused question left something behind")
		}
		host.start()
		waitSynced(t, n, id, 2)
		anonymous := do(t, n, id, who)
		keys := keysOf(t, n, id)
		p, err := n.Post(testContext(t), id, anonymous)
		if err != nil || len(keys) != 2 || keys[0] != n.Identity() || p.By != keys[1] || p.By == n.Identity() {
			t.Fatalf("%+v, %v, %v", p, keys, err)
		}
		waitSynced(t, n, id, 3)
		// Others can tell somebody who asked anonymously from somebody without a name.
		eventually(t, boss, "the question", func() bool { w, err := boss.Week(testContext(t), id); return err == nil && w.Post(anonymous) != nil })
		if w, err := boss.Week(testContext(t), id); err != nil || w.Post(anonymous).Name != qa.AnonymousName || w.PersonName(n.Identity()) == qa.AnonymousName {
			t.Fatalf("the writers are called %q and %q, %v", w.Post(anonymous).Name, w.PersonName(n.Identity()), err)
		}

		// After a restart and a rebuild the question can still be edited and withdrawn.
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		n = openNode(t, fastRetries(replica.Config{Store: store, Key: key}))
		n.Start(t.Context())
		if err := n.Rebuild(testContext(t), id); err != nil {
			t.Fatal(err)
		}
		delivered := func() { t.Helper(); waitSynced(t, n, id, statusOf(t, n, id).Posts) }
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
		if o, err := n.Post(testContext(t), id, other); err != nil || o.By == p.By || o.By == n.Identity() {
			t.Fatalf("%+v, %v", o, err)
		}
	})
}

// Until an anonymous question is delivered, its writer's named changes do not depend on it: a
// dependency would reveal who asked.
func TestNamedChangesDoNotDependOnAnUndeliveredAnonymousQuestion(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		host := startRelay(t)
		boss := device(t, mem.New())
		id := createEvent(t, boss, host.url())
		ask(t, boss, id, "?")
		key := newKey(t)
		open := func() *replica.Node {
			n := openNode(t, fastRetries(replica.Config{Store: store, Key: key}))
			n.Start(t.Context())
			return n
		}
		n := open()
		join(t, n, id, host.url())
		waitSynced(t, n, id, 1)
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
			return last.Hash()
		}
		built := []wire.Hash{named("by name"), named("and again")}
		wantRefused(t, n, id, qa.Act{Kind: qa.ActPost, Parent: anonymous, Text: "hm"}, replica.ErrNotYetDelivered)
		wantRefused(t, n, id, qa.Act{Kind: qa.ActEdit, Post: anonymous, Text: "hm"}, replica.ErrNotYetDelivered)
		wantRefused(t, n, id, qa.Act{Kind: qa.ActMark, Post: anonymous, Mark: "pinned", On: true}, replica.ErrNotYetDelivered)
		// The same is true after a restart.
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		n = open()
		built = append(built, named("after a restart"))
		for i, h := range built {
			if pastOf(t, store, id, h)[asked.Hash()] {
				t.Fatalf("named change %d builds on the anonymous question", i)
			}
		}
		if got := texts(weekOf(t, n, id)); !slices.Contains(got, "who?") || len(got) != 5 {
			t.Fatalf("%q", got)
		}

		host.start()
		waitSynced(t, n, id, 5)
		waitSynced(t, boss, id, 5)
		h := named("when it is there")
		if !pastOf(t, store, id, h)[asked.Hash()] {
			t.Fatal("the named change does not depend on the delivered question")
		}
		do(t, n, id, qa.Act{Kind: qa.ActPost, Parent: anonymous, Text: "a reply by name"})
		waitSynced(t, n, id, 7)
		waitSynced(t, boss, id, 7)
		checkRebuildKeepsWeek(t, n, id)
	})
}
