package sync

import (
	"encoding/hex"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"flyleaf/crdt/wire"
	"flyleaf/e2e/stockjs"
)

// javascript is stock automerge 3.5 in a node process, driven line by line.
type javascript struct {
	t *testing.T
	*stockjs.Script
}

func (j *javascript) heads() []wire.Hash {
	j.t.Helper()
	var r []wire.Hash
	for _, s := range strings.Fields(j.Do("heads")) {
		h, err := wire.ParseHash(s)
		if err != nil {
			j.t.Fatal(err)
		}
		r = append(r, h)
	}
	return r
}

// TestConvergesWithJavaScript: random conversations with stock JavaScript end with equal heads and
// silence, and never leave version 1.
func TestConvergesWithJavaScript(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	var messages, fromJS, edits, several int
	j := &javascript{t, stockjs.Start(t, "syncpeer.mjs")}
	for seed := int64(1); seed <= 200; seed++ {
		r := rand.New(rand.NewSource(seed))
		j.Do("new")
		d, p := newDevice(), NewPeer()
		p.limit = 2 << 10
		// Common changes, then changes of each side.
		for range r.Intn(60) {
			d.write(t, actorOf(1), r.Intn(30), r)
		}
		for _, h := range d.log {
			j.Do("load", hex.EncodeToString(d.bytes[h]))
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
					j.Do("edit", fmt.Sprintf("k%d", key), fmt.Sprintf("v%d", r.Intn(1000)))
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
			if m := j.Do("generate"); m != "" {
				toUs = append(toUs, unhex(t, m))
			}
		}
		deliver := func() {
			if len(toJS) > 0 {
				j.Do("receive", hex.EncodeToString(toJS[0]))
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
			default: // the connection breaks; messages on their way are lost
				toJS, toUs = nil, nil
				if r.Intn(2) == 0 {
					j.Do("fresh")
				} else {
					j.Do("restart")
				}
				old := p.shared
				if r.Intn(2) == 0 {
					old = nil
				}
				p = newPeer(old)
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
				t.Fatalf("seed %d: the conversation does not end", seed)
			}
		}
		if ours, theirs := d.g.Heads(), j.heads(); !slices.Equal(ours, theirs) {
			t.Errorf("seed %d: %d heads here, %d there, in sync: %v", seed, len(ours), len(theirs), p.InSync(d.g))
		}
	}
	t.Logf("%d messages to JavaScript, %d from it, %d edits, %d with several changes", messages, fromJS, edits, several)
	if messages < 1000 || fromJS < 1000 || edits < 2000 {
		t.Error("the conversations did not cover enough")
	}
}

// TestRule24WholeDocumentToJavaScript: stock JavaScript accepts a whole document and answers in
// version 1. Changes that are written meanwhile and later are sent singly.
func TestRule24WholeDocumentToJavaScript(t *testing.T) {
	j := &javascript{t, stockjs.Start(t, "syncpeer.mjs")}
	for seed := int64(1); seed <= 10; seed++ {
		r := rand.New(rand.NewSource(seed))
		j.Do("new")
		d, p := newDevice(), NewPeer()
		for i := range 200 {
			d.write(t, actorOf(1+i%7), r.Intn(30), r)
		}
		first := unhex(t, j.Do("generate"))
		m := d.receive(t, p, first)
		if !AcceptsDocument(m.Trailing) || !p.HasNothing() {
			t.Fatalf("stock JavaScript does not announce that it accepts a whole document: %x", first)
		}
		var changes []*wire.Change
		for _, h := range d.log {
			c, err := wire.DecodeChangeLimits(d.bytes[h], wire.OpenLimits)
			if err != nil {
				t.Fatal(err)
			}
			changes = append(changes, c)
		}
		chunk, err := wire.EncodeDocument(changes, d.g.Heads(), 64<<20)
		if err != nil {
			t.Fatal(err)
		}
		n := d.g.Len()
		d.write(t, actorOf(9), 10, r) // after the document was made
		whole := p.GenerateDocument(d.g, chunk, n).Encode()
		whole[0] = 0x43
		if p.HasNothing() {
			t.Error("a second whole document would be sent")
		}
		d.write(t, actorOf(9), 10, r) // while it is on its way
		between, ok, err := p.Generate(d)
		if err != nil || !ok || len(between.Changes) != 2 {
			t.Fatalf("%v, %v; want the two changes that are not in the document, got %d", ok, err, len(between.Changes))
		}
		j.Do("receive", hex.EncodeToString(whole))
		j.Do("receive", hex.EncodeToString(between.Encode()))
		singles := 0
		for round := 0; ; round++ {
			if round == 10 {
				t.Fatal("no end")
			}
			b := j.Do("generate")
			if b != "" {
				if b := unhex(t, b); b[0] != 0x42 {
					t.Fatalf("answered in version %x", b[0])
				}
				d.receive(t, p, unhex(t, b))
			}
			m, ok, err := p.Generate(d)
			if err != nil {
				t.Fatal(err)
			}
			if !ok && b == "" {
				break
			}
			if ok {
				singles += len(m.Changes)
				j.Do("receive", hex.EncodeToString(m.Encode()))
			}
		}
		if singles > 0 {
			t.Errorf("%d changes were sent again", singles)
		}
		if !slices.Equal(j.heads(), d.g.Heads()) || !p.InSync(d.g) {
			t.Errorf("seed %d: not in sync", seed)
		}
	}
}
