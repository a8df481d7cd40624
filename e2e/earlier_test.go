package e2e

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// testdata/earlier holds the data directory of a reader and the database of a relay as
// the program wrote them before rules had a version 2 and openings named their closing,
// with what it printed of them: a week with edits, votes, an author's answer, somebody
// blocked, a closing and a draw of two secrets.
const earlierEvent = "NLdGFxwJ11J3rXxa8jB7pdeFvTY"

// unpack writes a file of testdata/earlier, without its .gz, to a path.
func unpack(t *testing.T, name, to string) {
	t.Helper()
	from, err := os.Open(filepath.Join("testdata", "earlier", name))
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

// holds fails unless got has all that want has, and the same; got may have more keys.
func holds(t *testing.T, at string, got, want any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		m, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s: %v", at, got)
			return
		}
		for key, w := range want {
			holds(t, at+"/"+key, m[key], w)
		}
	case []any:
		l, ok := got.([]any)
		if !ok || len(l) != len(want) {
			t.Errorf("%s: %v, want %v", at, got, want)
			return
		}
		for i := range want {
			holds(t, at, l[i], want[i])
		}
	default:
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", at, got, want)
		}
	}
}

// asEarlier holds what a command prints against what it printed then.
func asEarlier(t *testing.T, d *device, name string, args ...string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "earlier", name))
	if err != nil {
		t.Fatal(err)
	}
	var want any
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	holds(t, name, decode[any](d, args...), want)
}

// TestDataOfAnEarlierVersionOpens: a device's directory and a relay's database hold
// the same posts and the same winners, and both go on: what is on the relay reaches a
// new device, and the old one syncs with it.
func TestDataOfAnEarlierVersionOpens(t *testing.T) {
	old := newDevice(t)
	unpack(t, "device.db.gz", filepath.Join(old.dir, "flyleaf.db"))
	unpack(t, "identity.key", filepath.Join(old.dir, "identity.key"))
	asEarlier(t, old, "list.json", "list")
	asEarlier(t, old, "winners.json", "winners")
	asEarlier(t, old, "list.json", "list", "--event", earlierEvent) // opened a second time, migrated

	r := newRelay(t)
	unpack(t, "relay.db.gz", filepath.Join(r.dir, "relay.db"))
	r.up()
	fresh := newDevice(t)
	fresh.run("join", "flyleaf:"+earlierEvent+"@"+r.url())
	fresh.run("sync")
	asEarlier(t, fresh, "list.json", "list")
	asEarlier(t, fresh, "winners.json", "winners")

	old.run("join", "--move", "flyleaf:"+earlierEvent+"@"+r.url())
	old.run("sync")
	const edited = "At what size does a ledger begin to pay, all in all?"
	old.run("edit", old.list(earlierEvent)[0].ID, edited)
	old.run("sync")
	fresh.run("sync")
	if got := fresh.list(earlierEvent)[0].Text; got != edited {
		t.Errorf("the new device shows %q after the old one's edit", got)
	}
	old.run("doctor", "--rebuild")
	if n := len(old.list(earlierEvent)); n != 4 {
		t.Errorf("%d questions after a rebuild", n)
	}
}
