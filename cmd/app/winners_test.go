package main

import (
	"strings"
	"testing"

	"flyleaf/qa"
)

// Before the event is closed, a draw is still possible. Afterwards, without commitments, it is not.
func TestDrawSentenceWithoutCommitments(t *testing.T) {
	w := &qa.Week{}
	if s := drawSentence(w, &drawReport{}); !strings.Contains(s, "yet") || strings.Contains(s, "was closed") {
		t.Errorf("open: %s", s)
	}
	w.Event.Closed = true
	d := drawReport{Draw: qa.Drawn{State: qa.DrawNobody}}
	if s := drawSentence(w, &d); !strings.Contains(s, "nobody took part in it before the week was closed") {
		t.Errorf("closed: %s", s)
	}
}
