package qa

import (
	"strings"
	"time"

	"flyleaf/schema"
)

// WeekDays is how many days a week has: Monday to Friday.
const WeekDays = 5

// dayStart returns the first moment of a day in a zone. Where clocks go forward at
// midnight the day begins later than 00:00.
func dayStart(year int, month time.Month, day int, zone *time.Location) time.Time {
	t := time.Date(year, month, day, 0, 0, 0, 0, zone)
	want := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	for t.Format(time.DateOnly) < want { // Date may choose either side of the gap
		t = t.Add(15 * time.Minute)
	}
	return t
}

// WinnersHour is the hour of the last day, in the event's zone, when the authors choose the winners.
const WinnersHour = 12

// SetWeek sets the event's times for a week that begins on a day in the zone's calendar: people can ask on
// all five days, the authors answer on the first four, and on the fifth they choose who wins a copy. The
// times are those of the wall clock, also in a week in which clocks change.
func (e *Event) SetWeek(year int, month time.Month, day int, zone *time.Location) {
	start := dayStart(year, month, day, zone)
	e.StartsAtMillis = start.UnixMilli()
	e.AnswersFromMillis = e.StartsAtMillis
	e.AnswersUntilMillis = dayStart(year, month, day+WeekDays-1, zone).UnixMilli()
	e.WinnersAtMillis = time.Date(year, month, day+WeekDays-1, WinnersHour, 0, 0, 0, zone).UnixMilli()
	e.EndsAtMillis = dayStart(year, month, day+WeekDays, zone).UnixMilli() - 1
}

// MoveWeek moves all times of the event so that it begins on another day. The wall clock of each time stays
// the same: before is the zone in which it is read, after the zone of the moved week. An event without a
// first day gets the five days of SetWeek.
func (e *Event) MoveWeek(year int, month time.Month, day int, before, after *time.Location) {
	if zeroIfOutOfRange(e.StartsAtMillis) == 0 {
		e.SetWeek(year, month, day, after)
		return
	}
	y, m, d := time.UnixMilli(e.StartsAtMillis).In(before).Date()
	date := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	days := int(date(year, month, day).Sub(date(y, m, d)) / (24 * time.Hour))
	for _, ms := range e.Times() {
		if *ms == 0 {
			continue
		}
		t := time.UnixMilli(*ms).In(before)
		y, m, d := t.Date()
		moved := time.Date(y, m, d+days, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), after)
		if t.Equal(dayStart(y, m, d, before)) {
			moved = dayStart(y, m, d+days, after)
		}
		*ms = moved.UnixMilli()
	}
}

// Phase is the part of its week in which an event is.
type Phase string

// The phases, in their order. An event without dates is in PhaseOpen until it is
// closed.
const (
	PhaseBefore    Phase = "before"    // it has not begun, but questions are accepted
	PhaseOpen      Phase = "open"      // questions are open
	PhaseAnswering Phase = "answering" // and the authors answer
	PhaseChoosing  Phase = "choosing"  // the answers are given; the authors are about to choose
	PhaseChosen    Phase = "chosen"    // the hour of choosing has come; questions are still open
	PhaseOver      Phase = "over"      // the last day has passed
	PhaseClosed    Phase = "closed"    // no new posts; late posts from other devices need approval
)

// Phase returns the current phase, and which phase comes next and when. next is "" if no later phase has
// a time.
func (e *Event) Phase(nowMillis int64) (now, next Phase, atMillis int64) {
	if e.Closed {
		return PhaseClosed, "", 0
	}
	dated := e.withConsistentTimes()
	e = &dated
	begins := []struct {
		phase Phase
		at    int64
	}{
		{PhaseOpen, e.StartsAtMillis},
		{PhaseAnswering, e.AnswersFromMillis},
		{PhaseChoosing, e.AnswersUntilMillis},
		{PhaseChosen, e.WinnersAtMillis},
		{PhaseOver, e.EndsAtMillis},
	}
	now = PhaseOpen
	if e.StartsAtMillis > nowMillis {
		now = PhaseBefore
	}
	// Times that were set separately can be in any order. The current phase is the last one of the list
	// whose time has come; the next one is the earliest of those after it in the list.
	ahead := 0
	for i, b := range begins {
		if b.at != 0 && b.at <= nowMillis {
			now, ahead = b.phase, i+1
		}
	}
	for _, b := range begins[ahead:] {
		if b.at > nowMillis && (next == "" || b.at < atMillis) {
			next, atMillis = b.phase, b.at
		}
	}
	return now, next, atMillis
}

// LastDay returns the last day of what ends at a time, by the calendar of a zone, and whether it lasts until
// the end of that day. Something that ends at midnight ends on the day before it. The end of a day may be
// written to the minute, second or millisecond.
func LastDay(ms int64, zone *time.Location) (day time.Time, whole bool) {
	t := time.UnixMilli(ms).In(zone)
	year, month, d := t.Date()
	if t.Equal(dayStart(year, month, d, zone)) {
		return t.Add(-time.Millisecond), true
	}
	return t, dayStart(year, month, d+1, zone).Sub(t) <= time.Minute
}

