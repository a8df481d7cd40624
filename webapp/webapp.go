// Package webapp contains Flyleaf for the browser, as make web has built it, and serves it.
package webapp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/andybalholm/brotli"

	"flyleaf/qa"
)

//go:embed all:dist
var dist embed.FS

// Built reports whether this program was built with the app inside.
func Built() bool {
	_, err := fs.Stat(dist, "dist/index.html")
	return err == nil
}

// Available reports whether Site serves the app, given its argument dir.
func Available(dir string) bool { return dir != "" || Built() }

// built returns the app's files. There are none unless Built reports true.
func built() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the directory is part of the program
	}
	return files
}

// policy is the Content-Security-Policy of the page that loads the app, and of its worker.
// The pages that the worker serves have a stricter one.
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; manifest-src 'self'; " +
	"connect-src 'self' ws: wss:; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

var types = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".wasm": "application/wasm", ".webmanifest": "application/manifest+json", ".svg": "image/svg+xml", ".png": "image/png",
}

// pages are addresses of the app that name no event, each with one slash.
var pages = []string{"/you", "/sync", "/search", "/files", "/storage"}

// About describes an event for somebody who has only a link to it. It returns false for an
// event that is unknown or invitation-only.
type About func(ctx context.Context, event qa.EventID) (qa.Event, bool)

// Handler serves the app's files, compressed if the browser accepts that. A file may exist
// in its compressed form (.br) only; Handler then unpacks it for browsers that do not accept
// that form. At /join/EVENT, and at every page below /e/EVENT, it serves the first page with
// a description of the event. Requests for other addresses go to next. The files must not
// change while the handler is in use.
func Handler(files fs.FS, about About, next http.Handler) (http.Handler, error) {
	tags := map[string]string{} // the entity tags of the files, compressed forms included
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(name, ".") {
			return err
		}
		f, err := files.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return err
		}
		tags[name] = `"` + hex.EncodeToString(h.Sum(nil)[:12]) + `"`
		return nil
	})
	if err != nil {
		return nil, err
	}
	first, err := fs.ReadFile(files, "index.html")
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, ok := strings.CutPrefix(r.URL.Path, "/join/"); ok {
			serveJoin(w, r, first, about, id)
			return
		}
		// An address of the app, opened in a browser that does not have the app yet.
		if rest, ok := strings.CutPrefix(r.URL.Path, "/e/"); ok {
			id, _, _ := strings.Cut(rest, "/")
			serveJoin(w, r, first, about, id)
			return
		}
		name := strings.TrimPrefix(r.URL.Path, "/")
		if name == "" || slices.Contains(pages, r.URL.Path) {
			name = "index.html"
		}
		_, plain := tags[name]
		_, packed := tags[name+".br"]
		if !plain && !packed || path.Ext(name) == ".br" || path.Ext(name) == ".gz" {
			next.ServeHTTP(w, r)
			return
		}
		serve(w, r, files, tags, name)
	}), nil
}

func serve(w http.ResponseWriter, r *http.Request, files fs.FS, tags map[string]string, name string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	setHeaders(w.Header())
	h := w.Header()
	kind := types[path.Ext(name)]
	if kind == "" {
		kind = mime.TypeByExtension(path.Ext(name))
	}
	h.Set("Content-Type", kind)
	h.Set("Vary", "Accept-Encoding")
	file := name
	for _, form := range []struct{ encoding, suffix string }{{"br", ".br"}, {"gzip", ".gz"}} {
		if _, ok := tags[name+form.suffix]; ok && accepts(r, form.encoding) {
			h.Set("Content-Encoding", form.encoding)
			file = name + form.suffix
			break
		}
	}
	unpack := tags[file] == ""
	if unpack {
		file = name + ".br"
	}
	f, err := files.Open(file)
	if err != nil {
		http.Error(w, "This file cannot be read", http.StatusInternalServerError)
		return
	}
	defer f.Close()
	if unpack {
		if r.Method == http.MethodGet {
			_, _ = io.Copy(w, brotli.NewReader(f)) // fails only when the browser has disconnected
		}
		return
	}
	h.Set("ETag", tags[file])
	http.ServeContent(w, r, "", time.Time{}, f.(io.ReadSeeker)) // files of embed and of a directory can seek
}

func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Flyleaf-Relay", "here") // the app offers it for new weeks
	// The worker caches the files. The browser must ask for newer ones every time.
	h.Set("Cache-Control", "no-cache")
}

var eventTemplate = template.Must(template.New("event").Parse(`<section id="event">
<h2 dir="auto">{{.Title}}</h2>
{{with .By}}<p dir="auto">{{.}}</p>
{{end}}{{with .Days}}<p>{{.}}</p>
{{end}}</section>
`))

// serveJoin serves the first page for somebody who opens the link to an event.
func serveJoin(w http.ResponseWriter, r *http.Request, first []byte, about About, id string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	event, err := qa.ParseEventID(id)
	if err != nil {
		http.Error(w, "This is not a link to an event: "+err.Error(), http.StatusNotFound)
		return
	}
	var words bytes.Buffer
	if e, ok := about(r.Context(), event); ok {
		data := struct{ Title, By, Days string }{Title: qa.CleanLine(e.Title), Days: e.Days(e.Location())}
		if e.Authors != "" {
			data.By = "with " + qa.CleanLine(e.Authors)
		}
		if err := eventTemplate.Execute(&words, data); err != nil {
			http.Error(w, "This page could not be built", http.StatusInternalServerError)
			return
		}
	}
	page := bytes.Replace(first, []byte("<!-- event -->"), words.Bytes(), 1)
	up := strings.Repeat("../", strings.Count(r.URL.Path, "/")-1)
	for _, attribute := range []string{` href="`, ` src="`} { // the addresses are relative to the path of the app
		page = bytes.ReplaceAll(page, []byte(attribute), []byte(attribute+up))
	}
	setHeaders(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(page))
}

// accepts reports whether a browser accepts an encoding: Accept-Encoding names it, and not
// with q=0.
func accepts(r *http.Request, encoding string) bool {
	for _, part := range strings.Split(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			q = strings.ReplaceAll(q, " ", "")
			return q != "q=0" && !strings.HasPrefix(q, "q=0.000") && q != "q=0.0" && q != "q=0.00"
		}
	}
	return false
}
