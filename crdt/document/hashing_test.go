package document_test

import (
	"errors"
	"testing"

	"flyleaf/crdt/document"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/wire"
	"flyleaf/storage"
)

// TestNothingIsHashedAgain: a change is hashed when its chunk is read, and not when it is then
// inspected, added, decoded again, stored and loaded. The test corrupts the checksum of each chunk
// after reading it: only code that hashes a chunk compares the checksum.
func TestNothingIsHashedAgain(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	w.Writer("ann").Do(func(d *policytest.Draft) { d.Post("", "first") })
	inspector := document.Inspector{Event: w.Event}
	received := document.New(w.Event, document.Options{Projection: true})
	var batch storage.Batch
	for _, s := range w.Changes {
		chunk, err := wire.ReadChunk(s.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		s.Bytes[4] ^= 1
		if _, err := wire.ReadChunk(s.Bytes); !errors.Is(err, wire.ErrChecksum) {
			t.Fatalf("a spoiled checksum: %v", err)
		}
		found, err := inspector.InspectChunk(chunk, s.Signature)
		if err != nil || found.Refusal != nil {
			t.Fatal(err, found.Refusal)
		}
		found.Change.Decoded = nil
		a, err := received.Add(found.Change)
		if err != nil || a.Refusal != nil || len(a.Applied) != 1 {
			t.Fatal(err, a.Refusal)
		}
		a.AppendTo(&batch, 1)
	}
	if _, _, err := storage.Prepare([]storage.Batch{batch}); err != nil {
		t.Fatal(err)
	}
	for name, loader := range map[string]*document.Loader{
		"Load": document.New(w.Event, document.Options{}).Load(nil), "LoadChecked": document.New(w.Event, document.Options{}).LoadChecked(),
	} {
		for i := range batch.Entries {
			if c, err := loader.Row(&batch.Entries[i]); err != nil || c == nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}
