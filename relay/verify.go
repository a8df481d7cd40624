package relay

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/trust"
)

// read decodes and checks the changes of a message, without those that the
// document has already: their form and, unless the relay is open, their
// signatures. It runs in the reader, beside all others. An error is returned when
// so many are malformed that the peer cannot be meaning well.
func (r *room) read(from *session, m *wire.Message, signatures []byte) (*submission, error) {
	sub := &submission{from: from, room: r, message: m}
	open := r.relay.cfg.Open
	limits := wire.EventLimits
	if open {
		limits = wire.OpenLimits
	}
	for i, b := range m.Changes {
		if len(sub.refused) >= maxRefusals {
			return nil, violation("more than %d changes of one message are malformed", maxRefusals)
		}
		// A hash is cheap and most repeats end here. A deflated chunk has none yet.
		h, err := wire.ReadHash(b)
		if err == nil && r.knows(h) {
			continue
		}
		if err != nil && !errors.Is(err, wire.ErrChunkType) {
			sub.refuse(wire.Hash(sha256.Sum256(b)), trust.RefusalOf(fmt.Errorf("no change; named here by the SHA-256 of its bytes: %w", err)))
			continue
		}
		var signature []byte
		if len(signatures) > 0 {
			signature = signatures[i*repo.SignatureLen : (i+1)*repo.SignatureLen]
		}
		deflated := err != nil
		c, err := wire.DecodeChangeLimits(b, limits)
		if err == nil {
			h = c.Hash
			if !open {
				err = r.check(c, signature)
			}
		} else if deflated {
			h = sha256.Sum256(b)
		}
		if err != nil {
			sub.refuse(h, trust.RefusalOf(err))
			continue
		}
		ch := change{meta: graph.MetaOf(c), signature: bytes.Clone(signature)}
		if deflated {
			ch.bytes = c.Encode() // other clients take no deflated changes in sync messages
		} else {
			ch.bytes = bytes.Clone(b) // what is kept for long should not hold the whole frame
		}
		if !open {
			ch.decoded, ch.writer = c, qa.IdentityOfActor([]byte(c.Actor))
		}
		sub.changes = append(sub.changes, ch)
		sub.size += len(ch.bytes)
	}
	return sub, nil
}

// check says whether a change of an event is signed by its writer, and may be one
// of events at all. What needs its past is the gate's, in the committer.
func (r *room) check(c *wire.Change, signature []byte) error {
	if err := trust.Verify(r.event, c.Actor, c.Hash, signature); err != nil {
		return err
	}
	return wire.CheckSchemaShape(c)
}

// knows says whether the change is applied or waits already; false when that
// cannot be said without waiting for a commit. take looks again.
func (r *room) knows(h wire.Hash) bool {
	if !r.mu.TryLock() {
		return false // waiting here would keep this change out of the next commit
	}
	defer r.mu.Unlock()
	return r.graph.Has(h) || r.graph.Waiting(h)
}
