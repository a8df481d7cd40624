package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	core "flyleaf/crdt/document"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	amsync "flyleaf/crdt/sync"
	"flyleaf/crdt/wire"
	"flyleaf/internal/bounded"
	"flyleaf/qa"
	"flyleaf/relay/quota"
	"flyleaf/storage"
)

// document is a document in use. A goroutine that locks mu sees a graph in which every applied change
// is on disk, because the committer does not unlock mu between adding and storing.
type document struct {
	relay *Relay
	event qa.EventID

	users      int        // guarded by relay.mu
	idleSince  time.Time  // guarded by relay.mu
	queueEntry queueEntry // guarded by relay.line

	notLoaded atomic.Bool // !loaded, readable without mu; cleared under mu
	founded   atomic.Bool // some of its changes are on disk; set under mu
	invited   atomic.Bool // only people with a role may read; set under mu
	deferring atomic.Bool // some member has deferred changes; set under mu

	mu         sync.Mutex
	loaded     bool
	broken     bool           // a commit failed: the graph has changes that are not on disk, and must not be used
	contents   *core.Document // without a projection; nil until it is loaded
	graph      *graph.Graph   // of contents
	policy     *policy.Policy // of contents; nil in an open relay
	members    map[*session]*member
	fanout     amsync.Fanout
	oneVersion graph.OneVersion
	// fanoutOneVersion is fanout for members that accept only one version of a change. They get the graph oneVersion.
	fanoutOneVersion amsync.Fanout
	lastSmallMessage *encodedMessage                      // the last message below deflateFrom bytes; nil at first
	pending          map[wire.Hash]pendingChange          // changes that wait for their dependencies
	pendingFrom      map[*session]int                     // how many pending changes each session sent
	pendingOps       int                                  // operations of the pending changes
	deferredDeps     *bounded.Map[wire.Hash, []wire.Hash] // dependencies of deferred changes
	requested        *bounded.Map[wire.Hash, struct{}]    // requested, because pending changes depend on them
	ephemeralCounts  map[ephemeralKey]uint64
	ephemerals       quota.Bucket // bytes passed on to each member

	quota    *quota.Event // nil in an open relay
	closings int          // closings, reopenings and equivocations that closedAt takes into account
	closedAt int64        // when the relay learned that the event is closed, ms since 1970; 0: it is open

	turn turnWork // work of the current turn

	// Within a commit:
	batch       storage.Batch              // rows to store
	uncommitted map[wire.Hash]storedChange // the changes in batch
}

// member is one peer's place in a document.
type member struct {
	peer *amsync.Peer
	// acceptsVersions: the peer accepts several versions of one change, as Flyleaf's devices do.
	acceptsVersions bool
	// receiving: the relay is handling a message of the peer, over several turns. Until it is done, it sends the peer
	// nothing about this document.
	receiving bool

	identity             qa.Identity      // proven on this connection; "" for none
	challenged           bool             // the peer was challenged since its last message
	acceptsDocumentChunk bool             // the peer accepts a document chunk instead of changes
	skipDocumentChunk    bool             // send changes: a document chunk was sent already, or none can be made
	documentChunk        *documentChunk   // the document chunk made for the peer, to be sent next
	deferred             []deferredChange // deferred changes of the peer, to be requested later; bounded by peer
}

type ephemeralKey struct{ sender, session string }

func newDocument(r *Relay, event qa.EventID) *document {
	d := &document{
		relay: r, event: event, members: map[*session]*member{},
		pending: map[wire.Hash]pendingChange{}, pendingFrom: map[*session]int{}, ephemeralCounts: map[ephemeralKey]uint64{},
		deferredDeps: bounded.New[wire.Hash, []wire.Hash](MaxRemembered), requested: bounded.New[wire.Hash, struct{}](MaxRemembered),
		uncommitted: map[wire.Hash]storedChange{}, batch: storage.Batch{Event: event},
	}
	d.notLoaded.Store(true)
	return d
}

// release subtracts the document's use from the relay-wide limits. Nobody uses the document any more.
func (d *document) release() {
	for h := range d.pending {
		d.removePending(h)
	}
	d.relay.documentChunks.drop(d)
}

