package relay

import (
	"errors"
	"slices"
	"sync"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
)

const (
	// minDocumentChunkChanges is the number of changes at which a client with an empty document gets a
	// document chunk.
	minDocumentChunkChanges = 64
	// maxDocumentChunkOps is the most operations of a document chunk: encoding takes about 300
	// bytes for each. One is encoded at a time.
	maxDocumentChunkOps = 1 << 19
	// maxDocumentChunkText is the most bytes of text in a document chunk, without run-length
	// encoding, and the most bytes of the changes that it is made of.
	maxDocumentChunkText = 128 << 20
	// maxDocumentChunkBytes is how many bytes of document chunks are cached.
	maxDocumentChunkBytes = 32 << 20
)

// errNoDocumentChunk is returned by nextMessage when a document chunk has to be made first.
var errNoDocumentChunk = errors.New("relay: the document chunk must be made first")

var errTooLargeForOne = errors.New("relay: the document is too large for one message")

// documentChunk is an Automerge document chunk with a document's first changes. It may be older than the
// document: later changes are sent after it.
type documentChunk struct {
	graph   *graph.Graph // the graph whose first changes these are
	changes int
	chunk   []byte // nil: this document has no chunk, because encoding failed or exceeded a limit
}

// documentChunks caches document chunks, up to a number of bytes; the oldest is dropped first.
// It is safe for concurrent use.
type documentChunks struct {
	making *fairLimiter // one chunk is made at a time, by turns between addresses

	mu    sync.Mutex
	made  int // chunks made since the relay started
	known map[*document]*documentChunk
	order []*document // oldest first
	bytes int
}

func (w *documentChunks) get(d *document) *documentChunk {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.known[d]
}

func (w *documentChunks) put(d *document, x *documentChunk) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove(d)
	if w.known == nil {
		w.known = map[*document]*documentChunk{}
	}
	w.known[d] = x
	w.made++
	w.order = append(w.order, d)
	w.bytes += len(x.chunk)
	for len(w.order) > 1 && w.bytes > maxDocumentChunkBytes {
		w.remove(w.order[0])
	}
}

// drop removes a document's chunk.
func (w *documentChunks) drop(d *document) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove(d)
}

func (w *documentChunks) remove(d *document) {
	if x, ok := w.known[d]; ok {
		w.bytes -= len(x.chunk)
		delete(w.known, d)
		w.order = slices.DeleteFunc(w.order, func(o *document) bool { return o == d })
	}
}

// wantsDocumentChunk reports whether the member should be sent a document chunk. d.mu is held.
func (d *document) wantsDocumentChunk(m *member) bool {
	return m.acceptsDocumentChunk && !m.skipDocumentChunk && d.graphFor(m).Len() >= minDocumentChunkChanges && m.peer.HasNothing()
}

// documentChunkFor returns the document's cached chunk, or the chunk made for the member, which
// others may have pushed out of the cache; nil if there is none or it is much older
// than the document. d.mu is held.
func (d *document) documentChunkFor(m *member) *documentChunk {
	w := d.relay.documentChunks.get(d)
	if w == nil {
		w = m.documentChunk
	}
	if g := d.graphFor(m); w == nil || w.graph != g || g.Len() > w.changes+w.changes/4 {
		return nil
	}
	return w
}

// makeDocumentChunk makes the document's chunk for a session's peer. It takes about 30 µs a
// change, and runs concurrently with everything except other chunks. It is charged to
// the address, because a peer can cause it again and again by requesting many documents
// in turn: beyond its quota, the address's clients get single changes.
func (d *document) makeDocumentChunk(s *session) {
	mine := d.relay.documentChunks.making.acquire(s.lane(documentChunkLane), s.suspect.Load(), s.quit)
	if mine {
		defer d.relay.documentChunks.making.release(s.lane(documentChunkLane))
	}
	d.mu.Lock()
	m := d.members[s]
	if m == nil || d.broken || d.documentChunkFor(m) != nil { // another session made it while this one waited
		d.mu.Unlock()
		return
	}
	if !mine || !s.account.quota().MayMakeDocumentChunk(d.relay.cfg.Now()) {
		m.skipDocumentChunk = true
		d.mu.Unlock()
		return
	}
	g := d.graphFor(m)
	w := &documentChunk{graph: g, changes: g.Len()}
	hashes, heads := slices.Collect(g.Order()), g.Heads()
	d.mu.Unlock()

	chunk, size, err := d.encodeDocumentChunk(hashes, heads)
	s.account.quota().ChargeDocumentChunk(float64(len(hashes))*costDocumentChunkChange + float64(size)/1024*costDocumentChunkKiB)
	if err != nil {
		// The document has no valid chunk, or exceeds a limit: send the changes one by one.
		d.relay.log.Info("no document chunk can be made", "document", d.event, "changes", len(hashes), "err", err)
	}
	w.chunk = chunk
	d.relay.documentChunks.put(d, w)
	d.mu.Lock()
	defer d.mu.Unlock()
	if m := d.members[s]; m != nil {
		m.documentChunk = w
	}
}

// encodeDocumentChunk returns the changes as one document chunk, and how many bytes of changes
// were read.
func (d *document) encodeDocumentChunk(hashes, heads []wire.Hash) (chunk []byte, size int, err error) {
	changes := make([]*wire.Change, 0, len(hashes))
	ops := 0
	for _, h := range hashes {
		s, err := d.storedChange(h)
		if err != nil {
			return nil, size, err
		}
		if size += len(s.bytes); size > maxDocumentChunkText {
			return nil, size, errTooLargeForOne
		}
		c, err := wire.DecodeChangeLimits(s.bytes, wire.OpenLimits)
		if err != nil {
			return nil, size, err
		}
		changes = append(changes, c)
		if ops += len(c.Ops); ops > maxDocumentChunkOps {
			return nil, size, errTooLargeForOne
		}
	}
	chunk, err = wire.EncodeDocument(changes, heads, maxDocumentChunkText)
	if err == nil && len(chunk) > d.relay.limits.Frame {
		return nil, size, errTooLargeForOne
	}
	return chunk, size, err
}
