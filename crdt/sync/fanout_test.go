package sync

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"testing"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
)

// cloned returns a copy of a peer that shares no memory that is modified.
func cloned(p *Peer) *Peer {
	q := *p
	q.sent, q.refused, q.asked = maps.Clone(p.sent), maps.Clone(p.refused), maps.Clone(p.asked)
	q.deferred, q.rerequested = maps.Clone(p.deferred), maps.Clone(p.rerequested)
	q.theirNeed, q.theirHave, q.agreedHave = slices.Clone(p.theirNeed), slices.Clone(p.theirHave), nil
	return &q
}

// wantSameState checks that two peers have the same state.
func wantSameState(t testing.TB, what string, long, short *Peer) {
	t.Helper()
	a, b := cloned(long), cloned(short)
	for _, p := range []*Peer{a, b} {
		p.refusedBy = nil // functions cannot be compared
		p.scanned = 0     // the fast path examines fewer changes
		// Empty and nil mean the same.
		p.theirNeed, p.theirHeads, p.shared, p.lastSent = append([]wire.Hash{}, p.theirNeed...), append([]wire.Hash{}, p.theirHeads...), append([]wire.Hash{}, p.shared...), append([]wire.Hash{}, p.lastSent...)
		for i := range p.theirHave {
			p.theirHave[i].LastSync = append([]wire.Hash{}, p.theirHave[i].LastSync...)
		}
	}
	if !reflect.DeepEqual(a, b) {
		t.Fatalf("%s: the fast path ends in another state:\nslow %+v\nfast %+v", what, a, b)
	}
}

// receiveFast processes a message with the fast path, if it applies, and compares the result with
// that of Receive.
func receiveFast(t testing.TB, g *graph.Graph, p *Peer, b []byte, m *wire.Message) bool {
	t.Helper()
	heads, lastSync, ok := wire.ReadAnswer(b)
	ours := slices.Concat([]byte{}, bytes.Join(rawHashes(g.Heads()), nil))
	if !ok || !bytes.Equal(heads, ours) || !bytes.Equal(lastSync, ours) {
		return false
	}
	long := cloned(p)
	if !p.ReceiveAgreed(g) {
		wantSameState(t, "refused to receive", long, p)
		return false
	}
	long.Receive(g, m, received(m, g.Heads(), nil))
	wantSameState(t, "receive", long, p)
	return true
}

func rawHashes(hs []wire.Hash) (r [][]byte) {
	for _, h := range hs {
		r = append(r, h[:])
	}
	return r
}

// fanOut calls Fanout.Generate and compares the result with Peer.Generate. repeated reports that
// the message was made for another peer.
func fanOut(t testing.TB, f *Fanout, x *device, p *Peer) (m *Message, ok, repeated bool, err error) {
	t.Helper()
	long, last, reads := cloned(p), f.message, x.reads
	want, wantOK, wantErr := long.Generate(x)
	x.reads = reads
	m, ok, err = f.Generate(p, x)
	if ok != wantOK || (err == nil) != (wantErr == nil) || ok && !bytes.Equal(m.Encode(), want.Encode()) {
		t.Fatalf("fan-out: %v, %v; alone: %v, %v", m, err, want, wantErr)
	}
	wantSameState(t, "generate", long, p)
	return m, ok, ok && m == last, err
}

