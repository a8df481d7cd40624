package relay

import (
	"slices"
	"sync"
)

// fairLimiter is a semaphore that is fair between lanes. A lane is an address, or a
// connection without one. Waiters of different lanes are served round-robin, however
// many wait in one lane. Suspect lanes, whose earlier input was rejected, get one turn
// in suspectShare while others wait.
//
// The number of waiters is bounded by the number of connections: each waits for one
// turn at a time.
type fairLimiter struct {
	perLane int // turns of one lane at a time; 0: no bound per lane

	mu      sync.Mutex
	free    int
	ready   [2][]*lane // lanes with a waiter that may start; index 1: suspect lanes
	granted int        // turns that were given to waiters
}

// suspectShare: while others wait, one in so many turns goes to a suspect lane.
const suspectShare = 8

// lane is the waiters of one address or connection. A lane belongs to one fairLimiter.
type lane struct {
	running int // turns it has now
	waiting []*waiter
	suspect bool
	queued  bool // in ready
}

// waiter is one call of acquire that waits.
type waiter struct {
	ready   chan struct{} // closed when the turn is granted
	granted bool
}

func newFairLimiter(n, most int) *fairLimiter { return &fairLimiter{free: n, perLane: most} }

// acquire waits for a turn. It returns false if quit was closed first. After true, call
// release.
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

// enqueue appends the lane to the queue of ready lanes, if it is ready and not queued.
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
