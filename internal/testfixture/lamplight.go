package testfixture

import (
	"strings"

	"flyleaf/qa"
)

// Lamplight is a fictional week whose posts were written in Flyleaf, not imported.
func Lamplight() qa.Week {
	person := func(c string) qa.Identity { return qa.Identity(strings.Repeat(c, 64)) }
	maren, ilse, bo := person("a"), person("b"), person("c")
	n := uint64(0)
	post := func(parent qa.PostID, by qa.Identity, at int64, text string) qa.Post {
		n++
		op := qa.OpID{Counter: n, Actor: string(by)}
		return qa.Post{
			ID: qa.MakePostID(by, []byte("12345678"), n), Parent: parent, By: by, AtMillis: at, Op: op,
			Revisions: []qa.Revision{{Text: text, Op: op, AtMillis: at}},
		}
	}
	const monday = 1_794_182_400_000 // 2026-11-09
	q1 := post("", maren, monday+9*3600_000+123, "Why *never* overwrite?\n\n- cost\n- `rm -rf`")
	r1 := post(q1.ID, ilse, monday+10*3600_000, "Because & for you: a <b> tag stays.")
	r2 := post(r1.ID, bo, monday+11*3600_000, "=1+1 is what I would say")
	q2 := post("", bo, monday+30*3600_000, "Is this asked twice?")
	q2.Marks.DuplicateOf = q1.ID
	q2.Reactions = []qa.Reaction{{By: maren, Emoji: qa.WantEmoji}}
	return qa.NewWeek(qa.Event{
		ID: "2DRjgbdxWZHAVXMnvWNDcQGVsjmL", Title: "The Patient Ledger", Subtitle: "Data & the Years", Authors: "Ilse Marrow, Teodor Anand", Founder: maren,
		StartsAtMillis: monday, EndsAtMillis: monday + 5*24*3600_000 - 1000, Description: "About *books* that remember.",
		Links: []qa.Link{{Text: "The publisher’s page", URL: "https://example.org/ledger"}},
		Roles: []qa.Grant{{ID: ilse, Role: qa.RoleAuthor}},
	}, []qa.Post{q1, r1, r2, q2}, []qa.Person{
		{ID: maren, Name: "Maren Holt"}, {ID: ilse, Name: "Ilse Marrow"}, {ID: bo, Name: "Bo de Wit", PublishAs: "initials"},
	})
}
