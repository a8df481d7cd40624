package replica_test

import (
	"slices"
	"testing"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage/mem"
)

// Two devices of one person count as one person: they have one vote, and either can edit the
// person's posts. Concurrent acts on both devices are all kept.
func TestTwoDevicesOfOnePerson(t *testing.T) {
	host := startRelay(t)
	boss := device(t, mem.New())
	id := createEvent(t, boss, host.url())
	q := ask(t, boss, id, "?")
	key := newKey(t)
	open := func() *replica.Node {
		n := openNode(t, fastRetries(replica.Config{Store: mem.New(), Key: key}))
		n.Start(t.Context())
		join(t, n, id, host.url())
		waitSynced(t, n, id, 1)
		return n
	}
	one, two := open(), open()
	whileOffline := func(act func()) {
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
			checkRebuildKeepsWeek(t, n, id)
		}
	}
	whileOffline(func() {
		react(one, qa.WantEmoji, true)
		react(one, "a", true)
		react(two, qa.WantEmoji, true)
		react(two, "b", true)
		do(t, one, id, qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: "Ann"}})
		do(t, two, id, qa.Act{Kind: qa.ActPerson, Person: &qa.Person{About: "reads"}})
	})
	check("after concurrent reactions", "a", "b", qa.WantEmoji)
	w := weekOf(t, boss, id)
	if p := w.People[key.Identity()]; w.Threads[0].Wants != 1 || p.Name != "Ann" || p.About != "reads" {
		t.Fatalf("%d wants, %+v", w.Threads[0].Wants, p)
	}
	// Each reaction can be switched off and on, whichever of the two maps the document shows.
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
	// One device switches off a reaction that is on in the other's map, and the other switches
	// it on again.
	whileOffline(func() { react(one, qa.WantEmoji, false); react(two, "c", true) })
	check("switched off on one", "a", "b", "c")
	react(two, qa.WantEmoji, true)
	sameHeads(t, id, boss, one, two)
	check("and on again on the other", "a", "b", "c", qa.WantEmoji)

	mine := ask(t, one, id, "asked on the first")
	sameHeads(t, id, boss, one, two)
	do(t, two, id, qa.Act{Kind: qa.ActEdit, Post: mine, Text: "edited on the second"})
	sameHeads(t, id, boss, one, two)
	if p, err := one.Post(testContext(t), id, mine); err != nil || p.Text() != "edited on the second" || len(p.Versions()) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
}
