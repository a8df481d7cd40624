package wire

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"errors"
	"io"
	"sync"
)

// A chunk is
//
//	85 6f 4a 83 | checksum 4 | type 1 | length uLEB | body (length bytes)
//
// The hash is the SHA-256 of all that follows the checksum, the checksum is the
// hash's first 4 bytes. The checksum of a deflated change is that of the type-1
// chunk it inflates to.
const (
	chunkDocument = 0
	chunkChange   = 1
	chunkDeflated = 2
	chunkBundle   = 3

	chunkTypeAt = 8  // where the type byte is, and the hashed part begins
	minChunk    = 10 // length of the header when the body is empty
)

var magic = [4]byte{0x85, 0x6f, 0x4a, 0x83}

// chunk is one framed chunk, not yet checked.
type chunk struct {
	kind byte
	all  []byte // from the magic to the end of the body
	body []byte
}

// bodyAt returns the offset of the body.
func (c chunk) bodyAt() int { return len(c.all) - len(c.body) }

// chunk reads one chunk's frame.
func (r *reader) chunk() (chunk, error) {
	start := r.pos
	if r.left() < minChunk {
		return chunk{}, r.fail(ErrTruncated, "chunk header")
	}
	if [4]byte(r.b[start:]) != magic {
		return chunk{}, r.fail(ErrMagic, "chunk header")
	}
	kind := r.b[start+chunkTypeAt]
	r.pos += chunkTypeAt + 1
	body, err := r.bytes("chunk length")
	if err != nil {
		return chunk{}, err
	}
	return chunk{kind: kind, all: r.b[start:r.pos:r.pos], body: body}, nil
}

// oneChunk reads the frame of a chunk and refuses bytes after it.
func oneChunk(b []byte) (chunk, error) {
	r := reader{b: b}
	c, err := r.chunk()
	if err == nil && r.left() > 0 {
		err = r.fail(ErrTrailing, "chunk")
	}
	return c, err
}

// Chunk is the type-1 chunk of a change together with its hash. Only this package makes
// Chunks, from bytes that it has hashed, so nobody needs to hash them again. Nobody may modify
// the bytes. The zero Chunk is no change.
type Chunk struct {
	hash   Hash
	b      []byte
	bodyAt int
}

// hashed returns a type-1 chunk whose checksum is right.
func (c chunk) hashed() (Chunk, error) {
	h := Hash(sha256.Sum256(c.all[chunkTypeAt:]))
	if [4]byte(h[:]) != [4]byte(c.all[len(magic):]) {
		return Chunk{}, fail(ErrChecksum, "chunk header", len(magic))
	}
	return Chunk{h, c.all, c.bodyAt()}, nil
}

// ReadChunk reads a type-1 chunk without decoding it. It returns ErrChunkType for another
// type, ErrChecksum when the checksum does not match, ErrTrailing when more bytes follow, and
// the errors of SplitChunks. The Chunk aliases b.
func ReadChunk(b []byte) (Chunk, error) {
	c, err := oneChunk(b)
	if err != nil {
		return Chunk{}, err
	}
	if c.kind != chunkChange {
		return Chunk{}, fail(ErrChunkType, "chunk header", chunkTypeAt)
	}
	return c.hashed()
}

// ReadChunkLimits is ReadChunk with a bound: a chunk larger than lim.Inflated is ErrTooLarge and
// is not hashed.
func ReadChunkLimits(b []byte, lim Limits) (Chunk, error) {
	if IsDeflated(b) {
		return Chunk{}, fail(ErrChunkType, "chunk header", chunkTypeAt)
	}
	return openChange(b, lim)
}

// Hash returns the hash of the change.
func (c Chunk) Hash() Hash { return c.hash }

// Bytes returns the whole chunk. Do not modify it.
func (c Chunk) Bytes() []byte { return c.b }

// IsZero reports whether c is the zero Chunk.
func (c Chunk) IsZero() bool { return c.b == nil }

// Clone returns a Chunk with a copy of the bytes.
func (c Chunk) Clone() Chunk {
	c.b = bytes.Clone(c.b)
	return c
}

// SplitChunks splits concatenated chunks of any type. The parts alias b. It reads only
// the frames, and checks neither checksums nor bodies. It returns
// ErrMagic, ErrTruncated or ErrOverlong, and no chunks, when a frame is damaged.
func SplitChunks(b []byte) ([][]byte, error) {
	var chunks [][]byte
	r := reader{b: b}
	for r.left() > 0 {
		c, err := r.chunk()
		if err != nil {
			return nil, err
		}
		chunks = append(chunks, c.all)
	}
	return chunks, nil
}