// size returns how many changes the document has. The caller holds relay.mu and nobody uses the
// document, so nobody can start to. So d.mu is not needed; locking it here could deadlock.
func (d *document) size() int {
	if d.graph == nil {
		return 0
	}
	return d.graph.Len()
}

// enter makes the session a member, and loads the document if necessary. The number of documents that are
// loaded at a time is bounded for each address (MaxLoadingFrom) and in all (MaxLoading).
func (d *document) enter(s *session) error {
	if d.notLoaded.Load() {
		defer d.relay.acquireLoadSlot(s.account)()
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
	return nil
}

// join makes the session a member. d.mu is held.
func (d *document) join(s *session) {
	m := &member{peer: amsync.NewPeer(), acceptsVersions: s.acceptsVersions}
	m.peer.RefusedBy(func(h wire.Hash) bool { return d.contents.Unwanted(h) || d.hiddenFrom(m, h) })
	d.members[s] = m
}

// resetContents sets empty contents.
func (d *document) resetContents() {
	d.contents = core.New(d.event, core.Options{Open: d.relay.cfg.Open, Refusals: core.NewRefusals(MaxRemembered)})
	d.graph, d.policy = d.contents.Graph(), d.contents.Policy()
	d.closings, d.closedAt = 0, 0
}

// load builds the contents from the ledger. d.mu is held.
func (d *document) load(ctx context.Context) error {
	d.resetContents()
	if d.policy != nil {
		d.quota = d.relay.totals.Event(d.event)
	}
	loader := d.contents.Load(nil)
	unusable := 0
	err := d.relay.cfg.Store.Entries(ctx, d.event, 0, func(e storage.Entry) error {
		c, err := loader.Row(&e)
		switch {
		case errors.Is(err, core.ErrInconsistent):
			return err
		case err != nil:
			// Changes that depend on this one stay pending, so the relay requests it from peers again.
			if unusable++; unusable <= maxLogged {
				d.relay.log.Error("a stored change cannot be used", "document", d.event, "change", e.Hash(), "err", err)
			}
			return nil
		case c == nil:
			return nil
		}
		d.noteClosing(e.ReceivedAtMillis)
		if d.quota != nil {
			if !d.quota.CreationKnown() {
				d.quota.NoteCreation(c.Writer(), time.UnixMilli(e.ReceivedAtMillis))
			}
			d.quota.Add(c.Writer(), len(e.Bytes()))
		}
		d.relay.cache.put(d.event, e.Hash(), storedChange{e.Bytes(), e.Signature})
		return nil
	})
	var loaded core.Loaded
	if err == nil {
		loaded, err = loader.Finish()
	}
	if err != nil {
		return fmt.Errorf("relay: reading the ledger: %w", err)
	}
	if unusable > maxLogged {
		d.relay.log.Error("stored changes cannot be used", "document", d.event, "changes", unusable)
	}
	if len(loaded.Statuses) > 0 {
		d.relay.log.Warn("an earlier version accepted changes that the event's rules refuse, or excluded valid ones; their status is corrected, and that of changes that depend on them",
			"document", d.event, "changes", len(loaded.Statuses), "excluded", loaded.Excludes())
		if err := d.relay.cfg.Store.Append(ctx, storage.Batch{Event: d.event, Statuses: loaded.Statuses}); err != nil {
			// A full disk must not keep the relay from serving the document. The statuses are stored when
			// the document is loaded the next time.
			d.relay.log.Error("the statuses of stored changes could not be updated", "document", d.event, "err", err)
		}
	}
	d.loaded = true
	d.notLoaded.Store(false)
	d.cacheAccess()
	d.announceFounded()
	return nil
}

// leave ends the session's membership.
func (d *document) leave(s *session) {
	d.mu.Lock()
	delete(d.members, s)
	if d.pendingFrom[s] > 0 { // the peer offers them again on its next connection
		for h, w := range d.pending {
			if w.from == s {
				d.contents.Forget(h)
				d.removePending(h)
			}
		}
	}
	empty := d.graph == nil || d.graph.Len() == 0
	d.mu.Unlock()
	d.relay.releaseDocument(s, d, empty)
}

// receive handles a sync message without changes.
func (d *document) receive(sub *submission) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return
	}
	m := d.readingMember(sub.from)
	if m == nil {
		return
	}
	defer func() { sub.searched += m.peer.Scanned() }()
	g := d.graphFor(m)
	m.peer.Receive(g, sub.message, amsync.Received{Before: g.Heads(), Refused: sub.refusedHashes})
	m.acceptsDocumentChunk = amsync.AcceptsDocument(sub.message.Trailing)
	m.peer.Defer(sub.notAccepted...)
	// Every post causes many answers. Most need no reply, so the goroutine that writes is not woken for them.
	if !m.peer.Quiet(g) {
		sub.from.out.schedule(d)
	}
}

