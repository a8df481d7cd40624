package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	amsync "flyleaf/crdt/sync"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay/quota"
	"flyleaf/storage"
)

// document is a document in use. Whoever holds mu sees a graph in which every
// applied change is on disk: the committer adds and stores under one hold of it.
type document struct {
	relay *Relay
	event qa.EventID

	users      int        // guarded by relay.mu
	idleSince  time.Time  // guarded by relay.mu
	queueEntry queueEntry // guarded by relay.line

	loading   atomic.Bool // not read from the ledger yet; false again under mu
	founded   atomic.Bool // there is something of it on disk; set under mu
	invited   atomic.Bool // not everybody may read; set under mu
	deferring atomic.Bool // some member has something to be asked for again; set under mu

	mu         sync.Mutex
	loaded     bool
	broken     bool // a commit failed: the graph is ahead of the disk and must not be used
	graph      *graph.Graph
	policy     *policy.Policy // nil in an open relay
	members    map[*session]*member
	fanout     amsync.Fanout
	latest     *encoded                // the last small message, nil at first
	waiting    map[wire.Hash]held      // what the graph has waiting
	waits      map[*session]int        // how much of it came from whom
	waitingOps int                     // operations of what waits
	refused    remembered[struct{}]    // not valid
	below      remembered[[]wire.Hash] // what deferred changes build on
	wanted     remembered[struct{}]    // asked for, since something that waits builds on it
	seen       map[ephemeralKey]uint64
	ephemerals quota.Bucket // bytes passed on, to each

	quota    *quota.Event // nil in an open relay
	closings int          // how often the event was closed and opened, as far as closedAt goes
	closedAt int64        // when the relay learned that the event is closed, ms since 1970; 0: it is open

	spent spent // of the turn under way

	proofs   []twins                // in the order they became known
	found    []provenProof          // not among them yet: the graph is to be built again for them
	rebuilds quota.Bucket           // how often that was
	stale    atomic.Bool            // there is something in found; set under mu
	liars    map[wire.ActorID]twins // those with the lowest sequence number
	left     map[wire.Hash]struct{} // changes that were taken out, and those that prove why

	// Within a commit, and while the document is loaded or built again:
	batch    storage.Batch        // what is to be stored
	fresh    map[wire.Hash]stored // the changes in it
	current  *wire.Change         // what is being added
	trusting bool                 // what is added comes from the ledger, where it was judged before

	// Changes of the ledger that an earlier version took and that the rules of this one
	// refuse, with all that builds on them; only while the document is loaded.
	cut map[wire.Hash]storage.Status
}

// member is one peer's place in a document.
type member struct {
	peer    *amsync.Peer
	sending bool // a message of its is being taken, over several turns

	identity   qa.Identity // proven on this connection; "" for none
	challenged bool        // was told to prove who it is, since it last spoke
	takesWhole bool        // takes a whole document in place of changes
	gotWhole   bool        // was sent one, or none can be made
	whole      *whole      // was made for it, and is sent next
	proofs     int         // of the document's proofs, those that it was told of
	later      []putOff    // of it, to be asked for again; at most as many as peer defers
}

type ephemeralKey struct{ sender, session string }

func newDocument(r *Relay, event qa.EventID) *document {
	d := &document{
		relay: r, event: event, members: map[*session]*member{},
		waiting: map[wire.Hash]held{}, waits: map[*session]int{}, seen: map[ephemeralKey]uint64{},
		liars: map[wire.ActorID]twins{}, left: map[wire.Hash]struct{}{},
		fresh: map[wire.Hash]stored{}, batch: storage.Batch{Event: event},
	}
	d.loading.Store(true)
	return d
}

// release gives back what the document counts towards relay-wide bounds. Nobody
// uses the document any more.
func (d *document) release() {
	for h := range d.waiting {
		d.unhold(h)
	}
	d.relay.wholes.drop(d)
}

// size is how many changes the document has. Nobody uses the document, and relay.mu
// is held, so nobody begins to: d.mu is not needed, and could not be taken.
func (d *document) size() int {
	if d.graph == nil {
		return 0
	}
	return d.graph.Len()
}

// enter makes the session a member, and loads the document if need be. Of one address
// MaxLoadingFrom documents are loaded at a time, and takers in all.
func (d *document) enter(s *session) error {
	if d.loading.Load() {
		defer d.relay.mayLoad(s.account)()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return ErrStore
	}
	if !d.loaded {
		if err := d.load(context.Background()); err != nil {
			return err
		}
	}
	d.join(s)
	if len(d.proofs) > 0 {
		s.out.touch(d)
	}
	return nil
}

