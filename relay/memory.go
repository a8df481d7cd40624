package relay

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// memory bounds the memory of messages while they are read and handled: buffers,
// inflated bytes, and copies of them. A connection reserves memory as its message
// grows, before it allocates, and releases all of it when the message is done. Messages
// of up to keptBuffer bytes are not counted.
//
// When one address, or all addresses together, reach the limit, the unfinished message that would
// be too slow first is dropped with its connection. So peers that leave messages unfinished cannot
// prevent a peer from sending a message now.
type memory struct {
	limit      int64 // bytes, of all connections
	perAddress int64 // bytes, of the connections of one address, or of one connection without an address

	mu      sync.Mutex
	freed   sync.Cond // signalled when memory was released, or a session ended
	used    int64
	peak    int64 // the highest use so far, for tests and the status
	leaving int64 // the part that is used by sessions that were told to end
	holders map[*session]bool
}

// share is the memory used by the sessions of an address, or by a session without one.
type share struct {
	bytes   int64
	leaving int64 // the part that is used by sessions that were told to end
}

// messageMemory is the memory used by a session. The memory's mu guards all of it except due.
type messageMemory struct {
	bytes   int64
	reading bool         // its message is unfinished, so the session can be told to end
	leaving bool         // the session was told to end
	due     atomic.Int64 // Unix nanoseconds at which its message will be too slow
	share   share        // used by a session without an address
}

func newMemory(limit, perAddress int64) *memory {
	m := &memory{limit: limit, perAddress: perAddress, holders: map[*session]bool{}}
	m.freed.L = &m.mu
	return m
}

var (
	errFullOfMessages = &closeReason{websocket.CloseTryAgainLater, "the relay holds too many unfinished messages. This message was discarded: send it again later"}
	errFullOfYours    = &closeReason{websocket.CloseTryAgainLater, "too many unfinished messages from your address. This message was discarded: send it again later"}
)

// reserve waits until the session may use n more bytes. reading says whether the session's message
// is unfinished. An error means that the session may not use them, or was told to end meanwhile.
func (m *memory) reserve(s *session, n int, reading bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.memory.reading = reading
	share := s.share()
	for {
		if s.hasEnded() || s.memory.leaving {
			return errFullOfMessages // the session was told the reason, or is about to be
		}
		own, all := share.bytes+int64(n) > m.perAddress, m.used+int64(n) > m.limit
		if !own && !all {
			m.used += int64(n)
			m.peak = max(m.peak, m.used)
			share.bytes += int64(n)
			s.memory.bytes += int64(n)
			m.holders[s] = true
			return nil
		}
		if own && share.bytes-share.leaving+int64(n) > m.perAddress || all && m.used-m.leaving+int64(n) > m.limit {
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
				m.mu.Unlock() // end locks memory.mu
				victim.end(why.code, why.text)
				m.mu.Lock()
				continue
			}
			// All memory is used by complete messages, which are being handled and
			// never wait for memory.
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

// slowest returns the session whose unfinished message will be too slow first; nil if there is none.
// It considers the sessions of s's address, or all sessions.
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

// release releases n bytes.
func (m *memory) release(s *session, n int) {
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

// releaseAll releases all memory of the session. Only the session's reader reserves and releases, so
// the amount does not change meanwhile.
func (m *memory) releaseAll(s *session) { m.release(s, int(s.memory.bytes)) }

// complete records that the session's message was received completely. From now on the session is
// not told to end because of this message.
func (m *memory) complete(s *session) {
	if s.memory.bytes == 0 { // as for most messages; only this goroutine changes it
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s.memory.reading = false
}

// wakeWaiting makes waiting sessions check again.
func (m *memory) wakeWaiting() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.freed.Broadcast()
}

// messageDeadline is the time that a message may take from its first byte. The message may pause for
// grace, and its average rate must not be below a minimum, whatever its frames. Pings and pongs
// between its frames have no effect.
type messageDeadline struct {
	due time.Time // when the message is too slow
	end time.Time // when the message must be complete, whatever its rate
}

// begin starts the time of a message.
func (p *messageDeadline) begin(now time.Time, grace time.Duration, end time.Time) {
	p.due, p.end = earlier(now.Add(grace), end), end
}

// arrived records n bytes of a message that must arrive at rate bytes per second.
func (p *messageDeadline) arrived(now time.Time, n int, grace time.Duration, rate int) {
	more := time.Duration(n) * time.Second / time.Duration(rate)
	p.due = earlier(earlier(p.due.Add(more), now.Add(grace)), p.end)
}

// waited excludes a time in which the relay made the sender wait.
func (p *messageDeadline) waited(d time.Duration) {
	p.due, p.end = p.due.Add(d), p.end.Add(d)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
