package replica

import (
	"context"

	"flyleaf/qa"
	"flyleaf/schema"
)

// maxHeads is how many heads an event may have before this device joins them. The next
// change depends on every head, and the number of dependencies of a change is bounded.
const maxHeads = 256

// joinHeads writes an empty change that depends on all heads when there are too many.
// mu is held and the document is loaded.
func (doc *document) joinHeads(ctx context.Context) error {
	outsider := doc.contents.Policy().Access() == schema.AccessInvited && !doc.contents.Policy().MayRead(doc.node.Identity())
	if len(doc.contents.Graph().Heads()) <= maxHeads || outsider || doc.contents.Policy().HasNewerRules() {
		return nil // not needed, or this person may not write here
	}
	if err := doc.engine.open(ctx); err != nil {
		return err
	}
	d := &draft{doc: doc}
	if _, err := d.do(qa.Act{Kind: qa.ActMerge}); err != nil {
		d.drop()
		// Another device will join the heads.
		doc.node.cfg.Log.Warn("the heads of an event could not be joined", "event", doc.id, "error", err)
		return nil
	}
	return d.save(ctx)
}

// runAutomaticSoon calls runAutomatic in a new goroutine.
func (n *Node) runAutomaticSoon(doc *document) {
	n.background(func() {
		if err := doc.runAutomatic(n.ctx); err != nil && n.ctx.Err() == nil {
			n.cfg.Log.Warn("the automatic acts in an event failed", "event", doc.id, "error", err)
		}
	})
}

// introduce writes this person's profile into the event once they have a role in it, or have claimed one, so that
// the others see a name before the first post. It does nothing if the event has a profile of theirs, and tries once in
// a run. mu is held and the document is loaded.
func (doc *document) introduce(ctx context.Context) error {
	policy, me := doc.contents.Policy(), doc.node.Identity()
	if _, known := doc.contents.Projection().Object(schema.KeyPeople, string(me)); known || doc.introduced || doc.node.cfg.Introduction == nil || policy.HasNewerRules() {
		return nil
	}
	if !policy.MayRead(me) && (policy.Access() == schema.AccessInvited || !doc.hasClaimed()) {
		return nil
	}
	act, ok, err := doc.node.cfg.Introduction(ctx)
	if err != nil {
		return err
	}
	doc.introduced = true // a profile that is chosen later is written then
	if !ok {
		return nil
	}
	if err := doc.engine.open(ctx); err != nil {
		return err
	}
	d := &draft{doc: doc}
	if _, err := d.do(act); err != nil {
		d.drop()
		// It is written with the first post.
		doc.node.cfg.Log.Warn("the profile could not be written to an event", "event", doc.id, "error", err)
		return nil
	}
	return d.save(ctx)
}

// hasClaimed reports whether this person has claimed an invitation that still waits for its answer. mu is held and the document is loaded.
func (doc *document) hasClaimed() bool {
	joined := doc.keys.invitations()
	if len(joined) == 0 {
		return false // the usual case
	}
	_, state := doc.invitationView().ClaimState(doc.node.Identity(), joined, true)
	return state == qa.InviteClaimed
}

// runAutomatic carries out the device's automatic acts: it joins heads, claims and answers
// invitations, writes the person's profile, and reissues acts. It is called when changes have arrived and when a
// connection begins.
func (doc *document) runAutomatic(ctx context.Context) error {
	doc.mu.Lock()
	defer doc.mu.Unlock()
	for _, do := range []func(context.Context) error{
		doc.joinHeads, doc.claimInvitations, doc.introduce, doc.answerClaims, doc.reissuePossible,
	} {
		if err := doc.load(ctx); err != nil { // a refused act discards the loaded document
			return err
		}
		if doc.contents.Graph().Len() == 0 {
			return nil
		}
		if err := do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// reissuePossible is reissue in the form of the other automatic acts: reissue logs its
// errors.
func (doc *document) reissuePossible(ctx context.Context) error {
	doc.reissue(ctx)
	return nil
}
