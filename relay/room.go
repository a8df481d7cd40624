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
	amsync "flyleaf/crdt/sync"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
	"flyleaf/trust"
)

// room is a document in use. Whoever holds mu sees a graph in which every
// applied change is on disk: the committer adds and stores under one hold of it.
type room struct {
	relay *Relay
	event qa.EventID

	users     int       // guarded by relay.mu
	idleSince time.Time // guarded by relay.mu
	errand    errand    // guarded by relay.line

	loading   atomic.Bool // not read from the ledger yet; false again under mu
	founded   atomic.Bool // there is something of it on disk; set under mu
	invited   atomic.Bool // not everybody may read; set under mu
	deferring atomic.Bool // some member has something to be asked for again; set under mu

	mu         sync.Mutex
	loaded     bool
	broken     bool // a commit failed: the graph is ahead of the disk and must not be used
	graph      *graph.Graph
	gate       *trust.Gate // nil in an open relay
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
	ephemerals bucket // bytes passed on, to each

	people   map[qa.Identity]*person // who has written here
	bytes    int64                   // of the changes in the document
	founder  qa.Identity             // "" in an open relay
	born     time.Time               // when it was begun here; zero before
	closings int                     // how often the event was closed and opened, as far as closedAt goes
	closedAt int64                   // when the relay learned that the event is closed, ms since 1970; 0: it is open

	spent spent // of the turn under way

	proofs   []twins                // in the order they became known
	found    []provenProof          // not among them yet: the graph is to be built again for them
	rebuilds bucket                 // how often that was
	stale    atomic.Bool            // there is something in found; set under mu
	liars    map[wire.ActorID]twins // those with the lowest sequence number
	left     map[wire.Hash]struct{} // changes that were taken out, and those that prove why

	// Within a commit, and while the room is loaded or built again:
	batch    storage.Batch        // what is to be stored
	fresh    map[wire.Hash]stored // the changes in it
	current  *wire.Change         // what is being added
	trusting bool                 // what is added comes from the ledger, where it was judged before

	// Changes of the ledger that an earlier version took and that the rules of this one
	// refuse, with all that builds on them; only while the room is loaded.
	cut map[wire.Hash]storage.Status
}

// member is one peer's place in a room.
type member struct {
	peer    *amsync.Peer
	sending bool // a message of its is being taken, over several turns

	identity   qa.Identity // proven on this connection; "" for none
	challenged bool        // was told to prove who it is, since it last spoke
	takesWhole bool        // takes a whole document in place of changes
	gotWhole   bool        // was sent one, or none can be made
	whole      *whole      // was made for it, and is sent next
	proofs     int         // of the room's proofs, those that it was told of
	later      []putOff    // of it, to be asked for again; at most as many as peer defers
}

type ephemeralKey struct{ sender, session string }

func newRoom(r *Relay, event qa.EventID) *room {
	m := &room{
		relay: r, event: event, members: map[*session]*member{},
		waiting: map[wire.Hash]held{}, waits: map[*session]int{}, seen: map[ephemeralKey]uint64{},
		people: map[qa.Identity]*person{}, liars: map[wire.ActorID]twins{}, left: map[wire.Hash]struct{}{},
		fresh: map[wire.Hash]stored{}, batch: storage.Batch{Event: event},
	}
	m.loading.Store(true)
	return m
}

// release gives back what the room counts towards relay-wide bounds. Nobody
// uses the room any more.
func (r *room) release() {
	for h := range r.waiting {
		r.unhold(h)
	}
	r.relay.wholes.drop(r)
}

// size is how many changes the document has. Nobody uses the room, and relay.mu
// is held, so nobody begins to: r.mu is not needed, and could not be taken.
func (r *room) size() int {
	if r.graph == nil {
		return 0
	}
	return r.graph.Len()
}

// enter makes the session a member, and loads the document if need be. Of one address
// MaxLoadingFrom documents are loaded at a time, and takers in all.
func (r *room) enter(s *session) error {
	if r.loading.Load() {
		defer r.relay.mayLoad(s.account)()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return ErrStore
	}
	if !r.loaded {
		if err := r.load(context.Background()); err != nil {
			return err
		}
	}
	r.join(s)
	if len(r.proofs) > 0 {
		s.out.touch(r)
	}
	return nil
}

// join makes the session a member. r.mu is held.
func (r *room) join(s *session) {
	m := &member{peer: amsync.NewPeer()}
	m.peer.RefusedBy(r.isOut)
	r.members[s] = m
}

