package replica_test

import (
	"slices"
	"testing"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage/mem"
)

func whereaboutsOf(t *testing.T, n *replica.Node, id qa.EventID) qa.Whereabouts {
	t.Helper()
	w, err := n.Whereabouts(testContext(t), id)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// An author's later change proves that the author's device has a question, also without a receipt, and after
// a restart. A change that does not have the question in its past proves nothing.
func TestAnAuthorsChangeProvesThatAQuestionArrived(t *testing.T) {
	host := startRelay(t)
	author, key, store := device(t, mem.New()), newKey(t), mem.New()
	start := func() *replica.Node {
		n := openNode(t, fastRetries(replica.Config{Store: store, Key: key}))
		n.Start(t.Context())
		return n
	}
	asker := start()
	id := createEvent(t, author, host.url())
	do(t, author, id, qa.Act{Kind: qa.ActRole, Identity: author.Identity(), Role: qa.RoleAuthor, On: true})
	other := ask(t, author, id, "Another question")
	join(t, asker, id, host.url())
	waitSynced(t, asker, id, 1)

	host.stop()
	for _, n := range []*replica.Node{author, asker} {
		eventually(t, n, "being offline", func() bool { return statusOf(t, n, id).Relay.State == qa.RelayOffline })
	}
	q := ask(t, asker, id, "Has it arrived?")
	do(t, author, id, qa.Act{Kind: qa.ActReact, Post: other, Emoji: "a", On: true}) // does not have the question in its past
	host.start()
	sameHeads(t, id, author, asker)
	if w := whereaboutsOf(t, asker, id); w.Seen[q] != "" {
		t.Fatalf("seen by %s, without proof", w.Seen[q])
	}
	updates, cancel := asker.Subscribe(id)
	defer cancel()
	do(t, author, id, qa.Act{Kind: qa.ActReact, Post: other, Emoji: "b", On: true})
	for told := false; !told; { // an open page shows it
		select {
		case u := <-updates:
			told = slices.Contains(u.Posts, q) && whereaboutsOf(t, asker, id).Seen[q] != "" // that the relay has it is told as well
		case <-testContext(t).Done():
			t.Fatal("no update about the question")
		}
	}
	if w := whereaboutsOf(t, asker, id); w.Seen[q] != author.Identity() || len(w.Seen) != 1 {
		t.Fatalf("%+v", w)
	}
	if w := whereaboutsOf(t, author, id); len(w.Seen) != 0 {
		t.Fatalf("the author is told about %+v", w)
	}
	if err := asker.Close(); err != nil {
		t.Fatal(err)
	}
	asker = start()
	if w := whereaboutsOf(t, asker, id); w.Seen[q] != author.Identity() {
		t.Fatalf("after a restart: %+v", w)
	}
	// The author does not have the new text.
	do(t, asker, id, qa.Act{Kind: qa.ActEdit, Post: q, Text: "Has this arrived?"})
	if w := whereaboutsOf(t, asker, id); w.Seen[q] != "" {
		t.Fatalf("after an edit: %+v", w)
	}
	sameHeads(t, id, author, asker)
	do(t, author, id, qa.Act{Kind: qa.ActReact, Post: q, Emoji: "c", On: true})
	sameHeads(t, id, author, asker)
	if w := whereaboutsOf(t, asker, id); w.Seen[q] != author.Identity() {
		t.Fatalf("the edit: %+v", w)
	}
	// Who is no author any more does not count.
	do(t, author, id, qa.Act{Kind: qa.ActRole, Identity: author.Identity(), Role: qa.RoleAuthor})
	sameHeads(t, id, author, asker)
	if w := whereaboutsOf(t, asker, id); w.Seen[q] != "" {
		t.Fatalf("without the role: %+v", w)
	}
}

// A page asked where a question is, and what the relay has has changed since. A change by an author that then comes in a
// file is announced as proof.
func TestProofIsAnnouncedAfterTheRelayHasMore(t *testing.T) {
	host := startRelay(t)
	author, asker := device(t, mem.New()), device(t, mem.New())
	asker.Start(t.Context())
	author.Start(t.Context())
	id := createEvent(t, author, host.url())
	do(t, author, id, qa.Act{Kind: qa.ActRole, Identity: author.Identity(), Role: qa.RoleAuthor, On: true})
	other := ask(t, author, id, "Another question")
	join(t, asker, id, host.url())
	waitSynced(t, asker, id, 1)
	q := ask(t, asker, id, "Has it arrived?")
	sameHeads(t, id, author, asker)
	eventually(t, asker, "the relay to have the question", func() bool { return whereaboutsOf(t, asker, id).OnRelay[q] })
	do(t, asker, id, qa.Act{Kind: qa.ActReact, Post: other, Emoji: "a", On: true})
	waitSynced(t, asker, id, 2) // the relay has more
	host.stop()
	for _, n := range []*replica.Node{author, asker} {
		eventually(t, n, "being offline", func() bool { return statusOf(t, n, id).Relay.State == qa.RelayOffline })
	}
	do(t, author, id, qa.Act{Kind: qa.ActReact, Post: other, Emoji: "b", On: true})
	updates, cancel := asker.Subscribe(id)
	defer cancel()
	if _, err := asker.Merge(testContext(t), id, bundleChanges(t, author, id)); err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case u := <-updates:
			if slices.Contains(u.Posts, q) {
				return
			}
		case <-testContext(t).Done():
			t.Fatal("no update about the question")
		}
	}
}

