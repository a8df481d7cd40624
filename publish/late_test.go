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

// TestUnresolvedVersionsAreAllPublished: a post that was edited on two devices at once is published with both versions.
func TestUnresolvedVersionsAreAllPublished(t *testing.T) {
	w := qa.NewWeek(qa.Event{ID: "event", Founder: "f", Title: "T"}, []qa.Post{{
		ID: "q", By: "r", Op: qa.OpID{Counter: 2},
		Revisions: []qa.Revision{{Text: "first", Superseded: true}, {Text: "on the laptop"}, {Text: "on the phone"}},
	}}, nil)
	got := Publish(w).Threads[0].Text
	if !strings.Contains(got, "Edited on several devices at once") || !strings.Contains(got, "\n\non the laptop\n\n---\n\non the phone") || strings.Contains(got, "first") {
		t.Errorf("%q", got)
	}
	var b strings.Builder
	if err := WriteMarkdown(&b, w); err != nil || !strings.Contains(b.String(), "on the laptop") || !strings.Contains(b.String(), "on the phone") {
		t.Errorf("%s, %v", b.String(), err)
	}
}
