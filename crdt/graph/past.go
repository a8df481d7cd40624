package graph

import (
	"math/bits"
	"slices"

	"flyleaf/crdt/wire"
)

// Set is a set of applied changes of one graph, one bit each. It does not change when
// the graph grows.
type Set struct {
	g    *Graph
	bits bitset
}

// Has reports whether h is in the set.
func (s Set) Has(h wire.Hash) bool {
	if s.g == nil {
		return false
	}
	i, ok := s.g.find(h)
	return ok && s.bits.has(i)
}

// Len returns the number of changes in the set.
func (s Set) Len() int {
	n := 0
	for _, w := range s.bits {
		n += bits.OnesCount64(w)
	}
	return n
}

// bitset is a set of node numbers; numbers past its end are not in it.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i int32) bool {
	return int(i>>6) < len(b) && b[i>>6]&(1<<(i&63)) != 0
}

// without removes the members of c from b.
func (b bitset) without(c bitset) bitset {
	for i := range b {
		b[i] &^= c[i]
	}
	return b
}

// add adds i and reports whether it was new.
func (b bitset) add(i int32) bool {
	old := b[i>>6]
	b[i>>6] |= 1 << (i & 63)
	return old != b[i>>6]
}

// IsAncestor reports whether ancestor is in the past of descendant, both being applied.
// No change is its own ancestor.
//
// The search is pruned: ancestors have lower numbers in the applied order and lower
// counters, and of one actor's changes the earlier is in the past of the later. So the
// search stops at every change of the ancestor's actor, unless that actor has used a
// number twice.
func (g *Graph) IsAncestor(ancestor, descendant wire.Hash) bool {
	x, ok := g.find(ancestor)
	if !ok {
		return false
	}
	y, ok := g.find(descendant)
	if !ok || y <= x {
		return false
	}
	target := g.nodes[x]
	chained := func(n *node) bool { return n.actor == target.actor && g.actors[n.actor].fork == 0 }
	if chained(&g.nodes[y]) {
		return true // y is later in the applied order, so in the chain
	}
	var seen bitset // by distance from x
	stack := []int32{y}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		g.steps.add(1 + len(g.depsOf(i)))
		for _, e := range g.depsOf(i) {
			n := &g.nodes[e.to]
			switch {
			case e.to < x:
			case e.to == x, chained(n):
				return true // x itself or a later one of its actor
			case n.startOp <= target.maxOp:
			case len(g.depsOf(e.to)) == 0:
			default:
				if seen == nil {
					seen = newBitset(int(y - x))
				}
				if seen.add(e.to - x) {
					stack = append(stack, e.to)
				}
			}
		}
	}
	return false
}

// Ancestors returns the given changes and everything in their past. Hashes that are not
// applied are ignored.
func (g *Graph) Ancestors(heads []wire.Hash) Set {
	top := int32(-1)
	for _, h := range heads {
		if i, ok := g.find(h); ok {
			top = max(top, i)
		}
	}
	b := newBitset(int(top) + 1)
	for _, h := range heads {
		if i, ok := g.find(h); ok {
			b.add(i)
		}
	}
	for i := top; i >= 0; i-- {
		g.steps.add(1)
		if b.has(i) {
			g.steps.add(len(g.depsOf(i)))
			for _, e := range g.depsOf(i) {
				b.add(e.to)
			}
		}
	}
	return Set{g, b}
}

// NotAncestorsOf returns the applied changes that are neither among the given ones nor
// in their past, in the order they were applied. Hashes that are not applied are
// ignored. The cost is proportional to the difference, not to the whole graph.
func (g *Graph) NotAncestorsOf(heads []wire.Hash) []wire.Hash {
	if g.heads.equal(heads) {
		return nil
	}
	known := g.places(heads)
	if len(known) == 0 {
		return slices.Clone(g.hashes)
	}
	// Usually only the newest few changes differ, so two small bitsets suffice. Only
	// with few heads, because every step compares with all the heads below the window.
	if from := int32(len(g.nodes)) - window; from > 0 && len(known) <= 16 {
		var a, b [window / 64]uint64
		if r, ok := g.notInPast(known, from, a[:], b[:], true); ok {
			return r
		}
	}
	r, _ := g.notInPast(known, 0, newBitset(len(g.nodes)), newBitset(len(g.nodes)), true)
	return r
}

