package sync

import (
	"slices"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
)

// For each reader of a post, a relay sends one message and receives one answer. These
// are the same for all readers that had everything before. The functions here are fast
// paths for this case, with the same result and state as Generate and Receive.

// ReceiveAgreed is the fast path of Receive for an acknowledgement (see
// wire.ReadAnswer): its heads are our heads, and so is lastSync of its one have entry,
// whose filter is empty; it needs nothing and carries no change. It does nothing and
// returns false when only Receive can process the message.
func (p *Peer) ReceiveAgreed(g *graph.Graph) bool {
	heads := g.Heads()
	if len(heads) == 0 || p.probe != nil || len(p.rerequested) > 0 || p.stock {
		return false
	}
	p.resetBefore = p.resetBefore || p.resetSent
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
	p.rounds, p.roundsNewHeads = 0, 0
	return true
}

// agreed returns the heads up to which both sides have everything, if nothing else is
// known about the peer. What Generate makes then depends only on these heads and our
// graph.
func (p *Peer) agreed() ([]wire.Hash, bool) {
	ok := p.heard && !p.stock && p.probe == nil && len(p.sent) == 0 && p.sentBelow == 0 && len(p.theirNeed) == 0 &&
		p.rounds <= MaxRounds && p.roundsNewHeads <= MaxRoundsNewHeads && len(p.rerequested) == 0 && !p.flooded() &&
		len(p.theirHave) == 1 && p.theirHave[0].Filter.Entries == 0 && len(p.theirHeads) > 0 &&
		slices.Equal(p.theirHeads, p.shared) && slices.Equal(p.theirHave[0].LastSync, p.shared)
	return p.shared, ok
}

// maxFanout is the most bytes of changes that a Fanout keeps: enough for a few posts,
// less than a message of a long download.
const maxFanout = 16 << 10

// Fanout makes one message for all peers of a document that are in the same state.
// The zero Fanout is ready. It is for one document's graph, and not safe for
// concurrent use.
type Fanout struct {
	graph       *graph.Graph
	from, heads []wire.Hash // the heads that were agreed on, and the heads now
	limit       int
	cut         bool
	send        []wire.Hash
	message     *Message
}

// Generate returns p.Generate(s). The message may be one that it returned before, for
// another peer, and must not be modified.
func (f *Fanout) Generate(p *Peer, s Source) (*Message, bool, error) {
	g := s.Graph()
	heads := g.Heads()
	from, agreed := p.agreed()
	// In all other cases what to say depends on more than the agreed heads.
	agreed = agreed && !slices.Equal(from, heads) && !slices.Equal(p.lastSent, heads) && hasAll(g, from)
	if agreed && !p.CanSendNext() && f.message != nil && f.graph == g && f.limit == p.limit && slices.Equal(f.heads, heads) && slices.Equal(f.from, from) {
		p.noteSent(f.send, heads)
		p.truncated = f.cut
		return f.message, true, nil
	}
	m, ok, err := p.Generate(s)
	if agreed && ok && err == nil && small(m) {
		*f = Fanout{graph: g, from: slices.Clone(from), heads: heads, limit: p.limit, cut: p.truncated, message: m, send: make([]wire.Hash, 0, len(p.sent))}
		for h := range p.sent { // sent was empty before
			f.send = append(f.send, h)
		}
	}
	return m, ok, err
}

// noteSent records a message with these changes.
func (p *Peer) noteSent(changes, heads []wire.Hash) {
	for _, h := range changes {
		p.sent[h] = struct{}{}
	}
	p.lastSent = heads
	p.inFlight, p.responded = true, true
	p.unanswered++
	p.truncated = false
}

func small(m *Message) bool {
	size := 0
	for _, c := range m.Changes {
		size += len(c)
	}
	return size <= maxFanout
}
