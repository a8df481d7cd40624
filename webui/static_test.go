package webui

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// A static file is kept by browsers under its version, and asked for under any other.
func TestStaticFilesAreCachedByVersion(t *testing.T) {
	s := newSite(t, testToken) // no cookie is needed
	for name, kind := range map[string]string{"flyleaf.css": "text/css; charset=utf-8", "pages.css": "text/css; charset=utf-8", "main.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"} {
		w := s.do(httptest.NewRequest(http.MethodGet, staticAddress(name), nil))
		if w.Code != http.StatusOK || w.Body.Len() == 0 || w.Header().Get("Content-Type") != kind || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d, %d bytes, %v", name, w.Code, w.Body.Len(), w.Header())
		}
		w = s.do(httptest.NewRequest(http.MethodGet, staticPath+"earlier/"+name, nil))
		if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s under another version: %d, %v", name, w.Code, w.Header())
		}
		r := httptest.NewRequest(http.MethodGet, staticPath+"earlier/"+name, nil)
		r.Header.Set("If-None-Match", w.Header().Get("ETag"))
		if w := s.do(r); w.Code != http.StatusNotModified {
			t.Errorf("%s, asked whether it is the same: %d", name, w.Code)
		}
	}
	// Nothing under /static/ is a page, so no cookie is required.
	for _, path := range []string{"/static/", "/static/x", "/static/x/y/z"} {
		if w := s.do(httptest.NewRequest(http.MethodGet, path, nil)); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "csrf") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

var imported = regexp.MustCompile(`from '\./([a-z]+\.js)'`)

// TestEveryModuleIsReached: main.js imports every module, directly or not, and every imported
// module exists.
func TestEveryModuleIsReached(t *testing.T) {
	reached := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if reached[name] {
			return
		}
		reached[name] = true
		text, ok := staticFiles[name]
		if !ok {
			t.Errorf("%s is imported and missing", name)
		}
		for _, m := range imported.FindAllSubmatch(text, -1) {
			visit(string(m[1]))
		}
	}
	visit("main.js")
	for name := range staticFiles {
		if strings.HasSuffix(name, ".js") && !reached[name] {
			t.Errorf("%s is imported by nothing", name)
		}
	}
}

// In a page below a path, the addresses in a <noscript> move like all others.
func TestPagesBelowAPath(t *testing.T) {
	page := `<a href="/a">/a</a><noscript></noscript><a href="//b/"></a><noscript><form action="/c"><button formaction="/d"></form></noscript>/e`
	want := `<a href="/app/a">/a</a><noscript></noscript><a href="//b/"></a><noscript><form action="/app/c"><button formaction="/app/d"></form></noscript>/e`
	if got := string(movePage("/app", []byte(page))); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
