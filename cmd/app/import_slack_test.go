//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"flyleaf/importer/slack"
)

// An unpacked export is untrusted: a pipe would block, and a link may point to any file of this
// machine. Both are refused, and so is a pipe instead of the ZIP.
func TestSlackFolderStaysInside(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret.json")
	if err := os.WriteFile(secret, []byte(`[{"type":"message","user":"U1","ts":"1773046800.000001","text":"Secret"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		make func(t *testing.T, dir string) error
		says string
	}{
		"a pipe in place of a day": {func(_ *testing.T, dir string) error {
			return syscall.Mkfifo(filepath.Join(dir, "books/2026-03-10.json"), 0o600)
		}, "a pipe"},
		"a pipe in place of a list": {func(_ *testing.T, dir string) error { return syscall.Mkfifo(filepath.Join(dir, "groups.json"), 0o600) }, "a pipe"},
		"a link in place of a day": {func(_ *testing.T, dir string) error {
			return os.Symlink(secret, filepath.Join(dir, "books/2026-03-10.json"))
		}, "2026-03-10.json"},
		"a link in place of a list": {func(_ *testing.T, dir string) error { return os.Symlink(secret, filepath.Join(dir, "groups.json")) }, "groups.json"},
		"a link in place of the channel": {func(_ *testing.T, dir string) error {
			return os.Symlink(filepath.Dir(secret), filepath.Join(dir, "other"))
		}, "a symbolic link to a file outside"},
		"a link to a device": {func(_ *testing.T, dir string) error {
			return os.Symlink("/dev/zero", filepath.Join(dir, "books/2026-03-10.json"))
		}, "2026-03-10.json"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, data := range map[string]string{
				"channels.json":         `[{"id":"C1","name":"books"},{"id":"C2","name":"other"}]`,
				"books/2026-03-09.json": `[{"type":"message","user":"U2","ts":"1773046800.000001","text":"When does it pay?"}]`,
			} {
				if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(file)), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, file), []byte(data), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.make(t, dir); err != nil {
				t.Skip(err)
			}
			channel := "books"
			if strings.HasSuffix(name, "the channel") {
				channel = "other"
			}
			x, err := readSlack(dir, slack.Options{Channel: channel})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v, %v", x, err)
			}
		})
	}
	t.Run("a link that stays inside is followed", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "real"), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string]string{"real/2026-03-09.json": `[{"type":"message","user":"U2","ts":"1773046800.000001","text":"When?"}]`, "channels.json": "[]"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink("real", filepath.Join(dir, "books")); err != nil {
			t.Skip(err)
		}
		if x, err := readSlack(dir, slack.Options{Channel: "books"}); err != nil || len(x.Weeks) != 1 {
			t.Errorf("%+v, %v", x, err)
		}
	})
	fifo := filepath.Join(t.TempDir(), "export.zip")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip(err)
	}
	if _, err := readSlack(fifo, slack.Options{Channel: "books"}); err == nil || !strings.Contains(err.Error(), "a pipe or a device") {
		t.Errorf("a pipe in place of the ZIP: %v", err)
	}
}
