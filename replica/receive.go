package replica

import (
	"context"
	"errors"
	"fmt"

	core "flyleaf/crdt/document"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/replica/relayclient"
	"flyleaf/storage"
)

// maxRefused bounds the refused changes of an event: a connection that brings more ends.
const maxRefused = 4096

// addInspected checks inspected changes against what is here and saves those that fit, in
// one transaction. Changes that cannot be taken are noted in refused and are no
// error. When an error is returned nothing of the message was kept. mu is held
// and the event is loaded.
func (doc *document) addInspected(ctx context.Context, changes []inspected) (Update, error) {
	batch := storage.Batch{Event: doc.id}
	onWithheld := false
	now := doc.node.cfg.Now().UnixMilli()
	for i := range changes {
		added, err := doc.addOne(&changes[i], now)
		if err != nil {
			doc.discard()
			return Update{}, err
		}
		for _, a := range added.Applied {
			onWithheld = onWithheld || doc.buildsOnWithheld(a.Meta.Deps)
		}
		added.AppendTo(&batch, now)
	}
	var update Update
	if len(batch.Entries) > 0 {
		batch.Views = doc.contents.Touched()
		if err := doc.node.store.Append(ctx, batch); err != nil {
			doc.discard()
			return Update{}, fmt.Errorf("what arrived could not be saved on this device: %w", err)
		}
		if onWithheld { // somebody else has it
			doc.releaseAll(ctx)
		}
		for i := range batch.Entries {
			doc.engine.addPending(batch.Entries[i].Bytes)
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

// addOne adds a change to the contents unless it is here or refused. The error says that
// the contents are of no use any more, or that too much was refused; what this device
// has no room for is passed over, since it will be asked for again.
func (doc *document) addOne(found *inspected, now int64) (core.Added, error) {
	if found.Known || doc.contents.CanSkip(found.Hash) {
		return core.Added{}, nil
	}
	why := found.Refusal
	if why == nil {
		if r, again := doc.refused.Get(found.Hash); again && r.Code == policy.CodeSignature {
			doc.refused.ForgetRetryable() // it was not the change's fault, nor that of what depends on it
		}
		why = doc.contents.RefusalFromDeps(found.Change)
	}
	var added core.Added
	if why != nil {
		added.Rejected = doc.contents.Refuse(found.Hash, why)
	} else {
		var err error
		found.Change.ReceivedAtMillis = now
		added, err = doc.contents.Add(found.Change)
		if errors.Is(err, graph.ErrPendingFull) || errors.Is(err, graph.ErrFull) {
			return core.Added{}, nil
		}
		if err != nil {
			return core.Added{}, err
		}
		why = added.Refusal
	}
	if why != nil {
		doc.logRefused(found.Hash, why)
	}
	for _, r := range added.Rejected {
		doc.logRefused(r.Change.Meta.Hash, r.Refusal)
	}
	if (why != nil || len(added.Rejected) > 0) && doc.refused.Len() > maxRefused {
		return core.Added{}, relayclient.ErrTooManyRefused
	}
	return added, nil
}

func (doc *document) logRefused(h wire.Hash, why *policy.Refusal) {
	doc.node.cfg.Log.Warn("a change from the relay was not taken", "event", doc.id, "change", h, "code", why.Code, "reason", why.Reason)
}

func refusalOf(h wire.Hash, why *policy.Refusal) Refusal {
	return Refusal{Hash: h, Code: string(why.Code), Reason: why.Reason}
}
