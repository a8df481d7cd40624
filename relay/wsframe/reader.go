package wsframe

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
)

const (
	maskLen    = 4
	readBuffer = 4 << 10 // bytes, for each connection
)

// Header is the header of one frame.
type Header struct {
	Op       Op
	Final    bool // no frame of the same message follows
	Deflated bool // the message is compressed; on its first frame only
	Length   int64
}

// Reader reads a client's frames. Use Peek or Next to get to a frame, then Read or
// ReadControl until its payload is read. It is not safe for concurrent use.
type Reader struct {
	in        *bufio.Reader
	deflate   bool
	inMessage bool // a message was begun and its final frame has not come

	left   int64 // bytes of the current frame's payload that were not read
	mask   [maskLen]byte
	maskAt int // of the mask's bytes, the one for the next byte of the payload
}

// NewReader returns a Reader of what a client sends after the handshake. With deflate,
// compression was agreed on.
func NewReader(r io.Reader, deflate bool) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, readBuffer), deflate: deflate}
}

// Buffered returns how many bytes can be read without reading from the connection.
func (r *Reader) Buffered() int { return r.in.Buffered() }

// Peek waits until the next frame begins and returns what it is. It may be called any
// number of times before Next.
func (r *Reader) Peek() (Op, error) {
	b, err := r.in.Peek(1)
	if err != nil {
		return 0, err
	}
	return Op(b[0] & bitsOp), nil
}

// Next reads the header of the next frame. The payload of the frame before must have
// been read. A *Violation is returned for a frame that the protocol does not allow; then,
// and after an error of the connection, nothing more can be read.
//
// Lengths in more bytes than they need are accepted, as other servers do.
func (r *Reader) Next() (h Header, err error) {
	if r.left > 0 {
		return h, violation("a frame was not read to its end")
	}
	b, err := r.in.Peek(2)
	if err != nil {
		return h, err
	}
	first, second := b[0], b[1]
	h.Op, h.Final, h.Deflated = Op(first&bitsOp), first&bitFinal != 0, first&bitDeflated != 0
	length := uint64(second &^ bitMasked)
	if err := r.check(h, first&bitsUnused != 0, second&bitMasked != 0, length); err != nil {
		return h, err
	}
	n := 2 + maskLen
	switch length {
	case length16:
		n += 2
	case length64:
		n += 8
	}
	if b, err = r.in.Peek(n); err != nil {
		return h, err
	}
	switch length {
	case length16:
		length = uint64(binary.BigEndian.Uint16(b[2:]))
	case length64:
		if length = binary.BigEndian.Uint64(b[2:]); length>>63 != 0 {
			return h, &Violation{CodeTooLarge, "message too large"} // 2^63 bytes or more
		}
	}
	h.Length = int64(length)
	r.left, r.mask, r.maskAt = h.Length, [maskLen]byte(b[n-maskLen:]), 0
	if !h.Op.Control() {
		r.inMessage = !h.Final
	}
	_, err = r.in.Discard(n)
	return h, err
}

// check holds a header against the protocol. Length is that of the second byte.
func (r *Reader) check(h Header, reserved, masked bool, length uint64) error {
	switch control, first := h.Op.Control(), h.Op != Continuation; {
	case reserved, h.Deflated && (control || !first || !r.deflate):
		return violation("a frame with a reserved bit")
	case !masked:
		return violation("a frame without a mask")
	case control && h.Op > Pong, !control && h.Op > Binary:
		return violation("a frame of the unknown kind %d", h.Op)
	case control && (!h.Final || length > MaxControl):
		return violation("a control frame in parts or of more than %d bytes", MaxControl)
	case h.Op == Text:
		return &Violation{CodeUnsupported, "not a binary frame"}
	case !control && first == r.inMessage:
		return violation("a frame out of order")
	}
	return nil
}

// Read reads some of the current frame's payload, without its mask. It returns io.EOF
// at the payload's end, and io.ErrUnexpectedEOF when the connection ends before.
func (r *Reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > r.left {
		p = p[:r.left]
	}
	n, err := r.in.Read(p)
	r.maskAt = unmask(p[:n], r.mask, r.maskAt)
	r.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// ReadControl reads the payload of the current frame, which is a control frame.
func (r *Reader) ReadControl() ([]byte, error) {
	b, err := r.in.Peek(int(r.left)) // at most MaxControl bytes
	if err != nil {
		return nil, err
	}
	b = bytes.Clone(b)
	unmask(b, r.mask, 0)
	_, err = r.in.Discard(len(b))
	r.left = 0
	return b, err
}

// unmask removes the mask from b, whose first byte goes with the mask's byte at that
// place, and returns the place for the byte after it.
func unmask(b []byte, mask [maskLen]byte, at int) int {
	var word [8]byte
	for i := range word {
		word[i] = mask[(at+i)%maskLen]
	}
	at = (at + len(b)) % maskLen
	m := binary.LittleEndian.Uint64(word[:])
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^m)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= word[i]
	}
	return at
}
