// Package sync is the Automerge sync protocol, message V1, as a state machine without
// I/O. The caller owns the document's graph; Peer.Generate returns the next message for
// a peer, and Peer.Receive processes a message from it. In this package "the peer" is
// the other side; Peer is our state about it. DESIGN.md has the rules by number, with
// their reasons.
//
// It guarantees that two sides that follow it over a reliable, ordered channel end with
// equal heads and then fall silent, whatever false positives the filters have; that a
// message it makes stays near wire.MaxMessage; that the memory for a peer is bounded;
// and that a conversation without progress ends in an error.
//
// It does not modify the graph or validate changes. It announces everything in the
// graph as held, so the graph must contain only changes that are on disk. A Peer is not
// safe for concurrent use and belongs to one connection.
package sync

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
)

// Bounds.
const (
	MaxRounds         = 32      // consecutive messages of the peer without progress on either side
	MaxRoundsNewHeads = 4096    // the same, for messages whose heads differ from those of the message before
	MaxRefused        = 1 << 14 // refused hashes kept for one peer; as many again may be deferred
	MaxNeed           = 4096    // hashes asked for in one message

	minChangeSize = 64 // bytes, roughly the smallest change

	maxInFlight = 2 // messages sent to a peer and not answered yet
)

var (
	// ErrNoProgress is returned by Generate when the peer has sent MaxRounds messages
	// in a row without progress on either side. Close the connection; a new Peer starts
	// from scratch.
	ErrNoProgress = errors.New("sync: no progress")
	// ErrTooManyRefused is returned by Generate when more than MaxRefused of the peer's
	// changes were refused, or deferred. Close the connection.
	ErrTooManyRefused = errors.New("sync: too many refused changes")
)

// Source is a document, as far as Generate needs it.
type Source interface {
	// Graph returns the document's graph. It may be rebuilt between calls as long as
	// the applied order stays the same.
	Graph() *graph.Graph
	// Change returns a change that is in the graph.
	Change(h wire.Hash) (Change, error)
}

// Change is a change as it is stored and as it travels. Both slices are read only.
type Change struct {
	Bytes     []byte // its type-1 chunk
	Signature []byte // of its writer, opaque here; nil for an unsigned change
}

// Message is a message to a peer, with the signatures of the changes in it. Signatures
// are sent in the envelope, not in the message (repo.Message.Signatures).
type Message struct {
	wire.Message
	Signatures [][]byte // one for each of Changes, nil for an unsigned change
}

// Peer is the state of the conversation with one peer about one document.
type Peer struct {
	shared       []wire.Hash // heads that both sides hold; ascending
	lastSent     []wire.Hash // our heads in the last message
	sent         map[wire.Hash]struct{}
	sentBelow    int  // so many first changes of the applied order were sent as one document; they count as in sent
	inFlight     bool // a message that the peer will answer has not been answered yet
	unanswered   int  // an upper bound for the number of such messages
	truncated    bool // the last message did not contain everything that there was to send
	responded    bool // we have sent a message
	resetSent    bool // we have answered the last message with the reset message
	resetBefore  bool // the reset message was sent before the last message arrived
	theirHeads   []wire.Hash
	theirNeed    []wire.Hash
	theirHave    []wire.Have
	heard        bool   // theirHeads, theirNeed and theirHave are set
	claimed      claims // our changes that theirHave's filters contain, for filters whose bits are not kept
	learntBefore int    // the changes from this place of the applied order on were added after theirHave was made

	refused            map[wire.Hash]struct{}
	refusedBy          func(wire.Hash) bool   // whether the document refused a change; may be nil
	deferred           map[wire.Hash]struct{} // changes that are not to be requested now
	rerequested        map[wire.Hash]struct{} // changes that were deferred and are requested until they arrive
	askNow             bool                   // some of rerequested has not been requested yet
	unansweredRequests int                    // messages of the peer since then that contained none of rerequested

	probe *wire.Hash // a change that we have and request, so that the peer must answer

	rounds         int                    // messages without progress that had the same heads as the message before
	roundsNewHeads int                    // messages without progress that had other heads than the message before
	applied        int                    // length of our graph at the last progress
	waiting        int                    // pending changes at the last progress
	theyLack       int                    // fewest changes the peer lacked since our graph last grew
	asked          map[wire.Hash]struct{} // our changes that the peer has ever requested

	scanned int // see Scanned

	agreedHave []wire.Have // reused memory for a theirHave of one entry

	limit int // bytes of a message; wire.MaxMessage outside of tests

	// stock turns off rules 10 to 27, those beyond automerge 3.x. For tests.
	stock bool
}

