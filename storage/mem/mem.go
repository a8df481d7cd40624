// Package mem is storage in memory, for tests and `flyleaf demo`.
//
// It implements the Store contract except for durability: the data is lost when the process ends.
// It shares no memory with its caller: it copies its arguments and results. It uses no files.
package mem

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// Store is a storage.Store. It is safe for concurrent use.
type Store struct {
	mu        sync.RWMutex
	closed    bool
	position  int64
	docs      map[qa.EventID]*document
	following map[qa.EventID]storage.Following
	settings  map[string]string
	snapshots map[qa.EventID]storage.Snapshot
}

var _ storage.Store = (*Store)(nil)

type document struct {
	entries []*storage.Entry // ascending by position
	byHash  map[wire.Hash]*storage.Entry
	views   views
}

// New returns an empty store.
func New() *Store {
	return &Store{
		docs:      map[qa.EventID]*document{},
		following: map[qa.EventID]storage.Following{},
		settings:  map[string]string{},
		snapshots: map[qa.EventID]storage.Snapshot{},
	}
}

// read runs fn with a shared lock.
func (s *Store) read(ctx context.Context, fn func() error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return storage.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fn()
}

// write runs fn with an exclusive lock. fn must check everything before it changes anything.
func (s *Store) write(ctx context.Context, fn func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return storage.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fn()
}

// document returns the event's document, creating it if needed.
func (s *Store) document(event qa.EventID) *document {
	d := s.docs[event]
	if d == nil {
		d = &document{byHash: map[wire.Hash]*storage.Entry{}, views: newViews()}
		s.docs[event] = d
	}
	return d
}

// Close drops all data.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.docs, s.following, s.settings, s.snapshots = nil, nil, nil, nil
	return nil
}

func cloneEntry(e *storage.Entry) storage.Entry {
	c := *e
	c.Chunk, c.Signature, c.Act = e.Chunk.Clone(), bytes.Clone(e.Signature), bytes.Clone(e.Act)
	return c
}

// Append implements storage.Ledger.
func (s *Store) Append(ctx context.Context, batches ...storage.Batch) error {
	rows, _, err := storage.Prepare(batches)
	if err != nil {
		return err
	}
	return s.write(ctx, func() error {
		for i, b := range batches {
			if b.Empty(&rows[i]) {
				continue
			}
			d := s.document(b.Event)
			for j := range b.Entries {
				if d.byHash[b.Entries[j].Hash()] != nil {
					continue
				}
				e := cloneEntry(&b.Entries[j])
				s.position++
				e.Position = s.position
				d.entries = append(d.entries, &e)
				d.byHash[e.Hash()] = &e
			}
			for h, status := range b.Statuses {
				if e := d.byHash[h]; e != nil {
					e.Status = status
				}
			}
			d.views.apply(&rows[i])
			if b.Follow != nil {
				s.following[b.Follow.Event] = *b.Follow
			}
		}
		return nil
	})
}

// pageSize is how many entries a walk copies before it releases the lock.
const pageSize = 256

