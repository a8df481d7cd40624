package repo

import (
	"bytes"
	"fmt"
)

// EncodeForMany encodes a message that goes to many peers, in the parts that their
// frames share:
//
//	head | AppendTarget of the peer's name | tail
//
// m.TargetID is one of them, and m has a sender. The errors are those of EncodeWithin;
// maxFrame is the bound, in bytes, for the frame to that peer.
func EncodeForMany(m *Message, maxFrame int) (head, tail []byte, err error) {
	if m.SenderID == "" || m.TargetID == "" {
		return nil, nil, fmt.Errorf("%w: %s to many without a sender or a target", ErrMissing, m.Type)
	}
	b, err := EncodeWithin(m, maxFrame)
	if err != nil {
		return nil, nil, err
	}
	// The map's keys stand in the order of frame's fields: the target is the third.
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

// AppendTarget appends a peer's name, of at most MaxID bytes, as it stands in a frame.
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
