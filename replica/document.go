package replica

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"flyleaf/crdt"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/internal/lockorder"
	"flyleaf/qa"
	"flyleaf/replica/presence"
	"flyleaf/storage"
)

// snapshotEvery is how many changes are loaded one by one before a snapshot is
// worth its writing.
const snapshotEvery = 200

// longHistory is how often a key may have been written before it is dearer to give the
// engine the changes one by one, which takes it quadratic time: 0.2 s for 4,000.
const longHistory = 2000

// event is one followed event. mu is held while its ledger is written and what
// is in memory changes, never while something is sent.
type document struct {
	node *Node
	id   qa.EventID

	mu         lockorder.Mutex[lockorder.Document] // guards what follows, up to side
	closed     bool                                // with the node
	graph      *graph.Graph                        // nil: nothing is loaded
	policy     *policy.Policy
	projection *projection.Projection

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

	engine  *crdt.Document // nil: not loaded, or with the engine
	outside [][]byte       // on disk and in the graph, not yet in doc
	opening chan struct{}  // closed when the engine is free again; nil: it is free
	// generation counts the times that what a document held or would hold was dropped.
	generation int
	actor      wire.ActorID
	loaded     int // changes it was loaded from, beyond its snapshot, and has gained since
	idle       *time.Timer
	acts       int // counts local acts, so that a timer knows whether it came too late

	side     side
	presence presence.Board
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
	mu      lockorder.Mutex[lockorder.Summary]
	heads   []wire.Hash // of what is on disk; valid when loaded
	loaded  bool
	pending map[wire.Hash]qa.PostID // own changes that no relay holds; nil: not read yet
	brief   *brief                  // nil: to be read
	written int                     // how often something was
	// relayRefused are own changes that the relay did not take, by hash.
	relayRefused map[wire.Hash]Refusal
}

func (n *Node) newDocument(id qa.EventID) *document {
	return &document{node: n, id: id, actor: n.actor, refused: map[wire.Hash]Refusal{}, gone: newGone(), reasons: map[wire.Hash]error{}, tried: map[qa.Identity]bool{}}
}

// fresh gives the event an empty graph, gate and fold.
func (doc *document) fresh() {
	doc.arriving = map[wire.Hash]arrival{}
	doc.graph = graph.New(graph.Admit(doc.admit))
	doc.policy = policy.New(doc.id, doc.graph)
	doc.projection = projection.New(doc.id, doc.graph, doc.policy.Authority())
}

// admit is asked by the graph before it applies a change, one that waited
// included. Those it was asked about before are applied by now, so the fold
// takes them first: it has to know the past of what is looked at.
func (doc *document) admit(m graph.Meta) error {
	if err := doc.foldAdmitted(); err != nil {
		return err
	}
	a, ok := doc.arriving[m.Hash]
	if !ok {
		return errors.New("replica: a change came out of nowhere")
	}
	if a.stranger {
		if err := doc.policy.Validate(a.change); errors.Is(err, policy.ErrOrder) {
			return fmt.Errorf("%w: %w", errFold, err)
		} else if err != nil {
			return err
		}
	} else if err := doc.policy.Recheck(a.change); err != nil {
		return err
	}
	if err := doc.policy.Add(a.change); err != nil {
		return fmt.Errorf("%w: %w", errFold, err)
	}
	doc.admitted = append(doc.admitted, a)
	return nil
}

