//go:build !js

package webui

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"flyleaf/internal/browsertest"
	"flyleaf/internal/testfixture"
	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/schema"
)

// statusWriter remembers the status of a response.
type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (b *inBrowser) record(r *http.Request, w *statusWriter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	// Requests by Flyleaf's own pages, error pages included, are not recorded.
	if b.records && r.Header.Get("Sec-Fetch-Site") != "same-origin" {
		b.served = append(b.served, fmt.Sprintf("%d %s %s", w.code, r.Method, r.URL.Path))
	}
}

// recording discards the record of responses, and turns recording on or off.
func (b *inBrowser) recording(on bool) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.served
	b.served, b.records = nil, on
	return was
}

// leave opens an empty page and waits until the previous page's stream has ended.
func (b *inBrowser) leave() {
	b.t.Helper()
	b.run(chromedp.Navigate("about:blank"))
	for deadline := time.Now().Add(20 * time.Second); b.node.subscribers() > 0; {
		if time.Now().After(deadline) {
			b.t.Fatal("a stream does not end")
		}
		time.Sleep(10 * time.Millisecond) // polling, with the deadline above
	}
}

// TestBrowserRefusesOtherPages: a page of another origin gets nothing, although the browser
// has the cookie. The page is on another site, or on another port of this site, for which the
// browser sends even a strict cookie.
func TestBrowserRefusesOtherPages(t *testing.T) {
	b := openBrowserOn(t)
	b.enter(b.week())
	settings := b.node.countSettings() // that the reader's own visit wrote
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(w, browsertest.Attack(b.srv.URL, b.week()))
	}))
	defer evil.Close()
	for name, address := range map[string]string{
		"another port": evil.URL, "another site": strings.Replace(evil.URL, "127.0.0.1", "localhost", 1),
	} {
		b.leave()
		b.recording(true)
		b.run(chromedp.Navigate(address))
		b.until(name+": all attempts to end", browsertest.AttackEnded)
		for _, r := range value[[]string](b, `results`) {
			if strings.Contains(r, "READ") || strings.Contains(r, "OPEN") || strings.Contains(r, "LOADED") {
				t.Errorf("%s: %s", name, r)
			}
		}
		if n := value[int](b, `[...document.querySelectorAll('iframe')].filter(f => { try { return f.contentDocument && f.contentDocument.body.innerText.includes('Ledger') } catch { return false } }).length`); n != 0 {
			t.Errorf("%s: a frame can be read", name)
		}
		// The form that leaves the page comes last.
		b.run(chromedp.Navigate(address))
		b.eval(`document.getElementById('plain').target = '_top', document.getElementById('plain').submit()`)
		b.until("the refusal", `document.body.innerText.includes('another page')`)
		served := b.recording(false)
		for _, line := range served {
			if !strings.HasPrefix(line, "403 ") && !strings.HasPrefix(line, "401 ") && !strings.HasSuffix(line, ".css") {
				t.Errorf("%s: answered %s", name, line)
			}
		}
		if len(served) < 15 {
			t.Errorf("%s: only %d attempts came here: %v", name, len(served), served)
		}
	}
	if len(b.node.acts()) != 0 || b.node.countSettings() != settings {
		t.Errorf("another origin wrote %+v %v", b.node.acts(), b.node.countSettings())
	}
}

