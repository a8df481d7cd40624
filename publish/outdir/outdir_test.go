package outdir

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

func open(t *testing.T, dir string) *Dir {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func put(t *testing.T, dir, name, body string) {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return "(none)"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func set(pairs ...string) []File {
	var out []File
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, File{pairs[i], []byte(pairs[i+1])})
	}
	return out
}

func sync(t *testing.T, dir string, files []File) Report {
	t.Helper()
	r, err := open(t, dir).Sync(files, map[string]string{"k": "v"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOnlyChangedFilesAreWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "site")
	r := sync(t, dir, set("index.html", "1", "books/a.html", "a", "books/b.html", "b"))
	if want := (Report{Written: []string{"books/a.html", "books/b.html", "index.html"}}); !reflect.DeepEqual(r, want) {
		t.Errorf("%+v", r)
	}
	old := time.Now().Add(-time.Hour)
	for _, f := range []string{"index.html", "books/a.html", Manifest} {
		if err := os.Chtimes(filepath.Join(dir, f), old, old); err != nil {
			t.Fatal(err)
		}
	}
	r = sync(t, dir, set("index.html", "1", "books/a.html", "a", "books/b.html", "b"))
	if len(r.Written)+len(r.Removed)+len(r.Kept) != 0 || len(r.Same) != 3 {
		t.Errorf("%+v", r)
	}
	info, err := os.Stat(filepath.Join(dir, Manifest))
	if err != nil || !info.ModTime().Equal(old) && info.ModTime().Sub(old).Abs() > time.Second {
		t.Errorf("the manifest was written again: %v, %v", info.ModTime(), err)
	}
	r = sync(t, dir, set("index.html", "2", "books/a.html", "a"))
	if want := (Report{Written: []string{"index.html"}, Same: []string{"books/a.html"}, Removed: []string{"books/b.html"}}); !reflect.DeepEqual(r, want) {
		t.Errorf("%+v", r)
	}
	info, err = os.Stat(filepath.Join(dir, "books/a.html"))
	if err != nil || info.ModTime().Sub(old).Abs() > time.Second {
		t.Errorf("a file that stayed was written again")
	}
	sync(t, dir, set("index.html", "2"))
	if _, err := os.Stat(filepath.Join(dir, "books")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty directory is left: %v", err)
	}
	if got := open(t, dir).Notes()["k"]; got != "v" {
		t.Errorf("the note is %q", got)
	}
}

func TestForeignFilesAreKept(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "CNAME", "books.example")
	put(t, dir, "index.html", "my own page")
	_, err := open(t, dir).Sync(set("a.html", "a", "index.html", "ours"), nil)
	var foreign *ForeignError
	if !errors.As(err, &foreign) || !reflect.DeepEqual(foreign.Paths, []string{"index.html"}) {
		t.Fatalf("%v", err)
	}
	if text(t, dir, "a.html") != "(none)" || text(t, dir, "index.html") != "my own page" || text(t, dir, Manifest) != "(none)" {
		t.Error("something was changed")
	}
	put(t, dir, "index.html", "ours") // the same content is no conflict
	sync(t, dir, set("a.html", "a", "b.html", "b", "index.html", "ours"))
	put(t, dir, "b.html", "b, and what somebody added")
	r := sync(t, dir, set("index.html", "ours"))
	if want := (Report{Same: []string{"index.html"}, Removed: []string{"a.html"}, Kept: []string{"b.html"}}); !reflect.DeepEqual(r, want) {
		t.Errorf("%+v", r)
	}
	if text(t, dir, "CNAME") != "books.example" || text(t, dir, "b.html") == "(none)" {
		t.Error("a foreign file is gone")
	}
	if b := open(t, dir).Unmodified("b.html"); b != nil {
		t.Errorf("it is ours: %s", b)
	}
	if b := open(t, dir).Unmodified("index.html"); string(b) != "ours" {
		t.Errorf("it is not ours: %s", b)
	}
}

func TestNothingOutsideTheDirectoryIsTouched(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "site")
	put(t, top, "outside/x.html", "theirs")
	put(t, dir, "keep", "")
	if err := os.Symlink(filepath.Join(top, "outside"), filepath.Join(dir, "books")); err != nil {
		t.Skip(err)
	}
	if _, err := open(t, dir).Sync(set("books/x.html", "ours"), nil); err == nil {
		t.Error("it wrote through a link")
	}
	for _, bad := range []string{"../x", "/x", "a/../b", "", ".", Manifest, `a\b`, "a\x00b"} {
		if _, err := open(t, dir).Sync(set(bad, "x"), nil); !errors.Is(err, ErrBadPath) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := open(t, dir).Sync(set("a", "1", "a", "2"), nil); !errors.Is(err, ErrBadPath) {
		t.Errorf("%v", err)
	}
	if got := text(t, top, "outside/x.html"); got != "theirs" {
		t.Errorf("outside stands %q", got)
	}
	// A manifest that names files outside the directory removes nothing.
	for _, m := range []string{`{"version":1,"files":{"../outside/x.html":"x"}}`, `{"version":2}`, `nonsense`} {
		put(t, dir, Manifest, m)
		if _, err := Open(dir); !errors.Is(err, ErrBadManifest) {
			t.Errorf("%s: %v", m, err)
		}
	}
}
