package crdt_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/automerge/automerge-go"

	"flyleaf/crdt/wire"
	"flyleaf/e2e/stockjs"
)

// wholeDocument returns a document chunk of changes, which are in causal order.
func wholeDocument(t *testing.T, seed uint64, chunks [][]byte) []byte {
	t.Helper()
	var changes []*wire.Change
	heads := map[wire.Hash]bool{}
	for _, b := range chunks {
		c, err := wire.DecodeChangeLimits(b, wire.OpenLimits)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		changes = append(changes, c)
		heads[c.Hash] = true
		for _, d := range c.Deps {
			delete(heads, d)
		}
	}
	b, err := wire.EncodeDocument(changes, sortedHashes(heads), 64<<20)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	return b
}

func sortedHashes(set map[wire.Hash]bool) (r []wire.Hash) {
	for h := range set {
		r = append(r, h)
	}
	slices.SortFunc(r, func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
	return r
}

// loadsBack compares the changes that automerge-go reads from a document chunk with the original
// ones. automerge-go reconstructs each change, and refuses the chunk if a hash is wrong.
func loadsBack(t *testing.T, seed uint64, whole []byte, chunks [][]byte) {
	t.Helper()
	d, err := automerge.Load(whole)
	if err != nil {
		t.Fatalf("seed %d: automerge-go does not load the document: %v", seed, err)
	}
	back, err := d.Changes()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, b := range chunks {
		want[string(b)] = true
	}
	if len(back) != len(want) {
		t.Fatalf("seed %d: %d of %d changes came back", seed, len(back), len(want))
	}
	for _, c := range back {
		if !want[string(c.Save())] {
			t.Fatalf("seed %d: change %s differs", seed, c.Hash())
		}
	}
}

// TestWholeDocuments: automerge-go reads our document chunk of random documents, with every type
// of value, as the same changes, byte for byte.
func TestWholeDocuments(t *testing.T) {
	changes := 0
	for seed := uint64(1); changes < differential(); seed++ {
		var chunks [][]byte
		for _, c := range everyType(t, seed) {
			chunks = append(chunks, c.Save())
		}
		changes += len(chunks)
		loadsBack(t, seed, wholeDocument(t, seed, chunks), chunks)
	}
}

func TestWholeDocumentsInJavaScript(t *testing.T) {
	j := stockjs.Start(t, "changes.mjs")
	reload := func(seed uint64, chunks [][]byte) {
		t.Helper()
		whole := wholeDocument(t, seed, chunks)
		var back []string
		if err := json.Unmarshal([]byte(j.Line("load", hex.EncodeToString(whole))), &back); err != nil {
			t.Fatalf("seed %d: JavaScript does not load the document: %v", seed, err)
		}
		want := map[string]bool{}
		for _, b := range chunks {
			want[hex.EncodeToString(b)] = true
		}
		if len(back) != len(want) {
			t.Fatalf("seed %d: %d of %d changes came back", seed, len(back), len(want))
		}
		for _, b := range back {
			if !want[b] {
				t.Fatalf("seed %d: a change differs: %s", seed, b)
			}
		}
	}
	n := 0
	for seed := uint64(1); n < differential(); seed++ {
		var chunks [][]byte
		for _, c := range everyType(t, seed) {
			chunks = append(chunks, c.Save())
		}
		n += len(chunks)
		reload(seed, chunks)
	}
	marks := 0
	for seed, n := uint64(1), 0; n < differential(); seed++ {
		var made []struct{ Hex string }
		if err := json.Unmarshal([]byte(j.Line("make", fmt.Sprint(seed))), &made); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		var chunks [][]byte
		for _, m := range made {
			b, err := hex.DecodeString(m.Hex)
			if err != nil {
				t.Fatal(err)
			}
			chunks = append(chunks, b)
		}
		chunks = causal(t, chunks)
		for _, b := range chunks {
			c, err := wire.DecodeChangeLimits(b, wire.OpenLimits)
			if err != nil {
				t.Fatal(err)
			}
			for i := range c.Ops {
				if c.Ops[i].Action == wire.Mark {
					marks++
				}
			}
		}
		n += len(chunks)
		reload(seed, chunks)
		loadsBack(t, seed, wholeDocument(t, seed, chunks), chunks)
	}
	if marks < 20 {
		t.Errorf("only %d marks", marks)
	}
}

// causal sorts changes into causal order.
func causal(t *testing.T, chunks [][]byte) (r [][]byte) {
	t.Helper()
	have := map[wire.Hash]bool{}
	for len(chunks) > 0 {
		var later [][]byte
		for _, b := range chunks {
			c, err := wire.DecodeChangeLimits(b, wire.OpenLimits)
			if err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(c.Deps, func(h wire.Hash) bool { return !have[h] }) {
				later = append(later, b)
				continue
			}
			have[c.Hash] = true
			r = append(r, b)
		}
		if len(later) == len(chunks) {
			t.Fatal("changes depend on missing changes")
		}
		chunks = later
	}
	return r
}
