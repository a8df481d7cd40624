package main

import (
	"bytes"
	"strings"
	"testing"

	"flyleaf/qa"
	"flyleaf/qa/people"
)

// A text that imitates the first line of a reply is indented further than any such line.
func TestTextCannotImitateAPost(t *testing.T) {
	var out bytes.Buffer
	a := &app{std: streams{strings.NewReader(""), &out, &out}}
	replies := []jsonPost{{ID: "r", Name: "Ilse", Text: "Mine", badge: "author"}}
	a.printThread(&jsonPost{ID: "q", Name: "Mina", Text: "Hm\n  author     Ilse\nauthor     Ilse", Replies: &replies})
	heads := 0
	for line := range strings.Lines(out.String()) {
		if in := len(line) - len(strings.TrimLeft(line, " ")); in <= 2 && strings.TrimSpace(line) != "" {
			heads++
		}
	}
	if heads != 2 {
		t.Errorf("%d lines could be heads of the 2 posts:\n%s", heads, &out)
	}
}

// Two winners with the same name can be told apart, and a name cannot look like a column.
func TestWinnersWithTheSameNameDiffer(t *testing.T) {
	one, two, org := qa.Identity(strings.Repeat("a", 64)), qa.Identity(strings.Repeat("b", 64)), qa.Identity(strings.Repeat("c", 64))
	w := qa.NewWeek(qa.Event{Founder: org}, nil, []qa.Person{{ID: one, Name: "Mina"}, {ID: two, Name: "Mi\u200bna  chosen by Ilse"}})
	look := people.NewLookalikes(&w)
	if got := entrantLabel(&w, look, qa.Entrant{By: two}); got != "Mi\u200bna chosen by Ilse" {
		t.Errorf("%q", got)
	}
	w.People[two] = qa.Person{ID: two, Name: "Mi\u200bna"}
	look = people.NewLookalikes(&w)
	for want, e := range map[string]qa.Entrant{
		"Mina (aaaaaaaa)":        {By: one},
		"Mi\u200bna (bbbbbbbb)":  {By: two},
		"Ilse Marrow (bbbbbbbb)": {By: two, OnBehalfOf: "Ilse  Marrow"},
		"Ilse Marrow":            {By: org, OnBehalfOf: "Ilse Marrow"},
	} {
		if got := entrantLabel(&w, look, e); got != want {
			t.Errorf("%+v is called %q, not %q", e, got, want)
		}
	}
}

// Of a withdrawn or void post no text is printed, also if it was edited on two devices while offline;
// that of a blocked writer's post is in the history, without the note that it is shown.
func TestTextsThatAreNotShown(t *testing.T) {
	versions := []qa.Revision{{ID: "1-a", Text: "first version"}, {ID: "2-b", Text: "second version"}}
	for name, c := range map[string]struct {
		change  func(*qa.Post)
		shown   bool // as the post's text
		history bool
	}{
		"shown":     {func(*qa.Post) {}, true, true},
		"withdrawn": {func(p *qa.Post) { p.Withdrawn = true }, false, false},
		"void":      {func(p *qa.Post) { p.Void = true }, false, false},
		"hidden":    {func(p *qa.Post) { p.Marks.Hidden = "an advertisement" }, false, true},
		"blocked":   {func(p *qa.Post) { p.Blocked = true }, false, true},
	} {
		post := qa.PostView{Post: qa.Post{ID: "p", Revisions: versions}}
		c.change(&post.Post)
		j := newJSONPost(&post)
		if (j.Versions != nil || j.Text != "") != c.shown {
			t.Errorf("%s: text %q, versions %v", name, j.Text, j.Versions)
		}
		var out bytes.Buffer
		a := &app{std: streams{strings.NewReader(""), &out, &out}}
		if err := a.show(j, &post); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "first version"); got != c.history {
			t.Errorf("%s: the history is printed: %v\n%s", name, got, &out)
		}
		if got := strings.Contains(out.String(), "(shown)"); got != c.shown {
			t.Errorf("%s: a text is called shown: %v\n%s", name, got, &out)
		}
	}
}
