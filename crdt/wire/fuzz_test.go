package wire

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// repair corrects the length and checksum of a chunk, so that a mutated body is not refused for
// those. Bytes without a frame become the body of a chunk.
func repair(b []byte) []byte {
	kind, body := byte(chunkChange), b
	if len(b) >= minChunk && [4]byte(b) == magic {
		kind = b[chunkTypeAt]
		_, n := uleb(b[chunkTypeAt+1:])
		body = b[chunkTypeAt+1+max(n, 0):]
	}
	out := append(bytes.Clone(magic[:]), 0, 0, 0, 0, kind)
	out = appendBytes(out, body)
	if kind == chunkDeflated {
		if c, err := oneChunk(out); err == nil {
			// inflate computes the checksum of the inflated chunk.
			copy(out[4:8], checksumOfInflated(c))
		}
		return out
	}
	h := sha256.Sum256(out[chunkTypeAt:])
	copy(out[4:8], h[:4])
	return out
}

func checksumOfInflated(c chunk) []byte {
	var sum [4]byte
	body, err := inflateBody(c, MaxInflated)
	if err != nil {
		return sum[:]
	}
	h := frameChange(body).hash
	return h[:4]
}

// seeds adds the bytes of the golden files, and of ../shared/hostile if it exists beside the module.
func seeds(f *testing.F) {
	f.Helper()
	for _, b := range hostileFiles(f) {
		f.Add(b)
	}
	files, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden files: %v", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		b := undump(f, string(text))
		f.Add(b)
		if b[0] == magic[0] {
			f.Add(deflated(f, b))
		}
	}
}

// hostileFiles returns bytes that broke other implementations; none if ../shared does not exist.
func hostileFiles(t testing.TB) [][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "hostile", "*.hex"))
	if err != nil {
		t.Fatal(err)
	}
	var files [][]byte
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if b := unhex(t, string(text)); len(b) <= 64<<10 { // the fuzzer is slow with more
			files = append(files, b)
		}
	}
	return files
}

// headerAgrees compares Chunk.Header with DecodeChangeLimits for the same bytes.
func headerAgrees(t *testing.T, chunk []byte, lim Limits, c *Change, decoded error) {
	t.Helper()
	plain := chunk
	if IsDeflated(chunk) {
		if _, err := ReadChunkLimits(chunk, lim); !errors.Is(err, ErrChunkType) {
			t.Fatalf("%x: the chunk of a deflated change: %v", chunk, err)
		}
		var err error
		if plain, err = Inflate(chunk, lim.Inflated); err != nil {
			if decoded == nil || decoded.Error() != err.Error() {
				t.Fatalf("%x: inflating: %v, decoding: %v", chunk, err, decoded)
			}
			return
		}
		if len(plain) > MaxInflatedSize(len(chunk))+len(chunk) {
			t.Fatalf("%x inflates to %d bytes", chunk, len(plain))
		}
		if again, err := Inflate(chunk, len(plain)); err != nil || !bytes.Equal(again, plain) {
			t.Fatalf("%x does not inflate to its own size: %v", chunk, err)
		}
		if _, err := Inflate(chunk, len(plain)-1); !errors.Is(err, ErrTooLarge) {
			t.Fatalf("%x inflates to more than it may: %v", chunk, err)
		}
	}
	var h Header
	read, err := ReadChunkLimits(plain, lim)
	if err == nil {
		h, err = read.Header(lim)
	}
	switch {
	case err != nil && (decoded == nil || decoded.Error() != err.Error()):
		t.Fatalf("%x: header: %v, decoding: %v", chunk, err, decoded)
	case decoded == nil && (read.Hash() != c.Hash || h.Actor != c.Actor || h.Seq != c.Seq || h.StartOp != c.StartOp || h.Ops != len(c.Ops)):
		t.Fatalf("%x: header %+v of %+v", chunk, h, c)
	}
}

// FuzzDecodeChange: a decoded change is canonical, and decodes to the same change again.
func FuzzDecodeChange(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		everyEntry(b)
		chunk := repair(b)
		for _, lim := range []Limits{EventLimits, OpenLimits} {
			c, err := DecodeChangeLimits(chunk, lim)
			headerAgrees(t, chunk, lim, c, err)
			if err != nil {
				continue
			}
			enc := c.Encode()
			if chunk[chunkTypeAt] == chunkChange && !bytes.Equal(enc, chunk) {
				t.Fatalf("%x was accepted, but is encoded to %x", chunk, enc)
			}
			if h, err := ReadHash(enc); err != nil || h != c.Hash {
				t.Fatalf("%x has the hash %v, its encoding %v, %v", chunk, c.Hash, h, err)
			}
			if len(c.Ops) > lim.Ops || len(c.Deps) > lim.Deps || len(enc)-32*len(c.Deps) > lim.Change {
				t.Fatalf("%x exceeds its limits", chunk)
			}
		}
	})
}

