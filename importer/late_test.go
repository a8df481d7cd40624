package importer

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"flyleaf/publish"
	"flyleaf/qa"
)

// TestLatePostsAreNotPublished: late posts are not published in any format until they are approved. The
// private export marks them, and an import leaves them out.
func TestLatePostsAreNotPublished(t *testing.T) {
	founder, stranger := qa.Identity(strings.Repeat("1a", 32)), qa.Identity(strings.Repeat("2b", 32))
	const spam = "Buy lamps at night"
	week := func(approved bool) qa.Week {
		return qa.NewWeek(
			qa.Event{ID: "event", Founder: founder, Title: "The Patient Ledger", Authors: "Ilse Marrow", StartsAtMillis: 1_788_000_000_000, Closed: true},
			[]qa.Post{
				{ID: "q", By: stranger, AtMillis: 1_788_000_000_000, Op: qa.OpID{Counter: 2}, Revisions: []qa.Revision{{Text: "At what size?"}}},
				{ID: "s", By: stranger, AtMillis: 1_788_000_000_001, Op: qa.OpID{Counter: 1}, Late: true, Marks: qa.Marks{Approved: approved}, Revisions: []qa.Revision{{Text: spam}}},
				{ID: "r", Parent: "q", By: stranger, AtMillis: 1_788_000_000_002, Op: qa.OpID{Counter: 3}, Late: true, Marks: qa.Marks{Approved: approved}, Revisions: []qa.Revision{{Text: spam}}},
			}, nil)
	}
	for name, write := range map[string]func(io.Writer, qa.Week) error{
		"jekyll": publish.WriteJekyll, "json": publish.WritePublishedJSON, "csv": func(w io.Writer, week qa.Week) error { return publish.WriteCSV(w, week) }, "markdown": publish.WriteMarkdown,
	} {
		for _, approved := range []bool{false, true} {
			var b bytes.Buffer
			if err := write(&b, week(approved)); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(b.String(), spam); (n == 2) != approved || (n == 0) == approved {
				t.Errorf("%s, approved %v: it is there %d times", name, approved, n)
			}
		}
	}
	var b bytes.Buffer
	if err := publish.WriteJSON(&b, week(false)); err != nil || strings.Count(b.String(), spam) != 2 || strings.Count(b.String(), `"afterClosing": true`) != 2 {
		t.Errorf("%v %s", err, b.String())
	}
	im, err := ReadJSON("week.json", b.Bytes())
	if err != nil || len(im.Posts) != 1 || len(im.Skipped) != 2 || !strings.Contains(im.Skipped[0].Reason, "after closing") {
		t.Errorf("%v %+v", err, im)
	}
}
