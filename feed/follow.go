package feed

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"flyleaf/qa"
	"flyleaf/storage"
)

// Source gives the change feeds of the events on a device or a relay, and decides who may
// read them.
type Source interface {
	Ledger
	// Allowed returns nil when the event's feed may be read, ErrNoEvent when the source has no such
	// event or must not reveal that it has it, or ErrForbidden.
	Allowed(ctx context.Context, event qa.EventID) error
	// Watch returns a channel that receives a value when the event's ledger may have grown, and is
	// closed when it will not grow any more. It also returns a function that stops watching.
	Watch(event qa.EventID) (<-chan struct{}, func())
}

// Errors of a Source.
var (
	ErrNoEvent   = errors.New("unknown event")
	ErrForbidden = errors.New("this client may not read this event")
)

// idleInterval is how often Follow calls pause(false) while nothing happens.
const idleInterval = 15 * time.Second

// Follow calls fn with each entry after a cursor, in order, and then with each new entry, until ctx
// ends or the event's ledger no longer grows. It does not check whether the event may be read.
//
// pause(true) is called when fn has received all entries; pause(false) after every 15 idle seconds.
// pause may be nil. Follow returns the first error of fn, pause, Reader.Read or ctx.
func Follow(ctx context.Context, source Source, event qa.EventID, after int64, fn func(Entry) error, pause func(news bool) error) error {
	grown, end := source.Watch(event) // before the first read, so that nothing is missed in between
	defer end()
	if pause == nil {
		pause = func(bool) error { return nil }
	}
	reader := NewReader(source, event, after)
	idle := time.NewTicker(idleInterval)
	defer idle.Stop()
	for {
		if err := reader.Read(ctx, fn); err != nil {
			return err
		}
		if err := pause(true); err != nil {
			return err
		}
		for wait := true; wait; {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case _, open := <-grown:
				if !open {
					return nil
				}
				wait = false
			case <-idle.C:
				if err := pause(false); err != nil {
					return err
				}
			}
		}
	}
}

// Watchers notifies the watchers of an event when its ledger grows. The zero value is ready. It is
// safe for concurrent use.
type Watchers struct {
	mu sync.Mutex
	by map[qa.EventID]map[chan struct{}]bool
}

// Watch is Source.Watch. The channel is never closed.
func (w *Watchers) Watch(event qa.EventID) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by == nil {
		w.by = map[qa.EventID]map[chan struct{}]bool{}
	}
	if w.by[event] == nil {
		w.by[event] = map[chan struct{}]bool{}
	}
	w.by[event][c] = true
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if delete(w.by[event], c); len(w.by[event]) == 0 {
			delete(w.by, event)
		}
	}
}

// Grown notifies the watchers of the event. It never blocks.
func (w *Watchers) Grown(event qa.EventID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.by[event] {
		select {
		case c <- struct{}{}:
		default: // the watcher has not yet received the previous notification
		}
	}
}

// Access returns who may read an event, "open" or "invited". The event's first change sets it
// permanently. ErrNoEvent is returned when the ledger has no such event.
func Access(ctx context.Context, ledger Ledger, event qa.EventID) (string, error) {
	access := ""
	err := ledger.Entries(ctx, event, 0, func(e storage.Entry) error {
		if e.Status != storage.InDocument {
			return nil
		}
		r := NewReader(ledger, event, 0)
		r.document = r.empty()
		// If the first change is damaged, later changes are pending and the event does not exist
		// yet.
		if changes, err := r.add(e); err != nil || len(changes) == 0 {
			return err
		}
		access = r.document.Projection().Event().Access
		return errStop
	})
	switch {
	case errors.Is(err, errStop), errors.Is(err, storage.ErrDamaged) && access != "":
		return access, nil
	case err == nil:
		return "", ErrNoEvent
	}
	return "", err
}

// About returns an event's own fields. It reads the event's whole ledger. ErrTooLong is returned if
// the event has more than most changes, and ErrNoEvent if the ledger has no such event.
func About(ctx context.Context, ledger Ledger, event qa.EventID, most int) (qa.Event, error) {
	r := NewReader(ledger, event, 0)
	err := r.build(ctx, math.MaxInt64, most)
	switch {
	case errors.Is(err, storage.ErrDamaged):
	case err != nil:
		return qa.Event{}, err
	}
	if r.document.Graph().Len() == 0 {
		return qa.Event{}, ErrNoEvent
	}
	return r.document.Projection().Event(), nil
}
