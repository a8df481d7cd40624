package sync

import (
	"slices"

	"flyleaf/crdt/wire"
)

// Holds returns changes that the peer, by its last message, holds with all their
// past, ascending: its heads, and those up to which it knows both to be equal.
// The heads alone tell nothing where they are changes that were refused here.
func (p *Peer) Holds() []wire.Hash {
	known := slices.Clone(p.theirHeads)
	for _, h := range p.theirHave {
		known = append(known, h.LastSync...)
	}
	return sortedSet(known)
}
