package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"

	"flyleaf/internal/browsertest"
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
	if err := browsertest.SetOffline(ctx, offline); err != nil {
		t.Fatal(err)
	}
}

// TestLostConnectionInTheTab: the network drops a tab's connection to the relay without telling it.
// When the browser reports that there is a network, the tab notices and connects again.
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
		const bytes = new Uint8Array(await (await fetch("/files/export?week=`+event+`")).arrayBuffer());
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
