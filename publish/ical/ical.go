// Package ical writes the days of a week as iCalendar (RFC 5545), for its readers and for
// its authors.
//
// An entry's UID never changes. When a calendar is written again (Update), an unchanged entry keeps
// its bytes, and a changed entry gets a higher SEQUENCE, so that calendar programs replace it.
package ical

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"flyleaf/qa"
)

// Type is the media type of iCalendar.
const Type = "text/calendar; charset=utf-8"

// Calendar is a list of entries with a name.
type Calendar struct {
	Name    string
	Entries []Entry
}

// Entry is one entry of a calendar.
type Entry struct {
	UID         string // never changes
	Summary     string
	Description string
	URL         string
	// If Days is set, the entry lasts from the day of Start to the day of End, both included, in
	// their time zones. Otherwise it lasts from Start to End.
	Start, End time.Time
	Days       bool
	Alarms     []Alarm
	Cancelled  bool
	// Sequence is the minimum SEQUENCE to write.
	Sequence int
}

// Alarm is a reminder of an entry.
type Alarm struct {
	After time.Duration // after the entry's start; negative: before it
	Text  string
}

// Readers returns a week's entries for a reader's calendar: its days, with a reminder on the first
// morning, and the choosing of winners if its time is set; none for a week without days. id is the
// event ID; url is the address of the week's page.
func Readers(event *qa.Event, id, url string) []Entry {
	consistent := event.Consistent()
	e := &consistent
	days, ok := weekDays(e)
	if !ok {
		return nil
	}
	days.UID, days.URL = id+"-readers@flyleaf", url
	days.Summary = "Book of the week: " + e.Title
	days.Description = about(e, "Ask the authors anything about the book.", url)
	days.Alarms = []Alarm{{9 * time.Hour, "Questions are open: " + e.Title}}
	return append([]Entry{days}, moments(e, id, "readers", url)...)
}

// Authors returns a week's entries for an author's calendar: its days, when the last answers
// are due, and when to choose winners. See Readers for the arguments.
func Authors(event *qa.Event, id, url string) []Entry {
	consistent := event.Consistent()
	e := &consistent
	days, ok := weekDays(e)
	if !ok {
		return nil
	}
	days.UID, days.URL = id+"-authors@flyleaf", url
	days.Summary = "Answer questions: " + e.Title
	days.Description = about(e, "Readers ask about your book. Answers can be written without a network and are sent later.", url)
	days.Alarms = []Alarm{{-15 * time.Hour, "Tomorrow readers begin to ask: " + e.Title}, {9 * time.Hour, "Questions are open: " + e.Title}}
	out := []Entry{days}
	if e.AnswersUntilMillis != 0 {
		at := time.UnixMilli(e.AnswersUntilMillis).UTC().Round(time.Minute) // a day may end a millisecond before midnight
		out = append(out, Entry{
			UID: id + "-answers-until@flyleaf", URL: url, Summary: "Last answers: " + e.Title, Start: at.Add(-time.Hour), End: at,
			Description: about(e, "Questions that are not answered by now stay open.", url), Alarms: []Alarm{{-time.Hour, "The last answers are due: " + e.Title}},
		})
	}
	return append(out, moments(e, id, "authors", url)...)
}

// OfWeek writes the days of a week as a calendar, for its readers or its authors; nil when it has
// none. Changed entries get a higher SEQUENCE than in previous. Without previous, SEQUENCE is
// Event.Edits.
func OfWeek(e *qa.Event, authors bool, url string, previous []byte, now time.Time) []byte {
	entries := Readers(e, string(e.ID), url)
	if authors {
		entries = Authors(e, string(e.ID), url)
	}
	if len(entries) == 0 {
		return nil
	}
	if previous == nil {
		for i := range entries {
			entries[i].Sequence = e.Edits
		}
	}
	return Update(previous, Calendar{Name: e.Title, Entries: entries}, now)
}

func weekDays(e *qa.Event) (Entry, bool) {
	if e.StartsAtMillis == 0 {
		return Entry{}, false
	}
	zone := e.Location()
	start := time.UnixMilli(e.StartsAtMillis).In(zone)
	end := start
	if e.EndsAtMillis > e.StartsAtMillis {
		end, _ = qa.LastDay(e.EndsAtMillis, zone)
	}
	return Entry{Start: start, End: end, Days: true}, true
}

func moments(e *qa.Event, id, whose, url string) []Entry {
	if e.WinnersAtMillis == 0 {
		return nil
	}
	at := time.UnixMilli(e.WinnersAtMillis).UTC()
	return []Entry{{
		UID: id + "-" + whose + "-winners@flyleaf", URL: url, Summary: "The winners: " + e.Title, Start: at, End: at.Add(30 * time.Minute),
		Description: about(e, "The authors choose who gets a copy.", url),
	}}
}

func about(e *qa.Event, what, url string) string {
	s := e.Title
	if e.Authors != "" {
		s += " by " + e.Authors
	}
	s += "\n" + what
	if url != "" {
		s += "\n" + url
	}
	return s
}

