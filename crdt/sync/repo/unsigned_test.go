package repo

import (
	"bytes"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// checkUnsignedSync compares ReadUnsignedSync with Decode. It reports whether ReadUnsignedSync
// read the frame.
func checkUnsignedSync(t *testing.T, b []byte) bool {
	t.Helper()
	g, ok := ReadUnsignedSync(b)
	if !ok {
		return false
	}
	m, err := Decode(b)
	if err != nil {
		t.Fatalf("ReadUnsignedSync reads %x, Decode returns %v", b, err)
	}
	want := &Message{Type: TypeSync, SenderID: string(g.SenderID), TargetID: string(g.TargetID), DocumentID: string(g.DocumentID), Data: g.Data}
	if !equalMessages(m, want) {
		t.Fatalf("%x: ReadUnsignedSync reads %+v, Decode %+v", b, want, m)
	}
	return true
}

func equalMessages(a, b *Message) bool {
	x, errA := Encode(a)
	y, errB := Encode(b)
	return errA == nil && errB == nil && bytes.Equal(x, y)
}

// item is a CBOR item of a major type with an argument of the given size.
func item(major byte, size int, n int, payload string) []byte {
	head := []byte{major<<5 | byte(n)}
	switch size {
	case 1:
		head = []byte{major<<5 | 24, byte(n)}
	case 2:
		head = []byte{major<<5 | 25, byte(n >> 8), byte(n)}
	case 4:
		head = []byte{major<<5 | 26, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	}
	return append(head, payload...)
}

func text(s string) []byte {
	if len(s) < 24 {
		return item(3, 0, len(s), s)
	}
	return item(3, 1, len(s), s)
}

// sample returns a frame as stock clients write it: cbor-x writes an object with a 16-bit
// length, and a Uint8Array with a tag.
func sample() []byte {
	return bytes.Join([][]byte{
		item(5, 2, 5, ""),
		text("type"), text("sync"), text("senderId"), text("somebody-with-a-name-of-some-length"),
		text("targetId"), text("relay"), text("documentId"), text("3hy8b"),
		text("data"),
		{0xd8, 64},
		item(2, 1, 3, "\x42\x00\x01"),
	}, nil)
}

func TestUnsignedSyncReadsWhatClientsWrite(t *testing.T) {
	ours, err := Encode(&Message{Type: TypeSync, SenderID: "a", TargetID: "b", DocumentID: "d", Data: []byte{0x42, 0, 0}})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{ours, sample()} {
		if !checkUnsignedSync(t, b) {
			t.Errorf("not read: %x", b)
		}
	}
}

func TestUnsignedSyncLeavesTheRestToDecode(t *testing.T) {
	long := string(bytes.Repeat([]byte("x"), MaxID+1))
	for name, m := range map[string]map[string]any{
		"another type":  {"type": "request", "senderId": "a", "documentId": "d", "data": []byte{1}},
		"no sender":     {"type": "sync", "documentId": "d", "data": []byte{1}},
		"no document":   {"type": "sync", "senderId": "a", "data": []byte{1}},
		"no data":       {"type": "sync", "senderId": "a", "documentId": "d"},
		"empty data":    {"type": "sync", "senderId": "a", "documentId": "d", "data": []byte{}},
		"data as text":  {"type": "sync", "senderId": "a", "documentId": "d", "data": "x"},
		"long ID":       {"type": "sync", "senderId": long, "documentId": "d", "data": []byte{1}},
		"signatures":    {"type": "sync", "senderId": "a", "documentId": "d", "data": []byte{1}, "signatures": make([]byte, SignatureLen)},
		"unknown field": {"type": "sync", "senderId": "a", "documentId": "d", "data": []byte{1}, "other": 1},
		"not UTF-8":     {"type": "sync", "senderId": "a\xff", "documentId": "d", "data": []byte{1}},
	} {
		b, err := cbor.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := ReadUnsignedSync(b); ok {
			t.Errorf("%s: read", name)
		}
	}
	whole := sample()
	for i := range whole {
		if _, ok := ReadUnsignedSync(whole[:i]); ok {
			t.Errorf("the first %d of %d bytes: read", i, len(whole))
		}
	}
	if _, ok := ReadUnsignedSync(append(bytes.Clone(whole), 0)); ok {
		t.Error("a trailing byte: read")
	}
	twice := append(item(5, 0, 4, ""), bytes.Join([][]byte{text("type"), text("sync"), text("type"), text("sync"), text("senderId"), text("a"), text("documentId"), text("d")}, nil)...)
	if _, ok := ReadUnsignedSync(twice); ok {
		t.Error("a repeated key: read")
	}
}

func TestUnsignedSyncAllocatesNothing(t *testing.T) {
	b := sample()
	if n := testing.AllocsPerRun(100, func() {
		if _, ok := ReadUnsignedSync(b); !ok {
			t.Fatal("not read")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzUnsignedSync(f *testing.F) {
	whole := sample()
	f.Add(whole)
	for i := range whole {
		f.Add(whole[:i])
		b := bytes.Clone(whole)
		b[i] ^= 0x21
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkUnsignedSync(t, b) })
}
