//go:build !js

package idb_test

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"

	"flyleaf/internal/browsertest"
)

// TestInABrowser runs the tests of this package in a real browser.
func TestInABrowser(t *testing.T) {
	ctx := browsertest.Start(t)
	w := browsertest.BuildWasm(t, ctx)
	run := func(name string) {
		t.Run(name, func(t *testing.T) {
			printed := w.Run(t, "-test.run=^"+name+"$", "-test.v")
			if !strings.Contains(printed, "--- PASS: "+name+" ") {
				t.Errorf("the test did not run:\n%s", printed)
			}
			t.Log(printed)
		})
	}
	for _, name := range []string{
		"TestStore", "TestKilledAnywhere", "TestDeletedWhileOpen", "TestConnectionLost",
		"TestTwoVersions", "TestTwoTabs", "TestForeignDatabase", "TestDamage",
	} {
		run(name)
	}
	setQuota := func(bytes *float64) {
		if _, err := chromedp.Run(ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
			_, err := cdp.Call(ctx, target, storage.OverrideQuotaForOrigin, storage.OverrideQuotaForOriginParams{
				Origin: strings.TrimSuffix(w.URL, "/"), QuotaSize: bytes,
			})
			return chromedp.Void{}, err
		}); err != nil {
			t.Fatal(err)
		}
	}
	quota := 4e6
	setQuota(&quota)
	run("TestFullStoreKeepsNoPartOfABatch")
	setQuota(nil)
	run("TestFullStoreWorksAgainWithRoom")
}
