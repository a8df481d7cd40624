package wsframe

import (
	"slices"
	"sync"
)

// maxStored is the maximum number of bytes in a stored deflate block, RFC 1951, section 3.2.4.
const maxStored = 1<<16 - 1

// MaxCopied bounds the tail that Shared.Frame copies into each peer's frame, in bytes. A longer tail is
// shared by all peers and written separately.
const MaxCopied = 4 << 10

// Shared is a binary message for many peers. It contains a part that differs from peer to peer:
//
//	head | the peer's part | tail
//
// head and tail are encoded once, and tail is compressed once. Shared is safe for concurrent use.
type Shared struct {
	head, tail []byte
	compress   bool

	once     sync.Once
	deflated []byte // tail as deflate blocks; nil if that is not smaller
}

// NewShared returns a message with this head and tail, which must not be modified afterwards. compress
// says whether the tail is worth compressing for the peers that agreed on compression.
func NewShared(head, tail []byte, compress bool) *Shared {
	return &Shared{head: head, tail: tail, compress: compress}
}

// Len returns the length of head and tail in bytes, uncompressed.
func (m *Shared) Len() int { return len(m.head) + len(m.tail) }

// Frame appends a peer's frame to buf. It returns the frame in two parts, which the caller writes one
// after the other. second is shared by all peers, and nil if first is the whole frame. own is the peer's
// part. deflated says whether the peer agreed on compression.
func (m *Shared) Frame(buf, own []byte, deflated bool) (first, second []byte) {
	prefix, tail := len(m.head)+len(own), m.tail
	// 16 bytes are enough for the header and the stored block's header.
	buf = slices.Grow(buf, 16+prefix+min(len(tail), MaxCopied))
	if deflated && m.compress && prefix <= maxStored {
		m.once.Do(func() { m.deflated = deflate(m.tail) })
	} else {
		deflated = false
	}
	if deflated && m.deflated != nil {
		// Head and the peer's part come first, in a stored block. Such a block is not compressed, and the
		// blocks of the tail do not refer to it: 00 | length | complement of the length | bytes, RFC
		// 1951, section 3.2.4.
		tail = m.deflated
		buf = appendHeader(buf, Binary, true, 5+prefix+len(tail))
		buf = append(buf, 0, byte(prefix), byte(prefix>>8), ^byte(prefix), ^byte(prefix>>8))
	} else {
		buf = appendHeader(buf, Binary, false, prefix+len(tail))
	}
	buf = append(append(buf, m.head...), own...)
	if len(tail) < MaxCopied {
		return append(buf, tail...), nil
	}
	return buf, tail
}