// begin makes an empty graph, and a gate in front of it unless the relay is open.
func (r *room) begin() {
	if r.relay.cfg.Open {
		r.graph = graph.New(graph.Lenient)
		return
	}
	r.closings, r.closedAt = 0, 0
	r.graph = graph.New(graph.Admit(r.admit))
	r.gate = trust.NewGate(r.event, r.graph)
}

// load builds graph and gate from the ledger. What is in it was judged before it
// was stored, and is held only against rules that are new. r.mu is held.
func (r *room) load(ctx context.Context) error {
	r.begin()
	r.relay.usage.reset(r.event)
	r.trusting, r.cut = true, map[wire.Hash]storage.Status{}
	defer func() { r.trusting, r.cut = false, nil }()
	var left []storage.Entry // without their bytes
	unusable := 0
	err := r.relay.cfg.Store.Entries(ctx, r.event, 0, func(e storage.Entry) error {
		if e.Status == storage.Left {
			r.left[e.Hash] = struct{}{}
			left = append(left, storage.Entry{Hash: e.Hash, Actor: e.Actor, Seq: e.Seq})
		}
		if e.Status != storage.InDocument {
			return nil
		}
		if err := r.addStored(&e); err != nil {
			// What depends on it waits, so peers are asked for it again.
			if unusable++; unusable <= maxLogged {
				r.relay.log.Error("a stored change cannot be used", "document", r.event, "change", e.Hash, "err", err)
			}
			return nil
		}
		if _, out := r.cut[e.Hash]; out {
			return nil
		}
		if r.born.IsZero() {
			r.bornOf(qa.IdentityOfActor([]byte(e.Actor)), time.UnixMilli(e.ReceivedAtMillis))
		}
		if r.gate != nil {
			r.count(qa.IdentityOfActor([]byte(e.Actor)), len(e.Bytes))
		}
		r.relay.cache.put(r.event, e.Hash, stored{e.Bytes, e.Signature})
		return nil
	})
	if err != nil {
		return fmt.Errorf("relay: reading the ledger: %w", err)
	}
	if unusable > maxLogged {
		r.relay.log.Error("stored changes cannot be used", "document", r.event, "changes", unusable)
	}
	if len(r.cut) > 0 {
		r.relay.log.Warn("changes that an earlier version took are refused by the event's rules; they leave the document, with what builds on them",
			"document", r.event, "changes", len(r.cut))
		if err := r.relay.cfg.Store.Append(ctx, storage.Batch{Event: r.event, Statuses: r.cut}); err != nil {
			// A full disk is no reason not to pass on what is there; it is noted the next time.
			r.relay.log.Error("what leaves a document could not be noted", "document", r.event, "err", err)
		}
		for h := range r.cut {
			r.left[h] = struct{}{}
		}
	}
	r.findProofs(left)
	r.loaded = true
	r.loading.Store(false)
	r.noteAccess()
	r.noteFounded()
	return nil
}

// addStored adds a change of the ledger to the graph.
func (r *room) addStored(e *storage.Entry) error {
	limits := wire.EventLimits
	if r.gate == nil {
		limits = wire.OpenLimits
	}
	c, err := wire.DecodeChangeLimits(e.Bytes, limits)
	if err != nil {
		return err
	}
	if c.Hash != e.Hash {
		return storage.ErrDamaged
	}
	if slices.ContainsFunc(c.Deps, func(d wire.Hash) bool { _, out := r.cut[d]; return out }) {
		r.cut[e.Hash] = storage.Left
		return nil
	}
	r.current = c
	_, err = r.graph.Add(graph.MetaOf(c))
	r.current = nil
	var refusal *trust.Refusal
	if r.cut != nil && errors.As(err, &refusal) {
		r.cut[e.Hash] = storage.Left
		return nil
	}
	r.noteClosing(e.ReceivedAtMillis)
	return err
}

// count notes bytes that somebody has in the document.
func (r *room) count(who qa.Identity, n int) {
	p := r.people[who]
	if p == nil && len(r.people) < MaxPeople {
		p = &person{}
		r.people[who] = p
	}
	if p != nil {
		p.bytes += int64(n)
	}
	r.bytes += int64(n)
	r.relay.usage.add(r.event, r.founder, int64(n))
}

