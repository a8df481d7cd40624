package replica

import (
	"context"
	"fmt"
	"time"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/storage"
)

// archiveHost implements archive.Host with the node.
type archiveHost struct{ n *Node }

// Now implements archive.Host.
func (h archiveHost) Now() time.Time { return h.n.cfg.Now() }

// Followed implements archive.Host.
func (h archiveHost) Followed(id qa.EventID) bool {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	return h.n.documents[id] != nil
}

// Follow implements archive.Host.
func (h archiveHost) Follow(ctx context.Context, id qa.EventID) error {
	return h.n.follow(ctx, h.n.newDocument(id), "")
}

// Unfollow implements archive.Host.
func (h archiveHost) Unfollow(ctx context.Context, id qa.EventID) error {
	n := h.n
	if err := n.store.Unfollow(ctx, id); err != nil {
		return err
	}
	n.mu.Lock()
	doc := n.documents[id]
	delete(n.documents, id)
	delete(n.relays, id)
	n.mu.Unlock()
	n.detach(id) // after the document was removed, because attach checks for it last
	if doc != nil {
		go doc.close() // in a goroutine, because close waits for current users of the document
	}
	n.subs.notify(qa.Update{Event: id, Status: true})
	return nil
}

// Relay implements archive.Host.
func (h archiveHost) Relay(ctx context.Context, id qa.EventID) (string, error) {
	return h.n.relayURL(ctx, id)
}

// Attach implements archive.Host.
func (h archiveHost) Attach(id qa.EventID) { h.n.attach(id) }

// Reattach implements archive.Host.
func (h archiveHost) Reattach(ctx context.Context, id qa.EventID) {
	n := h.n
	url, err := n.relayURL(ctx, id)
	now, attached := n.client.Attached(id)
	if err != nil || !n.Running() || attached && now == url {
		return
	}
	if attached {
		n.detach(id)
	}
	n.scheduler.Attach(id)
}

// Detach implements archive.Host.
func (h archiveHost) Detach(ctx context.Context, id qa.EventID) {
	h.n.detach(id)
	if doc, err := h.n.document(id); err == nil {
		doc.mu.Lock()
		doc.unload(ctx)
		doc.mu.Unlock()
	}
}

// Attached implements archive.Host.
func (h archiveHost) Attached() map[qa.EventID]string { return h.n.client.AllAttached() }

// Synced implements archive.Host.
func (h archiveHost) Synced(id qa.EventID) bool {
	status, attached := h.n.client.Status(id)
	return !attached || status.State == qa.RelaySynced
}

// Unfinished implements archive.Host.
func (h archiveHost) Unfinished(ctx context.Context, id qa.EventID) (bool, error) {
	doc, err := h.n.document(id)
	if err != nil {
		return false, err
	}
	s, err := doc.summarize(ctx)
	return s.counts.Undelivered > 0 || s.counts.Last == 0, err
}

// detach stops syncing an event with its relay.
func (n *Node) detach(id qa.EventID) {
	n.scheduler.Detached(id)
	if n.client.Detach(id) {
		n.subs.notify(qa.Update{Event: id, Status: true})
	}
}

// eventWritten updates what depends on an event's row after it was written: the index of
// import sources and, for a club, the list of weeks.
func (n *Node) eventWritten(ctx context.Context, v storage.ViewUpdate) {
	if v.Event == nil {
		return
	}
	if followed := (archiveHost{n}).Followed(v.Event.ID); v.Event.Source != "" && followed { // an event that is not followed yet is being imported, and is added to the index then
		n.sources.Invalidate()
	}
	if v.Event.Kind != schema.KindClub {
		return
	}
	if err := n.clubs.Update(ctx, *v.Event); err != nil {
		// The rows are on disk, so the next call tries again, at the latest at the next
		// start.
		n.cfg.Log.Warn("the weeks of a club could not be followed", "club", v.Event.ID, "error", err)
	}
}

// ensureClubKnown updates the list of clubs if the process ended before eventWritten did.
// mu is held.
func (doc *document) ensureClubKnown(ctx context.Context) error {
	kind := doc.contents.Projection().Values(wire.OpID{}, schema.KeyKind)
	if len(kind) == 0 {
		return nil
	}
	if s, _ := kind[len(kind)-1].Value.Str(); s != schema.KindClub {
		return nil
	}
	if _, known := doc.node.clubs.Club(doc.id); known {
		return nil
	}
	return doc.node.clubs.Update(ctx, doc.contents.Projection().Event())
}

// Visit records that a person looks at an event. An event that is only listed by a club is
// followed from now on. An idle event is kept in sync with its relay for some minutes.
// Visit returns at once, without waiting for the relay. ErrUnknownEvent is returned for an
// event that is neither followed nor listed.
func (n *Node) Visit(ctx context.Context, id qa.EventID) error {
	n.mu.Lock()
	closed, known, running := n.closed, n.documents[id] != nil, n.running
	n.mu.Unlock()
	if closed {
		return ErrClosed
	}
	_, listed := n.clubs.Listed(id)
	if known || listed {
		n.scheduler.Visited(id)
	}
	switch {
	case !known && !listed:
		return fmt.Errorf("%s: %w", id, ErrUnknownEvent)
	case !known:
		if _, err := qa.ParseEventID(string(id)); err != nil {
			return err
		}
		return n.follow(ctx, n.newDocument(id), "")
	case listed && n.clubs.FollowedByClub(ctx, id):
		if err := n.clubs.Opened(ctx, id); err != nil {
			return err
		}
	}
	if _, attached := n.client.Attached(id); running && !attached {
		n.attach(id)
	}
	return nil
}

// Listed returns the entry of a week in a followed club, and the club; false when no
// followed club lists the week.
func (n *Node) Listed(id qa.EventID) (w qa.ListedWeek, club qa.EventID, ok bool) {
	l, ok := n.clubs.Listed(id)
	return l.ListedWeek, l.Club, ok
}
