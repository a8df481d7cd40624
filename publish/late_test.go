package publish

import (
	"strings"
	"testing"

	"flyleaf/qa"
)

// TestEditsAfterTheClosingAreNotPublished: for writers without a role, the text from before closing
// is published.
func TestEditsAfterTheClosingAreNotPublished(t *testing.T) {
	founder, stranger := qa.Identity(strings.Repeat("1a", 32)), qa.Identity(strings.Repeat("2b", 32))
	week := func(by qa.Identity, approved bool) qa.Week {
		return qa.NewWeek(
			qa.Event{ID: "event", Founder: founder, Title: "The Patient Ledger", Authors: "Ilse Marrow", StartsAtMillis: 1_788_000_000_000, Closed: true},
			[]qa.Post{{
				ID: "q", By: by, AtMillis: 1_788_000_000_000, Op: qa.OpID{Counter: 2}, Marks: qa.Marks{Approved: approved},
				Revisions: []qa.Revision{{Text: "At what sise?", Superseded: true}, {Text: "At what size?", Superseded: true}, {Text: "Buy lamps", Late: true}},
			}}, nil)
	}
	for _, c := range []struct {
		by       qa.Identity
		approved bool
		want     string
	}{{stranger, false, "At what size?"}, {stranger, true, "Buy lamps"}, {founder, false, "Buy lamps"}} {
		w := week(c.by, c.approved)
		if got := Publish(w).Threads[0].Text; got != c.want {
			t.Errorf("by %.4s, approved %v: %q", c.by, c.approved, got)
		}
		if got := w.Threads[0].Question.EditedAfterClosing; got != (c.want != "Buy lamps") {
			t.Errorf("by %.4s, approved %v: edited after the closing %v", c.by, c.approved, got)
		}
	}
}
