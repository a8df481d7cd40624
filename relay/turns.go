package relay

import (
	"slices"
	"sync"
)

// turns lets a few do something at a time, and those who wait go turn by turn between
// lanes: a lane is an address (or a connection that has none), and however many of one
// lane wait, the next of another lane waits for one turn of each lane before it.
// Lanes that are suspect, since what they sent before came to nothing, get one turn in
// suspectShare while others wait.
//
// It is bounded by who calls it: a connection waits for at most one turn for each
// processor.
type turns struct {
	most int // of one lane at a time; 0: no bound of its own

	mu    sync.Mutex
	free  int
	ready [2][]*lane // lanes that have somebody waiting who may go; the suspect ones second
	given int        // turns that were given to who had waited
}

// suspectShare is how many turns are given while one of them goes to a suspect lane.
const suspectShare = 8

// lane is those who wait for turns under one name. A lane belongs to one turns.
type lane struct {
	held    int // turns it has now
	waiting []*turn
	suspect bool
	queued  bool // in ready
}

// turn is one who waits.
type turn struct {
	come  chan struct{} // closed when it has come
	given bool
}

func newTurns(n, most int) *turns { return &turns{free: n, most: most} }

// take waits for a turn. False means that quit was closed first. After true give is to
// be called.
func (t *turns) take(l *lane, suspect bool, quit <-chan struct{}) bool {
	t.mu.Lock()
	l.suspect = suspect
	if t.free > 0 && len(l.waiting) == 0 && t.may(l) { // then nobody waits who may go
		t.free--
		l.held++
		t.mu.Unlock()
		return true
	}
	w := &turn{come: make(chan struct{})}
	l.waiting = append(l.waiting, w)
	t.queue(l)
	t.mu.Unlock()
	select {
	case <-w.come:
		return true
	case <-quit:
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.given {
		t.giveBack(l)
	} else {
		l.waiting = slices.DeleteFunc(l.waiting, func(o *turn) bool { return o == w })
	}
	return false
}

// give is the end of a turn.
func (t *turns) give(l *lane) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.giveBack(l)
}

func (t *turns) giveBack(l *lane) {
	l.held--
	t.free++
	t.queue(l)
	for t.free > 0 {
		next := t.next()
		if next == nil {
			return
		}
		w := next.waiting[0]
		next.waiting = slices.Delete(next.waiting, 0, 1)
		next.held++
		t.free--
		t.given++
		w.given = true
		close(w.come)
		t.queue(next)
	}
}

// may reports whether the lane may have one more.
func (t *turns) may(l *lane) bool { return t.most == 0 || l.held < t.most }

// queue puts the lane at the end of those that are ready, if it is.
func (t *turns) queue(l *lane) {
	if l.queued || len(l.waiting) == 0 || !t.may(l) {
		return
	}
	l.queued = true
	i := 0
	if l.suspect {
		i = 1
	}
	t.ready[i] = append(t.ready[i], l)
}

// next takes the lane whose turn it is; nil when none is ready.
func (t *turns) next() *lane {
	for {
		i := 0
		if len(t.ready[0]) == 0 || len(t.ready[1]) > 0 && t.given%suspectShare == suspectShare-1 {
			i = 1
		}
		if len(t.ready[i]) == 0 {
			return nil
		}
		l := t.ready[i][0]
		t.ready[i] = slices.Delete(t.ready[i], 0, 1)
		l.queued = false
		if len(l.waiting) > 0 && t.may(l) { // else who waited has given up
			return l
		}
	}
}
