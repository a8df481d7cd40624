package replica

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"flyleaf/crdt"
	"flyleaf/crdt/fold"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
	"flyleaf/trust"
)

// snapshotEvery is how many changes are loaded one by one before a snapshot is
// worth its writing.
const snapshotEvery = 200

// longHistory is how often a key may have been written before it is dearer to give the
// engine the changes one by one, which takes it quadratic time: 0.2 s for 4,000.
const longHistory = 2000

// event is one followed event. mu is held while its ledger is written and what
// is in memory changes, never while something is sent.
type event struct {
	node *Node
	id   qa.EventID

	mu     sync.Mutex
	closed bool         // with the node
	graph  *graph.Graph // nil: nothing is loaded
	gate   *trust.Gate
	fold   *fold.Fold

	// arriving holds what the graph may apply: the change being added and those
	// that wait for others. The ledger has none of them yet.
	arriving map[wire.Hash]arrival
	admitted []arrival // applied by the graph, not yet by the fold
	// refused are changes that this device will not take. They are not asked for
	// again while the node runs; but see pardon.
	refused map[wire.Hash]Refusal
	gone    gone // what is in the ledger and not in the document
	// cut are changes of the ledger that an earlier version took and that the rules of
	// this one refuse, with all that builds on them; only while the event is loaded.
	cut map[wire.Hash]storage.Status
	// unnoted is what was cut while the disk took no note of it; tried again whenever
	// the event is asked for.
	unnoted map[wire.Hash]storage.Status
	reasons map[wire.Hash]error  // why own acts could not be written anew
	judged  bool                 // the ledger was held against the rules, see confirm
	tried   map[qa.Identity]bool // invitations that were found to be of no use, in this run
	epoch   int                  // counts the times that changes have left, see rebase
	// keys are this person's other keys in the event, and others the actors that
	// write with them in this run.
	keys   map[qa.Identity]heldKey
	others map[qa.Identity]wire.ActorID
	// held are anonymous changes that no relay has yet. The document is kept
	// without them, so that nothing of this person's is built on them.
	held map[wire.Hash]bool

	doc     *crdt.Document // nil: not loaded, or with the engine
	outside [][]byte       // on disk and in the graph, not yet in doc
	opening chan struct{}  // closed when the engine is free again; nil: it is free
	// generation counts the times that what a document held or would hold was dropped.
	generation int
	actor      wire.ActorID
	loaded     int // changes it was loaded from, beyond its snapshot, and has gained since
	idle       *time.Timer
	acts       int // counts local acts, so that a timer knows whether it came too late

	side   side
	around presences
}

// arrival is a change that is not in the ledger yet.
type arrival struct {
	change    *wire.Change
	bytes     []byte
	signature []byte
	stranger  bool  // not from the ledger, so it is held against the rules
	received  int64 // ms, this device's clock
}

// side is what can be asked without waiting for mu.
type side struct {
	mu      sync.Mutex
	heads   []wire.Hash // of what is on disk; valid when loaded
	loaded  bool
	pending map[wire.Hash]qa.PostID // own changes that no relay holds; nil: not read yet
	brief   *brief                  // nil: to be read
	written int                     // how often something was
	// relayRefused are own changes that the relay did not take, by hash.
	relayRefused map[wire.Hash]Refusal
}

func (n *Node) newEvent(id qa.EventID) *event {
	return &event{node: n, id: id, actor: n.actor, refused: map[wire.Hash]Refusal{}, gone: newGone(), reasons: map[wire.Hash]error{}, tried: map[qa.Identity]bool{}}
}

// fresh gives the event an empty graph, gate and fold.
func (e *event) fresh() {
	e.arriving = map[wire.Hash]arrival{}
	e.graph = graph.New(graph.Admit(e.admit))
	e.gate = trust.NewGate(e.id, e.graph)
	e.fold = fold.New(e.id, e.graph, e.gate.Authority())
}

