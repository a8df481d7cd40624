package repo

import "fmt"

// EncodeForMany encodes a message that goes to many peers, in the parts that their
// frames share:
//
//	head | AppendTarget of the peer's name | tail
//
// m.TargetID is one of them. The errors are those of EncodeWithin; maxFrame is the
// bound, in bytes, for the frame to that peer.
func EncodeForMany(m *Message, maxFrame int) (head, tail []byte, err error) {
	b, err := EncodeWithin(m, maxFrame)
	if err != nil {
		return nil, nil, err
	}
	// The map's keys stand in the order of frame's fields, so what comes before the
	// target is text.
	r := cborReader{b}
	if pairs, ok := r.head(5); ok {
		for range pairs {
			key, ok := r.text()
			if !ok {
				break
			}
			at := len(b) - len(r.b)
			if _, ok := r.text(); !ok {
				break
			}
			if string(key) == "targetId" {
				return b[:at:at], r.b, nil
			}
		}
	}
	return nil, nil, fmt.Errorf("%w: no target in a message of type %q", ErrMissing, m.Type)
}

// AppendTarget appends a peer's name, of at most MaxID bytes, as it stands in a frame.
func AppendTarget(b []byte, name string) []byte {
	switch n := len(name); {
	case n < 24:
		b = append(b, 0x60|byte(n))
	case n < 1<<8:
		b = append(b, 0x78, byte(n))
	default:
		b = append(b, 0x79, byte(n>>8), byte(n))
	}
	return append(b, name...)
}