// NewPeer returns the state for a new connection.
func NewPeer() *Peer { return newPeer(nil) }

// newPeer starts with the heads that both sides are believed to hold. They are a hint
// that saves work; wrong heads are harmless.
func newPeer(shared []wire.Hash) *Peer {
	return &Peer{
		shared: sortedSet(shared), sent: map[wire.Hash]struct{}{}, refused: map[wire.Hash]struct{}{},
		asked: map[wire.Hash]struct{}{},
		limit: wire.MaxMessage,
	}
}

// Scanned returns, and resets, the number of our changes that were examined to see
// whether the peer lacks them. A peer can cause this work with a few bytes, so callers
// charge it.
func (p *Peer) Scanned() (n int) {
	n, p.scanned = p.scanned, 0
	return n
}

// TheirHeads returns the heads of the peer's last message; false if there was
// none yet.
func (p *Peer) TheirHeads() ([]wire.Hash, bool) { return slices.Clone(p.theirHeads), p.heard }

// InSync reports whether the peer's last message had the heads we have now.
func (p *Peer) InSync(g *graph.Graph) bool {
	return p.heard && slices.Equal(p.theirHeads, g.Heads())
}

// Quiet is a cheap check: true means that Generate would return nothing, because both
// sides are known to hold the same, that has been said, and nothing is requested. False
// means unknown.
func (p *Peer) Quiet(g *graph.Graph) bool {
	if !p.responded || !p.heard || len(p.theirNeed) > 0 || p.probe != nil || p.rounds > 0 || len(p.rerequested) > 0 || p.flooded() {
		return false
	}
	if heads := g.Heads(); !slices.Equal(p.lastSent, heads) || !slices.Equal(p.theirHeads, heads) {
		return false
	}
	return len(p.theirHave) == 0 || hasAll(g, p.theirHave[0].LastSync) // otherwise a reset may be necessary
}

// Generate returns the next message for the peer, or false when there is nothing to
// say. Call it at the start of a connection, after every Receive, and after the graph
// has grown; extra calls are harmless. When Source returns an error, nothing has
// changed. ErrNoProgress and ErrTooManyRefused are returned from every later call too.
func (p *Peer) Generate(s Source) (*Message, bool, error) {
	g := s.Graph()
	heads := g.Heads()
	if !p.stock {
		if p.rounds > MaxRounds || p.roundsNewHeads > MaxRoundsNewHeads {
			return nil, false, fmt.Errorf("%w: %d messages", ErrNoProgress, p.rounds+p.roundsNewHeads)
		}
		if p.flooded() {
			return nil, false, ErrTooManyRefused
		}
		if !hasAll(g, p.shared) {
			p.shared = slices.DeleteFunc(slices.Clone(p.shared), func(h wire.Hash) bool { return !g.Has(h) })
		}
	}
	need := p.need(g)
	if len(p.theirHave) > 0 && (p.stock || !p.resetBefore) && !hasAll(g, p.theirHave[0].LastSync) {
		if p.resetSent {
			return nil, false, nil
		}
		p.resetSent = true
		return &Message{Message: wire.Message{Heads: heads, Have: []wire.Have{{}}}}, true, nil
	}
	send := p.toSend(g, heads)
	if p.responded && slices.Equal(p.lastSent, heads) {
		switch {
		case len(send) == 0 && p.heard && slices.Equal(p.theirHeads, heads):
			return nil, false, nil
		case p.inFlight && !p.askNow && !(p.CanSendNext() && len(send) > 0 && len(need) == 0):
			return nil, false, nil
		case !p.stock && len(send) == 0 && len(need) == 0 && p.heard && !hasAll(g, p.theirHeads):
			// Everything that only the peer has was refused or deferred: nothing to request.
			return nil, false, nil
		}
	}
	m := &Message{Message: wire.Message{Heads: heads, Need: need}}
	size := 16 + 32*(len(heads)+len(need))
	// A stock peer sends no filter while it needs changes that are not heads. Without
	// ours, it would receive a long gap behind a pending change one by one.
	filterSent := p.hasOnlyOurs()
	if !p.stock || subset(need, p.theirHeads) {
		h := wire.Have{LastSync: slices.Clone(p.shared)}
		if filterSent {
			size += 2 * len(p.sent) // of the filter, which is made below
		} else {
			h.Filter = wire.NewFilter(g.NotAncestorsOf(p.shared))
		}
		m.Have = []wire.Have{h}
		size += 32*len(h.LastSync) + len(h.Filter.Bits) + 32
	}
	all := len(send)
	for i, h := range send {
		c, err := s.Change(h)
		if err != nil {
			return nil, false, fmt.Errorf("sync: change %s: %w", h, err)
		}
		// Always send at least one change, or the conversation would stop.
		if size += len(c.Bytes) + 7; i > 0 && size > p.limit {
			send = send[:i]
			break
		}
		m.Changes = append(m.Changes, c.Bytes)
		m.Signatures = append(m.Signatures, c.Signature)
	}
	if filterSent {
		m.Have[0].Filter = p.filterOfSent(g, send)
	}
	if !p.stock && len(p.theirNeed) > 0 {
		// Each request is answered once.
		now := make(map[wire.Hash]struct{}, len(send))
		for _, h := range send {
			now[h] = struct{}{}
		}
		p.theirNeed = slices.DeleteFunc(p.theirNeed, func(h wire.Hash) bool { _, ok := now[h]; return ok })
	}
	p.askNow = false
	p.noteSent(send, heads)
	p.truncated = len(send) < all
	return m, true, nil
}

