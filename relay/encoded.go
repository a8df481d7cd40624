package relay

import (
	"bytes"
	"compress/flate"
	"slices"
	"sync"

	amsync "flyleaf/crdt/sync"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

const (
	// deflateFrom is the size, in bytes, from which a sync message is compressed
	// for peers that take it so: live posts stay below it, first pulls do not.
	deflateFrom = 16 << 10
	// deflateLevel is measured on slices of a pull of posts: level 1 leaves 53.5 %
	// of the bytes at 15 ms a MiB, the best leaves 52.5 % at 26 ms. The rest is
	// hashes, IDs and words.
	deflateLevel = 1

	maxEncodings     = 128
	maxEncodingBytes = 12 << 20
)

// encoded is a sync message as it goes to every peer of a document that is in the
// same state. The frames differ only in the peer's name:
//
//	head | targetId's value | tail
type encoded struct {
	message    *amsync.Message
	head, tail []byte

	packed   bool // what is in it is compressed already
	once     sync.Once
	deflated []byte // tail as deflate blocks; nil if that is not smaller
}

// encoded returns the frame of a message to the peer, made anew or a moment ago.
// whole says that the message's one change is a whole document.
func (d *document) encoded(m *amsync.Message, peer string, whole bool) (*encoded, error) {
	if e := d.relay.encodings.get(d.event, m); e != nil {
		return e, nil
	}
	e, err := d.encode(m, peer, whole)
	if err == nil {
		d.relay.encodings.put(d.event, e)
	}
	return e, err
}

// encode makes the frame of a message to the peer, in its parts.
func (d *document) encode(m *amsync.Message, peer string, whole bool) (*encoded, error) {
	data := m.Encode()
	if whole {
		data[0] = messageV2
	}
	// One change as large as a frame may be, with what goes around it, is more.
	head, tail, err := repo.EncodeForMany(&repo.Message{
		Type: repo.TypeSync, SenderID: d.relay.id, TargetID: peer, DocumentID: string(d.event),
		Data: data, Signatures: repo.JoinSignatures(m.Signatures),
	}, 2*d.relay.limits.Frame)
	if err != nil {
		return nil, err
	}
	return &encoded{message: m, packed: whole, head: head, tail: tail}, nil
}

var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, deflateLevel)
	if err != nil {
		panic(err) // the level is a constant
	}
	return w
}}

// deflate returns the tail as deflate blocks that refer to nothing before them and
// end at a byte, as RFC 7692 wants the end of a message; nil where that saves nothing.
func (e *encoded) deflate() []byte {
	e.once.Do(func() {
		var b bytes.Buffer
		w := deflaters.Get().(*flate.Writer)
		defer deflaters.Put(w)
		w.Reset(&b)
		if _, err := w.Write(e.tail); err != nil {
			return
		}
		if err := w.Flush(); err != nil {
			return
		}
		// What Flush ends with is left out on the wire.
		out, ok := bytes.CutSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
		if ok && len(out) < len(e.tail) {
			e.deflated = bytes.Clone(out)
		}
	})
	return e.deflated
}

// encodings keeps messages that were made a moment ago for the next peer that is
// to get the same: a post goes out to all, and those who join cold get the same
// slices. Made in a moment, they are forgotten in the order they came.
type encodings struct {
	mu    sync.Mutex
	known map[encodingKey]*encoded
	order []encodingKey // oldest first
	bytes int
}

// encodingKey finds a message that may be the same; same decides. Changes come
// from the cache, so the same change is the same memory, mostly.
type encodingKey struct {
	event        qa.EventID
	head, shared wire.Hash
	first        *byte
	changes      int
}

func keyOf(event qa.EventID, m *amsync.Message) (k encodingKey, ok bool) {
	if len(m.Changes) == 0 || len(m.Changes[0]) == 0 {
		return k, false
	}
	k = encodingKey{event: event, first: &m.Changes[0][0], changes: len(m.Changes)}
	if len(m.Heads) > 0 {
		k.head = m.Heads[0]
	}
	if len(m.Have) > 0 && len(m.Have[0].LastSync) > 0 {
		k.shared = m.Have[0].LastSync[0]
	}
	return k, true
}

// same says whether the messages are the same bytes. It may say no of equal ones.
func same(a, b *amsync.Message) bool {
	return slices.Equal(a.Heads, b.Heads) && slices.Equal(a.Need, b.Need) &&
		slices.EqualFunc(a.Have, b.Have, func(a, b wire.Have) bool {
			return slices.Equal(a.LastSync, b.LastSync) && a.Filter.Entries == b.Filter.Entries &&
				a.Filter.BitsPerEntry == b.Filter.BitsPerEntry && a.Filter.Probes == b.Filter.Probes &&
				bytes.Equal(a.Filter.Bits, b.Filter.Bits)
		}) &&
		slices.EqualFunc(a.Changes, b.Changes, func(a, b []byte) bool {
			return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0]
		}) &&
		bytes.Equal(a.Trailing, b.Trailing)
}

func (c *encodings) get(event qa.EventID, m *amsync.Message) *encoded {
	k, ok := keyOf(event, m)
	if !ok {
		return nil
	}
	c.mu.Lock()
	e := c.known[k]
	c.mu.Unlock()
	if e == nil || !same(e.message, m) {
		return nil
	}
	return e
}

func (c *encodings) put(event qa.EventID, e *encoded) {
	k, ok := keyOf(event, e.message)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.known[k]; ok {
		c.bytes += len(e.tail) - len(old.tail)
	} else {
		if c.known == nil {
			c.known = map[encodingKey]*encoded{}
		}
		c.order = append(c.order, k)
		c.bytes += len(e.tail)
	}
	c.known[k] = e
	for len(c.order) > 1 && (len(c.order) > maxEncodings || c.bytes > maxEncodingBytes) {
		c.bytes -= len(c.known[c.order[0]].tail)
		delete(c.known, c.order[0])
		c.order = slices.Delete(c.order, 0, 1)
	}
}

// drop forgets everything, when nobody has pulled anything for a while.
func (c *encodings) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.order, c.bytes = nil, nil, 0
}
