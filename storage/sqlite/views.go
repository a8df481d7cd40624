package sqlite

import (
	"context"
	"strings"

	"flyleaf/qa"
	"flyleaf/storage"
)

func (t *tx) putViews(ctx context.Context, doc int64, v *storage.ViewRows) error {
	if v.Replace {
		for _, query := range []string{
			"DELETE FROM search WHERE rowid IN (SELECT id FROM posts WHERE document = ?)",
			"DELETE FROM posts WHERE document = ?",
			"DELETE FROM reactions WHERE document = ?",
			"DELETE FROM people WHERE document = ?",
			"DELETE FROM events WHERE document = ?",
		} {
			if _, err := t.exec(query, doc); err != nil {
				return err
			}
		}
	}
	if v.Event != nil {
		if _, err := t.exec(`INSERT INTO events (document, json) VALUES (?, ?)
			ON CONFLICT DO UPDATE SET json = excluded.json`, doc, v.Event); err != nil {
			return err
		}
	}
	ids := make([]int64, len(v.Posts))
	for i, p := range v.Posts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.row(`INSERT INTO posts (document, post, parent, at, json) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (document, post) DO UPDATE SET parent = excluded.parent, at = excluded.at, json = excluded.json
			RETURNING id`, []any{doc, string(p.ID), string(p.Parent), p.AtMillis, p.JSON}, &ids[i]); err != nil {
			return err
		}
	}
	for _, r := range v.Reactions {
		query := "DELETE FROM reactions WHERE document = ? AND post = ? AND emoji = ? AND identity = ?"
		if r.On {
			query = "INSERT INTO reactions (document, post, emoji, identity) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
		}
		if _, err := t.exec(query, doc, string(r.Post), r.Emoji, string(r.By)); err != nil {
			return err
		}
	}
	for _, p := range v.People {
		if _, err := t.exec(`INSERT INTO people (document, identity, json) VALUES (?, ?, ?)
			ON CONFLICT DO UPDATE SET json = excluded.json`, doc, string(p.ID), p.JSON); err != nil {
			return err
		}
	}
	// FTS flushes its in-memory index before other statements; interleaving would create many small
	// segments.
	for i, p := range v.Posts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := t.exec("INSERT OR REPLACE INTO search (rowid, words) VALUES (?, ?)", ids[i], searchWords(p.Words)); err != nil {
			return err
		}
	}
	return nil
}

// ReplaceViews implements storage.Views.
func (s *Store) ReplaceViews(ctx context.Context, event qa.EventID, u storage.ViewUpdate) error {
	rows, err := storage.EncodeViews(u)
	if err != nil {
		return err
	}
	rows.Replace = true
	return s.update(ctx, func(t *tx) error {
		doc, err := t.documentID(event)
		if err != nil {
			return err
		}
		return t.putViews(ctx, doc, &rows)
	})
}

// Event implements storage.Views.
func (s *Store) Event(ctx context.Context, event qa.EventID) (qa.Event, error) {
	var e qa.Event
	err := s.view(ctx, func(t *tx) error {
		var b []byte
		err := t.row("SELECT json FROM events WHERE document = (SELECT id FROM documents WHERE event = ?)",
			[]any{string(event)}, &b)
		if err != nil {
			return err
		}
		return storage.DecodeView(b, &e)
	})
	if err != nil {
		return qa.Event{}, err
	}
	return e, nil
}

