//go:build js && wasm

// Command convert is the part of Flyleaf in a browser that reads and writes files of all
// formats. cmd/web/static/sw.js loads it beside cmd/web when it is needed for the first time,
// so that nobody waits for it who only reads and writes posts.
package main

import (
	"context"
	"syscall/js"
	_ "time/tzdata" // a browser has no list of time zones that Go can read

	"flyleaf/internal/jsvalue"
	"flyleaf/node/convert"
	"flyleaf/node/convert/call"
)

func main() {
	serve := call.Serve(convert.Direct{})
	// The function that answers takes a name, and two Uint8Arrays, and returns two.
	js.Global().Get("flyleafConverterReady").Invoke(jsvalue.Promise(func(args []js.Value) (any, error) {
		answer, data, err := serve(context.Background(), args[0].String(), jsvalue.Bytes(args[1]), jsvalue.Bytes(args[2]))
		if err != nil {
			return nil, err
		}
		return []any{jsvalue.Uint8Array(answer), jsvalue.Uint8Array(data)}, nil
	}))
	select {} // until the browser ends the worker
}
