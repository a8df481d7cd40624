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

// TestInABrowser runs the tests of this package in real browsers.
func TestInABrowser(t *testing.T) {
	ctx := browsertest.Start(t)
	w := browsertest.BuildWasm(t, ctx)
	w.RunInAll(t, "TestStore", "TestVersion1", "TestTwoVersions", "TestTwoTabs", "TestForeignDatabase", "TestDamage")
	for _, name := range []string{"TestKilledAnywhere", "TestDeletedWhileOpen", "TestConnectionLost"} {
		w.Run(t, name)
	}
	origin := strings.TrimSuffix(w.URL, "/")
	// limit lets the origin store so many bytes more than now; nil: as many as the browser allows.
	limit := func(more *float64) {
		if _, err := chromedp.Run(ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
			if more != nil {
				now, err := cdp.Call(ctx, target, storage.GetUsageAndQuota, storage.GetUsageAndQuotaParams{Origin: origin})
				if err != nil {
					return chromedp.Void{}, err
				}
				*more += now.Usage
			}
			_, err := cdp.Call(ctx, target, storage.OverrideQuotaForOrigin, storage.OverrideQuotaForOriginParams{Origin: origin, QuotaSize: more})
			return chromedp.Void{}, err
		}); err != nil {
			t.Fatal(err)
		}
	}
	more := 4e6
	limit(&more)
	w.Run(t, "TestFullStoreKeepsNoPartOfABatch")
	limit(nil)
	w.Run(t, "TestFullStoreWorksAgainWithRoom")
}
