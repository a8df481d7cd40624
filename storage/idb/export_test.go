//go:build js && wasm

package idb

import (
	"context"
	"syscall/js"

	"flyleaf/internal/jsvalue"
	"flyleaf/qa"
	"flyleaf/storage"
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

// CreateVersion1 creates a database as version 1 of the schema was, with one post, whose row has
// these words.
func CreateVersion1(ctx context.Context, name string, event qa.EventID, post storage.PostRow) error {
	request := factory().Call("open", name, 1)
	upgrade := js.FuncOf(func(js.Value, []js.Value) any {
		migrate(request.Get("result"), request.Get("transaction"), 0)
		posts := request.Get("transaction").Call("objectStore", storePosts)
		posts.Call("createIndex", "words", "w", map[string]any{"multiEntry": true})
		words := js.Global().Get("Array").New()
		for _, w := range post.Words {
			words.Call("push", w)
		}
		posts.Call("put", map[string]any{"e": string(event), "id": string(post.ID), "v": jsvalue.Uint8Array(post.JSON), "w": words})
		return nil
	})
	defer upgrade.Release()
	request.Set("onupgradeneeded", upgrade)
	db, err := await(ctx, request)
	if err == nil {
		db.Call("close")
	}
	return err
}

// PostIndexes returns how many indexes the posts have.
func (s *Store) PostIndexes(ctx context.Context) (n int, err error) {
	err = s.do(ctx, false, []any{storePosts}, func(t *tx) error {
		n = t.store(storePosts).Get("indexNames").Length()
		return nil
	})
	return n, err
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