// join makes the session a member. d.mu is held.
func (d *document) join(s *session) {
	m := &member{peer: amsync.NewPeer()}
	m.peer.RefusedBy(d.isOut)
	d.members[s] = m
}

// begin makes an empty graph, and a gate in front of it unless the relay is open.
func (d *document) begin() {
	if d.relay.cfg.Open {
		d.graph = graph.New(graph.Lenient)
		return
	}
	d.closings, d.closedAt = 0, 0
	d.graph = graph.New(graph.Admit(d.admit))
	d.policy = policy.New(d.event, d.graph)
}

// load builds graph and gate from the ledger. What is in it was judged before it
// was stored, and is held only against rules that are new. d.mu is held.
func (d *document) load(ctx context.Context) error {
	d.begin()
	if d.policy != nil {
		d.quota = d.relay.totals.Event(d.event)
	}
	d.trusting, d.cut = true, map[wire.Hash]storage.Status{}
	defer func() { d.trusting, d.cut = false, nil }()
	var left []storage.Entry // without their bytes
	unusable := 0
	err := d.relay.cfg.Store.Entries(ctx, d.event, 0, func(e storage.Entry) error {
		if e.Status == storage.Left {
			d.left[e.Hash] = struct{}{}
			left = append(left, storage.Entry{Hash: e.Hash, Actor: e.Actor, Seq: e.Seq})
		}
		if e.Status != storage.InDocument {
			return nil
		}
		if err := d.addStored(&e); err != nil {
			// What depends on it waits, so peers are asked for it again.
			if unusable++; unusable <= maxLogged {
				d.relay.log.Error("a stored change cannot be used", "document", d.event, "change", e.Hash, "err", err)
			}
			return nil
		}
		if _, out := d.cut[e.Hash]; out {
			return nil
		}
		if d.quota != nil {
			writer := qa.IdentityOfActor([]byte(e.Actor))
			if !d.quota.Begun() {
				d.quota.Begin(writer, time.UnixMilli(e.ReceivedAtMillis))
			}
			d.quota.Add(writer, len(e.Bytes))
		}
		d.relay.cache.put(d.event, e.Hash, stored{e.Bytes, e.Signature})
		return nil
	})
	if err != nil {
		return fmt.Errorf("relay: reading the ledger: %w", err)
	}
	if unusable > maxLogged {
		d.relay.log.Error("stored changes cannot be used", "document", d.event, "changes", unusable)
	}
	if len(d.cut) > 0 {
		d.relay.log.Warn("changes that an earlier version took are refused by the event's rules; they leave the document, with what builds on them",
			"document", d.event, "changes", len(d.cut))
		if err := d.relay.cfg.Store.Append(ctx, storage.Batch{Event: d.event, Statuses: d.cut}); err != nil {
			// A full disk is no reason not to pass on what is there; it is noted the next time.
			d.relay.log.Error("what leaves a document could not be noted", "document", d.event, "err", err)
		}
		for h := range d.cut {
			d.left[h] = struct{}{}
		}
	}
	d.findProofs(left)
	d.loaded = true
	d.loading.Store(false)
	d.noteAccess()
	d.noteFounded()
	return nil
}

// addStored adds a change of the ledger to the graph.
func (d *document) addStored(e *storage.Entry) error {
	limits := wire.EventLimits
	if d.policy == nil {
		limits = wire.OpenLimits
	}
	c, err := wire.DecodeChangeLimits(e.Bytes, limits)
	if err != nil {
		return err
	}
	if c.Hash != e.Hash {
		return storage.ErrDamaged
	}
	if slices.ContainsFunc(c.Deps, func(h wire.Hash) bool { _, out := d.cut[h]; return out }) {
		d.cut[e.Hash] = storage.Left
		return nil
	}
	d.current = c
	_, err = d.graph.Add(graph.MetaOf(c))
	d.current = nil
	var refusal *policy.Refusal
	if d.cut != nil && errors.As(err, &refusal) {
		d.cut[e.Hash] = storage.Left
		return nil
	}
	d.noteClosing(e.ReceivedAtMillis)
	return err
}

// leave ends the session's membership.
func (d *document) leave(s *session) {
	d.mu.Lock()
	delete(d.members, s)
	if d.waits[s] > 0 { // offered again on its next connection
		for h, w := range d.waiting {
			if w.from == s {
				d.graph.Forget(h)
				d.unhold(h)
			}
		}
	}
	empty := d.graph == nil || d.graph.Len() == 0
	d.mu.Unlock()
	d.relay.releaseDocument(s, d, empty)
}

