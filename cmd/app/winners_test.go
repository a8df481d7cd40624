package main

import (
	"strings"
	"testing"

	"flyleaf/qa"
)

// Before the event is closed there can still be a draw; afterwards, without commitments, there
// cannot.
func TestDrawSentenceBeforeTheClosing(t *testing.T) {
	w := &qa.Week{}
	if s := drawSentence(w, &drawReport{}); !strings.Contains(s, "yet") || strings.Contains(s, "was closed") {
		t.Errorf("open: %s", s)
	}
	w.Event.Closed = true
	if s := drawSentence(w, &drawReport{}); !strings.Contains(s, "before the event was closed") {
		t.Errorf("closed: %s", s)
	}
}
