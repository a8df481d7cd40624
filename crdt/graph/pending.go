package graph

import (
	"fmt"
	"slices"

	"flyleaf/crdt/wire"
)

// pendingBuffer holds the changes whose deps are not all applied.
type pendingBuffer struct {
	changes map[wire.Hash]*pendingChange
	by      map[wire.Hash]*waitingFor // by a dep that is not applied: the changes that wait for it
	bytes   int
	steps   *steps
}

type pendingChange struct {
	Meta
	lacks   int  // deps not applied
	removed bool // removed from the buffer; may still be in lists of pendingBuffer.by
}

// waitingFor is the list of the changes that wait for one dep. Removed changes may stay in
// it for a while: removing each from a list that thousands share would cost thousands of
// comparisons each time.
type waitingFor struct {
	changes []*pendingChange
	live    int // those not removed; never 0
}

func newPendingBuffer() pendingBuffer {
	return pendingBuffer{changes: map[wire.Hash]*pendingChange{}, by: map[wire.Hash]*waitingFor{}}
}

// pendingSize is roughly the memory that a pending change takes: each dep is stored in
// the change, as a key of pendingBuffer.by and as an entry there.
func pendingSize(c Meta) int { return 320 + len(c.Actor) + 128*len(c.Deps) }

func (b *pendingBuffer) has(h wire.Hash) bool { return b.changes[h] != nil }
func (b *pendingBuffer) len() int             { return len(b.changes) }

func (b *pendingBuffer) put(c Meta, applied func(wire.Hash) bool) error {
	size := pendingSize(c)
	if len(b.changes) >= MaxPending || b.bytes+size > MaxPendingBytes {
		return fmt.Errorf("%w: %d changes, %d bytes", ErrPendingFull, len(b.changes), b.bytes)
	}
	b.steps.add(1 + len(c.Deps))
	c.Deps = slices.Clone(c.Deps)
	w := &pendingChange{Meta: c}
	for _, d := range c.Deps {
		if !applied(d) {
			a := b.by[d]
			if a == nil {
				a = new(waitingFor)
				b.by[d] = a
			}
			a.changes = append(a.changes, w)
			a.live++
			w.lacks++
		}
	}
	b.changes[c.Hash] = w
	b.bytes += size
	return nil
}

// takeReady removes and returns the changes of which h was the last missing dep.
func (b *pendingBuffer) takeReady(h wire.Hash) []Meta {
	a := b.by[h]
	if a == nil {
		return nil
	}
	b.steps.add(len(a.changes))
	delete(b.by, h)
	var ready []Meta
	for _, w := range a.changes {
		if w.removed {
			continue
		}
		if w.lacks--; w.lacks == 0 {
			w.removed = true
			ready = append(ready, w.Meta)
			delete(b.changes, w.Hash)
			b.bytes -= pendingSize(w.Meta)
		}
	}
	return ready
}

// drop removes one pending change.
func (b *pendingBuffer) drop(h wire.Hash) {
	w := b.changes[h]
	if w == nil {
		return
	}
	b.steps.add(1 + len(w.Deps))
	w.removed = true
	delete(b.changes, h)
	b.bytes -= pendingSize(w.Meta)
	for _, d := range w.Deps {
		a := b.by[d]
		if a == nil {
			continue
		}
		switch a.live--; {
		case a.live == 0:
			delete(b.by, d)
		case len(a.changes) > 2*a.live+16:
			b.steps.add(len(a.changes))
			a.changes = slices.DeleteFunc(a.changes, func(w *pendingChange) bool { return w.removed })
		}
	}
}

// dropDependents removes and returns the changes that wait for h, directly or not.
func (b *pendingBuffer) dropDependents(h wire.Hash) []wire.Hash {
	var gone []wire.Hash
	queue := []wire.Hash{h}
	for len(queue) > 0 {
		if a := b.by[queue[0]]; a != nil {
			b.steps.add(len(a.changes))
			for _, w := range slices.Clone(a.changes) {
				if !w.removed {
					b.drop(w.Hash)
					gone = append(gone, w.Hash)
					queue = append(queue, w.Hash)
				}
			}
		}
		queue = queue[1:]
	}
	return gone
}

func (b *pendingBuffer) missing() []wire.Hash {
	var m []wire.Hash
	b.steps.add(len(b.by))
	for d := range b.by {
		if !b.has(d) {
			m = append(m, d)
		}
	}
	slices.SortFunc(m, compare)
	return m
}

func (b *pendingBuffer) missingFrom(hashes []wire.Hash, applied func(wire.Hash) bool) []wire.Hash {
	var m []wire.Hash
	var seen map[wire.Hash]bool
	stack := slices.Clone(hashes)
	for len(stack) > 0 {
		h := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		b.steps.add(1)
		if applied(h) || seen[h] {
			continue
		}
		if seen == nil {
			seen = map[wire.Hash]bool{}
		}
		seen[h] = true
		if w := b.changes[h]; w != nil {
			stack = append(stack, w.Deps...)
		} else {
			m = append(m, h)
		}
	}
	slices.SortFunc(m, compare)
	return m
}
