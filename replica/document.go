package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"flyleaf/crdt/policy"
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
	contents *contents                           // nil: not loaded
	engine   engine
	refused  map[wire.Hash]Refusal // not asked for again in this run; but see forgive
	excluded exclusions            // what is in the ledger and not in the contents
	keys     keyring               // this person's other keys in the event
	// withheld are anonymous changes that no relay has yet. The engine is kept without
	// them, so that nothing of this person's is built on them.
	withheld map[wire.Hash]bool
	tried    map[qa.Identity]bool // invitations that were found to be of no use, in this run
}

func (n *Node) newDocument(id qa.EventID) *document {
	doc := &document{
		node: n, id: id, refused: map[wire.Hash]Refusal{}, excluded: newExclusions(), tried: map[qa.Identity]bool{},
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
		if len(doc.excluded.unnoted) > 0 {
			doc.noteStatuses(ctx)
		}
		return nil
	}
	keys, err := doc.readKeys(ctx)
	if err != nil {
		return err
	}
	doc.keys, doc.withheld = keys, map[wire.Hash]bool{}
	doc.excluded.reset()
	doc.excluded.cut = map[wire.Hash]storage.Status{}
	defer func() { doc.excluded.cut = nil }()
	doc.contents = newContents(doc.id)
	err = doc.node.store.Entries(ctx, doc.id, 0, func(en storage.Entry) error {
		if en.Own {
			doc.excluded.noteReissue(en.Act)
		}
		if en.Status == storage.Left {
			if in, err := doc.takeBackIn(&en); in || err != nil {
				return err
			}
		}
		if en.Status != storage.InDocument {
			doc.excluded.note(&en)
			return nil
		}
		return doc.addStored(&en)
	})
	if errors.Is(err, storage.ErrDamaged) {
		doc.node.cfg.Log.Warn("part of an event is damaged on disk and will be fetched again from its relay", "event", doc.id, "error", err)
		err = nil
	}
	for _, r := range doc.contents.rejected() {
		if !doc.excluded.returning[r.hash] || err != nil {
			continue
		}
		delete(doc.excluded.returning, r.hash)
		var en storage.Entry
		if en, err = doc.node.store.Entry(ctx, doc.id, r.hash); err == nil {
			doc.excluded.note(&en)
		}
	}
	if err != nil {
		doc.forget()
		return fmt.Errorf("reading the ledger of event %s: %w", doc.id, err)
	}
	doc.contents.projection.Touched() // the views have all of this
	switch {
	case len(doc.excluded.cut) > 0:
		doc.cutOut(ctx)
	case len(doc.excluded.unnoted) > 0:
		doc.node.cfg.Log.Info("changes that an earlier version of this program had excluded are part of the event again",
			"event", doc.id, "changes", len(doc.excluded.unnoted))
		doc.cached.invalidateDelivery()
		doc.node.subs.notify(doc.committed(ctx, doc.noteStatuses(ctx), true))
	}
	if doc.contents.graph.Forks() > 0 {
		for actor := range doc.contents.graph.Actors() {
			if err := doc.noteVoid(ctx, actor); err != nil {
				doc.forget()
				return fmt.Errorf("reading the ledger of event %s: %w", doc.id, err)
			}
		}
	}
	doc.cached.setHeads(doc.contents.graph.Heads())
	return doc.noticeClub(ctx)
}

// addStored adds a row of the ledger to the contents. A change that depends on a damaged
// one waits until that one has been fetched again.
func (doc *document) addStored(en *storage.Entry) error {
	c, err := wire.DecodeChange(en.Bytes)
	if err != nil {
		return fmt.Errorf("change %s: %w", en.Hash, err)
	}
	if slices.ContainsFunc(c.Deps, func(d wire.Hash) bool { _, out := doc.excluded.cut[d]; return out }) {
		doc.excluded.cut[en.Hash] = storage.Left
		return nil
	}
	p := pendingChange{change: c, bytes: en.Bytes, signature: en.Signature, stored: true, received: en.ReceivedAtMillis}
	added, err := doc.contents.add(p)
	doc.excluded.noteReturned(added)
	if err != nil {
		var refusal *policy.Refusal
		if doc.excluded.cut != nil && errors.As(err, &refusal) {
			doc.excluded.cut[en.Hash] = storage.Refused
			doc.excluded.reasons[en.Hash] = err
			return nil
		}
		return fmt.Errorf("change %s: %w", en.Hash, err)
	}
	if en.Own && !en.Delivered && doc.keys.isQuestion(en.Actor) {
		doc.withheld[en.Hash] = true
	} else if doc.buildsOnWithheld(c.Deps) {
		clear(doc.withheld)
	}
	return nil
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
func (doc *document) forget() { doc.contents, doc.excluded.unnoted = nil, nil }

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
	doc.cached.setHeads(doc.contents.graph.Heads())
	doc.node.notice(ctx, v)
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
