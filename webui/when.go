package webui

import (
	"fmt"
	"strconv"
	"time"

	// Zones by name must be known where the system has no list of them: in a
	// browser, in a small container.
	_ "time/tzdata"

	"flyleaf/qa"
)

// moment is a time as a page shows it: words for people, and RFC 3339 for machines.
type moment struct{ Words, Machine string }

// calendar formats the times of one event in the event's zone, so that days on the page
// are the days of the week's schedule.
type calendar struct {
	zone *time.Location
	now  time.Time
}

func (s *server) calendar(e qa.Event) calendar {
	c := calendar{zone: s.zone, now: s.now()}
	if e.Zone != "" {
		if z, err := qa.LoadZone(e.Zone); err == nil {
			c.zone = z
		}
	}
	return c
}

func (c calendar) at(millis int64) time.Time { return time.UnixMilli(millis).In(c.zone) }

// moment formats a time as "Mon 09:04" within six days of now, otherwise with the date, and
// with the year if it is another year. A time outside the years 1 to 9998 is called invalid.
func (c calendar) moment(millis int64) moment {
	t := c.at(millis)
	if y := t.UTC().Year(); y < 1 || y > 9998 {
		return moment{Words: "at an invalid time"}
	}
	layout := "Mon 15:04"
	if d := c.now.Sub(t); d > 6*24*time.Hour || d < -6*24*time.Hour {
		layout = "2 Jan 15:04"
		if t.Year() != c.now.In(c.zone).Year() {
			layout = "2 Jan 2006 15:04"
		}
	}
	return moment{Words: t.Format(layout), Machine: t.UTC().Format(time.RFC3339)}
}

// clock formats a time of the same day as "09:04:05", another one as moment does.
func (c calendar) clock(millis int64) string {
	if t, now := c.at(millis), c.now.In(c.zone); t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format(time.TimeOnly)
	}
	return c.moment(millis).Words
}

// unknownTime is shown for a post whose time an import made up.
const unknownTime = "time not known"

// timeUnknown reports whether an import made up the time of a post.
func (v *weekView) timeUnknown(p *qa.PostView) bool {
	return p.TimeUnknown(&v.Event, len(v.threadIndex))
}

// writtenAt returns the time of a post as pages show it.
func (v *weekView) writtenAt(p *qa.PostView) moment {
	if v.timeUnknown(p) {
		return moment{Words: unknownTime}
	}
	return v.cal.moment(p.AtMillis)
}

// revisedAt returns the time of a revision of a post. The first revision was written
// together with the post.
func (v *weekView) revisedAt(p *qa.PostView, r *qa.Revision) moment {
	if r.ID == p.Revisions[0].ID {
		return v.writtenAt(p)
	}
	return v.cal.moment(r.AtMillis)
}

// day returns the heading of a day, and a key that is different for every day.
func (c calendar) day(millis int64) (key, title string) {
	t := c.at(millis)
	key = t.Format(time.DateOnly)
	now := c.now.In(c.zone)
	switch {
	case key == now.Format(time.DateOnly):
		return key, "Today"
	case now.Sub(t) >= 0 && now.Sub(t) < 6*24*time.Hour:
		return key, t.Format("Monday")
	}
	return key, c.dayOf(t)
}

// days writes "9 to 13 November 2026".
func (c calendar) days(e qa.Event) string { return e.Days(c.zone) }

// weekday is one point of the week's line.
type weekday struct {
	Name, Note string
	Class      string
	Today      bool
}

// maxWeekdays is the maximum number of days that the week's line shows. A longer week has
// no line.
const maxWeekdays = 7

func (c calendar) weekline(e qa.Event) []weekday {
	if e = e.Consistent(); e.StartsAtMillis == 0 {
		return nil
	}
	from, until := c.at(e.StartsAtMillis), c.at(max(e.StartsAtMillis, e.EndsAtMillis))
	today := c.now.In(c.zone).Format(time.DateOnly)
	if e.EndsAtMillis != 0 {
		until, _ = qa.LastDay(e.EndsAtMillis, c.zone)
	}
	last := until.Format(time.DateOnly)
	note := map[string]string{}
	mark := func(day time.Time, words string) {
		if key := day.Format(time.DateOnly); note[key] != "" {
			note[key] += ", " + words
		} else {
			note[key] = words
		}
	}
	mark(from, "starts")
	if e.AnswersUntilMillis != 0 {
		day, _ := qa.LastDay(e.AnswersUntilMillis, c.zone)
		mark(day, "last answers")
	}
	if e.WinnersAtMillis != 0 {
		mark(c.at(e.WinnersAtMillis), "winners chosen")
	}
	var out []weekday
	for d := time.Date(from.Year(), from.Month(), from.Day(), 12, 0, 0, 0, c.zone); ; d = d.AddDate(0, 0, 1) {
		key := d.Format(time.DateOnly)
		if key > last {
			break
		}
		if len(out) == maxWeekdays {
			return nil
		}
		w := weekday{Name: d.Format("Mon 2"), Note: note[key], Today: key == today}
		switch {
		case key < today:
			w.Class = "done"
		case w.Today:
			w.Class, w.Note = "today", "today"
			if note[key] != "" {
				w.Note += ", " + note[key]
			}
		}
		if e.WinnersAtMillis != 0 && key == c.at(e.WinnersAtMillis).Format(time.DateOnly) {
			w.Class += " choosing"
		}
		out = append(out, w)
	}
	return out
}

