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

// addInspected validates inspected changes and saves the valid ones in one transaction.
// Invalid changes are recorded in refused and are not an error. If it returns an error,
// none of the changes were saved. mu is held and the document is loaded.
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
			return Update{}, fmt.Errorf("changes that arrived could not be saved on this device: %w", err)
		}
		if onWithheld { // somebody else has the withheld change
			doc.releaseAll(ctx)
		}
		for i := range batch.Entries {
			doc.engine.addPending(batch.Entries[i].Chunk)
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

// addOne adds a change to the contents, unless it is there already or refused. A change for
// which the graph has no room is skipped, because it will be requested again. An error means
// that the contents cannot be used any more, or that too many changes were refused.
func (doc *document) addOne(found *inspected, now int64) (core.Added, error) {
	if found.Known || doc.contents.CanSkip(found.Hash) {
		return core.Added{}, nil
	}
	why := found.Refusal
	if why == nil {
		if r, before := doc.refused.Get(found.Hash); before && r.Code == policy.CodeSignature {
			doc.refused.ForgetRetryable() // the signature is valid now, so the change and its dependents may be valid
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
	doc.node.cfg.Log.Warn("a change from the relay was refused", "event", doc.id, "change", h, "code", why.Code, "reason", why.Reason)
}

func refusalOf(h wire.Hash, why *policy.Refusal) Refusal {
	return Refusal{Hash: h, Code: string(why.Code), Reason: why.Reason}
}
