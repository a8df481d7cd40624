//go:build js && wasm

// Command web is Flyleaf in a browser tab: the same node and the same pages as on the
// desktop, in the page's Service Worker. static/sw.js loads it and hands it the requests
// of the tabs; make web puts both together.
//
// The browser ends a Service Worker whenever it likes and starts it again for the next
// request. So nothing is kept in memory that is not in IndexedDB as well.
package main

import (
	"context"
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
	})
	app.watch(ctx) // until the browser ends the worker
}

// promise makes a JavaScript function of f that returns a promise. It runs f in a
// goroutine of its own, since f may wait for what the event loop brings.
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
