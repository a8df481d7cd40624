//go:build !js

package keys_test

import (
	"testing"

	"flyleaf/internal/browsertest"
)

// TestInABrowser runs the tests of signatures in real browsers, which verify them. All browsers must
// accept the same signatures.
func TestInABrowser(t *testing.T) {
	w := browsertest.BuildWasm(t, browsertest.Start(t))
	w.RunInAll(t, "TestEd25519Rules", "TestTheBrowserVerifies", "TestUnfitBrowserIsNotAsked", "TestSignatureIsValidForOneWriterEventAndChange")
}
