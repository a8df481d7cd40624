package replica

import (
	"context"

	"flyleaf/crdt"
	core "flyleaf/crdt/document"
	"flyleaf/qa"
	"flyleaf/storage"
)

// Do carries out one act in an event: it is on disk when Do returns. It returns the new
// post's ID for qa.ActPost, "" for others. An act that changes nothing is not an error.
// *qa.FieldError and the errors of package crdt are returned for acts that are not
// allowed, ErrNotSaved when the disk failed; in both cases nothing has changed.
func (n *Node) Do(ctx context.Context, id qa.EventID, act qa.Act) (qa.PostID, error) {
	doc, err := n.document(id)
	if err != nil {
		return "", err
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.engine.open(ctx); err != nil {
		return "", err
	}
	key, err := doc.writer(ctx, &act)
	if err != nil {
		return "", err
	}
	d := &draft{doc: doc}
	made, err := d.doAs(key, act)
	if err != nil {
		d.drop()
		return "", doc.explainMissing(&act, err)
	}
	return made.Post, d.save(ctx)
}

// DoAll carries out several acts in an event, one change each, in one transaction:
// all of them are on disk when it returns, or none. The errors are those of Do.
func (n *Node) DoAll(ctx context.Context, id qa.EventID, acts []qa.Act) error {
	doc, err := n.document(id)
	if err != nil {
		return err
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.engine.open(ctx); err != nil {
		return err
	}
	d := &draft{doc: doc}
	for _, act := range acts {
		if _, err := d.do(act); err != nil {
			d.drop()
			return err
		}
	}
	return d.save(ctx)
}

// CreateEvent creates a new event with this device's person as its founder, and follows it.
// It ignores the ID and Founder of the given event. If the event names no relays, relay, if
// not "", becomes its only one.
func (n *Node) CreateEvent(ctx context.Context, event qa.Event, relay string) (qa.EventID, qa.Invitation, error) {
	d, err := n.genesis(event, relay)
	if err != nil {
		return "", qa.Invitation{}, err
	}
	d.doc.mu.Lock()
	err = d.save(ctx)
	d.doc.mu.Unlock()
	if err != nil {
		return "", qa.Invitation{}, err
	}
	n.sources.Imported(&event, d.doc.id)
	n.nowFollowed(d.doc, relay)
	return d.doc.id, n.invitationAt(ctx, d.doc.id, relay), nil
}

// genesis drafts the first change of a new event. Saving the draft also follows the event on disk;
// nowFollowed must be called then.
func (n *Node) genesis(event qa.Event, relay string) (*draft, error) {
	n.mu.Lock()
	closed := n.closed
	n.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	if relay != "" {
		if err := qa.CheckRelay(relay); err != nil {
			return nil, err
		}
		if len(event.Relays) == 0 {
			event.Relays = []string{relay}
		}
	}
	event.ID, event.Founder = "", ""
	act := qa.Act{Kind: qa.ActCreate, AtMillis: n.cfg.Now().UnixMilli(), Event: &event}
	// A new actor makes the first change, and so the event's ID, unique, even if the same
	// event is created twice at the same moment.
	actor, err := n.newActor()
	if err != nil {
		return nil, err
	}
	engine, made, err := crdt.Create(actor, act)
	if err != nil {
		return nil, err
	}
	doc := n.newDocument(qa.EventIDFromGenesis([32]byte(made.Change.Hash)))
	doc.engine.actor = actor
	doc.contents = core.New(doc.id, core.Options{Projection: true, Refusals: doc.refused})
	doc.engine.doc = engine
	d := &draft{doc: doc, follow: &storage.Following{Event: doc.id, Relay: relay, JoinedAtMillis: act.AtMillis}}
	if err := d.accept(made, act, n.cfg.Key); err != nil {
		d.drop()
		return nil, err
	}
	return d, nil
}

// Rebuild replaces the event's views with views computed from the ledger.
func (n *Node) Rebuild(ctx context.Context, id qa.EventID) error {
	_, err := n.rebuild(ctx, id)
	return err
}

// rebuild is Rebuild, and returns the new views. If these could not be stored, it returns them with the error.
func (n *Node) rebuild(ctx context.Context, id qa.EventID) (storage.ViewUpdate, error) {
	doc, err := n.document(id)
	if err != nil {
		return storage.ViewUpdate{}, err
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	doc.discard() // compute from the ledger, not from the state in memory
	if err := doc.load(ctx); err != nil {
		return storage.ViewUpdate{}, err
	}
	views := doc.contents.Views()
	if err := n.store.ReplaceViews(ctx, id, views); err != nil {
		return views, err
	}
	n.subs.notify(doc.replaced(ctx, views))
	return views, nil
}
