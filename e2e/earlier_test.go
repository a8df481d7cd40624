package e2e

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// earlier is data written by an earlier version, a directory in testdata: the data directory of
// a reader, the database of a relay, and the program's output at that time.
type earlier struct {
	dir   string
	event string // a week with edits, votes, an author's answer, a closing and a draw of two secrets
}

var (
	// Before version 2 of the rules, and before reveals of a draw named their closing.
	earlier1 = earlier{"earlier", "NLdGFxwJ11J3rXxa8jB7pdeFvTY"}
	// Events of version 2, one of them listed by a club, with an anonymous question.
	earlier2 = earlier{"earlier-2", "2s5b1GSqNN94W9E7zvKW2W86v8rA"}
)

// unpack decompresses a file of the directory to a path.
func (e earlier) unpack(t *testing.T, name, to string) {
	t.Helper()
	from, err := os.Open(filepath.Join("testdata", e.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	var r io.Reader = from
	if filepath.Ext(name) == ".gz" {
		if r, err = gzip.NewReader(from); err != nil {
			t.Fatal(err)
		}
	}
	b, err := io.ReadAll(r)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o700)
	}
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// contains fails unless got has everything in want. got may have more keys.
func contains(t *testing.T, at string, got, want any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		m, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s: %v", at, got)
			return
		}
		for key, w := range want {
			contains(t, at+"/"+key, m[key], w)
		}
	case []any:
		l, ok := got.([]any)
		if !ok || len(l) != len(want) {
			t.Errorf("%s: %v, want %v", at, got, want)
			return
		}
		for i := range want {
			contains(t, at, l[i], want[i])
		}
	default:
		if strings.HasSuffix(at, "/name") && keyName.MatchString(fmt.Sprint(want)) {
			if !namelessName.MatchString(fmt.Sprint(got)) {
				t.Errorf("%s: somebody without a name is called %v", at, got)
			}
			return
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", at, got, want)
		}
	}
}

// What people without a name are called: by earlier versions, the beginning of their key.
var (
	keyName      = regexp.MustCompile(`^[0-9a-f]{8}$`)
	namelessName = regexp.MustCompile(`^(Reader|Author|Moderator|Organiser) [0-9]{5}$`)
)

// same compares a command's output with the earlier output.
func (e earlier) same(t *testing.T, d *device, name string, args ...string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", e.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	var want any
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	contains(t, name, decode[any](d, args...), want)
}

// TestDataOfAnEarlierVersionOpens: a device's directory and a relay's database have the same
// posts and winners, and remain usable: a new device gets the relay's data, and the old device
// syncs with it.
func TestDataOfAnEarlierVersionOpens(t *testing.T) {
	for _, e := range []earlier{earlier1, earlier2} {
		t.Run(e.dir, func(t *testing.T) { opensAndGoesOn(t, e) })
	}
}

func opensAndGoesOn(t *testing.T, e earlier) {
	old := newDevice(t)
	e.unpack(t, "device.db.gz", filepath.Join(old.dir, "flyleaf.db"))
	e.unpack(t, "identity.key", filepath.Join(old.dir, "identity.key"))
	e.same(t, old, "list.json", "list", "--event", e.event)
	e.same(t, old, "winners.json", "winners", "list", "--event", e.event)
	e.same(t, old, "list.json", "list", "--event", e.event) // the second time, after the migration
	asked := len(old.list(e.event))

	r := newRelay(t)
	e.unpack(t, "relay.db.gz", filepath.Join(r.dir, "relay.db"))
	r.up()
	fresh := newDevice(t)
	fresh.run("join", "flyleaf:"+e.event+"@"+r.url())
	fresh.run("sync")
	e.same(t, fresh, "list.json", "list")
	e.same(t, fresh, "winners.json", "winners", "list")

	old.run("join", "--move", "flyleaf:"+e.event+"@"+r.url())
	old.run("sync", "--event", e.event)
	const edited = "At what size does a ledger begin to pay, all in all?"
	old.run("post", "edit", "--event", e.event, old.list(e.event)[0].ID, edited)
	old.run("sync", "--event", e.event)
	fresh.run("sync")
	if got := fresh.list(e.event)[0].Text; got != edited {
		t.Errorf("the new device shows %q after the old one's edit", got)
	}
	old.run("doctor", "--rebuild")
	if n := len(old.list(e.event)); n != asked {
		t.Errorf("%d questions after a rebuild, %d before", n, asked)
	}
}

// lieEvent is the event of earlier2 in which a device signed two versions of a change.
const lieEvent = "3q1eNFJVGH1hu8TCJof9BKG4XP5g"

// TestEquivocationThatAnEarlierVersionRecorded: the earlier version had excluded both versions
// of a change and everything that depended on them. All of it is restored except the posts of
// the equivocating actor, and the event remains usable, on a relay and on a new device.
func TestEquivocationThatAnEarlierVersionRecorded(t *testing.T) {
	e := earlier2
	old := newDevice(t)
	e.unpack(t, "device.db.gz", filepath.Join(old.dir, "flyleaf.db"))
	e.unpack(t, "identity.key", filepath.Join(old.dir, "identity.key"))
	b, err := os.ReadFile(filepath.Join("testdata", e.dir, "before-the-lie.json"))
	if err != nil {
		t.Fatal(err)
	}
	var before []map[string]any
	if err := json.Unmarshal(b, &before); err != nil {
		t.Fatal(err)
	}
	lied := before[0]
	lied["text"], lied["void"], lied["revisions"] = "", true, 0.0
	want := make([]any, len(before))
	for i := range before {
		want[i] = before[i]
	}
	old.run("doctor", "--rebuild") // reads the ledger, as opening a page would
	contains(t, "the old device", decode[any](old, "list", "--event", lieEvent), want)

	r := newRelay(t)
	e.unpack(t, "relay.db.gz", filepath.Join(r.dir, "relay.db"))
	r.up()
	old.run("join", "--move", "flyleaf:"+lieEvent+"@"+r.url())
	old.run("sync", "--event", lieEvent) // the relay has the first change only
	fresh := newDevice(t)
	fresh.run("join", "flyleaf:"+lieEvent+"@"+r.url())
	fresh.run("sync")
	contains(t, "a new device", decode[any](fresh, "list"), want)
	const question = "b9458afd93b2f121-tdo5kvhmqf4je-30"
	fresh.run("post", "react", question, "👍")
	fresh.run("sync")
	old.run("sync", "--event", lieEvent)
	reactions := decode[map[string]any](old, "show", "--event", lieEvent, question)["reactions"]
	if want := []any{map[string]any{"emoji": "👍", "count": 1.0}}; !reflect.DeepEqual(reactions, want) {
		t.Errorf("the old device shows the reactions %v", reactions)
	}
}
