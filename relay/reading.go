package relay

import (
	"errors"
	"io"
	"time"

	"github.com/gorilla/websocket"

	"flyleaf/relay/wsframe"
)

// errClosed ends a session whose peer has closed the connection.
var errClosed = errors.New("relay: the peer closed the connection")

var (
	errTooLarge = &closeReason{websocket.CloseMessageTooBig, "message too large"}
	errTooSlow  = &closeReason{websocket.ClosePolicyViolation, "too slow: a message was not completed in time and was discarded"}
)

// message reads one binary message and inflates it. The result is valid until the next
// call. wait sets the deadline for the first byte of a frame between messages. end is
// when the message must be complete; zero means FrameWait after its first byte.
//
// The message's buffers are reserved from the relay's memory, and a message larger than largeMessage
// needs a slot. releaseMessage releases both after the message has been handled.
func (s *session) message(wait func(), end time.Time) ([]byte, error) {
	s.releaseMessage()
	if s.buf == nil {
		s.buf = make([]byte, 0, firstBuffer)
	}
	s.buf = s.buf[:0]
	begun, deflated := false, false
	for {
		if begun {
			s.setMessageDeadline()
		} else {
			wait()
		}
		op, err := s.in.Peek()
		if err != nil {
			return nil, s.readError(err, begun)
		}
		if !begun && !op.Control() {
			begun = true
			s.begin(end)
			if s.in.Buffered() < wsframe.MaxHeader {
				s.setMessageDeadline()
			}
		}
		h, err := s.in.Next()
		if err != nil {
			return nil, s.readError(err, begun)
		}
		if h.Op.Control() {
			if err := s.control(h.Op); err != nil {
				return nil, s.readError(err, begun)
			}
			continue
		}
		if h.Op != wsframe.Continuation {
			deflated = h.Deflated
		}
		if err := s.payload(h, deflated); err != nil {
			return nil, s.readError(err, true)
		}
		if h.Final {
			break
		}
	}
	s.relay.memory.complete(s)
	if !deflated {
		return s.buf, nil
	}
	return s.inflate()
}

// begin starts the time of a message whose first byte has arrived. end is when the
// message must be complete; zero means FrameWait from now.
func (s *session) begin(end time.Time) {
	now := time.Now()
	if end.IsZero() {
		end = now.Add(FrameWait)
	}
	s.pace.begin(now, s.relay.limits.Stall, end)
	s.memory.due.Store(s.pace.due.UnixNano())
}

// readError returns the reason for ending the session after an error of reading.
func (s *session) readError(err error, begun bool) error {
	if v := (*wsframe.Violation)(nil); errors.As(err, &v) {
		return &closeReason{v.Code, v.Text}
	}
	if begun && isTimeout(err) {
		return errTooSlow
	}
	return err
}

// payload reads the payload of a frame to the end of buf.
func (s *session) payload(h wsframe.Header, deflated bool) error {
	if h.Length > int64(s.limit-len(s.buf)) {
		return errTooLarge
	}
	for left := int(h.Length); left > 0; {
		if len(s.buf) == cap(s.buf) {
			// A message that is not deflated is copied when it is decoded, and its
			// changes are copied again.
			factor := 3
			if deflated {
				factor = 2
			}
			need := len(s.buf) + left
			if !h.Final { // more frames follow: growing the buffer for each frame would copy it each time
				need = s.limit
			}
			var err error
			if s.buf, err = s.grow(s.buf, need, factor, true); err != nil {
				return err
			}
		}
		if s.in.Buffered() == 0 {
			s.setMessageDeadline()
		}
		n, err := s.in.Read(s.buf[len(s.buf):min(cap(s.buf), len(s.buf)+left)])
		s.buf = s.buf[:len(s.buf)+n]
		left -= n
		if err != nil {
			return err
		}
		if cap(s.buf) > keptBuffer {
			rate := slowestSender
			if s.hasLargeSlot {
				rate = slowestReceiver
			}
			s.pace.arrived(time.Now(), n, s.relay.limits.Stall, rate)
			s.memory.due.Store(s.pace.due.UnixNano())
		}
		if err := s.acquireLargeSlot(len(s.buf)); err != nil {
			return err
		}
	}
	return nil
}

