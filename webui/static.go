package webui

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"time"

	"flyleaf/style"
)

// Static files are served under staticPath, with one version for all of them in the path:
// /static/VERSION/main.js. A script names the modules that it imports by relative paths, so
// they have the same version as the script.
const staticPath = "/static/"

// staticTypes are the content types of static files. The system's own list is wrong on some
// machines, and browsers do not run a script that has the wrong type.
var staticTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// pagesSheet is the style sheet of the pages, on top of style.Sheet. It is made from the files in the
// directory styles, in the order of their names: a later rule overrides an earlier one.
const pagesSheet = "pages.css"

// staticFiles are the files that pages refer to, by name. staticVersion has 16 characters
// and changes when any of the files changes.
var staticFiles, staticVersion = func() (map[string][]byte, string) {
	all := map[string][]byte{style.Name: style.Sheet}
	readDir("static", func(name string, b []byte) { all[name] = b })
	readDir("styles", func(_ string, b []byte) { all[pagesSheet] = append(all[pagesSheet], b...) })
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		sum := sha256.Sum256(all[name])
		h.Write([]byte(name))
		h.Write(sum[:])
	}
	return all, hex.EncodeToString(h.Sum(nil)[:8])
}()

// staticModules are the scripts that main.js imports, directly or not, sorted. Without a list the
// browser would find them only by loading one after the other.
var staticModules = func() []string {
	var names []string
	for name := range staticFiles {
		if path.Ext(name) == ".js" && name != "main.js" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}()

// readDir calls fn with the embedded files of a directory, in the order of their names.
func readDir(dir string, fn func(name string, content []byte)) {
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		panic(err) // the files are part of the program
	}
	for _, e := range entries {
		b, err := files.ReadFile(dir + "/" + e.Name())
		if err != nil {
			panic(err)
		}
		fn(e.Name(), b)
	}
}

// staticAddress returns the address of a static file.
func staticAddress(name string) string { return staticPath + staticVersion + "/" + name }

// Icon returns Flyleaf's icon, an SVG picture.
func Icon() []byte { return staticFiles["icon.svg"] }

// static serves a static file. Browsers may cache the current version for good. A page of
// an earlier version of the program asks for another version of the file. It gets the current
// file, which the browser then does not cache.
func static(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	file, ok := staticFiles[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", staticTypes[path.Ext(name)])
	h.Set("Cache-Control", "no-cache")
	if r.PathValue("version") == staticVersion {
		h.Set("Cache-Control", "private, max-age=31536000, immutable")
	}
	h.Set("ETag", `"`+staticVersion+`"`)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(file))
}
