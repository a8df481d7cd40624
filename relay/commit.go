package relay

import (
	"context"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
	"flyleaf/trust"
)

// change is a decoded change as far as the relay needs it.
type change struct {
	meta      graph.Meta
	decoded   *wire.Change // of a room with a gate, until the change waits or is in
	writer    qa.Identity  // "" in an open relay
	bytes     []byte       // the type-1 chunk
	signature []byte       // nil when unsigned
}

func (c *change) entry(now int64, status storage.Status) storage.Entry {
	return storage.Entry{
		Hash: c.meta.Hash, Actor: c.meta.Actor, Seq: c.meta.Seq, Bytes: c.bytes, Signature: c.signature,
		ReceivedAtMillis: now, Status: status,
	}
}

// submission is what one message brings, on its way to the ledger. refused grows
// on the way.
type submission struct {
	from    *session
	room    *room
	message *wire.Message // nil when there is only a proof
	changes []change
	proof   *provenProof
	size    int // bytes of the changes
	ops     int // of them, what counts towards the relay's decodedOps
	cost    float64

	refused       []repo.Refused
	refusedHashes []wire.Hash // invalid for good
	notNow        []wire.Hash // deferred, or not signed well: others may bring it signed
	putOff        []putOff    // deferred, for the while
	done          chan error  // gets one value when the changes are durable or not taken
}

// refuse notes that a change is invalid.
func (sub *submission) refuse(h wire.Hash, why *trust.Refusal) {
	if why.Code == trust.CodeSignature {
		// It says nothing about the change, which its writer may have signed well.
		sub.notNow = append(sub.notNow, h)
	} else {
		sub.refusedHashes = append(sub.refusedHashes, h)
	}
	sub.note(h, why)
}

// postpone notes that a change is deferred.
func (sub *submission) postpone(h wire.Hash, why *trust.Refusal) {
	sub.notNow = append(sub.notNow, h)
	sub.note(h, why)
}

func (sub *submission) note(h wire.Hash, why *trust.Refusal) {
	if len(sub.refused) < maxRefusalsTold {
		sub.refused = append(sub.refused, refused(h, why))
	}
}

func refused(h wire.Hash, why *trust.Refusal) repo.Refused {
	return repo.Refused{Hash: h[:], Code: string(why.Code), Reason: clip(why.Reason), Deferred: why.Code.Deferred()}
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
	seen := map[*room]bool{}
	for _, sub := range batch {
		m := sub.room
		if !seen[m] {
			seen[m] = true
			m.mu.Lock() // nobody else holds two of these locks, so the order is free
			order = append(order, m)
		}
		if !m.broken {
			m.take(sub)
		}
	}
	var batches []storage.Batch
	for _, m := range order {
		if m.stale && !m.broken {
			if err := m.rebuild(context.Background()); err != nil {
				m.fail(err)
			}
		}
		if !m.broken && (len(m.batch.Entries) > 0 || len(m.batch.Statuses) > 0) {
			batches = append(batches, m.batch)
		}
	}
	var err error
	if len(batches) > 0 {
		// Not to be given up halfway: Shutdown waits for it.
		err = r.cfg.Store.Append(context.Background(), batches...)
	}
	for _, m := range order {
		grown := len(m.batch.Entries) > 0 || len(m.batch.Statuses) > 0
		if err != nil && grown && !m.broken {
			m.fail(err)
		} else if !m.broken {
			for h, c := range m.fresh {
				r.cache.put(m.event, h, c)
			}
			m.noteAccess()
			for s := range m.members {
				s.out.touch(m)
			}
		}
		m.batch = storage.Batch{Event: m.event}
		clear(m.fresh)
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
