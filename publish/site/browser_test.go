//go:build !js

package site

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"flyleaf/internal/browsertest"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// published is a site that Chromium has open, from a server or from a disk.
type published struct {
	t        testing.TB
	ctx      context.Context
	mu       sync.Mutex
	base     string
	outside  []string // requests that left for somewhere else
	problems []string // what the browser complained about
}

func openPublished(t testing.TB, base string) *published {
	t.Helper()
	p := &published{t: t, base: base}
	ctx := browsertest.Start(t)
	if err := chromedp.Do(ctx); err != nil { // starts the browser
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, func(ev any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch e := ev.(type) {
		case *network.EventRequestWillBeSent:
			if u := e.Request.URL; !strings.HasPrefix(u, p.base) && !strings.HasPrefix(u, "about:") {
				p.outside = append(p.outside, u)
			}
		case *log.EventEntryAdded:
			if !strings.Contains(e.Entry.URL, "favicon.ico") {
				p.problems = append(p.problems, e.Entry.Text)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	p.ctx = ctx
	p.run(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		if _, err := cdp.Call(ctx, t, network.Enable, network.EnableParams{}); err != nil {
			return chromedp.Void{}, err
		}
		_, err := cdp.Call(ctx, t, log.Enable, cdp.Empty{})
		return chromedp.Void{}, err
	})
	return p
}

func (p *published) run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

func onPage[T any](p *published, js string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](js))
	if err != nil {
		p.t.Fatalf("%v in %s", err, js)
	}
	return v
}

// until polls a condition in the page.
func (p *published) until(what, js string) {
	p.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		ok, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("!!("+js+")"))
		if err == nil && ok {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("waited for: %s (%v)\n%s", what, err, onPage[string](p, "document.body.innerText.slice(0, 2000)"))
		}
		time.Sleep(25 * time.Millisecond) // polling, with the deadline above
	}
}

func (p *published) look(path string, width, height int64, scheme string) {
	p.t.Helper()
	p.run(chromedp.EmulateViewport(width, height), func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return chromedp.Void{}, err
	}, chromedp.Navigate(p.base+path), chromedp.WaitReady(chromedp.CSS("#main")))
}

func (p *published) shot(name string) {
	p.t.Helper()
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.t.Fatal(err)
	}
	dir := os.Getenv("FLYLEAF_SHOTS")
	if dir == "" {
		dir = p.t.TempDir()
	}
	if err := os.WriteFile(filepath.Join(dir, "site-"+name+".png"), png, 0o600); err != nil {
		p.t.Fatal(err)
	}
	if len(png) < 5000 {
		p.t.Errorf("%s: a picture of %d bytes shows nothing", name, len(png))
	}
}

// faint lists text with less contrast to its background than WCAG AA requires: 4.5, or 3 for large
// text.
const faint = `(() => {
	const rgb = (s) => (s.match(/[\d.]+/g) || []).map(Number);
	const lum = (c) => { const f = c.slice(0, 3).map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * f[0] + .7152 * f[1] + .0722 * f[2]; };
	const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
	const out = [];
	for (const e of document.body.querySelectorAll("*")) {
		if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility() || e.closest("script, .skip")) continue;
		const s = getComputedStyle(e), a = lum(rgb(s.color)), b = lum(behind(e));
		const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
		if (ratio < (parseFloat(s.fontSize) >= 24 ? 3 : 4.5)) out.push(ratio.toFixed(2) + " " + s.color + " " + e.outerHTML.slice(0, 80));
	}
	return out;
})()`

