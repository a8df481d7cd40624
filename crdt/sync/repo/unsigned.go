package repo

import "unicode/utf8"

// UnsignedSync is the envelope of a sync message without signatures. It shares the memory of
// its frame.
type UnsignedSync struct {
	SenderID, TargetID, DocumentID, Data []byte
}

// ReadUnsignedSync reads a sync message without signatures, in the layout that clients write,
// without allocating memory. If it returns true, Decode would return the same message. If it
// returns false, the frame is another message or damaged; call Decode.
func ReadUnsignedSync(b []byte) (g UnsignedSync, ok bool) {
	r := cborReader{b}
	pairs, ok := r.head(5)
	if !ok || pairs > 5 {
		return g, false
	}
	var kind []byte
	for range pairs {
		key, ok := r.text()
		if !ok {
			return g, false
		}
		var into *[]byte
		switch string(key) {
		case "type":
			into = &kind
		case "senderId":
			into = &g.SenderID
		case "targetId":
			into = &g.TargetID
		case "documentId":
			into = &g.DocumentID
		case "data":
			into = &g.Data
		default:
			return g, false
		}
		if *into != nil {
			return g, false // a repeated key, which is an error
		}
		var value []byte
		if into == &g.Data {
			if len(r.b) > 2 && r.b[0] == 0xd8 && r.b[1] == 64 { // a Uint8Array, RFC 8746
				r.b = r.b[2:]
			}
			value, ok = r.bytes()
		} else {
			value, ok = r.text()
			ok = ok && len(value) <= MaxID
		}
		if !ok || len(value) == 0 {
			return g, false
		}
		*into = value
	}
	ok = len(r.b) == 0 && string(kind) == TypeSync && g.SenderID != nil && g.DocumentID != nil && g.Data != nil
	return g, ok
}

// cborReader reads the kinds of CBOR items (RFC 8949) that ReadUnsignedSync needs.
type cborReader struct{ b []byte }

// head reads the head of an item of the major type and of definite length. It returns the
// item's length or count.
func (r *cborReader) head(major byte) (n int, ok bool) {
	if len(r.b) == 0 || r.b[0]>>5 != major {
		return 0, false
	}
	size := 0
	switch info := r.b[0] & 31; {
	case info < 24:
		n = int(info)
	case info <= 26:
		size = 1 << (info - 24)
	default:
		return 0, false
	}
	if len(r.b) < 1+size {
		return 0, false
	}
	for _, c := range r.b[1 : 1+size] {
		n = n<<8 | int(c)
	}
	r.b = r.b[1+size:]
	return n, true
}

func (r *cborReader) bytes() ([]byte, bool) { return r.string(2) }

func (r *cborReader) text() ([]byte, bool) {
	b, ok := r.string(3)
	return b, ok && utf8.Valid(b)
}

func (r *cborReader) string(major byte) ([]byte, bool) {
	n, ok := r.head(major)
	if !ok || n < 0 || n > len(r.b) {
		return nil, false
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return s, true
}
