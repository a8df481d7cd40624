package replica

import (
	"context"

	"flyleaf/qa"
)

// What the device does automatically.

// maxHeads is how many heads an event may have before this device joins them. Each head
// is a dependency of the next change, and the dependencies of a change are bounded.
const maxHeads = 256

// joinHeads writes an empty change that depends on all heads when there are too many.
// mu is held and the document is loaded.
func (doc *document) joinHeads(ctx context.Context) error {
	invited := doc.contents.Policy().Access() == "invited" && !doc.contents.Policy().MayRead(doc.node.Identity())
	if len(doc.contents.Graph().Heads()) <= maxHeads || invited || doc.contents.Policy().HasNewerRules() {
		return nil // there is no need, or it is for others to do
	}
	if err := doc.engine.open(ctx); err != nil {
		return err
	}
	d := &draft{doc: doc}
	if _, err := d.do(qa.Act{Kind: qa.ActMerge}); err != nil {
		d.drop()
		// For example, the event may be of a newer version. Another device will join them.
		doc.node.cfg.Log.Warn("the heads of an event could not be joined", "event", doc.id, "error", err)
		return nil
	}
	return d.save(ctx)
}

// runAutomaticSoon calls runAutomatic in a new goroutine.
func (n *Node) runAutomaticSoon(doc *document) {
	n.background(func() {
		if err := doc.runAutomatic(n.ctx); err != nil && n.ctx.Err() == nil {
			n.cfg.Log.Warn("an event could not be tended", "event", doc.id, "error", err)
		}
	})
}

// runAutomatic does what this device does automatically when changes have arrived, or
// when a connection begins.
func (doc *document) runAutomatic(ctx context.Context) error {
	doc.mu.Lock()
	defer doc.mu.Unlock()
	for _, do := range []func(context.Context) error{
		doc.joinHeads, doc.claimInvitations, doc.answerClaims, doc.reissuePossible,
	} {
		if err := doc.load(ctx); err != nil { // a refused act discards what was loaded
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

func (doc *document) reissuePossible(ctx context.Context) error {
	doc.reissue(ctx)
	return nil
}