// hasOnlyOurs reports whether everything that the peer has, by its last message, is in
// what both sides are known to hold. Then the peer can learn more of ours only from us.
func (p *Peer) hasOnlyOurs() bool {
	return !p.stock && p.heard && p.sentBelow == 0 && slices.Equal(p.shared, p.theirHeads)
}

// filterOfSent is a filter over the changes beyond shared that we have sent to the
// peer, including those of the message being made (rule 26).
func (p *Peer) filterOfSent(g *graph.Graph, send []wire.Hash) wire.Filter {
	if slices.Equal(g.Heads(), p.shared) {
		return wire.Filter{}
	}
	lately := slices.Clone(send)
	for h := range p.sent {
		lately = append(lately, h)
	}
	return wire.NewFilter(sortedSet(lately))
}

func (p *Peer) flooded() bool { return len(p.refused) > MaxRefused || len(p.deferred) > MaxRefused }

// CanSendNext reports whether Generate would make the next message with changes that
// the peer lacks although the previous one is not answered yet (rule 25). Call Generate
// again when the previous one has been sent.
func (p *Peer) CanSendNext() bool { return p.truncated && p.unanswered < maxInFlight && !p.stock }

// Probe returns a message that a peer answers in any case, also when both hold the same
// (rule 19): it requests a change that both have. Until Probing reports false again,
// what the peer is known to hold may be out of date, because the peer may have sent it
// before something changed there. It returns false for an empty graph, which has no
// change to request.
func (p *Peer) Probe(g *graph.Graph) (*wire.Message, bool) {
	heads := g.Heads()
	if len(heads) == 0 {
		return nil, false
	}
	asked := heads[0]
	p.probe = &asked
	p.lastSent = heads
	p.inFlight, p.responded = true, true
	return &wire.Message{Heads: heads, Need: heads[:1:1], Have: []wire.Have{{LastSync: heads}}}, true
}

// Probing reports whether a probe has not been answered yet.
func (p *Peer) Probing() bool { return p.probe != nil }

// noteProbeAnswered ends the probe when m answers it: the requested change is one of m's
// changes, or m is the reset message of a peer that does not have that change.
func (p *Peer) noteProbeAnswered(m *wire.Message, changes []wire.Hash) {
	if p.probe == nil {
		return
	}
	if slices.Contains(changes, *p.probe) {
		p.probe = nil
		return
	}
	if len(m.Changes) == 0 && len(m.Have) == 1 && len(m.Have[0].LastSync) == 0 && m.Have[0].Filter.Entries == 0 {
		p.probe = nil
	}
}

// need returns what to request: the changes that we lack of the peer's history.
func (p *Peer) need(g *graph.Graph) []wire.Hash {
	need := g.MissingFrom(p.theirHeads)
	if p.stock {
		return need
	}
	need = slices.DeleteFunc(need, p.unwanted)
	if len(p.rerequested) > 0 {
		need = p.withRerequested(g, need)
		p.askNow = p.askNow && len(p.rerequested) > 0
	}
	need = need[:min(len(need), MaxNeed)]
	if p.probe != nil {
		// A peer that reads two of our messages before it answers either answers only
		// the second, so every message must repeat the probe.
		need = sortedSet(append(need, *p.probe))
	}
	return need
}

