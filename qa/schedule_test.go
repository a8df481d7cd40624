package qa_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"flyleaf/qa"
	"flyleaf/schema"
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

// TestDeadlinesAreDays: what ends at the end of a day ends on that day, not on the next one, also if the
// clock was typed to the minute, an import counted in seconds, or the next day begins at one o'clock.
func TestDeadlinesAreDays(t *testing.T) {
	lisbon, amman := zone(t, "Europe/Lisbon"), zone(t, "Asia/Amman")
	at := func(z *time.Location, d, h, m, s int) int64 { return time.Date(2026, 11, d, h, m, s, 0, z).UnixMilli() }
	for _, c := range []struct {
		ms   int64
		zone *time.Location
		want string
	}{
		{at(lisbon, 13, 0, 0, 0), lisbon, "2026-11-12 whole"},
		{at(lisbon, 13, 0, 0, 0) - 1, lisbon, "2026-11-12 whole"},
		{at(lisbon, 12, 23, 59, 0), lisbon, "2026-11-12 whole"},
		{at(lisbon, 12, 23, 59, 59), lisbon, "2026-11-12 whole"},
		{at(lisbon, 12, 23, 30, 0), lisbon, "2026-11-12 23:30"},
		{at(lisbon, 13, 0, 1, 0), lisbon, "2026-11-13 00:01"},
		{time.Date(2021, 3, 26, 1, 0, 0, 0, amman).UnixMilli(), amman, "2021-03-25 whole"}, // that day has no midnight
	} {
		day, whole := qa.LastDay(c.ms, c.zone)
		got := day.Format("2006-01-02 15:04")
		if whole {
			got = day.Format("2006-01-02") + " whole"
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", time.UnixMilli(c.ms).In(c.zone), got, c.want)
		}
	}
	for typed, want := range map[string]string{"2026-11-12": "2026-11-12 whole", "2026-11-12T23:59": "2026-11-12 whole", "2026-11-12T18:00": "2026-11-12 18:00"} {
		ms, err := qa.ParseTime(schema.KeyEndsAt, typed, lisbon)
		if err != nil {
			t.Fatal(err)
		}
		day, whole := qa.LastDay(ms, lisbon)
		got := day.Format("2006-01-02 15:04")
		if whole {
			got = day.Format("2006-01-02") + " whole"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", typed, got, want)
		}
		if typed := qa.TypedTime(schema.KeyEndsAt, ms, lisbon); typed != day.Format("2006-01-02T15:04") {
			t.Errorf("%s is shown in a form as %s", want, typed)
		}
	}
	for _, typed := range []string{"", "12 November", "2026-11-31", "2026-11-31T23:59"} {
		if _, err := qa.ParseTime(schema.KeyEndsAt, typed, lisbon); err == nil {
			t.Errorf("%q is a deadline", typed)
		}
	}
	// Other times are times of day.
	if _, err := qa.ParseTime(schema.KeyStartsAt, "2026-11-12", lisbon); err == nil {
		t.Error("a week begins on a day without an hour")
	}
	if ms, err := qa.ParseTime(schema.KeyStartsAt, "2026-11-12T23:59", lisbon); err != nil || ms != at(lisbon, 12, 23, 59, 0) {
		t.Error(ms, err)
	}
	if typed := qa.TypedTime(schema.KeyStartsAt, at(lisbon, 13, 0, 0, 0), lisbon); typed != "2026-11-13T00:00" {
		t.Errorf("a week begins at %s", typed)
	}
}

