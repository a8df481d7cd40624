//go:build js && wasm

package idb

import (
	"context"
	"syscall/js"

	"flyleaf/internal/jsvalue"
	"flyleaf/qa"
)

// LoseConnection closes the connection without telling the store.
func (s *Store) LoseConnection() { s.db.Call("close") }

// RawOpen opens a database with the given version, and creates these object stores when it
// upgrades the database.
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

// Damage changes one byte in the middle of each of the document's stored changes.
func (s *Store) Damage(ctx context.Context, event qa.EventID) error {
	return s.do(ctx, true, []any{storeChanges}, func(t *tx) error {
		return t.each(storeChanges, "", keysUnder(string(event)), 0, func(row js.Value) error {
			b := jsvalue.Bytes(row.Get("v"))
			b[len(b)/2] ^= 1
			row.Set("v", jsvalue.Uint8Array(b))
			t.put(storeChanges, row)
			return t.failed
		})
	})
}
