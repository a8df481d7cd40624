package e2e

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"
)

// webApp is the directory of Flyleaf for the browser, built once for all tests.
var webApp = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(bin, "web") // removed with the binaries
	cmd := exec.Command("go", "run", "./internal/buildweb", "-fast", "-out", dir)
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building Flyleaf for the browser: %w\n%s", err, out)
	}
	return dir, nil
})

// upWithWeb starts the relay with Flyleaf for the browser.
func (r *relay) upWithWeb() *relay {
	r.t.Helper()
	dir, err := webApp()
	if err != nil {
		r.t.Fatal(err)
	}
	return r.up("--web=" + dir)
}

// endWorkers ends the browser's Service Workers, as the browser itself sometimes does.
func endWorkers(t *testing.T, ctx context.Context) {
	t.Helper()
	if _, err := chromedp.Run(ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		if _, err := cdp.Call(ctx, target, serviceworker.Enable, cdp.Empty{}); err != nil {
			return chromedp.Void{}, err
		}
		_, err := cdp.Call(ctx, target, serviceworker.StopAllWorkers, cdp.Empty{})
		return chromedp.Void{}, err
	}); err != nil {
		t.Fatal(err)
	}
}

// setOffline takes the network from the page and its worker, or gives it back.
func setOffline(t *testing.T, ctx context.Context, offline bool) {
	t.Helper()
	if _, err := chromedp.Run(ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			EmulateOfflineServiceWorker: &offline,
			MatchedNetworkConditions:    []*network.Conditions{{Offline: offline, DownloadThroughput: -1, UploadThroughput: -1}},
		})
		if err == nil {
			_, err = cdp.Call(ctx, target, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: offline, DownloadThroughput: -1, UploadThroughput: -1})
		}
		return chromedp.Void{}, err
	}); err != nil {
		t.Fatal(err)
	}
}

// TestALinkIsEnough: a person with only a link reads about the week and asks a question, on a
// telephone. The page still works without the relay, after the browser has ended the Service
// Worker and after the browser was closed, and then gets the answer written on a desktop in
// the meantime.
func TestALinkIsEnough(t *testing.T) {
	profile := t.TempDir()
	phone := func() context.Context {
		ctx := browser(t, chromedp.UserDataDir(profile))
		do(t, ctx, chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
		return ctx
	}
	ctx := phone()
	relay := newRelay(t).upWithWeb()
	author := newDevice(t)
	week := author.createWeek(relay.url())
	author.run("identity", "name", "Ilse Marrow")
	author.run("sync")
	page := "http://" + relay.addr

	do(t, ctx, chromedp.Navigate(page+"/join/"+week.Event))
	shows(t, ctx, "The Patient Ledger")
	do(t, ctx, chromedp.WaitVisible(`#q`), chromedp.SendKeys(`#q`, "May nothing ever be changed?"),
		chromedp.Click(`#ask button.primary`), chromedp.WaitVisible(`article.question`))
	shows(t, ctx, "May nothing ever be changed?")

	var question post
	eventually(t, "the question is on the author's device", func() error {
		author.run("sync")
		l := author.list(week.Event)
		if len(l) != 1 {
			return fmt.Errorf("%d questions", len(l))
		}
		question = l[0]
		return nil
	})

	// The relay is down and the browser ends the Service Worker: the question is still there, and
	// more can be asked.
	relay.stop()
	endWorkers(t, ctx)
	do(t, ctx, chromedp.Navigate(page+"/e/"+week.Event), chromedp.WaitVisible(`#q`))
	shows(t, ctx, "May nothing ever be changed?")
	do(t, ctx, chromedp.SendKeys(`#q`, "And who says so?"), chromedp.Click(`#ask button.primary`))
	shows(t, ctx, "And who says so?")
	endWorkers(t, ctx)

	// The browser itself is closed and opened again, still without a network.
	if err := chromedp.Cancel(ctx); err != nil {
		t.Fatal(err)
	}
	ctx = phone()
	do(t, ctx, chromedp.Navigate(page+"/e/"+week.Event), chromedp.WaitVisible(`#q`))
	setOffline(t, ctx, true)
	shows(t, ctx, "May nothing ever be changed?")
	shows(t, ctx, "And who says so?")
	do(t, ctx, chromedp.SendKeys(`#q`, "Even at night?"), chromedp.Click(`#ask button.primary`))
	shows(t, ctx, "Even at night?")
	if wide := ask[int](t, ctx, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
		t.Errorf("on a phone the page is %d pixels too wide", wide)
	}
	for _, path := range []string{"/", "/you", "/you/identity", "/files", "/e/" + week.Event + "/people", "/storage"} {
		do(t, ctx, chromedp.Navigate(page+path), chromedp.WaitVisible(`#main h1`))
		if wide := ask[int](t, ctx, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			t.Errorf("on a phone the page %s is %d pixels too wide", path, wide)
		}
	}
	shows(t, ctx, "that no relay has")
	setOffline(t, ctx, false)

	author.run("author", "answer", "--event", week.Event, question.ID, "Everything may, as long as it shows.")
	relay.upWithWeb()
	author.run("sync")
	do(t, ctx, chromedp.Navigate(page+"/e/"+week.Event))
	const answer = "Everything may, as long as it shows."
	eventually(t, "the page shows the answer, or offers it", func() error {
		// New posts are only announced on an open page, so that nothing moves while it is being read.
		if ask[bool](t, ctx, `(() => { const offer = document.querySelector("#news a"); offer?.click(); return document.body.innerText.includes("`+answer+`") })()`) {
			return nil
		}
		return errors.New("it does not")
	})
	eventually(t, "the other questions are on the author's device", func() error {
		author.run("sync")
		if n := len(author.list(week.Event)); n != 3 {
			return fmt.Errorf("%d questions", n)
		}
		return nil
	})
	if text := ask[string](t, ctx, `document.body.innerText`); strings.Contains(text, "could not open") {
		t.Error(text)
	}
}
