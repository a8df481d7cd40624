package policy

import (
	"bytes"
	"errors"
	"testing"

	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
)

func TestProofOfTwoChangesWithOneNumber(t *testing.T) {
	k := proofKey(t)
	event := qa.MakeEventID([16]byte{1})
	make := func(a wire.ActorID, seq uint64, text string) ([]byte, []byte) {
		c := &wire.Change{Deps: []wire.Hash{{1}}, Actor: a, Seq: seq, StartOp: 5, TimeMillis: 1, Ops: []wire.Op{
			{Action: wire.Set, Key: wire.Key{Prop: "k"}, Value: wire.StringValue(text)},
		}}
		b := c.Encode()
		h, err := wire.ReadHash(b)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := keys.Sign(k, event, h)
		if err != nil {
			t.Fatal(err)
		}
		return b, sig
	}
	a := proofActor(t, k, 1)
	var p, q Proof
	p.A, p.SigA = make(a, 3, "one thing")
	p.B, p.SigB = make(a, 3, "another")
	q.A, q.SigA, q.B, q.SigB = p.B, p.SigB, p.A, p.SigA
	for _, p := range []Proof{p, q} {
		who, seq, err := CheckProof(event, p)
		if err != nil || who != a || seq != 3 {
			t.Fatalf("%x, %d, %v", who, seq, err)
		}
	}
	spoil := func(f func(*Proof)) Proof {
		s := p
		f(&s)
		return s
	}
	for name, bad := range map[string]Proof{
		"the same change twice": spoil(func(s *Proof) { s.B, s.SigB = s.A, s.SigA }),
		"another number":        spoil(func(s *Proof) { s.B, s.SigB = make(a, 4, "x") }),
		"another actor":         spoil(func(s *Proof) { s.B, s.SigB = make(proofActor(t, k, 2), 3, "x") }),
		"unsigned A":            spoil(func(s *Proof) { s.SigA = nil }),
		"signed crosswise":      spoil(func(s *Proof) { s.SigB = s.SigA }),
		"no change":             spoil(func(s *Proof) { s.A = []byte("hello") }),
		"cut off":               spoil(func(s *Proof) { s.B = s.B[:len(s.B)-1] }),
		"deflated":              spoil(func(s *Proof) { s.A = bytes.Clone(s.A); s.A[8] = 2 }),
		"nothing":               {},
	} {
		if _, _, err := CheckProof(event, bad); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := CheckProof(qa.MakeEventID([16]byte{2}), p); !errors.Is(err, ErrProof) {
		t.Errorf("in another event: %v", err)
	}
}

func proofKey(t *testing.T) keys.Key {
	t.Helper()
	k, err := keys.NewKey(bytes.NewReader(bytes.Repeat([]byte{1}, keys.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func proofActor(t *testing.T, k keys.Key, b byte) wire.ActorID {
	t.Helper()
	a, err := k.NewActor(bytes.NewReader(bytes.Repeat([]byte{b}, 8)))
	if err != nil {
		t.Fatal(err)
	}
	return a
}
