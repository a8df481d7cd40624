package storage_test

import (
	"bytes"
	"testing"

	"flyleaf/crdt/wire"
	"flyleaf/storage"
	"flyleaf/storage/storagetest"
)

// TestSetChunkChecksTheRow: a row is intact only if its bytes match its hash, and its other fields its
// checksum.
func TestSetChunkChecksTheRow(t *testing.T) {
	type row struct {
		storage.Entry
		hash wire.Hash
		b    []byte
		sum  uint32
	}
	for name, spoil := range map[string]func(*row){
		"nothing":        func(*row) {},
		"hash":           func(r *row) { r.hash[31]++ },
		"bytes":          func(r *row) { r.b[50]++ },
		"checksum":       func(r *row) { r.b[4]++ },
		"magic":          func(r *row) { r.b[0]++ },
		"cut off":        func(r *row) { r.b = r.b[:20] },
		"empty":          func(r *row) { r.b = nil },
		"another change": func(r *row) { other := storagetest.Entry("b", 0, true); r.b = other.Bytes() },
		"sequence":       func(r *row) { r.Seq++ },
		"long signature": func(r *row) { r.Signature = make([]byte, 65); r.sum = storage.Checksum(&r.Entry) },
	} {
		e := storagetest.Entry("a", 0, true)
		r := row{e, e.Hash(), bytes.Clone(e.Bytes()), storage.Checksum(&e)}
		r.Chunk = wire.Chunk{}
		spoil(&r)
		if intact := r.SetChunk(r.hash, r.b, r.sum); intact != (name == "nothing") {
			t.Errorf("%s: intact %v", name, intact)
		} else if intact && (r.Hash() != e.Hash() || !bytes.Equal(r.Bytes(), e.Bytes())) {
			t.Errorf("%s: another chunk", name)
		}
	}
}
