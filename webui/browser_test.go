//go:build !js

package webui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"flyleaf/internal/browsertest"
	"flyleaf/node/convert"
	"flyleaf/qa"
)

// inBrowser serves the sample week and opens a real Chromium on it.
type inBrowser struct {
	t       *testing.T
	ctx     context.Context
	srv     *httptest.Server
	node    *testNode
	event   qa.EventID
	arrived qa.PostID       // the last post that a test added
	invited []qa.InviteInfo // the reader's invitations, see setUpTrust
	mu      sync.Mutex
	dead    bool
	outside []string // requests to other servers
	served  []string // responses while recording
	records bool
	passed  time.Duration // since testNow, for the pages
}

const browserToken = "start-token-of-the-test"

func openBrowserOn(t *testing.T, options ...chromedp.ExecAllocatorOption) *inBrowser {
	t.Helper()
	n, event := sample(t)
	return openBrowserOf(t, n, event, options...)
}

// openBrowserOf starts a browser for the pages of a node.
func openBrowserOf(t *testing.T, n *testNode, event qa.EventID, options ...chromedp.ExecAllocatorOption) *inBrowser {
	t.Helper()
	ctx := browsertest.Start(t, options...)
	b := &inBrowser{t: t, ctx: ctx, node: n, event: event}
	b.srv = httptest.NewUnstartedServer(nil)
	handler := New(Config{
		Converter: convert.Direct{},
		Node:      b.node, Token: browserToken, Starts: &starts, Hosts: []string{b.srv.Listener.Addr().String()},
		Now: b.now, Zone: time.UTC,
	})
	b.srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		dead := b.dead
		b.mu.Unlock()
		if dead {
			panic(http.ErrAbortHandler)
		}
		code := &statusWriter{ResponseWriter: w, code: http.StatusOK}
		defer b.record(r, code)
		handler.ServeHTTP(code, r)
	})
	b.srv.Start()
	t.Cleanup(func() { b.srv.CloseClientConnections(); b.srv.Close() })

	watch := func(ev any) {
		if e, ok := ev.(*network.EventRequestWillBeSent); ok {
			if u := e.Request.URL; !strings.HasPrefix(u, b.srv.URL) && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "about:") {
				b.mu.Lock()
				b.outside = append(b.outside, u)
				b.mu.Unlock()
			}
		}
	}
	if err := chromedp.Listen(ctx, watch); err != nil {
		t.Fatal(err)
	}
	b.run(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, network.Enable, network.EnableParams{})
		return chromedp.Void{}, err
	})
	return b
}

func (b *inBrowser) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// value evaluates JavaScript in the page.
func value[T any](b *inBrowser, js string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js))
	if err != nil {
		b.t.Fatalf("%v in %s", err, js)
	}
	return v
}

// eval runs JavaScript and ignores its value.
func (b *inBrowser) eval(js string) {
	b.t.Helper()
	value[bool](b, "("+js+", true)")
}

func click(css string) chromedp.Action[chromedp.Void] { return chromedp.Click(chromedp.CSS(css)) }

func keys(css, text string) chromedp.Action[chromedp.Void] {
	return chromedp.SendKeys(chromedp.CSS(css), text)
}

func main() chromedp.Action[chromedp.Void] { return chromedp.WaitReady(chromedp.CSS("#main")) }

func (b *inBrowser) url(path string) string { return b.srv.URL + path }

// enter opens the start link.
func (b *inBrowser) enter(path string) {
	b.t.Helper()
	b.run(chromedp.Navigate(StartURL(b.srv.URL, starts.New())), chromedp.Navigate(b.url(path)), main())
}

