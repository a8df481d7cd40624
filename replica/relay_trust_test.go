package replica_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"flyleaf/crdt/bundle"
	"flyleaf/crdt/policy"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// sameHeads waits until all devices and the relay have the same changes of an event, and
// checks that the devices show the same week.
func sameHeads(t *testing.T, id qa.EventID, nodes ...*replica.Node) {
	t.Helper()
	defer func() {
		if t.Failed() {
			for i, n := range nodes {
				s := statusOf(t, n, id)
				t.Logf("device %d: %d changes, %d pending, heads %v, %+v, refused %+v", i, s.Changes, s.Pending, s.Heads, s.Relay, refusedBy(n, id))
			}
		}
	}()
	eventually(t, nodes[0], "all having the same heads", func() bool {
		first := statusOf(t, nodes[0], id)
		for _, n := range nodes {
			s := statusOf(t, n, id)
			if s.Pending != 0 || s.Relay.State != qa.RelaySynced || !slices.Equal(s.Heads, first.Heads) {
				return false
			}
		}
		return true
	})
	for _, n := range nodes[1:] {
		if a, b := weekOf(t, nodes[0], id), weekOf(t, n, id); !reflect.DeepEqual(a, b) {
			t.Fatalf("two devices show different weeks:\n%+v\n%+v", a, b)
		}
	}
}

// A device that was copied while the program ran writes with one actor in two places. The
// changes of this actor become void everywhere, and each copy reissues its own posts
// automatically. Posts of other people stay as they are.
func TestClonedDeviceLosesNoPosts(t *testing.T) {
	host := startRelay(t)
	boss := device(t, mem.New())
	id := createEvent(t, boss, host.url())
	waitSynced(t, boss, id, 0)
	key := newKey(t)
	clone := func() (*replica.Node, storage.Store) {
		store := mem.New()
		// A node draws its actor first, so both copies get the same actor.
		n := openNode(t, fastRetries(replica.Config{Store: store, Key: key, Rand: io.MultiReader(bytes.NewReader(make([]byte, 8)), rand.Reader)}))
		n.Start(t.Context())
		join(t, n, id, host.url())
		waitSynced(t, n, id, 0)
		return n, store
	}
	one, _ := clone()
	two, twoStore := clone()
	honest := device(t, mem.New())
	join(t, honest, id, host.url())
	waitSynced(t, honest, id, 0)

	// Meanwhile the second copy is offline.
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}
	two = openNode(t, replica.Config{Store: twoStore, Key: key, Offline: true, Rand: io.MultiReader(bytes.NewReader(make([]byte, 8)), rand.Reader)})
	q := ask(t, one, id, "asked on the first")
	waitSynced(t, one, id, 1)
	waitSynced(t, honest, id, 1)
	do(t, honest, id, qa.Act{Kind: qa.ActPost, Parent: q, Text: "a reply"})
	do(t, honest, id, qa.Act{Kind: qa.ActReact, Post: q, Emoji: qa.WantEmoji, On: true})
	ask(t, honest, id, "a question of my own")
	waitSynced(t, boss, id, 3)
	ask(t, two, id, "asked on the second")
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}

	two = openNode(t, fastRetries(replica.Config{Store: twoStore, Key: key}))
	two.Start(t.Context())
	all := []*replica.Node{boss, one, two, honest}
	// Both questions are void, because they have the same number, and even the same ID. Each
	// copy of the device asks its own again. Other people's replies stay where they are.
	want := []string{"", "  a reply", "a question of my own", "asked on the first", "asked on the second"}
	for _, n := range all {
		eventually(t, n, "all words being back", func() bool {
			got := texts(weekOf(t, n, id))
			slices.Sort(got)
			return slices.Equal(got, want)
		})
	}
	sameHeads(t, id, all...)
	for _, th := range weekOf(t, boss, id).Threads {
		switch th.Question.Text() {
		case "":
			if th.Question.ID != q || !th.Question.Void || len(th.Replies) != 1 || th.Wants != 1 || th.Replies[0].By != honest.Identity() {
				t.Fatalf("%+v", th)
			}
		case "asked on the first", "asked on the second":
			if th.Question.Origin != q || th.Question.By != key.Identity() || th.Question.Void {
				t.Fatalf("%+v", th)
			}
		}
	}
	for _, n := range all {
		checkRebuildKeepsWeek(t, n, id)
		if r := refusalsOf(t, n, id); len(r) != 0 {
			t.Fatalf("%+v", r)
		}
	}

	// A device that joins later, and a relay that is restored, get everything.
	late := device(t, mem.New())
	join(t, late, id, host.url())
	sameHeads(t, id, append(all, late)...)
	host.stop()
	host.loseDisk()
	host.start()
	eventually(t, boss, "the new relay's ledger", func() bool { return len(entries(t, host.disk, id)) >= statusOf(t, boss, id).Changes })
	sameHeads(t, id, append(all, late)...)
	n := 0
	for _, en := range entries(t, host.disk, id) {
		if en.Status != storage.InDocument {
			continue
		}
		n++
		if err := keys.Verify(id, en.Actor, en.Hash(), en.Signature); err != nil {
			t.Fatal(err)
		}
	}
	if s := statusOf(t, boss, id); n != s.Changes {
		t.Fatalf("%d changes on the new relay, %d here", n, s.Changes)
	}
}

