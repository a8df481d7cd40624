package relay

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// The relay reads frames itself, as it writes them (frame.go): the library inflates a
// message while it arrives, which keeps an inflater for each unfinished one, cannot be
// charged before it is done, and takes time outside of any turn. What is read here is
// the bytes as they travel; they are inflated when they are all there.
//
// A frame from a client, RFC 6455, section 5.2:
//
//	fin 1 bit | deflated 1 | 0 0 | opcode 4 | masked 1 = 1 | length 7
//	length again: 2 bytes if it was 126, 8 bytes if it was 127 | mask 4 | payload
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa

	maxControl = 125 // bytes of a control frame
	readBuffer = 4 << 10
)

// errClosed ends a session whose peer has closed the connection.
var errClosed = errors.New("relay: the peer closed the connection")

func newReader(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, readBuffer) }

// frameHead is the head of a frame.
type frameHead struct {
	op              byte
	final, deflated bool
	length          int
	mask            [4]byte
}

// head reads the head of the next frame. When it begins, began is called: then the
// rest has to come in time.
func (s *session) head(began func(b0 byte)) (h frameHead, err error) {
	b, err := s.in.Peek(2)
	if err != nil {
		return h, err
	}
	b0, b1 := b[0], b[1]
	h.op, h.final, h.deflated = b0&0xf, b0&0x80 != 0, b0&0x40 != 0
	began(h.op)
	control := h.op&0x8 != 0
	switch {
	case b0&0x30 != 0, h.deflated && (control || !s.deflate):
		return h, violation("a frame with a reserved bit")
	case b1&0x80 == 0:
		return h, violation("a frame without a mask")
	case h.op > opPong, !control && h.op > opBinary:
		return h, violation("a frame of the unknown kind %d", h.op)
	}
	n := 2 + len(h.mask)
	length := uint64(b1 & 0x7f)
	switch length {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if control && (!h.final || length > maxControl) {
		return h, violation("a control frame in parts or of more than %d bytes", maxControl)
	}
	if b, err = s.in.Peek(n); err != nil {
		return h, err
	}
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		length = binary.BigEndian.Uint64(b[2:])
	}
	h.mask = [4]byte(b[n-4:])
	if length > 1<<40 { // beyond any limit, and within an int
		return h, errTooLarge
	}
	h.length = int(length)
	_, err = s.in.Discard(n)
	return h, err
}

var (
	errTooLarge = &failure{websocket.CloseMessageTooBig, "message too large"}
	errTooSlow  = &failure{websocket.ClosePolicyViolation, "too slow: a message was begun and did not come on; nothing of it was taken"}
)

// message reads one binary message, inflated, which is valid until the next call. wait
// sets the deadline for the first byte of a frame between messages; end is when a
// message has to be there at the latest, zero for FrameWait from its first byte.
//
// What it holds is taken from the relay's memory, and messages beyond bigFrame take
// their turn: both until letGo, when the message has been handled.
func (s *session) message(wait func(), end time.Time) ([]byte, error) {
	s.letGo()
	if s.buf == nil {
		s.buf = make([]byte, 0, firstBuffer)
	}
	s.buf = s.buf[:0]
	begun, deflated := false, false
	began := func(op byte) {
		if begun || op&0x8 != 0 {
			return
		}
		begun = true
		now := time.Now()
		last := end
		if last.IsZero() {
			last = now.Add(FrameWait)
		}
		s.pace.begin(now, s.relay.limits.Stall, last)
		s.held.due.Store(s.pace.due.UnixNano())
	}
	for {
		if begun {
			s.waitForMore()
		} else {
			wait()
		}
		h, err := s.head(began)
		if err != nil {
			return nil, s.readError(err, begun)
		}
		if h.op&0x8 != 0 {
			if err := s.control(h); err != nil {
				return nil, s.readError(err, begun)
			}
			continue
		}
		switch first := h.op != opContinuation; {
		case h.op == opText:
			return nil, &failure{websocket.CloseUnsupportedData, "not a binary frame"}
		case first && s.parts, !first && !s.parts:
			return nil, violation("a frame out of order")
		case !first && h.deflated:
			return nil, violation("a frame with a reserved bit")
		case first:
			deflated = h.deflated
		}
		s.parts = !h.final
		if err := s.payload(h, deflated); err != nil {
			return nil, s.readError(err, true)
		}
		if h.final {
			break
		}
	}
	s.relay.memory.whole(s)
	if !deflated {
		return s.buf, nil
	}
	return s.inflate()
}

// readError is what ends the session after an error of reading.
func (s *session) readError(err error, begun bool) error {
	if begun && isTimeout(err) {
		return errTooSlow
	}
	return err
}

// payload reads the payload of a frame to the end of buf.
func (s *session) payload(h frameHead, deflated bool) error {
	if h.length > s.limit-len(s.buf) {
		return errTooLarge
	}
	masked := 0
	for left := h.length; left > 0; {
		if len(s.buf) == cap(s.buf) {
			// What is not deflated is copied when it is decoded, and its changes again.
			factor := 3
			if deflated {
				factor = 2
			}
			need := len(s.buf) + left
			if !h.final { // more comes: a buffer that grew frame by frame would be copied for each
				need = s.limit
			}
			var err error
			if s.buf, err = s.grow(s.buf, need, factor, true); err != nil {
				return err
			}
		}
		if s.in.Buffered() == 0 {
			s.waitForMore()
		}
		to := s.buf[len(s.buf):min(cap(s.buf), len(s.buf)+left)]
		n, err := s.in.Read(to)
		masked = unmask(to[:n], h.mask, masked)
		s.buf = s.buf[:len(s.buf)+n]
		left -= n
		if err != nil {
			return err
		}
		if cap(s.buf) > keptBuffer {
			rate := slowestSender
			if s.slot {
				rate = slowestBytes
			}
			s.pace.arrived(time.Now(), n, s.relay.limits.Stall, rate)
			s.held.due.Store(s.pace.due.UnixNano())
		}
		if err := s.takeSlot(len(s.buf)); err != nil {
			return err
		}
	}
	return nil
}

