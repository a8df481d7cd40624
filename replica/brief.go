package replica

import (
	"context"
	"errors"

	"flyleaf/qa"
	"flyleaf/storage"
)

// Briefs.
//
// A shelf, the line about delivery on every page and the turns of weeks at rest look
// at every followed event, a thousand of them. What they need of each is kept in
// memory, a few hundred bytes an event, and read again after something was written.

// brief is what lists of many events need of one.
type brief struct {
	event   qa.Event // without what only its own page shows
	counts  storage.Counts
	numbers *qa.Numbers // nil: nobody has asked yet
}

// brief returns what stands on disk, from memory while nothing was written.
func (doc *document) brief(ctx context.Context) (brief, error) {
	doc.side.mu.Lock()
	known, written := doc.side.brief, doc.side.written
	doc.side.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	shown, err := doc.node.read(ctx, doc.id)
	if err != nil {
		return brief{}, err
	}
	b := brief{event: shown}
	b.event.Description, b.event.Links, b.event.X, b.event.Weeks = "", nil, nil, nil
	b.event.Winners, b.event.Draw = nil, nil
	if b.counts, err = doc.node.store.Counts(ctx, doc.id); err != nil {
		return brief{}, err
	}
	doc.keepBrief(b, written)
	return b, nil
}

// keepBrief keeps what was read, unless something has been written since.
func (doc *document) keepBrief(b brief, written int) {
	doc.side.mu.Lock()
	defer doc.side.mu.Unlock()
	if doc.side.written == written {
		doc.side.brief = &b
	}
}

// stirred forgets what may not stand on disk any more. side.mu is held.
func (s *side) stirred() {
	s.brief = nil
	s.written++
}

// stir is stirred for who does not hold side.mu.
func (doc *document) stir() {
	doc.side.mu.Lock()
	doc.side.stirred()
	doc.side.mu.Unlock()
}

// briefs reads what is not in memory yet, so that the first page does not wait for
// it. It runs until all is read or the node closes.
func (n *Node) briefs() {
	defer n.work.Done()
	n.mu.Lock()
	ids := n.followed()
	n.mu.Unlock()
	for _, id := range ids {
		if doc, err := n.document(id); err == nil {
			if _, err := doc.brief(n.ctx); err != nil {
				return // whoever needs it is told
			}
		}
	}
}

// Shelf returns the followed events as a list of many shows them, in the order they
// were joined. Clubs are among them; what they list returns Clubs.
func (n *Node) Shelf(ctx context.Context) ([]qa.Shelved, error) {
	following, err := n.store.Following(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]qa.Shelved, 0, len(following))
	for _, f := range following {
		doc, err := n.document(f.Event)
		if errors.Is(err, ErrUnknownEvent) {
			continue // let go of meanwhile, as weeks of a club are
		}
		if err != nil {
			return nil, err
		}
		b, err := doc.brief(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, qa.Shelved{Event: b.event, Posts: b.counts.Posts})
	}
	return out, nil
}

// Clubs returns the followed clubs with what they list, in the order they were
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

// Numbers counts an event's questions as this person sees them. It reads the whole
// week the first time, and again after something was written. ErrUnknownEvent is
// returned for an event that is not followed.
func (n *Node) Numbers(ctx context.Context, id qa.EventID) (qa.Numbers, error) {
	doc, err := n.document(id)
	if err != nil {
		return qa.Numbers{}, err
	}
	doc.side.mu.Lock()
	written := doc.side.written
	doc.side.mu.Unlock()
	b, err := doc.brief(ctx)
	if err != nil {
		return qa.Numbers{}, err
	}
	if b.numbers != nil {
		return *b.numbers, nil
	}
	week, err := n.Week(ctx, id)
	if err != nil {
		return qa.Numbers{}, err
	}
	keys, err := n.Keys(ctx, id)
	if err != nil {
		return qa.Numbers{}, err
	}
	week = week.For(keys...)
	numbers := week.Numbers()
	b.numbers = &numbers
	doc.keepBrief(b, written)
	return numbers, nil
}
