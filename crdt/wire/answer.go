package wire

// ReadAnswer reads the message by which a peer says that it is up to date: heads, no
// need, one have entry with an empty filter, and no changes:
//
//	42 | heads | 00 | 01 | lastSync | 00 | 00 | trailing
//
// It returns the two lists as they are in b, 32 bytes a hash, and allocates nothing. ok
// is false for any other message and for a damaged one; call DecodeMessage then. The
// first byte is not checked: versions 1 and 2 differ only in how they write changes.
func ReadAnswer(b []byte) (heads, lastSync []byte, ok bool) {
	if len(b) > maxAnyMessage || len(b) == 0 {
		return nil, nil, false
	}
	r := reader{b: b, pos: 1}
	if heads, ok = r.rawHashes(); !ok {
		return nil, nil, false
	}
	if need, ok := r.rawHashes(); !ok || len(need) > 0 {
		return nil, nil, false
	}
	if r.left() < 1 || r.b[r.pos] != 1 {
		return nil, nil, false
	}
	r.pos++
	if lastSync, ok = r.rawHashes(); !ok {
		return nil, nil, false
	}
	rest := r.b[r.pos:]
	if len(rest) < 2 || rest[0] != 0 || rest[1] != 0 || len(rest)-2 > MaxTrailing {
		return nil, nil, false
	}
	return heads, lastSync, true
}

// rawHashes skips a list of hashes and returns its bytes. ok is false when the list is
// malformed.
func (r *reader) rawHashes() ([]byte, bool) {
	n, k := uleb(r.b[r.pos:])
	if k <= 0 || n > MaxHashes || n*uint64(len(Hash{})) > uint64(r.left()-k) {
		return nil, false
	}
	start := r.pos + k
	r.pos = start + int(n)*len(Hash{})
	return r.b[start:r.pos], true
}