// receiveAgreed is receive for an answer that has only heads and shared heads, 32 bytes each. It returns
// false, and does nothing, if these are not the document's heads or the peer has to be handled by receive.
func (d *document) receiveAgreed(s *session, heads, shared []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return false
	}
	m := d.readingMember(s)
	if m == nil {
		return false
	}
	g := d.graphFor(m)
	if !equalHashes(heads, g.Heads()) || !bytes.Equal(heads, shared) || !m.peer.ReceiveAgreed(g) {
		return false
	}
	if !m.peer.Quiet(g) {
		s.out.schedule(d)
	}
	return true
}

// equalHashes reports whether list is the concatenation of hashes.
func equalHashes(list []byte, hashes []wire.Hash) bool {
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

// nextMessage returns the next sync message for the session's peer, nil if there is nothing to send.
func (d *document) nextMessage(s *session) (*encodedMessage, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return nil, nil
	}
	m := d.readingMember(s)
	if m == nil || m.receiving {
		return nil, nil
	}
	if d.graph.Len() == 0 {
		// Neither side has anything. Silence keeps a stock client's document
		// "unavailable" until there is something to send.
		if heads, known := m.peer.TheirHeads(); !known || len(heads) == 0 {
			return nil, nil
		}
	}
	if d.wantsDocumentChunk(m) {
		w := d.documentChunkFor(m)
		if w == nil {
			return nil, errNoDocumentChunk
		}
		m.skipDocumentChunk, m.documentChunk = true, nil
		if w.chunk != nil {
			message, err := d.encodedMessage(m.peer.GenerateDocument(d.graphFor(m), w.chunk, w.changes), s.peer, true)
			return message, err
		}
	}
	fanout, g := &d.fanout, d.graphFor(m)
	if g != d.graph {
		fanout = &d.fanoutOneVersion
	}
	msg, ok, err := fanout.Generate(m.peer, source{d, g})
	sent := 0
	if ok {
		sent = len(msg.Changes)
	}
	if costly := s.chargeSearch(m.peer.Scanned(), sent); costly != nil {
		return nil, costly
	}
	if err != nil || !ok {
		return nil, err
	}
	if m.peer.CanSendNext() {
		s.out.schedule(d) // for the next message, once this one is sent
	}
	if d.lastSmallMessage != nil && d.lastSmallMessage.message == msg {
		return d.lastSmallMessage, nil
	}
	message, err := d.encodedMessage(msg, s.peer, false)
	if err == nil && message.frame.Len() < deflateFrom { // small enough to keep: usually one post
		d.lastSmallMessage = message
	}
	return message, err
}

// storedChange returns a change of the ledger, with the errors of storage.Ledger.Entry.
func (d *document) storedChange(h wire.Hash) (storedChange, error) {
	if c, ok := d.relay.cache.get(d.event, h); ok {
		return c, nil
	}
	e, err := d.relay.cfg.Store.Entry(context.Background(), d.event, h)
	if err != nil {
		return storedChange{}, err
	}
	c := storedChange{e.Bytes(), e.Signature}
	d.relay.cache.put(d.event, h, c)
	return c, nil
}

// source provides the graph and the changes for sync messages.
type source struct {
	document *document
	graph    *graph.Graph
}

// Graph implements amsync.Source.
func (s source) Graph() *graph.Graph { return s.graph }

// Change implements amsync.Source.
func (s source) Change(h wire.Hash) (amsync.Change, error) {
	c, err := s.document.storedChange(h)
	return amsync.Change{Bytes: c.bytes, Signature: c.signature}, err
}
