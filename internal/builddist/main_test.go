package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func atRoot(t *testing.T) {
	t.Helper()
	t.Chdir(filepath.Join("..", ".."))
}

// TestReleaseRuns: the programs of this system's archive start and say which build they are.
func TestReleaseRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("builds both programs")
	}
	atRoot(t)
	files, err := contents(runtime.GOOS, runtime.GOARCH, "v9.8.7", "c0ffee", []byte("licences"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	suffix := ""
	if runtime.GOOS == "windows" {
		suffix = ".exe"
	}
	names := map[string]bool{}
	for _, f := range files {
		names[f.name] = true
		if f.executable {
			if err := os.WriteFile(filepath.Join(dir, f.name), f.bytes, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{"flyleaf" + suffix, "syncserver" + suffix, "LICENSE", "README.md", "THIRD_PARTY_LICENSES.txt", "docs/participants.md"} {
		if !names[name] {
			t.Errorf("the archive has no %s", name)
		}
	}
	out, err := exec.Command(filepath.Join(dir, "flyleaf"+suffix), "version", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Version, Commit, Engine, System string }
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != "v9.8.7" || got.Commit != "c0ffee" || got.Engine != "native" || got.System != runtime.GOOS+"/"+runtime.GOARCH {
		t.Errorf("flyleaf version says %+v", got)
	}
	out, err = exec.Command(filepath.Join(dir, "syncserver"+suffix), "--version").Output()
	if err != nil || !strings.HasPrefix(string(out), "syncserver v9.8.7, commit c0ffee, ") {
		t.Errorf("syncserver --version says %q, %v", out, err)
	}
}

// TestLicencesOfAllModules: what is passed on comes with its licence.
func TestLicencesOfAllModules(t *testing.T) {
	atRoot(t)
	b, err := thirdParty()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"==== Go: LICENSE", "==== modernc.org/sqlite v", "==== github.com/gorilla/websocket v", "==== github.com/spf13/cobra v"} {
		if !bytes.Contains(b, []byte(name)) {
			t.Errorf("%q is missing", name)
		}
	}
}

func TestArchives(t *testing.T) {
	files := []file{{"a.txt", []byte("text"), false}, {"docs/b", nil, false}, {"run", []byte("program"), true}}
	at := time.Date(2020, 5, 6, 7, 8, 10, 0, time.UTC)
	type entry struct {
		name string
		text string
		exec bool
	}
	want := []entry{{"folder/a.txt", "text", false}, {"folder/docs/b", "", false}, {"folder/run", "program", true}}

	packed, err := tarball("folder", files, at)
	if err != nil {
		t.Fatal(err)
	}
	again, err := tarball("folder", files, at)
	if err != nil || !bytes.Equal(packed, again) {
		t.Errorf("the same files make another archive, %v", err)
	}
	gz, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var got []entry
	for r := tar.NewReader(gz); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || !h.ModTime.Equal(at) {
			t.Errorf("%s: %v, %v", h.Name, h.ModTime, err)
		}
		got = append(got, entry{h.Name, string(b), h.Mode&0o111 != 0})
	}
	if !slices.Equal(got, want) {
		t.Errorf("tar: %+v, want %+v", got, want)
	}

	if packed, err = zipped("folder", files, at); err != nil {
		t.Fatal(err)
	}
	if again, err = zipped("folder", files, at); err != nil || !bytes.Equal(packed, again) {
		t.Errorf("the same files make another archive, %v", err)
	}
	z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || i >= len(want) || f.Name != want[i].name || string(b) != want[i].text || !f.Modified.Equal(at) {
			t.Errorf("zip: %s, %q, %v, %v", f.Name, b, f.Modified, err)
		}
	}
	if len(z.File) != len(want) {
		t.Errorf("zip: %d files", len(z.File))
	}
}

// TestVersionOfACommit: without a tag, later commits have later versions.
func TestVersionOfACommit(t *testing.T) {
	t.Chdir(t.TempDir()) // no checkout, so no tag
	at := time.Date(2020, 5, 6, 7, 8, 9, 0, time.UTC)
	hash := strings.Repeat("0123456789", 4)
	for commit, want := range map[string]string{
		hash:            "v0.0.0-20200506070809-012345678901",
		hash + "-dirty": "v0.0.0-20200506070809-012345678901-dirty",
	} {
		if got := version(commit, at); got != want || path.Base(got) != got {
			t.Errorf("%s: %s, want %s", commit, got, want)
		}
	}
}
