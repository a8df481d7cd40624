package site

import (
	"strings"
	"testing"

	"flyleaf/internal/testfixture"
	"flyleaf/publish"
	"flyleaf/qa"
)

// TestEveryTextOfPeopleHasItsOwnDirection looks at every text on every page of a site whose weeks are in Hebrew.
func TestEveryTextOfPeopleHasItsOwnDirection(t *testing.T) {
	he := testfixture.InHebrew
	hebrew := func(w qa.Week) qa.Week {
		e, people := w.Event, []qa.Person{}
		e.Title, e.Subtitle, e.Authors, e.Description = he(e.Title), he("For all"), he(e.Authors), he(e.Description)
		for i := range e.Links {
			e.Links[i].Text = he(e.Links[i].Text)
		}
		for _, p := range w.People {
			p.Name = he(p.Name)
			people = append(people, p)
		}
		var posts []qa.Post
		add := func(p qa.Post) {
			for i := range p.Revisions {
				p.Revisions[i].Text = he(p.Revisions[i].Text)
			}
			posts = append(posts, p)
		}
		for i := range w.Threads {
			add(w.Threads[i].Question.Post)
			for j := range w.Threads[i].Replies {
				add(w.Threads[i].Replies[j].Post)
			}
		}
		return qa.NewWeek(e, posts, people)
	}
	c := config
	c.Title, c.Description = he(c.Title), he("A book a week")
	weeks := samples()
	weeks[0].Published = publish.Publish(hebrew(sample()))
	for i := range weeks[1:] {
		e := &weeks[1+i].Published.Event
		e.Title, e.Authors = he(e.Title), he(e.Authors)
	}
	_, files := build(t, c, weeks)
	found := 0
	for path, body := range files {
		if strings.HasSuffix(path, ".html") {
			n, wrong := testfixture.Direction(body)
			found += n
			for _, w := range wrong {
				t.Errorf("%s: %s", path, w)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d texts of people were found", found)
	}
}
