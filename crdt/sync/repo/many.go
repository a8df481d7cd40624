package repo

import (
	"bytes"
	"fmt"
)

// EncodeForMany encodes a message for many peers. It returns the parts that all their frames
// share; the frame for a peer is
//
//	head | AppendTarget of the peer's ID | tail
//
// m needs a sender, and one of the peers as m.TargetID. The errors are those of EncodeWithin;
// maxFrame is the limit, in bytes, for the frame to that peer.
func EncodeForMany(m *Message, maxFrame int) (head, tail []byte, err error) {
	if m.SenderID == "" || m.TargetID == "" {
		return nil, nil, fmt.Errorf("%w: %s without a sender or a target", ErrMissing, m.Type)
	}
	b, err := EncodeWithin(m, maxFrame)
	if err != nil {
		return nil, nil, err
	}
	// The keys of the map are in the order of frame's fields; targetId is the third.
	head = append(head, b[0])
	for _, text := range []string{"type", m.Type, "senderId", m.SenderID, "targetId"} {
		head = appendText(head, text)
	}
	own := len(appendText(nil, m.TargetID))
	if !bytes.HasPrefix(b, head) {
		return nil, nil, fmt.Errorf("%w: the target is not the third key of %x", ErrMalformed, b[:min(len(b), len(head))])
	}
	return head, b[len(head)+own:], nil
}

// AppendTarget appends a peer's ID, of at most MaxID bytes, as it is encoded in a frame.
func AppendTarget(b []byte, name string) []byte { return appendText(b, name) }

// appendText appends a CBOR text string of less than 2^16 bytes, RFC 8949, section 3.
func appendText(b []byte, s string) []byte {
	switch n := len(s); {
	case n < 24:
		b = append(b, 0x60|byte(n))
	case n < 1<<8:
		b = append(b, 0x78, byte(n))
	default:
		b = append(b, 0x79, byte(n>>8), byte(n))
	}
	return append(b, s...)
}