// TestFanoutMakesOneMessage: all peers that had everything before get the same message for a new
// post, and their answers use the fast path.
func TestFanoutMakesOneMessage(t *testing.T) {
	r := seeded(t)
	relay := newDevice()
	relay.write(t, actorOf(1), 10, r)
	var devices []*device
	var there, here []*Peer
	for range 5 {
		devices, there, here = append(devices, newDevice()), append(there, NewPeer()), append(here, NewPeer())
	}
	turn := func(f *Fanout) (messages map[*Message]bool) {
		messages = map[*Message]bool{}
		for busy := true; busy; {
			busy = false
			for i, d := range devices {
				m, ok, _, err := fanOut(t, f, relay, here[i])
				if err != nil {
					t.Fatal(err)
				}
				if ok {
					busy = true
					messages[m] = true
					d.receive(t, there[i], m.Encode())
				}
				if b := d.say(t, there[i]); b != nil {
					busy = true
					relay.receive(t, here[i], b)
				}
			}
		}
		return messages
	}
	var f Fanout
	turn(&f) // all peers get all changes
	relay.fastReceives = 0
	for range 20 {
		relay.write(t, actorOf(1), 10, r)
		reads := relay.reads
		messages := turn(&f)
		if len(messages) != 1 {
			t.Fatalf("%d different messages to 5 peers in the same state", len(messages))
		}
		if relay.reads-reads != 1 {
			t.Errorf("the change was read %d times", relay.reads-reads)
		}
	}
	if relay.fastReceives != 100 {
		t.Errorf("%d of 100 answers used the fast path", relay.fastReceives)
	}
	for _, d := range devices {
		wantEqual(t, relay, d)
	}
}

// TestRule24WholeDocumentThatDidNotHelp: a peer that could not read the whole document says that it
// has nothing, and gets the changes; it also gets every change that it requests.
func TestRule24WholeDocumentThatDidNotHelp(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	for range 50 {
		a.write(t, actorOf(1), 10, r)
	}
	pa, pb := NewPeer(), NewPeer()
	a.receive(t, pa, b.say(t, pb))
	if !pa.HasNothing() {
		t.Fatal("an empty device lacks everything")
	}
	m := pa.GenerateDocument(a.g, []byte("a document"), a.g.Len())
	if _, ok, err := pa.Generate(a); ok || err != nil {
		t.Fatalf("another message before the answer: %v, %v", ok, err)
	}
	m.Changes = nil // b could not read it
	b.receive(t, pb, m.Encode())
	converse(t, a, b, pa, pb)
	wantEqual(t, a, b)
}

func TestAcceptsDocument(t *testing.T) {
	for trailing, want := range map[string]bool{
		"": false, "\x00": false, "\x02\x02\x84": true, "\x01\x01": false, "\x01\x02": true, "\x02\x84\x02\xff": true,
		"\x03\x02\x84": false, "\x80\x00\x02": false, "\xff": false,
	} {
		if got := AcceptsDocument([]byte(trailing)); got != want {
			t.Errorf("%x: %v", trailing, got)
		}
	}
}

// TestRule25TwoSlicesAtOnce: at most two slices are unanswered at a time.
func TestRule25TwoSlicesAtOnce(t *testing.T) {
	r := seeded(t)
	a, b := newDevice(), newDevice()
	for range 100 {
		a.write(t, actorOf(1), 100, r)
	}
	pa, pb := NewPeer(), NewPeer()
	pa.limit = 2 << 10
	a.receive(t, pa, b.say(t, pb))
	var under [][]byte
	sent, twice := 0, 0
	for b.g.Len() < a.g.Len() {
		for m := a.say(t, pa); m != nil; m = a.say(t, pa) {
			under = append(under, m)
			sent += len(decode(t, m).Changes)
			if !pa.CanSendNext() && pa.truncated && len(under) < maxInFlight {
				t.Fatalf("no further message with %d unanswered", len(under))
			}
		}
		if len(under) > maxInFlight {
			t.Fatalf("%d slices are unanswered", len(under))
		}
		if len(under) == maxInFlight {
			twice++
		}
		if len(under) == 0 {
			t.Fatal("no slice is unanswered")
		}
		b.receive(t, pb, under[0])
		under = under[1:]
		if answer := b.say(t, pb); answer != nil {
			a.receive(t, pa, answer)
		}
	}
	// The head is requested while it is on its way.
	if sent > 100+maxInFlight || twice < 5 {
		t.Errorf("%d changes were sent for 100; two slices were unanswered %d times", sent, twice)
	}
	converse(t, a, b, pa, pb)
	wantEqual(t, a, b)
}
