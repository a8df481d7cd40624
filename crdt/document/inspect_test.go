package document_test

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"flyleaf/crdt/document"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
)

// deflate returns the deflated chunk of a change.
func deflate(t *testing.T, plain []byte) []byte {
	t.Helper()
	_, n := binary.Uvarint(plain[9:])
	var body bytes.Buffer
	w, err := flate.NewWriter(&body, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain[9+n:]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	chunk := append(bytes.Clone(plain[:8]), 2)
	return append(binary.AppendUvarint(chunk, uint64(body.Len())), body.Bytes()...)
}

// TestInspect checks the result of an inspection and the steps that it charged: cheap checks
// come before expensive ones.
func TestInspect(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	other := policytest.NewWorld(policytest.Options{By: "somebody else"})
	post := w.Writer("reader").Do(func(d *policytest.Draft) { d.Post("", "May nothing ever be changed?") })
	wrong := bytes.Clone(post.Signature)
	wrong[3] ^= 1
	damaged := bytes.Clone(post.Bytes)
	damaged[len(damaged)-1] ^= 1
	noTime := (&wire.Change{Actor: wire.ActorID(strings.Repeat("a", 40)), Seq: 1, StartOp: 1, Message: "hello"}).Encode()
	const header, signature, decoded = 1, 2, 3
	for _, c := range []struct {
		name             string
		chunk, signature []byte
		open             bool
		known            bool
		code             policy.Code
		steps            int
	}{
		{name: "a signed change", chunk: post.Bytes, signature: post.Signature, steps: decoded},
		{name: "one that is known", chunk: post.Bytes, signature: wrong, known: true, steps: header},
		{name: "another signature", chunk: post.Bytes, signature: wrong, code: policy.CodeSignature, steps: signature},
		{name: "no signature", chunk: post.Bytes, code: policy.CodeSignature, steps: header},
		{name: "a flipped bit", chunk: damaged, signature: post.Signature, code: policy.CodeMalformed, steps: header},
		{name: "no bytes", code: policy.CodeMalformed, steps: header},
		{name: "deflated, and not inflated first", chunk: deflate(t, post.Bytes), signature: post.Signature, code: policy.CodeMalformed, steps: header},
		{name: "the beginning of another event", chunk: other.Changes[0].Bytes, signature: other.Changes[0].Signature, code: policy.CodeSignature, steps: signature},
		{name: "no event's change, in an open document", chunk: noTime, open: true, steps: header + 1},
		{name: "no event's change", chunk: noTime, code: policy.CodeSignature, steps: header},
	} {
		t.Run(c.name, func(t *testing.T) {
			steps := 0
			in := document.Inspector{
				Event: w.Event, Open: c.open, Known: func(wire.Hash) bool { return c.known },
				Charge: func(document.Work) error { steps++; return nil },
			}
			got, err := in.Inspect(c.chunk, c.signature)
			if err != nil {
				t.Fatal(err)
			}
			if steps != c.steps {
				t.Errorf("%d steps, want %d", steps, c.steps)
			}
			var code policy.Code
			if got.Refusal != nil {
				code = got.Refusal.Code
			}
			if code != c.code || got.Known != c.known || (got.Change != nil) != (code == "" && !c.known) {
				t.Errorf("found %+v, %v", got, got.Refusal)
			}
			if h, err := wire.ReadHash(c.chunk); err == nil && got.Hash != h || err != nil && got.Hash != sha256.Sum256(c.chunk) {
				t.Errorf("the hash is %s", got.Hash)
			}
			if got.Change != nil && (!bytes.Equal(got.Change.Chunk.Bytes(), c.chunk) || got.Change.Meta.Hash != got.Hash) {
				t.Error("the result contains another change")
			}
		})
	}
}

// TestSigned: an inspection reports for every change whether its signature is valid, also if the
// change is refused for another reason.
func TestSigned(t *testing.T) {
	refused := 0
	for _, c := range policytest.Cases() {
		chunk, err := wire.ReadChunk(c.Bad.Bytes)
		if err != nil {
			continue // not a change
		}
		h, err := chunk.Header(wire.EventLimits)
		if err != nil {
			continue
		}
		in := document.Inspector{Event: c.Event}
		found, err := in.Inspect(c.Bad.Bytes, c.Bad.Signature)
		if err != nil {
			t.Fatal(err)
		}
		if want := keys.Verify(c.Event, h.Actor, chunk.Hash(), c.Bad.Signature) == nil; found.Signed != want {
			t.Errorf("%s: signed %v, want %v", c.Name, found.Signed, want)
		}
		if found.Signed && found.Refusal != nil {
			refused++
		}
	}
	if refused == 0 {
		t.Error("no signed change was refused")
	}
}

// TestInspectStopsWhenTheChargeFails: no step is done after a failed charge.
func TestInspectStopsWhenTheChargeFails(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	s := w.Changes[0]
	broke := errors.New("nothing left")
	for most := range 3 {
		steps := 0
		in := document.Inspector{Event: w.Event, Charge: func(document.Work) error {
			if steps++; steps > most {
				return broke
			}
			return nil
		}}
		if got, err := in.Inspect(s.Bytes, s.Signature); !errors.Is(err, broke) || got.Change != nil || steps != most+1 {
			t.Errorf("with %d steps allowed: %+v, %v after %d", most, got, err, steps)
		}
	}
}

// TestInflationBudget: deflated changes inflate to the original bytes, and all changes of a
// message together to no more than the budget.
func TestInflationBudget(t *testing.T) {
	c := &wire.Change{Actor: wire.ActorID(strings.Repeat("a", 40)), Seq: 1, StartOp: 1, Message: strings.Repeat("x", 60<<10)}
	plain := c.Encode()
	deflated := deflate(t, plain)
	in := document.NewInflationBudget(10*len(plain), wire.EventLimits)
	if got, err := in.Inflate(plain); err != nil || &got[0] != &plain[0] {
		t.Fatalf("a change that is not deflated: %v", err)
	}
	inflated := 0
	for range 100 {
		got, err := in.Inflate(deflated)
		switch {
		case err == nil:
			inflated += len(got)
			if !bytes.Equal(got, plain) {
				t.Fatal("inflated to other bytes")
			}
		case !errors.Is(err, wire.ErrTooLarge):
			t.Fatal(err)
		}
	}
	if inflated < 8*len(plain) || inflated > 10*len(plain) {
		t.Errorf("%d bytes inflated of at most %d", inflated, 10*len(plain))
	}
}
