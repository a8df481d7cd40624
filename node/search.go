package node

import (
	"context"

	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/storage"
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

// Hit is a search result with its week.
type Hit struct {
	Week *qa.Week
	Post *qa.PostView
}

// Search returns the hits of Node.Find with their weeks, and the number of all hits.
func (w *WeekCache) Search(ctx context.Context, q Query) (hits []Hit, total int, err error) {
	found, err := w.node.Find(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	for _, f := range found.Posts {
		week, err := w.Get(ctx, f.Event)
		if err != nil {
			return nil, 0, err
		}
		if p := week.Post(f.Post); p != nil && p.Shown() { // nil: changed meanwhile
			hits = append(hits, Hit{week, p})
		}
	}
	return hits, found.Total, nil
}

// Segment is a part of a text. Hit says that it is a word for which the text was found.
type Segment = storage.Segment

// Highlight splits a text into segments, for a search for words.
func Highlight(text, words string) []Segment { return storage.Highlight(text, words) }
