package replica

import (
	"context"
	"errors"
	"fmt"

	core "flyleaf/crdt/document"
	"flyleaf/crdt/wire"
	"flyleaf/internal/lockorder"
	"flyleaf/qa"
	"flyleaf/replica/presence"
	"flyleaf/storage"
)

// document is one followed event on this device. It connects four parts: contents holds the
// graph and the state computed from the changes, the store has the changes on disk, engine
// writes local changes, and committed notifies pages and the archive of what was written.
type document struct {
	node     *Node
	id       qa.EventID
	presence presence.Board // has a lock of its own
	cached   cachedSummary  // has a lock of its own
	week     cachedWeek     // has a lock of its own

	// mu is held while the ledger is written and while the contents change, and never while
	// messages are sent.
	mu       lockorder.Mutex[lockorder.Document] // guards what follows
	closed   bool                                // with the node, or because the event is no longer followed
	contents *core.Document                      // nil: not loaded
	engine   engine
	refused  *core.Refusals // changes that are not requested again in this run; see core.Refusals.ForgetRetryable
	excluded exclusions     // changes that are in the ledger and not in the contents
	keys     keyring        // this person's other keys in the event
	// withheld are anonymous changes that no relay has yet. The engine does not contain
	// them, so that this person's other changes do not depend on them.
	withheld          map[wire.Hash]bool
	introduced        bool                  // introduce has tried to write the profile in this run
	failedInvitations map[qa.Identity]bool  // invitations that could not be claimed or answered in this run
	where             *whereabouts          // nil: not asked for, or out of date
	relayHeads        []wire.Hash           // what the relay had when it said so last, in this run; only changes that are here
	actorsHere        map[wire.ActorID]bool // of this person's actors: whether this device is theirs; filled by madeHere
}

func (n *Node) newDocument(id qa.EventID) *document {
	doc := &document{
		node: n, id: id, refused: core.NewRefusals(maxRefused + 1), excluded: newExclusions(), failedInvitations: map[qa.Identity]bool{},
	}
	doc.engine = engine{host: doc, actor: n.actor}
	return doc
}

// load reads the contents from the ledger if they are not in memory. mu is held. It returns
// ErrClosed for a closed document.
func (doc *document) load(ctx context.Context) error {
	if doc.closed {
		return ErrClosed
	}
	if doc.contents != nil {
		if len(doc.excluded.unsavedStatuses) > 0 {
			doc.saveStatuses(ctx)
		}
		return nil
	}
	keys, err := doc.readKeys(ctx)
	if err != nil {
		return err
	}
	doc.keys = keys
	loaded, err := doc.readLedger(ctx, nil)
	if errors.Is(err, storage.ErrDamaged) {
		doc.node.cfg.Log.Warn("part of an event is damaged on disk and will be fetched again from its relay", "event", doc.id, "error", err)
		err = nil
	}
	if err != nil {
		doc.forget()
		return fmt.Errorf("reading the ledger of event %s: %w", doc.id, err)
	}
	doc.noteLoaded(ctx, &loaded)
	doc.cached.setHeads(doc.contents.Graph().Heads())
	return doc.ensureClubKnown(ctx)
}

// readLedger builds the contents from the ledger, without the changes in without, and
// records the reissue state. If it returns an error that is storage.ErrDamaged, the contents
// are built without the damaged rows. mu is held.
func (doc *document) readLedger(ctx context.Context, without map[wire.Hash]storage.Status) (core.Loaded, error) {
	doc.excluded.reset()
	doc.withheld = map[wire.Hash]bool{}
	doc.contents = core.New(doc.id, core.Options{Projection: true, Refusals: doc.refused})
	loader := doc.contents.Load(without)
	damaged := doc.node.store.Entries(ctx, doc.id, 0, func(en storage.Entry) error {
		if en.Own {
			doc.excluded.noteReissue(en.Act)
		}
		c, err := loader.Row(&en)
		if err != nil {
			return fmt.Errorf("change %s: %w", en.Hash(), err)
		}
		switch {
		case c == nil:
			en.Status = doc.contents.Excluded()[en.Hash()]
			doc.excluded.noteIneffective(&en)
		case en.Own && !en.Delivered && doc.keys.isQuestion(en.Actor):
			doc.withheld[en.Hash()] = true
		case doc.buildsOnWithheld(c.Meta.Deps):
			clear(doc.withheld)
		}
		return nil
	})
	if damaged != nil && !errors.Is(damaged, storage.ErrDamaged) {
		return core.Loaded{}, damaged
	}
	loaded, err := loader.Finish()
	if err != nil {
		return loaded, err
	}
	for _, h := range loaded.ExcludedLater {
		en, err := doc.node.store.Entry(ctx, doc.id, h)
		if err != nil {
			return loaded, err
		}
		en.Status = doc.contents.Excluded()[h]
		doc.excluded.noteIneffective(&en)
	}
	if doc.contents.Graph().Forks() > 0 {
		for actor := range doc.contents.Graph().Actors() {
			if err := doc.noteVoid(ctx, actor); err != nil {
				return loaded, err
			}
		}
	}
	return loaded, damaged
}