// walk calls fn with the entries after a position for which want returns true, ascending. fn runs without the lock,
// so it may use the store; entries that are appended meanwhile may be visited, too.
func (s *Store) walk(ctx context.Context, event qa.EventID, after int64, want func(*storage.Entry) bool, fn func(storage.Entry) error) error {
	for {
		var page []storage.Entry
		err := s.read(ctx, func() error {
			d := s.docs[event]
			if d == nil {
				return nil
			}
			from := sort.Search(len(d.entries), func(i int) bool { return d.entries[i].Position > after })
			for _, e := range d.entries[from:] {
				after = e.Position
				if want(e) {
					page = append(page, cloneEntry(e))
				}
				if len(page) == pageSize {
					break
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, e := range page {
			if err := fn(e); err != nil {
				return err
			}
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

// Entries implements storage.Ledger.
func (s *Store) Entries(ctx context.Context, event qa.EventID, after int64, fn func(storage.Entry) error) error {
	return s.walk(ctx, event, after, func(*storage.Entry) bool { return true }, fn)
}

// Undelivered implements storage.Ledger.
func (s *Store) Undelivered(ctx context.Context, event qa.EventID, fn func(storage.Entry) error) error {
	return s.walk(ctx, event, 0, storage.IsUndelivered, fn)
}

// Entry implements storage.Ledger.
func (s *Store) Entry(ctx context.Context, event qa.EventID, hash wire.Hash) (entry storage.Entry, err error) {
	err = s.read(ctx, func() error {
		if d := s.docs[event]; d != nil && d.byHash[hash] != nil {
			entry = cloneEntry(d.byHash[hash])
			return nil
		}
		return storage.ErrNotFound
	})
	return entry, err
}

// Documents implements storage.Ledger.
func (s *Store) Documents(ctx context.Context) (events []qa.EventID, err error) {
	err = s.read(ctx, func() error {
		for event, d := range s.docs {
			if len(d.entries) > 0 {
				events = append(events, event)
			}
		}
		slices.Sort(events)
		return nil
	})
	return events, err
}

// SetDelivered implements storage.Ledger.
func (s *Store) SetDelivered(ctx context.Context, event qa.EventID, delivered bool, hashes ...wire.Hash) error {
	return s.write(ctx, func() error {
		d := s.docs[event]
		if d == nil {
			return nil
		}
		set := func(e *storage.Entry) {
			if e != nil && e.Own {
				e.Delivered = delivered
			}
		}
		if len(hashes) == 0 {
			for _, e := range d.entries {
				set(e)
			}
		}
		for _, h := range hashes {
			set(d.byHash[h])
		}
		return nil
	})
}

// Counts implements storage.Ledger.
func (s *Store) Counts(ctx context.Context, event qa.EventID) (counts storage.Counts, err error) {
	err = s.read(ctx, func() error {
		d := s.docs[event]
		if d == nil {
			return nil
		}
		for _, e := range d.entries {
			if e.Status == storage.InDocument {
				counts.Changes++
			} else {
				counts.NotInDocument++
			}
			if storage.IsUndelivered(e) {
				counts.Undelivered++
			}
			counts.Last = e.Position
		}
		counts.Posts = len(d.views.posts)
		return nil
	})
	return counts, err
}

// Follow implements storage.Local.
func (s *Store) Follow(ctx context.Context, f storage.Following) error {
	return s.write(ctx, func() error { s.following[f.Event] = f; return nil })
}

// Unfollow implements storage.Local.
func (s *Store) Unfollow(ctx context.Context, event qa.EventID) error {
	return s.write(ctx, func() error { delete(s.following, event); return nil })
}

// Following implements storage.Local.
func (s *Store) Following(ctx context.Context) (all []storage.Following, err error) {
	err = s.read(ctx, func() error {
		all = slices.SortedFunc(maps.Values(s.following), func(a, b storage.Following) int {
			return cmp.Or(cmp.Compare(a.JoinedAtMillis, b.JoinedAtMillis), cmp.Compare(a.Event, b.Event))
		})
		return nil
	})
	return all, err
}

// Setting implements storage.Local.
func (s *Store) Setting(ctx context.Context, key string) (value string, err error) {
	err = s.read(ctx, func() error {
		v, ok := s.settings[key]
		if !ok {
			return storage.ErrNotFound
		}
		value = v
		return nil
	})
	return value, err
}

// SetSetting implements storage.Local.
func (s *Store) SetSetting(ctx context.Context, key, value string) error {
	return s.write(ctx, func() error { s.settings[key] = value; return nil })
}

// DeleteSetting implements storage.Local.
func (s *Store) DeleteSetting(ctx context.Context, key string) error {
	return s.write(ctx, func() error { delete(s.settings, key); return nil })
}

// Settings implements storage.Local.
func (s *Store) Settings(ctx context.Context, prefix string) (map[string]string, error) {
	found := map[string]string{}
	err := s.read(ctx, func() error {
		for k, v := range s.settings {
			if strings.HasPrefix(k, prefix) {
				found[k] = v
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// SaveSnapshot implements storage.Local.
func (s *Store) SaveSnapshot(ctx context.Context, event qa.EventID, snap storage.Snapshot) error {
	return s.write(ctx, func() error {
		snap.Bytes = bytes.Clone(snap.Bytes)
		s.snapshots[event] = snap
		return nil
	})
}

// Snapshot implements storage.Local.
func (s *Store) Snapshot(ctx context.Context, event qa.EventID) (snap storage.Snapshot, err error) {
	err = s.read(ctx, func() error {
		found, ok := s.snapshots[event]
		if !ok {
			return storage.ErrNotFound
		}
		snap = storage.Snapshot{Position: found.Position, Bytes: bytes.Clone(found.Bytes)}
		return nil
	})
	return snap, err
}

func decode[T any](b []byte) (v T, err error) {
	err = storage.DecodeView(b, &v)
	return v, err
}