// TestBrowserRefusesReboundNames: a request is refused if its Host is one of the attacker's names
// that now resolves to this machine. The attacker's page would have the same origin as Flyleaf.
func TestBrowserRefusesReboundNames(t *testing.T) {
	b := openBrowserOn(t, chromedp.Flag("host-resolver-rules", "MAP rebound.example 127.0.0.1"))
	b.enter("/")
	_, port, err := net.SplitHostPort(b.srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b.leave()
	b.recording(true)
	b.run(chromedp.Navigate("http://rebound.example:" + port + "/?token=" + starts.New()))
	b.until("the refusal", `document.body.innerText.includes('does not answer at this address')`)
	b.eval(`window.ends = [], fetch('/you').then(r => ends.push(r.status)), fetch('/you', {method: 'POST', body: new URLSearchParams({name: 'forged'})}).then(r => ends.push(r.status)),
		Object.assign(new EventSource('/stream'), {onopen: () => ends.push('OPEN'), onerror: e => { ends.push('closed'); e.target.close() }}),
		Object.assign(new WebSocket('ws://' + location.host + '/stream'), {onopen: () => ends.push('OPEN'), onerror: () => ends.push('closed')})`)
	// The response's own policy blocks the page's requests; any that get through are refused.
	b.until("the attempts to end", `ends.length >= 2`)
	for _, end := range value[[]any](b, `ends`) {
		if end != "closed" && fmt.Sprint(end) != "403" {
			t.Errorf("an attempt ended with %v", end)
		}
	}
	for _, line := range b.recording(false) {
		if !strings.HasPrefix(line, "403 ") {
			t.Errorf("answered %s", line)
		}
	}
	if len(b.node.acts()) != 0 || b.node.countSettings() != 0 {
		t.Errorf("something was changed: %v %v", b.node.acts(), b.node.countSettings())
	}
}

// claimLetters are people who each open one invitation. The other invitations stay open.
const claimLetters = "ghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// putTextEverywhere puts a text into every place that can show text by other people.
func putTextEverywhere(w *shownWeek, i int, text string) {
	short := func(n int) string { return text[:min(len(text), n)] }
	by := qa.Identity(fmt.Sprintf("%064x", 0xbad00+i))
	w.people[by] = qa.Person{ID: by, Name: short(schema.MaxName), About: text, Link: short(schema.MaxPersonLink)}
	at := testNow.UnixMilli() + int64(i)
	put := func(p qa.Post) qa.PostID {
		p.By, p.AtMillis, p.Op = by, at, qa.OpID{Counter: uint64(10_000 + len(w.posts)), Actor: "01"}
		p.ID = qa.PostID(fmt.Sprintf("%s-aaaaaaaaaaaaa-%d", by[:16], p.Op.Counter))
		p.Revisions = []qa.Revision{{ID: "1-a", Text: text, AtMillis: at, Op: p.Op}}
		w.posts = append(w.posts, p)
		return p.ID
	}
	id := put(qa.Post{Tags: []string{short(schema.MaxTags)}, Reactions: []qa.Reaction{{By: by, Emoji: short(maxEmojiShown)}}})
	imported := true
	put(qa.Post{Parent: id, OnBehalfOf: short(schema.MaxName), Source: text, Imported: &imported})
	put(qa.Post{Marks: qa.Marks{Hidden: short(schema.MaxReason), HiddenBy: by, HiddenAtMillis: at}})
	w.event.Links = append(w.event.Links, qa.Link{Text: text, URL: text}, qa.Link{Text: text, URL: "https://evil.example/" + text})
	w.event.Roles = append(w.event.Roles, qa.Grant{ID: by, Role: qa.RoleAuthor})
	w.log = append(w.log, qa.LogEntry{Kind: qa.LogBlock, By: by, Identity: by, On: true, Text: short(schema.MaxReason), AtMillis: at, InEffect: true})
	w.refusals = append(w.refusals, qa.NotAccepted{Hash: fmt.Sprintf("%064x", i), Code: text, Reason: text, Act: qa.Act{Kind: qa.ActEdit, Text: text}})
	w.presence = append(w.presence, qa.Presence{Kind: qa.PresenceAnswering, By: by, Post: id})
	w.verified[id] = qa.Verification{Changes: []qa.VerifiedChange{{Hash: text, By: by, Actor: text, What: text, Reason: text, Code: "x", Signed: true}}}
}

// hosts collects the host names of the connections.
type hosts struct {
	mu    sync.Mutex
	names []string
}

func (h *hosts) add(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Contains(h.names, name) {
		h.names = append(h.names, name)
	}
}

func (h *hosts) list() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.names)
}

