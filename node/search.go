package node

import (
	"context"
	"math"

	"flyleaf/qa"
)

// WeekCache loads weeks, each once. It is for the length of one page or command, and for one
// goroutine.
type WeekCache struct {
	node   Node
	loaded map[qa.EventID]*qa.Week
}

// NewWeekCache returns the weeks of a node, none of them loaded yet.
func NewWeekCache(n Node) *WeekCache { return &WeekCache{n, map[qa.EventID]*qa.Week{}} }

// Get returns a week.
func (w *WeekCache) Get(ctx context.Context, id qa.EventID) (*qa.Week, error) {
	if w.loaded[id] == nil {
		week, err := w.node.Week(ctx, id)
		if err != nil {
			return nil, err
		}
		week.Event.ID = id
		w.loaded[id] = &week
	}
	return w.loaded[id], nil
}

// Fetched lists the weeks of which something has been fetched, without clubs; or only one that
// is named.
func (w *WeekCache) Fetched(ctx context.Context, only qa.EventID) (ids []qa.EventID, err error) {
	if only != "" {
		return []qa.EventID{only}, nil
	}
	all, err := w.node.Library(ctx)
	for i := range all {
		if all[i].Here() && all[i].Event.Kind != "club" {
			ids = append(ids, all[i].Event.ID)
		}
	}
	return ids, err
}

// Query is what is searched for.
type Query struct {
	Event qa.EventID  // "": in all weeks
	Words string      // all of them; "": every post of By
	By    qa.Identity // "": of anybody
	Limit int         // at most so many posts are found
}

// Hit is a post that was found, in its week.
type Hit struct {
	Week *qa.Week
	Post *qa.PostView
}

// notShown is how many more posts a search looks at than it may find, because some of them
// may be hidden or withdrawn.
const notShown = 1000

// Search returns the posts that are found, best first, and whether there are more. Only
// posts that are shown are found.
func (w *WeekCache) Search(ctx context.Context, q Query) (hits []Hit, more bool, err error) {
	found, err := w.candidates(ctx, &q)
	if err != nil {
		return nil, false, err
	}
	for _, f := range found {
		week, err := w.Get(ctx, f.Event)
		if err != nil {
			return nil, false, err
		}
		p := week.Post(f.Post)
		if p == nil || !p.Shown() || q.By != "" && p.By != q.By {
			continue
		}
		if len(hits) == q.Limit {
			return hits, true, nil
		}
		hits = append(hits, Hit{week, p})
	}
	return hits, false, nil
}

// candidates lists the posts that may be meant: those with the words, or all of one person.
func (w *WeekCache) candidates(ctx context.Context, q *Query) (found []FoundPost, err error) {
	most := q.Limit + 1 + notShown
	if q.By != "" {
		most = math.MaxInt32 // theirs may be the last
	}
	switch {
	case q.Words != "" && q.Event == "":
		return w.node.SearchAll(ctx, q.Words, most)
	case q.Words != "":
		posts, err := w.node.Search(ctx, q.Event, q.Words, most)
		for _, p := range posts {
			found = append(found, FoundPost{q.Event, p})
		}
		return found, err
	case q.By == "":
		return nil, nil
	}
	ids, err := w.Fetched(ctx, q.Event)
	for _, id := range ids {
		week, err := w.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		week.EachPost(func(p *qa.PostView) {
			if p.By == q.By {
				found = append(found, FoundPost{id, p.ID})
			}
		})
	}
	return found, err
}
