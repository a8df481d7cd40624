package node

import (
	"strings"
	"testing"

	"flyleaf/qa"
	"flyleaf/schema"
)

// TestARefusedActNamesWhoMayDoIt: the roles in the error are those of the schema.
func TestARefusedActNamesWhoMayDoIt(t *testing.T) {
	founder, reader := device(t), device(t)
	event := createEvent(t, founder, "The Patient Ledger")
	question, err := founder.Do(t.Context(), event, qa.Act{Kind: qa.ActPost, Text: "May nothing ever be changed?"})
	must(t, err)
	carry(t, founder, reader, event)
	me, err := reader.Identity(t.Context())
	must(t, err)
	for _, c := range []struct {
		act qa.Act
		who string
	}{
		{qa.Act{Kind: qa.ActMark, Post: question, Mark: schema.KeyHidden, Text: "rude"}, "a moderator or an organiser"},
		{qa.Act{Kind: qa.ActMark, Post: question, Mark: schema.KeyAnswered, On: true}, "the asker, an author, a moderator or an organiser"},
		{qa.Act{Kind: qa.ActMark, Post: question, Mark: schema.KeyAssigned, Identity: me, On: true}, "an author"},
		{qa.Act{Kind: qa.ActMark, Post: question, Mark: schema.KeyCandidate, On: true}, "an author"},
		{qa.Act{Kind: qa.ActBlock, Identity: "ab" + me[2:], Text: "spam"}, "a moderator or an organiser"},
		{qa.Act{Kind: qa.ActWinner, Post: question, Text: "a copy"}, "an author or an organiser"},
		{qa.Act{Kind: qa.ActDraw, Mark: schema.KeyCommit, Bytes: make([]byte, 32)}, "an author or an organiser"},
		{qa.Act{Kind: qa.ActDraw, Mark: schema.KeyRule, Text: qa.DrawAll}, "an organiser"},
		{qa.Act{Kind: qa.ActRole, Identity: me, Role: qa.RoleAuthor, On: true}, "an organiser"},
		{qa.Act{Kind: qa.ActRole, Identity: me, Role: qa.RoleOrganiser, On: true}, "the founder"},
		{qa.Act{Kind: qa.ActEvent, Fields: map[string]any{schema.KeyClosed: true}}, "an organiser"},
	} {
		_, err := reader.Do(t.Context(), event, c.act)
		if want := "only " + c.who + " can do this, "; err == nil || KindOf(err) != NotAllowed || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s %s: %v, want %q", c.act.Kind, c.act.Mark, err, want)
		}
	}
}
