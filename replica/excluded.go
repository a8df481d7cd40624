package replica

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	core "flyleaf/crdt/document"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/storage"
)

// exclusions is what is known of changes that are excluded, which contents names: they
// are in the ledger, and the event's rules refuse them or something that they depend on.
// An earlier version of this program took them, or made them. And it is what is known of
// own acts that do not count, for this reason or because they are void.
type exclusions struct {
	reissueState
	// unsavedStatuses are statuses that the disk has not taken note of yet; tried again whenever
	// the document is asked for.
	unsavedStatuses map[wire.Hash]storage.Status
	reasons         map[wire.Hash]error // why own acts could not be written anew
	ledgerChecked   bool                // the ledger was held against the rules, see confirm
	epoch           int                 // counts the times that changes were excluded, see exclude
}

func newExclusions() exclusions {
	return exclusions{reissueState: newReissueState(), reasons: map[wire.Hash]error{}}
}

// reset drops what was computed from the ledger's rows.
func (x *exclusions) reset() { x.reissueState = newReissueState() }

// reissueState is computed from the ledger's rows at each load.
type reissueState struct {
	// posts are those that excluded changes made, and own ones that are void.
	posts map[qa.PostID]formerPost
	// ineffectiveAct are own acts that do not count, in the ledger's order; reissued are the
	// changes whose acts were written again.
	ineffective []ineffectiveAct
	reissued    map[wire.Hash]bool
}

// formerPost is a post that is excluded or void.
type formerPost struct {
	origin qa.PostID // the earlier post of which it is a reissue, "" for none
	text   string    // its first version
}

func newReissueState() reissueState {
	return reissueState{posts: map[qa.PostID]formerPost{}, reissued: map[wire.Hash]bool{}}
}

// notePost records the post of a change that does not count.
func (x *reissueState) notePost(chunk []byte) {
	c, err := wire.DecodeChange(chunk)
	if err != nil {
		return
	}
	if id, p, ok := madePost(c); ok {
		if _, again := x.posts[id]; !again {
			x.posts[id] = p
		}
	}
}

// madePost returns the post that a change makes.
func madePost(c *wire.Change) (id qa.PostID, p formerPost, ok bool) {
	if len(c.Ops) == 0 || c.Ops[0].Action != wire.MakeMap {
		return "", p, false
	}
	id, err := qa.ParsePostID(c.Ops[0].Key.Prop)
	if err != nil {
		return "", p, false
	}
	post := wire.OpID{Counter: c.StartOp, Actor: c.Actor}
	for i := range c.Ops {
		op := &c.Ops[i]
		text, isText := op.Value.Str()
		switch {
		case op.Obj == post && op.Key.Prop == "origin":
			p.origin = qa.PostID(text)
		case op.Obj != post && isText:
			p.text = text // the only text that is not a field of the post itself: its revision
		}
	}
	return id, p, true
}

func joinUpdates(a, b Update) Update {
	if a.Event == "" {
		return b
	}
	a.Status = a.Status || b.Status
	for _, p := range b.Posts {
		if !slices.Contains(a.Posts, p) {
			a.Posts = append(a.Posts, p)
		}
	}
	return a
}

// exclude removes changes and their dependents from the contents, in one transaction
// that also replaces the views. This person's acts among them are reissued later. When
// it fails, nothing has changed. mu is held and the event is loaded.
func (doc *document) exclude(ctx context.Context, refused map[wire.Hash]storage.Status) (Update, error) {
	ctx = context.WithoutCancel(ctx)
	leaving := doc.withDescendants(refused)
	before := doc.contents.Projection().Posts()
	doc.engine.drop()
	doc.engine.dropActors() // they are not used again
	loaded, err := doc.readLedger(ctx, leaving)
	if err != nil && !errors.Is(err, storage.ErrDamaged) {
		doc.discard()
		return Update{}, err
	}
	maps.Copy(leaving, loaded.Statuses)
	for h, why := range loaded.Reasons {
		doc.excluded.reasons[h] = why
	}
	batch := storage.Batch{Event: doc.id, Statuses: leaving, Views: doc.contents.Views(), ReplaceViews: true}
	if err := doc.node.store.Append(ctx, batch); err != nil {
		doc.discard()
		return Update{}, fmt.Errorf("what the event's rules refuse could not be noted on this device; nothing was changed: %w", err)
	}
	u := doc.noteExcluded(ctx, leaving, batch.Views)
	for _, p := range before {
		if _, still := doc.contents.Projection().Post(p.ID); !still {
			u.Posts = append(u.Posts, p.ID)
		}
	}
	return u, nil
}

// excludeOnDisk records on disk that the rules of this version refuse changes of the ledger.
// This person's acts among them are reissued later. The contents already lack them, so
// if the disk fails, only the views show them until the next time. mu is held.
func (doc *document) excludeOnDisk(ctx context.Context) {
	cut := maps.Clone(doc.excluded.unsavedStatuses)
	maps.DeleteFunc(cut, func(_ wire.Hash, status storage.Status) bool { return status == storage.InDocument })
	doc.node.cfg.Log.Warn("an earlier version of this program took changes that the event's rules refuse; they leave the event, with what builds on them",
		"event", doc.id, "changes", len(cut))
	doc.node.subs.notify(doc.noteExcluded(ctx, cut, doc.saveStatuses(ctx)))
	doc.node.runAutomaticSoon(doc)
}

