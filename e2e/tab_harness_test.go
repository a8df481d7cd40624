package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
)

// tab is a browser tab with Flyleaf in it.
type tab struct {
	t    *testing.T
	ctx  context.Context
	site string // http://HOST, with the path of the app
}

// otherProfile is a tab with a storage of its own, as another person's browser has it.
func (p tab) otherProfile() tab {
	p.t.Helper()
	ctx, cancel := chromedp.NewContext(p.ctx, chromedp.WithNewBrowserContext())
	p.t.Cleanup(cancel)
	return tab{p.t, ctx, p.site}
}

// with is the same tab in another test.
func (p tab) with(t *testing.T) tab { p.t = t; return p }

// open opens a page: a path of the app, or an address.
func (p tab) open(path string) {
	p.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = p.site + path
	}
	do(p.t, p.ctx, chromedp.Navigate(path))
}

// try evaluates an expression in the page. It may fail while another page is loaded.
func try[T any](p tab, expression string) (T, error) {
	return chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
}

// workers lists the states of the Service Workers, as far as they are known: the first time it asks for them.
const workers = `[navigator.serviceWorker?.getRegistration().then(r => { globalThis.registered = r }), globalThis.registered?.active, globalThis.registered?.waiting,
	globalThis.registered?.installing].map(worker => worker?.state).join()`

// holds waits until an expression is true in the page.
func (p tab) holds(what, expression string) {
	p.t.Helper()
	eventually(p.t, what, func() error {
		ok, err := try[bool](p, "Boolean("+expression+")")
		if err == nil && !ok {
			text, _ := try[string](p, `location.pathname + ": " + (document.body?.innerText ?? "") + "; workers: " + `+workers)
			err = fmt.Errorf("the page shows %.2500q", text)
		}
		return err
	})
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// sees waits until the page has the words.
func (p tab) sees(words string) {
	p.t.Helper()
	p.holds("the page shows "+words, `(document.body?.innerText ?? "").includes(`+quoted(words)+`)`)
}

// isTold waits until the page has words that come while it is open. What comes is offered, so
// that nothing moves under its reader.
func (p tab) isTold(words string) {
	p.t.Helper()
	p.holds("the page shows or offers "+words, `(document.querySelector("#news a, #news button")?.click(), document.body.innerText.includes(`+quoted(words)+`))`)
}

// finds waits until the page has an element.
func (p tab) finds(selector string) {
	p.t.Helper()
	p.holds("the page has "+selector, `document.querySelector(`+quoted(selector)+`)`)
}

// fill writes into a field, as a person does.
func (p tab) fill(selector, value string) {
	p.t.Helper()
	p.finds(selector)
	ask[bool](p.t, p.ctx, `(() => { const e = document.querySelector(`+quoted(selector)+`); for (let d = e.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
		e.value = `+quoted(value)+`; e.dispatchEvent(new Event("input", {bubbles: true})); return true })()`)
}

// press clicks on something that leads to another page, and waits until that is there.
func (p tab) press(selector string) {
	p.t.Helper()
	p.finds(selector)
	ask[bool](p.t, p.ctx, `(() => { globalThis.before = true; document.querySelector(`+quoted(selector)+`).click(); return true })()`)
	p.holds("another page comes after "+selector, `!globalThis.before && document.readyState === "complete"`)
}

// click clicks on something that changes this page.
func (p tab) click(selector string) {
	p.t.Helper()
	p.finds(selector)
	ask[bool](p.t, p.ctx, `(document.querySelector(`+quoted(selector)+`).click(), true)`)
}

// value is the value of a field.
func (p tab) value(selector string) string {
	p.t.Helper()
	p.finds(selector)
	return ask[string](p.t, p.ctx, `document.querySelector(`+quoted(selector)+`).value`)
}

// wire passes connections on to a server, notes what browsers send and can be cut.
type wire struct {
	net.Listener
	to string

	mu    sync.Mutex
	sent  bytes.Buffer
	cut   bool
	conns map[net.Conn]*atomic.Bool // whether the network has lost the connection
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: ln, to: to, conns: map[net.Conn]*atomic.Bool{}}
	t.Cleanup(func() { ln.Close(); w.setCut(true) })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go w.pass(c)
		}
	}()
	return w
}

func (w *wire) pass(c net.Conn) {
	defer c.Close()
	s, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer s.Close()
	var lost atomic.Bool
	w.mu.Lock()
	cut := w.cut
	w.conns[c] = &lost
	w.mu.Unlock()
	if cut {
		return
	}
	done := make(chan error, 2)
	go func() {
		_, err := io.Copy(losing{c, &lost}, s)
		done <- err
	}()
	go func() {
		_, err := io.Copy(losing{s, &lost}, io.TeeReader(c, (*wireNotes)(w)))
		done <- err
	}()
	<-done
	if lost.Load() { // neither side hears that the other has closed the connection
		<-done
	}
	w.mu.Lock()
	delete(w.conns, c)
	w.mu.Unlock()
}

// losing drops what is written once the network has lost the connection.
type losing struct {
	net.Conn
	lost *atomic.Bool
}

func (l losing) Write(b []byte) (int, error) {
	if l.lost.Load() {
		return len(b), nil
	}
	return l.Conn.Write(b)
}

// lose drops all that is sent over the connections that exist now, without closing them.
func (w *wire) lose() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, lost := range w.conns {
		lost.Store(true)
	}
}

type wireNotes wire

func (w *wireNotes) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent.Write(b)
}

// setCut cuts all connections and lets no new ones through, or lets them through again.
func (w *wire) setCut(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	for c := range w.conns {
		if cut {
			c.Close()
		}
	}
}

// sees reports whether somebody has sent these bytes.
func (w *wire) sees(s string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Contains(w.sent.Bytes(), []byte(s))
}

// newTab opens the app that a site serves, in a browser of its own.
func newTab(t *testing.T, site string) tab {
	t.Helper()
	return tab{t, browser(t), site}
}

var errNotYet = errors.New("not yet")