// grow makes room for more in a buffer that may become need bytes long. It doubles the
// buffer as it fills, because the declared length of a frame is not trusted. It
// reserves factor times the buffer's size. While it copies, the old and the new buffer together are
// within the reserved memory. It must not be called within a turn, because it may wait.
func (s *session) grow(b []byte, need, factor int, reading bool) ([]byte, error) {
	size := min(max(2*cap(b), firstBuffer), max(need, keptBuffer))
	if size > keptBuffer {
		before := cap(b)
		if before <= keptBuffer {
			before = 0
		}
		began := time.Now()
		if err := s.relay.memory.reserve(s, factor*(size-before), reading); err != nil {
			return b, err
		}
		s.pace.waited(time.Since(began))
	}
	bigger := make([]byte, len(b), size)
	copy(bigger, b)
	return bigger, nil
}

// acquireLargeSlot waits for the session's slot for a large message, if the message has become
// large.
func (s *session) acquireLargeSlot(size int) error {
	if s.hasLargeSlot || size <= largeMessage {
		return nil
	}
	began := time.Now()
	if !s.relay.largeMessages.acquire(s.lane(largeLane), s.suspect.Load(), s.quit) {
		return ErrClosed
	}
	s.hasLargeSlot = true
	s.pace.waited(time.Since(began))
	return nil
}

// releaseMessage releases the buffers and the slot of the last message.
func (s *session) releaseMessage() {
	if cap(s.buf) > keptBuffer {
		s.buf = nil
	}
	if cap(s.plain) > keptBuffer {
		s.plain = nil
	}
	s.relay.memory.releaseAll(s)
	if s.hasLargeSlot {
		s.hasLargeSlot = false
		s.relay.largeMessages.release(s.lane(largeLane))
	}
}

// setMessageDeadline sets the deadline for the rest of a message.
func (s *session) setMessageDeadline() { s.setReadDeadline(s.pace.due, s.relay.limits.Stall/64) }

// control handles a control frame.
func (s *session) control(op wsframe.Op) error {
	payload, err := s.in.ReadControl()
	if err != nil {
		return err
	}
	switch op {
	case wsframe.Ping:
		s.pong.Store(&payload) // only the last ping needs an answer, RFC 6455, section 5.5.3
		s.out.wakeWriter()
	case wsframe.Close:
		return errClosed
	}
	return nil
}

// inflate inflates the message in buf. The cost is charged before each step, and each
// step is a turn. Inflating up to freeInflation times the message's bytes is refunded;
// the rest stays charged as waste.
func (s *session) inflate() ([]byte, error) {
	f, err := wsframe.NewInflater(s.buf)
	defer f.Release()
	if err != nil {
		return nil, violation("a message that cannot be inflated: %v", err)
	}
	if s.plain == nil {
		s.plain = make([]byte, 0, firstBuffer)
	}
	s.plain = s.plain[:0]
	fair := freeInflation*len(s.buf) + keptBuffer
	for ended := false; !ended; {
		if len(s.plain) == cap(s.plain) {
			var err error
			if s.plain, err = s.grow(s.plain, s.limit+1, 3, false); err != nil {
				return nil, err
			}
		}
		step := s.plain[len(s.plain):min(cap(s.plain), len(s.plain)+inflateStep)]
		cost := costMessage + costInflated*float64(len(step))/1024
		if err := s.charge(wasteFactor * cost); err != nil {
			return nil, err
		}
		n := 0
		var err error
		if stopped := s.inTurn(func() { n, err = f.Read(step) }); stopped != nil {
			return nil, stopped
		}
		s.plain = s.plain[:len(s.plain)+n]
		if err != nil && err != io.EOF {
			return nil, violation("a message that cannot be inflated: %v", err)
		}
		ended = err == io.EOF
		if len(s.plain) > s.limit {
			return nil, errTooLarge
		}
		beyond := float64(max(0, min(n, len(s.plain)-fair)))
		if err := s.charge(wasteFactor * (costInflated*beyond/1024 - cost)); err != nil {
			return nil, err
		}
		if err := s.acquireLargeSlot(len(s.plain)); err != nil {
			return nil, err
		}
	}
	if n := cap(s.buf); n > keptBuffer {
		s.buf = nil
		s.relay.memory.release(s, 2*n)
	}
	return s.plain, nil
}
