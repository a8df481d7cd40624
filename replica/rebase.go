package replica

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
	"flyleaf/trust"
)

// maxProofs bounds the proofs of equivocation, one for each actor, that are kept
// for an event. Beyond them the second change is merely not taken.
const maxProofs = 256

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
func (e *event) prove(ctx context.Context, twins []twin) (Update, error) {
	var all Update
	for _, t := range twins {
		actor, seq := t.a.Actor, t.a.Seq
		if e.gone.cutOff(actor, seq) {
			continue // more of the same
		}
		if _, known := e.gone.proofs[actor]; !known && len(e.gone.proofs) >= maxProofs {
			e.node.cfg.Log.Warn("too many proofs of equivocation; one was not kept", "event", e.id)
			continue
		}
		e.node.cfg.Log.Warn("a sequence number was used twice; what hangs on it leaves the event",
			"event", e.id, "actor", actor, "seq", seq)
		roots := map[wire.Hash]storage.Status{}
		for n := seq; n <= e.graph.SeqOf(actor); n++ {
			h, _ := e.graph.BySeq(actor, n)
			roots[h] = storage.Left
		}
		rows := []storage.Entry{t.a, t.b}
		for i := range rows {
			rows[i].Status = storage.Left
			rows[i].Delivered = false
		}
		u, err := e.rebase(ctx, rows, roots)
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
func (e *event) rebase(ctx context.Context, more []storage.Entry, roots map[wire.Hash]storage.Status) (Update, error) {
	ctx = context.WithoutCancel(ctx)
	leaving := e.withDescendants(roots)
	inGraph := len(leaving) > 0
	for i := range more {
		if _, ok := leaving[more[i].Hash]; !ok {
			leaving[more[i].Hash] = more[i].Status // a row that is there already keeps its own otherwise
		}
	}
	batch := storage.Batch{Event: e.id, Entries: more, Statuses: leaving}
	before := e.fold.Posts()
	if inGraph {
		if err := e.rebuildWithout(ctx, leaving); err != nil {
			e.discard()
			return Update{}, err
		}
		batch.Views, batch.Whole = e.allViews(), true
		e.fold.Touched()
	}
	if err := e.node.store.Append(ctx, batch); err != nil {
		e.discard()
		return Update{}, fmt.Errorf("what has to leave the event could not be noted on this device; nothing was changed: %w", err)
	}
	u, err := e.noteLeft(ctx, leaving, batch.Views)
	if err != nil {
		e.discard() // on disk all is as it should be, and is read again from there
		return Update{}, err
	}
	for _, p := range before {
		if _, still := e.fold.Post(p.ID); !still {
			u.Posts = append(u.Posts, p.ID)
		}
	}
	return u, nil
}

// noteLeft notes in memory what has left the document on disk. views are what the
// event shows now. mu is held.
func (e *event) noteLeft(ctx context.Context, leaving map[wire.Hash]storage.Status, views storage.ViewUpdate) (Update, error) {
	if err := e.noteGone(ctx, leaving); err != nil {
		return Update{}, err
	}
	for h := range e.gone.out {
		delete(e.refused, h)
	}
	e.epoch++
	e.side.mu.Lock()
	e.side.pending = nil
	for h := range leaving {
		delete(e.side.relayRefused, h)
	}
	e.side.mu.Unlock()
	e.showHeads()
	e.node.notice(ctx, views)
	return e.update(views, true), nil
}

// noteGone reads the rows that have left.
func (e *event) noteGone(ctx context.Context, leaving map[wire.Hash]storage.Status) error {
	var rows []storage.Entry
	for h, status := range leaving {
		en, err := e.node.store.Entry(ctx, e.id, h)
		if errors.Is(err, storage.ErrDamaged) || errors.Is(err, storage.ErrNotFound) {
			e.gone.out[h] = status
			continue
		}
		if err != nil {
			return err
		}
		rows = append(rows, en)
	}
	slices.SortFunc(rows, func(a, b storage.Entry) int { return cmp.Compare(a.Position, b.Position) })
	for i := range rows {
		e.gone.note(&rows[i])
	}
	return nil
}

// withDescendants adds to changes all that depend on them; these have Left.
func (e *event) withDescendants(roots map[wire.Hash]storage.Status) map[wire.Hash]storage.Status {
	leaving := map[wire.Hash]storage.Status{}
	if len(roots) == 0 {
		return leaving
	}
	var deps []wire.Hash
	for h := range e.graph.Order() {
		if status, root := roots[h]; root {
			leaving[h] = status
			continue
		}
		deps = e.graph.Deps(deps[:0], h)
		if slices.ContainsFunc(deps, func(d wire.Hash) bool { _, out := leaving[d]; return out }) {
			leaving[h] = storage.Left
		}
	}
	return leaving
}

// rebuildWithout builds graph and fold from the ledger without some changes, and
// lets go of the document, whose actor is not used again.
func (e *event) rebuildWithout(ctx context.Context, leaving map[wire.Hash]storage.Status) error {
	e.dropDocument()
	e.actor, e.others = "", nil
	e.fresh()
	err := e.node.store.Entries(ctx, e.id, 0, func(en storage.Entry) error {
		if _, leaves := leaving[en.Hash]; leaves || en.Status != storage.InDocument {
			return nil
		}
		return e.addStored(&en)
	})
	if errors.Is(err, storage.ErrDamaged) {
		err = nil // load has told of it
	}
	return err
}

// proofOf returns a proof as it travels. Both changes are in the ledger.
func (e *event) proofOf(ctx context.Context, p proof) (*repo.Proof, error) {
	a, err := e.node.store.Entry(ctx, e.id, p.a)
	if err != nil {
		return nil, err
	}
	b, err := e.node.store.Entry(ctx, e.id, p.b)
	if err != nil {
		return nil, err
	}
	return &repo.Proof{A: a.Bytes, SigA: a.Signature, B: b.Bytes, SigB: b.Signature}, nil
}

// hear takes a proof that a relay sent. One that proves nothing is passed over: it
// is the relay that is at fault, and nothing follows from it.
func (e *event) hear(ctx context.Context, p *repo.Proof) (Update, error) {
	claim := trust.Proof{A: p.A, B: p.B, SigA: p.SigA, SigB: p.SigB}
	if _, _, err := trust.CheckProof(e.id, claim); err != nil {
		e.node.cfg.Log.Warn("the relay sent a proof that proves nothing", "event", e.id, "error", err)
		return Update{}, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.load(ctx); err != nil {
		return Update{}, err
	}
	a, err := e.row(p.A, p.SigA)
	if err != nil {
		return Update{}, err
	}
	b, err := e.row(p.B, p.SigB)
	if err != nil {
		return Update{}, err
	}
	u, err := e.prove(ctx, []twin{{a, b}})
	if err != nil {
		return u, err
	}
	e.reissue(ctx)
	return u, e.load(ctx)
}

// row makes a ledger row of a change that came with its signature.
func (e *event) row(chunk, signature []byte) (storage.Entry, error) {
	c, err := wire.DecodeChange(chunk)
	if err != nil {
		return storage.Entry{}, err
	}
	return storage.Entry{
		Hash: c.Hash, Actor: c.Actor, Seq: c.Seq, Bytes: c.Encode(), Signature: slices.Clone(signature),
		ReceivedAtMillis: e.node.cfg.Now().UnixMilli(),
	}, nil
}

// twinOf pairs a change that was not taken with the one that has its place.
func (e *event) twinOf(ctx context.Context, a arrival) (twin, bool) {
	h, ok := e.graph.BySeq(a.change.Actor, a.change.Seq)
	if !ok {
		return twin{}, false
	}
	first, err := e.node.store.Entry(ctx, e.id, h)
	if err != nil || len(first.Signature) != trust.SignatureSize {
		return twin{}, false // it cannot be shown to others
	}
	second, err := e.row(a.bytes, a.signature)
	return twin{first, second}, err == nil
}

// confirm asks this device's own rules about own changes that a relay refused for
// good. It holds the whole ledger against them, once in the life of the node: what
// was written since was asked about before it was saved. What they do not allow
// either, because an older version of this program made it, leaves the document.
func (e *event) confirm(ctx context.Context, refused []repo.Refused) (Update, error) {
	ours := slices.ContainsFunc(refused, func(r repo.Refused) bool {
		m, ok := e.graph.Node(wire.Hash(r.Hash))
		return ok && !r.Deferred && e.owns(m.Actor)
	})
	if !ours || e.judged {
		return Update{}, nil
	}
	invalid := map[wire.Hash]storage.Status{}
	judge := e.node.newEvent(e.id)
	judge.fresh()
	err := e.node.store.Entries(ctx, e.id, 0, func(en storage.Entry) error {
		if !e.graph.Has(en.Hash) {
			return nil
		}
		c, err := wire.DecodeChange(en.Bytes)
		if err != nil {
			return err
		}
		if err = trust.Verify(e.id, c.Actor, c.Hash, en.Signature); err == nil {
			_, err = judge.add(arrival{change: c, stranger: true})
		}
		switch {
		case errors.Is(err, errFold):
			return err
		case err != nil && !errors.Is(err, graph.ErrMissingDeps):
			invalid[c.Hash] = storage.Refused
			e.reasons[c.Hash] = err
		}
		return nil
	})
	if err != nil && !errors.Is(err, storage.ErrDamaged) {
		return Update{}, err
	}
	e.judged = true
	if len(invalid) == 0 {
		return Update{}, nil
	}
	return e.rebase(ctx, nil, invalid)
}
