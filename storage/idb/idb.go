//go:build js && wasm

package idb

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"syscall/js"

	"flyleaf/storage"
)

// version is the version of the schema. Opening an older database migrates it. A newer one
// is not changed, see storage.ErrNewer.
const version = 2

// The object stores, with the fields of their rows. The field v has everything else, as bytes;
// for changes see pack.
const (
	storeMeta      = "meta"      // k: "id", "position" → v
	storeChanges   = "changes"   // e: event, n: position; h: hash; w: event, if the change is undelivered; o: event, if the change is not in the document
	storePosts     = "posts"     // e, id; w: words, with a space between them; an array in rows of version 1
	storeReactions = "reactions" // e, p: post, m: emoji, b: identity
	storePeople    = "people"    // e, id
	storeEvents    = "events"    // e
	storeFollowing = "following" // e
	storeSettings  = "settings"  // k
	storeSnapshots = "snapshots" // e

	indexHash          = "hash"    // of changes: event, hash
	indexUndelivered   = "pending" // of changes: event, position; only undelivered ones
	indexNotInDocument = "outside" // of changes: event; only those that are not in the document
)

// Store is a storage.Store. It is safe for concurrent use.
type Store struct {
	name string
	id   string // random ID of the database; if it differs after reopening, the database was deleted meanwhile

	mu      sync.Mutex
	db      js.Value // undefined: not open
	closed  bool
	calls   sync.WaitGroup
	release []func() // release the event handlers of db
}

var _ storage.Store = (*Store)(nil)

// Open opens the database with that name, or creates it. It returns storage.ErrNewer if a
// newer version of Flyleaf wrote it, and storage.ErrForeign if it is not Flyleaf's.
func Open(ctx context.Context, name string) (*Store, error) {
	s := &Store{name: name}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Delete deletes the database with that name. Open stores lose their connection to it.
func Delete(ctx context.Context, name string) error {
	_, err := await(ctx, factory().Call("deleteDatabase", name))
	return err
}

func factory() js.Value { return js.Global().Get("indexedDB") }

// open opens the database. mu is held, or nobody else has the store yet.
func (s *Store) open(ctx context.Context) error {
	f := factory()
	if !f.Truthy() {
		return errors.New("storage: this browser does not provide IndexedDB (private window?), so Flyleaf cannot save data")
	}
	request := f.Call("open", s.name, version)
	var upgraded error
	upgrade := js.FuncOf(func(_ js.Value, args []js.Value) any {
		db, old := request.Get("result"), args[0].Get("oldVersion").Int()
		if old > 0 && !isFlyleafs(db) {
			upgraded = storage.ErrForeign
		} else {
			upgraded = catch(func() { migrate(db, request.Get("transaction"), old) })
		}
		if upgraded != nil {
			request.Get("transaction").Call("abort")
		}
		return nil
	})
	defer upgrade.Release()
	request.Set("onupgradeneeded", upgrade)
	db, err := await(ctx, request)
	if upgraded != nil {
		return upgraded
	}
	if err != nil {
		return err
	}
	if !isFlyleafs(db) {
		db.Call("close")
		return storage.ErrForeign
	}
	s.db = db
	s.watch(db)
	id, err := s.identify(ctx)
	switch {
	case err != nil:
		s.drop(db)
		return err
	case s.id != "" && s.id != id:
		s.drop(db)
		return storage.ErrDeleted
	}
	s.id = id
	return nil
}

func isFlyleafs(db js.Value) bool {
	return db.Get("objectStoreNames").Call("contains", storeMeta).Bool()
}

// watch drops the connection when the browser closes it, or when a newer Flyleaf tab needs to
// upgrade the database.
func (s *Store) watch(db js.Value) {
	lost := js.FuncOf(func(js.Value, []js.Value) any {
		db.Call("close")
		go func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.drop(db)
		}()
		return nil
	})
	db.Set("onclose", lost)
	db.Set("onversionchange", lost)
	s.release = append(s.release, lost.Release)
}

// drop closes a connection. mu is held, or nobody else has the store yet.
func (s *Store) drop(db js.Value) {
	if !s.db.Equal(db) {
		return
	}
	db.Set("onclose", js.Null())
	db.Set("onversionchange", js.Null())
	db.Call("close")
	s.db = js.Undefined()
	for _, f := range s.release {
		f()
	}
	s.release = nil
}

// migrate brings a database of an older version up to date; version 0 is a new database.
func migrate(db, upgrade js.Value, old int) {
	if old == 1 { // which had an index of words
		upgrade.Call("objectStore", storePosts).Call("deleteIndex", "words")
		return
	}
	store := func(name string, keyPath any) js.Value {
		return db.Call("createObjectStore", name, map[string]any{"keyPath": keyPath})
	}
	store(storeMeta, "k")
	changes := store(storeChanges, []any{"e", "n"})
	changes.Call("createIndex", indexHash, []any{"e", "h"}, map[string]any{"unique": true})
	changes.Call("createIndex", indexUndelivered, []any{"w", "n"})
	changes.Call("createIndex", indexNotInDocument, "o")
	store(storePosts, []any{"e", "id"})
	store(storeReactions, []any{"e", "p", "m", "b"})
	store(storePeople, []any{"e", "id"})
	store(storeEvents, "e")
	store(storeFollowing, "e")
	store(storeSettings, "k")
	store(storeSnapshots, "e")
}