// places returns the places of those of these changes that are applied.
func (g *Graph) places(hashes []wire.Hash) []int32 {
	known := make([]int32, 0, 8)
	for _, h := range hashes {
		if i, ok := g.find(h); ok {
			known = append(known, i)
		}
	}
	return known
}

// Past is the past of a change: its deps and their ancestors. It is stored as its
// complement, which is usually small. It does not change when the graph grows. It is
// not safe for concurrent use, because it caches the results of ForkedIn.
type Past struct {
	end     int32            // changes that were applied when the past was computed
	from    int32            // all before it are in the past
	missing bitset           // changes not in the past, counted from from
	forks   map[int32]uint32 // by actor, the result of forkIn
}

// Past returns the past of a change with these deps. Hashes that are not applied are
// ignored. It costs as much as NotAncestorsOf.
func (g *Graph) Past(deps []wire.Hash) Past {
	end := int32(len(g.nodes))
	if g.heads.equal(deps) {
		return Past{end: end, from: end}
	}
	known := g.places(deps)
	if len(known) == 0 {
		return Past{}
	}
	if from := end - window; from > 0 && len(known) <= 16 {
		b := make(bitset, 2*window/64)
		past, not := b[:window/64], b[window/64:]
		if _, ok := g.notInPast(known, from, past, not, false); ok {
			return Past{end: end, from: from, missing: not.without(past)}
		}
	}
	past, not := newBitset(len(g.nodes)), newBitset(len(g.nodes))
	g.notInPast(known, 0, past, not, false)
	return Past{end: end, missing: not.without(past)}
}

// LazyPast is the past of a change, computed on first use. Most changes never need
// theirs.
type LazyPast struct {
	g     *Graph
	deps  []wire.Hash
	past  Past
	known bool
}

// LazyPast returns the past of a change with these deps, which are applied.
func (g *Graph) LazyPast(deps []wire.Hash) LazyPast { return LazyPast{g: g, deps: deps} }

// Get returns the past as of the first call.
func (p *LazyPast) Get() *Past {
	if !p.known {
		p.past, p.known = p.g.Past(p.deps), true
	}
	return &p.past
}

// ContainsAllBefore reports whether everything up to a place of the applied order is in
// the past. It is a cheap check: false may also mean unknown.
func (p *Past) ContainsAllBefore(place int) bool { return place < int(p.from) }

// Has reports whether the change at a place of the applied order is in the past.
func (p *Past) Has(place int) bool {
	return place < int(p.end) && (place < int(p.from) || !p.missing.has(int32(place)-p.from))
}

// window is the number of newest changes in which NotAncestorsOf looks first.
const window = 512

// notInPast is NotAncestorsOf for applied changes. It walks only nodes with an index of
// at least from; past and new are bitsets that count from there. enough is false if the
// walk would have to go further. Afterwards the result is new without past, and r lists
// it if list is set.
func (g *Graph) notInPast(known []int32, from int32, past, new bitset, list bool) (r []wire.Hash, enough bool) {
	for _, i := range known {
		if i >= from {
			past.add(i - from)
		}
	}
	open := 0 // changes in new and not in past that the walk has not reached yet
	g.steps.add(g.heads.n)
	for h := range g.heads.each {
		i, _ := g.find(h)
		switch i -= from; {
		case i >= 0 && !past.has(i):
			new.add(i)
			open++
		case i < 0 && !slices.Contains(known, i+from):
			return nil, false
		}
	}
	// Down the applied order: the walk visits all dependents of a change before the
	// change, so whether the change is in the past is known when the walk reaches it.
	for i := int32(len(g.nodes)) - 1 - from; open > 0; i-- {
		g.steps.add(1 + len(g.depsOf(i+from)))
		switch {
		case past.has(i):
			for _, e := range g.depsOf(i + from) {
				// Changes below from are never in new, so they do not matter here.
				if to := e.to - from; to >= 0 && past.add(to) && new.has(to) {
					open--
				}
			}
		case new.has(i):
			open--
			if list {
				r = append(r, g.hashes[i+from])
			}
			for _, e := range g.depsOf(i + from) {
				to := e.to - from
				if to < 0 {
					if slices.Contains(known, e.to) {
						continue
					}
					return nil, false
				}
				if new.add(to) && !past.has(to) {
					open++
				}
			}
		}
	}
	slices.Reverse(r)
	return r, true
}