// until polls a JavaScript condition. The page's own policy forbids evaluating
// strings, so the loop is here and not in the page; a navigation in between only
// makes one attempt fail.
func (b *inBrowser) until(what, js string) {
	b.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+js+")"))
		if err == nil && ok {
			return
		}
		if time.Now().After(deadline) {
			page, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body.innerText.slice(0, 3000)`))
			b.t.Fatalf("waited for: %s (%v)\n%s", what, err, page)
		}
		time.Sleep(25 * time.Millisecond) // polling, with the deadline above
	}
}

func (b *inBrowser) live() {
	b.t.Helper()
	b.until("the stream to be open", `document.body.dataset.live === 'yes'`)
}

func (b *inBrowser) size(width, height int64, dark bool) {
	b.t.Helper()
	if err := browsertest.Look(b.ctx, width, height, dark); err != nil {
		b.t.Fatal(err)
	}
}

// shot takes a screenshot of the page into the directory FLYLEAF_SHOTS, or a temporary one.
func (b *inBrowser) shot(name string) {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	dir := os.Getenv("FLYLEAF_SHOTS")
	if dir == "" {
		dir = b.t.TempDir()
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
	if len(png) < 5000 {
		b.t.Errorf("%s: a picture of %d bytes shows nothing", name, len(png))
	}
}

func (b *inBrowser) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return testNow.Add(b.passed)
}

// pass lets time pass.
func (b *inBrowser) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.passed += d
}

func (b *inBrowser) setDead(dead bool) {
	b.mu.Lock()
	b.dead = dead
	b.mu.Unlock()
	if dead {
		b.srv.CloseClientConnections()
	}
}

func (b *inBrowser) week() string { return eventPath(b.event) }

// question is the first question of the sample.
func (b *inBrowser) question(n int) qa.PostID {
	return b.node.sample[n]
}

// arrive adds a post of another person, as if it had just been received.
func (b *inBrowser) arrive(p qa.Post, text string) qa.PostID {
	p.AtMillis = testNow.UnixMilli()
	return b.node.addPost(b.event, p, text)
}

func TestBrowserAskAndLiveReplyWhileTyping(t *testing.T) {
	b := openBrowserOn(t)
	b.size(1440, 900, false)
	b.enter(b.week())
	b.live()

	b.run(keys("#q", "Who reads a ledger after ten years?"), click("#ask .primary"))
	b.until("the question to stand in the page", `[...document.querySelectorAll('.question .words')].some(w => w.textContent.includes('after ten years?'))`)
	box := value[string](b, `document.querySelector('#q').value`)
	if box != "" {
		t.Errorf("the box still holds %q", box)
	}
	b.eval(`window.mark = 7`)

	// Somebody answers the first question while the reader types at the end.
	b.run(keys("#q", "I was going to say"))
	first := b.question(0)
	before := value[float64](b, `document.querySelector('#q').getBoundingClientRect().top`)
	id := b.arrive(qa.Post{By: teodor, Parent: first}, "A live answer.")
	b.until("the bar to speak of it", `document.querySelector('#news')?.textContent === '1 new. Show it'`)
	b.run(keys("#q", " something"))
	type state struct {
		Text     string  `json:"text"`
		Focus    string  `json:"focus"`
		Top      float64 `json:"top"`
		Inserted bool    `json:"inserted"`
		Mark     int     `json:"mark"`
	}
	look := `({text: document.querySelector('#q').value, focus: document.activeElement.id, top: document.querySelector('#q').getBoundingClientRect().top, inserted: !!document.getElementById('p-` + string(id) + `'), mark: window.mark})`
	if now := value[state](b, look); now.Text != "I was going to say something" || now.Focus != "q" || now.Top != before || now.Inserted {
		t.Errorf("while typing: %+v, top was %v", now, before)
	}
	b.run(click("#news a"))
	b.until("the answer to be shown", `!!document.getElementById('p-`+string(id)+`')`)
	if now := value[state](b, look); now.Text != "I was going to say something" || now.Mark != 7 {
		t.Errorf("after showing: %+v", now)
	}
	elem := `document.getElementById('p-` + string(id) + `')`
	order := value[string](b, elem+`.previousElementSibling.id + ' ' + `+elem+`.parentElement.id`)
	if !strings.HasSuffix(order, " t-"+string(first)) || !strings.HasPrefix(order, "p-") {
		t.Errorf("the answer stands after %s", order)
	}

	// The draft survives a reload.
	deadline := time.Now().Add(10 * time.Second)
	for {
		v, _ := b.node.Drafts(b.ctx, b.event)
		if strings.Contains(fmt.Sprint(v), "I was going to say something") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no draft was kept: %v", v)
		}
		time.Sleep(20 * time.Millisecond) // polling, with the deadline above
	}
	b.run(chromedp.Navigate(b.url(b.week())), main())
	box = value[string](b, `document.querySelector('#q').value`)
	if box != "I was going to say something" {
		t.Errorf("after a reload the box holds %q", box)
	}
	b.checkNoForeignRequests()
}

// checkNoForeignRequests fails the test if the browser sent a request to another server.
func (b *inBrowser) checkNoForeignRequests() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.outside) > 0 {
		b.t.Errorf("requests left for %v", b.outside)
	}
}

func TestBrowserWordsSurviveADeadServer(t *testing.T) {
	b := openBrowserOn(t)
	b.size(1024, 800, false)
	b.enter(b.week())
	b.live()
	b.run(keys("#q", "These words must stay"))
	b.setDead(true)
	b.run(click("#ask .primary"))
	b.until("the page to say that it is not saved", `document.querySelector('#ask .notice.grave')?.textContent.includes('Not saved')`)
	b.until("the summary at the top to say so", `document.querySelector('#sync-summary').textContent.includes('not responding')`)
	text := value[string](b, `document.querySelector('#q').value`)
	if text != "These words must stay" {
		t.Errorf("the box holds %q", text)
	}
	b.setDead(false)
	b.node.setFail(errors.New("the disk is full"))
	b.run(click("#ask .primary"))
	b.until("the reason", `document.querySelector('#ask .notice.grave')?.textContent.includes('the disk is full')`)
	b.node.setFail(nil)
	b.run(click("#ask .primary"))
	b.until("the question to stand in the page", `[...document.querySelectorAll('.question .words')].some(w => w.textContent.includes('must stay'))`)
	b.until("the complaint to be gone", `!document.querySelector('#ask .notice.grave')`)
}

func TestBrowserChangesInPlace(t *testing.T) {
	b := openBrowserOn(t)
	b.size(1440, 900, false)
	b.enter(b.week())
	b.live()
	q := b.question(4) // Priya's question, which has no votes
	elem := `document.getElementById('p-` + string(q) + `')`
	b.eval(elem + `.scrollIntoView(), ` + elem + `.querySelector('button.want').focus()`)
	b.run(click(`#p-` + string(q) + ` button.want`))
	b.until("the count", elem+`.querySelector('.want b').textContent === '1' && `+elem+`.querySelector('.want').ariaPressed === 'true'`)
	if !value[bool](b, elem+`.querySelector('.want') === document.activeElement`) {
		t.Error("the focus left the button that was pressed")
	}

	// Somebody else's edit does not change the text while the reader reads it.
	b.node.doAs(noor, b.event, qa.Act{Kind: qa.ActEdit, Post: q, Text: "Edited meanwhile.\n\nAnd longer."})
	b.until("the bar to speak of it", `document.querySelector('#news').textContent === '1 changed. Show it'`)
	words := value[string](b, elem+`.textContent`)
	if strings.Contains(words, "Edited meanwhile") {
		t.Error("words changed under the reader's eyes")
	}
	b.run(click("#news a"))
	b.until("the new words", elem+`.textContent.includes('Edited meanwhile')`)

	// The line at the top follows.
	if err := b.node.store.SetDelivered(t.Context(), b.event, true); err != nil {
		t.Fatal(err)
	}
	if err := b.node.Rebuild(t.Context(), b.event); err != nil { // a relay would have told the device
		t.Fatal(err)
	}
	b.until("the summary at the top", `document.querySelector('#sync-summary').textContent === 'Everything is on the relay'`)
}