// identify returns the random ID of the database, and creates it if there is none. Only then it
// needs a transaction that is written to the disk.
func (s *Store) identify(ctx context.Context) (id string, err error) {
	err = s.run(ctx, s.db, false, []any{storeMeta}, func(t *tx) error {
		row, err := t.get(storeMeta, "id")
		if err == nil && row.Truthy() {
			id = row.Get("v").String()
		}
		return err
	})
	if err != nil || id != "" {
		return id, err
	}
	err = s.run(ctx, s.db, true, []any{storeMeta}, func(t *tx) error {
		row, err := t.get(storeMeta, "id")
		if err != nil {
			return err
		}
		if row.Truthy() {
			id = row.Get("v").String()
			return nil
		}
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails
		id = hex.EncodeToString(b[:])
		t.put(storeMeta, map[string]any{"k": "id", "v": id})
		return nil
	})
	return id, err
}

// connection returns an open connection.
func (s *Store) connection(ctx context.Context) (js.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return js.Undefined(), storage.ErrClosed
	}
	if s.db.IsUndefined() {
		if err := s.open(ctx); err != nil {
			return js.Undefined(), err
		}
	}
	return s.db, nil
}

// do runs f in a transaction over these object stores, durably if it writes. f must not block on
// anything except requests of this transaction. When the connection turns out to be closed, f runs
// again on a new one, once.
func (s *Store) do(ctx context.Context, write bool, stores []any, f func(*tx) error) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return storage.ErrClosed
	}
	s.calls.Add(1)
	s.mu.Unlock()
	defer s.calls.Done()
	if err := ctx.Err(); err != nil {
		return err
	}
	for again := true; ; again = false {
		db, err := s.connection(ctx)
		if err != nil {
			return err
		}
		err = s.run(ctx, db, write, stores, f)
		if !errors.Is(err, errLost) {
			return err
		}
		s.mu.Lock()
		s.drop(db)
		s.mu.Unlock()
		if !again {
			return err
		}
	}
}

// Close implements storage.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.calls.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.db.IsUndefined() {
		s.drop(s.db)
	}
	return nil
}

// errLost is returned when a connection was closed before or during a transaction: nothing of
// the transaction was stored.
var errLost = errors.New("storage: the browser closed the connection to its database")

// errorOf converts a DOMException to a Go error.
func errorOf(e js.Value) error {
	if !e.Truthy() {
		return errLost // a transaction that aborts without an error lost its connection
	}
	name, message := e.Get("name").String(), e.Get("message").String()
	err := fmt.Errorf("storage: %s: %s", name, message)
	switch name {
	case "QuotaExceededError":
		return fmt.Errorf("%w: the browser's limit for this site is reached (%w)", storage.ErrFull, err)
	case "VersionError":
		return fmt.Errorf("%w (%w)", storage.ErrNewer, err)
	case "InvalidStateError", "AbortError", "TransactionInactiveError":
		return fmt.Errorf("%w (%w)", errLost, err)
	case "UnknownError", "DataError", "NotReadableError":
		return fmt.Errorf("%w (%w)", storage.ErrDamaged, err)
	}
	return err
}

// catch runs f and returns a JavaScript exception in it as an error.
func catch(f func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case js.Error:
			err = errorOf(p.Value)
		default:
			panic(p)
		}
	}()
	f()
	return nil
}

// await waits for a request and returns its result. A goroutine that uses a transaction must
// not wait for anything but the transaction's requests, because the browser commits a
// transaction that has no pending requests. Go runs all runnable goroutines before it returns
// control to the browser, so the next request is made in time.
func await(ctx context.Context, request js.Value) (js.Value, error) {
	done := make(chan error, 1)
	success := js.FuncOf(func(js.Value, []js.Value) any { done <- nil; return nil })
	failure := js.FuncOf(func(_ js.Value, args []js.Value) any {
		args[0].Call("preventDefault")  // avoids an error message in Firefox's console
		args[0].Call("stopPropagation") // to the transaction's handler
		done <- errorOf(request.Get("error"))
		return nil
	})
	release := func() {
		request.Set("onsuccess", js.Null())
		request.Set("onerror", js.Null())
		success.Release()
		failure.Release()
	}
	request.Set("onsuccess", success)
	request.Set("onerror", failure)
	select {
	case err := <-done:
		release()
		if err != nil {
			return js.Undefined(), err
		}
		return request.Get("result"), nil
	case <-ctx.Done():
		go func() { <-done; release() }()
		return js.Undefined(), ctx.Err()
	}
}