// In an invitation-only event a person without a role sees nothing. An invited person gets
// access automatically.
func TestInvitationOnlyEvent(t *testing.T) {
	host := startRelay(t)
	boss := device(t, mem.New())
	closed := week
	closed.Access = "invited"
	id, _, err := boss.CreateEvent(testContext(t), closed, host.url())
	if err != nil {
		t.Fatal(err)
	}
	inv := invite(t, boss, id, qa.RoleMember, "for Mia")
	ask(t, boss, id, "Among us?")
	waitSynced(t, boss, id, 1)

	outsider := device(t, mem.New())
	join(t, outsider, id, host.url())
	eventually(t, outsider, "being shut out", func() bool {
		return strings.Contains(statusOf(t, outsider, id).Relay.Why, "invited")
	})
	mia := newKey(t)
	store := mem.New()
	first := openNode(t, fastRetries(replica.Config{Store: store, Key: mia}))
	first.Start(t.Context())
	joinByLink(t, first, inv)
	eventually(t, first, "being let in", func() bool { return claimOf(t, first, id) == qa.InviteGranted })
	waitSynced(t, first, id, 1)
	ask(t, first, id, "So glad to be here")
	waitSynced(t, first, id, 2)
	waitSynced(t, boss, id, 2)

	// Her other device has the same key, so it needs no invitation.
	second := openNode(t, fastRetries(replica.Config{Store: mem.New(), Key: mia}))
	second.Start(t.Context())
	join(t, second, id, host.url())
	waitSynced(t, second, id, 2)
	// When she reconnects, her own key proves her access: the invitation is used up.
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	first = openNode(t, fastRetries(replica.Config{Store: store, Key: mia}))
	first.Start(t.Context())
	ask(t, first, id, "Back again")
	waitSynced(t, first, id, 3)
	sameHeads(t, id, boss, first, second)
	if s := statusOf(t, outsider, id); s.Changes != 0 || !strings.Contains(s.Relay.Why, "invited") {
		t.Fatalf("%+v", s)
	}

	// After her role was removed, her delivered changes do not become pending again.
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	do(t, boss, id, qa.Act{Kind: qa.ActRole, Identity: mia.Identity(), Role: qa.RoleMember, On: false})
	waitSynced(t, boss, id, 3)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	first = openNode(t, fastRetries(replica.Config{Store: store, Key: mia}))
	first.Start(t.Context())
	eventually(t, first, "being shut out", func() bool {
		return strings.Contains(statusOf(t, first, id).Relay.Why, "invited")
	})
	if s := statusOf(t, first, id); s.Pending != 0 {
		t.Fatalf("%d changes are pending although the relay has them", s.Pending)
	}
}