// peekedConn is a connection whose first bytes have been read into a buffer.
type peekedConn struct {
	net.Conn
	r io.Reader
}

func (p peekedConn) Read(b []byte) (int, error) { return p.r.Read(b) }

// calledHost reads the host name from the first bytes of a connection.
func calledHost(c net.Conn) string {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	first := bufio.NewReader(c)
	if b, err := first.Peek(1); err != nil || b[0] != 0x16 { // not TLS
		line, _ := first.ReadString('\n')
		return "plain: " + strings.TrimSpace(line)
	}
	name := "TLS"
	_ = tls.Server(peekedConn{c, first}, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		name = hello.ServerName
		return nil, errors.New("nobody is here")
	}}).Handshake()
	return name
}

// TestBrowserRunsNothingAndFetchesNothing: no text of a corpus of attacks runs a script or makes
// the browser send a request, on any page that shows the text. Every host name in the corpus
// resolves to a listener that records the names.
func TestBrowserRunsNothingAndFetchesNothing(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var called hosts
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			done.Go(func() { called.add(calledHost(c)) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); done.Wait() })
	to := ln.Addr().String()
	b := openBrowserOn(t, chromedp.Flag("host-resolver-rules", "MAP *.example "+to+", MAP *.org "+to))
	if len(testfixture.XSS) < 60 {
		t.Fatalf("a corpus of %d texts", len(testfixture.XSS))
	}

	b.node.giveReaderRole(b.event, qa.RoleOrganiser)
	all := strings.Join(testfixture.XSS, "\n\n")
	var question, reply string
	var claimers []qa.Identity
	for i, text := range testfixture.XSS {
		made, err := b.node.Invite(t.Context(), b.event, qa.RoleMember, text[:min(len(text), maxLabel)])
		if err != nil {
			t.Fatal(err)
		}
		if i < len(claimLetters) {
			claimers = append(claimers, person(claimLetters[i]))
			b.node.onDeviceOf(claimers[i], b.event, func(d *node.Device) error { return d.Join(t.Context(), made.Link) })
		}
	}
	b.node.editViews(b.event, func(w *shownWeek) {
		for i, id := range claimers {
			w.people[id] = qa.Person{ID: id, Name: testfixture.XSS[i][:min(len(testfixture.XSS[i]), schema.MaxName)]}
		}
		w.verified = make(map[qa.PostID]qa.Verification)
		for i, text := range testfixture.XSS {
			putTextEverywhere(w, i, text)
		}
		w.event.Title, w.event.Authors, w.event.Description = all, all, all
		w.relay = &qa.RelayStatus{URL: all, State: qa.RelayOffline, Why: all}
		n := len(w.posts)
		question, reply = string(w.posts[n-3].ID), string(w.posts[n-2].ID)
	})
	for _, key := range []string{"name", "web/about", "web/link"} {
		b.node.setSetting(key, all)
	}
	var canary atomic.Int64
	if err := chromedp.Listen(b.ctx, func(ev any) {
		if _, ok := ev.(*page.EventJavascriptDialogOpening); ok {
			canary.Add(1)
		}
	}); err != nil {
		t.Fatal(err)
	}
	// The page's policy is the second defence. It has nothing to report, so the first
	// defence, the escaping, is enough alone.
	b.run(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
			Source: browsertest.NoteViolations,
		})
		return chromedp.Void{}, err
	})
	b.size(1024, 800, false)
	b.enter("/")

	paths := []string{
		"/", "/?join=%3Cscript%3Ewindow.ran=1%3C/script%3E", "/you", "/sync", b.week(), b.week() + "?page=2", b.week() + "/stage", b.week() + "?show=unanswered", b.week() + "/people", b.week() + "/log",
		b.week() + "/p/" + question, b.week() + "/p/" + reply, b.week() + "/p/" + question + "/moderate", b.week() + "/p/" + question + "/proof",
	}
	for _, path := range paths {
		b.run(chromedp.Navigate(b.url(path)), main())
		b.live()
		if status := value[int](b, `performance.getEntriesByType('navigation')[0].responseStatus`); status != http.StatusOK {
			t.Errorf("%s: the status is %d", path, status)
		}
		b.eval(`document.querySelectorAll('details').forEach(d => d.open = true)`)
		b.until(path+": what opens to be there", `!document.querySelector('details noscript')`)
		for _, fault := range value[browsertest.Inspected](b, browsertest.Inspection).Faults() {
			t.Errorf("%s: %s", path, fault)
		}
	}
	// The same for a post that arrives while the page is open.
	b.run(chromedp.Navigate(b.url(b.week()+"/p/"+question)), main())
	b.live()
	// Only another version could have written it, so it can only be put into the views.
	b.node.editViews(b.event, func(w *shownWeek) {
		p := w.posts[len(w.posts)-2]
		p.ID, p.Op.Counter = p.ID+"0", p.Op.Counter*10
		w.posts = append(w.posts, p)
		b.arrived = p.ID
	})
	b.node.start() // reads the views again
	b.node.notify(qa.Update{Event: b.event, Posts: []qa.PostID{b.arrived}})
	b.until("the bar to speak of it", `document.querySelector('#news')?.textContent.includes('new')`)
	b.run(click("#news a"))
	b.until("it to be shown", `document.querySelector('#news').textContent === ''`)
	if found := value[bool](b, `!!window.ran || violations.length > 0`); found {
		t.Error("something ran in what arrived")
	}
	if names := called.list(); len(names) != 0 {
		t.Errorf("requests left for %v", names)
	}
	if canary.Load() != 0 {
		t.Error("a dialog was opened")
	}
	b.checkNoForeignRequests()

	// The listener works: following a link is recorded.
	_ = chromedp.Do(b.ctx, chromedp.Navigate("https://evil.example/")) // no server answers
	for deadline := time.Now().Add(20 * time.Second); !slices.Contains(called.list(), "evil.example"); {
		if time.Now().After(deadline) {
			t.Fatalf("a request for https://evil.example/ was not noticed: %v", called.list())
		}
		time.Sleep(10 * time.Millisecond) // polling, with the deadline above
	}
}

