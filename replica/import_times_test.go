package replica_test

import (
	"fmt"
	"testing"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// TestImportStoresWhetherTimesAreKnown: each imported post records whether its time is known,
// even after the start of the week was corrected.
func TestImportStoresWhetherTimesAreKnown(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		n := openNode(t, replica.Config{Store: store})
		w := importedWeek(4)
		w.Posts[3].AtMillis = week.StartsAtMillis + 2000 // equal to the made-up time of the second post
		r, err := n.Import(testContext(t), "", w, "")
		if err != nil {
			t.Fatal(err)
		}
		madeUp := func() map[string]bool {
			is := weekOf(t, n, r.Event)
			out := map[string]bool{}
			for _, th := range is.Threads {
				out[th.Question.Text()] = th.Question.TimeUnknown(&is.Event, 4)
				for _, p := range th.Replies {
					out[p.Text()] = p.TimeUnknown(&is.Event, 4)
				}
			}
			return out
		}
		want := fmt.Sprint(map[string]bool{"text 0": true, "text 1": true, "text 2": true, "text 3": false})
		if got := fmt.Sprint(madeUp()); got != want {
			t.Errorf("made up: %s", got)
		}
		if _, err := n.Do(testContext(t), r.Event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"startsAt": week.StartsAtMillis - 500}}); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(madeUp()); got != want {
			t.Errorf("made up, with another first moment: %s", got)
		}
		again, err := n.Import(testContext(t), r.Event, w, "")
		if err != nil || again.Unchanged != 4 || again.Questions+again.Replies != 0 {
			t.Errorf("again: %+v, %v", again, err)
		}
	})
}

// TestImportingAgainAfterAnEarlierVersion: importing again a week that an earlier version
// imported finds the same posts and no change. That version did not store whether times are
// known.
func TestImportingAgainAfterAnEarlierVersion(t *testing.T) {
	n := openNode(t, replica.Config{Store: mem.New()})
	id, _, err := n.CreateEvent(testContext(t), qa.Event{Title: week.Title, Authors: week.Authors, StartsAtMillis: week.StartsAtMillis, Source: importedWeek(1).Source}, "")
	if err != nil {
		t.Fatal(err)
	}
	w := importedWeek(3)
	ids := map[int]qa.PostID{}
	for i, p := range w.Posts {
		act := p.Act(week.StartsAtMillis, i)
		if delete(act.X, qa.XTime); len(act.X) == 0 {
			act.X = nil
		}
		if p.Parent >= 0 {
			act.Parent = ids[p.Parent]
		}
		if ids[i], err = n.Do(testContext(t), id, act); err != nil {
			t.Fatal(err)
		}
	}
	r, err := n.Import(testContext(t), id, w, "")
	if err != nil || r.Unchanged != 3 || r.Questions+r.Replies != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	for _, c := range r.Changes {
		if c.Kind != qa.ChangedWeek {
			t.Errorf("%+v", c)
		}
	}
}
