package replica

import (
	"context"
	"errors"
	"maps"

	"flyleaf/crdt/wire"
	"flyleaf/internal/lockorder"
	"flyleaf/qa"
	"flyleaf/storage"
)

// maxRelayRefused bounds the refusals of a relay that are remembered for an event.
const maxRelayRefused = 1000

// cachedSummary caches facts about a document that are read without the document's lock.
// The list of events, the delivery line on every page and the archive scheduler read up to a
// thousand events each time. The cache holds what they need, a few hundred bytes an event,
// and is read again from the store after a write.
//
// mu is not held while the store works. A value read from the store is kept only if nothing
// was written meanwhile.
type cachedSummary struct {
	mu         lockorder.Mutex[lockorder.Summary] // guards what follows
	version    int                                // counts writes, and writes that may have happened
	heads      []wire.Hash                        // of the changes on disk
	headsKnown bool                               // heads is set
	unsent     map[wire.Hash]qa.Act               // local changes that no relay has; nil: not read yet
	summary    *summary                           // nil: not read yet
	// relayRefused are local changes that the relay did not accept.
	relayRefused map[wire.Hash]Refusal
}

// summary is what lists of many events show about one event.
type summary struct {
	event   qa.Event // without the fields that only its own page shows
	counts  storage.Counts
	void    bool               // local acts are void, or were
	numbers *qa.QuestionCounts // nil: not counted yet
}

// invalidate locks mu and drops cached values that may be out of date.
func (c *cachedSummary) invalidate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.invalidateLocked()
}

// invalidateLocked drops cached values that may be out of date. mu is held.
func (c *cachedSummary) invalidateLocked() {
	c.summary = nil
	c.version++
}

// invalidateDelivery also drops which local changes are unsent.
func (c *cachedSummary) invalidateDelivery() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unsent = nil
	c.invalidateLocked()
}

// setHeads records the heads of the changes on disk after a write.
func (c *cachedSummary) setHeads(heads []wire.Hash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heads, c.headsKnown = heads, true
	c.invalidateLocked()
}

// knownHeads returns the heads of the changes on disk; false when they are not known.
func (c *cachedSummary) knownHeads() ([]wire.Hash, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heads, c.headsKnown
}

// currentVersion returns the number of writes so far.
func (c *cachedSummary) currentVersion() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version
}

// noteWritten records local changes that were written and that no relay has yet.
func (c *cachedSummary) noteWritten(entries []storage.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unsent != nil {
		for i := range entries {
			c.unsent[entries[i].Hash()] = actOf(entries[i])
		}
	}
	c.invalidateLocked()
}

// noteDelivered records local changes that a relay has.
func (c *cachedSummary) noteDelivered(hashes []wire.Hash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range hashes {
		delete(c.unsent, h)
		delete(c.relayRefused, h)
	}
	c.invalidateLocked()
}

// relayRefusals returns the local changes that the relay did not accept, in no particular order.
func (c *cachedSummary) relayRefusals() []Refusal {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Refusal, 0, len(c.relayRefused))
	for _, r := range c.relayRefused {
		out = append(out, r)
	}
	return out
}

// addRelayRefusals records local changes that the relay did not accept, at most maxRelayRefused in
// total.
func (c *cachedSummary) addRelayRefusals(refusals []Refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range refusals {
		if len(c.relayRefused) >= maxRelayRefused {
			return
		}
		if c.relayRefused == nil {
			c.relayRefused = map[wire.Hash]Refusal{}
		}
		c.relayRefused[r.Hash] = r
	}
}

// dropRelayRefusal forgets that the relay did not accept a change.
func (c *cachedSummary) dropRelayRefusal(h wire.Hash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.relayRefused, h)
}

// dropRelayRefusals forgets which changes the relay did not accept.
func (c *cachedSummary) dropRelayRefusals() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.relayRefused = nil
}

