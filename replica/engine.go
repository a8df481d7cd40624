package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"flyleaf/crdt"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/storage"
)

const (
	// minForSnapshot is the smallest number of changes since the last snapshot for which close
	// stores a new one. Fewer changes are quickly loaded from the ledger.
	minForSnapshot = 200
	// longHistory is the number of writes of one key above which all changes are loaded at
	// once. Loading them one by one takes quadratic time, 0.2 s for 4,000 writes.
	longHistory = 2000
	// maxAppliedLocked bounds how many changes are applied to the engine while the document
	// is locked.
	maxAppliedLocked = 64
)

// engine is the CRDT engine of a document, which writes local changes. It is in memory while
// a person writes: it is loaded from a snapshot and the ledger, and then gets the changes
// that others write. The ledger is authoritative; the engine can be dropped at any time.
//
// The document's mu guards all fields and is held at every call. Methods that say so unlock
// mu during long engine work, so that readers do not wait. After such a call the caller must
// not rely on what it read before.
type engine struct {
	host *document
	doc  *crdt.Document // nil: not loaded, or in use by a method that has unlocked mu
	// fromState says that doc stores no changes and reads the current values from
	// host.contents; see openFromState.
	fromState bool
	pending   []wire.Chunk  // changes that are on disk and in the contents, but not in doc
	busy      chan struct{} // closed when the engine is free again; nil: it is free
	// generation counts how often doc, or a doc that was being loaded, was dropped.
	generation int
	// actor is this person's actor in this run, "" when a new one has to be drawn; actors
	// are the actors of this person's other keys.
	actor         wire.ActorID
	actors        map[qa.Identity]wire.ActorID
	sinceSnapshot int // changes given to doc since its snapshot
	idle          *time.Timer
	uses          int // counts uses, so that an outdated timer does nothing
}

// open loads the engine for a local act, or brings it up to date. It may unlock mu
// meanwhile. Afterwards the document is loaded. ErrNotFetched and crdt.ErrNewerRules are
// among the errors.
func (e *engine) open(ctx context.Context) error {
	for {
		if err := e.host.load(ctx); err != nil {
			return err
		}
		if e.host.contents.Graph().Len() == 0 {
			return ErrNotFetched
		}
		if e.host.contents.Policy().HasNewerRules() {
			return crdt.ErrNewerRules // nobody may write in this event, so the engine is not needed
		}
		// No Automerge engine can hold two versions of a change, and none writes a value again
		// that is not in effect.
		fromState := e.host.contents.Graph().Forks() > 0 || !e.host.contents.Policy().Authority().SettledAll()
		switch {
		case e.busy != nil:
			if err := e.awaitFree(ctx); err != nil {
				return err
			}
		case e.doc != nil && fromState != e.fromState:
			e.drop()
		case e.doc == nil && fromState:
			if err := e.openFromState(); err != nil {
				return err
			}
		case e.doc == nil:
			if err := e.loadNew(ctx); err != nil {
				return err
			}
		case len(e.pending) > maxAppliedLocked:
			if err := e.applyPendingUnlocked(); err != nil {
				return err
			}
		default:
			return e.applyPending()
		}
	}
}

// withoutLock unlocks mu while it runs f, which may take long. Other callers that need the
// engine wait in open meanwhile.
func (e *engine) withoutLock(f func()) {
	done := make(chan struct{})
	e.busy = done
	e.host.mu.Unlock()
	defer func() {
		e.host.mu.Lock()
		e.busy = nil
		close(done)
	}()
	if e.host.node.engineWork != nil {
		e.host.node.engineWork()
	}
	f()
}

