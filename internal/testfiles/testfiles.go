// Package testfiles reads test data files, and compares results with golden files.
package testfiles

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Read returns the content of a file in the directory testdata of the tested package.
func Read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Golden fails the test unless got is the content of a file in testdata, which it returns. With the
// flag -update it writes the file first.
func Golden(t testing.TB, name string, got []byte) (want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(filepath.Join("testdata", name), got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want = Read(t, name)
	if !bytes.Equal(got, want) {
		t.Errorf("%s has changed; to see how, run with -update and git diff.\n%s", name, got)
	}
	return want
}

// GoldenJSON is Golden for a value, as indented JSON.
func GoldenJSON(t testing.TB, name string, v any) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	Golden(t, name, b.Bytes())
}

// Shared returns a path in the directory shared beside the checkout, which has archives of real weeks,
// vectors and recorded attacks. If the path does not exist, it skips the test.
func Shared(t testing.TB, elem ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the tested package")
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(append([]string{dir, "..", "shared"}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no shared/%s beside the checkout", filepath.Join(elem...))
	}
	return path
}
