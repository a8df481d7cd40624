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

// document is one followed event on this device. It joins four parts: contents says what
// the changes add up to, the store has them on disk, engine writes local changes, and
// committed tells pages and peers what was written.
type document struct {
	node     *Node
	id       qa.EventID
	presence presence.Board // has a lock of its own
	cached   cachedSummary  // has a lock of its own

	// mu is held while the ledger is written and while the contents change, never while
	// something is sent.
	mu       lockorder.Mutex[lockorder.Document] // guards what follows
	closed   bool                                // with the node, or because the event is not followed any more
	contents *core.Document                      // nil: not loaded
	engine   engine
	refused  *core.Refusals // not asked for again in this run; but see core.Refusals.ForgetRetryable
	excluded exclusions     // what is in the ledger and not in the contents
	keys     keyring        // this person's other keys in the event
	// withheld are anonymous changes that no relay has yet. The engine is kept without
	// them, so that nothing of this person's is built on them.
	withheld          map[wire.Hash]bool
	failedInvitations map[qa.Identity]bool // invitations that were found to be of no use, in this run
}

func (n *Node) newDocument(id qa.EventID) *document {
	doc := &document{
		node: n, id: id, refused: core.NewRefusals(maxRefused + 1), excluded: newExclusions(), failedInvitations: map[qa.Identity]bool{},
	}
	doc.engine = engine{host: doc, actor: n.actor}
	return doc
}

// load reads the contents from the ledger, if they are not in memory. mu is held. An
// error of a closed document is ErrClosed.
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

// readLedger makes the contents from the ledger without the rows that are given, and
// notes what follows from its rows. An error that is storage.ErrDamaged says that the
// contents are there without the rows that are damaged. mu is held.
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
			return fmt.Errorf("change %s: %w", en.Hash, err)
		}
		switch {
		case c == nil:
			en.Status = doc.contents.Excluded()[en.Hash]
			doc.excluded.noteIneffective(&en)
		case en.Own && !en.Delivered && doc.keys.isQuestion(en.Actor):
			doc.withheld[en.Hash] = true
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
	for _, h := range loaded.Late {
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

// noteLoaded notes where the contents differ from the ledger that they were read from,
// here and on disk.
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
		doc.node.subs.notify(doc.committed(ctx, doc.saveStatuses(ctx), true))
	}
}

// discard throws away everything in memory, so that it is built again from the ledger.
// The next local act has a new actor: the one before may have been used for a change
// that is nowhere, or that is somewhere after all.
func (doc *document) discard() {
	doc.engine.drop()
	doc.engine.dropActors()
	doc.forget()
	doc.cached.invalidateDelivery() // the store may have kept what it said it had not
}

// unload lets go of the engine and, when the event is not attached, of the contents. mu is
// held, and let go of while a snapshot is made.
func (doc *document) unload(ctx context.Context) {
	doc.engine.close(ctx)
	if _, attached := doc.node.client.Attached(doc.id); !attached && !doc.closed {
		doc.forget()
	}
}

// forget lets go of the contents.
func (doc *document) forget() { doc.contents, doc.excluded.unsavedStatuses = nil, nil }

// close ends the use of the document.
func (doc *document) close() {
	doc.presence.Stop()
	doc.mu.Lock()
	defer doc.mu.Unlock()
	doc.engine.stopIdle()
	doc.engine.close(context.Background())
	doc.closed = true
	doc.forget()
}

// committed tells everybody but pages that rows were written: the cached summary, and the
// archive if the event is a club. It returns what pages have to look at again. own says
// that this person wrote. mu is held.
func (doc *document) committed(ctx context.Context, v storage.ViewUpdate, own bool) Update {
	doc.cached.setHeads(doc.contents.Graph().Heads())
	doc.node.eventWritten(ctx, v)
	return doc.update(v, own)
}

// update says what pages have to look at again.
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
