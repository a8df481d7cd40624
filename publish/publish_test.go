package publish

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"flyleaf/internal/testfiles"
	"flyleaf/internal/testfixture"
	"flyleaf/markdown"
	"flyleaf/qa"
)

func TestReplyToIsThePublishedName(t *testing.T) {
	week := testfixture.Lamplight()
	ilse := week.Threads[0].Replies[0].By
	week.People[ilse] = qa.Person{ID: ilse, Name: "Ilse Marrow", PublishAs: "none"}
	if got := Publish(week).Threads[0].Replies[1].ReplyTo; got != "Anonymous" {
		t.Errorf("replies to %q", got)
	}
	week.Threads[0].Replies[0].Marks.Hidden = "spam"
	if got := Publish(week).Threads[0].Replies[0]; got.ReplyTo != "" || got.Name != "B. D. W." {
		t.Errorf("%+v", got)
	}
}

// TestPublishedIDsCannotBeClaimed: nobody can claim the published ID of another person's post by using its source.
func TestPublishedIDsCannotBeClaimed(t *testing.T) {
	week := testfixture.Lamplight()
	for i, imported := range []bool{true, false} {
		q := &week.Threads[i].Question
		q.Source, q.Imported = "jekyll:x#1", &imported
	}
	got := Publish(week)
	if got.Threads[0].ID != "jekyll:x#1" || got.Threads[1].ID != string(week.Threads[1].Question.ID) || got.Threads[1].DuplicateOf != "jekyll:x#1" {
		t.Errorf("%+v", got.Threads)
	}
}

// TestOnlyImportsArePublishedWithoutAName: the name of somebody who wrote a source into a post of their own stays.
func TestOnlyImportsArePublishedWithoutAName(t *testing.T) {
	week := testfixture.Lamplight()
	for i, imported := range []bool{true, false} {
		q := &week.Threads[i].Question
		q.Source, q.Imported, q.OnBehalfOf, q.Name = "jekyll:x#1", &imported, qa.NoName, qa.NoName
	}
	if got := Publish(week); got.Threads[0].Name != "" || got.Threads[1].Name != qa.NoName {
		t.Errorf("%q, %q", got.Threads[0].Name, got.Threads[1].Name)
	}
}

func TestGoldenCSVAndMarkdown(t *testing.T) {
	var b bytes.Buffer
	if err := WriteCSV(&b, testfixture.Lamplight()); err != nil {
		t.Fatal(err)
	}
	testfiles.Golden(t, "lamplight.csv", b.Bytes())
	b.Reset()
	if err := WriteMarkdown(&b, testfixture.Lamplight()); err != nil {
		t.Fatal(err)
	}
	testfiles.Golden(t, "lamplight.md", b.Bytes())
	// Two threads, whatever the posts contain.
	if n := strings.Count(string(markdown.HTML(b.String())), "<blockquote>"); n != 4 {
		t.Errorf("%d quotations\n%s", n, b.Bytes())
	}
}

// TestCSVIsUnchangedByAReader: any cell is the same after reading the CSV, and no cell begins like a
// formula.
func TestCSVIsUnchangedByAReader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`'{0,3}[=+\-@\t\n＝＋－＠",;]?[a-z"\n]{0,5}`)).Draw(t, "text")
		week := testfixture.Lamplight()
		week.Threads[0].Question.Revisions[0].Text = text
		var b bytes.Buffer
		if err := WriteCSV(&b, week); err != nil {
			t.Fatal(err)
		}
		words, marked := bytes.CutPrefix(b.Bytes(), []byte("\xef\xbb\xbf"))
		if !marked {
			t.Fatal("without a byte order mark Excel takes it for another encoding")
		}
		rows, err := csv.NewReader(bytes.NewReader(words)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		cell := rows[1][7]
		if cell != "" && strings.ContainsRune("=+-@\t\n\r＝＋－＠", []rune(cell)[0]) {
			t.Fatalf("the cell is %q", cell)
		}
		if bare := strings.TrimLeft(cell, "'"); bare != "" && strings.ContainsRune("=+-@\t\n＝＋－＠", []rune(bare)[0]) {
			cell = strings.TrimPrefix(cell, "'")
		}
		if want := strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"); cell != want {
			t.Fatalf("got %q, want %q", cell, want)
		}
	})
}

// TestSlug: a week's slug has its first day in the week's own time zone.
func TestSlug(t *testing.T) {
	monday := time.Date(2021, 3, 8, 0, 0, 0, 0, time.FixedZone("", 3600)).UnixMilli()
	for _, c := range []struct {
		e    qa.Event
		want string
	}{
		{qa.Event{Title: "The Patient Ledger!", StartsAtMillis: monday, Zone: "Europe/Berlin"}, "20210308-the-patient-ledger"},
		{qa.Event{Title: "The Patient Ledger!", StartsAtMillis: monday}, "20210307-the-patient-ledger"},
		{qa.Event{Title: "  "}, "week"},
		{qa.Event{Title: "../Größe & C++"}, "größe-c"},
		{qa.Event{Title: strings.Repeat("wörd ", 50)}, strings.TrimRight(strings.Repeat("wörd-", 17)[:100], "-")},
	} {
		if got := Slug(&c.e); got != c.want {
			t.Errorf("%q gives %q, want %q", c.e.Title, got, c.want)
		}
	}
}

// TestMarkdownDays: the days of a week are those in the week's own time zone, as in every other format.
func TestMarkdownDays(t *testing.T) {
	week := testfixture.Lamplight()
	week.Event.Zone = "Europe/Berlin"
	week.Event.StartsAtMillis -= 3600_000 // Monday, 00:00 in Berlin
	week.Event.EndsAtMillis -= 3600_000
	var b bytes.Buffer
	if err := WriteMarkdown(&b, week); err != nil || !strings.Contains(b.String(), "\n9 November 2026 to 13 November 2026\n") {
		t.Errorf("%v\n%.300s", err, b.Bytes())
	}
}