// toSend returns the changes that the peer lacks as far as we know, in causal order.
func (p *Peer) toSend(g *graph.Graph, heads []wire.Hash) []wire.Hash {
	if !p.heard {
		return nil
	}
	var inOrder []wire.Hash
	var chosen []bool // by place in the applied order, from base on
	base := g.Len()
	isChosen := func(h wire.Hash) bool {
		i, ok := g.Place(h)
		return ok && i >= base && chosen[i-base]
	}
	if len(p.theirHave) > 0 && (p.stock || !slices.Equal(p.theirHeads, heads)) {
		var known []wire.Hash
		for _, h := range p.theirHave {
			known = append(known, h.LastSync...)
		}
		if !p.stock {
			known = append(known, p.theirHeads...)
			if p.resetBefore && !hasAll(g, p.theirHave[0].LastSync) {
				known = append(known, p.shared...) // in place of the heads that we lack
			}
		}
		candidates := g.NotAncestorsOf(sortedSet(known))
		if len(candidates) > 0 {
			base, _ = g.Place(candidates[0])
			chosen = make([]bool, g.Len()-base)
		}
		var deps []wire.Hash
		for _, h := range candidates {
			// There are more changes than fit into a message, and what lies below them
			// is known.
			if !p.stock && len(inOrder) > p.limit/minChangeSize {
				break
			}
			p.scanned++
			deps = g.Deps(deps[:0], h)
			if !p.inFilters(g, h) || slices.ContainsFunc(deps, isChosen) {
				i, _ := g.Place(h)
				chosen[i-base] = true
				if _, before := p.sent[h]; !before && i >= p.sentBelow {
					inOrder = append(inOrder, h)
				}
			}
		}
	}
	// Requested changes are sent again, too: they may have been lost.
	asked := len(inOrder)
	for _, h := range p.theirNeed {
		_, before := p.sent[h]
		if i, ok := g.Place(h); ok && i < p.sentBelow {
			before = true
		}
		if g.Has(h) && (before && !p.stock || !before && !isChosen(h)) {
			inOrder = append(inOrder, h)
		}
	}
	if len(inOrder) > asked {
		slices.SortFunc(inOrder, func(a, b wire.Hash) int {
			x, _ := g.Place(a)
			y, _ := g.Place(b)
			return x - y
		})
	}
	return inOrder
}

// inFilters reports whether any of the peer's filters contains h. A filter cannot
// contain a change that we got after it was made, so such an answer is a false
// positive.
func (p *Peer) inFilters(g *graph.Graph, h wire.Hash) bool {
	if i, _ := g.Place(h); !p.stock && i >= p.learntBefore {
		return false
	}
	if i, _ := g.Place(h); p.claimed.has(i) {
		return true
	}
	for i := range p.theirHave {
		if p.theirHave[i].Filter.Contains(h) {
			return true
		}
	}
	return false
}

// Received says what became of the changes of a message.
type Received struct {
	Changes []wire.Hash // the hashes of the message's changes, in any order
	Before  []wire.Hash // our heads before the changes were accepted or refused
	Refused []wire.Hash // changes of the message, or pending until now, that will never be accepted
}

// Receive processes a message. Call it after m's changes were accepted (into the graph
// and onto disk) or refused. A change of m that was neither accepted nor refused nor
// deferred (see Defer) will be requested again.
func (p *Peer) Receive(g *graph.Graph, m *wire.Message, r Received) {
	p.Refuse(r.Refused...)
	heads, theirs := g.Heads(), sortedSet(m.Heads)
	before := sortedSet(r.Before)
	p.resetBefore = p.resetBefore || p.resetSent
	p.inFlight, p.resetSent = false, false
	if p.unanswered = max(0, p.unanswered-1); slices.Equal(heads, theirs) {
		p.unanswered = 0
	}
	p.noteProbeAnswered(m, r.Changes)
	p.noteRerequested(r.Changes)
	if len(m.Changes) > 0 {
		p.shared = advance(heads, before, r.Changes, p.shared, p.stock)
	}
	p.forget(g, heads, theirs)
	if p.stock && len(m.Changes) == 0 && slices.Equal(theirs, before) {
		p.lastSent = theirs
	}
	if hasAll(g, theirs) {
		p.shared = theirs
		if len(theirs) == 0 {
			p.lastSent, p.sentBelow = nil, 0
			clear(p.sent)
		}
	} else {
		known := slices.Clone(p.shared)
		for _, h := range theirs {
			if g.Has(h) {
				known = append(known, h)
			}
		}
		p.shared = sortedSet(known)
	}
	theirs = p.keep(g, theirs)
	news := !slices.Equal(p.theirHeads, theirs)
	p.theirHeads, p.theirNeed = theirs, p.keep(g, m.Need)
	p.theirHave, p.claimed = p.keepHave(g, m.Have)
	p.heard, p.learntBefore = true, g.Len()
	p.trackProgress(g, heads, news)
}