// Posts implements storage.Views.
func (s *Store) Posts(ctx context.Context, event qa.EventID) ([]qa.Post, error) {
	var posts []qa.Post
	err := s.view(ctx, func(t *tx) error {
		reactions := map[qa.PostID][]qa.Reaction{}
		err := t.each(`SELECT post, emoji, identity FROM reactions
			WHERE document = (SELECT id FROM documents WHERE event = ?) ORDER BY post, emoji, identity`,
			[]any{string(event)}, func(scan func(...any) error) error {
				var post qa.PostID
				var one qa.Reaction
				if err := scan(&post, &one.Emoji, &one.By); err != nil {
					return err
				}
				reactions[post] = append(reactions[post], one)
				return nil
			})
		if err != nil {
			return err
		}
		return t.each("SELECT json FROM posts WHERE document = (SELECT id FROM documents WHERE event = ?)",
			[]any{string(event)}, func(scan func(...any) error) error {
				var b []byte
				if err := scan(&b); err != nil {
					return err
				}
				var p qa.Post
				if err := storage.DecodeView(b, &p); err != nil {
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
	err := s.view(ctx, func(t *tx) error {
		args := []any{string(event), string(id)}
		var b []byte
		err := t.row("SELECT json FROM posts WHERE document = (SELECT id FROM documents WHERE event = ?) AND post = ?", args, &b)
		if err != nil {
			return err
		}
		if err := storage.DecodeView(b, &p); err != nil {
			return err
		}
		return t.each(`SELECT emoji, identity FROM reactions
			WHERE document = (SELECT id FROM documents WHERE event = ?) AND post = ? ORDER BY emoji, identity`,
			args, func(scan func(...any) error) error {
				var one qa.Reaction
				if err := scan(&one.Emoji, &one.By); err != nil {
					return err
				}
				p.Reactions = append(p.Reactions, one)
				return nil
			})
	})
	if err != nil {
		return qa.Post{}, err
	}
	return p, nil
}

// People implements storage.Views.
func (s *Store) People(ctx context.Context, event qa.EventID) (people []qa.Person, err error) {
	err = s.view(ctx, func(t *tx) error {
		return t.each("SELECT json FROM people WHERE document = (SELECT id FROM documents WHERE event = ?) ORDER BY identity",
			[]any{string(event)}, func(scan func(...any) error) error {
				var b []byte
				if err := scan(&b); err != nil {
					return err
				}
				var p qa.Person
				if err := storage.DecodeView(b, &p); err != nil {
					return err
				}
				people = append(people, p)
				return nil
			})
	})
	return people, err
}

// Search implements storage.Views.
func (s *Store) Search(ctx context.Context, event qa.EventID, query string, limit int) (ids []qa.PostID, err error) {
	found, err := s.find(ctx, query, limit, "AND d.event = ?", string(event))
	for _, f := range found {
		ids = append(ids, f.Post)
	}
	return ids, err
}

// SearchAll implements storage.Views.
func (s *Store) SearchAll(ctx context.Context, query string, limit int) ([]storage.SearchHit, error) {
	return s.find(ctx, query, limit, "")
}

// find searches the documents that match the condition.
func (s *Store) find(ctx context.Context, query string, limit int, condition string, args ...any) (found []storage.SearchHit, err error) {
	// Words contain only letters, digits and marks, so they cannot close the quotes. Inside
	// quotes AND, OR, NOT, NEAR and * have no special meaning.
	var words []string
	for _, term := range storage.Terms(query) {
		phrases := make([]string, len(term))
		for i, phrase := range term {
			phrases[i] = `"` + strings.Join(phrase, " ") + `"*`
		}
		words = append(words, "("+strings.Join(phrases, " OR ")+")")
	}
	args = append(append([]any{strings.Join(words, " AND ")}, args...), limit)
	err = s.view(ctx, func(t *tx) error {
		if len(words) == 0 || limit <= 0 {
			return nil
		}
		return t.each(`SELECT d.event, p.post FROM search JOIN posts p ON p.id = search.rowid JOIN documents d ON d.id = p.document
			WHERE search MATCH ? `+condition+` ORDER BY search.rank, p.post, d.event LIMIT ?`,
			args, func(scan func(...any) error) error {
				var f storage.SearchHit
				if err := scan(&f.Event, &f.Post); err != nil {
					return err
				}
				found = append(found, f)
				return nil
			})
	})
	return found, err
}
