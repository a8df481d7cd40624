//go:build !js

package keys_test

import (
	"strings"
	"testing"

	"flyleaf/internal/browsertest"
)

// TestInABrowser runs the tests of signatures in real browsers, which verify them. All browsers must
// accept the same signatures.
func TestInABrowser(t *testing.T) {
	ctx := browsertest.Start(t)
	w := browsertest.BuildWasm(t, ctx)
	for name, start := range map[string]func(t *testing.T) *browsertest.Window{
		"Chromium": func(*testing.T) *browsertest.Window { return browsertest.Chromium(ctx) },
		"Firefox":  func(t *testing.T) *browsertest.Window { return browsertest.Firefox(t, t.TempDir()) },
		"WebKit":   func(t *testing.T) *browsertest.Window { return browsertest.WebKit(t, t.TempDir()) },
	} {
		t.Run(name, func(t *testing.T) {
			in := start(t)
			for _, test := range []string{"TestEd25519Rules", "TestTheBrowserVerifies", "TestUnfitBrowserIsNotAsked", "TestSignatureIsValidForOneWriterEventAndChange"} {
				if printed := w.RunIn(t, in, "-test.run=^"+test+"$", "-test.v"); !strings.Contains(printed, "--- PASS: "+test+" ") {
					t.Errorf("the test did not run:\n%s", printed)
				}
			}
		})
	}
}