// TestInTheBrowser: the sample, from a server and from a disk, wide and narrow, light and dark,
// fetches nothing from other sites, does not violate its content security policy, does not scroll
// sideways, and can be searched.
func TestInTheBrowser(t *testing.T) {
	_, files := build(t, config, samples())
	dir := t.TempDir()
	for p, body := range files {
		at := filepath.Join(dir, filepath.FromSlash(p))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	const week = "/books/20261109-the-patient-ledger.html"
	for how, base := range map[string]string{"served": server.URL, "disk": "file://" + dir} {
		t.Run(how, func(t *testing.T) {
			p := openPublished(t, base)
			for _, size := range []struct {
				name   string
				w, h   int64
				scheme string
			}{{"wide", 1440, 900, "light"}, {"dark", 1440, 900, "dark"}, {"phone", 390, 844, "light"}, {"small", 320, 568, "dark"}} {
				for name, path := range map[string]string{"index": "/index.html", "week": week} {
					p.look(path, size.w, size.h, size.scheme)
					if over := onPage[float64](p, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
						t.Errorf("%s, %s: %v pixels wider than the window", name, size.name, over)
					}
					if font := onPage[string](p, "getComputedStyle(document.querySelector('h1')).fontFamily"); !strings.Contains(font, "Palatino") {
						t.Errorf("%s, %s: without its style", name, size.name)
					}
					if bad := onPage[[]string](p, faint); len(bad) > 0 {
						t.Errorf("%s, %s: faint text:\n%s", name, size.name, strings.Join(bad, "\n"))
					}
					if how == "served" {
						p.shot(name + "-" + size.name)
					}
				}
			}
			if dark := onPage[string](p, "getComputedStyle(document.documentElement).backgroundColor"); dark != "rgb(18, 26, 24)" {
				t.Errorf("the dark page is %s", dark)
			}

			// Search finds words with and without marks, beginnings of words, and names.
			for query, want := range map[string]string{
				"choir bank": "Maren Holt asks", "CARTOGRAPHER linh": "The Cartographer’s Queue by Bao Linh Sørensen", "spreadsh": "Ilse Marrow answers", "o. t.": "O. T. adds",
			} {
				p.look("/index.html", 1440, 900, "light")
				p.run(chromedp.SendKeys(chromedp.CSS("#find"), query))
				// Results appear while the query is typed. Wait for those of the whole query.
				p.until("the first result for "+query+" to be "+want, fmt.Sprintf("document.querySelector('#results li a span')?.textContent === %q", want))
			}
			p.look("/index.html?q=choir", 390, 844, "light")
			p.until("results of the address", "document.querySelector('#results a')")
			p.run(chromedp.Click(chromedp.CSS("#results a")))
			p.until("the question", "location.pathname.includes('/books/') && document.querySelector(':target') && document.querySelector(':target').innerText.includes('choir')")
			p.look("/index.html", 1440, 900, "light")
			p.run(chromedp.SendKeys(chromedp.CSS("#find"), "hiddenwords"))
			p.until("nothing", "document.getElementById('found').textContent === 'No results.'")

			p.mu.Lock()
			defer p.mu.Unlock()
			if len(p.outside) > 0 {
				t.Errorf("requests that left: %v", p.outside)
			}
			if len(p.problems) > 0 {
				t.Errorf("the browser complains: %v", p.problems)
			}
		})
	}
}

// BenchmarkSearch measures the time from typing a word to the results, in a browser that has not
// loaded any of the index, and the bytes that the browser loads.
func BenchmarkSearch(b *testing.B) {
	weeks := corpusWeeks(b)
	c := config
	c.BaseURL = "" // no pictures: they are not searched
	for _, n := range []int{len(weeks), 300, 1000} {
		s, err := Build(c, many(weeks, n))
		if err != nil {
			b.Fatal(err)
		}
		files := map[string][]byte{}
		for _, f := range s.Files {
			files["/"+f.Path] = f.Body
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-store")
			http.ServeContent(w, r, r.URL.Path, time.Time{}, bytes.NewReader(files[r.URL.Path]))
		}))
		p := openPublished(b, server.URL)
		b.Run(fmt.Sprintf("weeks=%d", n), func(b *testing.B) {
			var ms, loaded float64
			for b.Loop() {
				p.look("/index.html?q=neural+network", 1440, 900, "light")
				p.until("results", "document.querySelector('#results li')")
				// The time from the loaded page to the last loaded file of the index.
				ms += onPage[float64](p, "Math.max(...performance.getEntriesByType('resource').filter((e) => e.name.includes('/search/')).map((e) => e.responseEnd)) - performance.getEntriesByType('navigation')[0].domInteractive")
				loaded += onPage[float64](p, "performance.getEntriesByType('resource').filter((e) => e.name.includes('/search/')).reduce((n, e) => n + e.decodedBodySize, 0)")
			}
			b.ReportMetric(ms/float64(b.N), "ms/search")
			b.ReportMetric(loaded/float64(b.N)/1e3, "loaded-kB")
		})
		server.CloseClientConnections()
		server.Close()
	}
}
