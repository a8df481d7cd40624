package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"flyleaf/crdt/wire"
	"flyleaf/internal/testfiles"
	"flyleaf/qa"
)

var event = qa.MakeEventID([16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})

func write(t testing.TB, changes ...Change) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, event)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if err := w.Add(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func samples() []Change {
	return []Change{
		{Bytes: []byte("a change"), Signature: bytes.Repeat([]byte{0xa5}, 64)},
		{Bytes: []byte{0}},
	}
}

// seal corrects the checksum of a modified bundle.
func seal(b []byte) []byte {
	if len(b) < sha256.Size {
		return b
	}
	b = bytes.Clone(b)
	sum := sha256.Sum256(b[:len(b)-sha256.Size])
	copy(b[len(b)-sha256.Size:], sum[:])
	return b
}

// TestGolden: the bytes match the annotated file, so the format cannot change unnoticed.
func TestGolden(t *testing.T) {
	const file = "two.txt"
	b := write(t, samples()...)
	var want strings.Builder
	at := 0
	for _, part := range []struct {
		n    int
		note string
	}{
		{8, "magic"},
		{1, "version"},
		{16, "document"},
		{4, "length of change 1"},
		{8, "chunk"},
		{64, "signature"},
		{4, "length of change 2"},
		{1, "chunk"},
		{64, "no signature"},
		{4, "end"},
		{4, "count"},
		{32, "checksum"},
	} {
		for i := 0; i < part.n; i += 16 {
			note := part.note
			if i > 0 {
				note = ""
			}
			line := fmt.Sprintf("%04x  %-48s%s", at+i, fmt.Sprintf("% x", b[at+i:at+min(i+16, part.n)]), note)
			want.WriteString(strings.TrimRight(line, " ") + "\n")
		}
		at += part.n
	}
	if at != len(b) {
		t.Fatalf("the bundle has %d bytes, the notes explain %d", len(b), at)
	}
	testfiles.Golden(t, file, []byte(want.String()))
}

func TestRoundTrip(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 2))
		var in []Change
		for range r.IntN(20) {
			c := Change{Bytes: make([]byte, 1+r.IntN(300))}
			for i := range c.Bytes {
				c.Bytes[i] = byte(r.Uint32())
			}
			if r.IntN(3) > 0 {
				c.Signature = bytes.Repeat([]byte{byte(1 + r.IntN(255))}, 64)
			}
			in = append(in, c)
		}
		id, out, err := Read(write(t, in...))
		if err != nil || id != event || len(out) != len(in) {
			t.Fatalf("seed %d: %s, %d of %d changes, %v", seed, id, len(out), len(in), err)
		}
		for i := range in {
			if !bytes.Equal(in[i].Bytes, out[i].Bytes) || !bytes.Equal(in[i].Signature, out[i].Signature) {
				t.Fatalf("seed %d: change %d differs", seed, i)
			}
		}
	}
}

// TestDamage: Read detects every truncation and every flipped bit.
func TestDamage(t *testing.T) {
	good := write(t, samples()...)
	for n := range good {
		if _, _, err := Read(good[:n]); err == nil {
			t.Fatalf("cut off after %d bytes, and accepted", n)
		}
		for bit := range 8 {
			b := bytes.Clone(good)
			b[n] ^= 1 << bit
			if _, _, err := Read(b); err == nil {
				t.Fatalf("bit %d of byte %d flipped, and accepted", bit, n)
			}
		}
	}
	if _, _, err := Read(append(bytes.Clone(good), 0)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a trailing byte: %v", err)
	}
}

// TestInconsistentBundles: a bundle with a valid checksum and inconsistent contents is refused.
func TestInconsistentBundles(t *testing.T) {
	good := write(t, samples()...)
	first := headerSize
	for name, c := range map[string]struct {
		change func(b []byte) []byte
		want   error
	}{
		"another file":                 {func([]byte) []byte { return []byte("Dear reader,\n") }, ErrNotBundle},
		"nothing":                      {func([]byte) []byte { return nil }, ErrNotBundle},
		"transferred as text":          {func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }, ErrNotBundle},
		"a later version":              {func(b []byte) []byte { b[8] = 2; return b }, ErrVersion},
		"a change of no bytes":         {func(b []byte) []byte { copy(b[first:], "\x00\x00\x00\x00"); return b }, ErrTooLarge},
		"a change of 4 GB":             {func(b []byte) []byte { copy(b[first:], "\xff\xff\xff\xff"); return b }, ErrTooLarge},
		"a change beyond the end":      {func(b []byte) []byte { copy(b[first:], "\x00\x00\xff\xff"); return b }, ErrDamaged},
		"more changes than the count":  {func(b []byte) []byte { b[len(b)-33] = 1; return b }, ErrDamaged},
		"fewer changes than the count": {func(b []byte) []byte { b[len(b)-33] = 3; return b }, ErrDamaged},
		"a billion changes":            {func(b []byte) []byte { copy(b[len(b)-36:], "\x40\x00\x00\x00"); return b }, ErrTooLarge},
		"no end":                       {func(b []byte) []byte { b[len(b)-37] = 1; return b }, ErrDamaged},
		"only a header":                {func(b []byte) []byte { return b[:headerSize] }, ErrDamaged},
	} {
		if _, _, err := Read(seal(c.change(bytes.Clone(good)))); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	w, err := NewWriter(&bytes.Buffer{}, event)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(Change{Bytes: make([]byte, wire.MaxInflated+1)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large change: %v", err)
	}
	if _, err := NewWriter(&bytes.Buffer{}, "elsewhere"); !errors.Is(err, qa.ErrBadID) {
		t.Errorf("no event: %v", err)
	}
}

type brokenPipe struct{ left int }

func (b *brokenPipe) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, os.ErrClosed
	}
	return len(p), nil
}

func TestWriteErrorsAreReturned(t *testing.T) {
	size := len(write(t, samples()...))
	for room := range size {
		w, err := NewWriter(&brokenPipe{room}, event)
		for _, c := range samples() {
			if err == nil {
				err = w.Add(c)
			}
		}
		if err == nil {
			err = w.Close()
		}
		if !errors.Is(err, os.ErrClosed) {
			t.Fatalf("with room for %d of %d bytes: %v", room, size, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	good := write(f, samples()...)
	f.Add(good)
	f.Add(write(f))
	f.Add(good[:len(good)/2])
	if long, err := hex.DecodeString(strings.Repeat("ff", 300)); err == nil {
		f.Add(append([]byte(magic), long...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = seal(b)
		id, changes, err := Read(b)
		if err != nil {
			if len(changes) > 0 {
				t.Fatal("Read returned both changes and an error")
			}
			return
		}
		// Every bundle that Read accepts has only one encoding.
		var out bytes.Buffer
		w, err := NewWriter(&out, id)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if err := w.Add(c); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), b) {
			t.Fatalf("%x was read and written as %x", b, out.Bytes())
		}
		if n := binary.BigEndian.Uint32(b[len(b)-36:]); int(n) != len(changes) {
			t.Fatalf("%d changes, the count is %d", len(changes), n)
		}
	})
}
