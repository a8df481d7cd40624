package ical

import (
	"bytes"
	"strings"
	"testing"
	"time"

	ical "github.com/arran4/golang-ical"

	"flyleaf/qa"
)

var (
	monday = time.Date(2026, 11, 9, 0, 0, 0, 0, time.UTC)
	now    = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
)

func event() *qa.Event {
	return &qa.Event{
		Title: "The Patient Ledger; or, how to — sleep", Authors: "Ilse Marrow, Teodor Anand", Zone: "Europe/Lisbon",
		StartsAtMillis: monday.UnixMilli(), EndsAtMillis: monday.AddDate(0, 0, 5).UnixMilli() - 1000,
		AnswersUntilMillis: monday.Add(3*24*time.Hour + 20*time.Hour).UnixMilli(), WinnersAtMillis: monday.Add(4*24*time.Hour + 16*time.Hour).UnixMilli(),
	}
}

const page = "https://books.example/books/20261109-the-patient-ledger.html"

// parse reads a calendar with a parser of another project.
func parse(t *testing.T, b []byte) *ical.Calendar {
	t.Helper()
	for l := range strings.SplitSeq(strings.TrimSuffix(string(b), "\r\n"), "\r\n") {
		if len(l) > 75 || strings.ContainsAny(l, "\r\n") || l == "" {
			t.Errorf("a line of %d octets: %q", len(l), l)
		}
	}
	c, err := ical.ParseCalendar(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return c
}

func value(e *ical.VEvent, p ical.ComponentProperty) string {
	if v := e.GetProperty(p); v != nil {
		return v.Value
	}
	return ""
}

func TestReadersAndAuthors(t *testing.T) {
	c := parse(t, Update(nil, Calendar{"The Lamplight Readers", append(Readers(event(), "E1", page), Authors(event(), "E1", page)...)}, now))
	if len(c.Events()) != 5 {
		t.Fatalf("%d entries", len(c.Events()))
	}
	uids := map[string]bool{}
	for _, e := range c.Events() {
		uids[e.Id()] = true
		if value(e, ical.ComponentPropertyDtstamp) != "20261101T120000Z" || value(e, ical.ComponentPropertySequence) != "0" || value(e, ical.ComponentPropertyUrl) != page {
			t.Errorf("%+v", e)
		}
	}
	if len(uids) != 5 {
		t.Errorf("UIDs %v", uids)
	}
	e := c.Events()[0]
	if s := value(e, ical.ComponentPropertySummary); s != "Book of the week: The Patient Ledger; or, how to — sleep" {
		t.Errorf("summary %q", s)
	}
	start, err := e.GetAllDayStartAt()
	if err != nil || start.Format(time.DateOnly) != "2026-11-09" {
		t.Errorf("it starts on %v, %v", start, err)
	}
	end, err := e.GetAllDayEndAt()
	if err != nil || end.Format(time.DateOnly) != "2026-11-14" { // RFC 5545: the day after
		t.Errorf("it ends on %v, %v", end, err)
	}
	if len(e.Alarms()) != 1 {
		t.Errorf("%d alarms", len(e.Alarms()))
	}
	last := c.Events()[3]
	if at, err := last.GetEndAt(); err != nil || !at.Equal(time.UnixMilli(event().AnswersUntilMillis)) {
		t.Errorf("the last answers are due %v, %v", at, err)
	}
	if Readers(&qa.Event{Title: "No days"}, "E", "") != nil {
		t.Error("a week without days is in the calendar")
	}
}

func TestSequence(t *testing.T) {
	c := Calendar{Entries: Readers(event(), "E1", page)}
	first := Update(nil, c, now)
	if again := Update(first, c, now.Add(time.Hour)); !bytes.Equal(again, first) {
		t.Errorf("nothing changed, and yet\n%s", again)
	}
	e := event()
	e.EndsAtMillis += 24 * 3600_000
	second := Update(first, Calendar{Entries: Readers(e, "E1", page)}, now.Add(time.Hour))
	events := parse(t, second).Events()
	if s := value(events[0], ical.ComponentPropertySequence); s != "1" {
		t.Errorf("the sequence is %s", s)
	}
	if s := value(events[1], ical.ComponentPropertySequence) + value(events[1], ical.ComponentPropertyDtstamp); s != "020261101T120000Z" {
		t.Errorf("an entry that stayed is %s", s)
	}
	third := Update(second, c, now.Add(2*time.Hour)) // and back
	if s := value(parse(t, third).Events()[0], ical.ComponentPropertySequence); s != "2" {
		t.Errorf("the sequence is %s", s)
	}
	c.Entries[0].Sequence = 9
	if s := value(parse(t, Update(third, c, now)).Events()[0], ical.ComponentPropertySequence); s != "9" {
		t.Errorf("the sequence is %s", s)
	}
	if b := Update([]byte("BEGIN:VEVENT\r\nUID:E1-readers@flyleaf\r\nDTSTAMP:x\r\nSEQUENCE:99999999999\r\nEND:VEVENT\r\n"), Calendar{Entries: Readers(event(), "E1", page)}, now); !bytes.Equal(b, first) {
		t.Errorf("a broken file is remembered:\n%s", b)
	}
}

func FuzzUpdate(f *testing.F) {
	f.Add("Title, with; all\\kinds\nof — things 🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊", []byte("x"))
	f.Fuzz(func(t *testing.T, title string, previous []byte) {
		e := event()
		e.Title = title
		b := Update(previous, Calendar{title, Authors(e, "E1", page)}, now)
		c := parse(t, b)
		if len(c.Events()) != 3 {
			t.Fatalf("%d entries", len(c.Events()))
		}
		if again := Update(b, Calendar{title, Authors(e, "E1", page)}, now.Add(time.Hour)); !bytes.Equal(again, b) {
			t.Fatalf("it changes when written again:\n%s\n%s", b, again)
		}
	})
}
