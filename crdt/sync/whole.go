package sync

import (
	"slices"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
)

// capV2 is the capability of reading messages of version 2, as 3.x writes it into the
// trailing bytes of its messages: uLEB length, then one byte for each capability.
const capV2 = 2

// AcceptsDocument reports whether a message with these trailing bytes comes from a peer
// that accepts a document chunk instead of changes.
func AcceptsDocument(trailing []byte) bool {
	if len(trailing) == 0 || trailing[0] >= 0x80 || int(trailing[0]) > len(trailing)-1 {
		return false
	}
	return slices.Contains(trailing[1:1+trailing[0]], capV2)
}

// HasNothing reports whether the peer has said that it has nothing and requests nothing
// in particular, so that a document chunk can be sent (rule 24).
func (p *Peer) HasNothing() bool {
	if !p.heard || p.stock || p.probe != nil || len(p.theirHeads) > 0 || len(p.theirNeed) > 0 || len(p.sent) > 0 || p.sentBelow > 0 {
		return false
	}
	for _, h := range p.theirHave {
		if len(h.LastSync) > 0 || h.Filter.Entries > 0 {
			return false
		}
	}
	return true
}

// GenerateDocument is Generate for a peer for which HasNothing is true and which
// accepts document chunks: chunk is the document of the first n applied changes. A
// later message carries what was applied since. Send the message as one of version 2;
// its encoding differs from version 1 only in the first byte.
func (p *Peer) GenerateDocument(g *graph.Graph, chunk []byte, n int) *Message {
	heads := g.Heads()
	p.sentBelow = n
	p.noteSent(nil, heads)
	return &Message{Message: wire.Message{
		Heads: heads, Changes: [][]byte{chunk},
		Have: []wire.Have{{LastSync: slices.Clone(p.shared), Filter: wire.NewFilter(g.NotAncestorsOf(p.shared))}},
	}}
}
