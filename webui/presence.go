package webui

import (
	"context"
	"slices"
	"sync"
	"time"

	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/qa/people"
)

// announceEvery is the shortest time between two announcements that the reader is
// answering the same post.
const announceEvery = 10 * time.Second

// maxAnnounced is how many announced posts an announcer remembers at most.
const maxAnnounced = 256

// announcer limits announcements: a page saves a draft at every pause in typing, which is
// too often to tell the other authors.
type announcer struct {
	mu   sync.Mutex
	last map[qa.PostID]time.Time
}

// due reports whether a post should be announced now. If so, it remembers now as the time
// of the announcement.
func (a *announcer) due(post qa.PostID, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t, ok := a.last[post]; ok && now.Sub(t) < announceEvery && !now.Before(t) {
		return false
	}
	if a.last == nil || len(a.last) >= maxAnnounced {
		a.last = make(map[qa.PostID]time.Time)
	}
	a.last[post] = now
	return true
}

// announceAnswering tells the other authors that an author is answering a post, so that
// two of them do not answer the same question without knowing. The node sends nothing for
// others.
func (s *server) announceAnswering(ctx context.Context, event qa.EventID, key string, d node.Draft) {
	if d.Empty() {
		return
	}
	post, err := qa.ParsePostID(key)
	if err != nil || !s.announced.due(post, s.now()) {
		return
	}
	// An announcement that cannot be sent loses nothing.
	_ = s.node.Announce(ctx, event, qa.PresenceAnswering, post)
}

// presenceByPost returns the presence of the other authors, by post.
func (s *server) presenceByPost(ctx context.Context, event qa.EventID) map[qa.PostID][]qa.Presence {
	all, err := s.node.Presence(ctx, event)
	if err != nil {
		return nil // the page must open anyway
	}
	out := make(map[qa.PostID][]qa.Presence)
	for _, p := range all {
		out[p.Post] = append(out[p.Post], p)
	}
	return out
}

// answering names the authors who are writing a reply to a post.
func (v *weekView) answering(post qa.PostID) string {
	var names []string
	for _, p := range v.presence[post] {
		if p.Kind == qa.PresenceAnswering {
			if name := v.personName(p.By); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0] + " is answering"
	}
	return people.And(names) + " are answering"
}

// whereIs returns where a post of the reader's is, and the author whose device has it.
func (v *weekView) whereIs(p *qa.PostView, answered bool) (at qa.Delivery, author qa.Identity) {
	var text qa.RevisionID
	if n := len(p.Revisions); n > 0 {
		text = p.Revisions[n-1].ID
	}
	learn := func(kind qa.DeliveryFactKind) { at = at.After(qa.DeliveryFact{Kind: kind, Text: text}) }
	learn(qa.TextSaved)
	synced := v.relay.State == qa.RelaySynced || v.relay.State == qa.RelayIdle
	switch {
	case v.where.Elsewhere[text]:
		learn(qa.OtherDeviceHas)
		if synced || v.where.OnRelay[p.ID] {
			learn(qa.RelayHas)
		}
	case !v.unsent[p.ID].Text:
		learn(qa.RelayHas)
	}
	author = v.where.Seen[p.ID]
	if author == "" && at.OnRelay() && len(p.Revisions) == 1 { // a receipt does not say for which text it is
		author = v.receiptBy(p.ID)
	}
	if author != "" {
		learn(qa.AuthorHas)
	}
	if answered {
		learn(qa.AnswerShown)
	}
	return at, author
}

// receiptBy returns the author whose device has said that a post arrived on it; "" for none. Devices say that once, and
// it is not stored.
func (v *weekView) receiptBy(post qa.PostID) qa.Identity {
	for _, p := range v.presence[post] {
		if p.Kind == qa.PresenceSeen {
			return p.By
		}
	}
	return ""
}