// TestBrowserAsksAtOnce: who opens a week on a telephone sees the box for a question without scrolling, and reaches it with
// a few presses of the Tab key.
func TestBrowserAsksAtOnce(t *testing.T) {
	b := openBrowserOn(t)
	b.enter("/")
	for _, name := range []string{"Wren Castellane", ""} {
		if err := b.node.SetPerson(t.Context(), qa.Person{Name: name}); err != nil {
			t.Fatal(err)
		}
		b.size(390, 844, false)
		b.run(chromedp.Navigate(b.url(b.week())), main())
		if bottom := value[float64](b, `document.getElementById('q').getBoundingClientRect().bottom`); bottom > 844 {
			t.Errorf("named %q: the box ends at %v of 844 px", name, bottom)
		}
		stops := 0
		for reached := false; !reached && stops < 20; stops++ {
			b.run(chromedp.KeyEvent(kb.Tab))
			reached = value[bool](b, `document.activeElement.id === 'q'`)
		}
		if stops > 5 {
			t.Errorf("named %q: the box is stop %d", name, stops)
		}
	}
}

func TestBrowserLooks(t *testing.T) {
	b := openBrowserOn(t)
	for i := range 7 {
		e := qa.Event{ID: eventID(byte(20 + i)), Title: fmt.Sprintf("Borrowed Clocks, volume %d", i), Authors: "Yara Devlin, Ask Moen", StartsAtMillis: testNow.AddDate(0, -i-1, 0).UnixMilli()}
		if i == 6 {
			e.StartsAtMillis = testNow.AddDate(0, 1, 0).UnixMilli()
		}
		b.node.addEvent(e)
	}
	b.enter("/")
	q, mine := string(b.question(0)), string(b.question(8))
	pages := map[string]string{
		"library": "/", "week": b.week(), "sync": "/sync", "you": "/you", "post": b.week() + "/p/" + q, "own": b.week() + "/p/" + mine,
		"edit": b.week() + "/p/" + mine + "/edit", "withdraw": b.week() + "/p/" + mine + "/withdraw", "nowhere": "/nowhere",
		"files": "/files", "digest": "/digest", "verify": b.week() + "/verify",
		"identity": "/you/identity", "storage": "/storage", "search-empty": "/search?q=nothing+like+this", "search-none": "/search",
		"close": b.week() + "/switch?closed=1", "stage": b.week() + "/stage",
	}
	for name, path := range pages {
		b.checkLooks(name, func() { b.run(chromedp.Navigate(b.url(path)), main()) })
	}
	b.checkNoForeignRequests()
}

