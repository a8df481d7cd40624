package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// Events returns the followed events, in the order they were joined. Events that have not
// been fetched yet have only an ID.
func (n *Node) Events(ctx context.Context) ([]qa.Event, error) {
	following, err := n.store.Following(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]qa.Event, 0, len(following))
	for _, f := range following {
		e, err := n.read(ctx, f.Event)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// read returns an event's own fields from the views.
func (n *Node) read(ctx context.Context, id qa.EventID) (qa.Event, error) {
	e, err := n.store.Event(ctx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return qa.Event{ID: id}, nil
	}
	e.ID = id
	e.Clean() // an earlier version, with other text rules, may have written the view
	return e, err
}

// Invitation returns an invitation with which other people can join an event.
// ErrUnknownEvent is returned for an event that is not followed.
func (n *Node) Invitation(ctx context.Context, id qa.EventID) (qa.Invitation, error) {
	if _, err := n.document(id); err != nil {
		return qa.Invitation{}, err
	}
	url, err := n.relayURL(ctx, id)
	return n.invitationAt(ctx, id, url), err
}

// eventAndPosts returns an event's own fields and its posts from the views. If an earlier version wrote the
// views, they are rebuilt; a store that cannot be written keeps them, and the answer comes from the ledger.
func (n *Node) eventAndPosts(ctx context.Context, id qa.EventID) (qa.Event, []qa.Post, error) {
	e, err := n.read(ctx, id)
	if err != nil {
		return e, nil, err
	}
	return n.withPosts(ctx, e)
}

// withPosts is eventAndPosts for an event whose fields were just read.
func (n *Node) withPosts(ctx context.Context, e qa.Event) (qa.Event, []qa.Post, error) {
	posts, err := n.store.Posts(ctx, e.ID)
	if err != nil || !e.OutdatedView() && !slices.ContainsFunc(posts, func(p qa.Post) bool { return p.OutdatedView() }) {
		return e, posts, err
	}
	views, err := n.rebuild(ctx, e.ID)
	switch {
	case views.Event == nil: // the ledger could not be read
		return e, nil, err
	case err != nil:
		n.cfg.Log.Warn("views of an earlier version could not be replaced", "event", e.ID, "error", err)
	}
	return *views.Event, views.Posts, nil
}

// posts returns the posts of eventAndPosts.
func (n *Node) posts(ctx context.Context, id qa.EventID) ([]qa.Post, error) {
	_, posts, err := n.eventAndPosts(ctx, id)
	return posts, err
}

// Post returns one post. ErrUnknownPost is returned when this device does not
// have it.
func (n *Node) Post(ctx context.Context, id qa.EventID, post qa.PostID) (qa.Post, error) {
	if _, err := n.document(id); err != nil {
		return qa.Post{}, err
	}
	p, err := n.store.Post(ctx, id, post)
	if errors.Is(err, storage.ErrNotFound) {
		return p, fmt.Errorf("%s: %w", post, ErrUnknownPost)
	}
	if err == nil && p.OutdatedView() {
		p, err = n.rebuiltPost(ctx, id, post)
	}
	p.Clean()
	return p, err
}

// rebuiltPost returns a post of an event whose views an earlier version wrote.
func (n *Node) rebuiltPost(ctx context.Context, id qa.EventID, post qa.PostID) (qa.Post, error) {
	posts, err := n.posts(ctx, id)
	if err != nil {
		return qa.Post{}, err
	}
	i := slices.IndexFunc(posts, func(p qa.Post) bool { return p.ID == post })
	if i < 0 {
		return qa.Post{}, fmt.Errorf("%s: %w", post, ErrUnknownPost)
	}
	return posts[i], nil
}

// Delivery returns the posts for which this device has written changes that no relay is
// known to have. Changes that are about no post are listed under "".
func (n *Node) Delivery(ctx context.Context, id qa.EventID) (map[qa.PostID]qa.Unsent, error) {
	doc, err := n.document(id)
	if err != nil {
		return nil, err
	}
	unsent, err := doc.unsent(ctx)
	if err != nil {
		return nil, err
	}
	out := map[qa.PostID]qa.Unsent{}
	for _, a := range unsent {
		u := out[a.Post]
		u.Add(&a)
		out[a.Post] = u
	}
	return out, nil
}

// Status returns the sync status of each followed event, in the order of Events. The first
// call loads every document to get its heads.
func (n *Node) Status(ctx context.Context) ([]qa.Status, error) { return n.statuses(ctx, true) }

// Overview is Status without heads, for which it would have to load documents.
func (n *Node) Overview(ctx context.Context) ([]qa.Status, error) { return n.statuses(ctx, false) }

// StatusOf is Overview for one event. ErrUnknownEvent is returned for an event that is not
// followed.
func (n *Node) StatusOf(ctx context.Context, id qa.EventID) (qa.Status, error) {
	return n.status(ctx, id, false)
}

func (n *Node) statuses(ctx context.Context, withHeads bool) ([]qa.Status, error) {
	following, err := n.store.Following(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]qa.Status, 0, len(following))
	for _, f := range following {
		s, err := n.status(ctx, f.Event, withHeads)
		if errors.Is(err, ErrUnknownEvent) {
			continue // unfollowed meanwhile, as happens with a club's weeks
		}
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// EachStatus calls fn with what Overview returns, in no particular order. Once the summaries are
// cached it does not read the store.
func (n *Node) EachStatus(ctx context.Context, fn func(*qa.Status)) error {
	n.mu.Lock()
	ids := n.followed()
	n.mu.Unlock()
	for _, id := range ids {
		s, err := n.status(ctx, id, false)
		if errors.Is(err, ErrUnknownEvent) {
			continue // unfollowed meanwhile
		}
		if err != nil {
			return err
		}
		fn(&s)
	}
	return nil
}

func (n *Node) status(ctx context.Context, id qa.EventID, withHeads bool) (qa.Status, error) {
	doc, err := n.document(id)
	if err != nil {
		return qa.Status{}, err
	}
	// Read the relay's status first, so that the counts are not older than the status.
	relay, err := n.relayStatus(ctx, id)
	if err != nil {
		return qa.Status{}, err
	}
	summary, err := doc.summarize(ctx)
	if err != nil {
		return qa.Status{}, err
	}
	counts := summary.counts
	s := qa.Status{
		Event: id, Title: summary.event.Title, Posts: counts.Posts, Pending: counts.Undelivered, Changes: counts.Changes,
		Heads: []string{}, Relay: relay,
	}
	if !withHeads {
		return s, nil
	}
	heads, err := doc.heads(ctx, relay.State == qa.RelayIdle)
	for _, h := range heads {
		s.Heads = append(s.Heads, h.String())
	}
	return s, err
}

// heads returns the document's heads on disk. If they are not known it loads the document,
// unless onlyKnown is set: then it returns none.
func (doc *document) heads(ctx context.Context, onlyKnown bool) ([]wire.Hash, error) {
	heads, known := doc.cached.knownHeads()
	if known || onlyKnown {
		return heads, nil
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.load(ctx); err != nil {
		return nil, err
	}
	return doc.contents.Graph().Heads(), nil
}

// relayURL returns the URL of the relay that an event is synced with: the relay chosen on
// this device, else the first that the event names, else the one that a club names for it;
// "" for none.
func (n *Node) relayURL(ctx context.Context, id qa.EventID) (string, error) {
	n.mu.Lock()
	url, doc := n.relays[id], n.documents[id]
	n.mu.Unlock()
	if url != "" {
		return url, nil
	}
	if doc != nil {
		s, err := doc.summarize(ctx)
		if err != nil || len(s.event.Relays) > 0 {
			return append(slices.Clone(s.event.Relays), "")[0], err
		}
	}
	l, _ := n.clubs.Listed(id)
	return l.Relay, nil
}

// Log returns the moderation log of an event, the newest entry last: what moderators and
// organisers hid, marked, blocked, granted or closed, and whether it is in effect.
func (n *Node) Log(ctx context.Context, id qa.EventID) ([]qa.LogEntry, error) {
	return readProjection(ctx, n, id, (*projection.Projection).Log)
}

// Contacts returns the encrypted contact details that winners sent to the event's founder,
// by winner.
func (n *Node) Contacts(ctx context.Context, id qa.EventID) (map[qa.Identity][]byte, error) {
	return readProjection(ctx, n, id, (*projection.Projection).Contacts)
}

// readProjection loads an event and returns what read returns for its projection.
func readProjection[T any](ctx context.Context, n *Node, id qa.EventID, read func(*projection.Projection) T) (none T, err error) {
	doc, err := n.document(id)
	if err != nil {
		return none, err
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.load(ctx); err != nil {
		return none, err
	}
	return read(doc.contents.Projection()), nil
}
