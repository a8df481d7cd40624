//go:build js && wasm

package idb

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"syscall/js"

	"flyleaf/internal/jsvalue"
	"flyleaf/internal/smallsort"
	"flyleaf/qa"
	"flyleaf/storage"
)

// putRow writes one row as a transaction.
func (s *Store) putRow(ctx context.Context, store string, row map[string]any) error {
	return s.do(ctx, true, []any{store}, func(t *tx) error { t.put(store, row); return t.failed })
}

// deleteRow deletes one row as a transaction.
func (s *Store) deleteRow(ctx context.Context, store, key string) error {
	return s.do(ctx, true, []any{store}, func(t *tx) error { t.delete(store, key); return t.failed })
}

// getRow calls f with a row. It returns storage.ErrNotFound when there is none.
func (s *Store) getRow(ctx context.Context, store, key string, f func(js.Value)) error {
	return s.do(ctx, false, []any{store}, func(t *tx) error {
		row, err := t.get(store, key)
		if err != nil {
			return err
		}
		if !row.Truthy() {
			return storage.ErrNotFound
		}
		f(row)
		return nil
	})
}

// Follow implements storage.Local.
func (s *Store) Follow(ctx context.Context, f storage.Following) error {
	return s.putRow(ctx, storeFollowing, followingRow(&f))
}

func followingRow(f *storage.Following) map[string]any {
	return map[string]any{"e": string(f.Event), "relay": f.Relay, "at": f.JoinedAtMillis}
}

// Unfollow implements storage.Local.
func (s *Store) Unfollow(ctx context.Context, event qa.EventID) error {
	return s.deleteRow(ctx, storeFollowing, string(event))
}

// Following implements storage.Local.
func (s *Store) Following(ctx context.Context) (all []storage.Following, err error) {
	err = s.do(ctx, false, []any{storeFollowing}, func(t *tx) error {
		all = nil
		return t.each(storeFollowing, "", js.Undefined(), 0, func(row js.Value) error {
			all = append(all, storage.Following{
				Event: qa.EventID(row.Get("e").String()), Relay: row.Get("relay").String(), JoinedAtMillis: int64(row.Get("at").Float()),
			})
			return nil
		})
	})
	smallsort.Func(all, func(a, b storage.Following) int {
		return cmp.Or(cmp.Compare(a.JoinedAtMillis, b.JoinedAtMillis), cmp.Compare(a.Event, b.Event))
	})
	return all, err
}

// Setting implements storage.Local.
func (s *Store) Setting(ctx context.Context, key string) (value string, err error) {
	err = s.getRow(ctx, storeSettings, key, func(row js.Value) { value = string(jsvalue.Bytes(row.Get("v"))) })
	return value, err
}

// SetSetting implements storage.Local.
func (s *Store) SetSetting(ctx context.Context, key, value string) error {
	return s.putRow(ctx, storeSettings, map[string]any{"k": key, "v": jsvalue.Uint8Array([]byte(value))})
}

// DeleteSetting implements storage.Local.
func (s *Store) DeleteSetting(ctx context.Context, key string) error {
	return s.deleteRow(ctx, storeSettings, key)
}

// Settings implements storage.Local.
func (s *Store) Settings(ctx context.Context, prefix string) (map[string]string, error) {
	found := map[string]string{}
	err := s.do(ctx, false, []any{storeSettings}, func(t *tx) error {
		return t.each(storeSettings, "", stringsWithPrefix(prefix), 0, func(row js.Value) error {
			found[row.Get("k").String()] = string(jsvalue.Bytes(row.Get("v")))
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// SaveSnapshot implements storage.Local.
func (s *Store) SaveSnapshot(ctx context.Context, event qa.EventID, snap storage.Snapshot) error {
	sum := sha256.Sum256(snap.Bytes)
	return s.putRow(ctx, storeSnapshots, map[string]any{
		"e": string(event), "n": snap.Position, "sum": jsvalue.Uint8Array(sum[:]), "v": jsvalue.Uint8Array(snap.Bytes),
	})
}

// Snapshot implements storage.Local.
func (s *Store) Snapshot(ctx context.Context, event qa.EventID) (snap storage.Snapshot, err error) {
	var sum []byte
	err = s.getRow(ctx, storeSnapshots, string(event), func(row js.Value) {
		snap = storage.Snapshot{Position: int64(row.Get("n").Float()), Bytes: jsvalue.Bytes(row.Get("v"))}
		sum = jsvalue.Bytes(row.Get("sum"))
	})
	if err != nil {
		return storage.Snapshot{}, err
	}
	if want := sha256.Sum256(snap.Bytes); string(sum) != string(want[:]) {
		return storage.Snapshot{}, fmt.Errorf("%w: the snapshot of event %s; the ledger is not affected", storage.ErrDamaged, event)
	}
	return snap, nil
}
