package wire

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
)

// repair frames what looks like a chunk anew, with the length and the checksum
// its body needs, so that a mutated body is not refused for those; bytes without
// a frame become a body.
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
			// inflate seals what it inflates; take the checksum from there.
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
	_, h := sealChange(body)
	return h[:4]
}

// seeds are the bytes of the golden files.
func seeds(f *testing.F) {
	f.Helper()
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

// What decodes is canonical, and says the same when it is decoded again.
func FuzzDecodeChange(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		everyEntry(b)
		chunk := repair(b)
		for _, lim := range []Limits{EventLimits, OpenLimits} {
			c, err := DecodeChangeLimits(chunk, lim)
			if err != nil {
				continue
			}
			enc := c.Encode()
			if chunk[chunkTypeAt] == chunkChange && !bytes.Equal(enc, chunk) {
				t.Fatalf("%x was taken, but is encoded to %x", chunk, enc)
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

// What decodes encodes to the same bytes.
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
			t.Fatalf("%x was taken, but is encoded to %x", b, enc)
		}
		for i := range m.Have {
			m.Have[i].Filter.Contains(Hash{1})
		}
		for _, c := range m.Changes {
			everyEntry(c)
		}
	})
}
