package relay

import (
	"net"
	"sync"
	"time"

	"flyleaf/crdt/sync/repo"
	"flyleaf/relay/wsframe"
)

// Only the session's writer may call these functions, because frames of several goroutines would be
// mixed up.

// frameBuffers are the buffers that are written with one system call.
var frameBuffers = sync.Pool{New: func() any { return new([]byte) }}

// send sends one message. A peer that reads it too slowly is disconnected.
func (s *session) send(message []byte) error {
	return s.sendShared(wsframe.NewShared(nil, message, false), nil)
}

// sendSync sends a sync message with a frame that is shared with other peers.
func (s *session) sendSync(e *encodedMessage) error {
	var name [3 + repo.MaxID]byte
	return s.sendShared(e.frame, repo.AppendTarget(name[:0], s.peer))
}

func (s *session) sendShared(m *wsframe.Shared, own []byte) error {
	buf := frameBuffers.Get().(*[]byte)
	defer frameBuffers.Put(buf)
	first, second := m.Frame((*buf)[:0], own, s.deflate)
	*buf = first[:0]
	s.allowSilence(len(first) + len(second))
	if err := s.setWriteDeadline(len(first) + len(second)); err != nil {
		return err
	}
	if second == nil {
		return s.write(first)
	}
	return s.write(first, second)
}

// write writes to the connection, within the deadline. If the deadline passes while this goroutine
// is not scheduled, a write fails at once although the peer would read it. So a peer counts as too
// slow only if a second write of the rest, with the time of a small frame, also fails.
func (s *session) write(parts ...[]byte) error {
	left := net.Buffers(parts)
	err := s.writeSome(&left)
	if !isTimeout(err) || s.hasEnded() {
		return err
	}
	if err := s.setWriteDeadline(0); err != nil {
		return err
	}
	return s.writeSome(&left)
}

// writeSome writes as much of parts as possible, and leaves the rest in parts.
func (s *session) writeSome(parts *net.Buffers) error {
	if len(*parts) == 1 {
		n, err := s.conn.Write((*parts)[0])
		(*parts)[0] = (*parts)[0][n:]
		return err
	}
	_, err := parts.WriteTo(s.conn)
	return err
}

// sendControl sends a control frame.
func (s *session) sendControl(op wsframe.Op, payload []byte) error {
	if err := s.setWriteDeadline(wsframe.MaxControl); err != nil {
		return err
	}
	return s.write(wsframe.AppendFrame(nil, op, payload))
}

// sendClose sends a close frame, the last one.
func (s *session) sendClose(why closeReason) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(closeWait)); err != nil {
		return err
	}
	_, err := s.conn.Write(wsframe.AppendClose(nil, why.code, why.text))
	return err
}

// allowSilence extends the read deadline by the time that n bytes may be on their way to the peer,
// because the peer answers a ping only after it has received them.
func (s *session) allowSilence(n int) {
	s.sentUntil.Store(time.Now().Add(transferTime(n)).UnixNano())
	s.setPeerDeadline(s.relay.limits.Ping + s.relay.limits.Pong)
}

// transferTime is how long n bytes may be on their way.
func transferTime(n int) time.Duration { return time.Duration(n) * time.Second / slowestReceiver }

// setWriteDeadline sets the write deadline for the next n bytes.
func (s *session) setWriteDeadline(n int) error {
	// Setting a deadline costs a tenth of sending a post, so a deadline that is a
	// little too late is kept.
	least := time.Now().Add(s.relay.limits.Write + transferTime(n))
	if spare := s.writeBy.Sub(least); spare >= 0 && spare <= s.relay.limits.Write/8 {
		return nil
	}
	s.writeBy = least.Add(s.relay.limits.Write / 8)
	return s.conn.SetWriteDeadline(s.writeBy)
}
