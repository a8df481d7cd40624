package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flyleaf/internal/browsertest"
)

// desktop is a device with a display and a Chromium that records its arguments.
type desktop struct {
	*device
	display, bin string
}

func newDesktop(t *testing.T) *desktop {
	t.Helper()
	d := &desktop{newDevice(t), browsertest.Display(t), t.TempDir()}
	d.program("chromium", `printf '%s\n' "$@" >> "$HOME/arguments"
exec '`+browsertest.Program(t)+`' --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking --disable-component-update --no-proxy-server --remote-debugging-port=0 "$@"`)
	return d
}

func (d *desktop) program(name, script string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		d.t.Fatal(err)
	}
}

// opens starts `flyleaf desktop`.
func (d *desktop) opens(args ...string) *process {
	d.t.Helper()
	env := append(d.env(), "DISPLAY="+d.display, "PATH="+d.bin+":"+os.Getenv("PATH"))
	return start(d.t, env, "flyleaf", append([]string{"desktop", "--listen", "127.0.0.1:0"}, args...)...)
}

// windows returns the windows of the browser.
func (d *desktop) windows() (open []struct{ ID, URL, Title string }, err error) {
	var port string
	b, err := os.ReadFile(filepath.Join(d.dir, "window", "DevToolsActivePort"))
	if err == nil {
		port, _, _ = strings.Cut(string(b), "\n")
		b, err = get("http://127.0.0.1:" + port + "/json/list")
	}
	if err == nil {
		err = json.Unmarshal(b, &open)
	}
	return open, err
}

func get(url string) ([]byte, error) {
	res, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(res.Body)
}

// shows waits until a window shows the list of weeks, at an address that begins as wanted, and returns the address.
func (d *desktop) shows(address string) (found string) {
	d.t.Helper()
	eventually(d.t, "a window shows "+address, func() error {
		open, err := d.windows()
		for _, w := range open {
			if strings.HasPrefix(w.URL, address) && strings.HasPrefix(w.Title, "Your weeks") {
				found = w.URL
				return nil
			}
		}
		return fmt.Errorf("the windows are %+v (%v)", open, err)
	})
	return found
}

// closes closes the windows whose address begins as given.
func (d *desktop) closes(address string) {
	d.t.Helper()
	open, err := d.windows()
	if err != nil {
		d.t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(d.dir, "window", "DevToolsActivePort"))
	if err != nil {
		d.t.Fatal(err)
	}
	port, _, _ := strings.Cut(string(b), "\n")
	for _, w := range open {
		if strings.HasPrefix(w.URL, address) {
			if _, err := get("http://127.0.0.1:" + port + "/json/close/" + w.ID); err != nil {
				d.t.Fatal(err)
			}
		}
	}
}

// ends waits until the process ends by itself, without an error.
func (p *process) ends() {
	p.t.Helper()
	if code := p.exitCode(); code != 0 {
		p.t.Fatalf("it ended with %d\n%s", code, p.errs.String())
	}
}

func (p *process) runs() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// base returns the address of the pages of a process.
func (p *process) base() string {
	p.t.Helper()
	base, _, _ := strings.Cut(p.address(), "?")
	return base
}

// TestDesktop opens windows of their own in Chromium: the first with a process that ends with the last
// window; one of an invitation, which joins nothing; one for a running `flyleaf serve`; and one in a browser
// that runs already.
func TestDesktop(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a browser is slow; run without -short")
	}
	a := newDesktop(t)
	week := newDevice(t).createWeek("ws://127.0.0.1:1")
	p := a.opens()
	base := p.base()
	a.shows(base)

	second := a.opens(week.Invitation)
	second.ends()
	second.line("Opened a window of the Flyleaf that runs already")
	address := a.shows(base + "?join=")
	if u, err := url.Parse(address); err != nil || u.Query().Get("join") != week.Invitation || u.Fragment != "join" {
		t.Errorf("the window of the invitation is at %s (%v)", address, err)
	}
	if l := decode[[]made](a.device, "event", "list"); len(l) != 0 {
		t.Errorf("opening the link has joined %v", l)
	}
	b, err := os.ReadFile(filepath.Join(a.home, "arguments"))
	if err != nil {
		t.Fatal(err)
	}
	page := "--app=file://" + filepath.Join(a.dir, "start.html")
	if arguments := string(b); strings.Count(arguments, page+"\n") != 2 || strings.Contains(arguments, "token") || strings.Contains(arguments, week.Event) {
		t.Errorf("the browser's arguments are\n%s", arguments)
	}

	mine := a.createWeek("ws://127.0.0.1:1")
	id := a.run("ask", "Is it kept?")
	a.closes(base + "?join=")
	a.shows(base)
	if !p.runs() {
		t.Error("it ended with the first of two windows")
	}
	a.closes(base)
	p.ends()
	for _, name := range []string{"serve.json", "start.html"} {
		if _, err := os.Stat(filepath.Join(a.dir, name)); err == nil {
			t.Errorf("%s was left behind", name)
		}
	}

	// A window of a running serve does not end it, and outlives it.
	serving, _ := a.serve()
	a.opens().ends()
	a.shows(serving.base())
	if l := a.list(mine.Event); len(l) != 1 || l[0].ID != id {
		t.Errorf("the list is %+v", l)
	}
	if !serving.runs() {
		t.Error("the window ended serve")
	}
	if code := serving.stop(); code != 0 {
		t.Errorf("Ctrl-C ended serve with %d", code)
	}

	// That browser runs on, and opens the window of the next process, which ends with the last window.
	p = a.opens()
	a.shows(p.base())
	if !p.runs() {
		t.Error("it ended although its window is open")
	}
	a.closes("")
	p.ends()

	// Ctrl-C closes the window.
	p = a.opens()
	a.shows(p.base())
	if code := p.stop(); code != 0 {
		t.Errorf("Ctrl-C ended it with %d", code)
	}
	if _, err := os.Lstat(filepath.Join(a.dir, "window", "SingletonLock")); err == nil {
		t.Error("Ctrl-C left the browser running")
	}
}

// TestDesktopWithoutChromium: without a browser that can open a window of its own, the default browser
// opens a tab; with one that fails, Flyleaf ends and says so.
func TestDesktopWithoutChromium(t *testing.T) {
	t.Parallel()
	d := &desktop{newDevice(t), ":0", t.TempDir()}
	d.program("xdg-open", `echo "$1" > "$HOME/opened"`)
	env := append(d.env(), "DISPLAY=:0", "PATH="+d.bin)
	p := start(t, env, "flyleaf", "desktop", "--listen", "127.0.0.1:0")
	p.address()
	eventually(t, "the default browser is opened", func() error {
		b, err := os.ReadFile(filepath.Join(d.home, "opened"))
		if err == nil && string(b) != "file://"+filepath.Join(d.dir, "start.html")+"\n" {
			err = fmt.Errorf("it opened %q", b)
		}
		return err
	})
	if code := p.stop(); code != 0 || !strings.Contains(p.errs.String(), "none was found") {
		t.Errorf("it ended with %d and %q", code, p.errs.String())
	}

	d.program("chromium", "exit 3")
	p = start(t, env, "flyleaf", "desktop", "--listen", "127.0.0.1:0")
	if code := p.exitCode(); code != 1 || !strings.Contains(p.errs.String(), "exit status 3") {
		t.Errorf("it ended with %d and %q", code, p.errs.String())
	}
	d.serve() // the lock is free
}
