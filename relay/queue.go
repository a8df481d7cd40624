package relay

import "sync"

// Bounds of one document's turn: about 50 ms of work on a slow core. During a turn the document is
// locked, and one of maxTurns workers is busy.
const (
	// TurnChanges is how many changes of a document one turn processes. Pending changes whose
	// dependencies the last of them completes are processed in addition (MaxPending).
	TurnChanges = 1_024
	// TurnOps is how many operations one turn validates. The operations of the last change, and
	// of the pending changes whose dependencies it completes, are validated in addition
	// (MaxPendingOps).
	TurnOps = 16_384
	// TurnBytes is how many bytes of changes one turn processes. The last change may exceed
	// this bound.
	TurnBytes = 2 << 20

	// maxTurns is how many turns run concurrently.
	maxTurns = 8
)

// turnWork is what a document's turn has processed so far.
type turnWork struct{ changes, ops, bytes int }

func (s *turnWork) exhausted() bool {
	return s.changes >= TurnChanges || s.ops >= TurnOps || s.bytes >= TurnBytes
}

// documentQueue is the queue of documents that have submissions. A document has one
// turn at a time; then it goes to the end of the queue.
type documentQueue struct {
	mu     sync.Mutex
	wake   sync.Cond
	order  []*document // each once
	closed bool
}

// queueEntry is the queue's state of a document; guarded by documentQueue.mu.
type queueEntry struct {
	submissions []*submission // at most one of each session, because a session waits for the answer
	queued      bool          // in the queue, or having its turn
}

func newDocumentQueue() *documentQueue {
	l := &documentQueue{}
	l.wake.L = &l.mu
	return l
}

// add adds a submission after the others of its document.
func (l *documentQueue) add(sub *submission) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := sub.document
	d.queueEntry.submissions = append(d.queueEntry.submissions, sub)
	l.queue(d)
}

func (l *documentQueue) queue(d *document) {
	if d.queueEntry.queued || len(d.queueEntry.submissions) == 0 {
		return
	}
	d.queueEntry.queued = true
	l.order = append(l.order, d)
	l.wake.Signal()
}

// next waits for and returns the document whose turn it is. It returns false when the
// queue is closed and empty.
func (l *documentQueue) next() (*document, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.order) == 0 {
		if l.closed {
			return nil, false
		}
		l.wake.Wait()
	}
	d := l.order[0]
	l.order[0] = nil
	l.order = l.order[1:]
	return d, true
}

// first returns the oldest submission of the document, nil if there is none.
func (l *documentQueue) first(d *document) *submission {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(d.queueEntry.submissions) == 0 {
		return nil
	}
	return d.queueEntry.submissions[0]
}

// advance removes the document's first submission, or moves it behind the others.
func (l *documentQueue) advance(d *document, sub *submission, finished bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d.queueEntry.submissions = append(d.queueEntry.submissions[:0], d.queueEntry.submissions[1:]...)
	if !finished {
		d.queueEntry.submissions = append(d.queueEntry.submissions, sub)
	}
}

// endTurn ends the document's turn.
func (l *documentQueue) endTurn(d *document) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d.queueEntry.queued = false
	l.queue(d)
}

// close makes next return false once the queue is empty.
func (l *documentQueue) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.wake.Broadcast()
}
