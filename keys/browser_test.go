//go:build !js

package keys_test

import (
	"strings"
	"testing"

	"flyleaf/internal/browsertest"
)

// TestInABrowser runs the tests of signatures in a real browser, which verifies them.
func TestInABrowser(t *testing.T) {
	ctx := browsertest.Start(t)
	w := browsertest.BuildWasm(t, ctx)
	for _, name := range []string{"TestEd25519Rules", "TestTheBrowserVerifies", "TestSignatureIsValidForOneWriterEventAndChange"} {
		if printed := w.Run(t, "-test.run=^"+name+"$", "-test.v"); !strings.Contains(printed, "--- PASS: "+name+" ") {
			t.Errorf("the test did not run:\n%s", printed)
		}
	}
}
