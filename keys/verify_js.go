//go:build js && wasm

package keys

import (
	"context"
	"crypto/ed25519"
	"sync"
	"syscall/js"

	"flyleaf/internal/jsvalue"
)

// ParallelVerifications is how many calls of Verify are worth making at the same time: the browser
// verifies outside of the program's one thread.
func ParallelVerifications() int { return 128 }

// valid reports whether sig is public's signature of message. The browser's WebCrypto is several
// times faster than Go code in the browser. Browsers differ in which signatures they refuse, so a
// signature that WebCrypto refuses is checked again by the same code as on all other systems.
//
// It waits for the browser, so it must not be called from a js.Func or within a transaction of IndexedDB.
func valid(public, message, sig []byte) bool {
	return webCrypto.verify(public, message, sig) || ed25519.Verify(public, message, sig)
}

const algorithm = "Ed25519"

// maxImported limits how many imported keys are kept.
const maxImported = 1000

// verifier verifies with WebCrypto. A call to JavaScript costs about as much as a signature, so
// signatures that are to be verified at the same time are passed on together.
type verifier struct {
	mu       sync.Mutex
	waiting  []*verification
	running  bool                // run is running
	imported map[string]js.Value // used by run only: the CryptoKey of each public key
}

// verification is one signature to verify.
type verification struct {
	public, message, sig []byte
	result               chan bool
}

var webCrypto = verifier{imported: map[string]js.Value{}}

// verify returns false also if the browser does not know this kind of signature.
func (v *verifier) verify(public, message, sig []byte) bool {
	one := &verification{public, message, sig, make(chan bool, 1)}
	v.mu.Lock()
	v.waiting = append(v.waiting, one)
	if !v.running {
		v.running = true
		go v.run()
	}
	v.mu.Unlock()
	return <-one.result
}

// run verifies the waiting signatures until none is left.
func (v *verifier) run() {
	for {
		v.mu.Lock()
		batch := v.waiting
		v.waiting, v.running = nil, len(batch) > 0
		v.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		for i, ok := range v.verifyAll(batch) {
			batch[i].result <- ok
		}
	}
}

func (v *verifier) verifyAll(batch []*verification) []bool {
	results := make([]bool, len(batch))
	subtle := js.Global().Get("crypto").Get("subtle")
	if !subtle.Truthy() {
		return results
	}
	keys := v.keys(subtle, batch)
	var bytes []byte
	for _, one := range batch {
		bytes = append(append(bytes, one.message...), one.sig...)
	}
	all := jsvalue.Uint8Array(bytes)
	at := 0
	next := func(n int) js.Value {
		at += n
		return all.Call("subarray", at-n, at)
	}
	var promises []any
	var places []int
	for i, one := range batch {
		message, sig := next(len(one.message)), next(len(one.sig))
		if key := keys[i]; key.Truthy() {
			promises = append(promises, subtle.Call("verify", algorithm, key, sig, message))
			places = append(places, i)
		}
	}
	for k, settled := range allSettled(promises) {
		results[places[k]] = settled.Equal(js.ValueOf(true))
	}
	return results
}

// keys returns the imported keys of a batch, undefined for those that cannot be imported.
func (v *verifier) keys(subtle js.Value, batch []*verification) []js.Value {
	if len(v.imported) > maxImported {
		clear(v.imported)
	}
	var promises []any
	var missing []string
	for _, one := range batch {
		if _, ok := v.imported[string(one.public)]; !ok {
			v.imported[string(one.public)] = js.Undefined()
			missing = append(missing, string(one.public))
			promises = append(promises, subtle.Call("importKey", "raw", jsvalue.Uint8Array(one.public), algorithm, false, []any{"verify"}))
		}
	}
	for k, key := range allSettled(promises) {
		v.imported[missing[k]] = key
	}
	keys := make([]js.Value, len(batch))
	for i, one := range batch {
		keys[i] = v.imported[string(one.public)]
	}
	return keys
}

// allSettled returns the values of promises, undefined for those that are rejected.
func allSettled(promises []any) []js.Value {
	values := make([]js.Value, len(promises))
	if len(promises) == 0 {
		return values
	}
	all, err := jsvalue.Await(context.Background(), js.Global().Get("Promise").Call("allSettled", promises))
	if err != nil {
		return values
	}
	for i := range values {
		values[i] = all.Index(i).Get("value")
	}
	return values
}
