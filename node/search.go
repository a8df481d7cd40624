package node

import (
	"context"
	"math"

	"flyleaf/qa"
	"flyleaf/schema"
)

// WeekCache loads each week once. Use it for one page or command. It is not safe for concurrent
// use.
type WeekCache struct {
	node   Node
	loaded map[qa.EventID]*qa.Week
}

// NewWeekCache returns an empty cache of the weeks of a node.
func NewWeekCache(n Node) *WeekCache { return &WeekCache{n, map[qa.EventID]*qa.Week{}} }

// Get returns a week.
func (w *WeekCache) Get(ctx context.Context, id qa.EventID) (*qa.Week, error) {
	if w.loaded[id] == nil {
		week, err := w.node.Week(ctx, id)
		if err != nil {
			return nil, err
		}
		w.loaded[id] = &week
	}
	return w.loaded[id], nil
}

// Fetched lists the weeks that have been fetched, without clubs. If only is set, it returns
// just that.
func (w *WeekCache) Fetched(ctx context.Context, only qa.EventID) (ids []qa.EventID, err error) {
	if only != "" {
		return []qa.EventID{only}, nil
	}
	all, err := w.node.Library(ctx)
	for i := range all {
		if all[i].Arrived() && all[i].Event.Kind != schema.KindClub {
			ids = append(ids, all[i].Event.ID)
		}
	}
	return ids, err
}

// Query is a search query.
type Query struct {
	Event qa.EventID  // "" searches all weeks
	Words string      // a post must contain all words; "" matches every post of By
	By    qa.Identity // "" matches posts of anybody
	Limit int         // maximum number of hits
}

// Hit is a search result with its week.
type Hit struct {
	Week *qa.Week
	Post *qa.PostView
}

// hiddenMargin is how many posts beyond the limit a search looks at, because some may be hidden
// or withdrawn.
const hiddenMargin = 1000

// Search returns the visible posts that match a query, best match first, and whether there are
// more.
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

// candidates lists the posts that contain the words, or all posts of one person. Hidden posts
// are included.
func (w *WeekCache) candidates(ctx context.Context, q *Query) (found []FoundPost, err error) {
	limit := q.Limit + 1 + hiddenMargin
	if q.By != "" {
		limit = math.MaxInt32 // this person's posts may be the last matches
	}
	switch {
	case q.Words != "" && q.Event == "":
		return w.node.SearchAll(ctx, q.Words, limit)
	case q.Words != "":
		posts, err := w.node.Search(ctx, q.Event, q.Words, limit)
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