// The relay defers the posts of a blocked person, and the person's device shows this. The
// posts are accepted when the block is lifted, or when a change of somebody who is not blocked
// depends on them.
func TestRelayDefersPostsOfABlockedPerson(t *testing.T) {
	host := startRelay(t)
	boss, b, c := device(t, mem.New()), device(t, mem.New()), device(t, mem.New())
	id := createEvent(t, boss, host.url())
	ask(t, boss, id, "?")
	for _, n := range []*replica.Node{b, c} {
		join(t, n, id, host.url())
		waitSynced(t, n, id, 1)
	}
	block := func(reason string) {
		t.Helper()
		do(t, boss, id, qa.Act{Kind: qa.ActBlock, Identity: b.Identity(), Text: reason})
	}
	block("a flood")
	sameHeads(t, id, boss, b, c)
	post := ask(t, b, id, "from behind the block")
	eventually(t, b, "being put off", func() bool {
		r := refusalsOf(t, b, id)
		return len(r) == 1 && r[0].Deferred && r[0].ByRelay && r[0].Code == string(policy.CodeBlocked) && r[0].Post == post && r[0].Reason != ""
	})
	if s := statusOf(t, b, id); s.Pending != 1 || s.Posts != 2 {
		t.Fatalf("%+v", s)
	}
	block("")
	eventually(t, b, "the relay accepting the post", func() bool { return len(refusalsOf(t, b, id)) == 0 && statusOf(t, b, id).Pending == 0 })
	sameHeads(t, id, boss, b, c)
	if got := texts(weekOf(t, boss, id)); !slices.Equal(got, []string{"?", "from behind the block"}) {
		t.Fatalf("%q", got)
	}

	// The post reaches somebody else as a file, and that person writes on top of it.
	block("again")
	sameHeads(t, id, boss, b, c)
	ask(t, b, id, "carried by hand")
	eventually(t, b, "being put off", func() bool { return len(refusalsOf(t, b, id)) == 1 })
	var file bytes.Buffer
	if err := b.Bundle(testContext(t), id, &file); err != nil {
		t.Fatal(err)
	}
	of, changes, err := bundle.Read(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Merge(testContext(t), of, changes); err != nil {
		t.Fatal(err)
	}
	ask(t, c, id, "on top of it")
	for _, n := range []*replica.Node{boss, b, c} {
		eventually(t, n, "both", func() bool { return statusOf(t, n, id).Posts == 4 })
	}
	sameHeads(t, id, boss, b, c)
	for _, th := range weekOf(t, boss, id).Threads {
		if th.Question.Text() == "carried by hand" && !th.Question.Blocked {
			t.Fatalf("the block is not in effect: %+v", th.Question)
		}
	}
}

// A blocked person's posts stay on their device, with the reason. Other people can go on, also
// under the person's earlier posts. When the block is lifted, the posts are sent automatically
// over the existing connection.
func TestPostsOfABlockedPersonArriveAfterUnblocking(t *testing.T) {
	host := startRelay(t)
	boss, eve, bob := device(t, mem.New()), device(t, mem.New()), device(t, mem.New())
	id := createEvent(t, boss, host.url())
	ask(t, boss, id, "First")
	join(t, eve, id, host.url())
	join(t, bob, id, host.url())
	waitSynced(t, eve, id, 1)
	waitSynced(t, bob, id, 1)
	q := ask(t, eve, id, "By Eve, before")
	waitSynced(t, boss, id, 2)
	do(t, boss, id, qa.Act{Kind: qa.ActBlock, Identity: eve.Identity(), Text: "spam"})
	sameHeads(t, id, boss, eve, bob)

	for i := range 3 {
		ask(t, eve, id, "By Eve, "+string(rune('a'+i)))
	}
	eventually(t, eve, "the refusals being listed", func() bool {
		all, err := eve.Refusals(testContext(t), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			if !r.Deferred || r.Code != string(policy.CodeBlocked) || r.Reason == "" || !r.ByRelay || r.Act.Text == "" {
				t.Fatalf("%+v", r)
			}
		}
		return len(all) == 3
	})
	if s := statusOf(t, eve, id); s.Pending != 3 {
		t.Fatalf("%+v", s)
	}
	do(t, bob, id, qa.Act{Kind: qa.ActPost, Parent: q, Text: "Bob answers what was there before"})
	waitSynced(t, boss, id, 3)
	eventually(t, eve, "the answer", func() bool {
		_, err := eve.Post(testContext(t), id, q)
		return err == nil && statusOf(t, eve, id).Posts == 6
	})

	do(t, boss, id, qa.Act{Kind: qa.ActBlock, Identity: eve.Identity()})
	waitSynced(t, boss, id, 6)
	waitSynced(t, eve, id, 6)
	sameHeads(t, id, boss, eve, bob)
	if all, err := eve.Refusals(testContext(t), id); err != nil || len(all) != 0 {
		t.Fatalf("refusals that are still listed: %+v, %v", all, err)
	}
}
