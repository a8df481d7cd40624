package sync

import (
	"slices"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
)

// The contents of a message are kept, for each peer and document, until the next
// message. These bounds keep that memory in proportion to the document, and small where
// there is none.
const (
	// maxUnknownHashes is how many hashes that we lack are kept of each list. The next
	// message, when these have arrived, names the others again.
	maxUnknownHashes = 32
	// maxHave is how many have entries are used, because each is looked up for each of
	// our changes. Every implementation sends one. A peer that sends more gets changes
	// that the ignored entries contain.
	maxHave = 2
	// The bytes of filters that are kept are at most filterLeast, plus filterPerChange
	// for each of our changes. A peer with up to three times our changes stays under
	// this limit.
	filterLeast     = 4 << 10
	filterPerChange = 4
)

// claims is a set of places in the applied order, one bit each: the changes that
// filters contain.
type claims []uint64

func (c claims) has(i int) bool { return i>>6 < len(c) && c[i>>6]&(1<<(i&63)) != 0 }

// keep returns the hashes, ascending, with at most maxUnknownHashes that we lack. If we
// lack any, at least one of them is kept.
func (p *Peer) keep(g *graph.Graph, hashes []wire.Hash) []wire.Hash {
	r := sortedSet(hashes)
	if len(r) <= maxUnknownHashes || p.stock {
		return r
	}
	strange, unwanted := 0, false
	r = slices.DeleteFunc(r, func(h wire.Hash) bool {
		if g.Has(h) {
			return false
		}
		if p.unwanted(h) { // one unwanted hash represents all of them
			first := !unwanted
			unwanted = true
			return !first
		}
		strange++
		return strange > maxUnknownHashes
	})
	return slices.Clone(r)
}

// keepHave returns the part of have that is kept. Filters larger than the limit for our
// graph are evaluated now for all our changes (later changes are in none of them, rule
// 11), and their bits are dropped.
func (p *Peer) keepHave(g *graph.Graph, have []wire.Have) ([]wire.Have, claims) {
	if p.stock {
		return have, nil
	}
	have = slices.Clone(have[:min(len(have), maxHave)])
	size := 0
	for i := range have {
		have[i].LastSync = p.keep(g, have[i].LastSync)
		size += len(have[i].Filter.Bits)
	}
	if size <= filterLeast+filterPerChange*g.Len() {
		return have, nil
	}
	claimed, i := make(claims, (g.Len()+63)/64), 0
	for h := range g.Order() {
		if slices.ContainsFunc(have, func(one wire.Have) bool { return one.Filter.Contains(h) }) {
			claimed[i>>6] |= 1 << (i & 63)
		}
		i++
	}
	p.scanned += i
	for i := range have {
		have[i].Filter.Bits = nil
	}
	return have, claimed
}