// admit is asked by the graph before it applies a change, one that waited
// included. Those it was asked about before are applied by now, so the fold
// takes them first: it has to know the past of what is looked at.
func (e *event) admit(m graph.Meta) error {
	if err := e.foldAdmitted(); err != nil {
		return err
	}
	a, ok := e.arriving[m.Hash]
	if !ok {
		return errors.New("replica: a change came out of nowhere")
	}
	if a.stranger {
		if err := e.gate.Judge(a.change); errors.Is(err, trust.ErrOrder) {
			return fmt.Errorf("%w: %w", errFold, err)
		} else if err != nil {
			return err
		}
	} else if err := e.gate.Recheck(a.change); err != nil {
		return err
	}
	if err := e.gate.Add(a.change); err != nil {
		return fmt.Errorf("%w: %w", errFold, err)
	}
	e.admitted = append(e.admitted, a)
	return nil
}

func (e *event) foldAdmitted() error {
	for len(e.admitted) > 0 {
		a := e.admitted[0]
		e.admitted = e.admitted[1:]
		if err := e.fold.ApplyReceived(a.change, a.received); err != nil {
			return fmt.Errorf("%w: %w", errFold, err)
		}
	}
	return nil
}

// errFold marks a disagreement of graph, gate and fold, which is a fault of this
// program and no reason to refuse anything.
var errFold = errors.New("replica: graph, gate and fold disagree")

// add gives a change to the graph, and through it to gate and fold. It returns what
// was applied, in causal order; none when the change has to wait.
func (e *event) add(a arrival) ([]arrival, error) {
	h := a.change.Hash
	e.arriving[h] = a
	added, err := e.graph.Add(graph.MetaOf(a.change))
	if fault := e.foldAdmitted(); fault != nil {
		err = fault
	}
	applied := make([]arrival, 0, len(added))
	for _, h := range added {
		applied = append(applied, e.arriving[h])
		delete(e.arriving, h)
	}
	if err != nil || !e.graph.Waiting(h) {
		delete(e.arriving, h)
	}
	return applied, err
}

// load builds graph, gate and fold from the ledger, if they are not there. mu is held.
func (e *event) load(ctx context.Context) error {
	if e.closed {
		return ErrClosed
	}
	if e.graph != nil {
		if len(e.unnoted) > 0 {
			e.noteCut(ctx)
		}
		return nil
	}
	keys, err := e.readKeys(ctx)
	if err != nil {
		return err
	}
	e.keys, e.gone, e.held = keys, newGone(), map[wire.Hash]bool{}
	e.cut = map[wire.Hash]storage.Status{}
	defer func() { e.cut = nil }()
	e.fresh()
	err = e.node.store.Entries(ctx, e.id, 0, func(en storage.Entry) error {
		if en.Own {
			e.gone.noteReissue(en.Act)
		}
		if en.Status != storage.InDocument {
			e.gone.note(&en)
			return nil
		}
		return e.addStored(&en)
	})
	if errors.Is(err, storage.ErrDamaged) {
		e.node.cfg.Log.Warn("part of an event is damaged on disk and will be fetched again from its relay", "event", e.id, "error", err)
		err = nil
	}
	if err != nil {
		e.forget()
		return fmt.Errorf("reading the ledger of event %s: %w", e.id, err)
	}
	e.fold.Touched() // the views have all of this
	if len(e.cut) > 0 {
		e.cutOut(ctx)
	}
	e.showHeads()
	return e.noticeClub(ctx)
}

// addStored adds a row of the ledger. A change that depends on a damaged one waits
// until that one has been fetched again.
func (e *event) addStored(en *storage.Entry) error {
	c, err := wire.DecodeChange(en.Bytes)
	if err != nil {
		return fmt.Errorf("change %s: %w", en.Hash, err)
	}
	if slices.ContainsFunc(c.Deps, func(d wire.Hash) bool { _, out := e.cut[d]; return out }) {
		e.cut[en.Hash] = storage.Left
		return nil
	}
	if _, err := e.add(arrival{change: c, bytes: en.Bytes, signature: en.Signature, received: en.ReceivedAtMillis}); err != nil {
		var refusal *trust.Refusal
		if e.cut != nil && errors.As(err, &refusal) {
			e.cut[en.Hash] = storage.Refused
			e.reasons[en.Hash] = err
			return nil
		}
		return fmt.Errorf("change %s: %w", en.Hash, err)
	}
	if en.Own && !en.Delivered && e.isQuestion(en.Actor) {
		e.held[en.Hash] = true
	} else if e.buildsOnHeld(c.Deps) {
		clear(e.held)
	}
	return nil
}

