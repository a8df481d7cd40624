package replica_test

import (
	"reflect"
	"testing"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage/mem"
)

// The cached summaries that lists show are up to date after every kind of write.
func TestLibraryFollowsEveryWrite(t *testing.T) {
	host := startRelay(t)
	a := openNode(t, onMonday(replica.Config{Store: mem.New()}))
	week := newWeek(t, a, weekFrom("The Patient Ledger", 0), host.url())
	shelved := func(n *replica.Node, id qa.EventID) qa.LibraryEntry {
		t.Helper()
		all, err := n.Library(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			if s.Event.ID == id {
				return s
			}
		}
		return qa.LibraryEntry{}
	}
	numbers := func(n *replica.Node, id qa.EventID, want qa.QuestionCounts) {
		t.Helper()
		if got, err := n.Numbers(t.Context(), id); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v (%v), want %+v", got, err, want)
		}
	}
	if s := shelved(a, week); s.Event.Title != "The Patient Ledger" || s.Posts != 0 || !s.Arrived() {
		t.Errorf("%+v", s)
	}
	numbers(a, week, qa.QuestionCounts{})
	q := ask(t, a, week, "Together?")
	numbers(a, week, qa.QuestionCounts{Questions: 1, Open: 1})
	if err := a.DoAll(t.Context(), week, []qa.Act{
		{Kind: qa.ActMark, AtMillis: 1, Post: q, Mark: "answered", On: true},
		{Kind: qa.ActEvent, AtMillis: 2, Fields: map[string]any{"title": "The Impatient Ledger", "description": "Long."}},
	}); err != nil {
		t.Fatal(err)
	}
	numbers(a, week, qa.QuestionCounts{Questions: 1})
	if s := shelved(a, week); s.Event.Title != "The Impatient Ledger" || s.Event.Description != "" || s.Posts != 1 {
		t.Errorf("%+v", s)
	}
	if s := statusOf(t, a, week); s.Title != "The Impatient Ledger" || s.Pending == 0 {
		t.Errorf("%+v", s)
	}
	if err := a.Rebuild(t.Context(), week); err != nil {
		t.Fatal(err)
	}
	numbers(a, week, qa.QuestionCounts{Questions: 1})

	// Changes that arrive, and deliveries to the relay, update the summary too.
	a.Start(t.Context())
	waitSynced(t, a, week, 1)
	b := openNode(t, onMonday(replica.Config{Store: mem.New()}))
	b.Start(t.Context())
	join(t, b, week, host.url())
	if s := shelved(b, week); s.Arrived() && s.Event.Title == "" {
		t.Errorf("%+v", s)
	}
	waitSynced(t, b, week, 1)
	numbers(b, week, qa.QuestionCounts{Questions: 1})
	ask(t, b, week, "And later?")
	waitSynced(t, a, week, 2)
	numbers(a, week, qa.QuestionCounts{Questions: 2, Open: 1})
	if _, err := a.Numbers(t.Context(), qa.MakeEventID([16]byte{9})); err == nil {
		t.Error("an event that is not followed has numbers")
	}
}

// Clubs returns the weeks that followed clubs list, as soon as they are written.
func TestClubs(t *testing.T) {
	a := openNode(t, onMonday(replica.Config{Store: mem.New()}))
	club := newClub(t, a, "")
	week := newWeek(t, a, weekFrom("Small Weather", 7), "")
	list(t, a, club, week)
	clubs, err := a.Clubs(t.Context())
	if err != nil || len(clubs) != 1 || clubs[0].ID != club || len(clubs[0].Weeks) != 1 || clubs[0].Weeks[0].Title != "Small Weather" {
		t.Errorf("%+v, %v", clubs, err)
	}
}
