//go:build js && wasm

package keys_test

import (
	"crypto/ed25519"
	"slices"
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

// TestUnfitBrowserIsNotAsked: a browser that accepts a signature which others refuse is not asked about any.
func TestUnfitBrowserIsNotAsked(t *testing.T) {
	private := ed25519.NewKeyFromSeed(make([]byte, 32))
	public, message := private.Public().(ed25519.PublicKey), []byte("message")
	sig := ed25519.Sign(private, message)
	undo := keys.AcceptWrongly(public, message, sig)
	if keys.BrowserVerifies(public, message, sig) {
		t.Error("the browser was asked")
	}
	undo()
	if !keys.BrowserVerifies(public, message, sig) {
		t.Error("the browser is not asked any more")
	}
	// Each signature that only an unfit browser accepts is tried, except for an S that is not reduced.
	for _, c := range signatureCases(t) {
		if tried := slices.Contains(keys.MustRefuse(), c.Signature); tried != (c.Code == "signature" && c.Name != "S is not below L") {
			t.Errorf("%s: tried: %v", c.Name, tried)
		}
	}
}
