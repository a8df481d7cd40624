package qa

import (
	"regexp"
	"strings"
	"testing"
)

// TestNobodyIsCalledByTheirKey: people without a name are called by a number, those who asked anonymously
// "Anonymous".
func TestNobodyIsCalledByTheirKey(t *testing.T) {
	organiser, author, moderator, named, asked, hidden := person(1), person(2), person(3), person(4), person(5), person(6)
	e := Event{Founder: organiser, Roles: []Grant{{author, RoleAuthor}, {moderator, RoleModerator}, {asked, RoleMember}}}
	post := func(id string, parent PostID, by Identity) Post {
		return Post{ID: PostID(id), Parent: parent, By: by, Op: OpID{Counter: uint64(len(id))}, Revisions: []Revision{{Text: id}}}
	}
	anonymous := post("hidden", "", hidden)
	anonymous.X = map[string]string{XAnonymous: AnonymousYes}
	tricky := post("tricked", "", named)
	tricky.X = anonymous.X // a person with a name keeps it
	behalf := post("forother", "", asked)
	behalf.X, behalf.OnBehalfOf = anonymous.X, "Grandmother"
	posts := []Post{post("q", "", asked), anonymous, tricky, behalf, post("replyofhidden", "hidden", hidden), post("answer000", "q", author)}
	w := NewWeek(e, posts, []Person{{ID: named, Name: "Zoë"}, {ID: asked, About: "no name yet"}})
	w = w.VisibleTo(named)
	seen := map[string]bool{}
	for id, want := range map[Identity]string{
		organiser: `^Organiser \d{5}$`, author: `^Author \d{5}$`, moderator: `^Moderator \d{5}$`, named: "^Zoë$", asked: `^Reader \d{5}$`, hidden: "^Anonymous$",
		person(7): `^Reader \d{5}$`,
	} {
		name := w.PersonName(id)
		if !regexp.MustCompile(want).MatchString(name) || strings.Contains(name, id.Short()) {
			t.Errorf("%s is called %q, want %s", id.Short(), name, want)
		}
		if seen[name] {
			t.Errorf("two people are called %q", name)
		}
		seen[name] = true
		if again := NewWeek(e, posts[:1], []Person{{ID: named, Name: "Zoë"}}); id != hidden && again.PersonName(id) != name {
			t.Errorf("%q was %q with fewer posts", name, again.PersonName(id))
		}
	}
	for id, want := range map[PostID]string{
		"q": w.PersonName(asked), "hidden": AnonymousName, "replyofhidden": AnonymousName, "tricked": "Zoë", "forother": "Grandmother", "answer000": w.PersonName(author),
	} {
		if got := w.Post(id).Name; got != want {
			t.Errorf("the writer of %s is called %q, want %q", id, got, want)
		}
	}
	if got := w.EntrantName(Entrant{By: hidden}); got != AnonymousName {
		t.Errorf("an entrant is called %q", got)
	}
	// When the name arrives, it replaces the number.
	if w := NewWeek(e, posts, []Person{{ID: asked, Name: "Tino"}}); w.Post("q").Name != "Tino" {
		t.Errorf("still called %q", w.Post("q").Name)
	}
}
