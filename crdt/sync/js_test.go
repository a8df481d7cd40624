package sync

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flyleaf/crdt/wire"
)

// javascript is stock automerge 3.5 in a node process, driven line by line.
type javascript struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

// startJS skips where node or the npm packages are missing, unless everything
// is required.
func startJS(t *testing.T) *javascript {
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
	dir, err := filepath.Abs(filepath.Join("..", "..", "e2e", "js"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@automerge", "automerge")); err != nil {
		missing("e2e/js/node_modules is missing: run npm ci in e2e/js")
	}
	cmd := exec.Command(node, "syncpeer.mjs")
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
	// A hung process ends the test by an error in do, not by waiting.
	late := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		late.Stop()
		_ = in.Close()
		_ = cmd.Wait()
	})
	return &javascript{t: t, in: in, out: bufio.NewReaderSize(out, 1<<20)}
}

func (j *javascript) do(words ...string) string {
	j.t.Helper()
	if _, err := fmt.Fprintln(j.in, strings.Join(words, " ")); err != nil {
		j.t.Fatal(err)
	}
	s, err := j.out.ReadString('\n')
	if err != nil || strings.HasPrefix(s, "error") {
		j.t.Fatalf("%s: %s %v", words[0], s, err)
	}
	_, rest, _ := strings.Cut(strings.TrimSuffix(s, "\n"), " ")
	return rest
}

func (j *javascript) heads() []wire.Hash {
	j.t.Helper()
	var r []wire.Hash
	for _, s := range strings.Fields(j.do("heads")) {
		h, err := wire.ParseHash(s)
		if err != nil {
			j.t.Fatal(err)
		}
		r = append(r, h)
	}
	return r
}

// Stock JavaScript and we, talking at random, end equal and silent, in version
// 1 all the way.
func TestConvergesWithJavaScript(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	var messages, fromJS, edits, several int
	j := startJS(t)
	for seed := int64(1); seed <= 200; seed++ {
		r := rand.New(rand.NewSource(seed))
		j.do("new")
		d, p := newDevice(), NewPeer(nil)
		p.limit = 2 << 10
		// A common beginning, and then each for itself.
		for range r.Intn(60) {
			d.write(t, actorOf(1), r.Intn(30), r)
		}
		for _, h := range d.log {
			j.do("load", hex.EncodeToString(d.bytes[h]))
		}
		toJS, toUs := [][]byte{}, [][]byte{}
		key := 0
		edit := func(n int) {
			for range n {
				key++
				edits++
				if r.Intn(2) == 0 {
					d.write(t, actorOf(2), r.Intn(200), r)
				} else {
					j.do("edit", fmt.Sprintf("k%d", key), fmt.Sprintf("v%d", r.Intn(1000)))
				}
			}
		}
		generate := func() {
			if m, ok, err := p.Generate(d); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			} else if ok {
				if len(m.Changes) > 1 {
					several++
				}
				toJS = append(toJS, m.Encode())
			}
			if m := j.do("generate"); m != "" {
				toUs = append(toUs, unhex(t, m))
			}
		}
		deliver := func() {
			if len(toJS) > 0 {
				j.do("receive", hex.EncodeToString(toJS[0]))
				toJS = toJS[1:]
				messages++
			}
			if len(toUs) > 0 {
				d.receive(t, p, toUs[0])
				toUs = toUs[1:]
				fromJS++
			}
		}
		edit(r.Intn(40))
		for range 30 {
			switch k := r.Intn(12); {
			case k < 3:
				edit(1 + r.Intn(5))
			case k < 7:
				generate()
			case k < 11:
				deliver()
			default: // the connection breaks; what was under way is lost
				toJS, toUs = nil, nil
				if r.Intn(2) == 0 {
					j.do("fresh")
				} else {
					j.do("restart")
				}
				old := p.Shared()
				if r.Intn(2) == 0 {
					old = nil
				}
				p = NewPeer(old)
				p.limit = 2 << 10
			}
		}
		for n := 0; ; n++ {
			generate()
			if len(toJS)+len(toUs) == 0 {
				break
			}
			for len(toJS)+len(toUs) > 0 {
				deliver()
			}
			if n > 500 {
				t.Fatalf("seed %d: no end", seed)
			}
		}
		if ours, theirs := d.g.Heads(), j.heads(); !slices.Equal(ours, theirs) {
			t.Errorf("seed %d: %d heads here, %d there, in sync: %v", seed, len(ours), len(theirs), p.InSync(d.g))
		}
	}
	t.Logf("%d messages to JavaScript, %d from it, %d edits, %d with several changes", messages, fromJS, edits, several)
	if messages < 1000 || fromJS < 1000 || edits < 2000 {
		t.Error("the test did not do its work")
	}
}
