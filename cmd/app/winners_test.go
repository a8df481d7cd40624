package main

import (
	"strings"
	"testing"

	"flyleaf/qa"
)

// An event that is not closed can still have a draw; one that is cannot any more.
func TestDrawSentenceBeforeTheClosing(t *testing.T) {
	w := &qa.Week{}
	if s := drawSentence(w, &drawn{}); !strings.Contains(s, "yet") || strings.Contains(s, "was closed") {
		t.Errorf("open: %s", s)
	}
	w.Event.Closed = true
	if s := drawSentence(w, &drawn{}); !strings.Contains(s, "before the event was closed") {
		t.Errorf("closed: %s", s)
	}
}
