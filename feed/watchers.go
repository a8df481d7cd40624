package feed

import (
	"sync"

	"flyleaf/qa"
)

// Watchers are those who want to know when an event's ledger has grown. The zero
// value is ready; it is safe for concurrent use.
type Watchers struct {
	mu sync.Mutex
	by map[qa.EventID]map[chan struct{}]bool
}

// Watch is Source.Watch.
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

// Grown tells who watches the event. It waits for nobody.
func (w *Watchers) Grown(event qa.EventID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.by[event] {
		select {
		case c <- struct{}{}:
		default: // told already, and has not looked yet
		}
	}
}
