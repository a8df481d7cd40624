package replica

import (
	"bytes"
	"compress/flate"
	"crypto/rand"
	"encoding/binary"
	"strings"
	"testing"

	"flyleaf/crdt/bundle"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
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

// offlineDocument returns the document of a new event on a device without a relay.
func offlineDocument(t *testing.T, w *policytest.World) *document {
	t.Helper()
	key, err := keys.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), Config{Store: mem.New(), Key: key, Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	if _, err := n.Merge(t.Context(), w.Event, []bundle.Change{{Bytes: w.Changes[0].Bytes, Signature: w.Changes[0].Signature}}); err != nil {
		t.Fatal(err)
	}
	doc, err := n.document(w.Event)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// The next part of a message is inspected while the document is locked, because another part is being
// saved. Changes that the device has are not inspected again.
func TestInspectionNeedsNoLock(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	w.Writer("reader").Do(func(d *policytest.Draft) { d.Post("", "May nothing ever be changed?") })
	doc := offlineDocument(t, w)
	var changes [][]byte
	var signatures []byte
	for _, c := range w.Changes {
		changes, signatures = append(changes, c.Bytes), append(signatures, c.Signature...)
	}
	r := reception{doc: doc, inflation: newInflation()}
	next := r.inspect(&changes, &signatures)
	doc.mu.Lock()
	found := <-next
	doc.mu.Unlock()
	for i := range found {
		if found[i].Refusal != nil || found[i].Hash != w.Changes[i].Change.Hash {
			t.Errorf("change %d: hash %s, refused %v", i, found[i].Hash, found[i].Refusal)
		}
		if first := i == 0; found[i].Known != first || (found[i].Change == nil) != first {
			t.Errorf("change %d: known %v, inspected %v", i, found[i].Known, found[i].Change != nil)
		}
	}
	if len(found) != len(w.Changes) || len(found) < 2 || len(changes) != 0 {
		t.Errorf("%d of %d changes were inspected, %d are left", len(found), len(w.Changes), len(changes))
	}
}

// Of many deflated changes in one message, only a bounded number is inflated, also if the message is
// added in parts.
func TestDeflatedChangesOfAMessageAreBounded(t *testing.T) {
	doc := offlineDocument(t, policytest.NewWorld(policytest.Options{}))
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
