package node

import (
	"context"
	"sync/atomic"
	"testing"

	"flyleaf/qa"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// readCounter is a store that counts what the totals of all events could read.
type readCounter struct {
	storage.Store
	reads atomic.Int64
}

func (s *readCounter) Following(ctx context.Context) ([]storage.Following, error) {
	s.reads.Add(1)
	return s.Store.Following(ctx)
}

func (s *readCounter) Event(ctx context.Context, id qa.EventID) (qa.Event, error) {
	s.reads.Add(1)
	return s.Store.Event(ctx, id)
}

func (s *readCounter) Counts(ctx context.Context, id qa.EventID) (storage.Counts, error) {
	s.reads.Add(1)
	return s.Store.Counts(ctx, id)
}

func (s *readCounter) Setting(ctx context.Context, key string) (string, error) {
	s.reads.Add(1)
	return s.Store.Setting(ctx, key)
}

// TestTheSummaryIsReadOnce: the totals, which every page shows, are those of Overview, and are read
// from the disk only after a write.
func TestTheSummaryIsReadOnce(t *testing.T) {
	disk := &readCounter{Store: mem.New()}
	d := deviceOn(t, disk)
	var events []qa.EventID
	for _, title := range []string{"One", "Two", "Three"} {
		events = append(events, createEvent(t, d, title))
	}
	summary := func() (Summary, int64) {
		t.Helper()
		all, err := d.Overview(t.Context())
		must(t, err)
		before := disk.reads.Load()
		sum, err := d.Summary(t.Context())
		must(t, err)
		if sum != Summarize(all) || sum.Events != len(events) {
			t.Errorf("%+v, want %+v", sum, Summarize(all))
		}
		return sum, disk.reads.Load() - before
	}
	first, reads := summary()
	if reads != 0 {
		t.Errorf("%d reads although nothing was written", reads)
	}
	ask(t, d, events[1], qa.Act{Text: "Is it counted?"})
	if again, err := d.Summary(t.Context()); err != nil || again.Unsendable <= first.Unsendable {
		t.Errorf("%+v after %+v, %v", again, first, err)
	}
	if _, reads := summary(); reads != 0 {
		t.Errorf("%d reads after it was read", reads)
	}
	must(t, d.Close())
	if _, err := d.Summary(t.Context()); err == nil {
		t.Error("a closed node has totals")
	}
}
