package sync

import (
	"slices"

	"flyleaf/crdt/wire"
)

// KnownHeads returns changes that the peer, by its last message, holds with all their
// past, ascending: its heads, and the heads up to which it knows that both are equal.
// Its heads alone would tell nothing when they are changes that were refused here.
func (p *Peer) KnownHeads() []wire.Hash {
	known := slices.Clone(p.theirHeads)
	for _, h := range p.theirHave {
		known = append(known, h.LastSync...)
	}
	return sortedSet(known)
}
