package replica

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
)

// heldOps bounds the decoded operations of one message that are kept from looking
// at its changes until they are taken; what is beyond is decoded a second time.
const heldOps = 200_000

// inflatedBytes bounds what the deflated changes of one message may come to, in bytes:
// they can be a thousand times their own size, and neither a relay of ours nor a stock
// client sends any. Those beyond are refused.
const inflatedBytes = 8 << 20

// inspected is a change of a message, looked at on its own: what needs nothing
// but its bytes has been found.
type inspected struct {
	chunk     []byte
	signature []byte
	hash      wire.Hash    // the zero hash when the bytes do not say
	change    *wire.Change // nil: refused, or to be decoded again
	refusal   *Refusal
}

// inspect looks at the changes of a message that are not settled, in parallel and
// without holding mu: checking the signatures takes longer than all the rest of
// taking an event in.
func (doc *document) inspect(changes [][]byte, signatures []byte) []inspected {
	if len(signatures) != len(changes)*keys.SignatureSize {
		signatures = nil // of a stock client, or of no use
	}
	found := make([]inspected, 0, len(changes))
	doc.mu.Lock()
	for i, chunk := range changes {
		h, err := wire.ReadHash(chunk)
		if err == nil && doc.graph != nil && doc.settled(h) {
			continue
		}
		c := inspected{chunk: chunk, hash: h}
		if signatures != nil {
			c.signature = signatures[i*keys.SignatureSize : (i+1)*keys.SignatureSize]
		}
		found = append(found, c)
	}
	doc.mu.Unlock()

	var next, ops, inflated atomic.Int64
	look := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(found) {
				return
			}
			c := &found[i]
			c.look(doc.id, &inflated)
			if c.change != nil && ops.Add(int64(len(c.change.Ops))) > heldOps {
				c.change = nil
			}
		}
	}
	var helpers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(found)) - 1 {
		helpers.Go(look)
	}
	look()
	helpers.Wait()
	return found
}

// look decodes a change and checks what its bytes alone can tell. The signature
// comes first: what is not signed by its writer is nobody's, and nothing else
// about it is of interest.
func (c *inspected) look(event qa.EventID, inflated *atomic.Int64) {
	deflated := c.hash == wire.Hash{}
	if deflated && inflated.Load() > inflatedBytes {
		c.refusal = explain(c.hash, fmt.Errorf("the deflated changes of this message come to more than %d bytes: %w", inflatedBytes, wire.ErrTooLarge))
		return
	}
	change, err := wire.DecodeChange(c.chunk)
	if err != nil {
		c.refusal = explain(c.hash, err)
		return
	}
	if deflated {
		inflated.Add(int64(len(change.Encode())))
	}
	c.hash = change.Hash // a deflated change has its hash only now
	if err := keys.Verify(event, change.Actor, change.Hash, c.signature); err != nil {
		c.refusal = explain(c.hash, err)
		return
	}
	if err := wire.CheckSchemaShape(change); err != nil {
		c.refusal = explain(c.hash, err)
		return
	}
	if len(change.Deps) == 0 && qa.EventIDFromGenesis([32]byte(change.Hash)) != event {
		c.refusal = &Refusal{
			Hash: c.hash, Code: string(policy.CodeGenesis), Reason: "It begins another event: this one's ID does not follow from it.",
		}
		return
	}
	c.change = change
}
