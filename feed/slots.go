package feed

import (
	"errors"
	"net/http"
	"sync"
	"time"
)

// errGaveWay ends a stream for another's sake.
var errGaveWay = errors.New("this log had nothing new for a while, and others wait to be read; nothing is lost: go on after the last cursor, later")

// place is one of the logs that are served.
type place struct {
	from   string
	giveUp func() // never waits
	gone   bool

	mu   sync.Mutex
	last time.Time // it had something to say, or began
}

// said notes that the log had something to say.
func (p *place) said() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = time.Now()
}

func (p *place) since() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// places are those that are taken.
type places struct {
	mu    sync.Mutex
	taken map[*place]bool
}

// take takes a place for the sender, if need be one of another's that gives way; or
// returns an HTTP status.
func (all *places) take(from string, silence time.Duration, giveUp func()) (*place, int) {
	all.mu.Lock()
	defer all.mu.Unlock()
	by := map[string]int{}
	for p := range all.taken {
		if !p.gone {
			by[p.from]++
		}
	}
	total, most := 0, from
	for f, n := range by {
		total += n
		if n > by[most] {
			most = f
		}
	}
	switch {
	case from != "" && by[from] >= MaxStreamsFrom:
		if !all.giveWay(from, silence) {
			return nil, http.StatusTooManyRequests
		}
	case total < MaxStreams:
	case by[most] > by[from]+1:
		all.giveWay(most, 0)
	case !all.giveWay(from, silence):
		return nil, http.StatusServiceUnavailable
	}
	p := &place{from: from, giveUp: giveUp, last: time.Now()}
	if all.taken == nil {
		all.taken = map[*place]bool{}
	}
	all.taken[p] = true
	return p, 0
}

// giveWay ends the sender's log that had nothing to say for longest, if that is at
// least as long as silence.
func (all *places) giveWay(from string, silence time.Duration) bool {
	var longest *place
	for p := range all.taken {
		if p.from == from && !p.gone && (longest == nil || p.since().Before(longest.since())) {
			longest = p
		}
	}
	if longest == nil || time.Since(longest.since()) < silence {
		return false
	}
	longest.gone = true // it no longer counts; it takes its event's memory a moment longer
	longest.giveUp()
	return true
}

func (all *places) leave(p *place) {
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(all.taken, p)
}
