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
	pa, pb := newPeer(a.g.Heads()), NewPeer()
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
	pa, pb := newPeer(a.g.Heads()), NewPeer()
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
	pa, pb := NewPeer(), NewPeer()
	a.receive(t, pa, b.say(t, pb))
	for range 10 {
		a.write(t, actorOf(1), 1, r)
	}
	if m := decode(t, a.say(t, pa)); len(m.Changes) != 10 { // and b dies before it gets them
		t.Fatalf("%d changes sent", len(m.Changes))
	}
	b, pb = newDevice(), NewPeer()
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
		pa, pb := NewPeer(), NewPeer()
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
	pa, pb := NewPeer(), NewPeer()
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
	pa, pb := NewPeer(), NewPeer()
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
		pa, pb := NewPeer(), NewPeer()
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
		if b.g.Has(first) || slices.Contains(pb.need(b.g), first) || slices.Contains(pb.shared, first) {
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
	pa, pb := NewPeer(), NewPeer()
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
	p, d := NewPeer(), newDevice()
	var h wire.Hash
	for i := range MaxRefused + 10 {
		h[0], h[1], h[2] = byte(i), byte(i>>8), byte(i>>16)
		p.Receive(d.g, &wire.Message{Heads: []wire.Hash{h}}, nil, []wire.Hash{h})
	}
	if _, _, err := p.Generate(d); !errors.Is(err, ErrTooManyRefused) && !errors.Is(err, ErrNoProgress) {
		t.Errorf("got %v", err)
	}
	q := NewPeer()
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
	pa, pb := NewPeer(), NewPeer()
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
	pa, pb := NewPeer(), NewPeer()
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
	pa = NewPeer() // what was under way is lost with the connection of a
	converse(t, a, b, pa, pb)
	wantEqual(t, a, b)

	// News without end is idle talk, too.
	m := &wire.Message{Have: []wire.Have{{}}}
	for n := 0; ; n++ {
		m.Heads = []wire.Hash{{byte(n), byte(n >> 8), 1}}
		pb.Receive(b.g, m, b.g.Heads(), nil)
		if _, _, err := pb.Generate(b); err != nil {
			if n < MaxRoundsNewHeads-10*MaxRounds || n > MaxRoundsNewHeads+1 {
				t.Errorf("ended after %d messages: %v", n, err)
			}
			return
		}
		if n > 2*MaxRoundsNewHeads {
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
	if b.g.PendingLen() != 1 {
		t.Fatal("nothing waits")
	}
	pa, pb := NewPeer(), NewPeer()
	if n := converse(t, a, b, pa, pb); n > 10 {
		t.Errorf("%d messages", n)
	}
	wantEqual(t, a, b)
	if b.g.PendingLen() != 0 {
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
	pa, pb := NewPeer(), newPeer(a.g.Heads())
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
	pa, pb := NewPeer(), NewPeer()
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
			pa, pb := NewPeer(), NewPeer()
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
	pa, pb := NewPeer(), NewPeer()
	converse(t, a, b, pa, pb)
	b = newDevice()
	pb = NewPeer()
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
	pa, pb := NewPeer(), NewPeer()
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
	p := newPeer(d.g.Heads())
	p.Receive(d.g, &wire.Message{Heads: d.g.Heads(), Have: []wire.Have{{LastSync: d.g.Heads()}}}, d.g.Heads(), nil)
	for b.Loop() {
		p.responded = false
		if _, ok, err := p.Generate(d); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

var _ Source = (*device)(nil)

// b defers what one actor writes. It is asked for no more, both fall silent, and
// all that does not hang on it goes on; until somebody else builds on it.
func TestRule20DeferredUntilSomebodyBuildsOnIt(t *testing.T) {
	for seed := int64(1); seed <= 300; seed++ {
		r := rand.New(rand.NewSource(seed))
		a, b, c := newDevice(), newDevice(), newDevice()
		a.write(t, actorOf(1), 1, r)
		copyTo(t, a, b)
		slow := actorOf(9)
		b.putOff = func(c *wire.Change) bool { return c.Actor == slow }
		pa, pb := NewPeer(), NewPeer()
		var late []wire.Hash
		for range 1 + r.Intn(5) {
			late = append(late, a.write(t, slow, 1, r))
		}
		for range 3 {
			b.write(t, actorOf(2), 1, r) // life goes on
			if n := converse(t, a, b, pa, pb); n > 8 {
				t.Errorf("%d messages", n)
			}
			for _, h := range late {
				if b.g.Has(h) || b.g.IsPending(h) || slices.Contains(pb.need(b.g), h) {
					t.Error("the deferred change is had or needed")
				}
			}
		}
		for _, h := range b.log {
			if !a.g.Has(h) {
				t.Error("the other side lacks a change that was not deferred")
			}
		}
		// By way of a third, somebody answers the deferred.
		copyTo(t, a, c)
		answer := c.write(t, actorOf(3), 1, r)
		pc, pbc := NewPeer(), NewPeer()
		var before [][]byte
		if r.Intn(2) == 0 {
			before = [][]byte{c.bytes[answer]} // it alone, from elsewhere, while nobody else speaks
		}
		if before != nil {
			b.take(t, before)
			if !pb.Ask(b.g.Missing()...) {
				t.Error("nothing is asked for")
			}
			if m := b.say(t, pb); m == nil || !slices.Contains(decode(t, m).Need, late[len(late)-1]) {
				t.Error("the deferred change is not asked for at once")
			} else {
				a.receive(t, pa, m)
			}
			converse(t, a, b, pa, pb)
		} else {
			converse(t, c, b, pc, pbc)
			pb.Ask(b.g.Missing()...)
			converse(t, a, b, pa, pb)
		}
		for _, h := range append(late, answer) {
			if !b.g.Has(h) {
				t.Errorf("b lacks %s", h)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// When the reason is gone all that was deferred is asked for in one message, not
// the newest first and then what it hangs on, one by one.
func TestRule20AskedForTogether(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	a.write(t, actorOf(1), 1, r)
	copyTo(t, a, b)
	for range 200 {
		a.write(t, actorOf(9), 1, r)
	}
	b.putOff = func(*wire.Change) bool { return true }
	pa, pb := NewPeer(), NewPeer()
	converse(t, a, b, pa, pb)
	if n := len(pb.Deferred()); n != 200 {
		t.Fatalf("%d deferred", n)
	}
	b.putOff = nil
	b.write(t, actorOf(2), 1, r)
	under := b.say(t, pb) // way, and a may have nothing to answer to it
	if pb.Quiet(b.g) || !pb.Ask(pb.Deferred()...) {
		t.Error("quiet though there is something to ask for")
	}
	m := b.say(t, pb)
	if m == nil || len(decode(t, m).Need) != 200 {
		t.Error("it is not asked for while a message is under way")
	}
	a.receive(t, pa, under)
	if m != nil {
		a.receive(t, pa, m)
	}
	if n := converse(t, a, b, pa, pb); n > 4 {
		t.Errorf("%d messages", n)
	}
	wantEqual(t, a, b)
	if len(pb.Deferred()) > 0 || len(pb.rerequested) > 0 {
		t.Error("something is still noted")
	}
	if pb.Ask(wire.Hash{1}) {
		t.Error("a change that was never offered is asked for")
	}
}

func TestRule20TooManyDeferred(t *testing.T) {
	p, d := NewPeer(), newDevice()
	for i := range MaxRefused + 10 {
		p.Defer(wire.Hash{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	if _, _, err := p.Generate(d); !errors.Is(err, ErrTooManyRefused) {
		t.Errorf("got %v", err)
	}
	if len(p.deferred) > MaxRefused+1 {
		t.Errorf("%d hashes held", len(p.deferred))
	}
}

// What the document refuses is not asked for, by whichever peer it is named.
func TestRule21RefusedByTheDocument(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	a.write(t, actorOf(1), 1, r)
	copyTo(t, a, b)
	bad := a.write(t, actorOf(9), 1, r)
	pa, pb := NewPeer(), NewPeer()
	pb.RefusedBy(func(h wire.Hash) bool { return h == bad })
	b.receive(t, pb, (&wire.Message{Heads: a.g.Heads(), Have: []wire.Have{{}}}).Encode())
	if m := decode(t, b.say(t, pb)); slices.Contains(m.Need, bad) {
		t.Error("it is asked for")
	}
	b.refuse = func(c *wire.Change) bool { return c.Hash == bad }
	if n := converse(t, a, b, pa, pb); n > 4 {
		t.Errorf("%d messages", n)
	}
}

// b takes some changes out of its document, with all that hang on them, while
// both talk; a knows nothing of it. They go on, and share the rest.
func TestRule22RestartAfterTheGraphWasBuiltAgain(t *testing.T) {
	for seed := int64(1); seed <= 300; seed++ {
		r := rand.New(rand.NewSource(seed))
		a, b := newDevice(), newDevice()
		for range 1 + r.Intn(5) {
			a.write(t, actorOf(1), 1, r)
		}
		copyTo(t, a, b)
		pa, pb := NewPeer(), NewPeer()
		converse(t, a, b, pa, pb)
		side := a.rebuilt(t, len(a.log))
		bad := actorOf(9)
		for range 1 + r.Intn(3) {
			a.write(t, bad, 1, r)
		}
		for range r.Intn(4) {
			a.write(t, actorOf(1), 1, r) // hangs on it
		}
		for range r.Intn(4) {
			side.write(t, actorOf(2), 1, r) // does not
		}
		copyTo(t, side, a)
		converse(t, a, b, pa, pb)
		wantEqual(t, a, b)
		var under [][]byte // way, from before
		if r.Intn(2) == 0 {
			a.write(t, actorOf(1), 1, r)
			under = append(under, a.say(t, pa))
		}

		left := map[wire.Hash]bool{}
		refuse := func(c *wire.Change) bool {
			out := c.Actor == bad || slices.ContainsFunc(c.Deps, func(h wire.Hash) bool { return left[h] })
			left[c.Hash] = left[c.Hash] || out
			return out
		}
		again := newDevice()
		again.refuse = refuse
		for _, h := range b.log {
			again.take(t, [][]byte{b.bytes[h]})
		}
		b = again
		if len(left) == 0 {
			t.Fatal("nothing was taken out")
		}
		pb.RefusedBy(func(h wire.Hash) bool { return left[h] })
		var shared []wire.Hash
		if r.Intn(2) == 0 {
			shared = b.g.Heads() // they were in sync
		}
		pb.Restart(shared)
		for _, m := range under {
			b.receive(t, pb, m)
		}
		b.write(t, actorOf(3), 1, r)
		if n := converse(t, a, b, pa, pb); n > 20 {
			t.Errorf("%d messages", n)
		}
		other := a.write(t, actorOf(4), 1, r) // on all heads, so on what left, too
		fine := side.write(t, actorOf(2), 1, r)
		copyTo(t, side, a)
		converse(t, a, b, pa, pb)
		if b.g.Has(other) || !b.g.Has(fine) {
			t.Error("b took what hangs on what left, or not what does not")
		}
		for _, h := range b.log {
			if left[h] {
				t.Error("what left came back")
			}
			if !a.g.Has(h) {
				t.Error("the other side lacks a change of b")
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// b names a change that a lost, and lacks a's heads, so that the reset message does
// not make it name another: it is answered all the same.
func TestRule23OneResetForEachConversation(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	for range 5 {
		a.write(t, actorOf(1), 1, r)
	}
	copyTo(t, a, b)
	lost := b.write(t, actorOf(2), 1, r)
	pa, pb := NewPeer(), newPeer([]wire.Hash{lost})
	a.putOff = func(c *wire.Change) bool { return c.Hash == lost } // and is not going to take it
	a.write(t, actorOf(1), 1, r)
	if n := converse(t, a, b, pa, pb); n > 10 {
		t.Errorf("%d messages", n)
	}
	for _, h := range a.log {
		if !b.g.Has(h) {
			t.Errorf("b lacks %s", h)
		}
	}
	stock := NewPeer()
	stock.stock = true
	for range 3 { // one for each message, as automerge does
		stock.Receive(a.g, &wire.Message{Heads: []wire.Hash{lost}, Have: []wire.Have{{LastSync: []wire.Hash{lost}}}}, a.g.Heads(), nil)
		if m, ok, err := stock.Generate(a); err != nil || !ok || len(m.Need) > 0 || len(m.Have[0].LastSync) > 0 {
			t.Errorf("not the reset message: %+v %v %v", m, ok, err)
		}
	}
}

// A peer that holds no more than what both are known to hold can have of ours only what
// was sent to it: each slice's filter is over that, and not over all that it lacks.
func TestRule26FilterOverWhatWasSent(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	for range 1000 {
		a.write(t, actorOf(1), 1, r)
	}
	pa, pb := NewPeer(), NewPeer()
	pa.limit = 8 << 10
	sent := map[wire.Hash]bool{}
	a.receive(t, pa, b.say(t, pb))
	for range 3 {
		m := decode(t, a.say(t, pa))
		for _, c := range m.Changes {
			h, err := wire.ReadHash(c)
			if err != nil {
				t.Fatal(err)
			}
			sent[h] = true
		}
		f := m.Have[0].Filter
		if len(m.Changes) == 0 || int(f.Entries) > len(sent) {
			t.Fatalf("%d changes, %d sent so far, a filter over %d", len(m.Changes), len(sent), f.Entries)
		}
		for _, c := range m.Changes {
			if h, _ := wire.ReadHash(c); !f.Contains(h) {
				t.Error("what goes with the filter is not in it")
			}
		}
		b.receive(t, pb, m.Encode())
		a.receive(t, pa, b.say(t, pb))
	}
	converse(t, a, b, pa, pb)
	wantEqual(t, a, b)
}
