package qa

import "time"

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
	until := time.UnixMilli(e.EndsAtMillis).In(zone)
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
