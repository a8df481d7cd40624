package main

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"flyleaf/node"
	"flyleaf/qa"
)

// TestNoDataDirectoryWithoutHome: without a usable HOME no directory is created, and the error
// says what to do.
func TestNoDataDirectoryWithoutHome(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("FLYLEAF_DATA", "")
	for _, c := range []struct{ home, data, want string }{
		{"", "", "HOME is not set"},
		{"rel", "", `HOME is "rel"`},
		{"", "rel", "HOME is not set"}, // a relative XDG_DATA_HOME is ignored
		{file, "", "is a file"},
		{t.TempDir(), file, "is a file"},
	} {
		t.Setenv("HOME", c.home)
		t.Setenv("XDG_DATA_HOME", c.data)
		_, err := (&app{}).home(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "--data") {
			t.Errorf("HOME=%q XDG_DATA_HOME=%q: %v", c.home, c.data, err)
		}
	}
	dir := t.TempDir()
	t.Setenv("HOME", "")
	t.Setenv("XDG_DATA_HOME", dir)
	if h, err := (&app{}).home(t.Context()); err != nil || h.dir != filepath.Join(dir, "flyleaf") {
		t.Errorf("%s, %v", h.dir, err)
	}
}

// TestAReadOnlyDataDirectoryCanBeRead: a read-only data directory is read through a temporary copy,
// which includes the write-ahead log and is removed afterwards. Writes are refused with the reason.
func TestAReadOnlyDataDirectoryCanBeRead(t *testing.T) {
	h, err := openHome(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	log := (&app{}).log()
	b, err := connect(t.Context(), h, log)
	if err != nil {
		t.Fatal(err)
	}
	me, err := b.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	inv, err := b.CreateEvent(t.Context(), qa.Event{Title: "On a CD"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), inv.Event, qa.Act{Kind: qa.ActPost, Text: "Can it be read?"}); err != nil {
		t.Fatal(err)
	}
	// b is not closed yet, so the post is only in the write-ahead log, as after a crash.
	r, err := openReadOnly(t.Context(), h, syscall.EROFS, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	week, err := r.Week(t.Context(), inv.Event)
	if err != nil || len(week.Threads) != 1 || week.Threads[0].Question.Text() != "Can it be read?" {
		t.Errorf("%+v, %v", week.Threads, err)
	}
	if found, err := r.Search(t.Context(), inv.Event, "read", 9); err != nil || len(found) != 1 {
		t.Errorf("found %v, %v", found, err)
	}
	if rid, _ := r.Identity(t.Context()); rid != me {
		t.Error("the copy is read with another identity")
	}
	for what, err := range map[string]error{
		"ask": func() error {
			_, err := r.Do(t.Context(), inv.Event, qa.Act{Kind: qa.ActPost, Text: "no"})
			return err
		}(),
		"new":  func() error { _, err := r.CreateEvent(t.Context(), qa.Event{Title: "no"}, ""); return err }(),
		"join": r.Join(t.Context(), qa.Invitation{Event: qa.MakeEventID([16]byte{1})}),
		"name": r.SetPerson(t.Context(), qa.Person{Name: "No"}),
	} {
		if node.KindOf(err) != node.ReadOnly || !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), h.dir) {
			t.Errorf("%s: %v", what, err)
		}
	}
	copied := r.copied
	if _, err := os.Stat(filepath.Join(copied, keyFile)); err == nil {
		t.Error("the key was copied")
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(copied); err == nil {
		t.Error("the copy was not removed")
	}
}

// TestServeOfAnotherVersionIsReportedAtOnce: if a running `flyleaf serve` has another version, a command
// reports it at once, without waiting for the lock.
func TestServeOfAnotherVersionIsReportedAtOnce(t *testing.T) {
	h, err := openHome(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	lock, ok, err := h.lock()
	if err != nil || !ok {
		t.Fatal(err)
	}
	defer func() { _ = lock.Unlock() }()
	ln, path, err := listenSocket()
	if err != nil {
		t.Fatal(err)
	}
	defer removeSocket(path)
	older := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	go func() { _ = older.Serve(ln) }()
	defer older.Close()
	if err := h.setServing(serving{Socket: path, URL: "http://127.0.0.1:7117"}); err != nil {
		t.Fatal(err)
	}
	_, err = connect(t.Context(), h, (&app{}).log())
	if codeOf(explain(err)) != exitBusy || !strings.Contains(err.Error(), "a different version") || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("%v", err)
	}
}