// checkLooks opens a page in every size and theme, checks it as it is and with all details open, and takes screenshots.
func (b *inBrowser) checkLooks(name string, open func()) {
	b.t.Helper()
	for _, v := range []struct {
		name   string
		width  int64
		height int64
		dark   bool
	}{{"desktop", 1440, 1000, false}, {"dark", 1440, 1000, true}, {"phone", 390, 844, false}, {"narrow", 320, 640, false}} {
		b.size(v.width, v.height, v.dark)
		open()
		withAxe := v.name == "desktop" || v.name == "phone"
		b.checkPage(name+", "+v.name, withAxe)
		if v.name != "narrow" || name == "week" {
			b.shot(name + "-" + v.name)
		}
		if withAxe && value[bool](b, `(closed => (closed.forEach(e => e.open = true), closed.length > 0))([...document.querySelectorAll('details:not([open])')])`) {
			b.checkPage(name+", "+v.name+", all details open", true)
		}
	}
}

// checkPage checks the page as it is.
func (b *inBrowser) checkPage(name string, withAxe bool) {
	b.t.Helper()
	report := value[struct {
		Width    float64  `json:"width"`
		Room     float64  `json:"room"`
		Problems []string `json:"problems"`
	}](b, basics)
	if report.Width > report.Room {
		b.t.Errorf("%s: it is %v px wide, and the window %v px: it scrolls sideways", name, report.Width, report.Room)
	}
	if withAxe {
		report.Problems = append(report.Problems, b.axe()...)
	}
	for _, p := range report.Problems {
		b.t.Errorf("%s: %s", name, p)
	}
}

// checkState checks what a page shows now with axe-core, and takes a screenshot.
func (b *inBrowser) checkState(name string) {
	b.t.Helper()
	for _, problem := range b.axe() {
		b.t.Errorf("%s: %s", name, problem)
	}
	b.shot(name)
}