// today says which day of the week it is: "day 3 of 5"; "" outside the week.
func today(line []weekday) string {
	for i, d := range line {
		if d.Today && len(line) > 1 {
			return fmt.Sprintf("day %d of %d", i+1, len(line))
		}
	}
	return ""
}

// phaseStartWords describes the beginning of each phase of a week.
var phaseStartWords = map[qa.Phase]string{
	qa.PhaseOpen:      "Week starts",
	qa.PhaseAnswering: "Authors start answering",
	qa.PhaseChoosing:  "Last answers",
	qa.PhaseChosen:    "Winners are chosen",
	qa.PhaseOver:      "Week ends",
}

// nextPhaseWords names the next phase of the week and its beginning, in the reader's time
// zone; "" when no later phase begins at a set time.
func (s *server) nextPhaseWords(e qa.Event, c calendar) string {
	_, next, at := e.Phase(c.now.UnixMilli())
	elsewhere := s.zoneToName(e, c) != ""
	if next == "" || next == qa.PhaseOpen && !elsewhere { // phase says when a week starts
		return ""
	}
	when := c.dayAndTime(time.UnixMilli(at).In(s.zone))
	if next == qa.PhaseChoosing || next == qa.PhaseOver {
		when = c.deadline(at, s.zone)
	}
	words := phaseStartWords[next] + ": " + when
	if elsewhere {
		words += " (your time)"
	}
	return words + "."
}

// dayAndTime writes "Monday 2 January, 15:04".
func (c calendar) dayAndTime(t time.Time) string { return c.dayOf(t) + t.Format(", 15:04") }

// snoozeTimes lists until when a question can be saved for later. The values are times in ms. answersUntil is when
// answers are due, in ms; 0 for no time.
func (c calendar) snoozeTimes(answersUntil int64) []choice {
	now := c.now.In(c.zone)
	morning := func(days int) time.Time {
		return time.Date(now.Year(), now.Month(), now.Day()+days, 9, 0, 0, 0, c.zone)
	}
	out := []choice{{Words: "until I move it back"}}
	add := func(words string, t time.Time) {
		out = append(out, choice{ID: strconv.FormatInt(t.UnixMilli(), 10), Words: words + t.Format("15:04")})
	}
	add("for an hour, until ", now.Add(time.Hour))
	if evening := time.Date(now.Year(), now.Month(), now.Day(), 18, 0, 0, 0, c.zone); evening.Sub(now) > time.Hour {
		add("until this evening, ", evening)
	}
	add("until tomorrow, ", morning(1))
	monday := 7 - (int(now.Weekday())+6)%7 // in days
	last := 0
	if answersUntil != 0 {
		day, _ := qa.LastDay(answersUntil, c.zone)
		last = int(time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC).Sub(time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)).Hours() / 24)
	}
	if last > 1 && morning(last).UnixMilli() < answersUntil {
		add("until "+c.dayOf(morning(last))+", ", morning(last))
	}
	if monday > 1 && monday != last {
		add("until "+c.dayOf(morning(monday))+", ", morning(monday))
	}
	return out
}

// deadline writes when something ends, in a time zone: "Thursday 12 November, end of day".
func (c calendar) deadline(millis int64, zone *time.Location) string {
	day, whole := qa.LastDay(millis, zone)
	if whole {
		return c.dayOf(day) + qa.EndOfDayWords
	}
	return c.dayAndTime(day)
}

// dayOf writes "Monday 2 January", with the year when it is not this one.
func (c calendar) dayOf(t time.Time) string {
	if t.Year() != c.now.In(t.Location()).Year() {
		return t.Format("Monday 2 January 2006")
	}
	return t.Format("Monday 2 January")
}

// phase says whether questions are open now: a part in bold, and the rest.
func (c calendar) phase(e qa.Event) (bold, rest string) {
	e = e.Consistent()
	now := c.now.UnixMilli()
	full := func(millis int64) string { return c.dayOf(c.at(millis)) }
	switch {
	case e.Closed:
		return "This week is closed.", "No new posts are accepted."
	case e.StartsAtMillis != 0 && now < e.StartsAtMillis:
		return "Starts on " + full(e.StartsAtMillis) + ".", "You can already ask."
	case e.EndsAtMillis != 0 && now > e.EndsAtMillis:
		return "The week is over.", "Questions and replies are still accepted until an organiser closes it."
	case e.EndsAtMillis != 0:
		return "Questions are open", "until " + c.deadline(e.EndsAtMillis, c.zone) + "." + prizes(e)
	}
	return "Questions are open.", prizes(e)
}

func prizes(e qa.Event) string {
	switch e.Prizes {
	case 0:
		return ""
	case 1:
		return " One copy to win."
	}
	if words := []string{"Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten"}; e.Prizes-2 < uint64(len(words)) {
		return " " + words[e.Prizes-2] + " copies to win."
	}
	return fmt.Sprintf(" %d copies to win.", e.Prizes)
}

// zoneToName returns the name of the event's zone, or "" when the reader's clock shows the
// same time.
func (s *server) zoneToName(e qa.Event, c calendar) string {
	_, here := c.now.In(s.zone).Zone()
	_, there := c.now.In(c.zone).Zone()
	if here == there {
		return ""
	}
	return c.zone.String()
}
