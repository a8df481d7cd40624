package feed

import (
	"errors"
	"net/http"
	"sync"
	"time"
)

// errEvicted ends a stream to make room for another.
var errEvicted = errors.New("this stream was idle and was closed to make room for others. Nothing is lost: reconnect with the last cursor")

// openStream is an open change stream. Each stream keeps its event in memory.
type openStream struct {
	client  string
	end     func() // never blocks
	evicted bool   // guarded by openStreams.mu

	mu        sync.Mutex
	lastEntry time.Time // or when the stream began
}

// sent notes that an entry was sent.
func (s *openStream) sent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastEntry = time.Now()
}

func (s *openStream) last() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastEntry
}

// openStreams bounds the streams that are open at the same time. Locks: openStreams.mu is
// locked before openStream.mu.
type openStreams struct {
	mu  sync.Mutex
	all map[*openStream]bool
}

// admit opens a stream for a client; "" is a client without a limit of its own. If necessary it evicts
// a stream that has been without an entry for at least idle. If there is no such stream, it returns
// the HTTP status of the answer.
func (o *openStreams) admit(client string, idle time.Duration, end func()) (*openStream, int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	count := map[string]int{}
	for s := range o.all {
		if !s.evicted {
			count[s.client]++
		}
	}
	total, most := 0, client // most is the client with the most streams
	for c, n := range count {
		total += n
		if n > count[most] {
			most = c
		}
	}
	switch {
	case client != "" && count[client] >= MaxStreamsPerClient:
		if !o.evict(client, idle) {
			return nil, http.StatusTooManyRequests
		}
	case total < MaxStreams:
	case count[most] > count[client]+1:
		o.evict(most, 0)
	case !o.evict(client, idle):
		return nil, http.StatusServiceUnavailable
	}
	s := &openStream{client: client, end: end, lastEntry: time.Now()}
	if o.all == nil {
		o.all = map[*openStream]bool{}
	}
	o.all[s] = true
	return s, 0
}

// evict ends the client's stream that has been without an entry for longest, if that time is at least
// idle. It reports whether it ended a stream.
func (o *openStreams) evict(client string, idle time.Duration) bool {
	var longest *openStream
	for s := range o.all {
		if s.client == client && !s.evicted && (longest == nil || s.last().Before(longest.last())) {
			longest = s
		}
	}
	if longest == nil || time.Since(longest.last()) < idle {
		return false
	}
	longest.evicted = true // no longer counted, although it uses memory for a moment longer
	longest.end()
	return true
}

func (o *openStreams) remove(s *openStream) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.all, s)
}
