package replica

import (
	"context"
	"encoding/json"
	"errors"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// noteDelivery records which of this person's changes a relay has: theirs are the heads of
// the changes on its disk. lossChecked says whether this connection has already checked for
// changes that the relay lost; checked is its new value. changed says that something was
// recorded. mu is held and the document is loaded.
func (doc *document) noteDelivery(ctx context.Context, theirs []wire.Hash, lossChecked bool) (checked, changed bool, err error) {
	doc.noteRelayHeads(theirs)
	allKnown := true
	for _, h := range theirs {
		allKnown = allKnown && doc.contents.Graph().Has(h)
	}
	// Unknown heads may have local changes in their past. So a change counts as lost only if all
	// heads are known here. It also does if the relay has no heads.
	if allKnown && (!lossChecked || len(theirs) == 0) {
		missing, err := doc.deliveredButMissing(ctx, theirs)
		if err != nil {
			return lossChecked, false, err
		}
		if err := doc.setDelivered(ctx, false, missing); err != nil {
			return lossChecked, false, err
		}
		changed, lossChecked = len(missing) > 0, true
	}
	unsent, err := doc.unsent(ctx)
	if err != nil || len(unsent) == 0 {
		return lossChecked, changed, err
	}
	past := doc.contents.Graph().Ancestors(theirs)
	var arrived []wire.Hash
	for h := range unsent {
		if past.Has(h) {
			arrived = append(arrived, h)
		}
	}
	return lossChecked, changed || len(arrived) > 0, doc.setDelivered(ctx, true, arrived)
}

// deliveredButMissing returns this person's changes that are marked as delivered and are not
// in the past of the relay's heads.
func (doc *document) deliveredButMissing(ctx context.Context, theirs []wire.Hash) ([]wire.Hash, error) {
	var out []wire.Hash
	for _, h := range doc.contents.Graph().NotAncestorsOf(theirs) {
		if m, ok := doc.contents.Graph().Node(h); !ok || !doc.isOwn(m.Actor) {
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

// setDelivered records on disk, then in memory, whether a relay has these changes of
// this person. mu is held.
func (doc *document) setDelivered(ctx context.Context, delivered bool, hashes []wire.Hash) error {
	if len(hashes) == 0 {
		return nil // an empty list would mean all changes
	}
	if err := doc.node.store.SetDelivered(ctx, doc.id, delivered, hashes...); err != nil {
		return err
	}
	if !delivered {
		doc.cached.invalidateDelivery()
		return nil
	}
	doc.cached.noteDelivered(hashes)
	doc.release(ctx, hashes)
	return nil
}

// actOf returns the act of a change of this device, without the texts and fields in it. draft.accept
// stores the ID of a new post in the act.
func actOf(en storage.Entry) (a qa.Act) {
	if json.Unmarshal(en.Act, &a) != nil {
		return qa.Act{}
	}
	return qa.Act{Kind: a.Kind, Post: a.Post, Emoji: a.Emoji}
}

// isOwn reports whether an actor belongs to one of this person's keys. It does not read the
// ledger.
func (doc *document) isOwn(a wire.ActorID) bool {
	if n := doc.node; len(a) == len(n.actor) && a[:32] == n.actor[:32] {
		return true
	}
	_, ours := doc.keys[qa.IdentityOfActor([]byte(a))]
	return ours
}
