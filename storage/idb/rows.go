//go:build js && wasm

package idb

import (
	"encoding/binary"
	"syscall/js"

	"flyleaf/crdt/wire"
	"flyleaf/storage"
)

// bytesOf copies a Uint8Array.
func bytesOf(v js.Value) []byte {
	b := make([]byte, v.Length())
	js.CopyBytesToGo(b, v)
	return b
}

func bytesTo(b []byte) js.Value {
	v := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(v, b)
	return v
}

// pack makes the bytes that a row of changes holds, in this order, numbers as uLEB:
//
//	seq | received at, in ms, zigzag | status | own + 2 delivered | checksum |
//	length-prefixed: actor | signature | act | bytes
func pack(e *storage.Entry, sum uint32) []byte {
	b := make([]byte, 0, 48+len(e.Actor)+len(e.Signature)+len(e.Act)+len(e.Bytes))
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
	b = binary.AppendUvarint(b, uint64(sum))
	for _, part := range [][]byte{[]byte(e.Actor), e.Signature, e.Act, e.Bytes} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

// unpack is the opposite of pack. It returns false for bytes that pack did not make.
func unpack(b []byte, e *storage.Entry) (sum uint32, ok bool) {
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
		return 0, false
	}
	b, e.ReceivedAtMillis = b[n:], v
	e.Status = storage.Status(number())
	flags := number()
	e.Own, e.Delivered = flags&1 != 0, flags&2 != 0
	sum = uint32(number())
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
	e.Signature, e.Act, e.Bytes = part(), part(), part()
	return sum, ok && len(b) == 0
}

// row makes the object that stands in the changes of an event.
func row(event string, e *storage.Entry, sum uint32) js.Value {
	v := js.Global().Get("Object").New()
	v.Set("e", event)
	v.Set("n", e.Position)
	v.Set("h", e.Hash.String())
	if storage.IsPending(e) {
		v.Set("w", event)
	}
	if e.Status != storage.InDocument {
		v.Set("o", event)
	}
	v.Set("v", bytesTo(pack(e, sum)))
	return v
}

// entryOf reads such an object. It returns false when what is in it is not what was
// stored; the hash and the position are right all the same.
func entryOf(v js.Value) (e storage.Entry, sum uint32, sound bool) {
	e.Position = int64(v.Get("n").Float())
	hash, err := wire.ParseHash(v.Get("h").String())
	sum, sound = unpack(bytesOf(v.Get("v")), &e)
	e.Hash = hash
	return e, sum, err == nil && sound && storage.MatchesChecksum(&e, sum)
}