// summarize returns the summary of the changes on disk. It reads the store only after a
// write.
func (doc *document) summarize(ctx context.Context) (summary, error) {
	c := &doc.cached
	c.mu.Lock()
	known, version := c.summary, c.version
	c.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	shown, err := doc.node.read(ctx, doc.id)
	if err != nil {
		return summary{}, err
	}
	s := summary{event: shown}
	s.event.Description, s.event.Links, s.event.X, s.event.Weeks = "", nil, nil, nil
	s.event.Winners, s.event.Draw = nil, nil
	if s.counts, err = doc.node.store.Counts(ctx, doc.id); err != nil {
		return summary{}, err
	}
	if _, err = doc.node.store.Setting(ctx, voidSetting(doc.id)); err != nil && !errors.Is(err, storage.ErrNotFound) {
		return summary{}, err
	}
	s.void = err == nil
	c.keep(s, version)
	return s, nil
}

// keep caches a summary, unless something was written since version.
func (c *cachedSummary) keep(s summary, version int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version == version {
		c.summary = &s
	}
}

// unsent returns the local changes that no relay has, each with its act; see actOf.
func (doc *document) unsent(ctx context.Context) (map[wire.Hash]qa.Act, error) {
	c := &doc.cached
	c.mu.Lock()
	known, version := maps.Clone(c.unsent), c.version
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	read := map[wire.Hash]qa.Act{}
	err := doc.node.store.Undelivered(ctx, doc.id, func(en storage.Entry) error {
		read[en.Hash()] = actOf(en)
		return nil
	})
	if err != nil && !errors.Is(err, storage.ErrDamaged) {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version == version {
		c.unsent = maps.Clone(read)
	}
	return read, nil
}

// summarizeAll reads the summaries that are not in memory yet, so that the first page
// does not wait for them. It runs until all are read or the node closes.
func (n *Node) summarizeAll() {
	n.mu.Lock()
	ids := n.followed()
	n.mu.Unlock()
	for _, id := range ids {
		if doc, err := n.document(id); err == nil {
			if _, err := doc.summarize(n.ctx); err != nil {
				return // a page that needs the summary reports the error
			}
		}
	}
}

// Position returns the position of an event's last change in the ledger. It reads the store only after a write.
// ErrUnknownEvent is returned for an event that is not followed.
func (n *Node) Position(ctx context.Context, id qa.EventID) (int64, error) {
	doc, err := n.document(id)
	if err != nil {
		return 0, err
	}
	s, err := doc.summarize(ctx)
	return s.counts.Last, err
}

// Library returns short entries for the followed events, in the order they were joined.
// Clubs are among them; Clubs returns what these list.
func (n *Node) Library(ctx context.Context) ([]qa.LibraryEntry, error) {
	following, err := n.store.Following(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]qa.LibraryEntry, 0, len(following))
	for _, f := range following {
		doc, err := n.document(f.Event)
		if errors.Is(err, ErrUnknownEvent) {
			continue // unfollowed meanwhile, as happens with a club's weeks
		}
		if err != nil {
			return nil, err
		}
		s, err := doc.summarize(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, qa.LibraryEntry{Event: s.event, Posts: s.counts.Posts})
	}
	return out, nil
}

// Clubs returns the followed clubs with the weeks that they list, in the order they were
// joined.
func (n *Node) Clubs(ctx context.Context) ([]qa.Event, error) {
	following, err := n.store.Following(ctx)
	if err != nil {
		return nil, err
	}
	var out []qa.Event
	for _, f := range following {
		if club, ok := n.clubs.Club(f.Event); ok {
			out = append(out, club)
		}
	}
	return out, nil
}

// Numbers counts an event's questions as this person sees them. It reads the whole week
// the first time, and again after a write. ErrUnknownEvent is returned for an event
// that is not followed.
func (n *Node) Numbers(ctx context.Context, id qa.EventID) (qa.QuestionCounts, error) {
	doc, err := n.document(id)
	if err != nil {
		return qa.QuestionCounts{}, err
	}
	doc.cached.mu.Lock()
	version := doc.cached.version
	doc.cached.mu.Unlock()
	s, err := doc.summarize(ctx)
	if err != nil {
		return qa.QuestionCounts{}, err
	}
	if s.numbers != nil {
		return *s.numbers, nil
	}
	week, err := n.Week(ctx, id)
	if err != nil {
		return qa.QuestionCounts{}, err
	}
	keys, err := n.Keys(ctx, id)
	if err != nil {
		return qa.QuestionCounts{}, err
	}
	week = week.VisibleTo(keys...)
	numbers := week.CountQuestions(keys...)
	s.numbers = &numbers
	doc.cached.keep(s, version)
	return numbers, nil
}
