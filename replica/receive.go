package replica

import (
	"context"
	"errors"
	"fmt"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
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
			if h := a.change.Hash; doc.excluded.returning[h] {
				if batch.Statuses == nil {
					batch.Statuses = map[wire.Hash]storage.Status{}
				}
				batch.Statuses[h] = storage.InDocument
			}
		}
	}
	var update Update
	if len(batch.Entries) > 0 {
		batch.Views = doc.contents.views()
		if err := doc.node.store.Append(ctx, batch); err != nil {
			doc.discard()
			return Update{}, fmt.Errorf("what arrived could not be saved on this device: %w", err)
		}
		for h := range batch.Statuses {
			delete(doc.excluded.returning, h)
		}
		if onWithheld { // somebody else has it
			doc.releaseAll(ctx)
		}
		for i := range batch.Entries {
			doc.engine.fallBehind(batch.Entries[i].Bytes)
		}
		update = doc.committed(ctx, batch.Views, false)
	}
	for i := range batch.Entries {
		if err := doc.noteVoid(ctx, batch.Entries[i].Actor); err != nil {
			return update, err
		}
	}
	return update, nil
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