// noteLoaded records, in memory and on disk, where the loaded contents differ from the
// statuses in the ledger.
func (doc *document) noteLoaded(ctx context.Context, loaded *core.Loaded) {
	for h, why := range loaded.Reasons {
		doc.excluded.reasons[h] = why
	}
	if len(loaded.Statuses) > 0 {
		doc.excluded.unsavedStatuses = loaded.Statuses
	}
	switch {
	case loaded.Excludes():
		doc.excludeOnDisk(ctx)
	case len(loaded.Statuses) > 0:
		doc.node.cfg.Log.Info("changes that an earlier version of this program had excluded are part of the event again",
			"event", doc.id, "changes", len(loaded.Statuses))
		doc.cached.invalidateDelivery()
		doc.node.subs.notify(doc.replaced(ctx, doc.saveStatuses(ctx)))
	}
}

// discard drops everything in memory, so that it is built again from the ledger. The next
// local act uses a new actor: the old one may have signed a change that was not saved, or
// that was saved although the store reported an error.
func (doc *document) discard() {
	doc.engine.drop()
	doc.engine.dropActors()
	doc.forget()
	doc.cached.invalidateDelivery() // a write that failed may have been saved after all
	doc.week.noteReplaced()
}

// unload drops the engine and, if the event is not attached, the contents. mu is held, and
// unlocked while a snapshot is made.
func (doc *document) unload(ctx context.Context) {
	doc.engine.close(ctx)
	if _, attached := doc.node.client.Attached(doc.id); !attached && !doc.closed {
		doc.forget()
	}
}

// forget drops the contents.
func (doc *document) forget() { doc.contents, doc.excluded.unsavedStatuses, doc.where = nil, nil, nil }

// close drops everything in memory; later calls return ErrClosed.
func (doc *document) close() {
	doc.presence.Stop()
	doc.week.drop()
	doc.mu.Lock()
	defer doc.mu.Unlock()
	doc.engine.stopIdle()
	doc.engine.close(context.Background())
	doc.closed = true
	doc.forget()
}

// committed updates the cached summary and, for a club, the archive after rows were written.
// It returns the update for subscribers. own says that this person wrote the rows. mu is
// held.
func (doc *document) committed(ctx context.Context, v storage.ViewUpdate, own bool) Update {
	doc.week.noteWritten(v)
	doc.cached.setHeads(doc.contents.Graph().Heads())
	doc.node.eventWritten(ctx, v)
	return doc.update(v, own)
}

// replaced is committed for views that replaced all rows. mu is held.
func (doc *document) replaced(ctx context.Context, v storage.ViewUpdate) Update {
	doc.week.noteReplaced()
	return doc.committed(ctx, v, true)
}

// update returns the update for subscribers after rows were written.
func (doc *document) update(v storage.ViewUpdate, own bool) Update {
	u := Update{Event: doc.id, Status: own || v.Event != nil || len(v.People) > 0}
	seen := map[qa.PostID]bool{}
	add := func(id qa.PostID) {
		if !seen[id] {
			seen[id] = true
			u.Posts = append(u.Posts, id)
		}
	}
	for i := range v.Posts {
		add(v.Posts[i].ID)
	}
	for i := range v.Reactions {
		add(v.Reactions[i].Post)
	}
	return u
}