// EndOfDayWords follow the name of a day until whose end something lasts.
const EndOfDayWords = ", end of day"

// endOfDay is the time of day that stands for the end of a day where people type a deadline.
const endOfDay = "T23:59"

// isDeadline reports whether the time with this key (see Event.Times) is when something ends.
func isDeadline(key string) bool { return key == schema.KeyAnswersUntil || key == schema.KeyEndsAt }

// ParseTime reads one of an event's times, as people type it: see ParseWallClock. A deadline may also be a
// day; that and 23:59 mean until the end of the day. key is that of Event.Times.
func ParseTime(key, typed string, zone *time.Location) (ms int64, err error) {
	if isDeadline(key) {
		if day, err := time.Parse(time.DateOnly, strings.TrimSuffix(typed, endOfDay)); err == nil {
			return dayStart(day.Year(), day.Month(), day.Day()+1, zone).UnixMilli() - 1, nil
		}
	}
	return ParseWallClock(typed, zone)
}

// TypedTime returns one of an event's times in the form in which ParseTime reads it; "" if the time is not
// set.
func TypedTime(key string, ms int64, zone *time.Location) string {
	switch day, whole := LastDay(ms, zone); {
	case ms == 0:
		return ""
	case isDeadline(key) && whole:
		return day.Format(time.DateOnly) + endOfDay
	}
	return time.UnixMilli(ms).In(zone).Format(WallClock)
}

// Days returns the days of an event by the calendar of a zone: "9 to 13 November 2026"; "" if the first
// day is not set.
func (e Event) Days(zone *time.Location) string {
	e = e.Consistent()
	if e.StartsAtMillis == 0 {
		return ""
	}
	from := time.UnixMilli(e.StartsAtMillis).In(zone)
	if e.EndsAtMillis <= e.StartsAtMillis {
		return from.Format("2 January 2006")
	}
	until, _ := LastDay(e.EndsAtMillis, zone)
	return datesInWords(from, until)
}

// datesInWords names the days from one to another: "9 to 13 November 2026".
func datesInWords(from, until time.Time) string {
	switch {
	case from.Year() != until.Year():
		return from.Format("2 January 2006") + " to " + until.Format("2 January 2006")
	case from.Month() != until.Month():
		return from.Format("2 January") + " to " + until.Format("2 January 2006")
	case from.Day() == until.Day():
		return from.Format("2 January 2006")
	}
	return from.Format("2") + " to " + until.Format("2 January 2006")
}

// DaysInWords says on which days of a week people do what. A part is "" if the event does not have its
// times.
type DaysInWords struct {
	Asking    string // "from Monday to Friday": people can ask
	Answering string // "from Monday to Thursday": the authors answer
	Choosing  string // "Friday": the authors choose the winners
	Weekdays  bool   // days are named by weekdays, otherwise by dates
}

// DaysInWords describes the days of an event by the calendar of a zone. It names weekdays if all times are
// within seven days, so that a name says which day it is.
func (e *Event) DaysInWords(zone *time.Location) DaysInWords {
	dated := e.withConsistentTimes()
	at := func(ms int64) time.Time { return time.UnixMilli(ms).In(zone) }
	var first, last time.Time
	for key, ms := range dated.Times() {
		if *ms == 0 {
			continue
		}
		day := at(*ms)
		if isDeadline(key) {
			day, _ = LastDay(*ms, zone)
		}
		if first.IsZero() || day.Before(first) {
			first = day
		}
		if day.After(last) {
			last = day
		}
	}
	if first.IsZero() {
		return DaysInWords{}
	}
	d := DaysInWords{Weekdays: last.Format(time.DateOnly) < first.AddDate(0, 0, 7).Format(time.DateOnly)}
	name := func(t time.Time) string {
		if d.Weekdays {
			return t.Format("Monday")
		}
		return t.Format("2 January 2006")
	}
	period := func(from, until int64) string {
		a := at(from)
		b, whole := LastDay(until, zone)
		clock := ""
		if !whole {
			clock = b.Format(", 15:04")
		}
		switch {
		case from == 0 && until == 0:
			return ""
		case until == 0:
			return "from " + name(a) + " on"
		case from == 0:
			return "until " + name(b) + clock
		case a.Format(time.DateOnly) == b.Format(time.DateOnly) && clock != "":
			return "on " + name(a) + b.Format(", until 15:04")
		case a.Format(time.DateOnly) == b.Format(time.DateOnly):
			return "on " + name(a)
		case d.Weekdays:
			return "from " + name(a) + " to " + name(b) + clock
		}
		return "from " + datesInWords(a, b) + clock
	}
	d.Asking = period(dated.StartsAtMillis, dated.EndsAtMillis)
	d.Answering = period(dated.AnswersFromMillis, dated.AnswersUntilMillis)
	if dated.WinnersAtMillis != 0 {
		d.Choosing = name(at(dated.WinnersAtMillis))
	}
	return d
}
