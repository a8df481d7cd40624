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

// showsPresence reports whether a person's presence is sent and shown: only that of authors
// is, because nobody waits for a reply by a reader. mu is held and the document is loaded.
func (doc *document) showsPresence(by qa.Identity) bool {
	p := doc.contents.Policy()
	return p.HoldsRole(by, qa.RoleAuthor) && !p.Blocked(by)
}

// announces is showsPresence for callers that do not hold mu. It returns false for an event
// that is not loaded: then no relay is connected for it.
func (doc *document) announces(by qa.Identity) bool {
	doc.mu.Lock()
	defer doc.mu.Unlock()
	return doc.contents != nil && doc.showsPresence(by)
}

// Presence returns the current presence messages of the authors of an event, without this
// person's, the newest last: who is answering which post, and on whose device a post has
// arrived.
func (n *Node) Presence(ctx context.Context, id qa.EventID) ([]qa.Presence, error) {
	doc, err := n.document(id)
	if err != nil {
		return nil, err
	}
	out := doc.presence.List(n.cfg.Now(), n.cfg.Answering)
	if len(out) == 0 {
		return nil, nil // so that a page does not load the event without need
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.load(ctx); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(out, func(p qa.Presence) bool { return p.By == n.Identity() || !doc.showsPresence(p.By) }), nil
}

// Announce sends a signed presence message to the other devices that follow an event: this
// person is answering a post, or the post has arrived on this device. The message is sent once and
// not stored. If this person is no author of the event, or the relay cannot be reached, nothing is
// sent, which is not an error.
func (n *Node) Announce(_ context.Context, id qa.EventID, kind string, post qa.PostID) error {
	s := presence.Signal{Kind: kind, By: n.Identity(), Post: post}
	if err := s.Check(); err != nil {
		return err
	}
	doc, err := n.document(id)
	if err != nil {
		return err
	}
	if doc.announces(s.By) {
		doc.sendPresence(s)
	}
	return nil
}

func (doc *document) sendPresence(s presence.Signal) {
	n := doc.node
	n.client.Send(doc.id, func(session string, count uint64) (*repo.Message, error) {
		return presence.Encode(s, n.cfg.Key, doc.id, session, count, n.cfg.Now())
	})
}

// receivePresence processes a presence message from a relay.
func (doc *document) receivePresence(m *repo.Message) {
	n := doc.node
	s, isNew := doc.presence.Receive(doc.id, m, n.cfg.Now())
	if !isNew || s.By == n.Identity() {
		return
	}
	changed := func(posts []qa.PostID) { n.subs.notify(Update{Event: doc.id, Posts: posts}) }
	if doc.announces(s.By) {
		changed([]qa.PostID{s.Post})
	}
	if s.Kind == qa.PresenceAnswering {
		doc.presence.Expire(n.cfg.Now, n.cfg.Answering, changed)
	}
}

// sendReceipts announces that posts have arrived, so that the people who asked see that an
// author's device has their question.
func (doc *document) sendReceipts(posts []qa.PostID) {
	by := doc.node.Identity()
	if !doc.announces(by) {
		return
	}
	for _, post := range doc.presence.ToAcknowledge(posts) {
		doc.sendPresence(presence.Signal{Kind: qa.PresenceSeen, By: by, Post: post})
	}
}
