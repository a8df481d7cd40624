package qa_test

import (
	"fmt"
	"slices"
	"testing"

	"flyleaf/qa"
)

const day = int64(24 * 60 * 60 * 1000)

func listed(n int, title string, starts, ends int64) qa.ListedWeek {
	return qa.ListedWeek{ID: qa.MakeEventID([16]byte{byte(n), byte(n >> 8)}), Title: title, StartsAtMillis: starts, EndsAtMillis: ends}
}

func titles(weeks []qa.ListedWeek) []string {
	var out []string
	for _, w := range weeks {
		out = append(out, w.Title)
	}
	return out
}

func TestClubSortsByTheClock(t *testing.T) {
	now := 1000 * day
	c := qa.NewClub(qa.Event{Weeks: []qa.ListedWeek{
		listed(1, "last year", now-400*day, now-395*day),
		listed(2, "to come", 0, 0),
		listed(3, "next", now+3*day, now+8*day),
		listed(4, "now", now-day, now+4*day),
		listed(5, "after next", now+30*day, now+35*day),
		listed(6, "last week", now-8*day, now-3*day),
		listed(7, "first day only", now-6*day, 0),
		listed(8, "first day only, over", now-8*day, 0),
		listed(9, "ends this moment", now-5*day, now),
	}}, now)
	for name, got := range map[string][][]string{
		"now":      {titles(c.Now), {"ends this moment", "first day only", "now"}},
		"upcoming": {titles(c.Upcoming), {"next", "after next", "to come"}},
		"archive":  {titles(c.Archive), {"first day only, over", "last week", "last year"}},
		"followed": {titles(c.Followed(now)), {
			"ends this moment", "first day only", "now", "next", "after next", "to come", "first day only, over", "last week",
		}},
	} {
		if !slices.Equal(got[0], got[1]) {
			t.Errorf("%s: %q, want %q", name, got[0], got[1])
		}
	}
}

func TestClubBoundsTheFollowedWeeks(t *testing.T) {
	now := 1000 * day
	e := qa.Event{Relays: []string{"ws://own"}}
	for n := range 500 {
		w := listed(n, fmt.Sprint(n), now+int64(n+1)*day, now+int64(n+2)*day)
		w.Relay = "ws://own"
		if n%2 == 0 {
			w.Relay = fmt.Sprintf("ws://relay-%d", n)
		}
		e.Weeks = append(e.Weeks, w)
	}
	c := qa.NewClub(e, now)
	followed := c.Followed(now)
	relays := map[string]bool{}
	for _, w := range followed {
		relays[w.Relay] = true
	}
	if len(followed) != qa.MaxFollowed || len(relays) != qa.MaxClubRelays+1 {
		t.Errorf("%d weeks on %d relays", len(followed), len(relays))
	}
	if followed[0].Title != "0" || followed[1].Title != "1" {
		t.Errorf("not the next ones: %q", titles(followed[:2]))
	}
	many := make([]qa.ListedWeek, qa.MaxWeeks+5)
	for i := range many {
		many[i] = listed(i, "w", int64(i), 0)
	}
	if got := qa.TrimWeeks(many); len(got) != qa.MaxWeeks || got[0].StartsAtMillis != qa.MaxWeeks+4 {
		t.Errorf("%d weeks, the first starts at %d", len(got), got[0].StartsAtMillis)
	}
}

// TestListingIsUnchangedAsAnAct: a club's listing of an event is the same after it was written as an
// act.
func TestListingIsUnchangedAsAnAct(t *testing.T) {
	e := qa.Event{
		ID: qa.MakeEventID([16]byte{1}), Title: "Slow Indexes", Authors: "Perpetua Lindqvist",
		StartsAtMillis: 5 * day, EndsAtMillis: 10 * day, Relays: []string{"ws://a", "ws://b"},
	}
	w := e.Listing()
	act := w.Act(1)
	if err := act.Validate(); err != nil {
		t.Fatal(err)
	}
	if got := act.Event.Listing(); got != w || w.Relay != "ws://a" {
		t.Errorf("%+v, want %+v", got, w)
	}
}
