// Package e2e tests the real binaries, in temporary directories and over real sockets. Tests stop
// and kill them as in real use.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var bin string // directory of the binaries

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "flyleaf-bin-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		bin = dir
		for name, pkg := range map[string]string{"flyleaf": "flyleaf/cmd/app", "syncserver": "flyleaf/cmd/syncserver"} {
			cmd := exec.Command("go", "build", "-o", filepath.Join(dir, name), pkg)
			if out, err := cmd.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "building %s: %v\n%s", name, err, out)
				return 1
			}
		}
		return m.Run()
	}())
}

// patience is how long a test waits for something that must happen. It is far more than needed:
// a test that reaches it has failed.
const patience = 30 * time.Second

// eventually polls until ok returns nil. If that takes longer than patience, it fails with the
// last error.
func eventually(t *testing.T, what string, ok func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond) // polling interval
	}
}

// root returns the module's directory.
func root(t *testing.T) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("no caller")
	}
	return filepath.Dir(filepath.Dir(file))
}

// device is a user's data directory.
type device struct {
	t    *testing.T
	dir  string
	home string
}

func newDevice(t *testing.T) *device {
	t.Helper()
	base := t.TempDir()
	return &device{t, filepath.Join(base, "data"), base}
}

func (d *device) env() []string {
	return []string{"HOME=" + d.home, "XDG_RUNTIME_DIR=" + d.home, "FLYLEAF_DATA=" + d.dir, "PATH=" + bin + ":" + os.Getenv("PATH"), "TZ=UTC", "TMPDIR=" + os.TempDir()}
}

// try runs a command and returns standard output, standard error and the exit code.
func (d *device) try(args ...string) (string, string, int) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "flyleaf"), args...)
	cmd.Env = d.env()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		d.t.Fatalf("flyleaf %s: %v", strings.Join(args, " "), err)
	}
	if strings.Contains(errs.String(), "the old spelling goes away") {
		d.t.Errorf("flyleaf %s is an old spelling: %s", strings.Join(args, " "), &errs)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// run runs a command that must succeed.
func (d *device) run(args ...string) string {
	d.t.Helper()
	out, errs, code := d.try(args...)
	if code != 0 {
		d.t.Fatalf("flyleaf %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return strings.TrimSpace(out)
}

// decode runs a command with --json and decodes its output.
func decode[T any](d *device, args ...string) T {
	d.t.Helper()
	var v T
	out := d.run(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		d.t.Fatalf("flyleaf %s: %v in %q", strings.Join(args, " "), err, out)
	}
	return v
}

type post struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	OnBehalfOf string `json:"onBehalfOf"`
	By         string `json:"by"`
	Text       string `json:"text"`
	At         int64  `json:"at"`
	Answered   bool   `json:"answered"`
	Author     bool   `json:"author"`
	Withdrawn  bool   `json:"withdrawn"`
	Void       bool   `json:"void"`
	Versions   []struct {
		Text string `json:"text"`
	} `json:"versions"`
	Reactions []struct {
		Emoji string `json:"emoji"`
		Count int    `json:"count"`
	} `json:"reactions"`
	Replies []post `json:"replies"`
}

type status struct {
	Event   string   `json:"event"`
	Title   string   `json:"title"`
	Posts   int      `json:"posts"`
	Pending int      `json:"pending"`
	Heads   []string `json:"heads"`
	Relay   struct {
		URL   string `json:"url"`
		State string `json:"state"`
		Why   string `json:"why"`
	} `json:"relay"`
}

func (d *device) list(event string) []post {
	d.t.Helper()
	return decode[[]post](d, "list", "--event", event)
}

func (d *device) status(event string) status {
	d.t.Helper()
	for _, s := range decode[[]status](d, "status") {
		if s.Event == event {
			return s
		}
	}
	d.t.Fatalf("no status of %s", event)
	return status{}
}

// process is a program that runs until it is stopped or killed.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{}

	mu   sync.Mutex
	out  []string
	errs bytes.Buffer
}

func start(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(filepath.Join(bin, name), args...), done: make(chan struct{})}
	p.cmd.Env = env
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = &lockedWriter{&p.mu, &p.errs}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			p.mu.Lock()
			p.out = append(p.out, lines.Text())
			p.mu.Unlock()
		}
		_ = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(p.kill)
	return p
}

type lockedWriter struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// line waits for a line of output that contains the word, and returns it.
func (p *process) line(word string) string {
	p.t.Helper()
	var found string
	eventually(p.t, "waiting for "+word, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, l := range p.out {
			if strings.Contains(l, word) {
				found = l
				return nil
			}
		}
		select {
		case <-p.done:
			p.t.Fatalf("%s ended: %s\n%s", p.cmd.Path, strings.Join(p.out, "\n"), p.errs.String())
		default:
		}
		return fmt.Errorf("the output is %q\n%s", p.out, p.errs.String())
	})
	return found
}

// kill ends the process with SIGKILL, like a power failure.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stop ends the process with an interrupt, like Ctrl-C, and returns the exit code.
func (p *process) stop() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		p.t.Fatal(err)
	}
	return p.exitCode()
}

// exitCode waits until the process ends, and returns its exit code.
func (p *process) exitCode() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("%s does not stop\n%s", p.cmd.Path, p.errs.String())
	}
	return p.cmd.ProcessState.ExitCode()
}

// relay is a relay whose port stays the same across restarts.
type relay struct {
	t    *testing.T
	dir  string
	addr string
	*process
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	return &relay{t: t, dir: t.TempDir(), addr: addr}
}

func (r *relay) url() string { return "ws://" + r.addr }

func (r *relay) up(flags ...string) *relay {
	r.t.Helper()
	r.process = start(r.t, os.Environ(), "syncserver", append([]string{"--listen", r.addr, "--data", r.dir}, flags...)...)
	r.line("listening")
	return r
}

// serve starts a device's web UI and sync, and returns the start link.
func (d *device) serve() (*process, string) {
	d.t.Helper()
	p := start(d.t, d.env(), "flyleaf", "serve", "--listen", "127.0.0.1:0", "--no-open")
	return p, p.address()
}

// address waits for the start link of a device's web UI.
func (p *process) address() string {
	p.t.Helper()
	const before = "Flyleaf is on "
	line := p.line(before)
	return line[strings.Index(line, before)+len(before):]
}

type made struct {
	Event      string `json:"event"`
	Invitation string `json:"invitation"`
}

// createWeek creates a week on a device.
func (d *device) createWeek(relayURL string) made {
	d.t.Helper()
	return decode[made](d, "event", "new", "--title", "The Patient Ledger", "--by", "Ilse Marrow, Teodor Anand", "--starts", "2026-11-30", "--relay", relayURL)
}
