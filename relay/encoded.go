package relay

import (
	"bytes"
	"slices"
	"sync"

	amsync "flyleaf/crdt/sync"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay/wsframe"
)

const (
	// deflateFrom is the size, in bytes, from which a sync message is compressed
	// for peers that accept compression. Live posts are smaller, first downloads larger.
	deflateFrom = 16 << 10

	maxRecentMessages = 128
	maxRecentBytes    = 12 << 20
)

// encodedMessage is a sync message, encoded once for all peers of a document that need the
// same message. Their frames differ only in the peer's name.
type encodedMessage struct {
	message *amsync.Message
	frame   *wsframe.Shared
}

// encodedMessage encodes a message for all peers that need it, or finds it in the cache. peer
// is one of them; its name is not in the result. documentChunk says that the message's one change is a
// document chunk.
func (d *document) encodedMessage(m *amsync.Message, peer string, documentChunk bool) (*encodedMessage, error) {
	if e := d.relay.recentMessages.get(d.event, m); e != nil {
		return e, nil
	}
	e, err := d.encode(m, peer, documentChunk)
	if err == nil {
		d.relay.recentMessages.put(d.event, e)
	}
	return e, err
}

// encode encodes a message for all peers that need it. See encodedMessage.
func (d *document) encode(m *amsync.Message, peer string, documentChunk bool) (*encodedMessage, error) {
	data := m.Encode()
	if documentChunk {
		data[0] = messageV2
	}
	// Twice the limit for received frames: with its envelope, a change of the largest allowed size
	// exceeds that limit.
	head, tail, err := repo.EncodeForMany(&repo.Message{
		Type: repo.TypeSync, SenderID: d.relay.id, TargetID: peer, DocumentID: string(d.event),
		Data: data, Signatures: repo.JoinSignatures(m.Signatures),
	}, 2*d.relay.limits.Frame)
	if err != nil {
		return nil, err
	}
	compress := !documentChunk && len(tail) >= deflateFrom // document chunks are already compressed
	return &encodedMessage{message: m, frame: wsframe.NewShared(head, tail, compress)}, nil
}

// recentMessages caches encoded messages for other peers that need the same: every
// reader of a post, and those who download an event at the same time. The oldest are
// dropped first.
type recentMessages struct {
	mu    sync.Mutex
	known map[messageKey]*encodedMessage
	order []messageKey // oldest first
	bytes int
}

// messageKey is the key under which a message is cached. Two messages of one key may
// differ; sameMessage compares them. Changes come from the cache, so equal changes
// usually share memory.
type messageKey struct {
	event        qa.EventID
	head, shared wire.Hash
	first        *byte
	changes      int
}

func keyOf(event qa.EventID, m *amsync.Message) (k messageKey, ok bool) {
	if len(m.Changes) == 0 || len(m.Changes[0]) == 0 {
		return k, false
	}
	k = messageKey{event: event, first: &m.Changes[0][0], changes: len(m.Changes)}
	if len(m.Heads) > 0 {
		k.head = m.Heads[0]
	}
	if len(m.Have) > 0 && len(m.Have[0].LastSync) > 0 {
		k.shared = m.Have[0].LastSync[0]
	}
	return k, true
}

// sameMessage reports whether two messages of one document have the same bytes. It may return
// false for equal messages. Changes are compared by their address; one address has one signature,
// because storedChange caches both together.
func sameMessage(a, b *amsync.Message) bool {
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

func (c *recentMessages) get(event qa.EventID, m *amsync.Message) *encodedMessage {
	k, ok := keyOf(event, m)
	if !ok {
		return nil
	}
	c.mu.Lock()
	e := c.known[k]
	c.mu.Unlock()
	if e == nil || !sameMessage(e.message, m) {
		return nil
	}
	return e
}

func (c *recentMessages) put(event qa.EventID, e *encodedMessage) {
	k, ok := keyOf(event, e.message)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.known[k]; ok {
		c.bytes += e.frame.Len() - old.frame.Len()
	} else {
		if c.known == nil {
			c.known = map[messageKey]*encodedMessage{}
		}
		c.order = append(c.order, k)
		c.bytes += e.frame.Len()
	}
	c.known[k] = e
	for len(c.order) > 1 && (len(c.order) > maxRecentMessages || c.bytes > maxRecentBytes) {
		c.bytes -= c.known[c.order[0]].frame.Len()
		delete(c.known, c.order[0])
		c.order = slices.Delete(c.order, 0, 1)
	}
}

// drop clears the cache. It is called when nobody has downloaded anything for a while.
func (c *recentMessages) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.order, c.bytes = nil, nil, 0
}