// Update writes a calendar. previous is the calendar that the last Update wrote, nil the first time.
// An unchanged entry keeps its bytes. A changed entry gets the next SEQUENCE, and now as its DTSTAMP. Entries of previous that are not in c are left out.
func Update(previous []byte, c Calendar, now time.Time) []byte {
	before := read(previous)
	var b bytes.Buffer
	line(&b, "BEGIN:VCALENDAR")
	line(&b, "VERSION:2.0")
	line(&b, "PRODID:-//Flyleaf//Flyleaf//EN")
	line(&b, "CALSCALE:GREGORIAN")
	line(&b, "METHOD:PUBLISH")
	if c.Name != "" {
		line(&b, "NAME:"+escape(c.Name))
		line(&b, "X-WR-CALNAME:"+escape(c.Name))
	}
	for i := range c.Entries {
		e := &c.Entries[i]
		body := e.body()
		sum := sha256.Sum256(body)
		last, known := before[e.UID]
		last.sequence = max(last.sequence, 0)
		hash := hex.EncodeToString(sum[:8])
		stamp, sequence := now.UTC().Format(utcForm), e.Sequence
		switch {
		case known && last.hash == hash && last.sequence >= e.Sequence:
			stamp, sequence = last.stamp, last.sequence
		case known:
			sequence = max(e.Sequence, last.sequence+1)
		}
		line(&b, "BEGIN:VEVENT")
		line(&b, "UID:"+escape(e.UID))
		line(&b, "DTSTAMP:"+stamp)
		line(&b, "SEQUENCE:"+strconv.Itoa(sequence))
		line(&b, "X-FLYLEAF-HASH:"+hash)
		b.Write(body)
		line(&b, "END:VEVENT")
	}
	line(&b, "END:VCALENDAR")
	return b.Bytes()
}

const utcForm = "20060102T150405Z"

// body writes an entry without its UID and its version.
func (e *Entry) body() []byte {
	var b bytes.Buffer
	if e.Days {
		line(&b, "DTSTART;VALUE=DATE:"+e.Start.Format("20060102"))
		line(&b, "DTEND;VALUE=DATE:"+e.End.AddDate(0, 0, 1).Format("20060102"))
		line(&b, "TRANSP:TRANSPARENT")
	} else {
		line(&b, "DTSTART:"+e.Start.UTC().Format(utcForm))
		line(&b, "DTEND:"+e.End.UTC().Format(utcForm))
	}
	line(&b, "SUMMARY:"+escape(e.Summary))
	if e.Description != "" {
		line(&b, "DESCRIPTION:"+escape(e.Description))
	}
	if e.URL != "" {
		line(&b, "URL:"+strings.Map(printable, e.URL))
	}
	status := "CONFIRMED"
	if e.Cancelled {
		status = "CANCELLED"
	}
	line(&b, "STATUS:"+status)
	for _, a := range e.Alarms {
		line(&b, "BEGIN:VALARM")
		line(&b, "ACTION:DISPLAY")
		line(&b, "TRIGGER:"+duration(a.After))
		line(&b, "DESCRIPTION:"+escape(a.Text))
		line(&b, "END:VALARM")
	}
	return b.Bytes()
}

// duration writes whole minutes as in RFC 5545: -PT15H, PT30M.
func duration(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	h, m := int(d.Hours()), int(d.Minutes())%60
	switch {
	case m == 0:
		return fmt.Sprintf("%sPT%dH", sign, h)
	case h == 0:
		return fmt.Sprintf("%sPT%dM", sign, m)
	}
	return fmt.Sprintf("%sPT%dH%dM", sign, h, m)
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return -1
	}
	return r
}

var escaper = strings.NewReplacer("\\", `\\`, ";", `\;`, ",", `\,`, "\n", `\n`)

// escape writes a text value (RFC 5545, 3.3.11), without control characters.
func escape(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n"), "\r", "\n")
	s = strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return printable(r)
	}, s)
	return escaper.Replace(s)
}

// maxLine is how many bytes a line may have without its line end (RFC 5545, 3.1).
const maxLine = 75

// line writes a content line. A line that is too long is folded between characters.
func line(b *bytes.Buffer, s string) {
	limit := maxLine
	for len(s) > limit {
		cut := limit
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		b.WriteString(s[:cut] + "\r\n ")
		s, limit = s[cut:], maxLine-1
	}
	b.WriteString(s + "\r\n")
}

// version is the version of an entry that was written before.
type version struct {
	stamp, hash string
	sequence    int
}

// maxRead bounds the bytes that Update reads back.
const maxRead = 16 << 20

// read finds the versions of the entries in a calendar that Update wrote. It finds none in a damaged
// file or a file of another program.
func read(b []byte) map[string]version {
	out := map[string]version{}
	if len(b) > maxRead {
		return out
	}
	var uid string
	var v version
	for l := range strings.SplitSeq(strings.ReplaceAll(string(b), "\r\n ", ""), "\r\n") {
		name, value, _ := strings.Cut(l, ":")
		switch name {
		case "BEGIN":
			if value == "VEVENT" {
				uid, v = "", version{}
			}
		case "UID":
			uid = strings.NewReplacer(`\\`, `\`, `\;`, ";", `\,`, ",").Replace(value)
		case "DTSTAMP":
			v.stamp = value
		case "X-FLYLEAF-HASH":
			v.hash = value
		case "SEQUENCE":
			n, err := strconv.Atoi(value)
			if err != nil || n > 1<<30 {
				n = 0
			}
			v.sequence = n
		case "END":
			if _, err := time.Parse(utcForm, v.stamp); value == "VEVENT" && uid != "" && err == nil {
				out[uid] = v
			}
		}
	}
	return out
}
