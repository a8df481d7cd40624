package replica

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/storage"
)

// maxProofs bounds the proofs of equivocation, one for each actor, that are kept
// for an event. Beyond them the second change is merely not taken.
const maxProofs = 256

// exclusions is what is known of changes that are in the ledger and not in the contents.
type exclusions struct {
	gone // follows from the ledger's rows, so it is found again at each load
	// cut are changes of the ledger that an earlier version took and that the rules of
	// this one refuse, with all that builds on them; only while the document is loaded.
	cut map[wire.Hash]storage.Status
	// unnoted is what was cut while the disk took no note of it; tried again whenever
	// the document is asked for.
	unnoted map[wire.Hash]storage.Status
	reasons map[wire.Hash]error // why own acts could not be written anew
	judged  bool                // the ledger was held against the rules, see confirm
	epoch   int                 // counts the times that changes have left, see rebase
}

func newExclusions() exclusions {
	return exclusions{gone: newGone(), reasons: map[wire.Hash]error{}}
}

// reset forgets what follows from the ledger's rows.
func (x *exclusions) reset() { x.gone = newGone() }

// gone is what is known of changes that are in the ledger and not in the document.
// All of it follows from the ledger's rows, so it is found again at each load.
type gone struct {
	out map[wire.Hash]storage.Status
	// proofs are by actor, each with the lowest sequence number that is known to
	// have been used twice: what the actor wrote from there on is out.
	proofs map[wire.ActorID]proof
	// uses are the rows that are out, by whom and as which of theirs.
	uses map[use]wire.Hash
	// posts are those that the rows made. A cloned device makes two of one ID: then
	// it is the one that was here first.
	posts map[qa.PostID]leftPost
	// lost are the own acts in those rows, in the ledger's order; reissued are the
	// changes of those that were written anew.
	lost     []lost
	reissued map[wire.Hash]bool
}

type use struct {
	actor wire.ActorID
	seq   uint64
}

// leftPost is what is remembered of a post that left.
type leftPost struct {
	origin qa.PostID // the post before it that it stood for, "" for none
	text   string    // as it was first written
}

// proof names the two changes of a proof of equivocation.
type proof struct {
	seq  uint64
	a, b wire.Hash
}

func newGone() gone {
	return gone{
		out: map[wire.Hash]storage.Status{}, proofs: map[wire.ActorID]proof{},
		uses: map[use]wire.Hash{}, posts: map[qa.PostID]leftPost{},
		reissued: map[wire.Hash]bool{},
	}
}

// note takes in a row that is not in the document. Two rows of one actor and
// sequence number are a proof, whatever took them out.
func (g *gone) note(en *storage.Entry) {
	if _, again := g.out[en.Hash]; !again && en.Own {
		g.noteLost(en)
	}
	g.out[en.Hash] = en.Status
	u := use{en.Actor, en.Seq}
	if other, ok := g.uses[u]; !ok {
		g.uses[u] = en.Hash
	} else if p, proven := g.proofs[en.Actor]; other != en.Hash && (!proven || en.Seq < p.seq) {
		g.proofs[en.Actor] = proof{seq: en.Seq, a: other, b: en.Hash}
	}
	if c, err := wire.DecodeChange(en.Bytes); err == nil {
		if id, p, ok := madePost(c); ok {
			if _, again := g.posts[id]; !again {
				g.posts[id] = p
			}
		}
	}
}

// madePost returns the post that a change makes.
func madePost(c *wire.Change) (id qa.PostID, p leftPost, ok bool) {
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
			p.text = text // the only one that is not the post's own: its revision
		}
	}
	return id, p, true
}

// cutOff reports whether a change is out because its writer is proven to have used
// this sequence number, or an earlier one, twice.
func (g *gone) cutOff(a wire.ActorID, seq uint64) bool {
	p, proven := g.proofs[a]
	return proven && seq >= p.seq
}