// cutOut notes on disk what the ledger holds and the rules of this version refuse. What
// this person wrote among it is written anew, see reissue. Graph, gate and fold are
// without it already; so when the disk does not take the note, only the views show
// it until the next time. mu is held.
func (e *event) cutOut(ctx context.Context) {
	e.node.cfg.Log.Warn("an earlier version of this program took changes that the event's rules refuse; they leave the event, with what builds on them",
		"event", e.id, "changes", len(e.cut))
	e.unnoted = e.cut
	views := e.noteCut(ctx)
	u, err := e.noteLeft(ctx, e.cut, views)
	if err != nil {
		e.node.cfg.Log.Warn("what left the event could not be read", "event", e.id, "error", err)
	}
	e.node.subs.notify(u)
	e.node.tendSoon(e)
}

// noteCut notes on disk what was cut, and returns the views without it. mu is held.
func (e *event) noteCut(ctx context.Context) storage.ViewUpdate {
	views := e.allViews()
	batch := storage.Batch{Event: e.id, Statuses: e.unnoted, Views: views, Whole: true}
	if err := e.node.store.Append(context.WithoutCancel(ctx), batch); err != nil {
		e.node.cfg.Log.Warn("what leaves the event could not be noted on this device; it is tried again", "event", e.id, "error", err)
		return views
	}
	e.unnoted = nil
	return views
}

func (e *event) showHeads() {
	e.side.mu.Lock()
	e.side.heads, e.side.loaded = e.graph.Heads(), true
	e.side.stirred()
	e.side.mu.Unlock()
}

// open loads the document for a local act, or brings it up to date. mu is held, and
// let go of while the engine reads changes, so that nobody who reads waits for that:
// what the caller knew before may not be so any more. The event is loaded afterwards.
func (e *event) open(ctx context.Context) error {
	for {
		if err := e.load(ctx); err != nil {
			return err
		}
		if e.graph.Len() == 0 {
			return ErrNotFetched
		}
		if e.gate.Newer() {
			return crdt.ErrNewerGate // the engine is not shown what nobody may write in
		}
		switch {
		case e.opening != nil:
			if err := e.awaitEngine(ctx); err != nil {
				return err
			}
		case e.doc == nil:
			if err := e.openAnew(ctx); err != nil {
				return err
			}
		case len(e.outside) > absorbLocked:
			if err := e.absorbUnlocked(); err != nil {
				return err
			}
		default:
			return e.absorb()
		}
	}
}

// absorbLocked is how many changes the engine is given while mu is held.
const absorbLocked = 64

// withoutLock runs f, which may take long, without mu. Whoever wants the engine
// meanwhile waits in open.
func (e *event) withoutLock(f func()) {
	done := make(chan struct{})
	e.opening = done
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		e.opening = nil
		close(done)
	}()
	if e.node.engineWork != nil {
		e.node.engineWork()
	}
	f()
}

