package relay

import (
	"slices"
	"sync"
)

// fairLimiter lets a few do something at a time, and those who wait go turn by turn between
// lanes: a lane is an address (or a connection that has none), and however many of one
// lane wait, the next of another lane waits for one turn of each lane before it.
// Lanes that are suspect, since what they sent before came to nothing, get one turn in
// suspectShare while others wait.
//
// It is bounded by who calls it: a connection waits for at most one turn for each
// processor.
type fairLimiter struct {
	perLane int // of one lane at a time; 0: no bound of its own

	mu      sync.Mutex
	free    int
	ready   [2][]*lane // lanes that have somebody waiting who may go; the suspect ones second
	granted int        // turns that were given to who had waited
}

// suspectShare is how many turns are given while one of them goes to a suspect lane.
const suspectShare = 8

// lane is those who wait for turns under one name. A lane belongs to one turns.
type lane struct {
	running int // turns it has now
	waiting []*waiter
	suspect bool
	queued  bool // in ready
}

// waiter is one who waits.
type waiter struct {
	ready   chan struct{} // closed when it has come
	granted bool
}

func newFairLimiter(n, most int) *fairLimiter { return &fairLimiter{free: n, perLane: most} }

// acquire waits for a turn. False means that quit was closed first. After true give is to
// be called.
func (t *fairLimiter) acquire(l *lane, suspect bool, quit <-chan struct{}) bool {
	t.mu.Lock()
	l.suspect = suspect
	if t.free > 0 && len(l.waiting) == 0 && t.mayStart(l) { // then nobody waits who may go
		t.free--
		l.running++
		t.mu.Unlock()
		return true
	}
	w := &waiter{ready: make(chan struct{})}
	l.waiting = append(l.waiting, w)
	t.enqueue(l)
	t.mu.Unlock()
	select {
	case <-w.ready:
		return true
	case <-quit:
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.granted {
		t.releaseLocked(l)
	} else {
		l.waiting = slices.DeleteFunc(l.waiting, func(o *waiter) bool { return o == w })
	}
	return false
}

// release is the end of a turn.
func (t *fairLimiter) release(l *lane) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.releaseLocked(l)
}

func (t *fairLimiter) releaseLocked(l *lane) {
	l.running--
	t.free++
	t.enqueue(l)
	for t.free > 0 {
		next := t.nextLane()
		if next == nil {
			return
		}
		w := next.waiting[0]
		next.waiting = slices.Delete(next.waiting, 0, 1)
		next.running++
		t.free--
		t.granted++
		w.granted = true
		close(w.ready)
		t.enqueue(next)
	}
}

// mayStart reports whether the lane may have one more.
func (t *fairLimiter) mayStart(l *lane) bool { return t.perLane == 0 || l.running < t.perLane }

// enqueue puts the lane at the end of those that are ready, if it is.
func (t *fairLimiter) enqueue(l *lane) {
	if l.queued || len(l.waiting) == 0 || !t.mayStart(l) {
		return
	}
	l.queued = true
	i := 0
	if l.suspect {
		i = 1
	}
	t.ready[i] = append(t.ready[i], l)
}

// nextLane takes the lane whose turn it is; nil when none is ready.
func (t *fairLimiter) nextLane() *lane {
	for {
		i := 0
		if len(t.ready[0]) == 0 || len(t.ready[1]) > 0 && t.granted%suspectShare == suspectShare-1 {
			i = 1
		}
		if len(t.ready[i]) == 0 {
			return nil
		}
		l := t.ready[i][0]
		t.ready[i] = slices.Delete(t.ready[i], 0, 1)
		l.queued = false
		if len(l.waiting) > 0 && t.mayStart(l) { // else who waited has given up
			return l
		}
	}
}