// saveStatuses saves the statuses that are not on disk yet, together with the current
// views, and returns the views. mu is held.
func (doc *document) saveStatuses(ctx context.Context) storage.ViewUpdate {
	views := doc.contents.Views()
	batch := storage.Batch{Event: doc.id, Statuses: doc.excluded.unsavedStatuses, Views: views, ReplaceViews: true}
	if err := doc.node.store.Append(context.WithoutCancel(ctx), batch); err != nil {
		doc.node.cfg.Log.Warn("what belongs to the event, and what does not, could not be noted on this device; it is tried again", "event", doc.id, "error", err)
		return views
	}
	doc.excluded.unsavedStatuses = nil
	return views
}

// noteExcluded notes in memory what was excluded. views are what the event shows now. mu
// is held.
func (doc *document) noteExcluded(ctx context.Context, excluded map[wire.Hash]storage.Status, views storage.ViewUpdate) Update {
	for h := range doc.contents.Excluded() {
		doc.refused.Forget(h)
	}
	doc.excluded.epoch++
	doc.cached.invalidateDelivery()
	for h := range excluded {
		doc.cached.dropRelayRefusal(h)
	}
	return doc.committed(ctx, views, true)
}

// withDescendants adds to changes everything that depends on them; these get the status
// Excluded.
func (doc *document) withDescendants(roots map[wire.Hash]storage.Status) map[wire.Hash]storage.Status {
	leaving := map[wire.Hash]storage.Status{}
	var deps []wire.Hash
	for h := range doc.contents.Graph().Order() {
		if status, root := roots[h]; root {
			leaving[h] = status
			continue
		}
		deps = doc.contents.Graph().Deps(deps[:0], h)
		if slices.ContainsFunc(deps, func(d wire.Hash) bool { _, out := leaving[d]; return out }) {
			leaving[h] = storage.Excluded
		}
	}
	return leaving
}

// voidSetting is the setting that says that own acts in an event are void, or were.
func voidSetting(event qa.EventID) string { return "void/" + string(event) }

// noteVoid records which acts of this device are void because its actor signed two
// versions of a change: another copy of this device's data was used at the same time.
// The acts are reissued later. mu is held.
func (doc *document) noteVoid(ctx context.Context, actor wire.ActorID) error {
	g := doc.contents.Graph()
	if !doc.isOwn(actor) {
		return nil
	}
	fork := g.Fork(actor)
	if fork == 0 {
		return nil
	}
	if actor == doc.engine.actor || actor == doc.engine.actors[qa.IdentityOfActor([]byte(actor))] {
		doc.engine.drop()
		doc.engine.dropActors()
	}
	var rows []storage.Entry
	for _, place := range g.ChangesFrom(actor, fork) {
		en, err := doc.node.store.Entry(ctx, doc.id, g.HashAt(int(place)))
		if errors.Is(err, storage.ErrDamaged) || errors.Is(err, storage.ErrNotFound) || err == nil && !en.Own {
			continue
		}
		if err != nil {
			return err
		}
		rows = append(rows, en)
	}
	if len(rows) == 0 {
		return nil
	}
	slices.SortFunc(rows, func(a, b storage.Entry) int { return cmp.Compare(a.Position, b.Position) })
	for i := range rows {
		doc.excluded.noteIneffective(&rows[i])
	}
	doc.cached.invalidate()
	return doc.node.store.SetSetting(ctx, voidSetting(doc.id), "own acts were void")
}

// confirmRefusals checks this device's own changes that a relay refused for good against this
// device's rules. It checks the whole ledger, once in the life of the node: what was
// written since was validated before it was saved. Changes that these rules refuse too,
// because an older version of this program made them, are excluded.
func (doc *document) confirmRefusals(ctx context.Context, refused []repo.Refusal) (Update, error) {
	ours := slices.ContainsFunc(refused, func(r repo.Refusal) bool {
		m, ok := doc.contents.Graph().Node(wire.Hash(r.Hash))
		return ok && !r.Deferred && doc.isOwn(m.Actor)
	})
	if !ours || doc.excluded.ledgerChecked {
		return Update{}, nil
	}
	invalid := map[wire.Hash]storage.Status{}
	again := core.New(doc.id, core.Options{})
	err := doc.node.store.Entries(ctx, doc.id, 0, func(en storage.Entry) error {
		if !doc.contents.Graph().Has(en.Hash) {
			return nil
		}
		c, err := wire.DecodeChange(en.Bytes)
		if err != nil {
			return err
		}
		why := policy.RefusalOf(keys.Verify(doc.id, c.Actor, c.Hash, en.Signature))
		if why == nil {
			added, err := again.Add(core.NewChange(c, en.Bytes, en.Signature, en.ReceivedAtMillis))
			if err != nil {
				return err
			}
			why = added.Refusal
		}
		if why != nil {
			invalid[c.Hash] = storage.Refused
			doc.excluded.reasons[c.Hash] = why
		}
		return nil
	})
	if err != nil && !errors.Is(err, storage.ErrDamaged) {
		return Update{}, err
	}
	doc.excluded.ledgerChecked = true
	if len(invalid) == 0 {
		return Update{}, nil
	}
	return doc.exclude(ctx, invalid)
}