// leave ends the session's membership.
func (r *room) leave(s *session) {
	r.mu.Lock()
	delete(r.members, s)
	if r.waits[s] > 0 { // offered again on its next connection
		for h, w := range r.waiting {
			if w.from == s {
				r.graph.Forget(h)
				r.unhold(h)
			}
		}
	}
	empty := r.graph == nil || r.graph.Len() == 0
	r.mu.Unlock()
	r.relay.leaveRoom(s, r, empty)
}

// receive takes a sync message without changes.
func (r *room) receive(sub *submission) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return
	}
	m := r.reader(sub.from)
	if m == nil {
		return
	}
	defer func() { sub.looked += m.peer.Looked() }()
	m.peer.Receive(r.graph, sub.message, r.graph.Heads(), sub.refusedHashes)
	m.takesWhole = amsync.TakesWhole(sub.message.Trailing)
	m.peer.Defer(sub.notNow...)
	if !m.peer.Quiet(r.graph) { // the answers to a post are many, and the writers need not wake for them
		sub.from.out.touch(r)
	}
}

// agreed is receive for an answer that has nothing but heads and what is shared, 32
// bytes each. False means that these are not the document's heads, or that there is
// more to it, and that nothing was done.
func (r *room) agreed(s *session, heads, shared []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return false
	}
	m := r.reader(s)
	if m == nil || !isList(heads, r.graph.Heads()) || !bytes.Equal(heads, shared) || !m.peer.ReceiveAgreed(r.graph) {
		return false
	}
	if !m.peer.Quiet(r.graph) {
		s.out.touch(r)
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
func (r *room) next(s *session) (frame []byte, message *encoded, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return nil, nil, nil
	}
	m := r.reader(s)
	if m == nil || m.sending {
		return nil, nil, nil
	}
	if m.proofs < len(r.proofs) {
		if frame := r.nextProof(s, m); frame != nil {
			m.peer.Allow(2) // the peer may begin anew, and what it said before is under way
			s.out.touch(r)  // for what comes after it
			return frame, nil, nil
		}
	}
	if r.graph.Len() == 0 {
		// Neither side has anything. Silence keeps a stock client's document
		// "unavailable" until there is something to send.
		if heads, known := m.peer.TheirHeads(); !known || len(heads) == 0 {
			return nil, nil, nil
		}
	}
	if r.wantsWhole(m) {
		w := r.wholeFor(m)
		if w == nil {
			return nil, nil, errNoWhole
		}
		m.gotWhole, m.whole = true, nil
		if w.chunk != nil {
			message, err := r.encoded(m.peer.GenerateWhole(r.graph, w.chunk, w.changes), s.peer, true)
			return nil, message, err
		}
	}
	msg, ok, err := r.fanout.Generate(m.peer, source{r})
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
		s.out.touch(r) // for the next slice, once this one is sent
	}
	if r.latest != nil && r.latest.message == msg {
		return nil, r.latest, nil
	}
	message, err = r.encoded(msg, s.peer, false)
	if err == nil && len(message.tail) < deflateFrom { // a post, and not so much that the room should not hold it
		r.latest = message
	}
	return nil, message, err
}

// signatures returns those of the changes, in order; nil unless all are signed.
func (r *room) signatures(changes [][]byte) ([]byte, error) {
	var all []byte
	for _, b := range changes {
		h, err := wire.ReadHash(b)
		if err != nil {
			return nil, err
		}
		c, err := r.stored(h)
		if err != nil {
			return nil, err
		}
		if len(c.signature) != repo.SignatureLen {
			return nil, nil
		}
		all = append(all, c.signature...)
	}
	return all, nil
}

// stored returns a change of the ledger. storage.ErrDamaged is returned when
// its bytes are not those of its hash.
func (r *room) stored(h wire.Hash) (stored, error) {
	if c, ok := r.relay.cache.get(r.event, h); ok {
		return c, nil
	}
	e, err := r.relay.cfg.Store.Entry(context.Background(), r.event, h)
	if err != nil {
		return stored{}, err
	}
	if got, err := wire.ReadHash(e.Bytes); err != nil || got != h {
		return stored{}, fmt.Errorf("change %s: %w", h, errors.Join(storage.ErrDamaged, err))
	}
	c := stored{e.Bytes, e.Signature}
	r.relay.cache.put(r.event, h, c)
	return c, nil
}

// source is what sync messages are made from.
type source struct{ room *room }

// Graph implements amsync.Source.
func (s source) Graph() *graph.Graph { return s.room.graph }

// Bytes implements amsync.Source.
func (s source) Bytes(h wire.Hash) ([]byte, error) {
	c, err := s.room.stored(h)
	return c.bytes, err
}
