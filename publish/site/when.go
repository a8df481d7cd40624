package site

import (
	"time"
	_ "time/tzdata" // time zones, for systems that have no list of them

	"flyleaf/qa"
)

// days says on which days an event is, in its own zone.
func days(e *qa.Event) string { return e.Days(e.Location()) }

// moment is a time in a form for people (Words) and in RFC 3339 (Machine).
type moment struct{ Words, Machine string }

// written returns the time of a post in the event's zone; the zero moment when the time is not known.
// A time within the week has the weekday instead of the year.
func written(e *qa.Event, ms int64) moment {
	if ms == 0 {
		return moment{}
	}
	t := time.UnixMilli(ms).In(e.Location())
	layout := "2 Jan 2006, 15:04"
	if e.StartsAtMillis != 0 && ms >= e.StartsAtMillis && ms <= e.EndsAtMillis {
		layout = "Mon 2 Jan, 15:04"
	}
	return moment{t.Format(layout), t.UTC().Format(time.RFC3339)}
}

// day returns the heading above the questions of a day.
func day(e *qa.Event, ms int64) string {
	if ms == 0 {
		return ""
	}
	t := time.UnixMilli(ms).In(e.Location())
	if e.StartsAtMillis != 0 && ms >= e.StartsAtMillis && ms <= e.EndsAtMillis {
		return t.Format("Monday")
	}
	return t.Format("Monday 2 January 2006")
}
