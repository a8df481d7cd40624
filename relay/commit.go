package relay

import (
	"context"
	"errors"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay/quota"
	"flyleaf/storage"
)

// change is a decoded change as far as the relay needs it.
type change struct {
	meta      graph.Meta
	decoded   *wire.Change // of a document with a gate, until the change waits or is in
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
func (d *document) ops(c *change) int {
	if d.policy == nil {
		return 0
	}
	return c.ops()
}

// founds reports whether the change has nothing before it: it begins the document.
func (c *change) founds() bool { return len(c.meta.Deps) == 0 && c.meta.Seq == 1 }

// submission is what one message brings, on its way to the ledger. refused grows
// on the way.
type submission struct {
	from     *session
	document *document
	message  *wire.Message // nil when the changes came in no sync message
	changes  []change
	ops      int // of the changes, what counts towards the relay's decodedOps
	cost     float64
	searched int // changes that were gone through to see whether the sender lacks them

	// How far it has come, over several turns.
	begun      bool
	before     []wire.Hash // the heads when it began
	next       int         // the change that is offered next
	allOffered bool        // all were offered; now those that were put off, from the last
	retryFrom  int

	refused       []repo.Refused
	refusedHashes []wire.Hash      // invalid for good
	notTaken      []wire.Hash      // deferred, or not signed well: others may bring it signed
	deferred      []deferredChange // deferred, for the while
	done          chan error       // gets one value when the changes are durable or not taken
}

// noteRefused notes that a change is invalid.
func (sub *submission) noteRefused(h wire.Hash, why *policy.Refusal) {
	if why.Code == policy.CodeSignature {
		// It says nothing about the change, which its writer may have signed well.
		sub.notTaken = append(sub.notTaken, h)
	} else {
		sub.refusedHashes = append(sub.refusedHashes, h)
	}
	sub.addRefusal(h, why)
}

// noteDeferred notes that a change is deferred.
func (sub *submission) noteDeferred(h wire.Hash, why *policy.Refusal) {
	sub.notTaken = append(sub.notTaken, h)
	sub.addRefusal(h, why)
}

func (sub *submission) addRefusal(h wire.Hash, why *policy.Refusal) {
	if len(sub.refused) < maxRefusalsTold {
		sub.refused = append(sub.refused, refused(h, why))
	}
}

func refused(h wire.Hash, why *policy.Refusal) repo.Refused {
	return repo.Refused{Hash: h[:], Code: string(why.Code), Reason: clip(why.Reason), Deferred: why.Code.Deferred()}
}

// finishedTurn is a document whose turn is over: it is locked, and stays so until what it has
// for the ledger is durable.
type finishedTurn struct {
	document *document
	done     []*submission // to be answered then
}

// runTurns gives documents their turns until there will be no more. Several run beside
// each other, so that a document whose lock is held does not keep the others waiting.
func (r *Relay) runTurns() {
	for {
		d, ok := r.queue.next()
		if !ok {
			return
		}
		r.runTurn(d)
	}
}

// runTurn takes as much of what waits for a document as one turn may, and hands it to the
// committer. What is left comes in the document's next turn, after everybody else's.
func (r *Relay) runTurn(d *document) {
	d.mu.Lock()
	d.turn = turnWork{}
	var done []*submission
	for !d.turn.exhausted() {
		sub := r.queue.first(d)
		if sub == nil {
			break
		}
		finished := d.broken || d.takeSubmission(sub)
		if finished {
			done = append(done, sub)
		}
		r.queue.advance(d, sub, finished)
		if !finished {
			break
		}
	}
	r.turnsTaken.Add(1)
	r.toCommit <- &finishedTurn{document: d, done: done}
}

// runCommitter makes commits of what is ready until there will be no more. What
// becomes ready during one commit goes into the next: the more there is to do, the
// more a transaction holds.
func (r *Relay) runCommitter() {
	defer close(r.committed)
	for first := range r.toCommit {
		batch := []*finishedTurn{first}
		changes, size := first.document.batchSize()
	collect:
		for changes < maxBatchChanges && size < maxBatchBytes {
			select {
			case next, ok := <-r.toCommit:
				if !ok {
					break collect
				}
				batch = append(batch, next)
				c, n := next.document.batchSize()
				changes += c
				size += n
			default:
				break collect
			}
		}
		r.commit(batch)
	}
}

// batchSize returns how many changes a document has for the ledger, and their bytes. d.mu
// is held.
func (d *document) batchSize() (changes, size int) {
	for i := range d.batch.Entries {
		size += len(d.batch.Entries[i].Bytes)
	}
	return len(d.batch.Entries), size
}

// commit stores what documents have for the ledger, in one transaction. The documents stay
// locked until it is durable, so nothing that is not can be told to anybody. If it
// cannot be stored, these documents are given up: their peers are disconnected and find
// the ledger's state when they come back.
func (r *Relay) commit(turns []*finishedTurn) {
	var batches []storage.Batch
	for _, one := range turns {
		if d := one.document; !d.broken && d.hasBatch() {
			batches = append(batches, d.batch)
		}
	}
	var err error
	if len(batches) > 0 {
		// Not to be given up halfway: Shutdown waits for it.
		err = r.cfg.Store.Append(context.Background(), batches...)
		for i := range batches {
			for j := range batches[i].Entries {
				r.disk.stored.Add(int64(quota.OnDisk(int64(len(batches[i].Entries[j].Bytes)))))
			}
		}
		if r.disk.stored.Load() >= checkAfter || errors.Is(err, storage.ErrFull) {
			r.checkDisk()
		}
	}
	for _, one := range turns {
		d := one.document
		if err != nil && d.hasBatch() && !d.broken {
			d.giveUp(err)
		} else if !d.broken {
			d.batchStored()
		}
		d.batch = storage.Batch{Event: d.event}
		clear(d.uncommitted)
		for _, sub := range one.done {
			if d.broken {
				sub.done <- ErrStore
			} else {
				sub.done <- nil
			}
		}
		d.mu.Unlock()
		r.queue.endTurn(d)
	}
	if err == nil && r.cfg.Committed != nil {
		for _, b := range batches {
			r.cfg.Committed(b.Event)
		}
	}
}

// hasBatch reports whether there is anything for the ledger. d.mu is held.
func (d *document) hasBatch() bool { return len(d.batch.Entries) > 0 || len(d.batch.Statuses) > 0 }

// batchStored is called when what the document had for the ledger is durable. d.mu is held.
func (d *document) batchStored() {
	for h, c := range d.uncommitted {
		d.relay.cache.put(d.event, h, c)
	}
	d.noteAccess()
	d.announceFounded()
	for s := range d.members {
		s.out.schedule(d)
	}
}

// giveUp gives the document up. d.mu is held.
func (d *document) giveUp(err error) {
	d.relay.log.Error("changes could not be stored", "document", d.event, "err", err)
	d.broken = true
	d.relay.mu.Lock()
	d.relay.forget(d)
	d.relay.mu.Unlock()
	for s := range d.members {
		s.tell(&repo.Message{Type: repo.TypeError, TargetID: s.peer, Message: clip(ErrStore.Error())})
		s.end(websocket.CloseTryAgainLater, ErrStore.Error())
	}
}
