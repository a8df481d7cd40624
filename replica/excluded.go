package replica

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	core "flyleaf/crdt/document"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/internal/smallsort"
	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/storage"
)

// exclusions is what a document knows about its excluded changes and its ineffective acts.
// An excluded change is in the ledger, but the event's rules refuse it or a change that it
// depends on; an earlier version of this program accepted or made it. Which changes are
// excluded is recorded in the document's contents. An ineffective act is one of this
// person's acts that is excluded or void.
type exclusions struct {
	reissueState
	// unsavedStatuses are statuses that are not on disk yet, because a write failed. Each
	// load tries to save them again.
	unsavedStatuses map[wire.Hash]storage.Status
	reasons         map[wire.Hash]error // why changes are excluded, or why local acts could not be reissued
	ledgerChecked   bool                // the ledger was checked against the rules, see confirmRefusals
	epoch           int                 // counts how often changes were excluded, see noteExcluded
}

func newExclusions() exclusions {
	return exclusions{reissueState: newReissueState(), reasons: map[wire.Hash]error{}}
}

// reset drops the state that was computed from the ledger's rows.
func (x *exclusions) reset() { x.reissueState = newReissueState() }

// reissueState says which local acts have to be reissued. It is computed from the ledger's rows at
// each load.
type reissueState struct {
	// posts are the posts created by excluded changes and by local void changes.
	posts map[qa.PostID]formerPost
	// ineffective are local acts that do not count, in the ledger's order. reissued are the changes
	// whose acts were written again.
	ineffective []ineffectiveAct
	reissued    map[wire.Hash]bool
}

// formerPost is a post that is excluded or void.
type formerPost struct {
	origin qa.PostID // the earlier post that this one reissues, "" for none
	text   string    // its first revision
}

func newReissueState() reissueState {
	return reissueState{posts: map[qa.PostID]formerPost{}, reissued: map[wire.Hash]bool{}}
}

// notePost records the post that an excluded or void change created.
func (x *reissueState) notePost(chunk wire.Chunk) {
	c, err := chunk.Decode(wire.EventLimits)
	if err != nil {
		return
	}
	if id, p, ok := createdPost(c); ok {
		if _, known := x.posts[id]; !known {
			x.posts[id] = p
		}
	}
}

// createdPost returns the post that a change creates.
func createdPost(c *wire.Change) (id qa.PostID, p formerPost, ok bool) {
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
		case op.Obj == post && op.Key.Prop == schema.KeyOrigin:
			p.origin = qa.PostID(text)
		case op.Obj != post && isText:
			p.text = text // the only text outside the post's own map is its revision
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

// exclude removes changes and everything that depends on them from the contents, in one transaction
// that also replaces the views. Local acts among them are reissued later. If it fails, nothing has
// changed. mu is held and the document is loaded.
func (doc *document) exclude(ctx context.Context, refused map[wire.Hash]storage.Status) (Update, error) {
	ctx = context.WithoutCancel(ctx)
	leaving := maps.Clone(refused)
	before := doc.contents.Projection().Posts()
	doc.engine.drop()
	doc.engine.dropActors() // an actor whose change was excluded must not be used again
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
		return Update{}, fmt.Errorf("changes that the event's rules refuse could not be marked as excluded on this device; nothing was changed: %w", err)
	}
	u := doc.noteExcluded(ctx, leaving, batch.Views)
	for _, p := range before {
		if _, still := doc.contents.Projection().Post(p.ID); !still {
			u.Posts = append(u.Posts, p.ID)
		}
	}
	return u, nil
}

