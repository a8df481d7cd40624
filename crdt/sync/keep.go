package sync

import (
	"slices"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
)

// What a message says is kept until the next one comes, for each peer and document. So
// that this stays in proportion to the document, and a few bytes where there is none:
const (
	// maxStrange is how many hashes that we lack are kept of each list. Those
	// beyond are named again by the next message, when these have come.
	maxStrange = 32
	// maxHave is how many entries of have count, since each is looked into for each of
	// our changes. Every implementation sends one; who gives more is sent what they name.
	maxHave = 2
	// What is kept of filters is at most so much, and filterPerChange bytes for each
	// of our changes. Peers that have what we have and twice as much stay below it.
	filterLeast     = 4 << 10
	filterPerChange = 4
)

// claims are places in the applied order, as bits: the changes that filters claim.
type claims []uint64

func (c claims) has(i int) bool { return i>>6 < len(c) && c[i>>6]&(1<<(i&63)) != 0 }

// keep returns the hashes, ascending, without those that we lack beyond maxStrange. If
// we lack any, at least one of them stays.
func (p *Peer) keep(g *graph.Graph, hashes []wire.Hash) []wire.Hash {
	r := sortedSet(hashes)
	if len(r) <= maxStrange || p.stock {
		return r
	}
	strange, unwanted := 0, false
	r = slices.DeleteFunc(r, func(h wire.Hash) bool {
		if g.Has(h) {
			return false
		}
		if p.unwanted(h) { // one stands for all of them
			first := !unwanted
			unwanted = true
			return !first
		}
		strange++
		return strange > maxStrange
	})
	return slices.Clone(r)
}

// keepHave returns what is to be kept of have. Filters that are larger than our graph
// warrants are looked up now, for all that we have (what comes later is in none of them,
// rule 11); their bits are not kept.
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
	p.looked += i
	for i := range have {
		have[i].Filter.Bits = nil
	}
	return have, claimed
}
