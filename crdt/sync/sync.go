// Package sync is the Automerge sync protocol, message V1, as a state machine
// without I/O: who holds a document's graph asks a Peer what to say, and tells
// it what was heard. DESIGN.md has the rules by number, and why they are so.
//
// It guarantees that two sides that follow it over a reliable, ordered channel
// end with equal heads and then fall silent, whatever false positives the
// filters have; that a message it makes stays near wire.MaxMessage; that what
// it remembers of a peer is bounded; and that a conversation that gets nowhere
// ends in an error instead of going on for ever.
//
// It never takes changes into the graph, never judges them, and never claims
// to hold what is not in the graph: so the graph must hold only what is on
// disk. A Peer is not safe for concurrent use and belongs to one connection.
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
	MaxRounds  = 32      // messages in a row that bring neither side forward
	MaxNews    = 4096    // the same of messages with other heads than the one before
	MaxRefused = 1 << 14 // hashes that one peer offered and that were refused; as many may be deferred
	MaxNeed    = 4096    // hashes asked for in one message

	leastChange = 64 // bytes of a change, about

	window = 2 // slices under way to a peer at once
)

var (
	// ErrNoProgress is returned by Generate when the peer has sent MaxRounds
	// messages in a row though nothing moved on either side. The connection
	// is to be closed; a new Peer starts afresh.
	ErrNoProgress = errors.New("sync: no progress")
	// ErrTooManyRefused is returned by Generate when more than MaxRefused of
	// the peer's changes were refused, or deferred. The connection is to be closed.
	ErrTooManyRefused = errors.New("sync: too many refused changes")
)

// Source is a document as Generate reads it.
type Source interface {
	// Graph returns the document's graph. It may be built anew between calls
	// as long as the applied order stays the same.
	Graph() *graph.Graph
	// Change returns a change that is in the graph.
	Change(h wire.Hash) (Change, error)
}

// Change is a change as it is stored and as it travels. Both slices are read only.
type Change struct {
	Bytes     []byte // its type-1 chunk
	Signature []byte // of its writer, opaque here; nil for an unsigned change
}

// Message is a message to a peer, with the signatures of the changes in it. These
// travel beside the message, in the envelope (repo.Message.Signatures).
type Message struct {
	wire.Message
	Signatures [][]byte // one for each of Changes, nil for an unsigned change
}

// Peer is the conversation with one peer about one document.
type Peer struct {
	shared       []wire.Hash // heads that both sides hold; ascending
	lastSent     []wire.Hash // our heads in the last message
	sent         map[wire.Hash]struct{}
	sentBelow    int  // the first changes of the applied order, sent as a whole: as if in sent
	inFlight     bool // a message is under way that the peer will answer
	unanswered   int  // how many are, at most
	cut          bool // the last message did not hold all there was to send
	responded    bool // we have said anything at all
	resetSent    bool // the reset message has answered the last message
	wentBack     bool // the reset message was sent before the last message came
	theirHeads   []wire.Hash
	theirNeed    []wire.Hash
	theirHave    []wire.Have
	heard        bool   // theirHeads, theirNeed and theirHave are set
	claimed      claims // of our changes, by theirHave's filters, where their bits are not kept
	learntBefore int    // places in the applied order from here on were learnt after theirHave was made

	refused   map[wire.Hash]struct{}
	refusedBy func(wire.Hash) bool   // what the document refused; may be nil
	deferred  map[wire.Hash]struct{} // not to be asked for now
	again     map[wire.Hash]struct{} // was deferred, and is asked for until it comes
	askNow    bool                   // some of it was not asked for yet
	unheard   int                    // messages of the peer since, that brought nothing of it

	probe *wire.Hash // asked for though we have it, to be answered

	rounds   int                    // messages since something moved, with the heads of the one before
	news     int                    // messages since something moved, with other heads
	applied  int                    // length of our graph when something last moved
	waiting  int                    // changes waiting then
	theyLack int                    // fewest changes the peer lacked since our graph last grew
	asked    map[wire.Hash]struct{} // those of our changes that the peer ever asked for

	looked int // see Looked

	agreedHave []wire.Have // of one entry: memory for theirHave, where that is all it says

	limit int // bytes of a message, wire.MaxMessage but in tests

	// stock turns off rules 10 to 27, those beyond automerge 3.x. For tests.
	stock bool
}

// NewPeer returns the state for a new connection.
func NewPeer() *Peer { return newPeer(nil) }

// newPeer begins with the heads that both sides are believed to hold. They only
// save work: wrong ones do no harm.
func newPeer(shared []wire.Hash) *Peer {
	return &Peer{
		shared: sortedSet(shared), sent: map[wire.Hash]struct{}{}, refused: map[wire.Hash]struct{}{},
		asked: map[wire.Hash]struct{}{},
		limit: wire.MaxMessage,
	}
}

// Looked returns how many of our changes were gone through since it was called last, to
// see whether the peer lacks them: what it can make us do with a few bytes.
func (p *Peer) Looked() (n int) {
	n, p.looked = p.looked, 0
	return n
}

