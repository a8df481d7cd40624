package replica_test

import (
	"errors"
	"slices"
	"testing"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage/mem"
)

// A local act that the event's rules do not allow is an error, and changes nothing on disk or in
// memory.
func TestOwnActsAreChecked(t *testing.T) {
	host := startRelay(t)
	a, store := device(t, mem.New()), mem.New()
	b := device(t, store)
	id := createEvent(t, a, host.url())
	q := ask(t, a, id, "?")
	join(t, b, id, host.url())
	waitSynced(t, b, id, 1)
	mine := ask(t, b, id, "mine")
	waitSynced(t, b, id, 2)
	before := entries(t, store, id)
	for name, act := range map[string]qa.Act{
		"hiding":            {Kind: qa.ActMark, Post: q, Mark: "hidden", Text: "I dislike it"},
		"another's answer":  {Kind: qa.ActMark, Post: q, Mark: "answered", On: true},
		"the title":         {Kind: qa.ActEvent, Fields: map[string]any{"title": "Mine"}},
		"a role":            {Kind: qa.ActRole, Identity: b.Identity(), Role: qa.RoleModerator, On: true},
		"a block":           {Kind: qa.ActBlock, Identity: a.Identity(), Text: "no"},
		"an author's voice": {Kind: qa.ActPost, Parent: q, Text: "I wrote it", AsAuthor: true},
	} {
		if _, err := b.Do(testContext(t), id, act); !errors.Is(err, replica.ErrNotAllowed) {
			t.Errorf("%s: %v", name, err)
		}
		if got := entries(t, store, id); len(got) != len(before) {
			t.Fatalf("%s: %d entries, %d before", name, len(got), len(before))
		}
	}
	do(t, b, id, qa.Act{Kind: qa.ActEdit, Post: mine, Text: "still mine"})
	sameHeads(t, id, a, b)
	if got := texts(weekOf(t, a, id)); !slices.Equal(got, []string{"?", "still mine"}) {
		t.Fatalf("%q", got)
	}
}
