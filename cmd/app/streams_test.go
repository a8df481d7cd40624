package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Ctrl-C ends a command that is waiting for text on standard input.
func TestInterruptEndsAReadOfStandardInput(t *testing.T) {
	dir := t.TempDir()
	if code := run(t.Context(), []string{"--data", dir, "new", "--title", "T"}, streams{strings.NewReader(""), io.Discard, io.Discard}); code != exitOK {
		t.Fatalf("new ended with %d", code)
	}
	silent, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var said bytes.Buffer
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"--data", dir, "ask", "-"}, streams{silent, io.Discard, &said}) }()
	cancel()
	select {
	case code := <-ended:
		if code != exitError || !strings.Contains(said.String(), "nothing was changed") {
			t.Errorf("ended with %d, %q", code, said.String())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("still reading")
	}
}

// Unknown commands and arguments are usage errors, in groups too.
func TestUnknownCommandsAreUsageErrors(t *testing.T) {
	for _, words := range []string{"bogus", "--bogus", "list bogus", "roles bogus", "identity bogus", "identity show bogus"} {
		var said bytes.Buffer
		args := append([]string{"--data", t.TempDir()}, strings.Fields(words)...)
		if code := run(t.Context(), args, streams{strings.NewReader(""), io.Discard, &said}); code != exitUsage {
			t.Errorf("flyleaf %s ended with %d, %q", words, code, said.String())
		}
	}
}

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// A command whose output cannot be written fails.
func TestOutputThatCannotBeWrittenIsAnError(t *testing.T) {
	var said bytes.Buffer
	code := run(t.Context(), []string{"--data", t.TempDir(), "event", "list"}, streams{strings.NewReader(""), fullWriter{}, &said})
	if code != exitError || !strings.Contains(said.String(), syscall.ENOSPC.Error()) {
		t.Errorf("ended with %d, %q", code, said.String())
	}
}

// An output file that is a pipe or a device is written into, and a symbolic link is followed;
// neither is replaced.
func TestOutputToPipesAndLinksDoesNotReplaceThem(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := exec.Command("mkfifo", fifo).Run(); err != nil {
		t.Skip(err) // on Windows
	}
	r, err := os.OpenFile(fifo, os.O_RDWR, 0) // read-write, because opening one side of a pipe blocks
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := writeOutput(fifo, []byte("words")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(fifo); err != nil || info.Mode().IsRegular() {
		t.Fatalf("the pipe was replaced: %v, %v", info.Mode(), err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(r, got); err != nil || string(got) != "words" {
		t.Errorf("the pipe contains %q, %v", got, err)
	}

	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, []byte("old"), 0o640), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	if err := writeOutput(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(file); string(b) != "new" {
		t.Errorf("the file contains %q", b)
	}
	if _, err := os.Readlink(link); err != nil {
		t.Errorf("the link was replaced: %v", err)
	}
	if err := writeOutput(dir, nil); err == nil {
		t.Error("a directory was written to")
	}
}