// unmask removes the mask from b, whose first byte is the one at that place of the
// frame, and returns the place after it.
func unmask(b []byte, mask [4]byte, at int) int {
	var word [8]byte
	for i := range word {
		word[i] = mask[(at+i)&3]
	}
	at += len(b)
	m := binary.LittleEndian.Uint64(word[:])
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^m)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= word[i]
	}
	return at & 3
}

// grow makes room for more in a buffer that may become need bytes long, in steps as it
// is filled, each twice the last: what a frame says of its length is not believed. It takes factor times
// the buffer from the memory. The two buffers that there are for a moment are within
// that. It must not be called within a turn, since it may wait.
func (s *session) grow(b []byte, need, factor int, reading bool) ([]byte, error) {
	size := min(max(2*cap(b), firstBuffer), max(need, keptBuffer))
	if size > keptBuffer {
		before := cap(b)
		if before <= keptBuffer {
			before = 0
		}
		began := time.Now()
		if err := s.relay.memory.take(s, factor*(size-before), reading); err != nil {
			return b, err
		}
		s.pace.waited(time.Since(began))
	}
	bigger := make([]byte, len(b), size)
	copy(bigger, b)
	return bigger, nil
}

// takeSlot waits for the session's turn to have a large message, once it is one.
func (s *session) takeSlot(size int) error {
	if s.slot || size <= bigFrame {
		return nil
	}
	began := time.Now()
	if !s.relay.large.take(s.lane(largeLane), s.suspect.Load(), s.quit) {
		return ErrClosed
	}
	s.slot = true
	s.pace.waited(time.Since(began))
	return nil
}

// letGo gives back what the last message took.
func (s *session) letGo() {
	if cap(s.buf) > keptBuffer {
		s.buf = nil
	}
	if cap(s.plain) > keptBuffer {
		s.plain = nil
	}
	s.relay.memory.giveAll(s)
	if s.slot {
		s.slot = false
		s.relay.large.give(s.lane(largeLane))
	}
}

// waitForMore sets the deadline for the rest of a message.
func (s *session) waitForMore() { s.setReadDeadline(s.pace.due, s.relay.limits.Stall/64) }

// control handles a control frame.
func (s *session) control(h frameHead) error {
	b, err := s.in.Peek(h.length)
	if err != nil {
		return err
	}
	b = bytes.Clone(b)
	unmask(b, h.mask, 0)
	if _, err := s.in.Discard(h.length); err != nil {
		return err
	}
	switch h.op {
	case opPing:
		s.pong.Store(&b) // the last counts, RFC 6455 5.5.3
		s.out.nudge()
	case opClose:
		return errClosed
	}
	return nil
}

// inflater inflates one message.
type inflater struct {
	in   bytes.Reader
	tail strings.Reader
	out  io.ReadCloser
}

// messageTail is what a deflated message ends with that does not travel, RFC 7692, and
// an empty last block, without which it would not be a whole stream.
const messageTail = "\x00\x00\xff\xff" + "\x01\x00\x00\xff\xff"

var inflaters = sync.Pool{New: func() any {
	f := new(inflater)
	f.out = flate.NewReader(&f.in)
	return f
}}

// inflate returns what the message in buf inflates to. It is charged before each step,
// and steps are turns. What it inflates to beyond fairRatio times its bytes stays
// charged, as what came to nothing.
func (s *session) inflate() ([]byte, error) {
	f := inflaters.Get().(*inflater)
	defer func() {
		f.in.Reset(nil)
		inflaters.Put(f)
	}()
	f.in.Reset(s.buf)
	f.tail.Reset(messageTail)
	if err := f.out.(flate.Resetter).Reset(io.MultiReader(&f.in, &f.tail), nil); err != nil {
		return nil, violation("a message that cannot be inflated: %v", err)
	}
	if s.plain == nil {
		s.plain = make([]byte, 0, firstBuffer)
	}
	s.plain = s.plain[:0]
	fair := fairRatio*len(s.buf) + keptBuffer
	for ended := false; !ended; {
		if len(s.plain) == cap(s.plain) {
			var err error
			if s.plain, err = s.grow(s.plain, s.limit+1, 3, false); err != nil {
				return nil, err
			}
		}
		step := s.plain[len(s.plain):min(cap(s.plain), len(s.plain)+inflateStep)]
		cost := costMessage + costInflated*float64(len(step))/1024
		if err := s.charge(garbage * cost); err != nil {
			return nil, err
		}
		n := 0
		var err error
		if stopped := s.turn(func() {
			for n < len(step) && err == nil {
				var k int
				k, err = f.out.Read(step[n:])
				n += k
			}
		}); stopped != nil {
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
		if err := s.charge(garbage * (costInflated*beyond/1024 - cost)); err != nil {
			return nil, err
		}
		if err := s.takeSlot(len(s.plain)); err != nil {
			return nil, err
		}
	}
	if n := cap(s.buf); n > keptBuffer {
		s.buf = nil
		s.relay.memory.give(s, 2*n)
	}
	return s.plain, nil
}
