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
	"fmt"
	"os"
	"syscall/js"

	"flyleaf/internal/jsvalue"
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
		"handle": jsvalue.Promise(app.handle),
		"join":   jsvalue.Promise(app.join),
		"wake":   jsvalue.Promise(app.wake),
		"stop":   jsvalue.Promise(app.stop),
	})
	app.watch(ctx) // until the browser ends the worker, or stop does
	<-app.stopped
}
