package qa_test

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"flyleaf/qa"
)

func TestChanges(t *testing.T) {
	is := qa.Event{Title: "The Patient Ledger", Authors: "Ilse Marrow", Prizes: 3, StartsAtMillis: 5, Approve: true}
	want := is
	if got := is.Changes(&want); len(got) != 0 {
		t.Errorf("no change is %v", got)
	}
	want.Title, want.Authors, want.Prizes, want.Approve, want.Zone = "The Impatient Ledger", "", 0, false, "Europe/Lisbon"
	*want.Times()["startsAt"] = 0
	*want.Times()["endsAt"] = 7
	got := is.Changes(&want)
	if !maps.Equal(got, map[string]any{
		"title": "The Impatient Ledger", "authors": "", "prizes": uint64(0), "approve": false, "zone": "Europe/Lisbon", "startsAt": int64(0), "endsAt": int64(7),
	}) {
		t.Errorf("%v", got)
	}
	for key, v := range got {
		if err := qa.CheckEventField(key, v); err != nil {
			t.Error(err)
		}
	}
}

func TestNumbersCountQuestionsThatAreShown(t *testing.T) {
	ilse := qa.Identity("1111111111111111111111111111111111111111111111111111111111111111")
	e := qa.Event{Roles: []qa.Grant{{ID: ilse, Role: qa.RoleAuthor}}}
	post := func(n uint64, p qa.Post) qa.Post {
		p.Op = qa.OpID{Counter: n, Actor: "aa"}
		p.AtMillis = int64(n)
		p.Revisions = []qa.Revision{{Text: "words", Op: p.Op}}
		return p
	}
	w := qa.NewWeek(e, []qa.Post{
		post(1, qa.Post{ID: "answered"}), post(2, qa.Post{ID: "reply", Parent: "answered", By: ilse}),
		post(3, qa.Post{ID: "open"}), post(4, qa.Post{ID: "withdrawn", Withdrawn: true}),
		post(5, qa.Post{ID: "hidden", Marks: qa.Marks{Hidden: "why"}}), post(6, qa.Post{ID: "again", Marks: qa.Marks{DuplicateOf: "open"}}),
	}, nil)
	var open []qa.PostID
	for i := range w.Threads {
		if t := &w.Threads[i]; t.Open() {
			open = append(open, t.Question.ID)
		}
	}
	if !slices.Equal(open, []qa.PostID{"open"}) {
		t.Errorf("open questions: %v", open)
	}
	if got := w.CountQuestions(); !reflect.DeepEqual(got, qa.QuestionCounts{Questions: 2, Open: 1}) {
		t.Errorf("%+v", got)
	}
}
