package sync

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flyleaf/crdt/wire"
	"flyleaf/internal/testfiles"
)

// line is one line of a recorded conversation.
type line struct {
	Kind      string `json:"kind"`
	A, B      party  `json:"-"`
	From, Who string
	Hex       string
	Change    string
	SyncState *string `json:"syncState"`
	Equal     bool
}

type party struct {
	Who     string   `json:"who"`
	Changes []string `json:"changes"`
}

func readScene(t *testing.T, path string) []line {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []line
	s := bufio.NewScanner(f)
	s.Buffer(nil, 64<<20)
	for s.Scan() {
		var l line
		if bytes.Contains(s.Bytes(), []byte(`"kind":"setup"`)) {
			var setup struct{ A, B party }
			if err := json.Unmarshal(s.Bytes(), &setup); err != nil {
				t.Fatal(err)
			}
			l = line{Kind: "setup", A: setup.A, B: setup.B}
		} else if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	if s.Err() != nil || len(lines) == 0 || lines[0].Kind != "setup" {
		t.Fatalf("%s: no setup line (%v)", path, s.Err())
	}
	return lines
}

// side is one of the two sides of a scene.
type side struct {
	*device
	p  *Peer
	js bool
}

func sides(t *testing.T, l line) map[string]*side {
	m := map[string]*side{}
	for name, p := range map[string]party{"a": l.A, "b": l.B} {
		s := &side{device: newDevice(), p: NewPeer(), js: strings.HasPrefix(p.Who, "js")}
		for _, c := range p.Changes {
			s.take(t, [][]byte{unhex(t, c)})
		}
		m[name] = s
	}
	return m
}

func (s *side) restart(t *testing.T, l line) {
	var shared []wire.Hash
	if l.SyncState != nil {
		// As Automerge saves it: 43 | the number of heads, here at most 127 | the shared heads.
		b := unhex(t, *l.SyncState)
		if len(b) < 2 || b[0] != 0x43 || len(b) != 2+int(b[1])*len(wire.Hash{}) {
			t.Fatalf("a saved state of %x", b)
		}
		for b = b[2:]; len(b) > 0; b = b[len(wire.Hash{}):] {
			shared = append(shared, wire.Hash(b[:len(wire.Hash{})]))
		}
	}
	stock := s.p.stock
	s.p = newPeer(shared)
	s.p.stock = stock
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func other(who string) string {
	if who == "a" {
		return "b"
	}
	return "a"
}

// normal returns a message in a form without the order of its changes and without the capability
// bytes, which we do not send.
func normal(t *testing.T, b []byte) string {
	m, err := wire.DecodeMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(m.Changes, bytes.Compare)
	m.Trailing = nil
	return hex.EncodeToString(m.Encode())
}

func scenes(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(testfiles.Shared(t, "vectors", "dialogues"), "*.jsonl"))
	if err != nil || len(paths) < 50 {
		t.Fatalf("%d scenes, %v", len(paths), err)
	}
	return paths
}

// TestRules1To9AsRecorded: rules 1 to 9 produce the recorded messages and silences of automerge 3.x,
// up to the point where version 2 begins.
func TestRules1To9AsRecorded(t *testing.T) {
	messages, idles := 0, 0
	for _, path := range scenes(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".jsonl"), func(t *testing.T) {
			lines := readScene(t, path)
			s := sides(t, lines[0])
			for _, x := range s {
				x.p.stock = true
			}
			for i, l := range lines[1:] {
				where := fmt.Sprintf("line %d", i+2)
				switch l.Kind {
				case "local":
					s[l.Who].take(t, [][]byte{unhex(t, l.Change)})
				case "restart":
					s[l.Who].restart(t, l)
				case "idle":
					if x := s[l.Who]; x.js {
						if m := x.say(t, x.p); m != nil {
							t.Fatalf("%s: sent %x instead of nothing", where, m)
						}
						idles++
					}
				case "message":
					b := unhex(t, l.Hex)
					if b[0] == 0x43 {
						return
					}
					if x := s[l.From]; x.js {
						m := x.say(t, x.p)
						if m == nil {
							t.Fatalf("%s: sent nothing instead of %s", where, l.Hex)
						}
						if got, want := normal(t, m), normal(t, b); got != want {
							t.Fatalf("%s: sent\n%s instead of\n%s", where, got, want)
						}
						messages++
					}
					to := s[other(l.From)]
					to.receive(t, to.p, b)
				}
			}
		})
	}
	t.Logf("%d messages and %d silences equal", messages, idles)
	if messages < 80 || idles < 20 {
		t.Errorf("only %d messages and %d silences compared", messages, idles)
	}
}

// TestScenesEndEqual: every recorded scene, also those that stalled, ends with equal heads and
// silence if both sides follow our rules.
func TestScenesEndEqual(t *testing.T) {
	for _, path := range scenes(t) {
		for _, stock := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/stock=%v", strings.TrimSuffix(filepath.Base(path), ".jsonl"), stock), func(t *testing.T) {
				lines := readScene(t, path)
				s := sides(t, lines[0])
				for _, x := range s {
					x.p.stock = stock
				}
				for _, l := range lines[1:] {
					switch l.Kind {
					case "local":
						s[l.Who].take(t, [][]byte{unhex(t, l.Change)})
					case "restart":
						s[l.Who].restart(t, l)
					case "message":
						from, to := s[l.From], s[other(l.From)]
						if m := from.say(t, from.p); m != nil {
							to.receive(t, to.p, m)
						}
					}
				}
				a, b := s["a"], s["b"]
				converse(t, a.device, b.device, a.p, b.p)
				if !slices.Equal(a.g.Heads(), b.g.Heads()) {
					t.Errorf("heads differ: %v, %v", a.g.Heads(), b.g.Heads())
				}
				if a.g.PendingLen()+b.g.PendingLen() > 0 {
					t.Error("changes are still pending")
				}
			})
		}
	}
}
