package relay

import (
	"errors"
	"slices"
	"sync"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
)

const (
	// minWhole is the number of changes at which a client with an empty document gets a
	// document chunk.
	minWhole = 64
	// maxWholeOps is the most operations of a document chunk: encoding takes about 300
	// bytes for each. One is encoded at a time.
	maxWholeOps = 1 << 19
	// maxWholeText is the most bytes of text in a document chunk, without run-length
	// encoding, and the most bytes of the changes that it is made of.
	maxWholeText = 128 << 20
	// maxWholeBytes is how many bytes of document chunks are cached.
	maxWholeBytes = 32 << 20
)

// errNoWhole is returned by nextMessage when a document chunk has to be made first.
var errNoWhole = errors.New("relay: the whole document is to be made first")

var errTooLargeForOne = errors.New("relay: the document is too large for one message")

// whole is a document chunk of a document's first changes. It may be older than the
// document: later changes are sent after it.
type whole struct {
	graph   *graph.Graph // the graph whose first changes these are
	changes int
	chunk   []byte // nil: this document has no chunk, because encoding failed or exceeded a limit
}

// wholes caches document chunks, up to a number of bytes; the oldest is dropped first.
// It is safe for concurrent use.
type wholes struct {
	making *fairLimiter // one chunk is made at a time, by turns between addresses

	mu    sync.Mutex
	made  int // chunks made since the relay started
	known map[*document]*whole
	order []*document // oldest first
	bytes int
}

func (w *wholes) get(d *document) *whole {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.known[d]
}

func (w *wholes) put(d *document, x *whole) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove(d)
	if w.known == nil {
		w.known = map[*document]*whole{}
	}
	w.known[d] = x
	w.made++
	w.order = append(w.order, d)
	w.bytes += len(x.chunk)
	for len(w.order) > 1 && w.bytes > maxWholeBytes {
		w.remove(w.order[0])
	}
}

// drop removes a document's chunk.
func (w *wholes) drop(d *document) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove(d)
}

func (w *wholes) remove(d *document) {
	if x, ok := w.known[d]; ok {
		w.bytes -= len(x.chunk)
		delete(w.known, d)
		w.order = slices.DeleteFunc(w.order, func(o *document) bool { return o == d })
	}
}

// wantsWhole reports whether the member should be sent a document chunk. d.mu is held.
func (d *document) wantsWhole(m *member) bool {
	return m.acceptsWhole && !m.skipWhole && d.graphFor(m).Len() >= minWhole && m.peer.HasNothing()
}

// wholeFor returns the document's cached chunk, or the chunk made for the member, which
// others may have pushed out of the cache; nil if there is none or it is much older
// than the document. d.mu is held.
func (d *document) wholeFor(m *member) *whole {
	w := d.relay.wholes.get(d)
	if w == nil {
		w = m.whole
	}
	if g := d.graphFor(m); w == nil || w.graph != g || g.Len() > w.changes+w.changes/4 {
		return nil
	}
	return w
}

// makeWhole makes the document's chunk for a session's peer. It takes about 30 µs a
// change, and runs concurrently with everything except other chunks. It is charged to
// the address, because a peer can cause it again and again by requesting many documents
// in turn: beyond its quota, the address's clients get single changes.
func (d *document) makeWhole(s *session) {
	mine := d.relay.wholes.making.acquire(s.lane(wholeLane), s.suspect.Load(), s.quit)
	if mine {
		defer d.relay.wholes.making.release(s.lane(wholeLane))
	}
	d.mu.Lock()
	m := d.members[s]
	if m == nil || d.broken || d.wholeFor(m) != nil { // another session made it while this one waited
		d.mu.Unlock()
		return
	}
	if !mine || !s.account.quota().MayMakeWhole(d.relay.cfg.Now()) {
		m.skipWhole = true
		d.mu.Unlock()
		return
	}
	g := d.graphFor(m)
	w := &whole{graph: g, changes: g.Len()}
	hashes, heads := slices.Collect(g.Order()), g.Heads()
	d.mu.Unlock()

	chunk, size, err := d.encodeWhole(hashes, heads)
	s.account.quota().ChargeWhole(float64(len(hashes))*costWholeChange + float64(size)/1024*costWholeKiB)
	if err != nil {
		// The document has no valid chunk, or exceeds a limit: send the changes one by one.
		d.relay.log.Info("no whole document can be made", "document", d.event, "changes", len(hashes), "err", err)
	}
	w.chunk = chunk
	d.relay.wholes.put(d, w)
	d.mu.Lock()
	defer d.mu.Unlock()
	if m := d.members[s]; m != nil {
		m.whole = w
	}
}

// encodeWhole returns the changes as one document chunk, and how many bytes of changes
// were read.
func (d *document) encodeWhole(hashes, heads []wire.Hash) (chunk []byte, size int, err error) {
	changes := make([]*wire.Change, 0, len(hashes))
	ops := 0
	for _, h := range hashes {
		s, err := d.storedChange(h)
		if err != nil {
			return nil, size, err
		}
		if size += len(s.bytes); size > maxWholeText {
			return nil, size, errTooLargeForOne
		}
		c, err := wire.DecodeChangeLimits(s.bytes, wire.OpenLimits)
		if err != nil {
			return nil, size, err
		}
		changes = append(changes, c)
		if ops += len(c.Ops); ops > maxWholeOps {
			return nil, size, errTooLargeForOne
		}
	}
	chunk, err = wire.EncodeDocument(changes, heads, maxWholeText)
	if err == nil && len(chunk) > d.relay.limits.Frame {
		return nil, size, errTooLargeForOne
	}
	return chunk, size, err
}
