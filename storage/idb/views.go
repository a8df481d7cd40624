//go:build js && wasm

package idb

import (
	"cmp"
	"context"
	"slices"
	"syscall/js"

	"flyleaf/internal/jsvalue"
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
		words := make([]any, len(p.Words))
		for k, w := range p.Words {
			words[k] = w
		}
		t.put(storePosts, map[string]any{"e": event, "id": string(p.ID), "v": jsvalue.Uint8Array(p.JSON), "w": words})
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
		slices.SortFunc(all, func(a, b qa.Reaction) int {
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
	found, err := s.find(ctx, query, limit, func(e qa.EventID) bool { return e == event })
	for _, f := range found {
		ids = append(ids, f.Post)
	}
	return ids, err
}

// SearchAll implements storage.Views, as Search does.
func (s *Store) SearchAll(ctx context.Context, query string, limit int) ([]storage.SearchHit, error) {
	return s.find(ctx, query, limit, func(qa.EventID) bool { return true })
}

func (s *Store) find(ctx context.Context, query string, limit int, in func(qa.EventID) bool) (found []storage.SearchHit, err error) {
	terms := storage.Terms(query)
	var hits storage.Hits
	err = s.do(ctx, false, []any{storePosts}, func(t *tx) error {
		hits = nil
		if len(terms) == 0 || limit <= 0 {
			return nil
		}
		posts, err := t.candidates(terms, in)
		if err != nil {
			return err
		}
		for _, post := range posts {
			row, err := t.get(storePosts, []any{string(post.Event), string(post.Post)})
			if err != nil {
				return err
			}
			list := row.Get("w")
			words := make([]string, list.Length())
			for i := range words {
				words[i] = list.Index(i).String()
			}
			hits.Add(post, storage.Score(words, terms))
		}
		return nil
	})
	return hits.Best(limit), err
}

// candidates returns the posts that contain, for each term, a word of one of its phrases.
func (t *tx) candidates(terms []storage.Term, in func(qa.EventID) bool) ([]storage.SearchHit, error) {
	var all map[storage.SearchHit]bool
	for _, term := range terms {
		these := map[storage.SearchHit]bool{}
		for _, phrase := range term {
			// The longest word is usually the rarest.
			word := slices.MaxFunc(phrase, func(a, b string) int { return cmp.Compare(len(a), len(b)) })
			keys, err := t.await(func() js.Value {
				return t.store(storePosts).Call("index", indexWords).Call("getAllKeys", stringsWithPrefix(word))
			})
			if err != nil {
				return nil, err
			}
			for i, n := 0, keys.Length(); i < n; i++ {
				key := keys.Index(i)
				post := storage.SearchHit{Event: qa.EventID(key.Index(0).String()), Post: qa.PostID(key.Index(1).String())}
				if in(post.Event) && (all == nil || all[post]) {
					these[post] = true
				}
			}
		}
		all = these
	}
	posts := make([]storage.SearchHit, 0, len(all))
	for post := range all {
		posts = append(posts, post)
	}
	return posts, nil
}
