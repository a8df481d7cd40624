package qa_test

import (
	"fmt"
	"strings"
	"testing"

	"flyleaf/qa"
	"flyleaf/schema"
)

// TestChoicesOfAnAuthor: choices are recorded once for each entrant, at the most wanted question, and
// leave alone what others chose.
func TestChoicesOfAnAuthor(t *testing.T) {
	const author, organiser = qa.Identity("author"), qa.Identity("organiser")
	week := func() *qa.Week {
		w := &qa.Week{Event: qa.Event{
			ID: "w", Founder: organiser, Roles: []qa.Grant{{ID: author, Role: qa.RoleAuthor}},
			Winners: []qa.Winner{{Post: "ana1", By: author, Note: "a mug"}, {Post: "bo", By: organiser, Note: "a copy"}},
		}}
		for _, q := range []struct {
			id, by qa.PostID
			wants  int
		}{{"ana1", "ana", 1}, {"bo", "bo", 0}, {"ana2", "ana", 3}, {"ana3", "ana", 3}, {"hidden", "cy", 0}} {
			thread := qa.Thread{Question: qa.PostView{Post: qa.Post{ID: q.id, By: qa.Identity(q.by)}}, Wants: q.wants}
			if q.id == "hidden" {
				thread.Question.Marks.Hidden = "rude"
			}
			if q.id == "ana3" {
				thread.Question.Marks.Candidate = []qa.Identity{author}
			}
			w.Threads = append(w.Threads, thread)
		}
		return w
	}
	acts := func(w *qa.Week, me qa.Identity, choices ...qa.WinnerChoice) string {
		var out []string
		for _, a := range w.ChoiceActs(me, choices) {
			if a.Kind == qa.ActMark && (a.Mark != schema.KeyCandidate || a.Identity != me) {
				t.Errorf("%+v", a)
			}
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s%t", a.Kind, a.Post, a.Text, a.On)))
		}
		return strings.Join(out, ", ")
	}
	askers := week().Askers()
	if len(askers) != 2 || askers[0].MostWanted != "ana2" || askers[0].Wants != 7 || len(askers[0].Questions) != 3 || askers[1].MostWanted != "bo" {
		t.Fatalf("%+v", askers)
	}
	for _, c := range []struct {
		what    string
		me      qa.Identity
		closed  bool
		choices []qa.WinnerChoice
		want    string
	}{
		{"nothing is on the page", author, false, nil, ""},
		{"everything stays", author, false, []qa.WinnerChoice{{"ana2", true, true}, {"bo", false, false}}, ""},
		{"another is chosen and marked", author, false, []qa.WinnerChoice{{"bo", true, true}}, "winner bo a copy of the bookfalse, mark bo true"},
		{"a choice and a mark are taken back where they were made", author, false, []qa.WinnerChoice{{"ana2", false, false}}, "winner ana1 false, mark ana3 false"},
		{"after closing marks stay", author, true, []qa.WinnerChoice{{"ana2", false, false}, {"bo", false, true}}, "winner ana1 false"},
		{"an organiser marks no candidates", organiser, false, []qa.WinnerChoice{{"ana2", true, false}, {"bo", false, true}}, "winner ana2 a copy of the bookfalse, winner bo false"},
		{"a question that is not shown, or does not stand for its entrant", author, false, []qa.WinnerChoice{{"hidden", true, true}, {"ana1", false, false}}, ""},
	} {
		w := week()
		w.Event.Closed = c.closed
		if got := acts(w, c.me, c.choices...); got != c.want {
			t.Errorf("%s: %s; want %s", c.what, got, c.want)
		}
	}
}