// excludeOnDisk marks changes in the ledger as excluded that loading has excluded. Local acts among
// them are reissued later. The contents do not have these changes, so if the disk fails, only the
// views show them until the next load. mu is held.
func (doc *document) excludeOnDisk(ctx context.Context) {
	excluded := maps.Clone(doc.excluded.unsavedStatuses)
	maps.DeleteFunc(excluded, func(_ wire.Hash, status storage.Status) bool { return status == storage.InDocument })
	doc.node.cfg.Log.Warn("an earlier version of this program accepted changes that the event's rules refuse; they are now excluded, with all changes that depend on them",
		"event", doc.id, "changes", len(excluded))
	doc.node.subs.notify(doc.noteExcluded(ctx, excluded, doc.saveStatuses(ctx)))
	doc.node.runAutomaticSoon(doc)
}

// saveStatuses saves the statuses that are not on disk yet, together with the current
// views, and returns the views. mu is held.
func (doc *document) saveStatuses(ctx context.Context) storage.ViewUpdate {
	views := doc.contents.Views()
	batch := storage.Batch{Event: doc.id, Statuses: doc.excluded.unsavedStatuses, Views: views, ReplaceViews: true}
	if err := doc.node.store.Append(context.WithoutCancel(ctx), batch); err != nil {
		doc.node.cfg.Log.Warn("which changes belong to the event could not be saved on this device; this is tried again at the next load", "event", doc.id, "error", err)
		return views
	}
	doc.excluded.unsavedStatuses = nil
	return views
}

// noteExcluded updates the state in memory after changes were excluded. views are the
// event's new views. mu is held.
func (doc *document) noteExcluded(ctx context.Context, excluded map[wire.Hash]storage.Status, views storage.ViewUpdate) Update {
	for h := range doc.contents.Excluded() {
		doc.refused.Forget(h)
	}
	doc.excluded.epoch++
	doc.cached.invalidateDelivery()
	for h := range excluded {
		doc.cached.dropRelayRefusal(h)
	}
	return doc.replaced(ctx, views)
}

// voidSetting returns the name of the setting which says that local acts in an event are void, or
// were.
func voidSetting(event qa.EventID) string { return "void/" + string(event) }

// noteVoid records which local acts of an actor are void because the actor signed two versions of
// one change: another copy of this device's data was used at the same time. The acts are reissued
// later. mu is held.
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
	smallsort.Func(rows, func(a, b storage.Entry) int { return cmp.Compare(a.Position, b.Position) })
	for i := range rows {
		doc.excluded.noteIneffective(&rows[i])
	}
	doc.cached.invalidate()
	return doc.node.store.SetSetting(ctx, voidSetting(doc.id), "own acts were void")
}

// confirmRefusals checks the ledger against this device's own rules after a relay has refused local
// changes for good. Changes that these rules refuse too are excluded: an older version of this
// program made them. The ledger is checked once in the life of the node, because new changes are
// validated before they are saved; more often only while it is damaged.
func (doc *document) confirmRefusals(ctx context.Context, refused []repo.Refusal) (Update, error) {
	ownRefused := slices.ContainsFunc(refused, func(r repo.Refusal) bool {
		m, ok := doc.contents.Graph().Node(wire.Hash(r.Hash))
		return ok && !r.Deferred && doc.isOwn(m.Actor)
	})
	if !ownRefused || doc.excluded.ledgerChecked {
		return Update{}, nil
	}
	loader := core.New(doc.id, core.Options{}).LoadChecked()
	damaged := doc.node.store.Entries(ctx, doc.id, 0, func(en storage.Entry) error {
		if !doc.contents.Graph().Has(en.Hash()) {
			return nil
		}
		en.Status = storage.InDocument // on disk it may not be saved yet
		_, err := loader.Row(&en)
		return err
	})
	if damaged != nil && !errors.Is(damaged, storage.ErrDamaged) {
		return Update{}, damaged
	}
	loaded, err := loader.Finish()
	if err != nil {
		return Update{}, err
	}
	// Rows that depend on a damaged one are checked once it has been fetched again.
	doc.excluded.ledgerChecked = loaded.Pending == 0
	if !loaded.Excludes() {
		return Update{}, nil
	}
	for h, why := range loaded.Reasons {
		doc.excluded.reasons[h] = why
	}
	return doc.exclude(ctx, loaded.Statuses)
}
