package relay

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/trust"
)

// read decodes and checks the changes of a message, without those that the
// document has already: their form and, unless the relay is open, their
// signatures. It runs in the reader, beside all others, and uses the processors
// that there are for a message of many. An error is returned when so many are
// malformed that the peer cannot be meaning well.
func (r *room) read(from *session, m *wire.Message, signatures []byte) (*submission, error) {
	sub := &submission{from: from, room: r, message: m}
	var found [inspectAtATime]inspected
	var inflated atomic.Int64 // bytes, of the deflated changes
	for first := 0; first < len(m.Changes); first += inspectAtATime {
		some := m.Changes[first:min(first+inspectAtATime, len(m.Changes))]
		r.inspectAll(found[:len(some)], some, &inflated, func(i int) []byte {
			if len(signatures) == 0 {
				return nil
			}
			at := (first + i) * repo.SignatureLen
			return signatures[at : at+repo.SignatureLen]
		})
		for i := range some {
			switch f := &found[i]; {
			case f.why != nil:
				sub.refuse(f.change.meta.Hash, f.why)
			case !f.known:
				sub.changes = append(sub.changes, f.change)
			}
		}
		if len(sub.refused) >= maxRefusals {
			return nil, violation("more than %d changes of one message are malformed", maxRefusals)
		}
	}
	return sub, nil
}

// inspected is a change as read finds it.
type inspected struct {
	change change // of one that is refused, only meta.Hash
	known  bool
	why    *trust.Refusal
}

// inspectAll inspects changes, many of them on all processors.
func (r *room) inspectAll(found []inspected, changes [][]byte, inflated *atomic.Int64, signature func(int) []byte) {
	workers := min(runtime.GOMAXPROCS(0), len(changes)/inspectAlone)
	if workers < 2 {
		for i, b := range changes {
			found[i] = r.inspect(b, inflated, signature(i))
		}
		return
	}
	var next atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(changes); i = int(next.Add(1)) - 1 {
				found[i] = r.inspect(changes[i], inflated, signature(i))
			}
		})
	}
	all.Wait()
}

// inspect looks at one change of a message. No stock client sends deflated ones, which
// can come to a thousand times their bytes: inflated is what those of the message came
// to, and beyond the bytes of a frame no more are inflated.
func (r *room) inspect(b []byte, inflated *atomic.Int64, signature []byte) inspected {
	// A hash is cheap and most repeats end here. A deflated chunk has none yet.
	h, err := wire.ReadHash(b)
	if err == nil && r.knows(h) {
		return inspected{known: true}
	}
	refuse := func(h wire.Hash, err error) inspected {
		return inspected{change: change{meta: graph.Meta{Hash: h}}, why: trust.RefusalOf(err)}
	}
	if err != nil && !errors.Is(err, wire.ErrChunkType) {
		return refuse(sha256.Sum256(b), fmt.Errorf("no change; named here by the SHA-256 of its bytes: %w", err))
	}
	deflated := err != nil
	if frame := int64(r.relay.limits.Frame); deflated && inflated.Load() > frame {
		return refuse(sha256.Sum256(b), fmt.Errorf("the deflated changes of this message inflate to more than %d bytes: %w", frame, wire.ErrTooLarge))
	}
	limits := wire.EventLimits
	if r.relay.cfg.Open {
		limits = wire.OpenLimits
	}
	c, err := wire.DecodeChangeLimits(b, limits)
	switch {
	case err == nil && deflated:
		b = c.Encode() // other clients take no deflated changes in sync messages
		inflated.Add(int64(len(b)))
	case err == nil:
	case deflated:
		return refuse(sha256.Sum256(b), err)
	default:
		return refuse(h, err)
	}
	ch := change{meta: graph.MetaOf(c), signature: bytes.Clone(signature)}
	if !r.relay.cfg.Open {
		if err := r.check(c, signature); err != nil {
			return refuse(c.Hash, err)
		}
		ch.decoded, ch.writer = c, qa.IdentityOfActor([]byte(c.Actor))
	}
	if ch.bytes = b; !deflated {
		ch.bytes = bytes.Clone(b) // what is kept for long should not hold the whole frame
	}
	return inspected{change: ch}
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
