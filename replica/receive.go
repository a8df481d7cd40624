package replica

import (
	"context"
	"errors"
	"fmt"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/replica/relayclient"
	"flyleaf/storage"
)

// maxRefused bounds the refused changes that are remembered for an event.
const maxRefused = 4096

// take checks inspected changes against what is here and saves those that fit, in
// one transaction. Changes that cannot be taken are noted in refused and are no
// error. When an error is returned nothing of the message was kept. mu is held
// and the event is loaded.
func (doc *document) take(ctx context.Context, changes []inspected) (Update, error) {
	batch := storage.Batch{Event: doc.id}
	var twins []pendingChange
	onWithheld := false
	now := doc.node.cfg.Now().UnixMilli()
	for i := range changes {
		a, skip, refusal := doc.check(&changes[i])
		if skip {
			continue
		}
		a.received = now
		var applied []pendingChange
		if refusal == nil {
			var err error
			applied, err = doc.contents.add(a)
			if errors.Is(err, graph.ErrWaitingFull) || errors.Is(err, graph.ErrFull) {
				continue // it will be asked for again; it is not refused, whatever this device has room for
			}
			if errors.Is(err, errInconsistent) {
				doc.discard()
				return Update{}, err
			}
			if errors.Is(err, graph.ErrDuplicateSeq) {
				twins = append(twins, a)
			}
			if err != nil {
				refusal = explain(a.change.Hash, err)
			}
		}
		if refusal != nil {
			if err := doc.refuse(*refusal); err != nil {
				doc.discard()
				return Update{}, err
			}
		}
		for _, r := range doc.contents.rejected() {
			if errors.Is(r.err, graph.ErrDuplicateSeq) {
				twins = append(twins, r.pendingChange)
			}
			if err := doc.refuse(*explain(r.hash, r.err)); err != nil {
				doc.discard()
				return Update{}, err
			}
		}
		for _, a := range applied {
			onWithheld = onWithheld || doc.buildsOnWithheld(a.change.Deps)
			batch.Entries = append(batch.Entries, storage.Entry{
				Hash: a.change.Hash, Actor: a.change.Actor, Seq: a.change.Seq,
				Bytes: a.bytes, Signature: a.signature, ReceivedAtMillis: a.received,
			})
		}
	}
	var update Update
	if len(batch.Entries) > 0 {
		batch.Views = doc.contents.views()
		if err := doc.node.store.Append(ctx, batch); err != nil {
			doc.discard()
			return Update{}, fmt.Errorf("what arrived could not be saved on this device: %w", err)
		}
		if onWithheld { // somebody else has it
			doc.releaseAll(ctx)
		}
		for i := range batch.Entries {
			doc.engine.fallBehind(batch.Entries[i].Bytes)
		}
		update = doc.committed(ctx, batch.Views, false)
	}
	var proofs []twin
	for _, a := range twins {
		if t, ok := doc.twinOf(ctx, a); ok {
			proofs = append(proofs, t)
		}
	}
	left, err := doc.prove(ctx, proofs)
	return joinUpdates(update, left), err
}

// check says whether a change is to be added: skip is set for one that is here
// already.
func (doc *document) check(c *inspected) (a pendingChange, skip bool, refusal *Refusal) {
	if c.Known || doc.settled(c.Hash) {
		return a, true, nil
	}
	if c.Refusal != nil {
		return a, false, explain(c.Hash, c.Refusal)
	}
	if r, again := doc.refused[c.Hash]; again && r.Code == string(policy.CodeSignature) {
		doc.forgive() // it was not the change's fault, nor that of what depends on it
	}
	change := c.Change.Decoded
	if change == nil {
		var err error
		if change, err = wire.DecodeChange(c.Change.Bytes); err != nil {
			return a, false, explain(c.Hash, err)
		}
	}
	if doc.excluded.cutOff(change.Actor, change.Seq) {
		return a, false, explain(c.Hash, graph.ErrDuplicateSeq)
	}
	for _, d := range change.Deps {
		if doc.unwanted(d) {
			return a, false, explain(c.Hash, graph.ErrDependsOnRefused)
		}
	}
	return pendingChange{change: change, bytes: c.Change.Bytes, signature: c.Change.Signature}, false, nil
}

// settled reports whether nothing is to be done about a change. One that came with
// a wrong signature may come again with the right one.
func (doc *document) settled(h wire.Hash) bool {
	r, refused := doc.refused[h]
	_, out := doc.excluded.out[h]
	return out || refused && r.Code != string(policy.CodeSignature) || doc.contents.graph.Has(h) || doc.contents.graph.Waiting(h)
}

func explain(h wire.Hash, err error) *Refusal {
	r := policy.RefusalOf(err)
	return &Refusal{Hash: h, Code: string(r.Code), Reason: r.Reason}
}

