package wsframe

import (
	"slices"
	"sync"
)

// maxStored is how many bytes a stored deflate block may have, RFC 1951, section 3.2.4.
const maxStored = 1<<16 - 1

// MaxCopied is how many bytes of a message's shared part are copied into each peer's
// frame, rather than written as a part of their own.
const MaxCopied = 4 << 10

// Shared is a binary message that goes to many peers, each of whom gets a part of its
// own in it:
//
//	head | the peer's part | tail
//
// Head and tail are encoded and compressed once. It is safe for concurrent use.
type Shared struct {
	head, tail []byte
	compress   bool

	once     sync.Once
	deflated []byte // tail as deflate blocks; nil if that is not smaller
}

// NewShared returns a message of these parts, which must not be changed any more.
// Compress says whether the tail is worth compressing for peers that agreed on it.
func NewShared(head, tail []byte, compress bool) *Shared {
	return &Shared{head: head, tail: tail, compress: compress}
}

// Len returns how many bytes of memory the parts take, before they are compressed.
func (m *Shared) Len() int { return len(m.head) + len(m.tail) }

// Frame appends the frame to a peer to buf, and returns it in two parts that are to be
// written one after the other. The second is shared between peers, and nil if the first
// is all. Own is the peer's part, and deflate says that the peer agreed on compression.
func (m *Shared) Frame(buf, own []byte, deflated bool) (first, second []byte) {
	prefix, tail := len(m.head)+len(own), m.tail
	// What is longer than a length of 7 bits says takes up to 8 more bytes.
	buf = slices.Grow(buf, 16+prefix+min(len(tail), MaxCopied))
	if deflated && m.compress && prefix <= maxStored {
		m.once.Do(func() { m.deflated = deflate(m.tail) })
	} else {
		deflated = false
	}
	if deflated && m.deflated != nil {
		// The peer's part goes first, in a block that is stored and so refers to nothing,
		// and nothing to it: 00 | length | its complement | bytes, RFC 1951, section 3.2.4.
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
