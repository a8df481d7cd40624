package sync

import (
	"slices"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
)

// capV2 is the capability of taking messages of version 2, as 3.x writes it into the
// trailing bytes of its messages: uLEB length, then a byte for each.
const capV2 = 2

// TakesWhole reports whether a message with these trailing bytes comes from a peer
// that takes a whole document in the place of changes.
func TakesWhole(trailing []byte) bool {
	if len(trailing) == 0 || trailing[0] >= 0x80 || int(trailing[0]) > len(trailing)-1 {
		return false
	}
	return slices.Contains(trailing[1:1+trailing[0]], capV2)
}

// LacksAll reports whether the peer has said that it has nothing and asks for
// nothing in particular, so that a whole document would do (rule 24).
func (p *Peer) LacksAll() bool {
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

// GenerateWhole is Generate for a peer of which LacksAll is true and which takes
// whole documents: chunk is the document of the first n applied changes. What was
// applied since then goes with a later message. The message is to be sent as one of
// version 2, whose encoding differs in the first byte alone.
func (p *Peer) GenerateWhole(g *graph.Graph, chunk []byte, n int) *Message {
	heads := g.Heads()
	p.sentBelow = n
	p.said(nil, heads)
	return &Message{Message: wire.Message{
		Heads: heads, Changes: [][]byte{chunk},
		Have: []wire.Have{{LastSync: slices.Clone(p.shared), Filter: wire.NewFilter(g.NotAncestorsOf(p.shared))}},
	}}
}