// refuse remembers a refused change; what waits for it is refused with it.
func (doc *document) refuse(r Refusal) error {
	if _, again := doc.refused[r.Hash]; !again && len(doc.refused) >= maxRefused {
		return relayclient.ErrTooManyRefused
	}
	doc.refused[r.Hash] = r
	doc.contents.graph.Refuse(r.Hash)
	doc.node.cfg.Log.Warn("a change from the relay was not taken", "event", doc.id, "change", r.Hash, "code", r.Code, "reason", r.Reason)
	return nil
}

// forgive forgets, for a new connection, the refusals that were not the changes'
// own fault: a signature is not part of what a hash names, so whoever passes a
// change on could otherwise have it shut out by a wrong one.
func (doc *document) forgive() {
	for h, r := range doc.refused {
		if r.Code == string(policy.CodeSignature) || r.Code == string(policy.CodeDependsOn) {
			delete(doc.refused, h)
		}
	}
}

// unwanted reports whether a change that is not here will not be taken.
func (doc *document) unwanted(h wire.Hash) bool {
	_, refused := doc.refused[h]
	_, out := doc.excluded.out[h]
	return out || refused
}

// noteDelivery compares what a relay says it holds with what this device thinks
// it holds: its heads and everything in their past are on its disk. known is set
// once it is clear whether the relay has lost own changes; until then, lossKnown
// being false, the question has to be asked again. changed says that something
// was noted.
func (doc *document) noteDelivery(ctx context.Context, theirs []wire.Hash, lossKnown bool) (known, changed bool, err error) {
	all := true
	for _, h := range theirs {
		all = all && doc.contents.graph.Has(h)
	}
	// Heads that are not known here may have own changes in their past, so only
	// when all are known does absence mean anything. No heads at all always do.
	if all && (!lossKnown || len(theirs) == 0) {
		missing, err := doc.deliveredButMissing(ctx, theirs)
		if err != nil {
			return lossKnown, false, err
		}
		if err := doc.setDelivered(ctx, false, missing); err != nil {
			return lossKnown, false, err
		}
		changed, lossKnown = len(missing) > 0, true
	}
	unsent, err := doc.unsent(ctx)
	if err != nil || len(unsent) == 0 {
		return lossKnown, changed, err
	}
	past := doc.contents.graph.Ancestors(theirs)
	var held []wire.Hash
	for h := range unsent {
		if past.Has(h) {
			held = append(held, h)
		}
	}
	return lossKnown, changed || len(held) > 0, doc.setDelivered(ctx, true, held)
}

// deliveredButMissing returns own changes that are marked as delivered and are
// not in the past of the heads.
func (doc *document) deliveredButMissing(ctx context.Context, theirs []wire.Hash) ([]wire.Hash, error) {
	var out []wire.Hash
	for _, h := range doc.contents.graph.NotAncestorsOf(theirs) {
		if m, ok := doc.contents.graph.Node(h); !ok || !doc.owns(m.Actor) {
			continue
		}
		en, err := doc.node.store.Entry(ctx, doc.id, h)
		if err != nil {
			if errors.Is(err, storage.ErrDamaged) {
				continue
			}
			return nil, err
		}
		if en.Own && en.Delivered {
			out = append(out, h)
		}
	}
	return out, nil
}

// maxHeads is how many heads an event may have before this device joins them. Each
// head is a dependency of the next change, and a relay takes only so many.
const maxHeads = 256

// joinHeads writes an empty change on top of too many heads. mu is held and the
// event is loaded.
func (doc *document) joinHeads(ctx context.Context) error {
	invited := doc.contents.policy.Access() == "invited" && !doc.contents.policy.AnyRole(doc.node.Identity())
	if len(doc.contents.graph.Heads()) <= maxHeads || invited || doc.contents.policy.Newer() {
		return nil // there is no need, or it is for others to do
	}
	if err := doc.engine.open(ctx); err != nil {
		return err
	}
	d := &draft{doc: doc}
	if _, err := d.do(qa.Act{Kind: qa.ActMerge}); err != nil {
		d.drop()
		// Of a newer version's event, say: somebody else will join them.
		doc.node.cfg.Log.Warn("the heads of an event could not be joined", "event", doc.id, "error", err)
		return nil
	}
	return d.save(ctx)
}

// tendSoon tends an event from a goroutine of its own.
func (n *Node) tendSoon(doc *document) {
	n.background(func() {
		if err := doc.tend(n.ctx); err != nil && n.ctx.Err() == nil {
			n.cfg.Log.Warn("an event could not be tended", "event", doc.id, "error", err)
		}
	})
}

// tend does what this device does by itself when something has arrived, or when a
// connection begins.
func (doc *document) tend(ctx context.Context) error {
	doc.mu.Lock()
	defer doc.mu.Unlock()
	for _, do := range []func(context.Context) error{
		doc.joinHeads, doc.claimInvitations, doc.answerClaims, doc.reissueWhatCan,
	} {
		if err := doc.load(ctx); err != nil { // a refused act has everything read anew
			return err
		}
		if doc.contents.graph.Len() == 0 {
			return nil
		}
		if err := do(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (doc *document) reissueWhatCan(ctx context.Context) error {
	doc.reissue(ctx)
	return nil
}
