package replica

import (
	"context"
	"encoding/json"
	"errors"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// What a relay holds of what this person wrote.

// noteDelivery notes which own changes a relay holds: its heads, theirs, and everything in
// their past are on its disk. lossKnown says whether it was found out on this connection
// if the relay has lost own changes; known says whether that is found out now. changed
// says that something was noted. mu is held and the document is loaded.
func (doc *document) noteDelivery(ctx context.Context, theirs []wire.Hash, lossKnown bool) (known, changed bool, err error) {
	all := true
	for _, h := range theirs {
		all = all && doc.contents.Graph().Has(h)
	}
	// Heads that are not known here may have own changes in their past. So a change counts
	// as lost only if all heads are known here, or there are none.
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
	past := doc.contents.Graph().Ancestors(theirs)
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
	for _, h := range doc.contents.Graph().NotAncestorsOf(theirs) {
		if m, ok := doc.contents.Graph().Node(h); !ok || !doc.owns(m.Actor) {
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

// setDelivered notes on disk, then in memory, whether a relay holds own changes. mu is
// held.
func (doc *document) setDelivered(ctx context.Context, delivered bool, hashes []wire.Hash) error {
	if len(hashes) == 0 {
		return nil // none would mean all
	}
	if err := doc.node.store.SetDelivered(ctx, doc.id, delivered, hashes...); err != nil {
		return err
	}
	if !delivered {
		doc.cached.invalidateDelivery()
		return nil
	}
	doc.cached.delivered(hashes)
	doc.release(ctx, hashes)
	return nil
}

// postOf returns the post that an own change is about. The act is kept with the ID of
// the post it made, see draft.take.
func postOf(en storage.Entry) qa.PostID {
	var a qa.Act
	if json.Unmarshal(en.Act, &a) != nil {
		return ""
	}
	return a.Post
}

// owns reports whether an actor belongs to this device's person. It is cheap, so it is
// asked before the ledger is.
func (doc *document) owns(a wire.ActorID) bool {
	if n := doc.node; len(a) == len(n.actor) && a[:32] == n.actor[:32] {
		return true
	}
	_, ours := doc.keys[qa.IdentityOfActor([]byte(a))]
	return ours
}