// TestDaysInWords: a week's days are those that it has, by their names if those say which day it is.
func TestDaysInWords(t *testing.T) {
	z := zone(t, "Europe/Lisbon")
	at := func(month time.Month, d, h int) int64 { return time.Date(2026, month, d, h, 0, 0, 0, z).UnixMilli() }
	var friday, sunday qa.Event
	friday.SetWeek(2026, 11, 9, z)
	sunday.SetWeek(2026, 11, 11, z)
	winnersLater := friday
	winnersLater.WinnersAtMillis = at(11, 16, 12)
	noon := friday
	noon.AnswersUntilMillis = at(11, 12, 12)
	for name, c := range map[string]struct {
		e    qa.Event
		want qa.DaysInWords
	}{
		"Monday to Friday":         {friday, qa.DaysInWords{"from Monday to Friday", "from Monday to Thursday", "Friday", true}},
		"Wednesday to Sunday":      {sunday, qa.DaysInWords{"from Wednesday to Sunday", "from Wednesday to Saturday", "Sunday", true}},
		"winners a week later":     {winnersLater, qa.DaysInWords{"from 9 to 13 November 2026", "from 9 to 12 November 2026", "16 November 2026", false}},
		"answers until noon":       {noon, qa.DaysInWords{"from Monday to Friday", "from Monday to Thursday, 12:00", "Friday", true}},
		"without dates":            {qa.Event{}, qa.DaysInWords{}},
		"an imported week":         {qa.Event{StartsAtMillis: at(11, 9, 0), EndsAtMillis: at(11, 14, 0) - 1000}, qa.DaysInWords{Asking: "from Monday to Friday", Weekdays: true}},
		"one day":                  {qa.Event{StartsAtMillis: at(11, 9, 9), EndsAtMillis: at(11, 9, 18)}, qa.DaysInWords{Asking: "on Monday, until 18:00", Weekdays: true}},
		"only its first day":       {qa.Event{StartsAtMillis: at(11, 9, 9)}, qa.DaysInWords{Asking: "from Monday on", Weekdays: true}},
		"answers at any time":      {qa.Event{AnswersFromMillis: at(11, 9, 9)}, qa.DaysInWords{Answering: "from Monday on", Weekdays: true}},
		"only the last answers":    {qa.Event{AnswersUntilMillis: at(11, 13, 0)}, qa.DaysInWords{Answering: "until Thursday", Weekdays: true}},
		"from October to November": {qa.Event{StartsAtMillis: at(10, 28, 0), EndsAtMillis: at(11, 14, 0)}, qa.DaysInWords{Asking: "from 28 October to 13 November 2026"}},
	} {
		if got := c.e.DaysInWords(z); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	midnight := friday
	midnight.EndsAtMillis++
	if got := midnight.Days(z); got != "9 to 13 November 2026" {
		t.Errorf("a week that ends at midnight: %s", got)
	}
}

// TestMoveWeek: a week that is moved keeps the days that it has.
func TestMoveWeek(t *testing.T) {
	z, berlin := zone(t, "Europe/Lisbon"), zone(t, "Europe/Berlin")
	var plain, moved qa.Event
	plain.SetWeek(2026, 11, 30, berlin)
	moved.SetWeek(2026, 10, 19, z)
	moved.MoveWeek(2026, 11, 30, z, berlin)
	if got, want := moved, plain; got.StartsAtMillis != want.StartsAtMillis || got.AnswersUntilMillis != want.AnswersUntilMillis || got.WinnersAtMillis != want.WinnersAtMillis || got.EndsAtMillis != want.EndsAtMillis {
		t.Errorf("a week of five days: %+v, want %+v", got, want)
	}
	long := qa.Event{StartsAtMillis: time.Date(2026, 10, 19, 9, 0, 0, 0, z).UnixMilli(), EndsAtMillis: time.Date(2026, 10, 28, 0, 0, 0, 0, z).UnixMilli() - 1}
	long.MoveWeek(2026, 10, 21, z, z) // clocks go back on the 25th
	if got := long.Days(z); got != "21 to 29 October 2026" {
		t.Errorf("a week of nine days: %s", got)
	}
	if at := time.UnixMilli(long.StartsAtMillis).In(z).Format("15:04"); at != "09:00" || long.AnswersUntilMillis != 0 || long.WinnersAtMillis != 0 {
		t.Errorf("begins at %s: %+v", at, long)
	}
	var undated qa.Event
	undated.MoveWeek(2026, 11, 30, z, berlin)
	if undated.EndsAtMillis != plain.EndsAtMillis {
		t.Errorf("a week without dates: %+v", undated)
	}
}