// awaitEngine waits, without mu, until the engine is free.
func (e *event) awaitEngine(ctx context.Context) error {
	free := e.opening
	e.mu.Unlock()
	defer e.mu.Lock()
	select {
	case <-free:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// openAnew loads the document from a snapshot and the ledger. Afterwards there is none
// still if changes left the event meanwhile.
func (e *event) openAnew(ctx context.Context) error {
	if e.actor == "" {
		actor, err := e.node.newActor()
		if err != nil {
			return err
		}
		e.actor = actor
	}
	snapshot, err := e.node.store.Snapshot(ctx, e.id)
	if err != nil && !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrDamaged) {
		return err
	}
	if err != nil {
		snapshot = storage.Snapshot{}
	}
	generation := e.generation
	err = e.openFrom(ctx, snapshot)
	if err != nil && snapshot.Position > 0 && e.generation == generation && !e.closed {
		// A snapshot only makes loading faster; the ledger is the truth.
		e.node.cfg.Log.Warn("a snapshot could not be used", "event", e.id, "error", err)
		if err = e.load(ctx); err == nil {
			err = e.openFrom(ctx, storage.Snapshot{})
		}
	}
	return err
}

func (e *event) openFrom(ctx context.Context, snapshot storage.Snapshot) error {
	var changes [][]byte
	err := e.node.store.Entries(ctx, e.id, snapshot.Position, func(en storage.Entry) error {
		if en.Status == storage.InDocument && e.graph.Has(en.Hash) && !e.held[en.Hash] {
			changes = append(changes, en.Bytes)
		}
		return nil
	})
	if err != nil && !errors.Is(err, storage.ErrDamaged) { // load has told of the damage
		return err
	}
	heads, generation, actor := e.headsWithoutHeld(), e.generation, e.actor
	load := func() (*crdt.Document, error) { return crdt.Load(actor, snapshot.Bytes, changes) }
	if snapshot.Position == 0 && e.gate.LongestHistory() > longHistory {
		load = func() (*crdt.Document, error) { return crdt.LoadAtOnce(actor, changes) }
	}
	var doc *crdt.Document
	e.outside = nil // what comes from now on is not in changes
	e.withoutLock(func() { doc, err = load() })
	if e.closed || e.generation != generation {
		if doc != nil {
			doc.Close()
		}
		return nil // and open finds that there is none
	}
	if err != nil {
		return fmt.Errorf("opening event %s: %w", e.id, err)
	}
	if !slices.Equal(doc.Heads(), heads) {
		doc.Close()
		return fmt.Errorf("opening event %s: the document and the ledger have different heads", e.id)
	}
	e.doc, e.loaded = doc, len(changes)
	return nil
}

// absorbUnlocked is absorb without mu. Afterwards there is no document if changes left
// the event meanwhile.
func (e *event) absorbUnlocked() error {
	doc, batch, generation := e.doc, e.outside, e.generation
	e.doc, e.outside = nil, nil
	var err error
	e.withoutLock(func() { err = doc.Absorb(batch) })
	if e.closed || e.generation != generation {
		doc.Close()
		return nil
	}
	if err != nil {
		doc.Close()
		e.discard()
		return fmt.Errorf("opening event %s: %w", e.id, err)
	}
	e.doc, e.loaded = doc, e.loaded+len(batch)
	return nil
}

// dropDocument lets go of the document, and of one that is being opened. mu is held.
func (e *event) dropDocument() {
	if e.doc != nil {
		e.doc.Close()
	}
	e.doc, e.outside = nil, nil
	e.generation++
}

// absorb hands what came from outside to the loaded document.
func (e *event) absorb() error {
	if len(e.outside) == 0 {
		return nil
	}
	if err := e.doc.Absorb(e.outside); err != nil {
		e.discard()
		return fmt.Errorf("opening event %s: %w", e.id, err)
	}
	e.loaded += len(e.outside)
	e.outside = nil
	return nil
}

// discard throws away everything in memory, so that it is built again from the
// ledger. The next local act has a new actor: the one before may have been used
// for a change that is nowhere, or that is somewhere after all.
func (e *event) discard() {
	e.dropDocument()
	e.forget()
	e.actor, e.others = "", nil
	e.stir() // the store may have kept what it said it had not
}

// rest lets go of the document when nothing has been written for a while.
func (e *event) rest() {
	e.acts++
	if e.idle != nil {
		e.idle.Stop()
	}
	acts := e.acts
	e.idle = time.AfterFunc(e.node.cfg.Idle, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.acts == acts && !e.closed {
			e.unload(e.node.ctx)
		}
	})
	if e.doc != nil {
		e.node.used(e)
	}
}

// letGo closes the document, after keeping a snapshot if it took long to load. mu is
// held, and let go of while the snapshot is made.
func (e *event) letGo(ctx context.Context) {
	if e.doc == nil {
		return
	}
	if e.loaded >= snapshotEvery && len(e.outside) <= absorbLocked && e.absorb() == nil {
		if err := e.keepSnapshot(ctx); err != nil {
			e.node.cfg.Log.Warn("a snapshot could not be kept", "event", e.id, "error", err)
		}
	}
	if e.opening == nil { // else somebody is at it again
		e.dropDocument()
	}
}

// keepSnapshot keeps what the document holds, and lets go of the document.
func (e *event) keepSnapshot(ctx context.Context) error {
	if e.graph.WaitingLen() > 0 || len(e.held) > 0 {
		return nil // the document lacks a part of the ledger; a snapshot would hide it
	}
	counts, err := e.node.store.Counts(ctx, e.id)
	if err != nil {
		return err
	}
	doc, generation := e.doc, e.generation
	e.doc, e.outside = nil, nil
	var saved []byte
	e.withoutLock(func() {
		saved = doc.Save()
		doc.Close()
	})
	if e.generation != generation {
		return nil // something in it has left the event
	}
	return e.node.store.SaveSnapshot(ctx, e.id, storage.Snapshot{Position: counts.Last, Bytes: saved})
}

