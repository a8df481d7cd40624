package qa

import (
	"fmt"
	"strings"
	"testing"

	"flyleaf/schema"
)

func TestReactionsFit(t *testing.T) {
	many := make([]ImportedReaction, 40)
	for i := range many {
		many[i] = ImportedReaction{Emoji: fmt.Sprintf("e%d", i), Count: 9, By: []string{strings.Repeat("n", 50)}}
	}
	s, left := EncodeReactions(many)
	if len(s) > schema.MaxXValue || left == 0 || len(ImportedReactions(map[string]string{XReactions: s})) != 40-left {
		t.Errorf("%d bytes, %d left: %s", len(s), left, s)
	}
	if s, left := EncodeReactions(nil); s != "" || left != 0 {
		t.Errorf("%q, %d", s, left)
	}
	for _, bad := range []string{"[]x", `{"emoji":"a"}`, `[{"emoji":"","count":1}]`, `[{"emoji":"a","count":-1}]`} {
		if got := ImportedReactions(map[string]string{XReactions: bad}); got != nil {
			t.Errorf("%s gives %+v", bad, got)
		}
	}
}

func TestTimeIsUnknownIfAnImportInventedIt(t *testing.T) {
	const monday = 1_615_161_600_000
	begun := &Event{StartsAtMillis: monday}
	for _, c := range []struct {
		name  string
		event *Event
		x     string // XTime
		since int64
		own   bool // written here with a source, not imported
		want  bool
	}{
		{"made up", begun, TimeUnknown, 2000, false, true},
		{"made up, and the week's first day was corrected since", &Event{StartsAtMillis: monday + 24*3600_000}, TimeUnknown, 2000, false, true},
		{"made up, of a week without days", &Event{}, TimeUnknown, 2000, false, true},
		{"known, where a made-up time could be", begun, TimeKnown, 2000, false, false},
		{"written here by somebody who says so", begun, TimeUnknown, 2000, true, false},
		{"an earlier version's, made up", begun, "", 3000, false, true},
		{"a value of a later version", begun, "about", 3000, false, true},
		{"an earlier version's, of a post beyond the last", begun, "", 4000, false, false},
		{"an earlier version's, between the seconds", begun, "", 2001, false, false},
		{"an earlier version's, the first moment", begun, "", 0, false, false},
		{"an earlier version's, of a week without days", &Event{}, "", 2000, false, false},
		{"written here", begun, "", 2000, true, false},
	} {
		p := Post{AtMillis: monday + c.since, Source: "s#1", Imported: new(true), OnBehalfOf: "Tino"}
		if c.own {
			p.Imported = new(false)
		}
		if c.x != "" {
			p.X = map[string]string{XTime: c.x}
		}
		if got := p.TimeUnknown(c.event, 3); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

// TestFutureTimeThatAnImportInventedStaysUnknown: the time that a page shows instead of a future time does not make the time known.
func TestFutureTimeThatAnImportInventedStaysUnknown(t *testing.T) {
	e := Event{ID: "e", Founder: "f", StartsAtMillis: 2_000_000_000_000}
	p := (&ImportedPost{Parent: -1, Name: "Tino", Text: "When?", Source: "s#1"}).Act(e.StartsAtMillis, 0)
	for _, x := range []map[string]string{p.X, nil} {
		w := NewWeek(e, []Post{{ID: "p", By: "f", AtMillis: p.AtMillis, ReceivedAtMillis: 1_900_000_000_000, OnBehalfOf: p.OnBehalfOf, Source: p.Source, Imported: new(true), X: x, Revisions: []Revision{{Text: p.Text}}}}, nil)
		if q := &w.Threads[0].Question; q.AtMillis != 1_900_000_000_000 || !q.TimeUnknown(&e, 1) {
			t.Errorf("%v: shown as of %d", x, q.AtMillis)
		}
	}
}
