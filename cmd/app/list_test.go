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
