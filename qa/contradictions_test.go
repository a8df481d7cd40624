package qa

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// contradictory returns events with one contradiction each, and words of its description.
func contradictory() map[string]struct {
	e     Event
	words string
} {
	day := func(n int) int64 { return time.Date(2026, 3, n, 9, 0, 0, 0, time.UTC).UnixMilli() }
	far := time.Date(20026, 3, 9, 0, 0, 0, 0, time.UTC).UnixMilli()
	return map[string]struct {
		e     Event
		words string
	}{
		"endsAt":       {Event{StartsAtMillis: day(9), EndsAtMillis: day(1)}, "ends on 1 March 2026, 09:00, before it begins on 9 March"},
		"answersUntil": {Event{AnswersFromMillis: day(12), AnswersUntilMillis: day(10)}, "due on 10 March 2026, 09:00, before the authors begin to answer on 12 March"},
		"due early":    {Event{StartsAtMillis: day(9), AnswersUntilMillis: day(2)}, "due on 2 March 2026, 09:00, before the week begins"},
		"winnersAt":    {Event{StartsAtMillis: day(9), EndsAtMillis: day(13), WinnersAtMillis: day(8)}, "choose on 8 March 2026, 09:00, before the week begins"},
		"year 20026":   {Event{StartsAtMillis: far}, "a year outside 1900 to 2199"},
		"last":         {Event{EndsAtMillis: math.MaxInt64}, "the week ends in a year"},
		"first":        {Event{StartsAtMillis: math.MinInt64}, "the week begins in a year"},
		"antiquity":    {Event{WinnersAtMillis: time.Date(-44, 3, 15, 0, 0, 0, 0, time.UTC).UnixMilli()}, "the authors choose in a year"},
		"zone":         {Event{Zone: "Europe/Lisbonn"}, `unknown time zone "Europe/Lisbonn"`},
		"local":        {Event{Zone: "Local"}, `unknown time zone "Local"`},
		"zone's path":  {Event{Zone: "../../etc/passwd"}, "unknown time zone"},
		"language":     {Event{Language: "Klingonese of old"}, "use a tag such as en"},
		"prizes":       {Event{Prizes: 1 << 52}, "the maximum is 10000"},
		"relays":       {Event{Relays: []string{"wss://relay.example", "", "wss://Relay.example:443/"}}, "named twice"},
		"movedTo":      {Event{ID: "x", MovedTo: "x"}, "moved to itself"},
	}
}

