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

// copyTo copies the changes of a to b.
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
	pb.Receive(b.g, m, received(m, b.g.Heads(), nil))
	converse(t, a, b, pa, pb)
	if b.reads+a.reads > 0 {
		t.Error("changes were read although the heads are equal")
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
		t.Error("the reset message was sent twice")
	}
	// Rule 12: of 20 changes only the 5 that b lacks are sent.
	pa.Receive(a.g, m, received(m, a.g.Heads(), nil))
	if m = decode(t, a.say(t, pa)); len(m.Changes) != 5 {
		t.Errorf("%d changes sent", len(m.Changes))
	}
	b.receive(t, pb, m.Encode())
	converse(t, a, b, pa, pb)
	wantEqual(t, a, b)
}

// TestRule9PeerThatLostEverything: one side loses everything and starts again; the other keeps its
// state.
func TestRule9PeerThatLostEverything(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	pa, pb := NewPeer(), NewPeer()
	a.receive(t, pa, b.say(t, pb))
	for range 10 {
		a.write(t, actorOf(1), 1, r)
	}
	if m := decode(t, a.say(t, pa)); len(m.Changes) != 10 { // b stops before they arrive
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

// TestRule10RequestedChangesAreSentAgain: after lost messages both sides keep their state, and the
// next message of either side resumes the conversation.
func TestRule10RequestedChangesAreSentAgain(t *testing.T) {
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
		// That message is lost. Both continue.
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
		// Independent changes; otherwise each would be sent because it depends on another.
		x := newDevice()
		h := x.write(t, actorOf(100+n), 0, r)
		a.take(t, [][]byte{x.bytes[h]})
		if pa.theirHave[0].Filter.Contains(h) {
			falsePositives++
		}
	}
	if falsePositives == 0 {
		t.Fatal("no false positive to test")
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
	// Half of the changes are in branches that b has started.
	for _, h := range a.log[:10] {
		b.take(t, [][]byte{a.bytes[h]})
	}
	pa, pb := NewPeer(), NewPeer()
	messages := converse(t, a, b, pa, pb)
	wantEqual(t, a, b)
	if least := total / wire.MaxMessage; messages < least || messages > 4*least {
		t.Errorf("%d messages for %d bytes", messages, total)
	}
	if a.reads > 125+messages { // each change once, and for each message one that did not fit
		t.Errorf("%d changes read", a.reads)
	}
	// A change larger than a message is sent alone.
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
		// Both continue. b refuses one change of a, and so all that depend on it.
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
				t.Errorf("lacks %s, which does not depend on the refused one", h)
			}
		}
		for _, h := range b.log {
			if !a.g.Has(h) {
				t.Errorf("the other side lacks %s", h)
			}
		}
		if b.g.Has(first) || slices.Contains(pb.need(b.g), first) || slices.Contains(pb.shared, first) {
			t.Error("the refused change is in the graph, in need or in shared")
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestRule14SilentTowardsRepeatedRefusedHeads: a stock peer may name a refused head in every message.
// We are silent once there is nothing new.
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
			t.Errorf("sent %+v", decode(t, m))
		}
	}
}

func TestRule14TooManyRefused(t *testing.T) {
	p, d := NewPeer(), newDevice()
	var h wire.Hash
	for i := range MaxRefused + 10 {
		h[0], h[1], h[2] = byte(i), byte(i>>8), byte(i>>16)
		p.Receive(d.g, &wire.Message{Heads: []wire.Hash{h}}, Received{Refused: []wire.Hash{h}})
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
		t.Errorf("%d hashes kept", len(q.refused))
	}
}

// TestRule15NoProgress: the conversation ends with a peer that discards changes and requests them
// again, as JavaScript does with changes that it cannot read.
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

// TestRule15NewsIsProgress: a peer writes many changes before the first answer. Each message has new
// heads, so it does not count as one without progress.
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
		b.say(t, pb) // fails on ErrNoProgress; the answer is still on its way
	}
	pa = NewPeer() // the messages on their way are lost with a's connection
	converse(t, a, b, pa, pb)
	wantEqual(t, a, b)

	// Endless news without progress must also end.
	m := &wire.Message{Have: []wire.Have{{}}}
	for n := 0; ; n++ {
		m.Heads = []wire.Hash{{byte(n), byte(n >> 8), 1}}
		pb.Receive(b.g, m, received(m, b.g.Heads(), nil))
		if _, _, err := pb.Generate(b); err != nil {
			if n < MaxRoundsNewHeads-10*MaxRounds || n > MaxRoundsNewHeads+1 {
				t.Errorf("ended after %d messages: %v", n, err)
			}
			return
		}
		if n > 2*MaxRoundsNewHeads {
			t.Fatal("the conversation does not end")
		}
	}
}

