package relay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/storage"
)

// The codes of refusals, stable, for programs.
const (
	CodeMalformed  = "malformed"     // not a change that a canonical writer makes, or not one of events
	CodeTooLarge   = "too-large"     // beyond the limits of event documents
	CodeSequence   = "sequence"      // the actor's sequence numbers or operation counters are wrong
	CodeEquivocate = "duplicate-seq" // the actor has another change with this sequence number
	CodeDependency = "depends-on-refused"
	CodeWaiting    = "waiting-full"   // deferred: too many changes wait for others
	CodeHeads      = "too-many-heads" // deferred: merge first
	CodeFull       = "document-full"
)

// change is a decoded change as far as the relay needs it.
type change struct {
	meta      graph.Meta
	bytes     []byte // the type-1 chunk
	signature []byte // nil when unsigned
}

// submission is one sync message on its way to the ledger. refused grows on the way.
type submission struct {
	from          *session
	room          *room
	message       *wire.Message
	changes       []change
	size          int // bytes of the changes
	refused       []repo.Refused
	refusedHashes []wire.Hash
	done          chan error // gets one value when the changes are durable or not taken
}

func (sub *submission) refuse(h wire.Hash, err error) {
	if !errors.Is(err, graph.ErrWaitingFull) { // that one is asked for again
		sub.refusedHashes = append(sub.refusedHashes, h)
	}
	if len(sub.refused) >= maxRefusalsTold {
		return
	}
	code, deferred := codeOf(err)
	sub.refused = append(sub.refused, repo.Refused{Hash: h[:], Code: code, Reason: clip(err.Error()), Deferred: deferred})
}

var errTooManyHeads = errors.New("relay: the document has too many heads, merge them first")

func codeOf(err error) (code string, deferred bool) {
	for _, c := range []struct {
		err      error
		code     string
		deferred bool
	}{
		{graph.ErrDuplicateSeq, CodeEquivocate, false},
		{graph.ErrSeqGap, CodeSequence, false},
		{graph.ErrOwnPrevious, CodeSequence, false},
		{graph.ErrStartOp, CodeSequence, false},
		{graph.ErrDependsOnRefused, CodeDependency, false},
		{graph.ErrWaitingFull, CodeWaiting, true},
		{graph.ErrFull, CodeFull, true},
		{errTooManyHeads, CodeHeads, true},
		{wire.ErrTooLarge, CodeTooLarge, false},
		{wire.ErrTooManyOps, CodeTooLarge, false},
		{wire.ErrTooManyPreds, CodeTooLarge, false},
		{wire.ErrTooManyHashes, CodeTooLarge, false},
	} {
		if errors.Is(err, c.err) {
			return c.code, c.deferred
		}
	}
	return CodeMalformed, false
}

// read decodes and checks the changes of a message, without those that the
// document has already. It runs in the reader, beside all others. An error is
// returned when so many are malformed that the peer cannot be meaning well.
func (r *room) read(from *session, m *wire.Message, signatures []byte) (*submission, error) {
	sub := &submission{from: from, room: r, message: m}
	limits := wire.EventLimits
	if r.relay.cfg.Open {
		limits = wire.OpenLimits
	}
	for i, b := range m.Changes {
		if len(sub.refused) >= maxRefusals {
			return nil, violation("more than %d changes of one message are malformed", maxRefusals)
		}
		// A hash is cheap and most repeats end here. A deflated chunk has none yet.
		h, err := wire.ReadHash(b)
		if err == nil && r.knows(h) {
			continue
		}
		if err != nil && !errors.Is(err, wire.ErrChunkType) {
			sub.refuse(wire.Hash(sha256.Sum256(b)), fmt.Errorf("no change; named here by the SHA-256 of its bytes: %w", err))
			continue
		}
		deflated := err != nil
		c, err := wire.DecodeChangeLimits(b, limits)
		if err == nil && !r.relay.cfg.Open {
			// Nobody could take it, and while the relay held it every device
			// would be told of a change that it must refuse.
			err = wire.CheckSchemaShape(c)
		}
		if err != nil {
			if deflated {
				h = sha256.Sum256(b)
			}
			sub.refuse(h, err)
			continue
		}
		ch := change{meta: graph.MetaOf(c)}
		if deflated {
			ch.bytes = c.Encode() // other clients take no deflated changes in sync messages
		} else {
			ch.bytes = bytes.Clone(b) // what is kept for long should not hold the whole frame
		}
		if len(signatures) > 0 {
			ch.signature = bytes.Clone(signatures[i*repo.SignatureLen : (i+1)*repo.SignatureLen])
		}
		sub.changes = append(sub.changes, ch)
		sub.size += len(ch.bytes)
	}
	return sub, nil
}

// knows says whether the change is applied or waits already; false when that
// cannot be said without waiting for a commit. take looks again.
func (r *room) knows(h wire.Hash) bool {
	if !r.mu.TryLock() {
		return false // waiting here would keep this change out of the next commit
	}
	defer r.mu.Unlock()
	return r.graph.Has(h) || r.graph.Waiting(h)
}

// runCommitter makes commits of what is submitted until there will be no more.
// What arrives during one commit goes into the next: the more there is to do, the
// more a transaction holds.
func (r *Relay) runCommitter() {
	defer close(r.committed)
	for first := range r.submissions {
		batch := []*submission{first}
		changes, size := len(first.changes), first.size
	collect:
		for changes < maxBatchChanges && size < maxBatchBytes {
			select {
			case sub, ok := <-r.submissions:
				if !ok {
					break collect
				}
				batch = append(batch, sub)
				changes += len(sub.changes)
				size += sub.size
			default:
				break collect
			}
		}
		r.commit(batch)
	}
}

