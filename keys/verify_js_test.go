//go:build js && wasm

package keys_test

import (
	"crypto/ed25519"
	"sync"
	"testing"

	"flyleaf/keys"
)

// TestTheBrowserVerifies: many signatures of several people at the same time, some of them wrong.
func TestTheBrowserVerifies(t *testing.T) {
	var all sync.WaitGroup
	for i := range 100 {
		private := ed25519.NewKeyFromSeed(append(make([]byte, 31), byte(i%7)))
		public := private.Public().(ed25519.PublicKey)
		message := []byte{byte(i), 2, 3}
		sig := ed25519.Sign(private, message)
		right := i%3 != 0
		if !right {
			sig[i%64] ^= 1
		}
		all.Go(func() {
			if got := keys.BrowserVerifies(public, message, sig); got != right {
				t.Errorf("signature %d: %v, want %v", i, got, right)
			}
		})
	}
	all.Wait()
}
