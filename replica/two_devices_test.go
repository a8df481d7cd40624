package replica_test

import (
	"slices"
	"testing"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage/mem"
)

// Two devices of one person are one person: one vote, posts that either can edit,
// and nothing that one of them said is lost because the other spoke at the same time.
func TestTwoDevicesOfOnePerson(t *testing.T) {
	host := startRelay(t)
	boss := device(t, mem.New())
	id := found(t, boss, host.url())
	q := ask(t, boss, id, "?")
	key := newKey(t)
	open := func() *replica.Node {
		n := openNode(t, quick(replica.Config{Store: mem.New(), Key: key}))
		n.Start(t.Context())
		join(t, n, id, host.url())
		settled(t, n, id, 1)
		return n
	}
	one, two := open(), open()
	apart := func(act func()) {
		t.Helper()
		host.stop()
		for _, n := range []*replica.Node{one, two} {
			eventually(t, n, "being offline", func() bool { return statusOf(t, n, id).Relay.State == qa.RelayOffline })
		}
		act()
		host.start()
		sameHeads(t, id, boss, one, two)
	}
	react := func(n *replica.Node, emoji string, on bool) {
		t.Helper()
		do(t, n, id, qa.Act{Kind: qa.ActReact, Post: q, Emoji: emoji, On: on})
	}
	check := func(what string, want ...string) {
		t.Helper()
		for _, n := range []*replica.Node{boss, one, two} {
			var got []string
			for _, r := range weekOf(t, n, id).Threads[0].Question.Reactions {
				if r.By != key.Identity() {
					t.Fatalf("%+v", r)
				}
				got = append(got, r.Emoji)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("%s: %q, want %q", what, got, want)
			}
			samePostsAfterRebuild(t, n, id)
		}
	}
	apart(func() {
		react(one, qa.WantEmoji, true)
		react(one, "a", true)
		react(two, qa.WantEmoji, true)
		react(two, "b", true)
		do(t, one, id, qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: "Ann"}})
		do(t, two, id, qa.Act{Kind: qa.ActPerson, Person: &qa.Person{About: "reads"}})
	})
	check("said by both", "a", "b", qa.WantEmoji)
	w := weekOf(t, boss, id)
	if p := w.People[key.Identity()]; w.Threads[0].Wants != 1 || p.Name != "Ann" || p.About != "reads" {
		t.Fatalf("%d wants, %+v", w.Threads[0].Wants, p)
	}
	// Whichever of the two maps the document shows, each can be switched off and on.
	for _, n := range []*replica.Node{one, two} {
		for _, emoji := range []string{"a", "b"} {
			react(n, emoji, false)
		}
		sameHeads(t, id, boss, one, two)
		check("switched off", qa.WantEmoji)
		for _, emoji := range []string{"a", "b"} {
			react(n, emoji, true)
		}
		sameHeads(t, id, boss, one, two)
		check("switched on again", "a", "b", qa.WantEmoji)
	}
	// One device switches off what the other's map has on, and back.
	apart(func() { react(one, qa.WantEmoji, false); react(two, "c", true) })
	check("switched off on one", "a", "b", "c")
	react(two, qa.WantEmoji, true)
	sameHeads(t, id, boss, one, two)
	check("and on again on the other", "a", "b", "c", qa.WantEmoji)

	mine := ask(t, one, id, "asked on the first")
	sameHeads(t, id, boss, one, two)
	do(t, two, id, qa.Act{Kind: qa.ActEdit, Post: mine, Text: "edited on the second"})
	sameHeads(t, id, boss, one, two)
	if p, err := one.Post(bounded(t), id, mine); err != nil || p.Text() != "edited on the second" || len(p.Versions()) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
}
