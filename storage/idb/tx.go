//go:build js && wasm

package idb

import (
	"context"
	"syscall/js"
)

// tx is a transaction in progress.
type tx struct {
	ctx    context.Context
	v      js.Value
	stores map[string]js.Value
	failed error // the first error of a request that is not awaited
}

// run runs f in a transaction and waits until it is complete, durably if write is set. An
// error from f aborts the transaction.
func (s *Store) run(ctx context.Context, db js.Value, write bool, stores []any, f func(*tx) error) error {
	mode, options := "readonly", map[string]any{}
	if write {
		mode, options = "readwrite", map[string]any{"durability": "strict"}
	}
	t := &tx{ctx: ctx, stores: map[string]js.Value{}}
	if err := catch(func() { t.v = db.Call("transaction", stores, mode, options) }); err != nil {
		return err
	}
	ended := make(chan bool, 1)
	complete := js.FuncOf(func(js.Value, []js.Value) any { ended <- true; return nil })
	defer complete.Release()
	abort := js.FuncOf(func(js.Value, []js.Value) any { ended <- false; return nil })
	defer abort.Release()
	t.v.Set("oncomplete", complete)
	t.v.Set("onabort", abort)
	// Requests whose own handler does not stop it send their error event on to the transaction.
	onFail := js.FuncOf(func(_ js.Value, args []js.Value) any {
		if t.failed == nil {
			t.failed = errorOf(args[0].Get("target").Get("error"))
		}
		return nil // the browser then aborts the transaction
	})
	defer onFail.Release()
	t.v.Set("onerror", onFail)

	err := f(t)
	if err != nil {
		_ = catch(func() { t.v.Call("abort") }) // fails if the transaction has ended already
	} else if write {
		// Pending puts complete anyway. commit() only saves the delay until the browser commits by
		// itself.
		_ = catch(func() { t.v.Call("commit") })
	}
	// Wait even if ctx is cancelled, because the caller must know whether data was stored.
	if ok := <-ended; ok && err == nil {
		return nil
	}
	switch {
	case err != nil:
		return err
	case t.failed != nil:
		return t.failed
	}
	return errorOf(t.v.Get("error"))
}

func (t *tx) store(name string) js.Value {
	v, ok := t.stores[name]
	if !ok {
		v = t.v.Call("objectStore", name)
		t.stores[name] = v
	}
	return v
}

// await makes a request and waits for its result.
func (t *tx) await(make func() js.Value) (result js.Value, err error) {
	var request js.Value
	if err := catch(func() { request = make() }); err != nil {
		return js.Undefined(), err
	}
	return await(t.ctx, request)
}

func (t *tx) get(store string, key any) (js.Value, error) {
	return t.await(func() js.Value { return t.store(store).Call("get", key) })
}

// put writes a row. It does not wait; see failed.
func (t *tx) put(store string, row any) {
	t.write(func() { t.store(store).Call("put", row) })
}

func (t *tx) delete(store string, key any) {
	t.write(func() { t.store(store).Call("delete", key) })
}

func (t *tx) write(request func()) {
	if err := catch(request); err != nil {
		if t.failed == nil {
			t.failed = err
		}
		_ = catch(func() { t.v.Call("abort") })
	}
}

// each calls f with the rows in a range of a store, or of one of its indexes (index is ""
// for none), in the order of their keys, with at most limit rows; 0: all. f must not wait.
func (t *tx) each(store, index string, keys js.Value, limit int, f func(js.Value) error) error {
	from := t.store(store)
	if index != "" {
		from = from.Call("index", index)
	}
	var count any = js.Undefined()
	if limit > 0 {
		count = limit
	}
	rows, err := t.await(func() js.Value { return from.Call("getAll", keys, count) })
	if err != nil {
		return err
	}
	for i, n := 0, rows.Length(); i < n; i++ {
		if err := f(rows.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) count(store, index string, keys js.Value) (n int, err error) {
	from := t.store(store)
	if index != "" {
		from = from.Call("index", index)
	}
	v, err := t.await(func() js.Value { return from.Call("count", keys) })
	if err != nil {
		return 0, err
	}
	return v.Int(), nil
}

// keysUnder returns the range of all array keys that begin with these parts.
func keysUnder(parts ...any) js.Value {
	// An empty array sorts after every number, string and binary.
	return keyRange("bound", parts, append(append([]any{}, parts...), []any{}), false, true)
}

// stringsWithPrefix returns the range of all strings that begin with s.
func stringsWithPrefix(s string) js.Value {
	// U+FFFF is the highest UTF-16 code unit, and a noncharacter, which valid text does not
	// contain.
	return keyRange("bound", s, s+"\uffff", false, false)
}

func keyRange(kind string, args ...any) js.Value {
	return js.Global().Get("IDBKeyRange").Call(kind, args...)
}
