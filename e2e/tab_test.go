package e2e

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
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

// TestLostConnectionInTheTab: the network drops a tab's connection to the relay without telling it.
// When the browser says that there is a network, the tab finds that out and connects anew.
func TestLostConnectionInTheTab(t *testing.T) {
	p := newTab(t, "")
	relay := newRelay(t).upWithWeb()
	line := newWire(t, relay.addr)
	p.site = "http://" + line.Addr().String()
	desktop := newDevice(t)
	week := desktop.createWeek("ws://" + line.Addr().String())
	desktop.run("sync")
	p.open("/join/" + week.Event)
	p.finds("#q")
	desktop.run("ask", "--event", week.Event, "Is this line alive?")
	desktop.run("sync")
	p.isTold("Is this line alive?")

	line.lose()
	desktop.run("ask", "--event", week.Event, "And now?")
	desktop.run("sync")
	ask[bool](t, p.ctx, `dispatchEvent(new Event("online"))`)
	p.isTold("And now?")
}

// flat returns the posts of a device's list as a stock client shows them.
func flat(posts []post) map[string]stockPost {
	all := map[string]stockPost{}
	var walk func(parent string, posts []post)
	walk = func(parent string, posts []post) {
		for _, p := range posts {
			all[p.ID] = stockPost{p.ID, parent, p.Text}
			walk(p.ID, p.Replies)
		}
	}
	walk("", posts)
	return all
}

// bundleOf returns the week's bundle that a tab offers on the page for files.
func (p tab) bundleOf(event string) string {
	p.t.Helper()
	ask[bool](p.t, p.ctx, `(async () => {
		globalThis.bundle = "";
		const bytes = new Uint8Array(await (await fetch("/files/bundle?week=`+event+`")).arrayBuffer());
		globalThis.bundle = btoa(Array.from(bytes, b => String.fromCharCode(b)).join(""));
	})(), true`)
	p.holds("the bundle is there", `globalThis.bundle`)
	encoded := ask[string](p.t, p.ctx, `globalThis.bundle`)
	bundle, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		p.t.Fatal(err)
	}
	file := filepath.Join(p.t.TempDir(), "tab.bundle")
	if err := os.WriteFile(file, bundle, 0o600); err != nil {
		p.t.Fatal(err)
	}
	return file
}

// TestTabDesktopAndStockClientAgree: a tab, a desktop and a stock automerge-repo client follow one
// event. Tab and desktop write, also at the same time without a network, and all three end equal.
func TestTabDesktopAndStockClientAgree(t *testing.T) {
	p := newTab(t, "")
	relay := newRelay(t).upWithWeb()
	p.site = "http://" + relay.addr
	desktop := newDevice(t)
	week := desktop.createWeek(relay.url())
	desktop.run("identity", "name", "Ilse Marrow")
	opening := strings.TrimSpace(desktop.run("ask", "--event", week.Event, "Who opens?"))
	desktop.run("sync")
	stock := newStock(t, relay.url(), week.Event)

	// agree waits until all have the same number of posts, and compares them.
	agree := func(when string, posts int) map[string]stockPost {
		t.Helper()
		eventually(t, when+": the desktop has all posts", func() error {
			desktop.run("sync")
			if n := len(flat(desktop.list(week.Event))); n != posts {
				return fmt.Errorf("%d of %d", n, posts)
			}
			return nil
		})
		want := flat(desktop.list(week.Event))
		stock.sees(when+": the stock client has them", 0, want)
		eventually(t, when+": the tab has them", func() error {
			reader := newDevice(t)
			reader.run("import", p.bundleOf(week.Event))
			if got := flat(reader.list(week.Event)); !maps.Equal(got, want) {
				return fmt.Errorf("%d posts, not %d: %q", len(got), len(want), got)
			}
			return nil
		})
		return want
	}

	asks := func(question string) {
		t.Helper()
		p.fill("#q", question)
		p.click("#ask button.primary")
		p.sees(question)
	}
	p.open("/join/" + week.Event)
	p.sees("Who opens?")
	asks("Is this a tab?")
	posts := agree("at first", 2)

	setOffline(t, p.ctx, true)
	asks("Asked in the dark 🕯️")
	for id, q := range posts {
		if id != opening {
			desktop.run("reply", "--event", week.Event, id, "To "+q.Text)
		}
	}
	desktop.run("post", "edit", "--event", week.Event, opening, "Who opens, and who closes?")
	desktop.run("sync")
	setOffline(t, p.ctx, false)
	posts = agree("after both wrote alone", 4)
	if posts[opening].Text != "Who opens, and who closes?" {
		t.Errorf("the edit is lost: %q", posts[opening].Text)
	}

	endWorkers(t, p.ctx)
	p.open("/e/" + week.Event)
	asks("After the worker?")
	desktop.run("ask", "--event", week.Event, "Meanwhile?")
	agree("after the worker was ended", 6)
}
