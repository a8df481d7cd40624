package webui

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"flyleaf/node"
	"flyleaf/qa"
)

// announceEvery is how often one post is announced while somebody writes.
const announceEvery = 10 * time.Second

// maxAnnounced bounds how many posts are remembered as announced.
const maxAnnounced = 256

// announcer keeps a page that saves a draft with every pause from telling the
// others with every pause.
type announcer struct {
	mu   sync.Mutex
	last map[qa.PostID]time.Time
}

// due reports whether the post is to be announced now, and remembers that it was.
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

// announceAnswering tells the others that the reader is answering a post, when the reader
// is an author: so that two of them do not answer the same question unaware.
// What readers begin to write is told to nobody.
func (s *server) announceAnswering(ctx context.Context, event qa.EventID, key string, d node.Draft) {
	if d.Empty() {
		return
	}
	post, err := qa.ParsePostID(key)
	if err != nil || !s.announced.due(post, s.now()) {
		return
	}
	week, err := s.node.Week(ctx, event)
	if err != nil {
		return
	}
	me, err := s.node.Identity(ctx)
	if err != nil || !week.Event.HasRole(me, qa.RoleAuthor) {
		return
	}
	// Nobody may be in reach: a nicety, not worth a word.
	_ = s.node.Announce(ctx, event, qa.PresenceAnswering, post)
}

// presenceByPost returns what is known of the others' devices, by post.
func (s *server) presenceByPost(ctx context.Context, event qa.EventID) map[qa.PostID][]qa.Presence {
	all, err := s.node.Presence(ctx, event)
	if err != nil {
		return nil // the page must open all the same
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
		if p.Kind == qa.PresenceAnswering && p.By != v.me && v.Event.HasRole(p.By, qa.RoleAuthor) {
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
	return and(names) + " are answering"
}

// maxStateWords is how long the words of a delivery state may be, in characters.
const maxStateWords = 26

// deliveredWords says on whose device a post has arrived, of the authors: there, which is
// not the same as read. "" when nothing is known.
func (v *weekView) deliveredWords(post qa.PostID) string {
	for _, p := range v.presence[post] {
		if p.Kind != qa.PresenceSeen || p.By == v.me || !v.Event.HasRole(p.By, qa.RoleAuthor) {
			continue
		}
		if words := "Delivered to " + isolateDirection(firstName(cmp.Or(v.People[p.By].Name, p.By.Short()))); len([]rune(words)) <= maxStateWords {
			return words
		}
		return deliveryWords[stateSeen]
	}
	return ""
}