// TheirHeads returns the heads of the peer's last message; false if there was
// none yet.
func (p *Peer) TheirHeads() ([]wire.Hash, bool) { return slices.Clone(p.theirHeads), p.heard }

// InSync reports whether the peer's last message had the heads we have now.
func (p *Peer) InSync(g *graph.Graph) bool {
	return p.heard && slices.Equal(p.theirHeads, g.Heads())
}

// Quiet reports whether Generate would surely say nothing: both are known to
// hold the same, that was said, and nothing is asked for. It is cheap, and false
// is no promise that there is something to say.
func (p *Peer) Quiet(g *graph.Graph) bool {
	if !p.responded || !p.heard || len(p.theirNeed) > 0 || p.probe != nil || p.rounds > 0 || len(p.again) > 0 || p.flooded() {
		return false
	}
	if heads := g.Heads(); !slices.Equal(p.lastSent, heads) || !slices.Equal(p.theirHeads, heads) {
		return false
	}
	return len(p.theirHave) == 0 || hasAll(g, p.theirHave[0].LastSync) // else a reset may be due
}

// Generate returns the next message for the peer, or false when there is
// nothing to say. It is to be called at the start of a connection, after every
// Receive, and after the graph has grown; calling it more often does no harm.
// On an error from Source nothing has changed; ErrNoProgress and
// ErrTooManyRefused are returned from then on.
func (p *Peer) Generate(s Source) (*Message, bool, error) {
	g := s.Graph()
	heads := g.Heads()
	if !p.stock {
		if p.rounds > MaxRounds || p.news > MaxNews {
			return nil, false, fmt.Errorf("%w: %d messages", ErrNoProgress, p.rounds+p.news)
		}
		if p.flooded() {
			return nil, false, ErrTooManyRefused
		}
		if !hasAll(g, p.shared) {
			p.shared = slices.DeleteFunc(slices.Clone(p.shared), func(h wire.Hash) bool { return !g.Has(h) })
		}
	}
	need := p.need(g)
	if len(p.theirHave) > 0 && (p.stock || !p.wentBack) && !hasAll(g, p.theirHave[0].LastSync) {
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
		case p.inFlight && !p.askNow && !(p.Ahead() && len(send) > 0 && len(need) == 0):
			return nil, false, nil
		case !p.stock && len(send) == 0 && len(need) == 0 && p.heard && !hasAll(g, p.theirHeads):
			// All they have beyond us was refused or deferred: nothing to ask for.
			return nil, false, nil
		}
	}
	m := &Message{Message: wire.Message{Heads: heads, Need: need}}
	size := 16 + 32*(len(heads)+len(need))
	// Stock peers leave this out while they need what is no head, and then
	// get a long gap behind a waiting change one by one.
	lately := p.hasOnlyOurs()
	if !p.stock || subset(need, p.theirHeads) {
		h := wire.Have{LastSync: slices.Clone(p.shared)}
		if lately {
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
		// The first goes in any case, or the conversation would stop.
		if size += len(c.Bytes) + 7; i > 0 && size > p.limit {
			send = send[:i]
			break
		}
		m.Changes = append(m.Changes, c.Bytes)
		m.Signatures = append(m.Signatures, c.Signature)
	}
	if lately {
		m.Have[0].Filter = p.filterLately(g, send)
	}
	if !p.stock && len(p.theirNeed) > 0 {
		// What was asked for once is answered once.
		now := make(map[wire.Hash]struct{}, len(send))
		for _, h := range send {
			now[h] = struct{}{}
		}
		p.theirNeed = slices.DeleteFunc(p.theirNeed, func(h wire.Hash) bool { _, ok := now[h]; return ok })
	}
	p.askNow = false
	p.said(send, heads)
	p.cut = len(send) < all
	return m, true, nil
}

// hasOnlyOurs reports whether all that the peer has, by its last message, lies in what
// both are known to hold, so that whatever else it comes to have of ours we sent it.
func (p *Peer) hasOnlyOurs() bool {
	return !p.stock && p.heard && p.sentBelow == 0 && slices.Equal(p.shared, p.theirHeads)
}

