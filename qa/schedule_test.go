package qa_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"flyleaf/qa"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// TestWeekByTheWallClock: days follow the wall clock, even in weeks in which clocks change.
func TestWeekByTheWallClock(t *testing.T) {
	for _, c := range []struct {
		zone       string
		y, m, d    int
		start, end string // in the zone
		hours      time.Duration
	}{
		{"Europe/Lisbon", 2026, 11, 9, "2026-11-09T00:00:00Z", "2026-11-13T23:59:59Z", 120},
		// From Wednesday to Sunday over the end of summer time: an hour more.
		{"Europe/Berlin", 2026, 10, 21, "2026-10-21T00:00:00+02:00", "2026-10-25T23:59:59+01:00", 121},
		{"America/New_York", 2026, 3, 4, "2026-03-04T00:00:00-05:00", "2026-03-08T23:59:59-04:00", 119},
		// There was no midnight on that Friday: the day began at one.
		{"Asia/Amman", 2021, 3, 22, "2021-03-22T00:00:00+02:00", "2021-03-26T23:59:59+03:00", 119},
		// Nor on that Sunday, the first day.
		{"America/Sao_Paulo", 2017, 10, 15, "2017-10-15T01:00:00-02:00", "2017-10-19T23:59:59-02:00", 119},
		{"Pacific/Apia", 2011, 12, 26, "2011-12-26T00:00:00-10:00", "2011-12-29T23:59:59-10:00", 96}, // it skipped the 30th
	} {
		z := zone(t, c.zone)
		var e qa.Event
		e.SetWeek(c.y, time.Month(c.m), c.d, z)
		at := func(ms int64) string { return time.UnixMilli(ms).In(z).Format(time.RFC3339) }
		if at(e.StartsAtMillis) != c.start || at(e.EndsAtMillis) != c.end {
			t.Errorf("%s: %s to %s, want %s to %s", c.zone, at(e.StartsAtMillis), at(e.EndsAtMillis), c.start, c.end)
		}
		if got := time.Duration(e.EndsAtMillis+1-e.StartsAtMillis) * time.Millisecond; got != c.hours*time.Hour {
			t.Errorf("%s lasts %s, want %d hours", c.zone, got, c.hours)
		}
		w := time.UnixMilli(e.WinnersAtMillis).In(z)
		if c.zone != "Pacific/Apia" && (w.Hour() != qa.WinnersHour || w.Day() != c.d+4) {
			t.Errorf("%s: winners at %s", c.zone, w)
		}
		if e.AnswersUntilMillis <= e.AnswersFromMillis || e.WinnersAtMillis <= e.AnswersUntilMillis || e.EndsAtMillis <= e.WinnersAtMillis && c.zone != "Pacific/Apia" {
			t.Errorf("%s: the times are not in order: %+v", c.zone, e)
		}
	}
}

func TestPhases(t *testing.T) {
	z := zone(t, "Europe/Lisbon")
	var e qa.Event
	e.SetWeek(2026, 11, 9, z)
	at := func(d, h int) int64 { return time.Date(2026, 11, d, h, 0, 0, 0, z).UnixMilli() }
	for _, c := range []struct {
		now       int64
		want      qa.Phase
		next      qa.Phase
		nextMilli int64
	}{
		{at(8, 23), qa.PhaseBefore, qa.PhaseOpen, e.StartsAtMillis},
		{at(9, 0), qa.PhaseAnswering, qa.PhaseChoosing, at(13, 0)},
		{at(12, 23), qa.PhaseAnswering, qa.PhaseChoosing, at(13, 0)},
		{at(13, 0), qa.PhaseChoosing, qa.PhaseChosen, at(13, 12)},
		{at(13, 12), qa.PhaseChosen, qa.PhaseOver, e.EndsAtMillis},
		{at(14, 0), qa.PhaseOver, "", 0},
	} {
		now, next, ms := e.Phase(c.now)
		if now != c.want || next != c.next || ms != c.nextMilli {
			t.Errorf("at %s: %s, then %s at %d; want %s, then %s at %d", time.UnixMilli(c.now).In(z), now, next, ms, c.want, c.next, c.nextMilli)
		}
	}
	e.Closed = true
	if now, next, _ := e.Phase(at(9, 0)); now != qa.PhaseClosed || next != "" {
		t.Errorf("closed: %s, then %s", now, next)
	}
	if now, next, _ := (&qa.Event{}).Phase(at(9, 0)); now != qa.PhaseOpen || next != "" {
		t.Errorf("without dates: %s, then %s", now, next)
	}
	// Times that were set by hand in the wrong order: the phase does not go back.
	odd := qa.Event{StartsAtMillis: at(9, 0), EndsAtMillis: at(10, 0), AnswersUntilMillis: at(20, 0)}
	if now, next, _ := odd.Phase(at(11, 0)); now != qa.PhaseOver || next != "" {
		t.Errorf("upside down: %s, then %s", now, next)
	}
}
