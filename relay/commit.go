package relay

import (
	"context"
	"errors"

	"github.com/gorilla/websocket"

	core "flyleaf/crdt/document"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/relay/quota"
	"flyleaf/storage"
)

// ops returns how many operations of a change have to be validated: none in an open
// relay.
func (d *document) ops(c *core.Change) int {
	if d.policy == nil {
		return 0
	}
	return c.Ops()
}

// submission is the changes of one message on their way to the ledger. Its lists of
// refused and deferred changes grow during its turns.
type submission struct {
	from     *session
	document *document
	message  *wire.Message // nil when the changes came in no sync message
	received []wire.Hash   // the hashes of all changes of the message
	changes  []*core.Change
	ops      int // the operations of its changes that count in the relay's decodedOps
	cost     float64
	searched int // changes that were examined to see whether the sender lacks them

	// Progress, over several turns.
	begun      bool
	before     []wire.Hash // the document's heads before its first turn
	next       int         // the next change to offer to the graph
	allOffered bool        // all were offered; now the deferred changes are tried again, last first
	retryFrom  int

	refused       []repo.Refusal
	refusedHashes []wire.Hash      // permanently invalid
	notAccepted   []wire.Hash      // deferred, or without a valid signature: another peer may send the change with one
	deferred      []deferredChange // deferred while the submission is processed
	done          chan error       // receives one value when the changes are durable or were not accepted
}

// noteRefused records that a change is invalid.
func (sub *submission) noteRefused(h wire.Hash, why *policy.Refusal) {
	if why.Code == policy.CodeSignature {
		// A bad signature does not mean that the change is invalid; its writer may have
		// signed it correctly.
		sub.notAccepted = append(sub.notAccepted, h)
	} else {
		sub.refusedHashes = append(sub.refusedHashes, h)
	}
	sub.addRefusal(h, why)
}

// noteDeferred records that a change is deferred.
func (sub *submission) noteDeferred(h wire.Hash, why *policy.Refusal) {
	sub.notAccepted = append(sub.notAccepted, h)
	sub.addRefusal(h, why)
}

func (sub *submission) addRefusal(h wire.Hash, why *policy.Refusal) {
	if len(sub.refused) < maxRefusalsSent {
		sub.refused = append(sub.refused, refused(h, why))
	}
}

func refused(h wire.Hash, why *policy.Refusal) repo.Refusal {
	return repo.Refusal{Hash: h[:], Code: string(why.Code), Reason: clip(why.Reason), Deferred: why.Code.Deferred()}
}

// finishedTurn is a document whose turn has ended. The document stays locked until its
// batch is durable.
type finishedTurn struct {
	document *document
	done     []*submission // submissions to answer after the commit
}

// runTurns runs turns of documents until the queue is closed. Several goroutines run it, so that a
// document that is locked does not make the others wait.
func (r *Relay) runTurns() {
	for {
		d, ok := r.queue.next()
		if !ok {
			return
		}
		r.runTurn(d)
	}
}

// runTurn processes as many of a document's submissions as one turn allows, and hands
// the document to the committer. The rest is processed in the document's next turn,
// after the other documents'.
func (r *Relay) runTurn(d *document) {
	d.mu.Lock()
	d.turn = turnWork{}
	var done []*submission
	for !d.turn.exhausted() {
		sub := r.queue.first(d)
		if sub == nil {
			break
		}
		finished := d.broken || d.handleSubmission(sub)
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

// runCommitter commits finished turns until the queue is closed. Turns that finish during one commit
// are part of the next, so transactions grow with the load.
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

// batchSize returns how many changes, and how many bytes of them, a document has for
// the ledger. d.mu is held.
func (d *document) batchSize() (changes, size int) {
	for i := range d.batch.Entries {
		size += len(d.batch.Entries[i].Bytes())
	}
	return len(d.batch.Entries), size
}

// commit stores the batches of documents in one transaction. The documents stay locked
// until it is durable, so no uncommitted change can be announced. If the transaction
// fails, these documents are dropped from memory: their peers are disconnected, and
// find the ledger's state when they reconnect.
func (r *Relay) commit(turns []*finishedTurn) {
	var batches []storage.Batch
	for _, one := range turns {
		if d := one.document; !d.broken && d.hasBatch() {
			batches = append(batches, d.batch)
		}
	}
	var err error
	if len(batches) > 0 {
		// This must not be cancelled halfway: Shutdown waits for it.
		err = r.cfg.Store.Append(context.Background(), batches...)
		for i := range batches {
			for j := range batches[i].Entries {
				r.disk.stored.Add(int64(quota.OnDisk(int64(len(batches[i].Entries[j].Bytes())))))
			}
		}
		if r.disk.stored.Load() >= checkAfter || errors.Is(err, storage.ErrFull) {
			r.checkDisk()
		}
	}
	for _, one := range turns {
		d := one.document
		if err != nil && d.hasBatch() && !d.broken {
			d.abandon(err)
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

// hasBatch reports whether the document has anything for the ledger. d.mu is held.
func (d *document) hasBatch() bool { return len(d.batch.Entries) > 0 || len(d.batch.Statuses) > 0 }

// batchStored is called when the document's batch is durable. d.mu is held.
func (d *document) batchStored() {
	for h, c := range d.uncommitted {
		d.relay.cache.put(d.event, h, c)
	}
	d.cacheAccess()
	d.announceFounded()
	for s := range d.members {
		s.out.schedule(d)
	}
}

// abandon drops the document from memory and disconnects its peers. d.mu is held.
func (d *document) abandon(err error) {
	d.relay.log.Error("changes could not be stored", "document", d.event, "err", err)
	d.broken = true
	d.relay.mu.Lock()
	d.relay.forget(d)
	d.relay.mu.Unlock()
	for s := range d.members {
		s.queueMessage(&repo.Message{Type: repo.TypeError, TargetID: s.peer, Message: clip(ErrStore.Error())})
		s.end(websocket.CloseTryAgainLater, ErrStore.Error())
	}
}
