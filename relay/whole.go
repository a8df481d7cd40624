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
	making *turns // one is made at a time, turn by turn between addresses

	mu    sync.Mutex
	made  int // since the relay started
	known map[*room]*whole
	order []*room // oldest first
	bytes int
}

func (w *wholes) get(r *room) *whole {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.known[r]
}

func (w *wholes) put(r *room, x *whole) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove(r)
	if w.known == nil {
		w.known = map[*room]*whole{}
	}
	w.known[r] = x
	w.made++
	w.order = append(w.order, r)
	w.bytes += len(x.chunk)
	for len(w.order) > 1 && w.bytes > maxWholeBytes {
		w.remove(w.order[0])
	}
}

// drop forgets a room's.
func (w *wholes) drop(r *room) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove(r)
}

func (w *wholes) remove(r *room) {
	if x, ok := w.known[r]; ok {
		w.bytes -= len(x.chunk)
		delete(w.known, r)
		w.order = slices.DeleteFunc(w.order, func(o *room) bool { return o == r })
	}
}

// wantsWhole says whether the member is to be sent a whole document. r.mu is held.
func (r *room) wantsWhole(m *member) bool {
	return m.takesWhole && !m.gotWhole && r.graph.Len() >= minWhole && m.peer.LacksAll()
}

// wholeFor returns the room's whole document, or the one that was made for the member,
// which others may have pushed out meanwhile; nil if there is none or one that is much
// older than the document. r.mu is held.
func (r *room) wholeFor(m *member) *whole {
	w := r.relay.wholes.get(r)
	if w == nil {
		w = m.whole
	}
	if w == nil || w.graph != r.graph || r.graph.Len() > w.changes+w.changes/4 {
		return nil
	}
	return w
}

// makeWhole makes the room's whole document for a session's peer. That takes a while,
// some 30 µs a change, and is done beside everything else but others like it. It is
// charged to the address, since who asks for many documents in turn has them made again
// and again: beyond what it may spend its clients get the changes one by one.
func (r *room) makeWhole(s *session) {
	mine := r.relay.wholes.making.take(s.lane(wholeLane), s.suspect.Load(), s.quit)
	if mine {
		defer r.relay.wholes.making.give(s.lane(wholeLane))
	}
	r.mu.Lock()
	m := r.members[s]
	if m == nil || r.broken || r.wholeFor(m) != nil { // made while this waited
		r.mu.Unlock()
		return
	}
	if !mine || !s.account.mayMake(r.relay.cfg.Now()) {
		m.gotWhole = true
		r.mu.Unlock()
		return
	}
	w := &whole{graph: r.graph, changes: r.graph.Len()}
	hashes, heads := slices.Collect(r.graph.Order()), r.graph.Heads()
	r.mu.Unlock()

	chunk, size, err := r.documentOf(hashes, heads)
	s.account.makes(float64(len(hashes))*costWholeChange + float64(size)/1024*costWholeKiB)
	if err != nil {
		// Not of ours, or beyond what is made here: the changes go one by one.
		r.relay.log.Info("no whole document can be made", "document", r.event, "changes", len(hashes), "err", err)
	}
	w.chunk = chunk
	r.relay.wholes.put(r, w)
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.members[s]; m != nil {
		m.whole = w
	}
}

// documentOf returns the changes as one document, and how many bytes of them were read.
func (r *room) documentOf(hashes, heads []wire.Hash) (chunk []byte, size int, err error) {
	changes := make([]*wire.Change, 0, len(hashes))
	ops := 0
	for _, h := range hashes {
		s, err := r.stored(h)
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
	if err == nil && len(chunk) > r.relay.limits.Frame {
		return nil, size, errTooLargeForOne
	}
	return chunk, size, err
}
