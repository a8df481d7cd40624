package replica

import (
	"bytes"
	"compress/flate"
	"crypto/rand"
	"encoding/binary"
	"strings"
	"testing"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/storage/mem"
)

// deflated returns a deflated change of 60 KiB with a sequence number.
func deflated(seq uint64) []byte {
	c := &wire.Change{Actor: wire.ActorID(strings.Repeat("a", 40)), Seq: seq, StartOp: 1, Message: strings.Repeat("x", 60<<10)}
	plain := c.Encode()
	_, n := binary.Uvarint(plain[9:])
	var body bytes.Buffer
	w, _ := flate.NewWriter(&body, flate.BestCompression)
	_, _ = w.Write(plain[9+n:])
	_ = w.Close()
	chunk := append(bytes.Clone(plain[:8]), 2)
	return append(binary.AppendUvarint(chunk, uint64(body.Len())), body.Bytes()...)
}

// Of many deflated changes in one message, only a bounded number is inflated, also if the message is
// added in parts.
func TestDeflatedChangesOfAMessageAreBounded(t *testing.T) {
	key, err := keys.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), Config{Store: mem.New(), Key: key, Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = n.Close() }()
	id, _, err := n.CreateEvent(t.Context(), qa.Event{Title: "A week"}, "")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := n.document(id)
	if err != nil {
		t.Fatal(err)
	}
	chunks := make([][]byte, 3*partSize)
	for i := range chunks {
		chunks[i] = deflated(uint64(i + 1))
	}
	if _, err := (relayDocument{doc}).Receive(t.Context(), chunks, nil, nil); err != nil {
		t.Fatal(err)
	}
	inflated := 0
	for _, why := range doc.refused.All() {
		if why.Code != policy.CodeTooLarge {
			inflated++
		}
	}
	if doc.refused.Len() != len(chunks) {
		t.Fatalf("%d of %d changes were refused", doc.refused.Len(), len(chunks))
	}
	if most := maxInflatedBytes/(60<<10) + 3; inflated == 0 || inflated > most {
		t.Errorf("%d were inflated, at most %d should be", inflated, most)
	}
}