// awaitFree waits, with mu unlocked, until the engine is free.
func (e *engine) awaitFree(ctx context.Context) error {
	free := e.busy
	e.host.mu.Unlock()
	defer e.host.mu.Lock()
	select {
	case <-free:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drawActor draws a new actor for this person if there is none.
func (e *engine) drawActor() error {
	if e.actor != "" {
		return nil
	}
	actor, err := e.host.node.newActor()
	if err == nil {
		e.actor = actor
	}
	return err
}

// openFromState opens a doc that stores no changes and reads the current values from
// host.contents (crdt.FromState).
func (e *engine) openFromState() error {
	if err := e.drawActor(); err != nil {
		return err
	}
	doc, err := crdt.FromState(e.actor, stateView{e.host})
	if err != nil {
		return fmt.Errorf("opening event %s: %w", e.host.id, err)
	}
	e.doc, e.fromState, e.pending, e.sinceSnapshot = doc, true, nil, 0
	return nil
}

// loadNew loads doc from a snapshot and the ledger. If changes were excluded meanwhile, doc
// is still nil afterwards.
func (e *engine) loadNew(ctx context.Context) error {
	if err := e.drawActor(); err != nil {
		return err
	}
	snapshot, err := e.host.node.store.Snapshot(ctx, e.host.id)
	if err != nil && !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrDamaged) {
		return err
	}
	if err != nil {
		snapshot = storage.Snapshot{}
	}
	generation := e.generation
	err = e.loadFrom(ctx, snapshot)
	if err != nil && snapshot.Position > 0 && e.generation == generation && !e.host.closed {
		// A snapshot only makes loading faster; the ledger is authoritative.
		e.host.node.cfg.Log.Warn("a snapshot could not be used", "event", e.host.id, "error", err)
		if err = e.host.load(ctx); err == nil {
			err = e.loadFrom(ctx, storage.Snapshot{})
		}
	}
	return err
}

func (e *engine) loadFrom(ctx context.Context, snapshot storage.Snapshot) error {
	host := e.host
	var changes []wire.Chunk
	err := host.node.store.Entries(ctx, host.id, snapshot.Position, func(en storage.Entry) error {
		if en.Status == storage.InDocument && host.contents.Graph().Has(en.Hash()) && !host.withheld[en.Hash()] {
			changes = append(changes, en.Chunk)
		}
		return nil
	})
	if err != nil && !errors.Is(err, storage.ErrDamaged) { // loading the document has already reported the damage
		return err
	}
	heads, generation, actor := host.headsWithoutWithheld(), e.generation, e.actor
	load := func() (*crdt.Document, error) { return crdt.Load(actor, snapshot.Bytes, changes) }
	if snapshot.Position == 0 && host.contents.Policy().LongestHistory() > longHistory {
		load = func() (*crdt.Document, error) { return crdt.LoadAtOnce(actor, changes) }
	}
	var doc *crdt.Document
	e.pending = nil // collects the changes that arrive while doc is being loaded
	e.withoutLock(func() { doc, err = load() })
	if host.closed || e.generation != generation {
		if doc != nil {
			doc.Close()
		}
		return nil // open finds that there is no doc
	}
	if err != nil {
		return fmt.Errorf("opening event %s: %w", host.id, err)
	}
	if !slices.Equal(doc.Heads(), heads) {
		doc.Close()
		return fmt.Errorf("opening event %s: the engine and the ledger have different heads", host.id)
	}
	e.doc, e.sinceSnapshot = doc, len(changes)
	return nil
}

// isOpen reports whether doc is loaded or being loaded.
func (e *engine) isOpen() bool { return e.doc != nil || e.busy != nil }

// addPending records changes for doc that are on disk and in the contents.
func (e *engine) addPending(changes ...wire.Chunk) {
	if e.isOpen() && !e.fromState {
		e.pending = append(e.pending, changes...)
	}
}

// applyPending applies the pending changes to doc.
func (e *engine) applyPending() error {
	if len(e.pending) == 0 {
		return nil
	}
	if err := e.doc.Absorb(e.pending); err != nil {
		e.host.discard()
		return fmt.Errorf("opening event %s: %w", e.host.id, err)
	}
	e.sinceSnapshot += len(e.pending)
	e.pending = nil
	return nil
}

// applyPendingUnlocked is applyPending with mu unlocked. If changes were excluded meanwhile,
// doc is nil afterwards.
func (e *engine) applyPendingUnlocked() error {
	doc, batch, generation := e.doc, e.pending, e.generation
	e.doc, e.pending = nil, nil
	var err error
	e.withoutLock(func() { err = doc.Absorb(batch) })
	if e.host.closed || e.generation != generation {
		doc.Close()
		return nil
	}
	if err != nil {
		doc.Close()
		e.host.discard()
		return fmt.Errorf("opening event %s: %w", e.host.id, err)
	}
	e.doc, e.sinceSnapshot = doc, e.sinceSnapshot+len(batch)
	return nil
}

// writeAs makes doc write with another of this person's keys until restore is called.
func (e *engine) writeAs(key keys.Key) (restore func(), err error) {
	actor := e.actors[key.Identity()]
	if actor == "" {
		if actor, err = e.host.node.newActorOf(key); err != nil {
			return nil, err
		}
		if e.actors == nil {
			e.actors = map[qa.Identity]wire.ActorID{}
		}
		e.actors[key.Identity()] = actor
	}
	if err := e.doc.WriteAs(actor); err != nil {
		e.host.discard()
		return nil, err
	}
	return func() {
		if e.doc != nil && e.doc.WriteAs(e.actor) != nil {
			e.host.discard()
		}
	}, nil
}

// do turns one act into a change. Nothing is saved yet.
func (e *engine) do(act qa.Act) (crdt.Made, error) {
	made, err := e.doc.Do(act)
	if errors.Is(err, crdt.ErrBroken) {
		e.host.discard()
	}
	return made, err
}

// noteWritten counts saved changes that doc made.
func (e *engine) noteWritten(changes int) { e.sinceSnapshot += changes }

// restartIdleTimer keeps doc in memory until nothing has been written for Config.Idle.
func (e *engine) restartIdleTimer() {
	e.uses++
	if e.idle != nil {
		e.idle.Stop()
	}
	host, uses := e.host, e.uses
	e.idle = time.AfterFunc(host.node.cfg.Idle, func() {
		host.mu.Lock()
		defer host.mu.Unlock()
		if e.uses == uses && !host.closed {
			host.unload(host.node.ctx)
		}
	})
	if e.doc != nil {
		host.node.noteEngineUsed(host)
	}
}

// drop drops doc, also a doc that is being loaded.
func (e *engine) drop() {
	if e.doc != nil {
		e.doc.Close()
	}
	e.doc, e.pending, e.fromState = nil, nil, false
	e.generation++
}

// dropActors makes the next local act draw new actors. Call drop first: doc writes with the
// old actors.
func (e *engine) dropActors() { e.actor, e.actors = "", nil }

// close drops doc. If doc got at least minForSnapshot changes since its snapshot, close first
// stores a new one. mu is unlocked while the snapshot is made.
func (e *engine) close(ctx context.Context) {
	if e.doc == nil {
		return
	}
	if e.sinceSnapshot >= minForSnapshot && !e.fromState && len(e.pending) <= maxAppliedLocked && e.applyPending() == nil {
		if err := e.saveSnapshot(ctx); err != nil {
			e.host.node.cfg.Log.Warn("a snapshot could not be saved", "event", e.host.id, "error", err)
		}
	}
	if e.busy == nil { // otherwise the engine is in use again
		e.drop()
	}
}

// saveSnapshot stores a snapshot of doc, and drops doc.
func (e *engine) saveSnapshot(ctx context.Context) error {
	host := e.host
	if host.contents.Graph().PendingLen() > 0 || len(host.withheld) > 0 {
		return nil // doc lacks changes of the ledger, and loading from the snapshot would skip them
	}
	counts, err := host.node.store.Counts(ctx, host.id)
	if err != nil {
		return err
	}
	doc, generation := e.doc, e.generation
	e.doc, e.pending = nil, nil
	var saved []byte
	e.withoutLock(func() {
		saved = doc.Save()
		doc.Close()
	})
	if e.generation != generation {
		return nil // the snapshot contains a change that was excluded meanwhile
	}
	return host.node.store.SaveSnapshot(ctx, host.id, storage.Snapshot{Position: counts.Last, Bytes: saved})
}

// stopIdle stops the timer that restartIdleTimer starts.
func (e *engine) stopIdle() {
	if e.idle != nil {
		e.idle.Stop()
	}
}
