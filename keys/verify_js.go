//go:build js && wasm

package keys

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"slices"
	"sync"
	"syscall/js"

	"flyleaf/internal/jsvalue"
)

// ParallelVerifications is how many calls of Verify are worth making at the same time: the browser
// verifies outside of the program's one thread.
func ParallelVerifications() int { return 128 }

// valid reports whether sig is public's signature of message. The browser's WebCrypto is several
// times faster than Go code in the browser. Browsers differ in which signatures they refuse, so a
// signature that WebCrypto refuses is checked again by the same code as on all other systems. All devices
// must accept the same signatures, so WebCrypto is asked only if S is reduced, which WebKitGTK does not
// check, and only if it refuses mustRefuse.
//
// It waits for the browser, so it must not be called from a js.Func or within a transaction of IndexedDB.
func valid(public, message, sig []byte) bool {
	return isReduced(sig) && webCrypto.verify(public, message, sig) || ed25519.Verify(public, message, sig)
}

// order is the order of the base point, big endian.
var order = unhex("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed")

// isReduced reports whether the number S of a signature is below the order of the base point.
func isReduced(sig []byte) bool {
	s := bytes.Clone(sig[ed25519.SignatureSize/2:])
	slices.Reverse(s)
	return bytes.Compare(s, order) < 0
}

// mustRefuse are signatures that some implementations accept: one with an R that is not canonical,
// and two that fit the equation with the cofactor only.
var mustRefuse = []*verification{
	{
		public:  unhex("88aa55e6afeed8960a3191de78600347db8acd0a3795412f275f049b86260488"),
		message: unhex("666c796c656166206368616e6765207631010203000000000000000000000000000900000000000000000000000000000000000000000000000000000000000000"),
		sig:     unhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f9528f07d1b0c73cd02a379765172aabc20bfc381225bfe1a3c76084cf1d53c06"),
	},
	{
		public:  unhex("88aa55e6afeed8960a3191de78600347db8acd0a3795412f275f049b86260488"),
		message: unhex("666c796c656166206368616e6765207631010203000000000000000000000000000900000000000000000000000000000000000000000000000000000000000000"),
		sig:     unhex("607055ca3d4aa8af26961afb12b1e60a75fac88f9c260ff25806631dbb2691597f5f71b3d28de1b2f5f8a9018762202983a4254ab6bdd99d77b9decac7af750d"),
	},
	{
		public:  unhex("ef2a32ce8d9c67056724a53f63c0c182a6e021dc6e708741f63a7d50c730982c"),
		message: unhex("666c796c656166206368616e6765207631010203000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000"),
		sig:     unhex("3e54c441927f9f0ee5e13e34f0b0404c5043651a8f4b7ef087a1c42262a85d0a9aa402df8c71f76fa99feee9982a850167ceea6c2a41e2590523d0788c8e8f0f"),
	},
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
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
	checked  bool                // used by run only: WebCrypto has been asked about mustRefuse
	unfit    bool                // used by run only: it accepts one of them
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
		if !v.checked {
			v.checked, v.unfit = true, false
			v.unfit = slices.Contains(v.verifyAll(mustRefuse), true)
		}
		for i, ok := range v.verifyAll(batch) {
			batch[i].result <- ok
		}
	}
}

func (v *verifier) verifyAll(batch []*verification) []bool {
	results := make([]bool, len(batch))
	subtle := js.Global().Get("crypto").Get("subtle")
	if !subtle.Truthy() || v.unfit {
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