// filterLately is a filter over what the peer may have of ours beyond shared (rule
// 26): what is on its way, now included.
func (p *Peer) filterLately(g *graph.Graph, send []wire.Hash) wire.Filter {
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

// Ahead reports whether Generate would make the next slice of what the peer lacks
// though the one before is not answered yet (rule 25): it is to be called again when
// that one has been sent.
func (p *Peer) Ahead() bool { return p.cut && p.unanswered < window && !p.stock }

// Probe returns a message that a peer answers in any case, also when both hold
// the same (rule 19): it asks for a change that both have. Until Probing reports
// false again, what the peer is known to hold may be from before: a message of it
// may have been under way when something changed there. False is returned for an
// empty graph, of which nothing can be asked.
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

// noteAnswer ends the probe when m answers it: it carries the change asked for,
// or is the reset message of a peer that does not have it.
func (p *Peer) noteAnswer(m *wire.Message) {
	if p.probe == nil {
		return
	}
	for _, b := range m.Changes {
		if h, err := wire.ReadHash(b); err == nil && h == *p.probe {
			p.probe = nil
			return
		}
	}
	if len(m.Changes) == 0 && len(m.Have) == 1 && len(m.Have[0].LastSync) == 0 && m.Have[0].Filter.Entries == 0 {
		p.probe = nil
	}
}

// need returns what to ask for: what lacks between the peer's heads and us.
func (p *Peer) need(g *graph.Graph) []wire.Hash {
	need := g.MissingFrom(p.theirHeads)
	if p.stock {
		return need
	}
	need = slices.DeleteFunc(need, p.unwanted)
	if len(p.again) > 0 {
		need = p.withAgain(g, need)
		p.askNow = p.askNow && len(p.again) > 0
	}
	need = need[:min(len(need), MaxNeed)]
	if p.probe != nil {
		// A later message takes the place of the probe where both are read
		// before either is answered, so it asks again.
		need = sortedSet(append(need, *p.probe))
	}
	return need
}

// toSend returns what the peer lacks for all we know, in causal order.
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
			if p.wentBack && !hasAll(g, p.theirHave[0].LastSync) {
				known = append(known, p.shared...) // in place of what we lack
			}
		}
		candidates := g.NotAncestorsOf(sortedSet(known))
		if len(candidates) > 0 {
			base, _ = g.Place(candidates[0])
			chosen = make([]bool, g.Len()-base)
		}
		var deps []wire.Hash
		for _, h := range candidates {
			// More than fit into a message, and what is below them is known.
			if !p.stock && len(inOrder) > p.limit/leastChange {
				break
			}
			p.looked++
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
	// What they ask for is sent again, too: it may have been lost.
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

// inFilters reports whether any of the peer's filters claims h. A filter cannot
// know what we learnt after it was made; if it claims that, it is wrong.
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

// Receive takes in a message. It is to be called after m's changes were taken
// (into the graph and onto disk), or refused: before are our heads as they were
// then, refused those of m's changes, or of what waited for them, that will
// never be taken. A change that was neither taken nor refused nor deferred (see
// Defer) will be asked for again.
func (p *Peer) Receive(g *graph.Graph, m *wire.Message, before, refused []wire.Hash) {
	p.Refuse(refused...)
	heads, theirs := g.Heads(), sortedSet(m.Heads)
	before = sortedSet(before)
	p.wentBack = p.wentBack || p.resetSent
	p.inFlight, p.resetSent = false, false
	if p.unanswered = max(0, p.unanswered-1); slices.Equal(heads, theirs) {
		p.unanswered = 0
	}
	p.noteAnswer(m)
	p.noteAnswered(m)
	if len(m.Changes) > 0 {
		p.shared = advance(g, heads, before, m, p.shared, p.stock)
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
	p.count(g, heads, news)
}

// Refuse makes the peer never be asked for these changes. Receive does it for
// those it is given; this is for refusals known from earlier.
func (p *Peer) Refuse(hashes ...wire.Hash) {
	for _, h := range hashes {
		if len(p.refused) > MaxRefused {
			return // Generate reports it
		}
		p.refused[h] = struct{}{}
	}
}

// advance returns the shared heads after m's changes were taken: those of them
// that became heads, and the old ones that still are.
func advance(g *graph.Graph, heads, before []wire.Hash, m *wire.Message, shared []wire.Hash, stock bool) []wire.Hash {
	came := make(map[wire.Hash]struct{}, len(m.Changes))
	for _, b := range m.Changes {
		if h, err := wire.ReadHash(b); err == nil {
			came[h] = struct{}{}
		}
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

// forget drops from sent what the peer shows to have: its heads and their past.
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

// count counts the messages that brought neither side forward. A side comes
// forward when our graph or waiting room changes, when the peer lacks fewer of
// our changes than ever since, or asks for one it never asked for before. News
// says that the message has other heads than the one before: a peer that writes
// faster than we answer brings nothing forward yet, and is not idle either.
func (p *Peer) count(g *graph.Graph, heads []wire.Hash, news bool) {
	if slices.Equal(heads, p.theirHeads) {
		p.rounds, p.news = 0, 0 // it will not be answered
		return
	}
	lack := len(g.NotAncestorsOf(p.theirHeads))
	p.looked += lack
	moved := lack < p.theyLack
	if g.Len() != p.applied || g.WaitingLen() != p.waiting {
		p.applied, p.waiting = g.Len(), g.WaitingLen()
		moved = true
	}
	for _, h := range p.theirNeed {
		if _, before := p.asked[h]; !before && g.Has(h) {
			p.asked[h] = struct{}{}
			moved = true
		}
	}
	if news {
		p.news++
	} else {
		p.rounds++
	}
	if moved {
		p.theyLack, p.rounds, p.news = lack, 0, 0
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

// sortedSet returns the hashes ascending, each once, in memory of its own.
func sortedSet(hashes []wire.Hash) []wire.Hash {
	r := slices.Clone(hashes)
	slices.SortFunc(r, compare)
	return slices.Compact(r)
}
