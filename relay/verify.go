package relay

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	core "flyleaf/crdt/document"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
)

// read decodes the changes of a message that the document does not have yet, and checks their form and,
// unless the relay is open, their signatures. It runs in the session's reader, concurrently with other
// sessions. For a message with many changes it uses all processors, in turns. All work is charged before
// it is done. An error is returned if so many changes are malformed that the peer must be hostile, or if
// they have cost too much. The caller must release the submission.
func (d *document) read(from *session, m *wire.Message, signatures []byte) (*submission, error) {
	sub := &submission{from: from, document: d, message: m}
	inflation := core.NewInflationBudget(d.relay.limits.Frame, d.inspector(from, nil).Limits())
	found := make([]inspected, min(len(m.Changes), inspectAtATime))
	for first := 0; first < len(m.Changes); first += inspectAtATime {
		some := found[:min(len(m.Changes)-first, inspectAtATime)]
		for i := range some {
			some[i] = inspected{chunk: m.Changes[first+i]}
			if len(signatures) > 0 {
				at := (first + i) * repo.SignatureLen
				some[i].signature = signatures[at : at+repo.SignatureLen]
			}
			if err := d.inflate(from, &some[i], inflation); err != nil {
				return sub, err
			}
		}
		if err := d.inspectAll(from, some); err != nil {
			return sub, err
		}
		for i := range some {
			f := &some[i]
			sub.received = append(sub.received, f.hash)
			switch {
			case f.why != nil:
				sub.noteRefused(f.hash, f.why)
			case !f.known:
				sub.add(f)
			}
		}
		if len(sub.refused) >= maxRefusals {
			return sub, violation("more than %d changes of one message are malformed", maxRefusals)
		}
	}
	return sub, nil
}

// inspected is a change of a message with the result of inspect.
type inspected struct {
	chunk, signature []byte

	hash   wire.Hash
	change *core.Change // nil: refused, or known
	cost   float64
	known  bool
	why    *policy.Refusal
}

func (f *inspected) refuse(found core.Inspected) {
	f.hash, f.why = found.Hash, found.Refusal
}

// add adds a valid change. The change stays decoded until the commit, unless the relay has too many
// decoded operations; then the committer decodes it again.
func (sub *submission) add(f *inspected) {
	if ops := heldOps(f.change); ops > 0 {
		decoded := &sub.document.relay.decodedOps
		if decoded.Add(int64(ops)) > maxDecodedOps {
			decoded.Add(-int64(ops))
			f.change.Decoded = nil
		} else {
			sub.ops += ops
		}
	}
	sub.changes = append(sub.changes, f.change)
	sub.cost += f.cost
}

// release stops counting the submission's decoded operations.
func (sub *submission) release() { sub.document.relay.decodedOps.Add(-int64(sub.ops)) }

// heldOps returns how much a decoded change counts towards decodedOps: its operations plus one.
func heldOps(c *core.Change) int {
	if c.Decoded == nil {
		return 0
	}
	return len(c.Decoded.Ops) + 1
}

// inflate inflates a deflated change of a message. No stock client sends deflated changes, and they can
// inflate to a thousand times their size. So all those of a message may inflate to at most the size of a
// frame.
func (d *document) inflate(from *session, f *inspected, inflation *core.InflationBudget) error {
	if !wire.IsDeflated(f.chunk) {
		return nil
	}
	most, err := inflation.Reserve(f.chunk)
	if err != nil {
		f.refuse(core.Unreadable(f.chunk, err))
		return nil
	}
	cost := costInflated * float64(most) / 1024
	if err := from.charge(wasteFactor * cost); err != nil {
		return err
	}
	// Both forms are in memory for a moment.
	if err := d.relay.memory.reserve(from, 2*most, false); err != nil {
		return err
	}
	var plain []byte
	err = from.inTurnFor(most, func() {
		var err error
		if plain, err = wire.Inflate(f.chunk, most); err != nil {
			f.refuse(core.Unreadable(f.chunk, err))
		}
	})
	d.relay.memory.release(from, 2*most-len(plain))
	if err != nil || f.why != nil {
		return err
	}
	inflation.Release(most - len(plain))
	f.chunk = plain
	return from.charge(-wasteFactor * cost)
}

// inspectAll inspects changes; if there are many, it uses all processors.
func (d *document) inspectAll(from *session, found []inspected) error {
	var next atomic.Int64
	work := func() error {
		for {
			done, err := d.inspectSome(from, found, &next)
			if done || err != nil {
				return err
			}
		}
	}
	workers := min(runtime.GOMAXPROCS(0), len(found)/inspectAlone)
	if workers < 2 {
		return work()
	}
	failed := make([]error, workers)
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() { failed[i] = work() })
	}
	all.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

// inspectSome inspects changes for one turn. done says that none are left.
func (d *document) inspectSome(from *session, found []inspected, next *atomic.Int64) (done bool, err error) {
	i := int(next.Add(1)) - 1
	if i >= len(found) {
		return true, nil
	}
	stopped := from.inTurnFor(len(found[i].chunk), func() {
		for spent := 0.0; ; i = int(next.Add(1)) - 1 {
			if done = i >= len(found); done {
				return
			}
			f := &found[i]
			if f.why == nil {
				if err = d.inspect(from, f); err != nil {
					return
				}
			}
			spent += f.cost
			if spent >= stepCost {
				return
			}
			// The next may be one that needs another kind of turn.
			if n := int(next.Load()); n < len(found) && len(found[n].chunk) > bulkyChange {
				return
			}
		}
	})
	return done, errors.Join(stopped, err)
}

// inspector returns an inspector that charges each step to the sender of a change before the step, as
// waste, and records the charge in f.
func (d *document) inspector(from *session, f *inspected) *core.Inspector {
	return &core.Inspector{
		Event: d.event, Open: d.relay.cfg.Open, Known: d.knows,
		Charge: func(w core.Work) error {
			cost := costKiB*float64(w.Bytes)/1024 + costSignature*float64(w.Signatures) + costChange*float64(w.Changes) + costOp*float64(w.Ops)
			f.cost += cost
			return from.charge(wasteFactor * cost)
		},
	}
}

// inspect checks one change of a message. The charge is refunded if the change is valid.
func (d *document) inspect(from *session, f *inspected) error {
	found, err := d.inspector(from, f).Inspect(f.chunk, f.signature)
	if err != nil {
		return err
	}
	switch {
	case found.Known:
		f.hash, f.known = found.Hash, true
		return from.charge(f.cost - wasteFactor*f.cost)
	case found.Refusal != nil:
		f.refuse(found)
		return nil
	}
	f.hash, f.change = found.Hash, found.Change
	if d.relay.cfg.Open {
		f.change.Decoded = nil // not needed again
	}
	return from.charge(-wasteFactor * f.cost)
}

// knows reports whether the change is applied or waits already. It returns false if it would have to wait
// for a commit to find out. handleSubmission looks again.
func (d *document) knows(h wire.Hash) bool {
	if !d.mu.TryLock() {
		return false // waiting here would keep this change out of the next commit
	}
	defer d.mu.Unlock()
	return d.contents.HasOrPending(h)
}
