package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSecondServeIsRefused: a second `flyleaf serve` is refused, and prints the address of the first.
// Other commands use the first process, and nothing is lost when it stops.
func TestSecondServeIsRefused(t *testing.T) {
	t.Parallel()
	a := newDevice(t)
	week := a.createWeek("ws://127.0.0.1:1")
	p, url := a.serve()
	_, errs, code := a.try("serve", "--listen", "127.0.0.1:0", "--no-open")
	// The link has the same address but a token of its own, because each token admits one browser.
	base, token, _ := strings.Cut(url, "token=")
	if code != 6 || !strings.Contains(errs, base+"token=") || strings.Contains(errs, token) {
		t.Errorf("the second serve ended with %d and %q; the first is on %s", code, errs, url)
	}
	id := a.run("ask", "Through the running one?")
	if l := a.list(week.Event); len(l) != 1 || l[0].ID != id {
		t.Errorf("the list is %+v", l)
	}
	if code := p.stop(); code != 0 {
		t.Errorf("Ctrl-C ended it with %d", code)
	}
	if l := a.list(week.Event); len(l) != 1 || l[0].ID != id {
		t.Errorf("after the stop the list is %+v", l)
	}
}

// TestKilledServeLeavesNoSocket: the next serve removes the socket of a killed one.
func TestKilledServeLeavesNoSocket(t *testing.T) {
	t.Parallel()
	a := newDevice(t)
	sockets := func() []string {
		found, err := filepath.Glob(filepath.Join(a.home, "flyleaf-*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	p, _ := a.serve()
	if n := len(sockets()); n != 1 {
		t.Fatalf("%d sockets while it runs", n)
	}
	p.kill()
	p, _ = a.serve()
	if n := len(sockets()); n != 1 {
		t.Errorf("%d sockets after a kill and a new start", n)
	}
	p.stop()
	if n := len(sockets()); n != 0 {
		t.Errorf("%d sockets after a stop", n)
	}
}

// TestManyCommandsAtOnce: concurrent commands wait for each other.
func TestManyCommandsAtOnce(t *testing.T) {
	t.Parallel()
	a := newDevice(t)
	week := a.createWeek("ws://127.0.0.1:1")
	const n = 8
	done := make(chan string, n)
	for range n {
		go func() {
			_, errs, code := a.try("ask", "All at once?")
			if code != 0 {
				done <- errs
				return
			}
			done <- ""
		}()
	}
	for range n {
		if errs := <-done; errs != "" {
			t.Error(errs)
		}
	}
	if l := a.list(week.Event); len(l) != n {
		t.Errorf("%d posts instead of %d", len(l), n)
	}
}

// TestDeepDataDirectory: the path of a data directory may be longer than a socket path can be.
func TestDeepDataDirectory(t *testing.T) {
	t.Parallel()
	a := newDevice(t)
	a.dir = filepath.Join(a.dir, strings.Repeat("d", 100), strings.Repeat("e", 100))
	a.createWeek("ws://127.0.0.1:1")
	a.serve()
	a.run("ask", "Does it answer?")
}

// TestFilesAreThisPersonsOnly: other users cannot read key and database.
func TestFilesAreThisPersonsOnly(t *testing.T) {
	t.Parallel()
	a := newDevice(t)
	a.createWeek("ws://127.0.0.1:1")
	if info, err := os.Stat(filepath.Join(a.dir, "identity.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("identity.key: %v %v", info, err)
	}
	if info, err := os.Stat(a.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the data directory: %v %v", info, err)
	}
	// If the key is missing but events exist, no new identity is created.
	if err := os.Remove(filepath.Join(a.dir, "identity.key")); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := a.try("event", "list"); code == 0 || !strings.Contains(errs, "identity.key") {
		t.Errorf("without its key it says %q, %d", errs, code)
	}
}

// TestDemo does what `make run` does, twice.
func TestDemo(t *testing.T) {
	t.Parallel()
	a := newDevice(t)
	for i := range 2 {
		p := start(t, a.env(), "flyleaf", "demo", "--listen", "127.0.0.1:0", "--relay-listen", "127.0.0.1:0", "--no-open")
		p.address()
		demo := &device{t, filepath.Join(a.dir, "demo", "device"), a.home}
		events := decode[[]struct {
			Event string `json:"event"`
			Title string `json:"title"`
		}](demo, "event", "list")
		if len(events) != 1 || events[0].Title != "The Patient Ledger" {
			t.Fatalf("start %d shows %+v", i, events)
		}
		l := demo.list(events[0].Event)
		answered, authors := 0, map[string]bool{}
		for _, q := range l {
			if q.Answered {
				answered++
			}
			for _, r := range q.Replies {
				if r.Author {
					authors[r.Name] = true
				}
			}
		}
		if len(l) < 12 || answered == 0 || answered == len(l) || len(authors) != 2 {
			t.Errorf("start %d: %d threads, %d answered, authors %v", i, len(l), answered, authors)
		}
		eventually(t, "the device reaches the relay", func() error {
			if s := demo.status(events[0].Event); s.Relay.State != "synced" {
				return fmt.Errorf("the status is %+v", s)
			}
			return nil
		})
		// Starting the demo again while it runs prints a link for another browser, as `serve` does.
		if _, errs, code := a.try("demo", "--listen", "127.0.0.1:0", "--relay-listen", "127.0.0.1:0", "--no-open"); code != 6 || !strings.Contains(errs, "/?token=") {
			t.Errorf("a demo beside a running one ended with %d and %q", code, errs)
		}
		if code := p.stop(); code != 0 {
			t.Errorf("Ctrl-C ended it with %d", code)
		}
	}
}
