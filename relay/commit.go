package relay

import (
	"context"
	"errors"

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

// ops returns how many operations the change has.
func (c *change) ops() int { return int(c.meta.MaxOp + 1 - c.meta.StartOp) }

// ops returns how many operations of a change are judged: none in an open relay.
func (r *room) ops(c *change) int {
	if r.gate == nil {
		return 0
	}
	return c.ops()
}

// founds reports whether the change has nothing before it: it begins the document.
func (c *change) founds() bool { return len(c.meta.Deps) == 0 && c.meta.Seq == 1 }

// submission is what one message brings, on its way to the ledger. refused grows
// on the way.
type submission struct {
	from    *session
	room    *room
	message *wire.Message // nil when there is only a proof
	changes []change
	proof   *provenProof
	ops     int // of the changes, what counts towards the relay's decodedOps
	cost    float64
	looked  int // changes that were gone through to see whether the sender lacks them

	// How far it has come, over several turns.
	begun  bool
	before []wire.Hash // the heads when it began
	next   int         // the change that is offered next
	turned bool        // all were offered; now those that were put off, from the last
	back   int

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

// ready is a room whose turn is over: it is locked, and stays so until what it has
// for the ledger is durable.
type ready struct {
	room *room
	done []*submission // to be answered then
	turn bool          // of turns, which get it back; else of a rebuild
}

// runTurns gives rooms their turns until there will be no more. Several run beside
// each other, so that a room whose lock is held does not keep the others waiting.
func (r *Relay) runTurns() {
	for {
		m, ok := r.line.next()
		if !ok {
			return
		}
		r.turn(m)
	}
}

// turn takes as much of what waits for a room as one turn may, and hands it to the
// committer. What is left comes in the room's next turn, after everybody else's.
func (r *Relay) turn(m *room) {
	m.mu.Lock()
	m.spent = spent{}
	var done []*submission
	for !m.spent.all() {
		sub := r.line.first(m)
		if sub == nil {
			break
		}
		finished := m.broken || m.take(sub)
		if finished {
			done = append(done, sub)
		}
		r.line.put(m, sub, finished)
		if !finished {
			break
		}
	}
	r.turnsTaken.Add(1)
	r.ready <- &ready{room: m, done: done, turn: true}
}

// runCommitter makes commits of what is ready until there will be no more. What
// becomes ready during one commit goes into the next: the more there is to do, the
// more a transaction holds.
func (r *Relay) runCommitter() {
	defer close(r.committed)
	for first := range r.ready {
		batch := []*ready{first}
		changes, size := first.room.batched()
	collect:
		for changes < maxBatchChanges && size < maxBatchBytes {
			select {
			case next, ok := <-r.ready:
				if !ok {
					break collect
				}
				batch = append(batch, next)
				c, n := next.room.batched()
				changes += c
				size += n
			default:
				break collect
			}
		}
		r.commit(batch)
	}
}

// batched returns how many changes a room has for the ledger, and their bytes. r.mu
// is held.
func (r *room) batched() (changes, size int) {
	for i := range r.batch.Entries {
		size += len(r.batch.Entries[i].Bytes)
	}
	return len(r.batch.Entries), size
}

// commit stores what rooms have for the ledger, in one transaction. The rooms stay
// locked until it is durable, so nothing that is not can be told to anybody. If it
// cannot be stored, these rooms are given up: their peers are disconnected and find
// the ledger's state when they come back.
func (r *Relay) commit(rooms []*ready) {
	var batches []storage.Batch
	for _, d := range rooms {
		if m := d.room; !m.broken && m.grown() {
			batches = append(batches, m.batch)
		}
	}
	var err error
	if len(batches) > 0 {
		// Not to be given up halfway: Shutdown waits for it.
		err = r.cfg.Store.Append(context.Background(), batches...)
		for i := range batches {
			for j := range batches[i].Entries {
				r.disk.stored.Add(int64(onDisk(int64(len(batches[i].Entries[j].Bytes)))))
			}
		}
		if r.disk.stored.Load() >= lookAfter || errors.Is(err, storage.ErrFull) {
			r.lookAtDisk()
		}
	}
	for _, d := range rooms {
		m := d.room
		if err != nil && m.grown() && !m.broken {
			m.fail(err)
		} else if !m.broken {
			m.committed()
		}
		m.batch = storage.Batch{Event: m.event}
		clear(m.fresh)
		for _, sub := range d.done {
			if m.broken {
				sub.done <- ErrStore
			} else {
				sub.done <- nil
			}
		}
		m.mu.Unlock()
		if d.turn {
			r.line.back(m)
		}
	}
	if err == nil && r.cfg.Committed != nil {
		for _, b := range batches {
			r.cfg.Committed(b.Event)
		}
	}
}

// grown reports whether there is anything for the ledger. r.mu is held.
func (r *room) grown() bool { return len(r.batch.Entries) > 0 || len(r.batch.Statuses) > 0 }

// committed is called when what the room had for the ledger is durable. r.mu is held.
func (r *room) committed() {
	for h, c := range r.fresh {
		r.relay.cache.put(r.event, h, c)
	}
	r.noteAccess()
	r.noteFounded()
	for s := range r.members {
		s.out.touch(r)
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