// TestBrowserClickDuringAnUpdate: what was found changes while the mouse button is down on it. The click opens what was found
// before.
func TestBrowserClickDuringAnUpdate(t *testing.T) {
	b := openBrowserOn(t)
	b.size(1280, 900, false)
	b.enter("/")
	b.run(chromedp.Navigate(b.url("/search")), main())
	const link = `document.querySelector('#found a[href*="/e/"]')`
	b.run(chromedp.SendKeys("main [name=q]", "pencil"))
	b.until("something to be found", `!!`+link)
	place := value[[]float64](b, `(r => [r.x + r.width / 2, r.y + r.height / 2])(`+link+`.getClientRects()[0])`)
	mouse := func(what input.DispatchMouseEventType) chromedp.Action[chromedp.Void] {
		return chromedp.MouseEvent(what, place[0], place[1], chromedp.ButtonLeft, chromedp.ClickCount(1))
	}
	b.eval(`window.path = ` + link + `.pathname, window.realFetch = fetch, window.fetch = async (...args) => {
		const response = await realFetch(...args), text = response.text.bind(response);
		await new Promise(go => window.answer = go);
		response.text = async () => { const got = await text(); setTimeout(() => { window.came = true }); return got };
		return response;
	}`)
	b.run(chromedp.SendKeys("main [name=q]", "s"))
	b.until("another search", `!!window.answer`)
	b.run(mouse(chromedp.MousePressed))
	b.eval(`answer()`)
	b.until("its answer", `!!window.came`)
	path := value[string](b, `path`)
	b.run(mouse(chromedp.MouseReleased))
	b.until("the post to open", `location.pathname === '`+path+`' && document.readyState === 'complete'`)
	b.checkNoForeignRequests()
}
