package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestCompressedFilesOfAnotherDirectory: with -from the compressed versions are copied, those that
// are not there are left out, and nothing is compressed again.
func TestCompressedFilesOfAnotherDirectory(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	text := bytes.Repeat([]byte("the same words "), 1000)
	if err := write(from, "a.js", text, options{fast: true}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from, "b.js.br"), []byte("of before"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.js", "b.js", "c.js"} {
		if err := write(to, name, text, options{embed: true, from: from}); err != nil {
			t.Fatal(err)
		}
	}
	read := func(dir, name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if !bytes.Equal(read(to, "a.js.br"), read(from, "a.js.br")) || string(read(to, "b.js.br")) != "of before" {
		t.Error("a compressed file is another than the one given")
	}
	for _, name := range []string{"a.js.gz", "c.js.br"} {
		if _, err := os.Stat(filepath.Join(to, name)); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}