// FuzzDecodeMessage: a decoded message encodes to the same bytes.
func FuzzDecodeMessage(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		everyEntry(b)
		if len(b) > 0 {
			b[0] = messageV1
		}
		m, err := DecodeMessage(b)
		if err != nil {
			return
		}
		if enc := m.Encode(); !bytes.Equal(enc, b) {
			t.Fatalf("%x was accepted, but is encoded to %x", b, enc)
		}
		for i := range m.Have {
			m.Have[i].Filter.Contains(Hash{1})
		}
		for _, c := range m.Changes {
			everyEntry(c)
		}
	})
}

// FuzzReadAnswer: ReadAnswer reads exactly the messages that contain nothing but its results, and
// agrees with DecodeMessage.
func FuzzReadAnswer(f *testing.F) {
	seeds(f)
	for _, m := range []Message{
		{},
		{Heads: []Hash{{1}}, Have: []Have{{LastSync: []Hash{{1}}}}},
		{Heads: []Hash{{1}, {2}}, Have: []Have{{LastSync: []Hash{{1}}}}, Trailing: []byte{2, 2, 0x84}},
		{Heads: []Hash{{1}}, Need: []Hash{{2}}, Have: []Have{{}}},
		{Heads: []Hash{{1}}, Have: []Have{{}, {}}},
		{Heads: []Hash{{1}}, Have: []Have{{Filter: NewFilter([]Hash{{1}})}}},
		{Heads: []Hash{{1}}, Have: []Have{{}}, Changes: [][]byte{make([]byte, 12)}},
	} {
		f.Add(m.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		b[0] = messageV1
		heads, lastSync, ok := ReadAnswer(b)
		m, err := DecodeMessage(b)
		if !ok {
			if err == nil && len(m.Need) == 0 && len(m.Changes) == 0 && len(m.Have) == 1 && m.Have[0].Filter.Entries == 0 {
				t.Fatalf("%x is an answer, but was not read as one", b)
			}
			return
		}
		if err != nil {
			t.Fatalf("%x was read as an answer, DecodeMessage says %v", b, err)
		}
		if flat := func(hs []Hash) (r []byte) {
			for _, h := range hs {
				r = append(r, h[:]...)
			}
			return r
		}; len(m.Need) > 0 || len(m.Changes) > 0 || len(m.Have) != 1 || m.Have[0].Filter.Entries > 0 ||
			!bytes.Equal(flat(m.Heads), heads) || !bytes.Equal(flat(m.Have[0].LastSync), lastSync) {
			t.Fatalf("%x was read as an answer with heads %x, lastSync %x, and is %+v", b, heads, lastSync, m)
		}
	})
}

// FuzzSplitChunks: the chunks together are the input, in order. Each, with a corrected checksum, is
// accepted or refused.
func FuzzSplitChunks(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		chunks, err := SplitChunks(b)
		if err != nil {
			if chunks != nil {
				t.Fatalf("%x: both chunks and an error", b)
			}
			// At least the first chunk has a valid frame then.
			if chunks, err = SplitChunks(append(repair(b), repair(b)...)); err != nil || len(chunks) != 2 {
				t.Fatalf("%x, framed twice: %d chunks, %v", b, len(chunks), err)
			}
		} else if !bytes.Equal(bytes.Join(chunks, nil), b) {
			t.Fatalf("%x was modified", b)
		}
		for _, c := range chunks {
			everyEntry(c)
		}
	})
}

// FuzzFilter: a decoded filter has the size that its parameters require, and answers for every hash.
func FuzzFilter(f *testing.F) {
	seeds(f)
	for _, n := range []int{1, 3, 100} {
		hs := make([]Hash, n)
		for i := range hs {
			hs[i] = sha256.Sum256([]byte{byte(i)})
		}
		filter := NewFilter(hs)
		f.Add(filter.append(nil)[1:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		filter, err := decodeFilter(b, 0)
		if err != nil {
			return
		}
		if need := (uint64(filter.Entries)*uint64(filter.BitsPerEntry) + 7) / 8; need != uint64(len(filter.Bits)) {
			t.Fatalf("%x: %d bytes of bits for %d entries", b, len(filter.Bits), filter.Entries)
		}
		if enc, want := filter.append(nil), appendBytes(nil, b); !bytes.Equal(enc, want) {
			t.Fatalf("%x was accepted, but is encoded to %x", want, enc)
		}
		for i := range byte(8) {
			filter.Contains(sha256.Sum256(append(b, i)))
		}
		filter.Contains(Hash{})
	})
}
