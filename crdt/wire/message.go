package wire

import "bytes"

// messageV1 is the first byte of a sync message.
const messageV1 = 0x42

// Have says what a peer has: all changes up to LastSync, and those later ones that
// match Filter.
type Have struct {
	LastSync []Hash
	Filter   Filter
}

// Message is a sync message of version 1:
//
//	42 | heads | need | have | changes | trailing
//
//	heads, need   uLEB count, hashes
//	have          uLEB count, each: lastSync (uLEB count, hashes), filter (bytes)
//	changes       uLEB count, each: bytes = one type-1 change chunk
//	trailing      all that is left; 3.x writes uLEB length + capability bytes
//
// Writers sort the hashes; the order received is kept and never relied upon.
type Message struct {
	Heads, Need []Hash
	Have        []Have
	Changes     [][]byte // type-1 chunks; as received, so DecodeChange must see them
	Trailing    []byte   // nil in everything we send: any bytes make JS 3.x answer in version 2
}

// DecodeMessage reads a message. Its Changes alias b and are not decoded, so that one
// bad change does not affect the others; call DecodeChange for each. Everything else is
// copied.
//
// It returns ErrVersion when b is not a message of version 1, ErrTooLarge when b
// exceeds the 64 MiB that the largest frame may have, ErrTooManyHashes, ErrCount
// or ErrTrailing when a list exceeds its bound (MaxHashes, MaxHave,
// MaxMessageChanges, MaxTrailing) or the bytes, ErrFilter for a filter whose
// numbers do not fit, and ErrTruncated or ErrOverlong.
func DecodeMessage(b []byte) (*Message, error) {
	if len(b) > maxAnyMessage {
		return nil, fail(ErrTooLarge, "message", -1)
	}
	if len(b) == 0 {
		return nil, fail(ErrTruncated, "message", 0)
	}
	if b[0] != messageV1 {
		return nil, fail(ErrVersion, "message", 0)
	}
	r := reader{b: b, pos: 1}
	m := new(Message)
	var err error
	if m.Heads, err = r.hashes(MaxHashes, false, "heads"); err != nil {
		return nil, err
	}
	if m.Need, err = r.hashes(MaxHashes, false, "need"); err != nil {
		return nil, err
	}
	if m.Have, err = r.have(); err != nil {
		return nil, err
	}
	// No chunk is shorter than its header, so few bytes cannot claim many.
	at := r.pos
	n, err := r.count(1+minChunk, "changes")
	if err != nil {
		return nil, err
	}
	if n > MaxMessageChanges {
		return nil, fail(ErrCount, "changes", at)
	}
	if n > 0 {
		m.Changes = make([][]byte, n)
	}
	for i := range m.Changes {
		if m.Changes[i], err = r.bytes("changes"); err != nil {
			return nil, err
		}
	}
	if r.left() > MaxTrailing {
		return nil, r.fail(ErrTrailing, "trailing")
	}
	if r.left() > 0 {
		m.Trailing = bytes.Clone(b[r.pos:])
	}
	return m, nil
}

// maxAnyMessage is the frame limit of relays that carry any document.
const maxAnyMessage = 64 << 20

func (r *reader) have() ([]Have, error) {
	at := r.pos
	n, err := r.count(2, "have")
	if err != nil {
		return nil, err
	}
	if n > MaxHave {
		return nil, fail(ErrCount, "have", at)
	}
	if n == 0 {
		return nil, nil
	}
	have := make([]Have, n)
	for i := range have {
		if have[i].LastSync, err = r.hashes(MaxHashes, false, "lastSync"); err != nil {
			return nil, err
		}
		b, err := r.bytes("filter")
		if err != nil {
			return nil, err
		}
		if have[i].Filter, err = decodeFilter(b, r.base+r.pos-len(b)); err != nil {
			return nil, err
		}
	}
	return have, nil
}

// Encode returns the message's bytes. It checks and sorts nothing.
func (m *Message) Encode() []byte {
	size := 64 + len(Hash{})*(len(m.Heads)+len(m.Need)) + len(m.Trailing)
	for i := range m.Have {
		size += 32 + len(Hash{})*len(m.Have[i].LastSync) + len(m.Have[i].Filter.Bits)
	}
	for _, c := range m.Changes {
		size += 4 + len(c)
	}
	b := append(make([]byte, 0, size), messageV1)
	b = appendHashes(b, m.Heads)
	b = appendHashes(b, m.Need)
	b = appendUleb(b, uint64(len(m.Have)))
	for i := range m.Have {
		b = appendHashes(b, m.Have[i].LastSync)
		b = m.Have[i].Filter.append(b)
	}
	b = appendUleb(b, uint64(len(m.Changes)))
	for _, c := range m.Changes {
		b = appendBytes(b, c)
	}
	return append(b, m.Trailing...)
}
