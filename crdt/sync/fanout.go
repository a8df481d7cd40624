package sync

import (
	"slices"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
)

// What a post costs a relay is, for each of its readers, one message out and one
// answer in, and these are the same for all who had everything before. Both have
// a short way here that comes to the same as the long one, state included.

// ReceiveAgreed is Receive of the answer that says "now I have what you have, and
// no more": its heads are our heads, and so is lastSync of its one have entry, whose
// filter is empty; it needs nothing and carries no change. It does nothing and
// returns false where only Receive will do.
func (p *Peer) ReceiveAgreed(g *graph.Graph) bool {
	heads := g.Heads()
	if len(heads) == 0 || p.probe != nil || len(p.again) > 0 || p.stock {
		return false
	}
	p.wentBack = p.wentBack || p.resetSent
	p.inFlight, p.resetSent, p.unanswered = false, false, 0
	clear(p.sent)
	p.sentBelow = 0
	p.shared, p.theirHeads, p.theirNeed = heads, heads, nil
	if cap(p.agreedHave) == 0 {
		p.agreedHave = make([]wire.Have, 1)
	}
	p.theirHave = p.agreedHave[:1]
	p.theirHave[0] = wire.Have{LastSync: heads}
	p.heard, p.claimed, p.learntBefore = true, nil, g.Len()
	p.rounds, p.news = 0, 0
	return true
}

// agreed returns the heads up to which both sides have all, when that is all there
// is to know about the peer: what Generate makes then depends on these heads and
// our graph alone.
func (p *Peer) agreed() ([]wire.Hash, bool) {
	ok := p.heard && !p.stock && p.probe == nil && len(p.sent) == 0 && p.sentBelow == 0 && len(p.theirNeed) == 0 &&
		p.rounds <= MaxRounds && p.news <= MaxNews && len(p.again) == 0 && !p.flooded() &&
		len(p.theirHave) == 1 && p.theirHave[0].Filter.Entries == 0 && len(p.theirHeads) > 0 &&
		slices.Equal(p.theirHeads, p.shared) && slices.Equal(p.theirHave[0].LastSync, p.shared)
	return p.shared, ok
}

// maxFanout is how much of changes, in bytes, a Fanout keeps: a post, or a few, and
// not the slice of a pull.
const maxFanout = 16 << 10

// Fanout makes one message for all peers of a document that are in the same state.
// The zero Fanout is ready. It is for one document's graph, and not safe for
// concurrent use.
type Fanout struct {
	graph       *graph.Graph
	from, heads []wire.Hash // what was agreed on, and what there is now
	limit       int
	cut         bool
	send        []wire.Hash
	message     *Message
}

// Generate is p.Generate(s). The message may be the very one that it returned
// before, for another peer, and is not to be changed.
func (f *Fanout) Generate(p *Peer, s Source) (*Message, bool, error) {
	g := s.Graph()
	heads := g.Heads()
	from, agreed := p.agreed()
	// Else silence, or the end of it, depends on more.
	agreed = agreed && !slices.Equal(from, heads) && !slices.Equal(p.lastSent, heads) && hasAll(g, from)
	if agreed && !p.Ahead() && f.message != nil && f.graph == g && f.limit == p.limit && slices.Equal(f.heads, heads) && slices.Equal(f.from, from) {
		p.said(f.send, heads)
		p.cut = f.cut
		return f.message, true, nil
	}
	m, ok, err := p.Generate(s)
	if agreed && ok && err == nil && small(m) {
		*f = Fanout{graph: g, from: slices.Clone(from), heads: heads, limit: p.limit, cut: p.cut, message: m, send: make([]wire.Hash, 0, len(p.sent))}
		for h := range p.sent { // was empty
			f.send = append(f.send, h)
		}
	}
	return m, ok, err
}

// said notes a message with these changes.
func (p *Peer) said(changes, heads []wire.Hash) {
	for _, h := range changes {
		p.sent[h] = struct{}{}
	}
	p.lastSent = heads
	p.inFlight, p.responded = true, true
	p.unanswered++
	p.cut = false
}

func small(m *Message) bool {
	size := 0
	for _, c := range m.Changes {
		size += len(c)
	}
	return size <= maxFanout
}
