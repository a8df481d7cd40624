package webapp_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"

	"flyleaf/qa"
	"flyleaf/webapp"
)

// TestHandler: the app's files come compressed where the browser takes it, with their
// types and a policy, and what has not changed is not sent again; all else is the relay's.
func TestHandler(t *testing.T) {
	files := fstest.MapFS{
		"index.html": {Data: []byte("<title>")}, "app.wasm": {Data: []byte("\x00asm plain")}, "app.wasm.br": {Data: []byte("br")},
		"app.wasm.gz": {Data: []byte("gz")}, "sw.js": {Data: []byte("js")}, ".gitignore": {Data: []byte("*")},
	}
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "the relay", http.StatusTeapot) })
	h, err := webapp.Handler(files, nobody, next)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path, accept   string
		status                 int
		kind, encoding, answer string
	}{
		{"GET", "/", "br", 200, "text/html; charset=utf-8", "", "<title>"},
		{"GET", "/app.wasm", "gzip, deflate, br", 200, "application/wasm", "br", "br"},
		{"GET", "/app.wasm", "gzip;q=0.5, br;q=0", 200, "application/wasm", "gzip", "gz"},
		{"GET", "/app.wasm", "", 200, "application/wasm", "", "\x00asm plain"},
		{"GET", "/app.wasm", "identity, *;q=0", 200, "application/wasm", "", "\x00asm plain"},
		{"HEAD", "/sw.js", "br", 200, "text/javascript; charset=utf-8", "", ""},
		{"POST", "/sw.js", "br", 405, "text/plain; charset=utf-8", "", "Only GET and HEAD\n"},
		{"GET", "/app.wasm.br", "br", 418, "text/plain; charset=utf-8", "", "the relay\n"},
		{"GET", "/.gitignore", "", 418, "text/plain; charset=utf-8", "", "the relay\n"},
		{"GET", "/you", "", 200, "text/html; charset=utf-8", "", "<title>"},
		{"POST", "/you", "", 405, "text/plain; charset=utf-8", "", "Only GET and HEAD\n"},
		{"GET", "/healthz", "", 418, "text/plain; charset=utf-8", "", "the relay\n"},
		{"GET", "/../index.html", "", 418, "text/plain; charset=utf-8", "", "the relay\n"},
	} {
		r := httptest.NewRequest(c.method, "http://relay.example/", nil)
		r.URL.Path = c.path
		if c.accept != "" {
			r.Header.Set("Accept-Encoding", c.accept)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		got := w.Result()
		if w.Code != c.status || got.Header.Get("Content-Type") != c.kind || got.Header.Get("Content-Encoding") != c.encoding || w.Body.String() != c.answer {
			t.Errorf("%s %s, taking %q: %d, %v, %q", c.method, c.path, c.accept, w.Code, got.Header, w.Body)
		}
		if c.status == 418 {
			continue
		}
		csp := got.Header.Get("Content-Security-Policy")
		if c.status == 200 && (!strings.Contains(csp, "script-src 'self' 'wasm-unsafe-eval'") || strings.Contains(csp, "unsafe-inline") || got.Header.Get("Vary") != "Accept-Encoding") {
			t.Errorf("%s: headers %v", c.path, got.Header)
		}
		if c.status == 200 {
			r.Header.Set("If-None-Match", got.Header.Get("ETag"))
			again := httptest.NewRecorder()
			if h.ServeHTTP(again, r); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
				t.Errorf("%s again: %d", c.path, again.Code)
			}
		}
	}
	plain, packed := get(h, "/app.wasm", ""), get(h, "/app.wasm", "br")
	if plain.Header().Get("ETag") == packed.Header().Get("ETag") {
		t.Error("the compressed form has the tag of the plain one")
	}
}

// TestPackedAlone: a file that is there compressed only is unpacked for a browser that does
// not accept that.
func TestPackedAlone(t *testing.T) {
	var packed bytes.Buffer
	w := brotli.NewWriter(&packed)
	_, _ = w.Write([]byte("\x00asm plain"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"index.html": {Data: []byte("<title>")}, "app.wasm.br": {Data: packed.Bytes()}}
	h, err := webapp.Handler(files, nobody, http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	if got := get(h, "/app.wasm", "gzip"); got.Body.String() != "\x00asm plain" || got.Header().Get("Content-Encoding") != "" {
		t.Errorf("%v, %q", got.Header(), got.Body)
	}
	if got := get(h, "/app.wasm", "br"); !bytes.Equal(got.Body.Bytes(), packed.Bytes()) || got.Header().Get("Content-Encoding") != "br" {
		t.Errorf("%v, %q", got.Header(), got.Body)
	}
}

// nobody knows of no event.
func nobody(context.Context, qa.EventID) (qa.Event, bool) { return qa.Event{}, false }

const known = qa.EventID("2akvofn6L1o4RMUEMQi7qzwRjKWZ")

// TestJoinPage: somebody who opens the link to an event sees title, authors and dates before
// anything is loaded, and without scripts.
func TestJoinPage(t *testing.T) {
	files := fstest.MapFS{"index.html": {Data: []byte(`<link href="boot.css"><h1>Flyleaf</h1><!-- event --><script src="boot.js"></script>`)}}
	about := func(_ context.Context, event qa.EventID) (qa.Event, bool) {
		return qa.Event{
			Title: "The <Patient> Ledger", Authors: "Ilse Marrow", Zone: "Europe/Lisbon",
			StartsAtMillis: 1_795_996_800_000, EndsAtMillis: 1_796_428_800_000, // midnight, so Friday is the last day
		}, event == known
	}
	h, err := webapp.Handler(files, about, http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	page := get(h, "/join/"+string(known), "br").Body.String()
	for _, want := range []string{"The &lt;Patient&gt; Ledger", "with Ilse Marrow", "30 November to 4 December 2026", `href="../boot.css"`, `src="../boot.js"`} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in %s", want, page)
		}
	}
	if deep := get(h, "/e/"+string(known)+"/p/x", "br").Body.String(); !strings.Contains(deep, "The &lt;Patient&gt; Ledger") || !strings.Contains(deep, `href="../../../boot.css"`) {
		t.Errorf("a page of the week, in a browser without the app: %s", deep)
	}
	other := get(h, "/join/4NMNnkMhL8jXrdJ9jamS58PAVdXu", "br")
	if other.Code != 200 || strings.Contains(other.Body.String(), "<h2") {
		t.Errorf("an event that is not here: %d, %s", other.Code, other.Body)
	}
	if w := get(h, "/join/nothing", ""); w.Code != http.StatusNotFound {
		t.Errorf("no event: %d", w.Code)
	}
}

func get(h http.Handler, path, accept string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Encoding", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
