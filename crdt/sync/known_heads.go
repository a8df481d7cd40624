package sync

import (
	"slices"

	"flyleaf/crdt/wire"
)

// KnownHeads returns changes that the peer has with all their pasts, by its last message,
// ascending: its heads, and the heads up to which it knows that both sides are equal. Its heads
// alone would say nothing if they are changes that we refused.
func (p *Peer) KnownHeads() []wire.Hash {
	known := slices.Clone(p.theirHeads)
	for _, h := range p.theirHave {
		known = append(known, h.LastSync...)
	}
	return sortedSet(known)
}
