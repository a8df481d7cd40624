package sync

import (
	"errors"
	"math/rand"
	"slices"
	"testing"

	"flyleaf/crdt/wire"
)

func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	const seed = 4
	t.Logf("seed %d", seed)
	return rand.New(rand.NewSource(seed))
}

// copyTo makes b hold what a holds.
func copyTo(t testing.TB, a, b *device) {
	t.Helper()
	for _, h := range a.log {
		b.take(t, [][]byte{a.bytes[h]})
	}
}

func wantEqual(t testing.TB, a, b *device) {
	t.Helper()
	if !slices.Equal(a.g.Heads(), b.g.Heads()) {
		t.Errorf("%d changes here, %d there", a.g.Len(), b.g.Len())
	}
}

func decode(t testing.TB, b []byte) *wire.Message {
	t.Helper()
	m, err := wire.DecodeMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRule3NothingToFilterWhenEqual(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	for range 500 {
		a.write(t, actorOf(1), 1, r)
	}
	copyTo(t, a, b)
	pa, pb := NewPeer(a.g.Heads()), NewPeer(nil)
	m := decode(t, a.say(t, pa))
	if len(m.Have) != 1 || m.Have[0].Filter.Entries != 0 || !slices.Equal(m.Have[0].LastSync, a.g.Heads()) {
		t.Errorf("have %+v", m.Have)
	}
	pb.Receive(b.g, m, b.g.Heads(), nil)
	converse(t, a, b, pa, pb)
	if b.reads+a.reads > 0 {
		t.Error("changes were read though heads are equal")
	}
	if !pa.InSync(a.g) || !pb.InSync(b.g) {
		t.Error("not in sync")
	}
}

func TestRule4ResetOnceForEachMessage(t *testing.T) {
	r := seeded(t)
	a := newDevice()
	for range 20 {
		a.write(t, actorOf(1), 1, r)
	}
	b := a.rebuilt(t, 15)
	pa, pb := NewPeer(a.g.Heads()), NewPeer(nil)
	b.receive(t, pb, a.say(t, pa))
	m := decode(t, b.say(t, pb))
	if len(m.Need) != 0 || len(m.Changes) != 0 || len(m.Have) != 1 || len(m.Have[0].LastSync) != 0 || m.Have[0].Filter.Entries != 0 {
		t.Errorf("not the reset message: %+v", m)
	}
	if m := b.say(t, pb); m != nil {
		t.Error("said twice")
	}
	// Rule 12: of 20 changes the 5 that b lacks travel.
	pa.Receive(a.g, m, a.g.Heads(), nil)
	if m = decode(t, a.say(t, pa)); len(m.Changes) != 5 {
		t.Errorf("%d changes sent", len(m.Changes))
	}
	b.receive(t, pb, m.Encode())
	converse(t, a, b, pa, pb)
	wantEqual(t, a, b)
}

// One side loses everything and begins anew; the other's state lives on.
func TestRule9PeerThatLostEverything(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	pa, pb := NewPeer(nil), NewPeer(nil)
	a.receive(t, pa, b.say(t, pb))
	for range 10 {
		a.write(t, actorOf(1), 1, r)
	}
	if m := decode(t, a.say(t, pa)); len(m.Changes) != 10 { // and b dies before it gets them
		t.Fatalf("%d changes sent", len(m.Changes))
	}
	b, pb = newDevice(), NewPeer(nil)
	a.receive(t, pa, b.say(t, pb))
	m := decode(t, a.say(t, pa))
	if len(m.Changes) != 10 {
		t.Errorf("%d changes sent", len(m.Changes))
	}
	b.receive(t, pb, m.Encode())
	converse(t, a, b, pa, pb)
	wantEqual(t, a, b)
}

// Messages are lost and both states live on: the next message of either side
// gets things going again.
func TestRule10AskedForIsSentAgain(t *testing.T) {
	for seed := int64(1); seed <= 300; seed++ {
		r := rand.New(rand.NewSource(seed))
		a, b := newDevice(), newDevice()
		a.write(t, actorOf(1), 1, r)
		copyTo(t, a, b)
		pa, pb := NewPeer(nil), NewPeer(nil)
		converse(t, a, b, pa, pb)
		a.write(t, actorOf(1), 1, r)
		if m := decode(t, a.say(t, pa)); len(m.Changes) != 1 {
			t.Fatalf("seed %d: %d changes sent", seed, len(m.Changes))
		}
		// That one was lost. Both go on.
		a.write(t, actorOf(1), 1, r)
		b.write(t, actorOf(2), 1, r)
		converse(t, a, b, pa, pb)
		wantEqual(t, a, b)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestRule11NewChangesNeedNoFilter(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	for range 30 {
		b.write(t, actorOf(2), 1, r)
	}
	pa, pb := NewPeer(nil), NewPeer(nil)
	a.receive(t, pa, b.say(t, pb)) // a filter of 30 changes
	var falsePositives int
	for n := range 2000 {
		// Each by itself, or it would go because it depends on another.
		x := newDevice()
		h := x.write(t, actorOf(100+n), 0, r)
		a.take(t, [][]byte{x.bytes[h]})
		if pa.theirHave[0].Filter.Contains(h) {
			falsePositives++
		}
	}
	if falsePositives == 0 {
		t.Fatal("no false positive to look at")
	}
	pa.limit = 1 << 30
	m, _, err := pa.Generate(a)
	if err != nil || len(m.Changes) != 2000 {
		t.Errorf("%d of 2000 changes sent, %v", len(m.Changes), err)
	}
}

func TestRule13Slices(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	total := 0
	for i := range 120 {
		h := a.write(t, actorOf(i%3), 40<<10, r)
		total += len(a.bytes[h])
	}
	// Half of it sits in branches that b has begun.
	for _, h := range a.log[:10] {
		b.take(t, [][]byte{a.bytes[h]})
	}
	pa, pb := NewPeer(nil), NewPeer(nil)
	messages := converse(t, a, b, pa, pb)
	wantEqual(t, a, b)
	if least := total / wire.MaxMessage; messages < least || messages > 4*least {
		t.Errorf("%d messages for %d bytes", messages, total)
	}
	if a.reads > 125+messages { // each change once, and one that did not fit for each message
		t.Errorf("%d changes read", a.reads)
	}
	// A change that is larger than a message goes alone.
	a.write(t, actorOf(1), wire.MaxMessage+1, r)
	a.write(t, actorOf(1), wire.MaxMessage+1, r)
	converse(t, a, b, pa, pb)
	wantEqual(t, a, b)
}

func TestRule14RefusedLeavesNeedForGood(t *testing.T) {
	for seed := int64(1); seed <= 300; seed++ {
		r := rand.New(rand.NewSource(seed))
		a, b := newDevice(), newDevice()
		for range 5 {
			a.write(t, actorOf(1), 1, r)
		}
		copyTo(t, a, b)
		// Both go on; of a's changes b refuses one and so all above it.
		bad := actorOf(9)
		b.refuse = func(c *wire.Change) bool { return c.Actor == bad }
		side := a.rebuilt(t, 5)
		for range r.Intn(5) {
			side.write(t, actorOf(3), 1, r)
		}
		first := a.write(t, bad, 1, r)
		for range r.Intn(5) {
			a.write(t, actorOf(4), 1, r)
		}
		copyTo(t, side, a)
		for range r.Intn(5) {
			b.write(t, actorOf(2), 1, r)
		}
		pa, pb := NewPeer(nil), NewPeer(nil)
		if n := converse(t, a, b, pa, pb); n > 12 {
			t.Errorf("%d messages", n)
		}
		for _, h := range side.log {
			if !b.g.Has(h) {
				t.Errorf("lacks %s, which has nothing to do with the refused one", h)
			}
		}
		for _, h := range b.log {
			if !a.g.Has(h) {
				t.Errorf("the other side lacks %s", h)
			}
		}
		if b.g.Has(first) || slices.Contains(pb.need(b.g), first) || slices.Contains(pb.Shared(), first) {
			t.Error("the refused change is had, needed or shared")
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// A stock peer may name a refused head with every message: we are silent once
// there is nothing new.
func TestRule14SilentTowardsRepeatedRefusedHeads(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	a.write(t, actorOf(1), 1, r)
	b.refuse = func(*wire.Change) bool { return true }
	pa, pb := NewPeer(nil), NewPeer(nil)
	pa.stock = true
	converse(t, a, b, pa, pb)
	if b.g.Len() != 0 {
		t.Fatal("not refused")
	}
	for range 3 {
		b.receive(t, pb, (&wire.Message{Heads: a.g.Heads(), Have: []wire.Have{{}}}).Encode())
		if m := b.say(t, pb); m != nil {
			t.Errorf("said %+v", decode(t, m))
		}
	}
}

func TestRule14TooManyRefused(t *testing.T) {
	p, d := NewPeer(nil), newDevice()
	var h wire.Hash
	for i := range MaxRefused + 10 {
		h[0], h[1], h[2] = byte(i), byte(i>>8), byte(i>>16)
		p.Receive(d.g, &wire.Message{Heads: []wire.Hash{h}}, nil, []wire.Hash{h})
	}
	if _, _, err := p.Generate(d); !errors.Is(err, ErrTooManyRefused) && !errors.Is(err, ErrNoProgress) {
		t.Errorf("got %v", err)
	}
	q := NewPeer(nil)
	for i := range MaxRefused + 10 {
		h[0], h[1], h[2] = byte(i), byte(i>>8), byte(i>>16)
		q.Refuse(h)
	}
	if _, _, err := q.Generate(d); !errors.Is(err, ErrTooManyRefused) {
		t.Errorf("got %v", err)
	}
	if len(q.refused) > MaxRefused+1 {
		t.Errorf("%d hashes held", len(q.refused))
	}
}

// A peer that throws away what it gets, and asks again, as JavaScript's silently
// does with changes it cannot read.
func TestRule15NoProgress(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	for range 10 {
		a.write(t, actorOf(1), 1, r)
	}
	b.write(t, actorOf(2), 1, r)
	pa, pb := NewPeer(nil), NewPeer(nil)
	pb.stock = true
	for n := 1; ; n++ {
		m, ok, err := pa.Generate(a)
		if errors.Is(err, ErrNoProgress) {
			if n < MaxRounds {
				t.Errorf("gave up after %d messages", n)
			}
			return
		}
		if err != nil || !ok || n > 2*MaxRounds {
			t.Fatalf("message %d: %v %v", n, ok, err)
		}
		m.Changes = nil
		b.receive(t, pb, m.Encode())
		if m := b.say(t, pb); m != nil {
			a.receive(t, pa, m)
		}
	}
}

// Somebody writes much before the peer has answered for the first time: each
// message has news in its heads, so the peer does not take it for idle talk.
func TestRule15NewsIsProgress(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	pa, pb := NewPeer(nil), NewPeer(nil)
	var messages [][]byte
	for range 10 * MaxRounds {
		a.write(t, actorOf(1), 1, r)
		if m := a.say(t, pa); m != nil {
			messages = append(messages, m)
		}
	}
	if len(messages) <= MaxRounds {
		t.Fatalf("only %d messages", len(messages))
	}
	for _, m := range messages {
		b.receive(t, pb, m)
		b.say(t, pb) // fails on ErrNoProgress; the answer is still under way
	}
	pa = NewPeer(nil) // what was under way is lost with the connection of a
	converse(t, a, b, pa, pb)
	wantEqual(t, a, b)

	// News without end is idle talk, too.
	m := &wire.Message{Have: []wire.Have{{}}}
	for n := 0; ; n++ {
		m.Heads = []wire.Hash{{byte(n), byte(n >> 8), 1}}
		pb.Receive(b.g, m, b.g.Heads(), nil)
		if _, _, err := pb.Generate(b); err != nil {
			if n < MaxNews-10*MaxRounds || n > MaxNews+1 {
				t.Errorf("ended after %d messages: %v", n, err)
			}
			return
		}
		if n > 2*MaxNews {
			t.Fatal("does not end")
		}
	}
}

// A change waits on b; between it and what b has lie many that b never saw.
func TestRule16GapBehindAWaitingChange(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	for range 400 {
		a.write(t, actorOf(1), 1, r)
	}
	copyTo(t, a.rebuilt(t, 50), b)
	b.take(t, [][]byte{a.bytes[a.log[399]]})
	if b.g.WaitingLen() != 1 {
		t.Fatal("nothing waits")
	}
	pa, pb := NewPeer(nil), NewPeer(nil)
	if n := converse(t, a, b, pa, pb); n > 10 {
		t.Errorf("%d messages", n)
	}
	wantEqual(t, a, b)
	if b.g.WaitingLen() != 0 {
		t.Error("it still waits")
	}
}

func TestRule17LostSharedHeadsAreNotNamed(t *testing.T) {
	r := seeded(t)
	a := newDevice()
	for range 20 {
		a.write(t, actorOf(1), 1, r)
	}
	b := a.rebuilt(t, 10)
	pa, pb := NewPeer(nil), NewPeer(a.g.Heads())
	m := decode(t, b.say(t, pb))
	if len(m.Have) != 1 || len(m.Have[0].LastSync) != 0 || m.Have[0].Filter.Entries != 10 {
		t.Errorf("%+v", m.Have)
	}
	pa.Receive(a.g, m, a.g.Heads(), nil)
	converse(t, a, b, pa, pb)
	wantEqual(t, a, b)
}

func TestRule18NewHeadsAreAlwaysTold(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	pa, pb := NewPeer(nil), NewPeer(nil)
	converse(t, a, b, pa, pb)
	a.write(t, actorOf(1), 1, r)
	b.receive(t, pb, a.say(t, pa))
	// Before b answers it hears the same heads again, without changes.
	b.receive(t, pb, (&wire.Message{Heads: a.g.Heads(), Have: []wire.Have{{}}}).Encode())
	m := b.say(t, pb)
	if m == nil {
		t.Fatal("b says nothing")
	}
	a.receive(t, pa, m)
	if !pa.InSync(a.g) {
		t.Error("a does not know that b has it")
	}
}

// Both hold the same and are silent; a probe is answered with the heads of now,
// also when a later message of the same side is read before it is.
func TestRule19ProbeIsAnswered(t *testing.T) {
	r := seeded(t)
	for _, overtaken := range []bool{false, true} {
		for _, news := range []bool{false, true} {
			a, b := newDevice(), newDevice()
			a.write(t, actorOf(1), 1, r)
			pa, pb := NewPeer(nil), NewPeer(nil)
			if _, ok := pb.Probe(b.g); ok {
				t.Error("an empty graph was asked about")
			}
			converse(t, a, b, pa, pb)
			if m := a.say(t, pa); m != nil {
				t.Fatal("not silent before")
			}
			if news {
				b.write(t, actorOf(2), 1, r) // and has not told a yet
			}
			m, ok := pa.Probe(a.g)
			if !ok || !pa.Probing() {
				t.Fatal("no probe")
			}
			b.receive(t, pb, m.Encode())
			if overtaken {
				a.write(t, actorOf(1), 1, r)
				b.receive(t, pb, a.say(t, pa))
			}
			answer := b.say(t, pb)
			if answer == nil {
				t.Fatalf("overtaken %v, news %v: no answer", overtaken, news)
			}
			a.receive(t, pa, answer)
			if pa.Probing() {
				t.Errorf("overtaken %v, news %v: the answer was not taken for one", overtaken, news)
			}
			if theirs, _ := pa.TheirHeads(); !slices.Equal(theirs, b.g.Heads()) {
				t.Error("the answer has other heads than the peer")
			}
			converse(t, a, b, pa, pb)
			wantEqual(t, a, b)
		}
	}
}

// A peer that does not have what it is asked for answers with the reset message.
func TestRule19ProbeOfAPeerThatLostIt(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	a.write(t, actorOf(1), 1, r)
	copyTo(t, a, b)
	pa, pb := NewPeer(nil), NewPeer(nil)
	converse(t, a, b, pa, pb)
	b = newDevice()
	pb = NewPeer(nil)
	m, _ := pa.Probe(a.g)
	b.receive(t, pb, m.Encode())
	a.receive(t, pa, b.say(t, pb))
	if pa.Probing() || pa.InSync(a.g) {
		t.Errorf("probing %v, in sync %v", pa.Probing(), pa.InSync(a.g))
	}
	converse(t, a, b, pa, pb)
	wantEqual(t, a, b)
}

// A failing ledger changes nothing: the same message comes when it is back.
func TestGenerateIsWholeOrNothing(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	for range 3 {
		a.write(t, actorOf(1), 1, r)
	}
	pa, pb := NewPeer(nil), NewPeer(nil)
	a.receive(t, pa, b.say(t, pb))
	last := a.log[2]
	kept := a.bytes[last]
	delete(a.bytes, last)
	if _, _, err := pa.Generate(a); err == nil {
		t.Fatal("no error")
	}
	a.bytes[last] = kept
	if m := decode(t, a.say(t, pa)); len(m.Changes) != 3 {
		t.Errorf("%d changes", len(m.Changes))
	}
}

func BenchmarkGenerateEqualHeads(b *testing.B) {
	r := rand.New(rand.NewSource(1))
	d := newDevice()
	for range 5000 {
		d.write(b, actorOf(1), 1, r)
	}
	p := NewPeer(d.g.Heads())
	p.Receive(d.g, &wire.Message{Heads: d.g.Heads(), Have: []wire.Have{{LastSync: d.g.Heads()}}}, d.g.Heads(), nil)
	for b.Loop() {
		p.responded = false
		if _, ok, err := p.Generate(d); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

var _ Source = (*device)(nil)
