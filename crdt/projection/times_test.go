package projection_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"flyleaf/qa"
)

// writeAt is write at a time of the test's choice.
func (d *device) writeAt(millis int64, steps ...step) {
	d.now = millis - 1
	d.write(steps...)
}

// TestExtremeTimes: every 64-bit time of a change, a post or an event is shown as a valid date,
// and posts are still in the order of their times.
func TestExtremeTimes(t *testing.T) {
	d := newDevice(t, 9, 1)
	d.genesis()
	ends := []int64{math.MinInt64 + 1, -1<<53 + 1, qa.MinMillis, 0, qa.MaxMillis, 1<<53 - 1, math.MaxInt64}
	for i, ms := range ends {
		id := string(rune('a' + i))
		d.writeAt(
			ms, mk("posts/"+id), mk("posts/"+id+"/revisions"), mk("posts/"+id+"/reactions"), mk("posts/"+id+"/marks"),
			put("posts/"+id+"/at", int(ms)), put("posts/"+id+"/parent", ""), put("posts/"+id+"/revisions/1", "?"),
			put("event/startsAt", int(ms)), put("event/endsAt", int(-ms)), put("posts/"+id+"/state", "withdrawn"),
		)
		e := d.f.Event()
		for name, at := range map[string]int64{
			"post": d.get(id).AtMillis, "revision": d.get(id).Revisions[0].AtMillis, "withdrawal": d.get(id).WithdrawnAtMillis,
			"start": e.StartsAtMillis, "end": e.EndsAtMillis,
		} {
			if at < qa.MinMillis || at > qa.MaxMillis {
				t.Errorf("%d: the %s is at %d", ms, name, at)
			}
			if _, err := json.Marshal(time.UnixMilli(at).UTC()); err != nil {
				t.Errorf("%d: the %s: %v", ms, name, err)
			}
		}
		qa.NewWeek(e, d.f.Posts(), nil)
	}
	e := d.f.Event()
	e.StartsAtMillis, e.EndsAtMillis = 0, 0
	var order []qa.PostID
	for _, th := range qa.NewWeek(e, d.f.Posts(), nil).Threads {
		order = append(order, th.Question.ID)
	}
	if want := []qa.PostID{"a", "b", "c", "d", "e", "f", "g"}; !slices.Equal(order, want) {
		t.Errorf("order %v", order)
	}
}

// TestTimesOfAHostileBundle: a bundle with the lowest and highest times of 53 bits.
func TestTimesOfAHostileBundle(t *testing.T) {
	file := filepath.Join("../../../shared/faults/attacks/09-times/times.bundle")
	if _, err := os.Stat(file); err != nil {
		t.Skip("no ../shared/faults beside this module")
	}
	w := weekOf(t, file)
	if len(w.Threads) != 3 {
		t.Fatalf("%d questions", len(w.Threads))
	}
	for i := range w.Threads {
		if at := w.Threads[i].Question.AtMillis; at < qa.MinMillis || at > qa.MaxMillis {
			t.Errorf("%s is at %d", w.Threads[i].Question.ID, at)
		}
	}
}