// Refuse excludes changes from all later requests to this peer. Receive does so for its
// refused changes; Refuse is for refusals known from earlier.
func (p *Peer) Refuse(hashes ...wire.Hash) {
	for _, h := range hashes {
		if len(p.refused) > MaxRefused {
			return // Generate reports it
		}
		p.refused[h] = struct{}{}
	}
}

// advance returns the shared heads after changes of the peer were accepted: those that
// became heads, and the old shared heads that still are heads.
func advance(heads, before, changes, shared []wire.Hash, stock bool) []wire.Hash {
	came := make(map[wire.Hash]struct{}, len(changes))
	for _, h := range changes {
		came[h] = struct{}{}
	}
	var r []wire.Hash
	for _, h := range heads {
		_, fromThem := came[h]
		if contains(shared, h) || (fromThem || stock) && !contains(before, h) {
			r = append(r, h)
		}
	}
	return r
}

// forget removes from sent what the peer has acknowledged: its heads and their past.
func (p *Peer) forget(g *graph.Graph, heads, theirs []wire.Hash) {
	if len(p.sent) == 0 && p.sentBelow == 0 {
		return
	}
	if slices.Equal(heads, theirs) {
		clear(p.sent)
		p.sentBelow = 0
		return
	}
	still, below := map[wire.Hash]struct{}{}, 0
	for _, h := range g.NotAncestorsOf(theirs) {
		if _, ok := p.sent[h]; ok {
			still[h] = struct{}{}
		}
		if i, _ := g.Place(h); i < p.sentBelow {
			below = p.sentBelow
		}
	}
	p.sent, p.sentBelow = still, below
}

// trackProgress counts the messages without progress. Progress is: our graph or pending
// buffer changes; the peer lacks fewer of our changes than ever since our graph last
// grew; or it requests a change for the first time. news says that the message has
// other heads than the one before: a peer that writes faster than we answer makes no
// progress yet, but is not idle either.
func (p *Peer) trackProgress(g *graph.Graph, heads []wire.Hash, news bool) {
	if slices.Equal(heads, p.theirHeads) {
		p.rounds, p.roundsNewHeads = 0, 0 // the message will not be answered
		return
	}
	lack := len(g.NotAncestorsOf(p.theirHeads))
	p.scanned += lack
	moved := lack < p.theyLack
	if g.Len() != p.applied || g.PendingLen() != p.waiting {
		p.applied, p.waiting = g.Len(), g.PendingLen()
		moved = true
	}
	for _, h := range p.theirNeed {
		if _, before := p.asked[h]; !before && g.Has(h) {
			p.asked[h] = struct{}{}
			moved = true
		}
	}
	if news {
		p.roundsNewHeads++
	} else {
		p.rounds++
	}
	if moved {
		p.theyLack, p.rounds, p.roundsNewHeads = lack, 0, 0
	}
}

func hasAll(g *graph.Graph, hashes []wire.Hash) bool {
	for _, h := range hashes {
		if !g.Has(h) {
			return false
		}
	}
	return true
}

func compare(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) }

func contains(sorted []wire.Hash, h wire.Hash) bool {
	_, ok := slices.BinarySearchFunc(sorted, h, compare)
	return ok
}

func subset(of, sorted []wire.Hash) bool {
	for _, h := range of {
		if !contains(sorted, h) {
			return false
		}
	}
	return true
}

// sortedSet returns the hashes ascending, each once, in a new slice.
func sortedSet(hashes []wire.Hash) []wire.Hash {
	r := slices.Clone(hashes)
	slices.SortFunc(r, compare)
	return slices.Compact(r)
}
