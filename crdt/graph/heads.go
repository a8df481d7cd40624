package graph

import (
	"slices"
	"sort"
	"sync/atomic"

	"flyleaf/crdt/wire"
)

// headBlock is how many heads a block of a headList holds at most.
const headBlock = 512

// headList holds the heads ascending, in blocks, so that inserting or removing one of a
// hundred thousand heads moves only the heads of its block.
type headList struct {
	blocks [][]wire.Hash // none empty
	n      int
	steps  *steps

	// list caches the result of all, nil after a change. Readers may run concurrently,
	// so each may store it.
	list atomic.Pointer[[]wire.Hash]
}

// find returns the block that h is in or belongs into, its index there, and whether it
// is present.
func (l *headList) find(h wire.Hash) (block, at int, ok bool) {
	block = sort.Search(len(l.blocks), func(i int) bool { return compare(l.blocks[i][0], h) > 0 }) - 1
	if block < 0 {
		return 0, 0, false
	}
	at, ok = slices.BinarySearchFunc(l.blocks[block], h, compare)
	return block, at, ok
}

// put adds h, which must not be in the list.
func (l *headList) put(h wire.Hash) {
	l.n++
	l.list.Store(nil)
	if len(l.blocks) == 0 {
		l.blocks = append(l.blocks, []wire.Hash{h})
		return
	}
	k, at, _ := l.find(h)
	l.steps.add(len(l.blocks[k]) - at)
	l.blocks[k] = slices.Insert(l.blocks[k], at, h)
	if b := l.blocks[k]; len(b) > headBlock {
		l.steps.add(len(b) + len(l.blocks) - k)
		half := len(b) / 2
		l.blocks[k] = slices.Clone(b[:half])
		l.blocks = slices.Insert(l.blocks, k+1, slices.Clone(b[half:]))
	}
}

// drop takes h out if it is there.
func (l *headList) drop(h wire.Hash) {
	k, at, ok := l.find(h)
	if !ok {
		return
	}
	l.n--
	l.list.Store(nil)
	l.steps.add(len(l.blocks[k]) - at)
	if l.blocks[k] = slices.Delete(l.blocks[k], at, at+1); len(l.blocks[k]) == 0 {
		l.steps.add(len(l.blocks) - k)
		l.blocks = slices.Delete(l.blocks, k, k+1)
	}
}

// all returns the heads in a slice that is never modified.
func (l *headList) all() []wire.Hash {
	if l.n == 0 {
		return nil
	}
	if known := l.list.Load(); known != nil {
		return *known
	}
	l.steps.add(l.n)
	out := make([]wire.Hash, 0, l.n)
	for _, b := range l.blocks {
		out = append(out, b...)
	}
	l.list.Store(&out)
	return out
}

// each yields the heads, ascending.
func (l *headList) each(yield func(wire.Hash) bool) {
	for _, b := range l.blocks {
		for _, h := range b {
			if !yield(h) {
				return
			}
		}
	}
}

// equal reports whether these are the heads, in order.
func (l *headList) equal(hashes []wire.Hash) bool {
	if len(hashes) != l.n {
		return false
	}
	for _, b := range l.blocks {
		if !slices.Equal(b, hashes[:len(b)]) {
			return false
		}
		hashes = hashes[len(b):]
	}
	return true
}