// axe returns what axe-core finds in the page, and nothing if it is not installed.
func (b *inBrowser) axe() []string {
	b.t.Helper()
	script := browsertest.Axe(b.t)
	if script == "" {
		return nil
	}
	if value[bool](b, `typeof axe === 'undefined'`) {
		b.eval("(() => {" + script + "\n})()")
	}
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`axe.run().then(r => r.passes.length < 10 ? ['axe checked almost nothing'] :
		r.violations.flatMap(v => v.nodes.map(n => v.id + ': ' + n.html.slice(0, 160) + ' ' + n.failureSummary.split('\n').slice(1).join(';'))))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

// basics checks what every page must have so that everybody can use it.
const basics = `(() => {
  const problems = [], all = s => [...document.querySelectorAll(s)];
  const say = (ok, words) => { if (!ok) problems.push(words) };
  say(document.documentElement.lang, 'no language');
  say(all('main').length === 1, 'not one main');
  say(all('h1').length === 1, all('h1').length + ' h1');
  say(document.title.length > 10, 'no title');
  let level = 0;
  for (const h of all('h1,h2,h3,h4,h5,h6')) {
    const n = +h.tagName[1];
    say(n <= level + 1, 'from h' + level + ' to ' + h.outerHTML.slice(0, 80));
    level = n;
  }
  for (const f of all('input:not([type=hidden]), textarea, select')) say(f.labels.length > 0, 'no label: ' + f.outerHTML.slice(0, 80));
  for (const b of all('button, a, summary')) say(b.textContent.trim() || b.ariaLabel || b.ariaHidden, 'no words: ' + b.outerHTML.slice(0, 80));
  const ids = all('[id]').map(e => e.id);
  say(new Set(ids).size === ids.length, 'an id stands twice: ' + ids.filter((id, i) => ids.indexOf(id) !== i));
  for (const n of all('nav')) say(n.ariaLabel, 'a nav without a name');
  for (const p of all('pre')) say(p.tabIndex === 0, 'code that the keyboard cannot scroll');
  for (const s of all('[aria-labelledby],[aria-describedby]')) for (const a of ['aria-labelledby', 'aria-describedby'])
    for (const id of (s.getAttribute(a) || '').split(' ')) say(!id || document.getElementById(id), a + ' names ' + id);
  for (const e of all('button, summary, .top a, .foot > a, .foot a.ui, .own a, .filters a')) {
    const b = e.getBoundingClientRect();
    if (b.width && !e.classList.contains('skip')) say(b.height >= 23.5 && b.width >= 16, 'a target of ' + b.width + ' × ' + b.height + ': ' + e.outerHTML.slice(0, 120));
  }
  say(all('[style], script:not([src])').length === 0, 'something inline');
  // WCAG AA: what is written stands out from what is behind it.
  const channels = c => { const m = c.match(/[\d.]+/g).map(Number); return /^color\(srgb/.test(c) ? [...m.slice(0, 3).map(v => v * 255), m[3] ?? 1] : [m[0], m[1], m[2], m[3] ?? 1] };
  const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const over = (top, under) => top.slice(0, 3).map((v, i) => v * top[3] + under[i] * (1 - top[3])).concat(1);
  const behind = e => { if (!e) return [255, 255, 255, 1]; const c = channels(getComputedStyle(e).backgroundColor); return c[3] === 1 ? c : over(c, behind(e.parentElement)) };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement, s = getComputedStyle(e);
    if (!walker.currentNode.data.trim() || !e.checkVisibility({ visibilityProperty: true }) || e.closest('.visually-hidden, .skip, [aria-hidden=true], script, option')) continue;
    const back = behind(e), a = light(over(channels(s.color), back)), b = light(back), ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    const large = parseFloat(s.fontSize) >= 24 || parseFloat(s.fontSize) >= 18.66 && +s.fontWeight >= 700;
    say(ratio >= (large ? 3 : 4.5), 'contrast ' + ratio.toFixed(2) + ' of ' + e.outerHTML.slice(0, 120));
  }
  return { width: Math.max(document.documentElement.scrollWidth, document.body.scrollWidth), room: document.documentElement.clientWidth, problems: [...new Set(problems)] };
})()`
