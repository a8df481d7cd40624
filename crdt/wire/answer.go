package wire

// ReadAnswer reads a message that has nothing but heads and what is shared, which is
// how a peer answers when it has got what it lacked:
//
//	42 | heads | 00 | 01 | lastSync | 00 | 00 | trailing
//
// that is no need, one have entry with an empty filter, and no changes. The lists are
// returned as they are in b, 32 bytes a hash, and nothing is allocated. False means
// that b is something else, or damaged, for DecodeMessage to say. The first byte is
// not looked at: versions 1 and 2 differ in changes alone.
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

// rawHashes is hashes without reading them, or a word on what is wrong.
func (r *reader) rawHashes() ([]byte, bool) {
	n, k := uleb(r.b[r.pos:])
	if k <= 0 || n > MaxHashes || n*uint64(len(Hash{})) > uint64(r.left()-k) {
		return nil, false
	}
	start := r.pos + k
	r.pos = start + int(n)*len(Hash{})
	return r.b[start:r.pos], true
}
