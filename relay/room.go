package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"flyleaf/crdt/graph"
	amsync "flyleaf/crdt/sync"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// room is a document in use. Whoever holds mu sees a graph in which every
// applied change is on disk: the committer adds and stores under one hold of it.
type room struct {
	relay *Relay
	event qa.EventID

	users     int       // guarded by relay.mu
	idleSince time.Time // guarded by relay.mu

	mu      sync.Mutex
	loaded  bool
	broken  bool // a commit failed: the graph is ahead of the disk and must not be used
	graph   *graph.Graph
	members map[*session]*member
	fanout  amsync.Fanout
	latest  *encoded           // the last small message, nil at first
	waiting map[wire.Hash]held // what the graph has waiting
	seen    map[ephemeralKey]uint64
}

// member is one peer's place in a room.
type member struct {
	peer     *amsync.Peer
	asking   bool // sent a request that is not answered by anything yet
	answered bool // was told that the document is unavailable
}

// held is a change that waits for others, and who sent it.
type held struct {
	change
	from *session
}

type ephemeralKey struct{ sender, session string }

func newRoom(r *Relay, event qa.EventID) *room {
	return &room{relay: r, event: event, members: map[*session]*member{}, waiting: map[wire.Hash]held{}, seen: map[ephemeralKey]uint64{}}
}

// release gives back what the room counts towards relay-wide bounds. Nobody
// uses the room any more.
func (r *room) release() {
	for h := range r.waiting {
		r.unhold(h)
	}
}

// size is how many changes the document has. Nobody uses the room, and relay.mu
// is held, so nobody begins to: r.mu is not needed, and could not be taken.
func (r *room) size() int {
	if r.graph == nil {
		return 0
	}
	return r.graph.Len()
}

func (r *room) unhold(h wire.Hash) {
	if w, ok := r.waiting[h]; ok {
		r.relay.held.Add(-int64(len(w.bytes)))
		delete(r.waiting, h)
	}
}

// enter makes the session a member, and loads the document if need be.
func (r *room) enter(s *session) error {
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
	r.members[s] = &member{peer: amsync.NewPeer(nil)}
	return nil
}

// load builds the graph from the ledger. r.mu is held.
func (r *room) load(ctx context.Context) error {
	g := r.newGraph()
	err := r.relay.cfg.Store.Entries(ctx, r.event, 0, func(e storage.Entry) error {
		if e.Status != storage.InDocument {
			return nil
		}
		c, err := wire.DecodeChangeLimits(e.Bytes, wire.OpenLimits)
		if err == nil && c.Hash != e.Hash {
			err = storage.ErrDamaged
		}
		if err == nil {
			_, err = g.Add(graph.MetaOf(c))
		}
		if err != nil {
			// What depends on it waits, so peers are asked for it again.
			r.relay.log.Error("a stored change cannot be used", "document", r.event, "change", e.Hash, "err", err)
			return nil
		}
		r.relay.cache.put(r.event, e.Hash, stored{e.Bytes, e.Signature})
		return nil
	})
	if err != nil {
		return fmt.Errorf("relay: reading the ledger: %w", err)
	}
	r.graph, r.loaded = g, true
	return nil
}

func (r *room) newGraph() *graph.Graph {
	if r.relay.cfg.Open {
		return graph.New(graph.Lenient)
	}
	return graph.New()
}

// leave ends the session's membership.
func (r *room) leave(s *session) {
	r.mu.Lock()
	delete(r.members, s)
	empty := r.graph == nil || r.graph.Len() == 0
	r.answerRequests() // the one who left may have been the last hope
	r.mu.Unlock()
	r.relay.leaveRoom(r, empty)
}

// receive takes a sync message without changes.
func (r *room) receive(sub *submission) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.members[sub.from]
	if m == nil || r.broken {
		return
	}
	m.peer.Receive(r.graph, sub.message, r.graph.Heads(), sub.refusedHashes)
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
	m := r.members[s]
	if m == nil || r.broken || !isList(heads, r.graph.Heads()) || !bytes.Equal(heads, shared) || !m.peer.ReceiveAgreed(r.graph) {
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

// requested answers a request for a document that is not here and that nobody
// who is connected seems to have.
func (r *room) requested(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.members[s]; m != nil {
		m.asking, m.answered = true, false
		r.answerRequests()
	}
}

// answerRequests tells those who asked that the document is unavailable, unless
// it is here, or a member has said that it has some of it. r.mu is held.
func (r *room) answerRequests() {
	if r.graph == nil || r.graph.Len() > 0 {
		return
	}
	for _, m := range r.members {
		if heads, _ := m.peer.TheirHeads(); len(heads) > 0 {
			return
		}
	}
	for s, m := range r.members {
		if m.asking && !m.answered {
			m.answered = true
			s.tell(&repo.Message{Type: repo.TypeUnavailable, TargetID: s.peer, DocumentID: string(r.event)})
		}
	}
}

// generate makes the next sync message to the session's peer, or nil when there
// is nothing to say.
func (r *room) generate(s *session) (*encoded, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.members[s]
	if m == nil || r.broken {
		return nil, nil
	}
	if r.graph.Len() == 0 {
		// Neither side has anything. Silence keeps a stock client's document
		// "unavailable" until there is something to send.
		if heads, known := m.peer.TheirHeads(); !known || len(heads) == 0 {
			return nil, nil
		}
	}
	msg, ok, err := r.fanout.Generate(m.peer, source{r})
	if err != nil || !ok {
		return nil, err
	}
	if r.latest != nil && r.latest.message == msg {
		return r.latest, nil
	}
	if e := r.relay.encodings.get(r.event, msg); e != nil {
		return e, nil
	}
	e, err := r.encode(msg, s.peer)
	if err == nil {
		r.relay.encodings.put(r.event, e)
		if len(e.tail) < deflateFrom { // a post, and not so much that the room should not hold it
			r.latest = e
		}
	}
	return e, err
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

// pass hands an ephemeral message to the other members, unchanged but for the
// target. A message that is not newer than the last of its session is dropped,
// and so is one that a slow peer has no room for.
func (r *room) pass(from *session, m *repo.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := ephemeralKey{m.SenderID, m.SessionID}
	last, known := r.seen[key]
	if known && m.Count <= last {
		return
	}
	if !known && len(r.seen) >= MaxEphemeralSessions {
		for k := range r.seen { // any: forgetting one can at worst let a repeat pass
			delete(r.seen, k)
			break
		}
	}
	r.seen[key] = m.Count
	for s := range r.members {
		if s == from {
			continue
		}
		copied := *m
		copied.TargetID = s.peer
		if b, err := repo.Encode(&copied); err == nil {
			s.out.frame(b)
		}
	}
}