// commit takes the submissions' changes into their graphs and the ledger, in one
// transaction. The rooms stay locked until it is durable, so nothing that is not
// can be told to anybody. If it cannot be stored, these rooms are given up: their
// peers are disconnected and find the ledger's state when they come back.
func (r *Relay) commit(batch []*submission) {
	var order []*room
	entries := map[*room][]storage.Entry{}
	for _, sub := range batch {
		m := sub.room
		if _, ok := entries[m]; !ok {
			m.mu.Lock() // nobody else holds two of these locks, so the order is free
			order = append(order, m)
			entries[m] = nil
		}
		if !m.broken {
			entries[m] = append(entries[m], m.take(sub)...)
		}
	}
	var batches []storage.Batch
	for _, m := range order {
		if len(entries[m]) > 0 {
			batches = append(batches, storage.Batch{Event: m.event, Entries: entries[m]})
		}
	}
	var err error
	if len(batches) > 0 {
		// Not to be given up halfway: Shutdown waits for it.
		err = r.cfg.Store.Append(context.Background(), batches...)
	}
	for _, m := range order {
		if err != nil && len(entries[m]) > 0 {
			m.fail(err)
		} else if !m.broken {
			for _, e := range entries[m] {
				r.cache.put(m.event, e.Hash, stored{e.Bytes, e.Signature})
			}
			for s := range m.members {
				s.out.touch(m)
			}
		}
	}
	for _, sub := range batch {
		if sub.room.broken {
			sub.done <- ErrStore
		} else {
			sub.done <- nil
		}
	}
	for _, m := range order {
		m.mu.Unlock()
	}
	if err == nil && r.cfg.Committed != nil {
		for _, b := range batches {
			r.cfg.Committed(b.Event)
		}
	}
}

// fail gives the room up. m.mu is held.
func (r *room) fail(err error) {
	r.relay.log.Error("changes could not be stored", "document", r.event, "err", err)
	r.broken = true
	r.relay.mu.Lock()
	r.relay.forget(r)
	r.relay.mu.Unlock()
	for s := range r.members {
		s.tell(&repo.Message{Type: repo.TypeError, TargetID: s.peer, Message: clip(ErrStore.Error())})
		s.end(websocket.CloseTryAgainLater, ErrStore.Error())
	}
}

// take adds a submission's changes to the graph and returns those to be stored,
// each after what it depends on. r.mu is held, and stays so until they are.
func (r *room) take(sub *submission) []storage.Entry {
	m := r.members[sub.from]
	if m == nil {
		return nil
	}
	before := r.graph.Heads()
	now := r.relay.cfg.Now().UnixMilli()
	var entries []storage.Entry
	for _, c := range sub.changes {
		h := c.meta.Hash
		if r.graph.Has(h) || r.graph.Waiting(h) {
			continue
		}
		if err := r.accommodate(c); err != nil {
			sub.refuse(h, err)
			if !errors.Is(err, graph.ErrWaitingFull) {
				r.graph.Refuse(h)
				r.rejected(sub)
			}
			continue
		}
		added, err := r.graph.Add(c.meta)
		if err != nil {
			sub.refuse(h, err)
		}
		for _, a := range added {
			e := c
			if a != h {
				e = r.waiting[a].change
				r.unhold(a)
			}
			entries = append(entries, storage.Entry{
				Hash: a, Actor: e.meta.Actor, Seq: e.meta.Seq, Bytes: e.bytes, Signature: e.signature,
				ReceivedAtMillis: now, Status: storage.InDocument,
			})
		}
		if r.graph.Waiting(h) {
			r.waiting[h] = held{c, sub.from}
			r.relay.held.Add(int64(len(c.bytes)))
		}
		r.rejected(sub)
	}
	m.peer.Receive(r.graph, sub.message, before, sub.refusedHashes)
	return entries
}

// accommodate says whether there is room for a change that the graph would take: a
// bounded number of heads, and of changes that wait. r.mu is held.
func (r *room) accommodate(c change) error {
	ready := true
	for _, d := range c.meta.Deps {
		if !r.graph.Has(d) {
			ready = false
			break
		}
	}
	if !ready {
		if len(r.waiting) >= MaxWaiting || r.relay.held.Load()+int64(len(c.bytes)) > MaxWaitingBytes {
			return graph.ErrWaitingFull
		}
		return nil
	}
	if r.graph.Len() < MaxHeads { // fewer changes, fewer heads
		return nil
	}
	heads := r.graph.Heads()
	if len(heads) < MaxHeads {
		return nil
	}
	for _, d := range c.meta.Deps {
		for _, h := range heads {
			if d == h {
				return nil
			}
		}
	}
	return errTooManyHeads
}

// rejected tells those who sent them of waiting changes that were refused after
// all. r.mu is held.
func (r *room) rejected(sub *submission) {
	for _, rejection := range r.graph.Rejected() {
		w, ok := r.waiting[rejection.Hash]
		if !ok {
			continue
		}
		r.unhold(rejection.Hash)
		if w.from == sub.from {
			sub.refuse(rejection.Hash, rejection.Err)
			continue
		}
		if r.members[w.from] == nil {
			continue
		}
		code, deferred := codeOf(rejection.Err)
		w.from.tell(&repo.Message{
			Type: repo.TypeRefused, TargetID: w.from.peer, DocumentID: string(r.event),
			Refused: []repo.Refused{{Hash: rejection.Hash[:], Code: code, Reason: clip(rejection.Err.Error()), Deferred: deferred}},
		})
	}
}
