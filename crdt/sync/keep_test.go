package sync

import (
	"slices"
	"testing"

	"flyleaf/crdt/wire"
)

// TestRule27WhatIsKeptOfAMessage: the stored part of a message is in proportion to our graph, and the
// answer is the same.
func TestRule27WhatIsKeptOfAMessage(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	for range 100 {
		a.write(t, actorOf(1), 1, r)
	}
	copyTo(t, a, b)
	for i := range 100 {
		a.write(t, actorOf(2+i%5), 1, r)
	}
	for range 5000 {
		b.write(t, actorOf(9), 1, r)
	}
	pa, pb := NewPeer(), NewPeer()
	m := decode(t, b.say(t, pb))
	if bits := len(m.Have[0].Filter.Bits); bits < filterLeast+filterPerChange*a.g.Len() {
		t.Fatalf("a filter of %d bytes is too small for this test", bits)
	}
	var want []wire.Hash
	for h := range a.g.Order() {
		deps := a.g.Deps(nil, h)
		if !m.Have[0].Filter.Contains(h) || slices.ContainsFunc(deps, func(d wire.Hash) bool { return slices.Contains(want, d) }) {
			want = append(want, h)
		}
	}
	if len(want) < 90 {
		t.Fatalf("only %d changes to send", len(want))
	}
	pa.Receive(a.g, m, received(m, a.g.Heads(), nil))
	if pa.theirHave[0].Filter.Bits != nil || len(pa.claimed) > a.g.Len()/64+1 {
		t.Error("the filter is kept")
	}
	answer := decode(t, a.say(t, pa))
	got := make([]wire.Hash, len(answer.Changes))
	for i, c := range answer.Changes {
		var err error
		if got[i], err = wire.ReadHash(c); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d changes sent, want %d", len(got), len(want))
	}
	b.receive(t, pb, answer.Encode())
	converse(t, a, b, pa, pb)
	wantEqual(t, a, b)
}

// TestRule27UnknownHashes: few unknown hashes are kept, and all known ones. Refused hashes do not
// displace wanted ones.
func TestRule27UnknownHashes(t *testing.T) {
	r := seeded(t)
	a := newDevice()
	var refused []wire.Hash
	m := &wire.Message{}
	for i := range 200 {
		known, odd, no := a.write(t, actorOf(1), 1, r), wire.Hash{1, byte(i)}, wire.Hash{0, byte(i)}
		m.Heads = append(m.Heads, known, odd, no)
		refused = append(refused, no)
	}
	m.Need, m.Have = m.Heads, slices.Repeat([]wire.Have{{LastSync: m.Heads}}, wire.MaxHave)
	p := NewPeer()
	p.Receive(a.g, m, received(m, a.g.Heads(), refused))
	for name, kept := range map[string][]wire.Hash{"heads": p.theirHeads, "need": p.theirNeed, "lastSync": p.theirHave[0].LastSync} {
		if len(kept) != 200+maxUnknownHashes+1 || cap(kept) > 2*len(kept) {
			t.Errorf("%d of the %s are kept, in room for %d", len(kept), name, cap(kept))
		}
	}
	if len(p.theirHave) != maxHave {
		t.Errorf("%d entries of have are kept", len(p.theirHave))
	}
	a.say(t, p) // the reset message
	p.Receive(a.g, &wire.Message{Heads: m.Heads}, Received{Before: a.g.Heads()})
	if got := decode(t, a.say(t, p)); len(got.Need) != maxUnknownHashes {
		t.Errorf("%d requested", len(got.Need))
	}
}