// What another device of the same person wrote is told apart, and counts as on the relay only once the relay has said so.
func TestPostsOfAnotherDeviceOfTheSamePerson(t *testing.T) {
	host := startRelay(t)
	boss, key, store := device(t, mem.New()), newKey(t), mem.New()
	id := createEvent(t, boss, host.url())
	start := func(store *mem.Store) *replica.Node {
		n := openNode(t, fastRetries(replica.Config{Store: store, Key: key}))
		n.Start(t.Context())
		join(t, n, id, host.url())
		eventually(t, n, "the week", func() bool { return statusOf(t, n, id).Changes > 0 })
		return n
	}
	laptop, phone := start(store), start(mem.New())
	here := ask(t, laptop, id, "on the laptop")
	sameHeads(t, id, boss, laptop, phone)
	there := ask(t, phone, id, "on the phone")
	sameHeads(t, id, boss, laptop, phone)
	w := whereaboutsOf(t, laptop, id)
	text := func(n *replica.Node, post qa.PostID) qa.RevisionID {
		w := weekOf(t, n, id)
		return w.Post(post).Revisions[0].ID
	}
	if len(w.Elsewhere) != 2 || !w.Elsewhere[text(laptop, there)] || w.Elsewhere[text(laptop, here)] || !w.OnRelay[there] {
		t.Fatalf("%+v", w)
	}
	if w.Device == nil || w.Device.Missing != 0 || w.Device.LastMillis == 0 {
		t.Fatalf("%+v", w.Device)
	}
	host.stop()
	eventually(t, laptop, "being offline", func() bool { return statusOf(t, laptop, id).Relay.State == qa.RelayOffline })
	do(t, laptop, id, qa.Act{Kind: qa.ActReact, Post: here, Emoji: "a", On: true})
	if w = whereaboutsOf(t, laptop, id); w.Device.Missing != 1 || !w.OnRelay[there] {
		t.Fatalf("%+v, %+v", w, w.Device)
	}
	// After a restart without a network nobody knows what the relay has.
	if err := laptop.Close(); err != nil {
		t.Fatal(err)
	}
	laptop = start(store)
	if w = whereaboutsOf(t, laptop, id); w.OnRelay[there] || !w.Elsewhere[text(laptop, there)] || w.Elsewhere[text(laptop, here)] {
		t.Fatalf("after a restart: %+v", w)
	}
	host.loseDisk()
	host.start()
	eventually(t, laptop, "what the relay has", func() bool { return whereaboutsOf(t, laptop, id).OnRelay[there] })
}
