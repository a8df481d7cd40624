package replica

import (
	"context"
	"slices"

	"flyleaf/crdt/sync/repo"
	"flyleaf/qa"
	"flyleaf/replica/presence"
)

// DefaultAnswering is how long "is answering" is shown after its last message.
const DefaultAnswering = presence.DefaultAnswering

// ErrBadPresence is returned by Announce for a kind of presence that does not exist.
var ErrBadPresence = presence.ErrBadKind

// Presence returns the current presence messages of other devices in an event, the
// newest last: who is answering which post, and on whose device a post has arrived.
// Messages of blocked people are left out.
func (n *Node) Presence(_ context.Context, id qa.EventID) ([]qa.Presence, error) {
	doc, err := n.document(id)
	if err != nil {
		return nil, err
	}
	out := doc.presence.List(n.cfg.Now(), n.cfg.Answering)
	doc.mu.Lock()
	defer doc.mu.Unlock()
	return slices.DeleteFunc(out, func(p qa.Presence) bool {
		return p.By == n.Identity() || doc.contents != nil && doc.contents.Policy().Blocked(p.By)
	}), nil
}

// Announce sends a signed presence message to the other devices that follow an event: this
// person is answering a post, or the post has arrived on this device. The message is sent once and
// not stored. If the relay cannot be reached, it is dropped, which is not an error.
func (n *Node) Announce(_ context.Context, id qa.EventID, kind string, post qa.PostID) error {
	s := presence.Signal{Kind: kind, By: n.Identity(), Post: post}
	if err := s.Check(); err != nil {
		return err
	}
	if _, err := n.document(id); err != nil {
		return err
	}
	n.client.Send(id, func(session string, count uint64) (*repo.Message, error) {
		return presence.Encode(s, n.cfg.Key, id, session, count, n.cfg.Now())
	})
	return nil
}

// receivePresence processes a presence message from a relay.
func (doc *document) receivePresence(m *repo.Message) {
	n := doc.node
	s, isNew := doc.presence.Receive(doc.id, m, n.cfg.Now())
	if !isNew || s.By == n.Identity() {
		return
	}
	doc.mu.Lock()
	blocked := doc.contents != nil && doc.contents.Policy().Blocked(s.By)
	doc.mu.Unlock()
	changed := func(posts []qa.PostID) { n.subs.notify(Update{Event: doc.id, Posts: posts}) }
	if !blocked {
		changed([]qa.PostID{s.Post})
	}
	if s.Kind == qa.PresenceAnswering {
		doc.presence.Expire(n.cfg.Now, n.cfg.Answering, changed)
	}
}

// sendReceipts announces that posts have arrived, if this person is an author of the event.
// So the people who asked see that an author's device has their question.
func (doc *document) sendReceipts(ctx context.Context, posts []qa.PostID) error {
	doc.mu.Lock()
	author := doc.contents != nil && doc.contents.Policy().HoldsRole(doc.node.Identity(), qa.RoleAuthor)
	doc.mu.Unlock()
	if !author {
		return nil
	}
	for _, post := range doc.presence.ToAcknowledge(posts) {
		if err := doc.node.Announce(ctx, doc.id, qa.PresenceSeen, post); err != nil {
			return err
		}
	}
	return nil
}
