package relay

import "sync"

// How much one room may do in one turn. Within a turn its lock is held, and one of
// the few that take turns is busy; some 50 ms of work on a slow core.
const (
	// TurnChanges is how many changes of a room one turn takes, but for those that
	// waited for the last of them (MaxWaiting).
	TurnChanges = 1_024
	// TurnOps is how many operations of changes one turn judges, but for the last
	// change's and those that waited for it (MaxWaitingOps).
	TurnOps = 16_384
	// TurnBytes is how many bytes of changes one turn takes, but for the last change's.
	TurnBytes = 2 << 20

	// takers is how many turns run at a time.
	takers = 8
)

// spent is what a room's turn has taken so far.
type spent struct{ changes, ops, bytes int }

func (s *spent) all() bool {
	return s.changes >= TurnChanges || s.ops >= TurnOps || s.bytes >= TurnBytes
}

// roomLine is the rooms that have something to do, and what. A room has one turn at a
// time; then it goes to the end of the line.
type roomLine struct {
	mu     sync.Mutex
	come   sync.Cond
	line   []*room // each once
	closed bool
}

// errand is what the line knows of a room; guarded by roomLine.mu.
type errand struct {
	waiting []*submission // one of each session at most, since it waits for the answer
	taken   bool          // in line, or having its turn
}

func newRoomLine() *roomLine {
	l := &roomLine{}
	l.come.L = &l.mu
	return l
}

// add puts a submission behind the others of its room.
func (l *roomLine) add(sub *submission) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := sub.room
	m.errand.waiting = append(m.errand.waiting, sub)
	l.queue(m)
}

func (l *roomLine) queue(m *room) {
	if m.errand.taken || len(m.errand.waiting) == 0 {
		return
	}
	m.errand.taken = true
	l.line = append(l.line, m)
	l.come.Signal()
}

// next returns the room whose turn it is. It waits for one; false when there will be
// none any more.
func (l *roomLine) next() (*room, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.line) == 0 {
		if l.closed {
			return nil, false
		}
		l.come.Wait()
	}
	m := l.line[0]
	l.line[0] = nil
	l.line = l.line[1:]
	return m, true
}

// first returns what of the room has waited longest, nil for nothing.
func (l *roomLine) first(m *room) *submission {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(m.errand.waiting) == 0 {
		return nil
	}
	return m.errand.waiting[0]
}

// put takes the room's first submission away, or puts it behind the others.
func (l *roomLine) put(m *room, sub *submission, finished bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m.errand.waiting = append(m.errand.waiting[:0], m.errand.waiting[1:]...)
	if !finished {
		m.errand.waiting = append(m.errand.waiting, sub)
	}
}

// back ends the room's turn.
func (l *roomLine) back(m *room) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m.errand.taken = false
	l.queue(m)
}

// close lets next return false once the line is empty.
func (l *roomLine) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.come.Broadcast()
}
