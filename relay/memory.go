package relay

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// memory is what messages may take while they are being read and handled: buffers,
// what they inflate to, and the copies that are made of them. A connection takes of it
// as its message grows, before it allocates, and gives all back when the message is
// dealt with. Messages of up to keptBuffer bytes are not counted.
//
// When there is no more, for an address or for all, the unfinished message that is the
// closest to being too slow has to go, so that those who leave messages unfinished
// cannot keep out who sends one now.
type memory struct {
	most int64 // bytes, of all connections
	each int64 // bytes, of those of one address, or of one connection without an address

	mu      sync.Mutex
	freed   sync.Cond // signalled when some was given back, or a session ended
	used    int64
	peak    int64 // the most that was used
	leaving int64 // of it, that of sessions that were told to go
	holders map[*session]bool
}

// share is what the sessions of an address have of it, or a session without one.
type share struct {
	bytes   int64
	leaving int64 // of it, that of sessions that were told to go
}

// holding is what a session has of it. The memory's mu guards it, but for due.
type holding struct {
	bytes   int64
	reading bool         // its message is unfinished, so it can be told to go
	leaving bool         // it was
	due     atomic.Int64 // Unix nanoseconds at which its message will be too slow
	share   share        // of a session without an address
}

func newMemory(most, each int64) *memory {
	m := &memory{most: most, each: each, holders: map[*session]bool{}}
	m.freed.L = &m.mu
	return m
}

var (
	errFullOfMessages = &failure{websocket.CloseTryAgainLater, "the relay holds too many unfinished messages; nothing of this one was taken: send it again later"}
	errFullOfYours    = &failure{websocket.CloseTryAgainLater, "too many unfinished messages from your address; nothing of this one was taken: send it again later"}
)

// take waits until the session may have n bytes more; reading says whether its message
// is unfinished. An error means that it may not, or was told to go meanwhile.
func (m *memory) take(s *session, n int, reading bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.memory.reading = reading
	share := s.share()
	for {
		if s.hasEnded() || s.memory.leaving {
			return errFullOfMessages // it was told why, or is about to be
		}
		own, all := share.bytes+int64(n) > m.each, m.used+int64(n) > m.most
		if !own && !all {
			m.used += int64(n)
			m.peak = max(m.peak, m.used)
			share.bytes += int64(n)
			s.memory.bytes += int64(n)
			m.holders[s] = true
			return nil
		}
		if own && share.bytes-share.leaving+int64(n) > m.each || all && m.used-m.leaving+int64(n) > m.most {
			why := errFullOfMessages
			if own {
				why = errFullOfYours
			}
			victim := m.slowest(s, own)
			switch {
			case victim == s, victim == nil && !s.memory.reading:
				return why
			case victim != nil:
				victim.memory.leaving = true
				m.leaving += victim.memory.bytes
				victim.share().leaving += victim.memory.bytes
				m.mu.Unlock() // which comes before the session's, never after it
				victim.end(why.code, why.text)
				m.mu.Lock()
				continue
			}
			// All of it is of messages that are being handled, which wait for none.
		}
		m.freed.Wait()
	}
}

func (s *session) share() *share {
	if s.account != nil {
		return &s.account.share
	}
	return &s.memory.share
}

// slowest returns the session, of the same address or of all, whose unfinished message
// will be too slow first; nil if there is none.
func (m *memory) slowest(s *session, sameAddress bool) *session {
	var slowest *session
	consider := func(o *session) {
		if !o.memory.reading || o.memory.leaving || sameAddress && o != s && (o.account == nil || o.account != s.account) {
			return
		}
		if slowest == nil || o.memory.due.Load() < slowest.memory.due.Load() {
			slowest = o
		}
	}
	consider(s)
	for o := range m.holders {
		if o != s {
			consider(o)
		}
	}
	return slowest
}

// give gives n bytes back.
func (m *memory) give(s *session, n int) {
	if n == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	share := s.share()
	m.used -= int64(n)
	share.bytes -= int64(n)
	s.memory.bytes -= int64(n)
	if s.memory.leaving {
		m.leaving -= int64(n)
		share.leaving -= int64(n)
	}
	if s.memory.bytes == 0 {
		delete(m.holders, s)
	}
	m.freed.Broadcast()
}

// giveAll gives back whatever the session has. Only its own reader takes and gives, so
// that what it has does not change meanwhile.
func (m *memory) giveAll(s *session) { m.give(s, int(s.memory.bytes)) }

// complete notes that the session's message is all there: it is not told to go any more.
func (m *memory) complete(s *session) {
	if s.memory.bytes == 0 { // as most; nobody else changes it
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s.memory.reading = false
}

// wakeWaiting makes who waits look again.
func (m *memory) wakeWaiting() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.freed.Broadcast()
}

// pace is how long a message may take from its first byte: it may stand still for
// grace, and has to come at a rate on the whole, however it is cut into frames. Pings
// and pongs among its parts change nothing.
type pace struct {
	due time.Time // when it is too slow
	end time.Time // when it is over, however fast it came
}

// begin starts the clock.
func (p *pace) begin(now time.Time, grace time.Duration, end time.Time) {
	p.due, p.end = earlier(now.Add(grace), end), end
}

// arrived notes n bytes of a message that has to come at rate bytes a second.
func (p *pace) arrived(now time.Time, n int, grace time.Duration, rate int) {
	more := time.Duration(n) * time.Second / time.Duration(rate)
	p.due = earlier(earlier(p.due.Add(more), now.Add(grace)), p.end)
}

// waited takes a time out of it that the relay let the sender wait.
func (p *pace) waited(d time.Duration) {
	p.due, p.end = p.due.Add(d), p.end.Add(d)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
