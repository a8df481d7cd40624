//go:build js && wasm

package idb

import (
	"cmp"
	"context"
	"slices"
	"syscall/js"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// ledgerStores are the object stores that an append may touch.
var ledgerStores = []any{storeMeta, storeChanges, storePosts, storeReactions, storePeople, storeEvents, storeFollowing}

// Append implements storage.Ledger.
func (s *Store) Append(ctx context.Context, batches ...storage.Batch) error {
	rows, writes, err := storage.Prepare(batches)
	if err != nil {
		return err
	}
	stores := ledgerStores
	if !writes {
		stores = []any{storeMeta} // only checks that the store is open
	}
	return s.do(ctx, writes, stores, func(t *tx) error {
		for i := range batches {
			if err := ctx.Err(); err != nil {
				return err
			}
			b := &batches[i]
			if err := t.appendEntries(b); err != nil {
				return err
			}
			if err := t.setStatuses(b); err != nil {
				return err
			}
			if err := t.putViews(string(b.Event), &rows[i]); err != nil {
				return err
			}
			if b.Follow != nil {
				t.put(storeFollowing, followingRow(b.Follow))
			}
		}
		return nil
	})
}

// appendEntries stores the entries of a batch that the document does not have, and repairs
// damaged ones.
func (t *tx) appendEntries(b *storage.Batch) error {
	if len(b.Entries) == 0 {
		return nil
	}
	event := string(b.Event)
	last, err := t.get(storeMeta, "position")
	if err != nil {
		return err
	}
	var position int64
	if last.Truthy() {
		position = int64(last.Get("v").Float())
	}
	rows, err := t.stored(event, b.Entries)
	if err != nil {
		return err
	}
	before := position
	seen := map[wire.Hash]bool{}
	for i := range b.Entries {
		e := &b.Entries[i]
		if seen[e.Hash()] {
			continue
		}
		seen[e.Hash()] = true
		if rows[i].Truthy() {
			if old := entryOf(rows[i]); !old.intact {
				fixed := storage.Repair(&old.Entry, old.sum, e)
				t.put(storeChanges, row(event, newStored(&fixed)))
			}
			continue
		}
		position++
		added := *e
		added.Position = position
		t.put(storeChanges, row(event, newStored(&added)))
	}
	if position > before {
		t.put(storeMeta, map[string]any{"k": "position", "v": position})
	}
	return t.failed
}

// stored returns the stored rows of entries; undefined for entries that are not stored.
func (t *tx) stored(event string, entries []storage.Entry) ([]js.Value, error) {
	found := make([]js.Value, len(entries))
	n, err := t.count(storeChanges, "", keysUnder(event))
	if err != nil || n == 0 {
		return found, err
	}
	index := t.store(storeChanges).Call("index", indexHash)
	requests := make([]js.Value, len(entries))
	if err := catch(func() {
		for i := range entries {
			requests[i] = index.Call("get", []any{event, entries[i].Hash().String()})
		}
	}); err != nil {
		return nil, err
	}
	// Requests of a transaction are answered in the order in which they were made.
	if _, err := await(t.ctx, requests[len(requests)-1]); err != nil {
		return nil, err
	}
	for i := range requests {
		found[i] = requests[i].Get("result")
	}
	return found, t.failed
}

func (t *tx) setStatuses(b *storage.Batch) error {
	return t.updateEntries(string(b.Event), keysOf(b.Statuses), func(e *stored) bool {
		status := b.Statuses[e.hash]
		differs := e.Status != status
		e.Status = status
		return differs
	})
}

func keysOf(m map[wire.Hash]storage.Status) []wire.Hash {
	all := make([]wire.Hash, 0, len(m))
	for h := range m {
		all = append(all, h)
	}
	return all
}

// updateEntries calls f for each entry with one of the hashes, and stores the entry if f returns
// true. f must not modify a field that the checksum covers.
func (t *tx) updateEntries(event string, hashes []wire.Hash, f func(*stored) bool) error {
	for _, h := range hashes {
		v, err := t.await(func() js.Value {
			return t.store(storeChanges).Call("index", indexHash).Call("get", []any{event, h.String()})
		})
		if err != nil {
			return err
		}
		if v.Truthy() {
			t.updateRow(event, v, f)
		}
	}
	return t.failed
}

func (t *tx) updateRow(event string, v js.Value, f func(*stored) bool) {
	if e := entryOf(v); f(e) {
		t.put(storeChanges, row(event, e)) // keep the checksum, so that damage stays detectable
	}
}

func (s *Store) walk(ctx context.Context, index string, event qa.EventID, after int64, fn func(storage.Entry) error) error {
	return storage.Walk(event, after, func(after int64, limit int, page *storage.Page) error {
		return s.do(ctx, false, []any{storeChanges}, func(t *tx) error {
			*page = storage.Page{} // do may run this twice
			next := keyRange("bound", []any{string(event), after}, []any{string(event), []any{}}, true, true)
			return t.each(storeChanges, index, next, limit, func(v js.Value) error {
				e := entryOf(v)
				page.Add(e.Entry, e.hash, e.intact)
				return nil
			})
		})
	}, fn)
}

// Entries implements storage.Ledger.
func (s *Store) Entries(ctx context.Context, event qa.EventID, after int64, fn func(storage.Entry) error) error {
	return s.walk(ctx, "", event, after, fn)
}

// Undelivered implements storage.Ledger.
func (s *Store) Undelivered(ctx context.Context, event qa.EventID, fn func(storage.Entry) error) error {
	return s.walk(ctx, indexUndelivered, event, 0, fn)
}

// Entry implements storage.Ledger.
func (s *Store) Entry(ctx context.Context, event qa.EventID, hash wire.Hash) (storage.Entry, error) {
	var entry storage.Entry
	err := s.do(ctx, false, []any{storeChanges}, func(t *tx) error {
		v, err := t.await(func() js.Value {
			return t.store(storeChanges).Call("index", indexHash).Call("get", []any{string(event), hash.String()})
		})
		if err != nil {
			return err
		}
		if !v.Truthy() {
			return storage.ErrNotFound
		}
		e := entryOf(v)
		if !e.intact {
			return &storage.DamagedError{Event: event, Hashes: []wire.Hash{hash}}
		}
		entry = e.Entry
		return nil
	})
	return entry, err
}

// Documents implements storage.Ledger.
func (s *Store) Documents(ctx context.Context) (events []qa.EventID, err error) {
	err = s.do(ctx, false, []any{storeChanges}, func(t *tx) error {
		events = nil
		after := js.Undefined()
		for {
			// Skip to the first key after the previous event: one lookup per document.
			cursor, err := t.await(func() js.Value { return t.store(storeChanges).Call("openKeyCursor", after) })
			if err != nil {
				return err
			}
			if !cursor.Truthy() {
				return nil
			}
			event := cursor.Get("primaryKey").Index(0).String()
			events = append(events, qa.EventID(event))
			after = keyRange("lowerBound", []any{event, []any{}}, true)
		}
	})
	slices.SortFunc(events, cmp.Compare[qa.EventID])
	return events, err
}

// SetDelivered implements storage.Ledger.
func (s *Store) SetDelivered(ctx context.Context, event qa.EventID, delivered bool, hashes ...wire.Hash) error {
	set := func(e *stored) bool {
		if !e.Own || e.Delivered == delivered {
			return false
		}
		e.Delivered = delivered
		return true
	}
	return s.do(ctx, true, []any{storeChanges}, func(t *tx) error {
		if len(hashes) > 0 {
			return t.updateEntries(string(event), hashes, set)
		}
		if err := t.each(storeChanges, "", keysUnder(string(event)), 0, func(v js.Value) error {
			t.updateRow(string(event), v, set)
			return nil
		}); err != nil {
			return err
		}
		return t.failed
	})
}

// Counts implements storage.Ledger.
func (s *Store) Counts(ctx context.Context, event qa.EventID) (c storage.Counts, err error) {
	err = s.do(ctx, false, []any{storeChanges, storePosts}, func(t *tx) error {
		c = storage.Counts{}
		all, err := t.count(storeChanges, "", keysUnder(string(event)))
		if err != nil {
			return err
		}
		if c.NotInDocument, err = t.count(storeChanges, indexNotInDocument, keyRange("only", string(event))); err != nil {
			return err
		}
		c.Changes = all - c.NotInDocument
		if c.Undelivered, err = t.count(storeChanges, indexUndelivered, keysUnder(string(event))); err != nil {
			return err
		}
		if c.Posts, err = t.count(storePosts, "", keysUnder(string(event))); err != nil {
			return err
		}
		last, err := t.await(func() js.Value {
			return t.store(storeChanges).Call("openKeyCursor", keysUnder(string(event)), "prev")
		})
		if err != nil {
			return err
		}
		if last.Truthy() {
			c.Last = int64(last.Get("primaryKey").Index(1).Float())
		}
		return nil
	})
	return c, err
}
