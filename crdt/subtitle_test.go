package crdt_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"flyleaf/qa"
	"flyleaf/schema"
)

// TestSubtitle: the event's subtitle is a key of its x, in the genesis and in later changes, and
// does not affect the keys of other programs there.
func TestSubtitle(t *testing.T) {
	for _, first := range []string{"", "The first"} {
		d, made := found(t, qa.Event{Title: "A book", Subtitle: first, X: map[string]string{"other": "kept"}})
		h := &history{}
		h.add(t, made.Chunk.Bytes())
		read := func() qa.Event {
			t.Helper()
			r := rand.New(rand.NewPCG(1, 1))
			f, _ := project(t, h, h.shuffle(r), r)
			return f.Event()
		}
		if e := read(); e.Subtitle != first || e.Edits != 0 {
			t.Errorf("%q, %d edits", e.Subtitle, e.Edits)
		}
		for i, s := range []string{"The second", "The third", ""} {
			h.add(t, do(t, d, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"subtitle": s, "authors": "Ann"}}).Chunk.Bytes())
			if e := read(); e.Subtitle != s || e.Edits != i+1 || !reflect.DeepEqual(e.X, map[string]string{"other": "kept"}) {
				t.Errorf("%+v", e)
			}
		}
		for _, bad := range []any{strings.Repeat("x", schema.MaxShort+1), "two\nlines", true} {
			var field *qa.FieldError
			if _, err := d.Do(qa.Act{Kind: qa.ActEvent, AtMillis: monday, Fields: map[string]any{"subtitle": bad}}); !errors.As(err, &field) || field.Field != "event/x/subtitle" {
				t.Errorf("%.9v: %v", bad, err)
			}
		}
	}
	club, _ := found(t, qa.Event{Kind: "club", Title: "A club"})
	if _, err := club.Do(qa.Act{Kind: qa.ActEvent, AtMillis: monday, Fields: map[string]any{"subtitle": "S"}}); err == nil {
		t.Error("a club has a subtitle")
	}
	e := qa.Event{Kind: "event", Title: "A book", X: map[string]string{"subtitle": "S"}}
	if err := e.Validate(); err == nil {
		t.Error("a field was also accepted as a key of x")
	}
	if e.Clean(); e.Subtitle != "S" || e.X != nil || e.Validate() != nil {
		t.Errorf("%+v", e)
	}
	long := qa.Event{Subtitle: strings.Repeat("é", schema.MaxShort)}
	if long.Clean(); long.Subtitle != strings.Repeat("é", schema.MaxShort/2) {
		t.Errorf("%d bytes are shown", len(long.Subtitle))
	}
}
