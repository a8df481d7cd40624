package replica

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"strings"
	"testing"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
)

// Of hundreds of deflated changes in one message, only a bounded number is inflated.
func TestDeflatedChangesOfAMessageAreBounded(t *testing.T) {
	c := &wire.Change{Actor: wire.ActorID(strings.Repeat("a", 40)), Seq: 1, StartOp: 1, Message: strings.Repeat("x", 60<<10)}
	plain := c.Encode()
	_, n := binary.Uvarint(plain[9:])
	var body bytes.Buffer
	w, _ := flate.NewWriter(&body, flate.BestCompression)
	_, _ = w.Write(plain[9+n:])
	_ = w.Close()
	chunk := append(bytes.Clone(plain[:8]), 2)
	chunk = append(binary.AppendUvarint(chunk, uint64(body.Len())), body.Bytes()...)
	chunks := make([][]byte, 300)
	for i := range chunks {
		chunks[i] = bytes.Clone(chunk)
	}
	inflated := 0
	for _, f := range inspect("", func(wire.Hash) bool { return false }, chunks, nil) {
		if f.Refusal == nil {
			t.Fatal("accepted without a signature")
		}
		if f.Refusal.Code != policy.CodeTooLarge {
			inflated++
		}
	}
	if most := maxInflatedBytes/(60<<10) + 3; inflated == 0 || inflated > most {
		t.Errorf("%d were inflated, at most %d should be", inflated, most)
	}
}
