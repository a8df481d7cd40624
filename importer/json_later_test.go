package importer

import (
	"bytes"
	"slices"
	"testing"

	"flyleaf/publish"
	"flyleaf/qa"
)

// TestJSONDistinguishesWithdrawnFromHidden: an export distinguishes withdrawn from hidden posts. So a later import
// reports the withdrawn ones, and does not treat the hidden ones as deleted.
func TestJSONDistinguishesWithdrawnFromHidden(t *testing.T) {
	me := qa.Identity(bytes.Repeat([]byte("a1"), 32))
	post := func(id, parent, text string) qa.Post {
		op := qa.OpID{Counter: uint64(id[1]), Actor: string(me)}
		return qa.Post{ID: qa.PostID(id), Parent: qa.PostID(parent), By: me, AtMillis: 1000, Op: op, Source: "s#" + id, Revisions: []qa.Revision{{Text: text, AtMillis: 1000, Op: op}}}
	}
	gone, reply, hidden, answered, shown := post("p1", "", "gone"), post("p2", "p1", "stays"), post("p3", "", "hidden"), post("p4", "p3", "answer"), post("p5", "", "alone")
	gone.Withdrawn, shown.Withdrawn = true, true
	hidden.Marks.Hidden = "off topic"
	week := qa.NewWeek(qa.Event{ID: "e1", Title: "T", Founder: me}, []qa.Post{gone, reply, hidden, answered, shown}, nil)
	var b bytes.Buffer
	if err := publish.WriteJSON(&b, week); err != nil {
		t.Fatal(err)
	}
	im, err := ReadJSON("x.json", b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(im.Deleted, []string{"s#p1", "s#p5"}) || !slices.Contains(im.Present, "s#p3") || !slices.Equal(im.Absent, []string{"s#p1", "s#p3"}) {
		t.Errorf("deleted %q, present %q, absent %q", im.Deleted, im.Present, im.Absent)
	}
}
