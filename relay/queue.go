package relay

import "sync"

// How much one document may do in one turn. Within a turn its lock is held, and one of
// the few that take turns is busy; some 50 ms of work on a slow core.
const (
	// TurnChanges is how many changes of a document one turn takes, but for those that
	// waited for the last of them (MaxPending).
	TurnChanges = 1_024
	// TurnOps is how many operations of changes one turn judges, but for the last
	// change's and those that waited for it (MaxWaitingOps).
	TurnOps = 16_384
	// TurnBytes is how many bytes of changes one turn takes, but for the last change's.
	TurnBytes = 2 << 20

	// maxTurns is how many turns run at a time.
	maxTurns = 8
)

// turnWork is what a document's turn has taken so far.
type turnWork struct{ changes, ops, bytes int }

func (s *turnWork) exhausted() bool {
	return s.changes >= TurnChanges || s.ops >= TurnOps || s.bytes >= TurnBytes
}

// documentQueue is the documents that have something to do, and what. A document has one turn at a
// time; then it goes to the end of the line.
type documentQueue struct {
	mu     sync.Mutex
	wake   sync.Cond
	order  []*document // each once
	closed bool
}

// queueEntry is what the line knows of a document; guarded by documentQueue.mu.
type queueEntry struct {
	submissions []*submission // one of each session at most, since it waits for the answer
	queued      bool          // in line, or having its turn
}

func newDocumentQueue() *documentQueue {
	l := &documentQueue{}
	l.wake.L = &l.mu
	return l
}

// add puts a submission behind the others of its document.
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

// next returns the document whose turn it is. It waits for one; false when there will be
// none any more.
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

// first returns what of the document has waited longest, nil for nothing.
func (l *documentQueue) first(d *document) *submission {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(d.queueEntry.submissions) == 0 {
		return nil
	}
	return d.queueEntry.submissions[0]
}

// advance takes the document's first submission away, or puts it behind the others.
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

// close lets next return false once the line is empty.
func (l *documentQueue) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.wake.Broadcast()
}
