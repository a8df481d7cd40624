// Package stockjs runs stock JavaScript Automerge in a Node process, for tests that compare with it.
// The scripts in e2e/js read one command per line and print one line for each.
package stockjs

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Script is a running script.
type Script struct {
	t   testing.TB
	in  io.Writer
	out *bufio.Reader
}

// patience bounds the running time of a script, so that a hung script fails the test.
const patience = 4 * time.Minute

// Start runs a script of e2e/js until the test ends. If Node or the npm packages are missing,
// the test is skipped, or fails if FLYLEAF_REQUIRE_ALL is 1.
func Start(t testing.TB, script string) *Script {
	t.Helper()
	missing := func(what string) {
		t.Helper()
		if os.Getenv("FLYLEAF_REQUIRE_ALL") == "1" {
			t.Fatal(what)
		}
		t.Skip(what)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing("node is not installed")
	}
	_, here, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(here), "..", "js")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@automerge", "automerge")); err != nil {
		missing("e2e/js/node_modules is missing: run npm ci in e2e/js")
	}
	cmd := exec.Command(node, script)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		late.Stop()
		_ = in.Close()
		_ = cmd.Wait()
	})
	return &Script{t: t, in: in, out: bufio.NewReaderSize(out, 1<<20)}
}

// Line sends a command and returns the line printed for it. If that line reports an error, the
// test fails.
func (s *Script) Line(words ...string) string {
	s.t.Helper()
	if _, err := fmt.Fprintln(s.in, strings.Join(words, " ")); err != nil {
		s.t.Fatal(err)
	}
	line, err := s.out.ReadString('\n')
	if err != nil || strings.HasPrefix(strings.TrimPrefix(line, `"`), "error") {
		s.t.Fatalf("%s: %s %v", words[0], line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// Do is Line without the first word of the result, for scripts that print one.
func (s *Script) Do(words ...string) string {
	s.t.Helper()
	_, rest, _ := strings.Cut(s.Line(words...), " ")
	return rest
}