// TestRule16GapBehindAPendingChange: b has a pending change, and lacks many changes between it and
// its heads.
func TestRule16GapBehindAPendingChange(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	for range 400 {
		a.write(t, actorOf(1), 1, r)
	}
	copyTo(t, a.rebuilt(t, 50), b)
	b.take(t, [][]byte{a.bytes[a.log[399]]})
	if b.g.PendingLen() != 1 {
		t.Fatal("no change is pending")
	}
	pa, pb := NewPeer(), NewPeer()
	if n := converse(t, a, b, pa, pb); n > 10 {
		t.Errorf("%d messages", n)
	}
	wantEqual(t, a, b)
	if b.g.PendingLen() != 0 {
		t.Error("the change is still pending")
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
	pa.Receive(a.g, m, received(m, a.g.Heads(), nil))
	converse(t, a, b, pa, pb)
	wantEqual(t, a, b)
}

func TestRule18NewHeadsAreAlwaysAnnounced(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	pa, pb := NewPeer(), NewPeer()
	converse(t, a, b, pa, pb)
	a.write(t, actorOf(1), 1, r)
	b.receive(t, pb, a.say(t, pa))
	// Before b answers, it receives the same heads again, without changes.
	b.receive(t, pb, (&wire.Message{Heads: a.g.Heads(), Have: []wire.Have{{}}}).Encode())
	m := b.say(t, pb)
	if m == nil {
		t.Fatal("b sends nothing")
	}
	a.receive(t, pa, m)
	if !pa.InSync(a.g) {
		t.Error("a does not know that b has the change")
	}
}

// TestRule19ProbeIsAnswered: both sides have equal heads and are silent. A probe is answered with the
// current heads, even if the peer reads a later message before it answers.
func TestRule19ProbeIsAnswered(t *testing.T) {
	r := seeded(t)
	for _, overtaken := range []bool{false, true} {
		for _, news := range []bool{false, true} {
			a, b := newDevice(), newDevice()
			a.write(t, actorOf(1), 1, r)
			pa, pb := NewPeer(), NewPeer()
			if _, ok := pb.Probe(b.g); ok {
				t.Error("a probe was made for an empty graph")
			}
			converse(t, a, b, pa, pb)
			if m := a.say(t, pa); m != nil {
				t.Fatal("not silent before")
			}
			if news {
				b.write(t, actorOf(2), 1, r) // and has not announced it to a yet
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
				t.Errorf("overtaken %v, news %v: the answer did not end the probe", overtaken, news)
			}
			if theirs, _ := pa.TheirHeads(); !slices.Equal(theirs, b.g.Heads()) {
				t.Error("the answer has other heads than the peer")
			}
			converse(t, a, b, pa, pb)
			wantEqual(t, a, b)
		}
	}
}

// TestRule19ProbeOfAPeerThatLostIt: a peer without the requested change answers with the reset
// message.
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

// TestGenerateIsWholeOrNothing: a failing Source changes nothing; once it works, Generate returns the
// same message.
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
	p.Receive(d.g, &wire.Message{Heads: d.g.Heads(), Have: []wire.Have{{LastSync: d.g.Heads()}}}, Received{Before: d.g.Heads()})
	for b.Loop() {
		p.responded = false
		if _, ok, err := p.Generate(d); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

var _ Source = (*device)(nil)

// TestRule20DeferredUntilAChangeDependsOnIt: b defers the changes of one actor. They are not
// requested again, both sides fall silent, and other changes are exchanged as usual, until another
// change depends on a deferred one.
func TestRule20DeferredUntilAChangeDependsOnIt(t *testing.T) {
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
			b.write(t, actorOf(2), 1, r) // other changes follow
			if n := converse(t, a, b, pa, pb); n > 8 {
				t.Errorf("%d messages", n)
			}
			for _, h := range late {
				if b.g.Has(h) || b.g.IsPending(h) || slices.Contains(pb.need(b.g), h) {
					t.Error("the deferred change is in the graph or in need")
				}
			}
		}
		for _, h := range b.log {
			if !a.g.Has(h) {
				t.Error("the other side lacks a change that was not deferred")
			}
		}
		// Through a third device arrives a reply to the deferred change.
		copyTo(t, a, c)
		answer := c.write(t, actorOf(3), 1, r)
		pc, pbc := NewPeer(), NewPeer()
		var before [][]byte
		if r.Intn(2) == 0 {
			before = [][]byte{c.bytes[answer]} // the reply alone, from another peer, while this conversation is silent
		}
		if before != nil {
			b.take(t, before)
			if !pb.Ask(b.g.Missing()...) {
				t.Error("nothing is requested")
			}
			if m := b.say(t, pb); m == nil || !slices.Contains(decode(t, m).Need, late[len(late)-1]) {
				t.Error("the deferred change is not requested at once")
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

// TestRule20RequestedTogether: once the reason no longer applies, all deferred changes are requested
// in one message, and not one by one from the newest down.
func TestRule20RequestedTogether(t *testing.T) {
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
		t.Error("quiet although there is something to request")
	}
	m := b.say(t, pb)
	if m == nil || len(decode(t, m).Need) != 200 {
		t.Error("the change is not requested while a message is unanswered")
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
		t.Error("a deferred change is still noted")
	}
	if pb.Ask(wire.Hash{1}) {
		t.Error("a change that was never offered is requested")
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
		t.Errorf("%d hashes kept", len(p.deferred))
	}
}

// TestRule21RefusedByTheDocument: a change that the document refuses is requested from no peer.
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
		t.Error("the refused change is requested")
	}
	b.refuse = func(c *wire.Change) bool { return c.Hash == bad }
	if n := converse(t, a, b, pa, pb); n > 4 {
		t.Errorf("%d messages", n)
	}
}

// TestRule22RestartAfterChangesWereExcluded: during a conversation b excludes some changes, with all
// that depend on them. a is not told. The conversation continues and exchanges all other changes.
func TestRule22RestartAfterChangesWereExcluded(t *testing.T) {
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
			a.write(t, actorOf(1), 1, r) // depends on it
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
			t.Fatal("no change was excluded")
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
		other := a.write(t, actorOf(4), 1, r) // depends on all heads, also on excluded changes
		fine := side.write(t, actorOf(2), 1, r)
		copyTo(t, side, a)
		converse(t, a, b, pa, pb)
		if b.g.Has(other) || !b.g.Has(fine) {
			t.Error("b accepted a change that depends on an excluded one, or refused another")
		}
		for _, h := range b.log {
			if left[h] {
				t.Error("an excluded change came back")
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

// TestRule23OneResetForEachConversation: b names a change that a has lost. Because b lacks a's heads, it
// cannot correct this after the reset message. It gets an answer nevertheless.
func TestRule23OneResetForEachConversation(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	for range 5 {
		a.write(t, actorOf(1), 1, r)
	}
	copyTo(t, a, b)
	lost := b.write(t, actorOf(2), 1, r)
	pa, pb := NewPeer(), newPeer([]wire.Hash{lost})
	a.putOff = func(c *wire.Change) bool { return c.Hash == lost } // a defers it
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
		stock.Receive(a.g, &wire.Message{Heads: []wire.Hash{lost}, Have: []wire.Have{{LastSync: []wire.Hash{lost}}}}, Received{Before: a.g.Heads()})
		if m, ok, err := stock.Generate(a); err != nil || !ok || len(m.Need) > 0 || len(m.Have[0].LastSync) > 0 {
			t.Errorf("not the reset message: %+v %v %v", m, ok, err)
		}
	}
}

// TestRule26FilterOverWhatWasSent: a peer whose heads are shared can have only those further changes of
// ours that we sent. So the filter of each slice contains only these.
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
				t.Error("a change of the message is not in its filter")
			}
		}
		b.receive(t, pb, m.Encode())
		a.receive(t, pa, b.say(t, pb))
	}
	converse(t, a, b, pa, pb)
	wantEqual(t, a, b)
}
