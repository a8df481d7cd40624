//go:build js && wasm

package idb

import (
	"cmp"
	"context"
	"strings"
	"syscall/js"

	"flyleaf/internal/jsvalue"
	"flyleaf/internal/smallsort"
	"flyleaf/qa"
	"flyleaf/storage"
)

func (t *tx) putViews(event string, v *storage.ViewRows) error {
	if v.Replace {
		for _, store := range []string{storePosts, storeReactions, storePeople} {
			t.delete(store, keysUnder(event))
		}
		t.delete(storeEvents, event)
	}
	if v.Event != nil {
		t.put(storeEvents, map[string]any{"e": event, "v": jsvalue.Uint8Array(v.Event)})
	}
	for i := range v.Posts {
		p := &v.Posts[i]
		t.put(storePosts, map[string]any{"e": event, "id": string(p.ID), "v": jsvalue.Uint8Array(p.JSON), "w": strings.Join(p.Words, " ")})
	}
	for _, r := range v.Reactions {
		if r.On {
			t.put(storeReactions, map[string]any{"e": event, "p": string(r.Post), "m": r.Emoji, "b": string(r.By)})
		} else {
			t.delete(storeReactions, []any{event, string(r.Post), r.Emoji, string(r.By)})
		}
	}
	for _, p := range v.People {
		t.put(storePeople, map[string]any{"e": event, "id": string(p.ID), "v": jsvalue.Uint8Array(p.JSON)})
	}
	return t.failed
}

// ReplaceViews implements storage.Views.
func (s *Store) ReplaceViews(ctx context.Context, event qa.EventID, u storage.ViewUpdate) error {
	rows, err := storage.EncodeViews(u)
	if err != nil {
		return err
	}
	rows.Replace = true
	return s.do(ctx, true, ledgerStores, func(t *tx) error { return t.putViews(string(event), &rows) })
}

// decode decodes a row of a view.
func decode(row js.Value, into any) error {
	return storage.DecodeView(jsvalue.Bytes(row.Get("v")), into)
}

// Event implements storage.Views.
func (s *Store) Event(ctx context.Context, event qa.EventID) (qa.Event, error) {
	var e qa.Event
	err := s.do(ctx, false, []any{storeEvents}, func(t *tx) error { return t.find(storeEvents, string(event), &e) })
	if err != nil {
		return qa.Event{}, err
	}
	return e, nil
}

// find decodes the row of a view, or returns storage.ErrNotFound.
func (t *tx) find(store string, key, into any) error {
	row, err := t.get(store, key)
	if err != nil {
		return err
	}
	if !row.Truthy() {
		return storage.ErrNotFound
	}
	return decode(row, into)
}

// reactions returns the reactions in a range of keys, by post, in order.
func (t *tx) reactions(keys js.Value) (map[qa.PostID][]qa.Reaction, error) {
	found := map[qa.PostID][]qa.Reaction{}
	err := t.each(storeReactions, "", keys, 0, func(row js.Value) error {
		post := qa.PostID(row.Get("p").String())
		found[post] = append(found[post], qa.Reaction{Emoji: row.Get("m").String(), By: qa.Identity(row.Get("b").String())})
		return nil
	})
	for _, all := range found { // sort again, because IndexedDB orders strings by UTF-16 code units
		smallsort.Func(all, func(a, b qa.Reaction) int {
			return cmp.Or(cmp.Compare(a.Emoji, b.Emoji), cmp.Compare(a.By, b.By))
		})
	}
	return found, err
}

// Posts implements storage.Views.
func (s *Store) Posts(ctx context.Context, event qa.EventID) (posts []qa.Post, err error) {
	err = s.do(ctx, false, []any{storePosts, storeReactions}, func(t *tx) error {
		posts = nil
		reactions, err := t.reactions(keysUnder(string(event)))
		if err != nil {
			return err
		}
		return t.each(storePosts, "", keysUnder(string(event)), 0, func(row js.Value) error {
			var p qa.Post
			if err := decode(row, &p); err != nil {
				return err
			}
			p.Reactions = reactions[p.ID]
			posts = append(posts, p)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return posts, nil
}

// Post implements storage.Views.
func (s *Store) Post(ctx context.Context, event qa.EventID, id qa.PostID) (qa.Post, error) {
	var p qa.Post
	err := s.do(ctx, false, []any{storePosts, storeReactions}, func(t *tx) error {
		if err := t.find(storePosts, []any{string(event), string(id)}, &p); err != nil {
			return err
		}
		reactions, err := t.reactions(keysUnder(string(event), string(id)))
		p.Reactions = reactions[id]
		return err
	})
	if err != nil {
		return qa.Post{}, err
	}
	return p, nil
}

// People implements storage.Views.
func (s *Store) People(ctx context.Context, event qa.EventID) (people []qa.Person, err error) {
	err = s.do(ctx, false, []any{storePeople}, func(t *tx) error {
		people = nil
		return t.each(storePeople, "", keysUnder(string(event)), 0, func(row js.Value) error {
			var p qa.Person
			if err := decode(row, &p); err != nil {
				return err
			}
			people = append(people, p)
			return nil
		})
	})
	return people, err
}

// Search implements storage.Views; see storage.Score.
func (s *Store) Search(ctx context.Context, event qa.EventID, query string, limit int) (ids []qa.PostID, err error) {
	found, err := s.find(ctx, keysUnder(string(event)), query, limit)
	for _, f := range found {
		ids = append(ids, f.Post)
	}
	return ids, err
}

// SearchAll implements storage.Views, as Search does.
func (s *Store) SearchAll(ctx context.Context, query string, limit int) ([]storage.SearchHit, error) {
	return s.find(ctx, js.Undefined(), query, limit)
}

// find searches the posts in a range of keys. It reads all of them: an index of their words would
// make storing a post several times as expensive as it is.
func (s *Store) find(ctx context.Context, keys js.Value, query string, limit int) ([]storage.SearchHit, error) {
	terms := storage.Terms(query)
	if limit <= 0 {
		terms = nil
	}
	var hits storage.Hits
	err := s.do(ctx, false, []any{storePosts}, func(t *tx) error {
		hits = nil
		if len(terms) == 0 {
			return nil
		}
		return t.each(storePosts, "", keys, 0, func(row js.Value) error {
			words := row.Get("w")
			if words.Type() == js.TypeObject { // an array, from version 1
				words = words.Call("join", " ")
			}
			if score := storage.Score(strings.Fields(words.String()), terms); score > 0 {
				hits.Add(storage.SearchHit{Event: qa.EventID(row.Get("e").String()), Post: qa.PostID(row.Get("id").String())}, score)
			}
			return nil
		})
	})
	return hits.Best(limit), err
}
