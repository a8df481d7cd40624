package mem

import (
	"cmp"
	"context"
	"slices"

	"flyleaf/qa"
	"flyleaf/storage"
)

// views is the rows of one document's views.
type views struct {
	event     []byte // JSON; nil: none
	posts     map[qa.PostID]storage.PostRow
	reactions map[qa.PostID]map[qa.Reaction]bool
	people    map[qa.Identity][]byte // JSON
}

func newViews() views {
	return views{
		posts:     map[qa.PostID]storage.PostRow{},
		reactions: map[qa.PostID]map[qa.Reaction]bool{},
		people:    map[qa.Identity][]byte{},
	}
}

func (v *views) apply(rows *storage.ViewRows) {
	if rows.Replace {
		*v = newViews()
	}
	if rows.Event != nil {
		v.event = rows.Event
	}
	for _, row := range rows.Posts {
		v.posts[row.ID] = row
	}
	for _, r := range rows.Reactions {
		if !r.On {
			delete(v.reactions[r.Post], r.Reaction)
			continue
		}
		if v.reactions[r.Post] == nil {
			v.reactions[r.Post] = map[qa.Reaction]bool{}
		}
		v.reactions[r.Post][r.Reaction] = true
	}
	for _, row := range rows.People {
		v.people[row.ID] = row.JSON
	}
}

func (v *views) post(id qa.PostID) (qa.Post, error) {
	row, ok := v.posts[id]
	if !ok {
		return qa.Post{}, storage.ErrNotFound
	}
	p, err := decode[qa.Post](row.JSON)
	if err != nil {
		return qa.Post{}, err
	}
	for r := range v.reactions[id] {
		p.Reactions = append(p.Reactions, r)
	}
	slices.SortFunc(p.Reactions, func(a, b qa.Reaction) int {
		return cmp.Or(cmp.Compare(a.Emoji, b.Emoji), cmp.Compare(a.By, b.By))
	})
	return p, nil
}

// Event implements storage.Views.
func (s *Store) Event(ctx context.Context, event qa.EventID) (e qa.Event, err error) {
	err = s.read(ctx, func() error {
		d := s.docs[event]
		if d == nil || d.views.event == nil {
			return storage.ErrNotFound
		}
		var err error
		e, err = decode[qa.Event](d.views.event)
		return err
	})
	return e, err
}

// Posts implements storage.Views.
func (s *Store) Posts(ctx context.Context, event qa.EventID) (posts []qa.Post, err error) {
	err = s.read(ctx, func() error {
		d := s.docs[event]
		if d == nil {
			return nil
		}
		for id := range d.views.posts {
			p, err := d.views.post(id)
			if err != nil {
				return err
			}
			posts = append(posts, p)
		}
		return nil
	})
	return posts, err
}

// Post implements storage.Views.
func (s *Store) Post(ctx context.Context, event qa.EventID, id qa.PostID) (p qa.Post, err error) {
	err = s.read(ctx, func() error {
		d := s.docs[event]
		if d == nil {
			return storage.ErrNotFound
		}
		var err error
		p, err = d.views.post(id)
		return err
	})
	return p, err
}

// People implements storage.Views.
func (s *Store) People(ctx context.Context, event qa.EventID) (people []qa.Person, err error) {
	err = s.read(ctx, func() error {
		if d := s.docs[event]; d != nil {
			for _, b := range d.views.people {
				p, err := decode[qa.Person](b)
				if err != nil {
					return err
				}
				people = append(people, p)
			}
		}
		slices.SortFunc(people, func(a, b qa.Person) int { return cmp.Compare(a.ID, b.ID) })
		return nil
	})
	return people, err
}

// Search implements storage.Views; see storage.Score.
func (s *Store) Search(ctx context.Context, event qa.EventID, query string, limit int) (ids []qa.PostID, err error) {
	found, err := s.find(ctx, query, limit, func(id qa.EventID) bool { return id == event })
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
	err = s.read(ctx, func() error {
		if len(terms) == 0 || limit <= 0 {
			return nil
		}
		var hits storage.Hits
		for event, d := range s.docs {
			if !in(event) {
				continue
			}
			for id, p := range d.views.posts {
				hits.Add(storage.SearchHit{Event: event, Post: id}, storage.Score(p.Words, terms))
			}
		}
		found = hits.Best(limit)
		return nil
	})
	return found, err
}

// ReplaceViews implements storage.Views.
func (s *Store) ReplaceViews(ctx context.Context, event qa.EventID, u storage.ViewUpdate) error {
	rows, err := storage.EncodeViews(u)
	if err != nil {
		return err
	}
	rows.Replace = true
	return s.write(ctx, func() error {
		s.document(event).views.apply(&rows)
		return nil
	})
}
