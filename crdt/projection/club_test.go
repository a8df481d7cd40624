package projection_test

import (
	"strings"
	"testing"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

func bytesAt(path string, b string) step {
	return step{path: path, value: &wire.Value{Kind: wire.Bytes, Raw: []byte(b)}}
}

func (d *device) club() *wire.Change {
	return d.write(
		put("kind", "club"), put("gate", uint64(1)), put("access", "open"),
		mk("club"), put("club/title", "The Lamplight Readers"), put("club/about", "One book a week."),
		mk("weeks"), mk("people"), mk("roles"), mk("blocks"), mk("posts"), mk("relays"), mk("blobs"),
	)
}

func TestClubListsWeeks(t *testing.T) {
	boss, org, reader := newDevice(t, 9, 1), newDevice(t, 2, 1), newDevice(t, 4, 1)
	boss.club()
	boss.role(org, qa.RoleOrganiser, true)
	org.from(boss)
	for i, w := range []string{"one", "two", "gone"} {
		org.write(mk("weeks/"+w), put("weeks/"+w+"/title", strings.ToUpper(w)), put("weeks/"+w+"/startsAt", 1000*(i+1)), put("weeks/"+w+"/endsAt", 1000*(i+1)+500))
	}
	org.write(put("weeks/one/relay", "ws://relay.example"), put("weeks/two/relay", "not an address"))
	org.f.Touched()
	org.write(put("weeks/gone/title", ""))
	if !org.f.Touched().Event {
		t.Error("removing a week does not touch the club")
	}
	e := org.f.Event()
	if e.Title != "The Lamplight Readers" || e.Description != "One book a week." || len(e.Weeks) != 2 {
		t.Fatalf("%+v", e)
	}
	if w := e.Weeks[0]; w.ID != "two" || w.Title != "TWO" || w.StartsAtMillis != 2000 || w.EndsAtMillis != 2500 || w.Relay != "" {
		t.Errorf("the later week: %+v", w)
	}
	if w := e.Weeks[1]; w.ID != "one" || w.Relay != "ws://relay.example" {
		t.Errorf("the earlier week: %+v", w)
	}
	// After a revocation, concurrent acts of the organiser are not in effect.
	boss.from(org)
	org.write(put("weeks/one/title", "spoilt"))
	boss.role(org, qa.RoleOrganiser, false)
	boss.from(org)
	reader.from(boss)
	if got := reader.f.Event().Weeks[1].Title; got != "ONE" {
		t.Errorf("the title is %q", got)
	}
}

func TestBlobReturnsTheChangeWithItsBytes(t *testing.T) {
	d := newDevice(t, 9, 1)
	d.write(put("kind", "event"), put("gate", uint64(1)), put("access", "open"), mk("event"), mk("posts"), mk("blobs"), mk("relays"))
	key := strings.Repeat("ab", 32)
	d.write(put("event/cover", key))
	if e := d.f.Event(); e.Cover != key || e.CoverIn != "" {
		t.Fatalf("before the picture has arrived: %+v", e)
	}
	d.f.Touched()
	c := d.write(bytesAt("blobs/"+key, "a picture"))
	if !d.f.Touched().Event {
		t.Error("the picture does not touch the event")
	}
	if e := d.f.Event(); e.CoverIn != c.Hash.String() {
		t.Errorf("the cover is in %q, want %s", e.CoverIn, c.Hash)
	}
	if h, ok := d.f.Blob(key); !ok || h != c.Hash {
		t.Errorf("%s, %v", h, ok)
	}
	if _, ok := d.f.Blob(strings.Repeat("cd", 32)); ok {
		t.Error("a blob that does not exist was found")
	}
	blobs, _ := d.f.Object("blobs")
	if v := d.f.Values(blobs, key); len(v) != 1 || len(v[0].Value.Raw) != 0 {
		t.Errorf("the bytes are kept in memory: %v", v)
	}
}

// TestEditsAreCounted: every change to the event's own fields adds one edit.
func TestEditsAreCounted(t *testing.T) {
	d := newDevice(t, 9, 1)
	d.genesis()
	want := func(n int, why string) {
		t.Helper()
		if got := d.f.Event().Edits; got != n {
			t.Errorf("%s: %d edits, want %d", why, got, n)
		}
	}
	want(0, "founded")
	d.write(put("event/title", "Slow Indexes"), put("event/startsAt", 5), put("event/endsAt", 9))
	want(1, "three fields in one change")
	d.post("q")
	want(1, "a post")
	d.write(put("event/title", "Slow Indexes"))
	want(2, "a title")
	d.write(put("relays/0", "ws://relay.example"))
	want(3, "a relay")
}
