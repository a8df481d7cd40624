//go:build js && wasm

package idb

import (
	"encoding/binary"
	"syscall/js"

	"flyleaf/crdt/wire"
	"flyleaf/internal/jsvalue"
	"flyleaf/storage"
)

// stored is an entry as in its row, which may be damaged.
type stored struct {
	storage.Entry // its chunk only if intact
	hash          wire.Hash
	bytes         []byte
	sum           uint32
	intact        bool
}

// newStored returns an entry as it is to be stored.
func newStored(e *storage.Entry) *stored {
	return &stored{Entry: *e, hash: e.Hash(), bytes: e.Bytes(), sum: storage.Checksum(e)}
}

// pack returns the packed fields of a row of changes, in this order, with numbers as uLEB:
//
//	seq | received at, in ms, zigzag | status | own + 2 delivered | checksum |
//	length-prefixed: actor | signature | act | bytes
func pack(e *stored) []byte {
	b := make([]byte, 0, 48+len(e.Actor)+len(e.Signature)+len(e.Act)+len(e.bytes))
	b = binary.AppendUvarint(b, e.Seq)
	b = binary.AppendVarint(b, e.ReceivedAtMillis)
	var flags uint64
	if e.Own {
		flags |= 1
	}
	if e.Delivered {
		flags |= 2
	}
	b = binary.AppendUvarint(b, uint64(e.Status))
	b = binary.AppendUvarint(b, flags)
	b = binary.AppendUvarint(b, uint64(e.sum))
	for _, part := range [][]byte{[]byte(e.Actor), e.Signature, e.Act, e.bytes} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

// unpack reverses pack. It returns false for malformed bytes.
func unpack(b []byte, e *stored) (ok bool) {
	number := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			b, ok = nil, false
			return 0
		}
		b = b[n:]
		return v
	}
	ok = true
	e.Seq = number()
	v, n := binary.Varint(b)
	if n <= 0 {
		return false
	}
	b, e.ReceivedAtMillis = b[n:], v
	e.Status = storage.Status(number())
	flags := number()
	e.Own, e.Delivered = flags&1 != 0, flags&2 != 0
	e.sum = uint32(number())
	part := func() []byte {
		n := number()
		if n > uint64(len(b)) {
			b, ok = nil, false
		}
		if !ok || n == 0 {
			return nil
		}
		p := b[:n:n]
		b = b[n:]
		return p
	}
	e.Actor = wire.ActorID(part())
	e.Signature, e.Act, e.bytes = part(), part(), part()
	return ok && len(b) == 0
}

// row returns the row of storeChanges for an entry.
func row(event string, e *stored) js.Value {
	v := js.Global().Get("Object").New()
	v.Set("e", event)
	v.Set("n", e.Position)
	v.Set("h", e.hash.String())
	if storage.IsUndelivered(&e.Entry) {
		v.Set("w", event)
	}
	if e.Status != storage.InDocument {
		v.Set("o", event)
	}
	v.Set("v", jsvalue.Uint8Array(pack(e)))
	return v
}

// entryOf reads a row of storeChanges. Hash and position are valid even if the row is damaged.
func entryOf(v js.Value) *stored {
	e := new(stored)
	e.Position = int64(v.Get("n").Float())
	hash, err := wire.ParseHash(v.Get("h").String())
	e.hash = hash
	e.intact = unpack(jsvalue.Bytes(v.Get("v")), e) && err == nil && e.SetChunk(hash, e.bytes, e.sum)
	return e
}
