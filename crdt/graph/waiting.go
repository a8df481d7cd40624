package graph

import (
	"fmt"
	"slices"

	"flyleaf/crdt/wire"
)

// room is the waiting room: changes whose deps are not all applied.
type room struct {
	waits map[wire.Hash]*waiter
	by    map[wire.Hash]*awaited // a dep that is not applied → those that wait for it
	bytes int
	steps *steps
}

type waiter struct {
	Meta
	lacks int  // deps not applied
	gone  bool // taken out; may still stand in lists of room.by
}

// awaited is a list of waiters of which some may be gone: taking each out of a
// list that thousands share would cost thousands of comparisons each time.
type awaited struct {
	waiters []*waiter
	live    int // those not gone; never 0
}

func newRoom() room {
	return room{waits: map[wire.Hash]*waiter{}, by: map[wire.Hash]*awaited{}}
}

// waitingSize is what a waiting change takes in memory, roughly: each dep is
// held in the change, as a key of room.by and as an entry there.
func waitingSize(c Meta) int { return 320 + len(c.Actor) + 128*len(c.Deps) }

func (r *room) has(h wire.Hash) bool { return r.waits[h] != nil }
func (r *room) len() int             { return len(r.waits) }

func (r *room) put(c Meta, applied func(wire.Hash) bool) error {
	size := waitingSize(c)
	if len(r.waits) >= MaxWaiting || r.bytes+size > MaxWaitingBytes {
		return fmt.Errorf("%w: %d changes, %d bytes", ErrWaitingFull, len(r.waits), r.bytes)
	}
	r.steps.add(1 + len(c.Deps))
	c.Deps = slices.Clone(c.Deps)
	w := &waiter{Meta: c}
	for _, d := range c.Deps {
		if !applied(d) {
			a := r.by[d]
			if a == nil {
				a = new(awaited)
				r.by[d] = a
			}
			a.waiters = append(a.waiters, w)
			a.live++
			w.lacks++
		}
	}
	r.waits[c.Hash] = w
	r.bytes += size
	return nil
}

// arrived takes out and returns the changes that waited for h alone.
func (r *room) arrived(h wire.Hash) []Meta {
	a := r.by[h]
	if a == nil {
		return nil
	}
	r.steps.add(len(a.waiters))
	delete(r.by, h)
	var ready []Meta
	for _, w := range a.waiters {
		if w.gone {
			continue
		}
		if w.lacks--; w.lacks == 0 {
			w.gone = true
			ready = append(ready, w.Meta)
			delete(r.waits, w.Hash)
			r.bytes -= waitingSize(w.Meta)
		}
	}
	return ready
}

// drop takes out one waiting change.
func (r *room) drop(h wire.Hash) {
	w := r.waits[h]
	if w == nil {
		return
	}
	r.steps.add(1 + len(w.Deps))
	w.gone = true
	delete(r.waits, h)
	r.bytes -= waitingSize(w.Meta)
	for _, d := range w.Deps {
		a := r.by[d]
		if a == nil {
			continue
		}
		switch a.live--; {
		case a.live == 0:
			delete(r.by, d)
		case len(a.waiters) > 2*a.live+16:
			r.steps.add(len(a.waiters))
			a.waiters = slices.DeleteFunc(a.waiters, func(w *waiter) bool { return w.gone })
		}
	}
}

// dropDependents takes out what waits for h, directly or not, and returns it.
func (r *room) dropDependents(h wire.Hash) []wire.Hash {
	var gone []wire.Hash
	queue := []wire.Hash{h}
	for len(queue) > 0 {
		if a := r.by[queue[0]]; a != nil {
			r.steps.add(len(a.waiters))
			for _, w := range slices.Clone(a.waiters) {
				if !w.gone {
					r.drop(w.Hash)
					gone = append(gone, w.Hash)
					queue = append(queue, w.Hash)
				}
			}
		}
		queue = queue[1:]
	}
	return gone
}

func (r *room) missing() []wire.Hash {
	var m []wire.Hash
	r.steps.add(len(r.by))
	for d := range r.by {
		if !r.has(d) {
			m = append(m, d)
		}
	}
	slices.SortFunc(m, compare)
	return m
}

func (r *room) missingFrom(hashes []wire.Hash, applied func(wire.Hash) bool) []wire.Hash {
	var m []wire.Hash
	var seen map[wire.Hash]bool
	stack := slices.Clone(hashes)
	for len(stack) > 0 {
		h := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		r.steps.add(1)
		if applied(h) || seen[h] {
			continue
		}
		if seen == nil {
			seen = map[wire.Hash]bool{}
		}
		seen[h] = true
		if w := r.waits[h]; w != nil {
			stack = append(stack, w.Deps...)
		} else {
			m = append(m, h)
		}
	}
	slices.SortFunc(m, compare)
	return m
}
