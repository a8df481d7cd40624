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
	Deflated bool // the message is compressed; set on its first frame only
	Length   int64
}

// Reader reads a client's frames. For each frame, call Next, and then Read until io.EOF, or for a
// control frame ReadControl. Reader is not safe for concurrent use.
type Reader struct {
	in        *bufio.Reader
	deflate   bool
	inMessage bool // the final frame of the current message has not come yet

	left   int64 // unread bytes of the current frame's payload
	mask   [maskLen]byte
	maskAt int // index in mask for the next byte of the payload
}

// NewReader returns a Reader of the frames that a client sends after the handshake. deflate says whether
// the handshake agreed on compression.
func NewReader(r io.Reader, deflate bool) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, readBuffer), deflate: deflate}
}

// Buffered returns how many bytes can be read without reading from the connection.
func (r *Reader) Buffered() int { return r.in.Buffered() }

// Peek waits for the first byte of the next frame and returns its opcode. It may be called any number of
// times before Next.
func (r *Reader) Peek() (Op, error) {
	b, err := r.in.Peek(1)
	if err != nil {
		return 0, err
	}
	return Op(b[0] & bitsOp), nil
}

// Next reads the header of the next frame. The payload of the previous frame must have been read to its
// end. A *Violation is returned for a frame that the protocol does not allow. After any error, nothing
// more can be read.
//
// A length in more bytes than necessary is accepted, as by other servers.
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

// check returns a *Violation if the protocol does not allow the header. length is the 7-bit length of
// the header's second byte.
func (r *Reader) check(h Header, reserved, masked bool, length uint64) error {
	switch control, first := h.Op.Control(), h.Op != Continuation; {
	case reserved, h.Deflated && (control || !first || !r.deflate):
		return violation("a frame has a reserved bit set")
	case !masked:
		return violation("a frame has no mask")
	case control && h.Op > Pong, !control && h.Op > Binary:
		return violation("a frame has the unknown opcode %d", h.Op)
	case control && (!h.Final || length > MaxControl):
		return violation("a control frame is fragmented or has more than %d bytes", MaxControl)
	case h.Op == Text:
		return &Violation{CodeUnsupported, "not a binary frame"}
	case !control && first == r.inMessage:
		return violation("a frame is out of order")
	}
	return nil
}

// Read reads a part of the current frame's payload and unmasks it. It returns io.EOF at the end of the
// payload, and io.ErrUnexpectedEOF if the connection ends before that.
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

// ReadControl reads the whole payload of the current frame, which must be a control frame.
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

// unmask removes the mask from b. at is the index in mask for the first byte of b; the result is the
// index for the byte after b.
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
