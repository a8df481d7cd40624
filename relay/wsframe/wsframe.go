// Package wsframe reads and writes WebSocket frames as a server does: RFC 6455,
// section 5, and for compressed messages RFC 7692, section 7.2.
//
// gorilla/websocket does the handshake, and cannot do two things that this package does. Reader
// returns a message as received and leaves inflating to the caller, who can thus bound the memory of
// unfinished messages and charge for the work before doing it. Shared is a message for many peers: it
// is encoded and compressed once, although each peer's frame contains a part for this peer alone.
//
// The package sets no deadlines, starts no goroutines and locks nothing while it reads or writes. A
// frame is
//
//	fin 1 bit | deflated 1 | 0 0 | opcode 4 | masked 1 | length 7
//	the length again: 2 bytes if it was 126, 8 bytes if it was 127
//	the mask: 4 bytes, from clients only | payload
package wsframe

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Op is the opcode of a frame. The values are those of RFC 6455, section 11.8.
type Op byte

// The opcodes.
const (
	Continuation Op = 0x0
	Text         Op = 0x1
	Binary       Op = 0x2
	Close        Op = 0x8
	Ping         Op = 0x9
	Pong         Op = 0xa
)

// Control reports whether o is the opcode of a control frame. Control frames may come between the
// frames of a message.
func (o Op) Control() bool { return o&0x8 != 0 }

const (
	// MaxControl is the largest payload of a control frame, in bytes.
	MaxControl = 125
	// MaxHeader is the largest header of a frame, in bytes.
	MaxHeader = 2 + 8 + maskLen
)

const (
	bitFinal    = 0x80
	bitDeflated = 0x40
	bitsUnused  = 0x30
	bitMasked   = 0x80
	bitsOp      = 0x0f

	length16 = 126 // the length is in the next 2 bytes
	length64 = 127 // the length is in the next 8 bytes
)

// A Violation is returned for a frame that the protocol does not allow. Code is the close code to send
// to the peer.
type Violation struct {
	Code int
	Text string
}

func (v *Violation) Error() string { return v.Text }

// The close codes of violations, RFC 6455, section 7.4.1.
const (
	CodeProtocolError = 1002
	CodeUnsupported   = 1003
	CodeTooLarge      = 1009
)

func violation(format string, args ...any) error {
	return &Violation{CodeProtocolError, fmt.Sprintf(format, args...)}
}

// appendHeader appends the header of an unmasked frame that is a whole message. The length takes as few
// bytes as possible.
func appendHeader(b []byte, op Op, deflated bool, length int) []byte {
	first := bitFinal | byte(op)
	if deflated {
		first |= bitDeflated
	}
	switch {
	case length < length16:
		return append(b, first, byte(length))
	case length < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, first, length16), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(b, first, length64), uint64(length))
	}
}

// AppendFrame appends an unmasked, uncompressed frame that is a whole message. The payload of a control
// frame may have at most MaxControl bytes.
func AppendFrame(b []byte, op Op, payload []byte) []byte {
	return append(appendHeader(b, op, false, len(payload)), payload...)
}

// AppendClose appends a close frame. It cuts the reason at the first byte that is not valid UTF-8, and
// so that the payload fits in MaxControl bytes.
func AppendClose(b []byte, code int, reason string) []byte {
	n := 0
	for n < len(reason) {
		r, size := utf8.DecodeRuneInString(reason[n:])
		if r == utf8.RuneError && size <= 1 || n+size > MaxControl-2 {
			break
		}
		n += size
	}
	payload := binary.BigEndian.AppendUint16(nil, uint16(code))
	return AppendFrame(b, Close, append(payload, reason[:n]...))
}
