package qa

import (
	"testing"

	"flyleaf/schema"
)

// Every act that can be undone: carried out on a week that has another value, Current is the act that brings that value back.
func TestCurrentIsTheActThatUndoes(t *testing.T) {
	const me, other = Identity("me"), Identity("other")
	p := Post{
		ID: "p", Revisions: []Revision{{ID: "1", Text: "?"}}, Withdrawn: true, Reactions: []Reaction{{me, "a"}, {other, "b"}},
		Marks: Marks{Hidden: "spam", Pinned: true, DuplicateOf: "q", Assigned: []Identity{other}, Candidate: []Identity{me}},
	}
	e := Event{Winners: []Winner{{"p", me, "well asked"}}, Roles: []Grant{{other, RoleAuthor}}}
	w := NewWeek(e, []Post{p}, nil)
	blocks := map[Identity]LogEntry{other: {Text: "abuse"}}
	for _, c := range []struct{ act, undo Act }{
		{Act{Kind: ActBlock, Identity: other}, Act{Kind: ActBlock, Identity: other, Text: "abuse"}},
		{Act{Kind: ActBlock, Identity: me, Text: "spam"}, Act{Kind: ActBlock, Identity: me}},
		{Act{Kind: ActRole, Identity: other, Role: RoleAuthor}, Act{Kind: ActRole, Identity: other, Role: RoleAuthor, On: true}},
		{Act{Kind: ActRole, Identity: me, Role: RoleAuthor, On: true}, Act{Kind: ActRole, Identity: me, Role: RoleAuthor}},
		{Act{Kind: ActWithdraw, Post: "p"}, Act{Kind: ActWithdraw, Post: "p", On: true}},
		{Act{Kind: ActReact, Post: "p", Emoji: "a"}, Act{Kind: ActReact, Post: "p", Emoji: "a", On: true}},
		{Act{Kind: ActReact, Post: "p", Emoji: "b", On: true}, Act{Kind: ActReact, Post: "p", Emoji: "b"}},
		{Act{Kind: ActWinner, Post: "p"}, Act{Kind: ActWinner, Post: "p", Text: "well asked"}},
		{Act{Kind: ActMark, Post: "p", Mark: schema.KeyHidden, Text: "rude"}, Act{Kind: ActMark, Post: "p", Mark: schema.KeyHidden, Text: "spam"}},
		{Act{Kind: ActMark, Post: "p", Mark: schema.KeyDuplicateOf, Text: "r"}, Act{Kind: ActMark, Post: "p", Mark: schema.KeyDuplicateOf, Text: "q"}},
		{Act{Kind: ActMark, Post: "p", Mark: schema.KeyPinned}, Act{Kind: ActMark, Post: "p", Mark: schema.KeyPinned, On: true}},
		{Act{Kind: ActMark, Post: "p", Mark: schema.KeyApproved, On: true}, Act{Kind: ActMark, Post: "p", Mark: schema.KeyApproved}},
		{Act{Kind: ActMark, Post: "p", Mark: schema.KeyAnswered, On: true}, Act{Kind: ActMark, Post: "p", Mark: schema.KeyAnswered}},
		{Act{Kind: ActMark, Post: "p", Mark: schema.KeyAssigned, On: true}, Act{Kind: ActMark, Post: "p", Mark: schema.KeyAssigned, Identity: me}},
		{Act{Kind: ActMark, Post: "p", Mark: schema.KeyAssigned, Identity: other}, Act{Kind: ActMark, Post: "p", Mark: schema.KeyAssigned, Identity: other, On: true}},
		{Act{Kind: ActMark, Post: "p", Mark: schema.KeyCandidate}, Act{Kind: ActMark, Post: "p", Mark: schema.KeyCandidate, Identity: me, On: true}},
	} {
		now, ok := w.Current(me, blocks, &c.act)
		if !ok || now.SameValue(&c.act) || !now.SameValue(&c.undo) || now.Kind != c.undo.Kind || now.Post != c.undo.Post || now.Mark != c.undo.Mark ||
			now.Identity != c.undo.Identity || now.Role != c.undo.Role || now.Emoji != c.undo.Emoji {
			t.Errorf("%+v: %+v, %v; want %+v", c.act, now, ok, c.undo)
		}
	}
	for _, r := range schema.MapMarks.Values() { // a new mark can be undone, too
		if _, ok := w.Current(me, nil, &Act{Kind: ActMark, Post: "p", Mark: r.Key}); !ok {
			t.Errorf("the mark %s cannot be undone", r.Key)
		}
	}
	for _, a := range []Act{{Kind: ActPost}, {Kind: ActEdit, Post: "p"}, {Kind: ActMark, Post: "p", Mark: "x"}, {Kind: ActWithdraw, Post: "nothing"}} {
		if now, ok := w.Current(me, nil, &a); ok {
			t.Errorf("%+v: %+v", a, now)
		}
	}
}