// forget lets go of graph, gate and fold.
func (e *event) forget() {
	e.graph, e.gate, e.fold, e.arriving, e.admitted, e.unnoted = nil, nil, nil, nil, nil, nil
}

func (e *event) close() {
	e.around.stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.idle != nil {
		e.idle.Stop()
	}
	e.letGo(context.Background())
	e.closed = true
	e.forget()
}

// views returns the rows of what was touched since the last call.
func (e *event) views() storage.ViewUpdate {
	t := e.fold.Touched()
	var v storage.ViewUpdate
	if t.Event {
		event := e.fold.Event()
		v.Event = &event
	}
	for _, id := range t.Posts {
		if p, ok := e.fold.Post(id); ok {
			v.Posts = append(v.Posts, p)
		}
	}
	for _, r := range t.Reactions {
		v.Reactions = append(v.Reactions, storage.ReactionUpdate{Post: r.Post, Reaction: r.Reaction, On: r.On})
	}
	for _, id := range t.People {
		if p, ok := e.fold.Person(id); ok {
			v.People = append(v.People, p)
		}
	}
	return v
}

// allViews returns every row.
func (e *event) allViews() storage.ViewUpdate {
	if e.graph.Len() == 0 {
		return storage.ViewUpdate{}
	}
	event := e.fold.Event()
	v := storage.ViewUpdate{Event: &event, Posts: e.fold.Posts(), People: e.fold.People()}
	for _, p := range v.Posts {
		for _, r := range p.Reactions {
			v.Reactions = append(v.Reactions, storage.ReactionUpdate{Post: p.ID, Reaction: r, On: true})
		}
	}
	return v
}

// update says what a page has to look at again.
func (e *event) update(v storage.ViewUpdate, own bool) Update {
	u := Update{Event: e.id, Status: own || v.Event != nil || len(v.People) > 0}
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

// Pending own changes.

// unsent returns the own changes that no relay holds, and the posts they are
// about ("" for others).
func (e *event) unsent(ctx context.Context) (map[wire.Hash]qa.PostID, error) {
	e.side.mu.Lock()
	defer e.side.mu.Unlock()
	if e.side.pending == nil {
		pending := map[wire.Hash]qa.PostID{}
		err := e.node.store.Pending(ctx, e.id, func(en storage.Entry) error {
			pending[en.Hash] = postOf(en)
			return nil
		})
		if err != nil && !errors.Is(err, storage.ErrDamaged) {
			return nil, err
		}
		e.side.pending = pending
	}
	return maps.Clone(e.side.pending), nil
}

func (e *event) noteUnsent(entries []storage.Entry) {
	e.side.mu.Lock()
	defer e.side.mu.Unlock()
	if e.side.pending == nil {
		return
	}
	for i := range entries {
		e.side.pending[entries[i].Hash] = postOf(entries[i])
	}
}

// setDelivered notes on disk, then in memory, whether a relay holds own changes.
// mu is held.
func (e *event) setDelivered(ctx context.Context, delivered bool, hashes []wire.Hash) error {
	if len(hashes) == 0 {
		return nil // none would mean all
	}
	if err := e.node.store.SetDelivered(ctx, e.id, delivered, hashes...); err != nil {
		return err
	}
	e.side.mu.Lock()
	defer e.side.mu.Unlock()
	e.side.stirred()
	if !delivered {
		e.side.pending = nil // read again when somebody asks
		return nil
	}
	for _, h := range hashes {
		delete(e.side.pending, h)
		delete(e.side.relayRefused, h)
	}
	return e.release(ctx, hashes)
}

// postOf returns the post that an own change is about. The act is kept with the
// ID of the post it made, see draft.take.
func postOf(en storage.Entry) qa.PostID {
	var a qa.Act
	if json.Unmarshal(en.Act, &a) != nil {
		return ""
	}
	return a.Post
}

// owns reports whether the actor belongs to this device's person, as the cheap
// question before the ledger is asked.
func (e *event) owns(a wire.ActorID) bool {
	if n := e.node; len(a) == len(n.actor) && a[:32] == n.actor[:32] {
		return true
	}
	_, ours := e.keys[qa.IdentityOfActor([]byte(a))]
	return ours
}
