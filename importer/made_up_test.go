package importer

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"flyleaf/internal/testfiles"
	"flyleaf/internal/testfixture"
	"flyleaf/publish"
	"flyleaf/qa"
)

const monday = 1_615_161_600_000 // 2021-03-08

// halfTimed returns a week in which two messages have exactly the placeholder times of the second and third
// message, and two have no time.
func halfTimed(t *testing.T) qa.Imported {
	t.Helper()
	im, err := ReadJekyll("week.md", []byte(`---
title: The Patient Ledger
authors: [Ilse Marrow]
start: 2021-03-08 00:00:00
end: 2021-03-12 00:00:00
archive:
- {name: Tino, text: "Nobody knows when."}
- {name: Ada, text: "At two seconds past midnight.", time: 2021-03-08 00:00:02}
- {name: Orla, text: "At three seconds past midnight.", time: 2021-03-08 00:00:03}
- {name: Tino, text: "Nobody knows when, either."}
---
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

// published returns the published times, each with the first words of its message.
func published(week qa.Week) string {
	var out []string
	for _, th := range publish.Publish(week).Threads {
		s := "?"
		if th.AtMillis != 0 {
			s = fmt.Sprint(th.AtMillis - monday)
		}
		out = append(out, strings.Fields(th.Text)[0]+" "+s)
	}
	return strings.Join(out, ", ")
}

// TestPlaceholderTimesAreNotPublished: a placeholder time is not published and a known time is, even if
// they are equal, in each format and after importing that format again.
func TestPlaceholderTimesAreNotPublished(t *testing.T) {
	week := testfixture.AsWeek(halfTimed(t))
	const want = "Nobody ?, At 2000, At 3000, Nobody ?"
	if got := published(week); got != want {
		t.Fatalf("published: %s", got)
	}
	later := week
	later.Event.StartsAtMillis += 1000 // the organiser corrects the first moment
	if got := published(later); got != want {
		t.Errorf("with another first moment: %s", got)
	}
	var csv bytes.Buffer
	if err := publish.WriteCSV(&csv, week); err != nil || !strings.Contains(csv.String(), "2021-03-08T00:00:02Z") || strings.Contains(csv.String(), "00:00:01Z") {
		t.Errorf("CSV: %v\n%s", err, csv.Bytes())
	}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"jekyll":         func(b *bytes.Buffer) error { return publish.WriteJekyll(b, week) },
		"json":           func(b *bytes.Buffer) error { return publish.WriteJSON(b, week) },
		"published json": func(b *bytes.Buffer) error { return publish.WritePublishedJSON(b, week) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		im, err := Read("week", b.Bytes(), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := published(testfixture.AsWeek(im)); got != want {
			t.Errorf("%s, read back: %s", name, got)
		}
		for i, p := range im.Posts {
			if known := p.AtMillis != 0; known != (i == 1 || i == 2) {
				t.Errorf("%s, read back: message %d has the time %d", name, i, p.AtMillis)
			}
		}
	}
}

// TestEarlierImportsKeepTheirRule: posts that an earlier version imported do not say whether their times are
// known. Times that could be placeholders are not published. Exports of such a week, by that version or by
// this one, are read in the same way.
func TestEarlierImportsKeepTheirRule(t *testing.T) {
	week := testfixture.AsWeek(halfTimed(t))
	for i := range week.Threads {
		week.Threads[i].Question.X = nil
	}
	const want = "Nobody ?, At ?, At ?, Nobody ?"
	if got := published(week); got != want {
		t.Errorf("published: %s", got)
	}
	var b bytes.Buffer
	if err := publish.WriteJSON(&b, week); err != nil {
		t.Fatal(err)
	}
	im, err := ReadJSON("week.json", b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got := published(testfixture.AsWeek(im)); got != want {
		t.Errorf("read back: %s", got)
	}
	before, err := ReadJSON("before", testfiles.Read(t, "tides.week.before.json"))
	if err != nil {
		t.Fatal(err)
	}
	now, err := ReadJSON("now", testfiles.Read(t, "tides.week.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range before.Posts {
		if before.Posts[i].AtMillis != now.Posts[i].AtMillis || before.Posts[i].Source != now.Posts[i].Source || before.Posts[i].Parent != now.Posts[i].Parent {
			t.Errorf("message %d: %+v, now %+v", i, before.Posts[i], now.Posts[i])
		}
	}
	if len(before.Posts) != len(now.Posts) {
		t.Errorf("%d messages, now %d", len(before.Posts), len(now.Posts))
	}
}
