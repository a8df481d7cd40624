//go:build js && wasm

// Command web is Flyleaf in a browser tab: the same node and the same pages as on the
// desktop, in the page's Service Worker. static/sw.js loads it and passes it the requests
// of the tabs; make web builds both.
//
// The browser may end a Service Worker at any time, and starts it again for the next
// request. So everything in memory that must not be lost is also in IndexedDB.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall/js"
)

func main() {
	ctx := context.Background()
	app, err := open(ctx)
	ready := js.Global().Get("flyleafReady") // sw.js waits for it
	if err != nil {
		fmt.Fprintln(os.Stderr, "flyleaf:", err)
		ready.Invoke(js.Null(), err.Error())
		return
	}
	ready.Invoke(map[string]any{
		"handle": promise(app.handle),
		"join":   promise(app.join),
		"wake":   promise(app.wake),
		"stop":   promise(app.stop),
	})
	app.watch(ctx) // until the browser ends the worker, or stop does
	<-app.stopped
}

// promise returns a JavaScript function that calls f and returns a promise of its result.
// It runs f in a new goroutine, because f may wait for the event loop.
func promise(f func(args []js.Value) (any, error)) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any {
		var executor js.Func
		executor = js.FuncOf(func(_ js.Value, settle []js.Value) any {
			go func() {
				defer executor.Release()
				v, err := f(args)
				if err != nil {
					settle[1].Invoke(js.Global().Get("Error").New(err.Error()))
					return
				}
				settle[0].Invoke(v)
			}()
			return nil
		})
		return js.Global().Get("Promise").New(executor)
	})
}

// awaitPromise waits for a promise and returns what it is resolved with.
func awaitPromise(ctx context.Context, p js.Value) (js.Value, error) {
	type result struct {
		value js.Value
		err   error
	}
	done := make(chan result, 1)
	resolved := js.FuncOf(func(_ js.Value, args []js.Value) any { done <- result{value: args[0]}; return nil })
	rejected := js.FuncOf(func(_ js.Value, args []js.Value) any {
		done <- result{err: errors.New(js.Global().Get("String").Invoke(args[0]).String())}
		return nil
	})
	p.Call("then", resolved, rejected)
	release := func() { resolved.Release(); rejected.Release() }
	select {
	case r := <-done:
		release()
		return r.value, r.err
	case <-ctx.Done():
		go func() { <-done; release() }()
		return js.Undefined(), ctx.Err()
	}
}
