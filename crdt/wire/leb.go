package wire

import "unicode/utf8"

// reader reads bytes from an untrusted peer. base is the offset of b[0] in the bytes
// given to the package, for errors.
type reader struct {
	b    []byte
	pos  int
	base int
}

func (r *reader) left() int { return len(r.b) - r.pos }

func (r *reader) fail(err error, where string) error {
	return fail(err, where, r.base+r.pos)
}

// uleb reads an unsigned LEB128 integer: 7 bits a byte, low group first, bit 7 =
// more follow. At most 10 bytes, 64 bits, and only the shortest form.
func (r *reader) uleb(where string) (uint64, error) {
	v, n := uleb(r.b[r.pos:])
	if n <= 0 {
		return 0, r.lebError(n, where)
	}
	r.pos += n
	return v, nil
}

// sleb reads a signed LEB128 integer, which is two's complement with bit 6 of
// the last byte as its sign, under the same bounds.
func (r *reader) sleb(where string) (int64, error) {
	v, n := sleb(r.b[r.pos:])
	if n <= 0 {
		return 0, r.lebError(n, where)
	}
	r.pos += n
	return v, nil
}

func (r *reader) lebError(n int, where string) error {
	if n == 0 {
		return r.fail(ErrTruncated, where)
	}
	return r.fail(ErrOverlong, where)
}

// count reads the length of a list whose elements take at least size bytes, so
// that nothing is allocated for elements that are not there.
func (r *reader) count(size int, where string) (int, error) {
	at := r.pos
	n, err := r.uleb(where)
	if err != nil {
		return 0, err
	}
	if n > uint64(r.left()/size) {
		return 0, fail(ErrCount, where, r.base+at)
	}
	return int(n), nil
}

// bytes reads uLEB length + that many bytes, without copying.
func (r *reader) bytes(where string) ([]byte, error) {
	n, err := r.uleb(where)
	if err != nil {
		return nil, err
	}
	if n > uint64(r.left()) {
		return nil, r.fail(ErrTruncated, where)
	}
	b := r.b[r.pos : r.pos+int(n) : r.pos+int(n)]
	r.pos += int(n)
	return b, nil
}

// text reads bytes that are UTF-8, without copying.
func (r *reader) text(where string) ([]byte, error) {
	at := r.pos
	b, err := r.bytes(where)
	if err == nil && !utf8.Valid(b) {
		err = fail(ErrNotUTF8, where, r.base+at)
	}
	return b, err
}

// hashes reads a list of at most max hashes. If strict is set, the list must ascend
// without repeats.
func (r *reader) hashes(max int, strict bool, where string) ([]Hash, error) {
	at := r.pos
	n, err := r.count(len(Hash{}), where)
	if err != nil {
		return nil, err
	}
	if n > max {
		return nil, fail(ErrTooManyHashes, where, r.base+at)
	}
	if n == 0 {
		return nil, nil
	}
	hs := make([]Hash, n)
	for i := range hs {
		copy(hs[i][:], r.b[r.pos:])
		if strict && i > 0 && string(hs[i-1][:]) >= string(hs[i][:]) {
			return nil, r.fail(ErrOrder, where)
		}
		r.pos += len(Hash{})
	}
	return hs, nil
}

// uleb returns the integer at the start of b and its length: 0 if b ends too
// early, -1 if it is overlong.
func uleb(b []byte) (uint64, int) {
	var v uint64
	for i, c := range b {
		if i == 9 && c > 1 {
			return 0, -1
		}
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if c == 0 && i > 0 {
				return 0, -1
			}
			return v, i + 1
		}
	}
	return 0, 0
}

// sleb is like uleb, for signed integers.
func sleb(b []byte) (int64, int) {
	var v int64
	for i, c := range b {
		if i == 9 && c != 0 && c != 0x7f {
			return 0, -1
		}
		v |= int64(c&0x7f) << (7 * i)
		if c < 0x80 {
			if i > 0 {
				// The last group must not only repeat the sign.
				sign := b[i-1] & 0x40
				if c == 0 && sign == 0 || c == 0x7f && sign != 0 {
					return 0, -1
				}
			}
			if i < 9 && c&0x40 != 0 {
				v |= -1 << (7 * (i + 1))
			}
			return v, i + 1
		}
	}
	return 0, 0
}

func appendUleb(b []byte, v uint64) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendSleb(b []byte, v int64) []byte {
	for v < -0x40 || v > 0x3f {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v)&0x7f)
}

func appendBytes[T ~string | ~[]byte](b []byte, s T) []byte {
	return append(appendUleb(b, uint64(len(s))), s...)
}

func appendHashes(b []byte, hs []Hash) []byte {
	b = appendUleb(b, uint64(len(hs)))
	for i := range hs {
		b = append(b, hs[i][:]...)
	}
	return b
}
