package relay

import (
	"encoding/binary"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"flyleaf/crdt/sync/repo"
)

// A frame from a server, RFC 6455 and RFC 7692:
//
//	82 | length                  one binary message, bare
//	c2 | length                  one binary message, deflated
//
// with a length of 1 byte up to 125, else 7e and 2 bytes, or 7f and 8 bytes.
const (
	frameBinary   = 0x82
	frameDeflated = 0x40

	inOnePiece = 4 << 10 // bytes of a tail that is copied rather than written as a part
)

func frameHeader(b []byte, first byte, n int) []byte {
	switch {
	case n <= 125:
		return append(b, first, byte(n))
	case n < 1<<16:
		return append(b, first, 126, byte(n>>8), byte(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, first, 127), uint64(n))
	}
}

// takesDeflate says whether the upgrader will have agreed on compression.
func takesDeflate(h http.Header) bool {
	for _, line := range h.Values("Sec-Websocket-Extensions") {
		for extension := range strings.SplitSeq(line, ",") {
			name, _, _ := strings.Cut(extension, ";")
			if strings.TrimSpace(name) == "permessage-deflate" {
				return true
			}
		}
	}
	return false
}

// heads are buffers for what is written at once.
var heads = sync.Pool{New: func() any { return new([]byte) }}

// sendEncoded writes a sync message. It writes to the connection under the
// WebSocket library, which cannot send parts that many frames share; nobody else
// writes meanwhile (see run).
func (s *session) sendEncoded(e *encoded) error {
	first, tail := byte(frameBinary), e.tail
	var nameBytes [3 + repo.MaxID]byte
	name := repo.AppendTarget(nameBytes[:0], s.peer)
	size := 32 + len(e.head) + len(name)
	if len(tail) < inOnePiece {
		size += len(tail)
	}
	pooled := heads.Get().(*[]byte)
	head := slices.Grow((*pooled)[:0], size)
	defer func() {
		*pooled = head
		heads.Put(pooled)
	}()
	prefix := len(e.head) + len(name)
	var deflated []byte
	if s.deflate && !e.packed && len(tail) >= deflateFrom {
		deflated = e.deflate()
	}
	if deflated != nil {
		// The peer's part goes first, as a block that is stored and so refers to
		// nothing, and nothing to it: 00 | length | its complement | bytes.
		tail, first = deflated, frameBinary|frameDeflated
		head = frameHeader(head, first, 5+prefix+len(tail))
		head = append(head, 0, byte(prefix), byte(prefix>>8), ^byte(prefix), ^byte(prefix>>8))
	} else {
		head = frameHeader(head, first, prefix+len(tail))
	}
	head = append(append(head, e.head...), name...)

	if err := s.beginWrite(len(head) + len(tail)); err != nil {
		return err
	}
	conn := s.conn.NetConn()
	if len(tail) < inOnePiece {
		head = append(head, tail...)
		_, err := conn.Write(head)
		return err
	}
	parts := net.Buffers{head, tail}
	_, err := parts.WriteTo(conn)
	return err
}

// beginWrite gives the next n bytes the time that they may take.
func (s *session) beginWrite(n int) error {
	now := time.Now()
	flight := time.Duration(n) * time.Second / slowestBytes
	s.allowance.Store(now.Add(flight).UnixNano())
	s.waitForPeer(s.relay.limits.Ping + s.relay.limits.Pong)
	// Setting a deadline costs a tenth of sending a post, so a little more time
	// than need be is left standing.
	least := now.Add(s.relay.limits.Write + flight)
	if spare := s.writeBy.Sub(least); spare >= 0 && spare <= s.relay.limits.Write/8 {
		return nil
	}
	s.writeBy = least.Add(s.relay.limits.Write / 8)
	return s.conn.NetConn().SetWriteDeadline(s.writeBy)
}
