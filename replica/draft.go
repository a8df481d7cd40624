package replica

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"flyleaf/crdt"
	core "flyleaf/crdt/document"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/storage"
)

// draft is a transaction of local acts, which are saved together or not at all. It is
// used while the document is locked and its engine open, and ended by save or drop.
type draft struct {
	doc      *document
	entries  []storage.Entry
	reissues wire.Hash          // the excluded change that is reissued, if any
	follow   *storage.Following // of a new event: follow it in the same transaction
}

// storedAct is an act as stored in the ledger.
type storedAct struct {
	qa.Act
	Reissues string `json:"reissues,omitempty"` // hash of the local change that this one replaces
}

// do turns one act into a change by this person. Nothing is saved yet.
func (d *draft) do(act qa.Act) (crdt.Made, error) { return d.doAs(d.doc.node.cfg.Key, act) }

// doAs is do with another of this person's keys.
func (d *draft) doAs(key keys.Key, act qa.Act) (crdt.Made, error) {
	doc := d.doc
	if act.AtMillis == 0 {
		act.AtMillis = doc.node.cfg.Now().UnixMilli()
	}
	if act.Kind == qa.ActPost && doc.contents.Policy().Closed() {
		return crdt.Made{}, ErrEventClosed
	}
	if act.Kind == qa.ActEvent {
		here := doc.contents.Projection().Event()
		changed := here.With(&act)
		if err := changed.CheckNew(&here); err != nil {
			return crdt.Made{}, err
		}
	}
	if key.Identity() != doc.node.Identity() {
		restore, err := doc.engine.writeAs(key)
		if err != nil {
			return crdt.Made{}, err
		}
		defer restore()
	}
	made, err := doc.engine.do(act)
	if err != nil {
		return made, err
	}
	if !made.NoChange {
		return made, d.accept(made, act, key)
	}
	if act.Kind == qa.ActReact && act.On != doc.reacts(act.Post, key.Identity(), act.Emoji) {
		return d.reactTwice(key, act)
	}
	return made, nil
}

// reacts reports whether a person's reaction to a post is on.
func (doc *document) reacts(post qa.PostID, by qa.Identity, emoji string) bool {
	p, _ := doc.contents.Projection().Post(post)
	return slices.Contains(p.Reactions, qa.Reaction{By: by, Emoji: emoji})
}

// reactTwice toggles a reaction twice, so that it ends with the wanted value. Two devices of
// one person may each have created a map for the person's reactions. The engine shows only
// one of these maps. The reaction may have the wanted value there, and the opposite in the
// other map. The changes made here are later than both maps, so they decide.
func (d *draft) reactTwice(key keys.Key, act qa.Act) (crdt.Made, error) {
	var made crdt.Made
	for _, on := range []bool{!act.On, act.On} {
		act.On = on
		var err error
		if made, err = d.doc.engine.do(act); err == nil && !made.NoChange {
			err = d.accept(made, act, key)
		}
		if err != nil {
			return made, err
		}
	}
	return made, nil
}

// accept signs a new change and adds it to the contents, if the event's rules allow it.
func (d *draft) accept(made crdt.Made, act qa.Act, key keys.Key) error {
	doc, c := d.doc, made.Change
	signature, err := keys.Sign(key, doc.id, c.Hash)
	if err != nil {
		return err
	}
	if act.Kind == qa.ActPost {
		act.Post = made.Post // for actOf
	}
	k := storedAct{Act: act}
	if d.reissues != (wire.Hash{}) {
		k.Reissues = d.reissues.String()
	}
	kept, err := json.Marshal(k)
	if err != nil {
		return err
	}
	now := doc.node.cfg.Now().UnixMilli()
	d.entries = append(d.entries, storage.Entry{
		Chunk: made.Chunk, Actor: c.Actor, Seq: c.Seq, Signature: signature,
		ReceivedAtMillis: now, Own: true, Act: kept,
	})
	added, err := doc.contents.Add(core.NewChange(c, made.Chunk, signature, now))
	switch {
	case err == nil && added.Refusal != nil:
		doc.refused.Forget(c.Hash) // it was never saved, so no peer will send it
		err = added.Refusal
	case err == nil && len(added.Applied) != 1:
		err = errors.New("the new change depends on changes that are missing here")
	}
	if err != nil {
		return fmt.Errorf("%w; nothing was changed: %w", ErrNotAllowed, err)
	}
	return nil
}

// drop undoes the draft in the engine and the contents.
func (d *draft) drop() {
	if len(d.entries) > 0 {
		d.doc.discard()
	}
}

// save writes the draft in one transaction and then notifies subscribers and the relay
// connection. When it fails, no part of the draft is kept. ErrNotSaved is returned when
// the disk failed.
func (d *draft) save(ctx context.Context) error {
	doc := d.doc
	if len(d.entries) == 0 {
		doc.engine.restartIdleTimer()
		return nil
	}
	if err := ctx.Err(); err != nil {
		doc.discard()
		return err
	}
	// From here on a caller's cancellation must not make it unclear whether the
	// transaction was committed.
	ctx = context.WithoutCancel(ctx)
	views := doc.contents.Touched()
	err := doc.node.store.Append(ctx, storage.Batch{Event: doc.id, Entries: d.entries, Views: views, Follow: d.follow})
	if err != nil && !d.saved(ctx) {
		doc.discard()
		return fmt.Errorf("%w: %w", ErrNotSaved, err)
	}
	doc.engine.noteWritten(len(d.entries))
	doc.cached.noteWritten(d.entries)
	for i := range d.entries {
		doc.excluded.noteReissue(d.entries[i].Act)
	}
	doc.withhold(d.entries)
	doc.engine.restartIdleTimer()
	update := doc.committed(ctx, views, true)
	doc.node.updated(doc.id)
	doc.node.subs.notify(update)
	return nil
}

// saved checks whether a transaction that reported an error was committed after all, as
// can happen when the error came after the commit.
func (d *draft) saved(ctx context.Context) bool {
	_, err := d.doc.node.store.Entry(ctx, d.doc.id, d.entries[len(d.entries)-1].Hash())
	return err == nil
}
