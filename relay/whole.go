package relay

import (
	"errors"
	"slices"
	"sync"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
)

const (
	// minWhole is from how many changes on who has nothing gets a whole document.
	minWhole = 64
	// maxWholeOps is of how many operations one is made at most: it takes some 300
	// bytes for each while it is made. One is made at a time.
	maxWholeOps = 1 << 19
	// maxWholeText is how much these may say, in bytes, each for itself; and how much
	// the changes may take that it is made of.
	maxWholeText = 128 << 20
	// maxWholeBytes is how much of them, in bytes, is kept for who comes next.
	maxWholeBytes = 32 << 20
)

// errNoWhole is returned by next when a whole document is to be made first.
var errNoWhole = errors.New("relay: the whole document is to be made first")

var errTooLargeForOne = errors.New("relay: the document is too large for one message")

// whole is a document chunk of a document's first changes. It can be older than the
// document: what came since goes after it.
type whole struct {
	graph   *graph.Graph // whose changes these are
	changes int
	chunk   []byte // nil: none can be made
}

// wholes keeps whole documents, up to a number of bytes; the oldest goes first. It
// is safe for concurrent use.
type wholes struct {
	making *fairLimiter // one is made at a time, turn by turn between addresses

	mu    sync.Mutex
	made  int // since the relay started
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

// drop forgets a document's.
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

// wantsWhole says whether the member is to be sent a whole document. d.mu is held.
func (d *document) wantsWhole(m *member) bool {
	return m.takesWhole && !m.gotWhole && d.graphFor(m).Len() >= minWhole && m.peer.HasNothing()
}

// wholeFor returns the document's whole document, or the one that was made for the member,
// which others may have pushed out meanwhile; nil if there is none or one that is much
// older than the document. d.mu is held.
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

// makeWhole makes the document's whole document for a session's peer. That takes a while,
// some 30 µs a change, and is done beside everything else but others like it. It is
// charged to the address, since who asks for many documents in turn has them made again
// and again: beyond what it may spend its clients get the changes one by one.
func (d *document) makeWhole(s *session) {
	mine := d.relay.wholes.making.acquire(s.lane(wholeLane), s.suspect.Load(), s.quit)
	if mine {
		defer d.relay.wholes.making.release(s.lane(wholeLane))
	}
	d.mu.Lock()
	m := d.members[s]
	if m == nil || d.broken || d.wholeFor(m) != nil { // made while this waited
		d.mu.Unlock()
		return
	}
	if !mine || !s.account.quota().MayMakeWhole(d.relay.cfg.Now()) {
		m.gotWhole = true
		d.mu.Unlock()
		return
	}
	g := d.graphFor(m)
	w := &whole{graph: g, changes: g.Len()}
	hashes, heads := slices.Collect(g.Order()), g.Heads()
	d.mu.Unlock()

	chunk, size, err := d.encodeWhole(hashes, heads)
	s.account.quota().MadeWhole(float64(len(hashes))*costWholeChange + float64(size)/1024*costWholeKiB)
	if err != nil {
		// Not of ours, or beyond what is made here: the changes go one by one.
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

// documentOf returns the changes as one document, and how many bytes of them were read.
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
