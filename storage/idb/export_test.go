//go:build js && wasm

package idb

import (
	"context"
	"syscall/js"

	"flyleaf/qa"
)

// LoseConnection closes the connection behind the store's back.
func (s *Store) LoseConnection() { s.db.Call("close") }

// RawOpen opens a database with a version of the caller's, making the object stores
// named if need be.
func RawOpen(ctx context.Context, name string, version int, stores ...string) (js.Value, error) {
	request := factory().Call("open", name, version)
	upgrade := js.FuncOf(func(js.Value, []js.Value) any {
		for _, s := range stores {
			request.Get("result").Call("createObjectStore", s)
		}
		return nil
	})
	defer upgrade.Release()
	request.Set("onupgradeneeded", upgrade)
	return await(ctx, request)
}

// Spoil changes a byte of each of the document's changes, in the middle of what is
// packed.
func (s *Store) Spoil(ctx context.Context, event qa.EventID) error {
	return s.do(ctx, true, []any{storeChanges}, func(t *tx) error {
		return t.each(storeChanges, "", under(string(event)), 0, func(row js.Value) error {
			b := bytesOf(row.Get("v"))
			b[len(b)/2] ^= 1
			row.Set("v", bytesTo(b))
			t.put(storeChanges, row)
			return t.failed
		})
	})
}
