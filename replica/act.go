package replica

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"flyleaf/crdt"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/storage"
)

// draft is a number of local acts that will be saved together or not at all. It
// is used under the event's mu and ended by save or drop.
type draft struct {
	doc      *document
	entries  []storage.Entry
	reissues wire.Hash // the change that is written anew, if one is
}

// keptAct is an act as it stands in the ledger.
type keptAct struct {
	qa.Act
	Reissues string `json:"reissues,omitempty"` // hash of the own change that this one takes the place of
}

// do turns one act into a change of this person. Nothing is saved yet.
func (d *draft) do(act qa.Act) (crdt.Made, error) { return d.doAs(d.doc.node.cfg.Key, act) }

// doAs is do with another of this person's keys.
func (d *draft) doAs(key keys.Key, act qa.Act) (crdt.Made, error) {
	doc := d.doc
	if act.AtMillis == 0 {
		act.AtMillis = doc.node.cfg.Now().UnixMilli()
	}
	if key.Identity() != doc.node.Identity() {
		back, err := doc.engine.writeAs(key)
		if err != nil {
			return crdt.Made{}, err
		}
		defer back()
	}
	made, err := doc.engine.do(act)
	if err != nil {
		return made, err
	}
	if !made.Nothing {
		return made, d.take(made, act, key)
	}
	if act.Kind == qa.ActReact && act.On != doc.reacts(act.Post, key.Identity(), act.Emoji) {
		return d.reactAnew(key, act)
	}
	return made, nil
}

// reacts reports whether somebody's reaction is on.
func (doc *document) reacts(post qa.PostID, by qa.Identity, emoji string) bool {
	p, _ := doc.contents.projection.Post(post)
	return slices.Contains(p.Reactions, qa.Reaction{By: by, Emoji: emoji})
}

// reactAnew switches a reaction to and fro. The document shows the map of one of
// this person's devices, where nothing is to be changed; in that of another, made at
// the same time, it stands otherwise. The last word over both is now this one.
func (d *draft) reactAnew(key keys.Key, act qa.Act) (crdt.Made, error) {
	var made crdt.Made
	for _, on := range []bool{!act.On, act.On} {
		act.On = on
		var err error
		if made, err = d.doc.engine.do(act); err == nil && !made.Nothing {
			err = d.take(made, act, key)
		}
		if err != nil {
			return made, err
		}
	}
	return made, nil
}

// take signs a new change, asks this device's own rules about it, and gives it to
// graph and fold.
func (d *draft) take(made crdt.Made, act qa.Act, key keys.Key) error {
	doc, c := d.doc, made.Change
	signature, err := keys.Sign(key, doc.id, c.Hash)
	if err != nil {
		return err
	}
	if act.Kind == qa.ActPost {
		act.Post = made.Post // not read by the kind, but what Delivery asks for
	}
	k := keptAct{Act: act}
	if d.reissues != (wire.Hash{}) {
		k.Reissues = d.reissues.String()
	}
	kept, err := json.Marshal(k)
	if err != nil {
		return err
	}
	now := doc.node.cfg.Now().UnixMilli()
	d.entries = append(d.entries, storage.Entry{
		Hash: c.Hash, Actor: c.Actor, Seq: c.Seq, Bytes: made.Bytes, Signature: signature,
		ReceivedAtMillis: now, Own: true, Act: kept,
	})
	added, err := doc.contents.add(pendingChange{change: c, received: now})
	if err == nil && len(added) != 1 {
		err = errors.New("it does not follow what is there")
	}
	if err != nil {
		return fmt.Errorf("%w; nothing was changed: %w", ErrNotAllowed, err)
	}
	return nil
}

// drop forgets the draft: what the document took is thrown away with it.
func (d *draft) drop() {
	if len(d.entries) > 0 {
		d.doc.discard()
	}
}

// save writes the draft in one transaction and then tells of it. When it fails
// nothing of the draft is left anywhere.
func (d *draft) save(ctx context.Context) error {
	doc := d.doc
	if len(d.entries) == 0 {
		doc.engine.used()
		return nil
	}
	if err := ctx.Err(); err != nil {
		doc.discard()
		return err
	}
	// From here on the caller's giving up must not leave it open whether the
	// transaction was committed.
	ctx = context.WithoutCancel(ctx)
	views := doc.contents.views()
	err := doc.node.store.Append(ctx, storage.Batch{Event: doc.id, Entries: d.entries, Views: views})
	if err != nil && !d.saved(ctx) {
		doc.discard()
		return fmt.Errorf("%w: %w", ErrNotSaved, err)
	}
	doc.engine.loaded += len(d.entries)
	doc.cached.wrote(d.entries)
	for i := range d.entries {
		doc.excluded.noteReissue(d.entries[i].Act)
	}
	doc.withhold(d.entries)
	doc.engine.used()
	update := doc.committed(ctx, views, true)
	doc.node.updated(doc.id) // the connection, before the writer knows
	doc.node.subs.notify(update)
	return nil
}

// saved asks the store whether a transaction that reported an error was
// committed all the same, as can happen when the error came after the commit.
func (d *draft) saved(ctx context.Context) bool {
	_, err := d.doc.node.store.Entry(ctx, d.doc.id, d.entries[len(d.entries)-1].Hash)
	return err == nil
}

// Do carries out one act in an event: it is on disk when Do returns. It returns
// the new post's ID for qa.ActPost, "" for others. An act that changes nothing
// is not an error. *qa.FieldError and the errors of package crdt are returned
// for acts that are not allowed, ErrNotSaved when the disk did not take it; in
// both cases nothing has changed.
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
	if act.Kind == qa.ActEvent {
		here := doc.contents.projection.Event()
		changed := here.With(&act)
		if err := changed.CheckNew(&here); err != nil {
			return "", err
		}
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

// Found makes a new event with this device's person as its organiser and follows
// it. ID and Founder of the event given are ignored; the relay, if any, becomes
// the first of its relays.
func (n *Node) Found(ctx context.Context, event qa.Event, relay string) (qa.EventID, qa.Invitation, error) {
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
	if err := n.follow(ctx, d.doc, relay); err != nil {
		return "", qa.Invitation{}, err
	}
	return d.doc.id, qa.Invitation{Event: d.doc.id, Relay: relay}, nil
}

// genesis drafts a new event. Nothing is saved or followed yet.
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
	act := qa.Act{Kind: qa.ActFound, AtMillis: n.cfg.Now().UnixMilli(), Event: &event}
	// An actor of its own makes the first change unlike any other, and so the
	// event's ID: the same words may be founded twice in one moment.
	actor, err := n.newActor()
	if err != nil {
		return nil, err
	}
	engine, made, err := crdt.Found(actor, act)
	if err != nil {
		return nil, err
	}
	doc := n.newDocument(qa.EventIDFromGenesis([32]byte(made.Change.Hash)))
	doc.engine.actor = actor
	doc.contents = newContents(doc.id)
	doc.engine.doc = engine
	d := &draft{doc: doc}
	if err := d.take(made, act, n.cfg.Key); err != nil {
		d.drop()
		return nil, err
	}
	return d, nil
}

// Rebuild drops the event's views and makes them again from the ledger.
func (n *Node) Rebuild(ctx context.Context, id qa.EventID) error {
	doc, err := n.document(id)
	if err != nil {
		return err
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	doc.discard() // from the ledger alone, not from what happens to be in memory
	if err := doc.load(ctx); err != nil {
		return err
	}
	views := doc.contents.allViews()
	if err := n.store.ReplaceViews(ctx, id, views); err != nil {
		return err
	}
	n.subs.notify(doc.committed(ctx, views, true))
	return nil
}