// twin is a change whose actor has another one with its sequence number.
type twin struct{ a, b storage.Entry }

// prove takes proofs of equivocation, found here or told by a relay, and rebases.
// mu is held and the event is loaded; what the twins' changes have in common is
// for the caller to have checked, signatures included.
func (doc *document) prove(ctx context.Context, twins []twin) (Update, error) {
	var all Update
	for _, t := range twins {
		actor, seq := t.a.Actor, t.a.Seq
		if doc.excluded.cutOff(actor, seq) {
			continue // more of the same
		}
		if _, known := doc.excluded.proofs[actor]; !known && len(doc.excluded.proofs) >= maxProofs {
			doc.node.cfg.Log.Warn("too many proofs of equivocation; one was not kept", "event", doc.id)
			continue
		}
		doc.node.cfg.Log.Warn("a sequence number was used twice; what hangs on it leaves the event",
			"event", doc.id, "actor", actor, "seq", seq)
		roots := map[wire.Hash]storage.Status{}
		for n := seq; n <= doc.contents.graph.SeqOf(actor); n++ {
			h, _ := doc.contents.graph.BySeq(actor, n)
			roots[h] = storage.Left
		}
		rows := []storage.Entry{t.a, t.b}
		for i := range rows {
			rows[i].Status = storage.Left
			rows[i].Delivered = false
		}
		u, err := doc.rebase(ctx, rows, roots)
		if err != nil {
			return all, err
		}
		all = joinUpdates(all, u)
	}
	return all, nil
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

// rebase takes changes out of the document, and all that depends on them, in one
// transaction: it stores more (rows with their status, which the ledger may have
// already), sets the statuses of roots and of their descendants, and replaces the
// views. What this person wrote among it is written anew by reissue. When it fails,
// nothing has changed. mu is held and the event is loaded.
func (doc *document) rebase(ctx context.Context, more []storage.Entry, roots map[wire.Hash]storage.Status) (Update, error) {
	ctx = context.WithoutCancel(ctx)
	leaving := doc.withDescendants(roots)
	inGraph := len(leaving) > 0
	for i := range more {
		if _, ok := leaving[more[i].Hash]; !ok {
			leaving[more[i].Hash] = more[i].Status // a row that is there already keeps its own otherwise
		}
	}
	batch := storage.Batch{Event: doc.id, Entries: more, Statuses: leaving}
	before := doc.contents.projection.Posts()
	if inGraph {
		if err := doc.rebuildWithout(ctx, leaving); err != nil {
			doc.discard()
			return Update{}, err
		}
		batch.Views, batch.Whole = doc.contents.allViews(), true
		doc.contents.projection.Touched()
	}
	if err := doc.node.store.Append(ctx, batch); err != nil {
		doc.discard()
		return Update{}, fmt.Errorf("what has to leave the event could not be noted on this device; nothing was changed: %w", err)
	}
	u, err := doc.noteLeft(ctx, leaving, batch.Views)
	if err != nil {
		doc.discard() // on disk all is as it should be, and is read again from there
		return Update{}, err
	}
	for _, p := range before {
		if _, still := doc.contents.projection.Post(p.ID); !still {
			u.Posts = append(u.Posts, p.ID)
		}
	}
	return u, nil
}

// cutOut notes on disk what the ledger holds and the rules of this version refuse. What
// this person wrote among it is written anew, see reissue. The contents are
// without it already; so when the disk does not take the note, only the views show
// it until the next time. mu is held.
func (doc *document) cutOut(ctx context.Context) {
	doc.node.cfg.Log.Warn("an earlier version of this program took changes that the event's rules refuse; they leave the event, with what builds on them",
		"event", doc.id, "changes", len(doc.excluded.cut))
	doc.excluded.unnoted = doc.excluded.cut
	views := doc.noteCut(ctx)
	u, err := doc.noteLeft(ctx, doc.excluded.cut, views)
	if err != nil {
		doc.node.cfg.Log.Warn("what left the event could not be read", "event", doc.id, "error", err)
	}
	doc.node.subs.notify(u)
	doc.node.tendSoon(doc)
}

// noteCut notes on disk what was cut, and returns the views without it. mu is held.
func (doc *document) noteCut(ctx context.Context) storage.ViewUpdate {
	views := doc.contents.allViews()
	batch := storage.Batch{Event: doc.id, Statuses: doc.excluded.unnoted, Views: views, Whole: true}
	if err := doc.node.store.Append(context.WithoutCancel(ctx), batch); err != nil {
		doc.node.cfg.Log.Warn("what leaves the event could not be noted on this device; it is tried again", "event", doc.id, "error", err)
		return views
	}
	doc.excluded.unnoted = nil
	return views
}

// noteLeft notes in memory what has left the document on disk. views are what the
// event shows now. mu is held.
func (doc *document) noteLeft(ctx context.Context, leaving map[wire.Hash]storage.Status, views storage.ViewUpdate) (Update, error) {
	if err := doc.noteGone(ctx, leaving); err != nil {
		return Update{}, err
	}
	for h := range doc.excluded.out {
		delete(doc.refused, h)
	}
	doc.excluded.epoch++
	doc.cached.invalidateDelivery()
	for h := range leaving {
		doc.cached.dropRelayRefusal(h)
	}
	return doc.committed(ctx, views, true), nil
}

// noteGone reads the rows that have left.
func (doc *document) noteGone(ctx context.Context, leaving map[wire.Hash]storage.Status) error {
	var rows []storage.Entry
	for h, status := range leaving {
		en, err := doc.node.store.Entry(ctx, doc.id, h)
		if errors.Is(err, storage.ErrDamaged) || errors.Is(err, storage.ErrNotFound) {
			doc.excluded.out[h] = status
			continue
		}
		if err != nil {
			return err
		}
		rows = append(rows, en)
	}
	slices.SortFunc(rows, func(a, b storage.Entry) int { return cmp.Compare(a.Position, b.Position) })
	for i := range rows {
		doc.excluded.note(&rows[i])
	}
	return nil
}

// withDescendants adds to changes all that depend on them; these have Left.
func (doc *document) withDescendants(roots map[wire.Hash]storage.Status) map[wire.Hash]storage.Status {
	leaving := map[wire.Hash]storage.Status{}
	if len(roots) == 0 {
		return leaving
	}
	var deps []wire.Hash
	for h := range doc.contents.graph.Order() {
		if status, root := roots[h]; root {
			leaving[h] = status
			continue
		}
		deps = doc.contents.graph.Deps(deps[:0], h)
		if slices.ContainsFunc(deps, func(d wire.Hash) bool { _, out := leaving[d]; return out }) {
			leaving[h] = storage.Left
		}
	}
	return leaving
}

// rebuildWithout builds graph and fold from the ledger without some changes, and
// lets go of the document, whose actor is not used again.
func (doc *document) rebuildWithout(ctx context.Context, leaving map[wire.Hash]storage.Status) error {
	doc.engine.drop()
	doc.engine.dropActors()
	doc.contents = newContents(doc.id)
	err := doc.node.store.Entries(ctx, doc.id, 0, func(en storage.Entry) error {
		if _, leaves := leaving[en.Hash]; leaves || en.Status != storage.InDocument {
			return nil
		}
		return doc.addStored(&en)
	})
	if errors.Is(err, storage.ErrDamaged) {
		err = nil // load has told of it
	}
	return err
}

// proofOf returns a proof as it travels. Both changes are in the ledger.
func (doc *document) proofOf(ctx context.Context, p proof) (*repo.Proof, error) {
	a, err := doc.node.store.Entry(ctx, doc.id, p.a)
	if err != nil {
		return nil, err
	}
	b, err := doc.node.store.Entry(ctx, doc.id, p.b)
	if err != nil {
		return nil, err
	}
	return &repo.Proof{A: a.Bytes, SigA: a.Signature, B: b.Bytes, SigB: b.Signature}, nil
}

// hear takes a proof that a relay sent. One that proves nothing is passed over: it
// is the relay that is at fault, and nothing follows from it.
func (doc *document) hear(ctx context.Context, p *repo.Proof) (Update, error) {
	claim := policy.Proof{A: p.A, B: p.B, SigA: p.SigA, SigB: p.SigB}
	if _, _, err := policy.CheckProof(doc.id, claim); err != nil {
		doc.node.cfg.Log.Warn("the relay sent a proof that proves nothing", "event", doc.id, "error", err)
		return Update{}, nil
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.load(ctx); err != nil {
		return Update{}, err
	}
	a, err := doc.row(p.A, p.SigA)
	if err != nil {
		return Update{}, err
	}
	b, err := doc.row(p.B, p.SigB)
	if err != nil {
		return Update{}, err
	}
	u, err := doc.prove(ctx, []twin{{a, b}})
	if err != nil {
		return u, err
	}
	doc.reissue(ctx)
	return u, doc.load(ctx)
}

// row makes a ledger row of a change that came with its signature.
func (doc *document) row(chunk, signature []byte) (storage.Entry, error) {
	c, err := wire.DecodeChange(chunk)
	if err != nil {
		return storage.Entry{}, err
	}
	return storage.Entry{
		Hash: c.Hash, Actor: c.Actor, Seq: c.Seq, Bytes: c.Encode(), Signature: slices.Clone(signature),
		ReceivedAtMillis: doc.node.cfg.Now().UnixMilli(),
	}, nil
}

// twinOf pairs a change that was not taken with the one that has its place.
func (doc *document) twinOf(ctx context.Context, a pendingChange) (twin, bool) {
	h, ok := doc.contents.graph.BySeq(a.change.Actor, a.change.Seq)
	if !ok {
		return twin{}, false
	}
	first, err := doc.node.store.Entry(ctx, doc.id, h)
	if err != nil || len(first.Signature) != keys.SignatureSize {
		return twin{}, false // it cannot be shown to others
	}
	second, err := doc.row(a.bytes, a.signature)
	return twin{first, second}, err == nil
}

// confirm asks this device's own rules about own changes that a relay refused for
// good. It holds the whole ledger against them, once in the life of the node: what
// was written since was asked about before it was saved. What they do not allow
// either, because an older version of this program made it, leaves the document.
func (doc *document) confirm(ctx context.Context, refused []repo.Refused) (Update, error) {
	ours := slices.ContainsFunc(refused, func(r repo.Refused) bool {
		m, ok := doc.contents.graph.Node(wire.Hash(r.Hash))
		return ok && !r.Deferred && doc.owns(m.Actor)
	})
	if !ours || doc.excluded.judged {
		return Update{}, nil
	}
	invalid := map[wire.Hash]storage.Status{}
	judge := newContents(doc.id)
	err := doc.node.store.Entries(ctx, doc.id, 0, func(en storage.Entry) error {
		if !doc.contents.graph.Has(en.Hash) {
			return nil
		}
		c, err := wire.DecodeChange(en.Bytes)
		if err != nil {
			return err
		}
		if err = keys.Verify(doc.id, c.Actor, c.Hash, en.Signature); err == nil {
			_, err = judge.add(pendingChange{change: c})
		}
		switch {
		case errors.Is(err, errInconsistent):
			return err
		case err != nil && !errors.Is(err, graph.ErrMissingDeps):
			invalid[c.Hash] = storage.Refused
			doc.excluded.reasons[c.Hash] = err
		}
		return nil
	})
	if err != nil && !errors.Is(err, storage.ErrDamaged) {
		return Update{}, err
	}
	doc.excluded.judged = true
	if len(invalid) == 0 {
		return Update{}, nil
	}
	return doc.rebase(ctx, nil, invalid)
}