// receive takes a sync message without changes.
func (d *document) receive(sub *submission) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return
	}
	m := d.reader(sub.from)
	if m == nil {
		return
	}
	defer func() { sub.looked += m.peer.Looked() }()
	m.peer.Receive(d.graph, sub.message, d.graph.Heads(), sub.refusedHashes)
	m.takesWhole = amsync.TakesWhole(sub.message.Trailing)
	m.peer.Defer(sub.notNow...)
	if !m.peer.Quiet(d.graph) { // the answers to a post are many, and the writers need not wake for them
		sub.from.out.touch(d)
	}
}

// agreed is receive for an answer that has nothing but heads and what is shared, 32
// bytes each. False means that these are not the document's heads, or that there is
// more to it, and that nothing was done.
func (d *document) agreed(s *session, heads, shared []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return false
	}
	m := d.reader(s)
	if m == nil || !isList(heads, d.graph.Heads()) || !bytes.Equal(heads, shared) || !m.peer.ReceiveAgreed(d.graph) {
		return false
	}
	if !m.peer.Quiet(d.graph) {
		s.out.touch(d)
	}
	return true
}

// isList says whether list is these hashes, end to end.
func isList(list []byte, hashes []wire.Hash) bool {
	if len(list) != len(hashes)*len(wire.Hash{}) {
		return false
	}
	for i, h := range hashes {
		if wire.Hash(list[i*len(h):]) != h {
			return false
		}
	}
	return true
}

// next makes what is to be said next to the session's peer: a proof that it was not
// told of, as a whole frame, or a sync message. Neither when there is nothing.
func (d *document) next(s *session) (frame []byte, message *encoded, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return nil, nil, nil
	}
	m := d.reader(s)
	if m == nil || m.sending {
		return nil, nil, nil
	}
	if m.proofs < len(d.proofs) {
		if frame := d.nextProof(s, m); frame != nil {
			m.peer.Allow(2) // the peer may begin anew, and what it said before is under way
			s.out.touch(d)  // for what comes after it
			return frame, nil, nil
		}
	}
	if d.graph.Len() == 0 {
		// Neither side has anything. Silence keeps a stock client's document
		// "unavailable" until there is something to send.
		if heads, known := m.peer.TheirHeads(); !known || len(heads) == 0 {
			return nil, nil, nil
		}
	}
	if d.wantsWhole(m) {
		w := d.wholeFor(m)
		if w == nil {
			return nil, nil, errNoWhole
		}
		m.gotWhole, m.whole = true, nil
		if w.chunk != nil {
			message, err := d.encoded(m.peer.GenerateWhole(d.graph, w.chunk, w.changes), s.peer, true)
			return nil, message, err
		}
	}
	msg, ok, err := d.fanout.Generate(m.peer, source{d})
	sent := 0
	if ok {
		sent = len(msg.Changes)
	}
	if costly := s.chargeLooked(m.peer.Looked(), sent); costly != nil {
		return nil, nil, costly
	}
	if err != nil || !ok {
		return nil, nil, err
	}
	if m.peer.Ahead() {
		s.out.touch(d) // for the next slice, once this one is sent
	}
	if d.latest != nil && d.latest.message == msg {
		return nil, d.latest, nil
	}
	message, err = d.encoded(msg, s.peer, false)
	if err == nil && message.frame.Len() < deflateFrom { // a post, and not so much that the document should not hold it
		d.latest = message
	}
	return nil, message, err
}

// stored returns a change of the ledger. storage.ErrDamaged is returned when
// its bytes are not those of its hash.
func (d *document) stored(h wire.Hash) (stored, error) {
	if c, ok := d.relay.cache.get(d.event, h); ok {
		return c, nil
	}
	e, err := d.relay.cfg.Store.Entry(context.Background(), d.event, h)
	if err != nil {
		return stored{}, err
	}
	if got, err := wire.ReadHash(e.Bytes); err != nil || got != h {
		return stored{}, fmt.Errorf("change %s: %w", h, errors.Join(storage.ErrDamaged, err))
	}
	c := stored{e.Bytes, e.Signature}
	d.relay.cache.put(d.event, h, c)
	return c, nil
}

// source is what sync messages are made from.
type source struct{ document *document }

// Graph implements amsync.Source.
func (s source) Graph() *graph.Graph { return s.document.graph }

// Change implements amsync.Source.
func (s source) Change(h wire.Hash) (amsync.Change, error) {
	c, err := s.document.stored(h)
	return amsync.Change{Bytes: c.bytes, Signature: c.signature}, err
}
