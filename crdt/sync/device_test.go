package sync

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
)

// device is a document on the disk of a device: its graph and its changes.
type device struct {
	g      *graph.Graph
	bytes  map[wire.Hash][]byte // applied, pending and a few refused changes
	log    []wire.Hash          // the applied order
	refuse func(*wire.Change) bool
	// putOff reports whether a change is deferred, unless a pending change depends on it.
	putOff   func(*wire.Change) bool
	deferred []wire.Hash // by the last call of take
	limits   wire.Limits
	reads    int // calls of Change
	fanout   Fanout

	fastReceives, repeatedMessages int // how often the fast paths of fanout.go were used
}

func newDevice() *device {
	return &device{g: graph.New(), bytes: map[wire.Hash][]byte{}, limits: wire.OpenLimits}
}

func (d *device) Graph() *graph.Graph { return d.g }

func (d *device) Change(h wire.Hash) (Change, error) {
	d.reads++
	if b, ok := d.bytes[h]; ok && d.g.Has(h) {
		return Change{Bytes: b}, nil
	}
	return Change{}, fmt.Errorf("no change %s", h)
}

// take accepts changes and returns those that are refused for good.
func (d *device) take(t testing.TB, changes [][]byte) (refused []wire.Hash) {
	t.Helper()
	d.deferred = nil
	for _, b := range changes {
		c, err := wire.DecodeChangeLimits(b, d.limits)
		if err != nil {
			t.Fatal(err)
		}
		if d.refuse != nil && d.refuse(c) {
			d.g.Refuse(c.Hash)
			refused = append(refused, c.Hash)
		} else if d.putOff != nil && !d.g.Has(c.Hash) && !slices.Contains(d.g.Missing(), c.Hash) && d.putOff(c) {
			d.deferred = append(d.deferred, c.Hash)
		} else {
			d.bytes[c.Hash] = b
			added, err := d.g.Add(graph.MetaOf(c))
			if err != nil {
				t.Fatal(err)
			}
			d.log = append(d.log, added...)
		}
		for _, r := range d.g.Rejected() {
			refused = append(refused, r.Hash)
		}
	}
	return refused
}

// write makes a change as automerge does: the deps are the heads and the actor's previous change.
// size pads the change.
func (d *device) write(t testing.TB, a wire.ActorID, size int, r *rand.Rand) wire.Hash {
	t.Helper()
	deps := d.g.Heads()
	if own, ok := d.g.BySeq(a, d.g.SeqOf(a)); ok {
		deps = sortedSet(append(deps, own))
	}
	pad := make([]byte, size)
	r.Read(pad)
	c := &wire.Change{
		Deps: deps, Actor: a, Seq: d.g.SeqOf(a) + 1, StartOp: d.g.MaxOp() + 1,
		Ops: []wire.Op{{
			Action: wire.Set, Key: wire.Key{Prop: fmt.Sprintf("%x", r.Uint64())}, Value: wire.BytesValue(pad),
		}},
	}
	b := c.Encode()
	h, err := wire.ReadHash(b)
	if err != nil {
		t.Fatal(err)
	}
	d.take(t, [][]byte{b})
	if !d.g.Has(h) {
		t.Fatalf("own change %s was not applied, deferred %d", h, len(d.deferred))
	}
	return h
}

// rebuilt returns a device with the first n changes of d, as after restoring a backup or after a
// crash that lost the other changes.
func (d *device) rebuilt(t testing.TB, n int) *device {
	t.Helper()
	e := newDevice()
	e.refuse = d.refuse
	for _, h := range d.log[:n] {
		e.take(t, [][]byte{d.bytes[h]})
	}
	return e
}

// receive processes an encoded message, as a session does.
func (d *device) receive(t testing.TB, p *Peer, b []byte) *wire.Message {
	t.Helper()
	m, err := wire.DecodeMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	if receiveFast(t, d.g, p, b, m) {
		d.fastReceives++
		return m
	}
	before := d.g.Heads()
	refused := d.take(t, m.Changes)
	p.Receive(d.g, m, received(m, before, refused))
	p.Defer(d.deferred...)
	p.Ask(d.g.Missing()...)
	return m
}

// received is the Received of a message.
func received(m *wire.Message, before, refused []wire.Hash) Received {
	r := Received{Before: before, Refused: refused}
	for _, b := range m.Changes {
		if h, err := wire.ReadHash(b); err == nil {
			r.Changes = append(r.Changes, h)
		}
	}
	return r
}

// say returns the next message, encoded; nil if there is none.
func (d *device) say(t testing.TB, p *Peer) []byte {
	t.Helper()
	m, ok, err := p.Generate(d)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return nil
	}
	b := m.Encode()
	// Only a single large change may exceed the limit.
	if len(b) > wire.MaxMessage && len(m.Changes) > 1 {
		t.Fatalf("message of %d bytes with %d changes", len(b), len(m.Changes))
	}
	return b
}

// converse runs a conversation over a reliable channel until both sides are silent, and returns
// the number of messages.
func converse(t testing.TB, a, b *device, pa, pb *Peer) (messages int) {
	t.Helper()
	for quiet := 0; quiet < 2; {
		quiet++
		if m := a.say(t, pa); m != nil {
			b.receive(t, pb, m)
			quiet = 0
			messages++
		}
		if m := b.say(t, pb); m != nil {
			a.receive(t, pa, m)
			quiet = 0
			messages++
		}
		if messages > 5000 {
			t.Fatal("the conversation does not end")
		}
	}
	return messages
}

func actorOf(n int) wire.ActorID { return wire.ActorID(fmt.Sprintf("actor-%034d", n)) }