func (doc *document) foldAdmitted() error {
	for len(doc.admitted) > 0 {
		a := doc.admitted[0]
		doc.admitted = doc.admitted[1:]
		if err := doc.projection.ApplyReceived(a.change, a.received); err != nil {
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
func (doc *document) add(a arrival) ([]arrival, error) {
	h := a.change.Hash
	doc.arriving[h] = a
	added, err := doc.graph.Add(graph.MetaOf(a.change))
	if fault := doc.foldAdmitted(); fault != nil {
		err = fault
	}
	applied := make([]arrival, 0, len(added))
	for _, h := range added {
		applied = append(applied, doc.arriving[h])
		delete(doc.arriving, h)
	}
	if err != nil || !doc.graph.Waiting(h) {
		delete(doc.arriving, h)
	}
	return applied, err
}

// load builds graph, gate and fold from the ledger, if they are not there. mu is held.
func (doc *document) load(ctx context.Context) error {
	if doc.closed {
		return ErrClosed
	}
	if doc.graph != nil {
		if len(doc.unnoted) > 0 {
			doc.noteCut(ctx)
		}
		return nil
	}
	keys, err := doc.readKeys(ctx)
	if err != nil {
		return err
	}
	doc.keys, doc.gone, doc.held = keys, newGone(), map[wire.Hash]bool{}
	doc.cut = map[wire.Hash]storage.Status{}
	defer func() { doc.cut = nil }()
	doc.fresh()
	err = doc.node.store.Entries(ctx, doc.id, 0, func(en storage.Entry) error {
		if en.Own {
			doc.gone.noteReissue(en.Act)
		}
		if en.Status != storage.InDocument {
			doc.gone.note(&en)
			return nil
		}
		return doc.addStored(&en)
	})
	if errors.Is(err, storage.ErrDamaged) {
		doc.node.cfg.Log.Warn("part of an event is damaged on disk and will be fetched again from its relay", "event", doc.id, "error", err)
		err = nil
	}
	if err != nil {
		doc.forget()
		return fmt.Errorf("reading the ledger of event %s: %w", doc.id, err)
	}
	doc.projection.Touched() // the views have all of this
	if len(doc.cut) > 0 {
		doc.cutOut(ctx)
	}
	doc.showHeads()
	return doc.noticeClub(ctx)
}

// addStored adds a row of the ledger. A change that depends on a damaged one waits
// until that one has been fetched again.
func (doc *document) addStored(en *storage.Entry) error {
	c, err := wire.DecodeChange(en.Bytes)
	if err != nil {
		return fmt.Errorf("change %s: %w", en.Hash, err)
	}
	if slices.ContainsFunc(c.Deps, func(d wire.Hash) bool { _, out := doc.cut[d]; return out }) {
		doc.cut[en.Hash] = storage.Left
		return nil
	}
	if _, err := doc.add(arrival{change: c, bytes: en.Bytes, signature: en.Signature, received: en.ReceivedAtMillis}); err != nil {
		var refusal *policy.Refusal
		if doc.cut != nil && errors.As(err, &refusal) {
			doc.cut[en.Hash] = storage.Refused
			doc.reasons[en.Hash] = err
			return nil
		}
		return fmt.Errorf("change %s: %w", en.Hash, err)
	}
	if en.Own && !en.Delivered && doc.isQuestion(en.Actor) {
		doc.held[en.Hash] = true
	} else if doc.buildsOnHeld(c.Deps) {
		clear(doc.held)
	}
	return nil
}

// cutOut notes on disk what the ledger holds and the rules of this version refuse. What
// this person wrote among it is written anew, see reissue. Graph, gate and fold are
// without it already; so when the disk does not take the note, only the views show
// it until the next time. mu is held.
func (doc *document) cutOut(ctx context.Context) {
	doc.node.cfg.Log.Warn("an earlier version of this program took changes that the event's rules refuse; they leave the event, with what builds on them",
		"event", doc.id, "changes", len(doc.cut))
	doc.unnoted = doc.cut
	views := doc.noteCut(ctx)
	u, err := doc.noteLeft(ctx, doc.cut, views)
	if err != nil {
		doc.node.cfg.Log.Warn("what left the event could not be read", "event", doc.id, "error", err)
	}
	doc.node.subs.notify(u)
	doc.node.tendSoon(doc)
}

// noteCut notes on disk what was cut, and returns the views without it. mu is held.
func (doc *document) noteCut(ctx context.Context) storage.ViewUpdate {
	views := doc.allViews()
	batch := storage.Batch{Event: doc.id, Statuses: doc.unnoted, Views: views, Whole: true}
	if err := doc.node.store.Append(context.WithoutCancel(ctx), batch); err != nil {
		doc.node.cfg.Log.Warn("what leaves the event could not be noted on this device; it is tried again", "event", doc.id, "error", err)
		return views
	}
	doc.unnoted = nil
	return views
}

func (doc *document) showHeads() {
	doc.side.mu.Lock()
	doc.side.heads, doc.side.loaded = doc.graph.Heads(), true
	doc.side.stirred()
	doc.side.mu.Unlock()
}

// open loads the document for a local act, or brings it up to date. mu is held, and
// let go of while the engine reads changes, so that nobody who reads waits for that:
// what the caller knew before may not be so any more. The event is loaded afterwards.
func (doc *document) open(ctx context.Context) error {
	for {
		if err := doc.load(ctx); err != nil {
			return err
		}
		if doc.graph.Len() == 0 {
			return ErrNotFetched
		}
		if doc.policy.Newer() {
			return crdt.ErrNewerGate // the engine is not shown what nobody may write in
		}
		switch {
		case doc.opening != nil:
			if err := doc.awaitEngine(ctx); err != nil {
				return err
			}
		case doc.engine == nil:
			if err := doc.openAnew(ctx); err != nil {
				return err
			}
		case len(doc.outside) > absorbLocked:
			if err := doc.absorbUnlocked(); err != nil {
				return err
			}
		default:
			return doc.absorb()
		}
	}
}

// absorbLocked is how many changes the engine is given while mu is held.
const absorbLocked = 64

// withoutLock runs f, which may take long, without mu. Whoever wants the engine
// meanwhile waits in open.
func (doc *document) withoutLock(f func()) {
	done := make(chan struct{})
	doc.opening = done
	doc.mu.Unlock()
	defer func() {
		doc.mu.Lock()
		doc.opening = nil
		close(done)
	}()
	if doc.node.engineWork != nil {
		doc.node.engineWork()
	}
	f()
}

// awaitEngine waits, without mu, until the engine is free.
func (doc *document) awaitEngine(ctx context.Context) error {
	free := doc.opening
	doc.mu.Unlock()
	defer doc.mu.Lock()
	select {
	case <-free:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// openAnew loads the document from a snapshot and the ledger. Afterwards there is none
// still if changes left the event meanwhile.
func (doc *document) openAnew(ctx context.Context) error {
	if doc.actor == "" {
		actor, err := doc.node.newActor()
		if err != nil {
			return err
		}
		doc.actor = actor
	}
	snapshot, err := doc.node.store.Snapshot(ctx, doc.id)
	if err != nil && !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrDamaged) {
		return err
	}
	if err != nil {
		snapshot = storage.Snapshot{}
	}
	generation := doc.generation
	err = doc.openFrom(ctx, snapshot)
	if err != nil && snapshot.Position > 0 && doc.generation == generation && !doc.closed {
		// A snapshot only makes loading faster; the ledger is the truth.
		doc.node.cfg.Log.Warn("a snapshot could not be used", "event", doc.id, "error", err)
		if err = doc.load(ctx); err == nil {
			err = doc.openFrom(ctx, storage.Snapshot{})
		}
	}
	return err
}

func (doc *document) openFrom(ctx context.Context, snapshot storage.Snapshot) error {
	var changes [][]byte
	err := doc.node.store.Entries(ctx, doc.id, snapshot.Position, func(en storage.Entry) error {
		if en.Status == storage.InDocument && doc.graph.Has(en.Hash) && !doc.held[en.Hash] {
			changes = append(changes, en.Bytes)
		}
		return nil
	})
	if err != nil && !errors.Is(err, storage.ErrDamaged) { // load has told of the damage
		return err
	}
	heads, generation, actor := doc.headsWithoutHeld(), doc.generation, doc.actor
	load := func() (*crdt.Document, error) { return crdt.Load(actor, snapshot.Bytes, changes) }
	if snapshot.Position == 0 && doc.policy.LongestHistory() > longHistory {
		load = func() (*crdt.Document, error) { return crdt.LoadAtOnce(actor, changes) }
	}
	var engine *crdt.Document
	doc.outside = nil // what comes from now on is not in changes
	doc.withoutLock(func() { engine, err = load() })
	if doc.closed || doc.generation != generation {
		if engine != nil {
			engine.Close()
		}
		return nil // and open finds that there is none
	}
	if err != nil {
		return fmt.Errorf("opening event %s: %w", doc.id, err)
	}
	if !slices.Equal(engine.Heads(), heads) {
		engine.Close()
		return fmt.Errorf("opening event %s: the document and the ledger have different heads", doc.id)
	}
	doc.engine, doc.loaded = engine, len(changes)
	return nil
}

// absorbUnlocked is absorb without mu. Afterwards there is no document if changes left
// the event meanwhile.
func (doc *document) absorbUnlocked() error {
	engine, batch, generation := doc.engine, doc.outside, doc.generation
	doc.engine, doc.outside = nil, nil
	var err error
	doc.withoutLock(func() { err = engine.Absorb(batch) })
	if doc.closed || doc.generation != generation {
		engine.Close()
		return nil
	}
	if err != nil {
		engine.Close()
		doc.discard()
		return fmt.Errorf("opening event %s: %w", doc.id, err)
	}
	doc.engine, doc.loaded = engine, doc.loaded+len(batch)
	return nil
}

// dropDocument lets go of the document, and of one that is being opened. mu is held.
func (doc *document) dropDocument() {
	if doc.engine != nil {
		doc.engine.Close()
	}
	doc.engine, doc.outside = nil, nil
	doc.generation++
}

// absorb hands what came from outside to the loaded document.
func (doc *document) absorb() error {
	if len(doc.outside) == 0 {
		return nil
	}
	if err := doc.engine.Absorb(doc.outside); err != nil {
		doc.discard()
		return fmt.Errorf("opening event %s: %w", doc.id, err)
	}
	doc.loaded += len(doc.outside)
	doc.outside = nil
	return nil
}

// discard throws away everything in memory, so that it is built again from the
// ledger. The next local act has a new actor: the one before may have been used
// for a change that is nowhere, or that is somewhere after all.
func (doc *document) discard() {
	doc.dropDocument()
	doc.forget()
	doc.actor, doc.others = "", nil
	doc.stir() // the store may have kept what it said it had not
}

// rest lets go of the document when nothing has been written for a while.
func (doc *document) rest() {
	doc.acts++
	if doc.idle != nil {
		doc.idle.Stop()
	}
	acts := doc.acts
	doc.idle = time.AfterFunc(doc.node.cfg.Idle, func() {
		doc.mu.Lock()
		defer doc.mu.Unlock()
		if doc.acts == acts && !doc.closed {
			doc.unload(doc.node.ctx)
		}
	})
	if doc.engine != nil {
		doc.node.engineUsed(doc)
	}
}

// unload lets go of the engine and, when the event is not attached, of everything else.
// mu is held, and let go of while a snapshot is made.
func (doc *document) unload(ctx context.Context) {
	doc.letGo(ctx)
	if _, attached := doc.node.client.Attached(doc.id); !attached && !doc.closed {
		doc.forget()
	}
}

// letGo closes the document, after keeping a snapshot if it took long to load. mu is
// held, and let go of while the snapshot is made.
func (doc *document) letGo(ctx context.Context) {
	if doc.engine == nil {
		return
	}
	if doc.loaded >= snapshotEvery && len(doc.outside) <= absorbLocked && doc.absorb() == nil {
		if err := doc.keepSnapshot(ctx); err != nil {
			doc.node.cfg.Log.Warn("a snapshot could not be kept", "event", doc.id, "error", err)
		}
	}
	if doc.opening == nil { // else somebody is at it again
		doc.dropDocument()
	}
}

// keepSnapshot keeps what the document holds, and lets go of the document.
func (doc *document) keepSnapshot(ctx context.Context) error {
	if doc.graph.WaitingLen() > 0 || len(doc.held) > 0 {
		return nil // the document lacks a part of the ledger; a snapshot would hide it
	}
	counts, err := doc.node.store.Counts(ctx, doc.id)
	if err != nil {
		return err
	}
	engine, generation := doc.engine, doc.generation
	doc.engine, doc.outside = nil, nil
	var saved []byte
	doc.withoutLock(func() {
		saved = engine.Save()
		engine.Close()
	})
	if doc.generation != generation {
		return nil // something in it has left the event
	}
	return doc.node.store.SaveSnapshot(ctx, doc.id, storage.Snapshot{Position: counts.Last, Bytes: saved})
}

// forget lets go of graph, gate and fold.
func (doc *document) forget() {
	doc.graph, doc.policy, doc.projection, doc.arriving, doc.admitted, doc.unnoted = nil, nil, nil, nil, nil, nil
}

func (doc *document) close() {
	doc.presence.Stop()
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if doc.idle != nil {
		doc.idle.Stop()
	}
	doc.letGo(context.Background())
	doc.closed = true
	doc.forget()
}

// views returns the rows of what was touched since the last call.
func (doc *document) views() storage.ViewUpdate {
	t := doc.projection.Touched()
	var v storage.ViewUpdate
	if t.Event {
		event := doc.projection.Event()
		v.Event = &event
	}
	for _, id := range t.Posts {
		if p, ok := doc.projection.Post(id); ok {
			v.Posts = append(v.Posts, p)
		}
	}
	for _, r := range t.Reactions {
		v.Reactions = append(v.Reactions, storage.ReactionUpdate{Post: r.Post, Reaction: r.Reaction, On: r.On})
	}
	for _, id := range t.People {
		if p, ok := doc.projection.Person(id); ok {
			v.People = append(v.People, p)
		}
	}
	return v
}

// allViews returns every row.
func (doc *document) allViews() storage.ViewUpdate {
	if doc.graph.Len() == 0 {
		return storage.ViewUpdate{}
	}
	event := doc.projection.Event()
	v := storage.ViewUpdate{Event: &event, Posts: doc.projection.Posts(), People: doc.projection.People()}
	for _, p := range v.Posts {
		for _, r := range p.Reactions {
			v.Reactions = append(v.Reactions, storage.ReactionUpdate{Post: p.ID, Reaction: r, On: true})
		}
	}
	return v
}

// update says what a page has to look at again.
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

// Pending own changes.

// unsent returns the own changes that no relay holds, and the posts they are
// about ("" for others).
func (doc *document) unsent(ctx context.Context) (map[wire.Hash]qa.PostID, error) {
	doc.side.mu.Lock()
	defer doc.side.mu.Unlock()
	if doc.side.pending == nil {
		pending := map[wire.Hash]qa.PostID{}
		err := doc.node.store.Pending(ctx, doc.id, func(en storage.Entry) error {
			pending[en.Hash] = postOf(en)
			return nil
		})
		if err != nil && !errors.Is(err, storage.ErrDamaged) {
			return nil, err
		}
		doc.side.pending = pending
	}
	return maps.Clone(doc.side.pending), nil
}

func (doc *document) noteUnsent(entries []storage.Entry) {
	doc.side.mu.Lock()
	defer doc.side.mu.Unlock()
	if doc.side.pending == nil {
		return
	}
	for i := range entries {
		doc.side.pending[entries[i].Hash] = postOf(entries[i])
	}
}

// setDelivered notes on disk, then in memory, whether a relay holds own changes.
// mu is held.
func (doc *document) setDelivered(ctx context.Context, delivered bool, hashes []wire.Hash) error {
	if len(hashes) == 0 {
		return nil // none would mean all
	}
	if err := doc.node.store.SetDelivered(ctx, doc.id, delivered, hashes...); err != nil {
		return err
	}
	doc.side.mu.Lock()
	defer doc.side.mu.Unlock()
	doc.side.stirred()
	if !delivered {
		doc.side.pending = nil // read again when somebody asks
		return nil
	}
	for _, h := range hashes {
		delete(doc.side.pending, h)
		delete(doc.side.relayRefused, h)
	}
	return doc.release(ctx, hashes)
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
func (doc *document) owns(a wire.ActorID) bool {
	if n := doc.node; len(a) == len(n.actor) && a[:32] == n.actor[:32] {
		return true
	}
	_, ours := doc.keys[qa.IdentityOfActor([]byte(a))]
	return ours
}