// ReadHash returns the hash of a type-1 chunk. Its errors are those of ReadChunk.
func ReadHash(chunk []byte) (Hash, error) {
	c, err := ReadChunk(chunk)
	return c.hash, err
}

// IsDeflated reports whether b begins like a deflated change.
func IsDeflated(b []byte) bool {
	return len(b) > chunkTypeAt && [4]byte(b) == magic && b[chunkTypeAt] == chunkDeflated
}

// MaxInflatedSize returns an upper bound for the size, in bytes, to which n bytes of a
// deflate stream can inflate.
func MaxInflatedSize(n int) int { return n * maxRatio }

// maxRatio is the highest compression ratio of DEFLATE: 258 bytes in two bits.
const maxRatio = 1032

// Inflate returns the type-1 chunk, of at most limit bytes, to which a deflated change
// inflates. It checks the frame and the checksum and nothing else. It returns
// ErrTooLarge for a larger chunk and never inflates more than limit bytes; ErrDeflate,
// ErrTruncated or ErrTrailing for a damaged stream; ErrChecksum; ErrChunkType for
// another chunk; and the errors of SplitChunks.
func Inflate(b []byte, limit int) ([]byte, error) {
	c, err := oneChunk(b)
	if err != nil {
		return nil, err
	}
	if c.kind != chunkDeflated {
		return nil, fail(ErrChunkType, "chunk header", chunkTypeAt)
	}
	plain, err := inflate(c, max(0, limit-minChunk))
	if err != nil {
		return nil, err
	}
	if len(plain.b) > limit {
		return nil, fail(ErrTooLarge, "deflated change", -1)
	}
	return plain.b, nil
}

// frameChange puts a type-1 header before a body.
func frameChange(body []byte) Chunk {
	b, h := frameChunk(chunkChange, body)
	return Chunk{h, b, len(b) - len(body)}
}

// frameChunk puts a header before a body.
func frameChunk(kind byte, body []byte) ([]byte, Hash) {
	b := make([]byte, chunkTypeAt, minChunk+9+len(body))
	copy(b, magic[:])
	b = append(b, kind)
	b = appendBytes(b, body)
	h := Hash(sha256.Sum256(b[chunkTypeAt:]))
	copy(b[len(magic):], h[:4])
	return b, h
}

type inflater struct {
	in  bytes.Reader
	out io.ReadCloser
}

var inflaters = sync.Pool{New: func() any {
	f := new(inflater)
	f.out = flate.NewReader(&f.in)
	return f
}}

// inflate turns a deflated change into the type-1 chunk it stands for, whose
// body may have at most max bytes.
func inflate(c chunk, max int) (Chunk, error) {
	body, err := inflateBody(c, max)
	if err != nil {
		return Chunk{}, err
	}
	plain := frameChange(body)
	if [4]byte(plain.hash[:]) != [4]byte(c.all[len(magic):]) {
		return Chunk{}, fail(ErrChecksum, "chunk header", len(magic))
	}
	return plain, nil
}

// inflateBody produces at most max+1 bytes, because DEFLATE can expand a byte a
// thousandfold. It inflates twice: first to count the bytes, then into a buffer of that
// size. A growing buffer would need several times the memory.
func inflateBody(c chunk, max int) ([]byte, error) {
	const where = "deflated change"
	f := inflaters.Get().(*inflater)
	defer func() {
		f.in.Reset(nil)
		inflaters.Put(f)
	}()
	begin := func() error {
		f.in.Reset(c.body)
		return f.out.(flate.Resetter).Reset(&f.in, nil)
	}
	if begin() != nil {
		return nil, fail(ErrDeflate, where, c.bodyAt())
	}
	n, err := io.Copy(io.Discard, io.LimitReader(f.out, int64(max)+1))
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fail(ErrTruncated, where, len(c.all))
	case err != nil:
		return nil, fail(ErrDeflate, where, c.bodyAt())
	case n > int64(max):
		return nil, fail(ErrTooLarge, where, c.bodyAt())
	case f.in.Len() > 0:
		// bytes.Reader is a ByteReader, so flate has not read past the stream.
		return nil, fail(ErrTrailing, where, len(c.all)-f.in.Len())
	}
	body := make([]byte, n)
	if begin() != nil {
		return nil, fail(ErrDeflate, where, c.bodyAt())
	}
	if _, err := io.ReadFull(f.out, body); err != nil {
		return nil, fail(ErrDeflate, where, c.bodyAt())
	}
	return body, nil
}
