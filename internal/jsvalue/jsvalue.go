//go:build js

package jsvalue

import (
	"context"
	"errors"
	"syscall/js"
)

// Bytes copies a Uint8Array.
func Bytes(v js.Value) []byte {
	b := make([]byte, v.Length())
	js.CopyBytesToGo(b, v)
	return b
}

// Uint8Array copies bytes into a new Uint8Array.
func Uint8Array(b []byte) js.Value {
	v := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(v, b)
	return v
}

// Promise makes a JavaScript function of f that returns a promise. It runs f in a
// goroutine of its own, since f may wait for what the event loop brings.
func Promise(f func(args []js.Value) (any, error)) js.Func {
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

// Await waits for a promise. Its error has the message of what the promise was rejected with.
func Await(ctx context.Context, promise js.Value) (js.Value, error) {
	type outcome struct {
		value js.Value
		err   error
	}
	settled := make(chan outcome, 1)
	var kept, broken js.Func
	release := func() { kept.Release(); broken.Release() }
	kept = js.FuncOf(func(_ js.Value, args []js.Value) any {
		release()
		settled <- outcome{value: args[0]}
		return nil
	})
	broken = js.FuncOf(func(_ js.Value, args []js.Value) any {
		release()
		settled <- outcome{err: errors.New(js.Global().Call("String", args[0]).String())}
		return nil
	})
	promise.Call("then", kept, broken)
	select {
	case o := <-settled:
		return o.value, o.err
	case <-ctx.Done():
		return js.Undefined(), ctx.Err()
	}
}