func TestFieldsThatContradictEachOther(t *testing.T) {
	for name, c := range contradictory() {
		found := c.e.Contradictions()
		if len(found) != 1 || !strings.Contains(found[0].Words, c.words) {
			t.Errorf("%s: %+v", name, found)
		}
		var field *FieldError
		if err := c.e.Validate(); !errors.As(err, &field) || !errors.Is(err, ErrBadValue) {
			t.Errorf("%s: a new week that says so: %v", name, err)
		}
		if left := c.e.Consistent(); left.Contradictions() != nil {
			t.Errorf("%s: what is left says %+v", name, left.Contradictions())
		}
		// An existing contradiction is no reason to refuse a new title.
		if err := c.e.CheckNew(&c.e); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	start := time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC).UnixMilli()
	backwards := Event{Title: "T", StartsAtMillis: start, EndsAtMillis: start - 1, AnswersFromMillis: start}
	want := backwards
	want.EndsAtMillis = 0
	if got := backwards.Consistent(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	var week Event
	week.SetWeek(2026, 3, 9, time.UTC)
	week.Zone, week.Language, week.Prizes, week.Relays = "Europe/Lisbon", "pt-BR", 3, []string{"wss://a", "wss://b"}
	if found := week.Contradictions(); found != nil {
		t.Errorf("an ordinary week: %+v", found)
	}
	if got := week.Consistent(); !reflect.DeepEqual(got, week) {
		t.Errorf("an ordinary week becomes %+v", got)
	}
}

// TestChangesAreCheckedWithTheExistingFields: each field may be valid alone, but not together with the
// others.
func TestChangesAreCheckedWithTheExistingFields(t *testing.T) {
	var week Event
	week.SetWeek(2026, 3, 9, time.UTC)
	for name, c := range map[string]struct {
		act Act
		ok  bool
	}{
		"ends earlier":  {Act{Fields: map[string]any{"endsAt": week.StartsAtMillis - 1}}, false},
		"begins later":  {Act{Fields: map[string]any{"startsAt": week.EndsAtMillis + 1}}, false},
		"both":          {Act{Fields: map[string]any{"startsAt": week.EndsAtMillis + 1, "endsAt": week.EndsAtMillis + 2, "answersUntil": int64(0), "winnersAt": int64(0)}}, true},
		"taken away":    {Act{Fields: map[string]any{"endsAt": int64(0)}}, true},
		"unknown zone":  {Act{Fields: map[string]any{"zone": "Mars/Olympus"}}, false},
		"many copies":   {Act{Fields: map[string]any{"prizes": uint64(MaxPrizes + 1)}}, false},
		"title":         {Act{Fields: map[string]any{"title": "Another"}}, true},
		"relay twice":   {Act{Relays: []string{"ws://r:80", "ws://r"}}, false},
		"no such words": {Act{Fields: map[string]any{"language": "??"}}, false},
	} {
		changed := week.With(&c.act)
		if err := changed.CheckNew(&week); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWallClockKnowsWhenClocksChange: hours that clocks skip, and dates that do not exist, are refused.
func TestWallClockKnowsWhenClocksChange(t *testing.T) {
	berlin, err := LoadZone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for typed, want := range map[string]string{
		"2026-03-29T03:30": "2026-03-29T01:30:00Z",
		"2026-10-25T02:30": "2026-10-25T00:30:00Z", // it comes twice; the first
		"2026-03-29T02:30": "clocks go forward then",
		"2026-02-30T09:00": "is not a time",
		"tomorrow":         "is not a time",
		"2026-11-30":       "is not a time",
	} {
		ms, err := ParseWallClock(typed, berlin)
		got := time.UnixMilli(ms).UTC().Format(time.RFC3339)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", typed, got, want)
		}
	}
}

// TestClubsAndPhasesOfContradictoryWeeks: times at the limits of int64 do not overflow, and a week that ends before it
// begins still begins at its start.
func TestClubsAndPhasesOfContradictoryWeeks(t *testing.T) {
	now := time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC).UnixMilli()
	next := ListedWeek{ID: "next", StartsAtMillis: now + 1000, EndsAtMillis: now - 1000}
	far := ListedWeek{ID: "far", StartsAtMillis: math.MaxInt64}
	past := ListedWeek{ID: "past", EndsAtMillis: math.MinInt64, StartsAtMillis: math.MinInt64}
	club := NewClub(Event{Weeks: []ListedWeek{far, next, past}}, now)
	if len(club.Upcoming) != 3 || club.Upcoming[0].ID != "next" || len(club.Archive) != 0 {
		t.Errorf("%+v", club)
	}
	e := Event{StartsAtMillis: now + 1000, EndsAtMillis: now - 1000}
	if phase, next, at := e.Phase(now); phase != PhaseBefore || next != PhaseOpen || at != now+1000 {
		t.Errorf("%s, then %s at %d", phase, next, at)
	}
	for _, at := range []int64{math.MinInt64, -1, 0, now, math.MaxInt64} {
		for _, days := range []Event{{StartsAtMillis: math.MinInt64}, {EndsAtMillis: math.MaxInt64}, {StartsAtMillis: math.MaxInt64, EndsAtMillis: math.MinInt64}} {
			if got := days.clamp(at); got != at {
				t.Errorf("%d became %d in a week with impossible days", at, got)
			}
		}
	}
}
