package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/policy"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/relay/quota"
	"flyleaf/storage"
)

// twins are two changes of one actor with one sequence number. Both are in the
// ledger, with what was taken out because of them, as Left; so the proofs are
// found again when a document is loaded, and survive a restart.
type twins struct {
	seq  uint64
	a, b wire.Hash
}

// provenProof is a proof that a peer sent and that proves something.
type provenProof struct {
	actor wire.ActorID
	seq   uint64
	sides [2]change
}

// readProof checks a proof from a peer, in the reader. nil is returned for what is
// of no use: it proves nothing, which harms nobody but the one who sent it.
func (d *document) readProof(p *repo.Proof) *provenProof {
	actor, seq, err := policy.CheckProof(d.event, policy.Proof{A: p.A, B: p.B, SigA: p.SigA, SigB: p.SigB})
	if err != nil {
		return nil
	}
	proven := &provenProof{actor: actor, seq: seq}
	for i, side := range [2]struct{ chunk, signature []byte }{{p.A, p.SigA}, {p.B, p.SigB}} {
		c, err := wire.DecodeChange(side.chunk)
		if err != nil {
			return nil
		}
		proven.sides[i] = change{meta: graph.MetaOf(c), bytes: c.Encode(), signature: slices.Clone(side.signature)}
	}
	return proven
}

// takeProof takes a proof that a peer sent. d.mu is held.
func (d *document) takeProof(sub *submission) {
	if m := d.reader(sub.from); m == nil || d.proven(sub.proof.actor, sub.proof.seq) {
		return
	}
	now := d.relay.cfg.Now()
	cost := d.rebuildUnits()
	if !sub.from.account.quota().Affords(d.relay.totals.Quotas(), cost, now) {
		return // it is told again on the next connection
	}
	sub.from.account.quota().Spend(cost)
	d.prove(*sub.proof)
}

// rebuildUnits is what a proof costs in units of a rate: the document is built again
// for it, at an eighth of the work that taking it once was.
func (d *document) rebuildUnits() float64 { return float64(proofUnits + d.graph.Len()/8) }

// usedTwice is called for a change that the graph refused because its actor has
// another one with its sequence number: together they are a proof. d.mu is held.
func (d *document) usedTwice(from *session, c *change) {
	h, ok := d.graph.BySeq(c.meta.Actor, c.meta.Seq)
	if !ok || h == c.meta.Hash || d.proven(c.meta.Actor, c.meta.Seq) {
		return
	}
	first, ok := d.fresh[h]
	if !ok {
		var err error
		if first, err = d.stored(h); err != nil {
			d.relay.log.Error("the other change of a proof cannot be read", "document", d.event, "change", h, "err", err)
			return
		}
	}
	if len(first.signature) != repo.SignatureLen || len(c.signature) != repo.SignatureLen {
		return // from a ledger that was filled unsigned: nothing that others would believe
	}
	from.account.quota().Spend(d.rebuildUnits())
	d.quota.Spend(c.writer, d.rebuildUnits())
	meta, _ := d.graph.Node(h)
	d.prove(provenProof{c.meta.Actor, c.meta.Seq, [2]change{{meta: meta, bytes: first.bytes, signature: first.signature}, *c}})
}

// proven reports whether it is known already that the actor used this sequence
// number, or an earlier one, twice.
func (d *document) proven(actor wire.ActorID, seq uint64) bool {
	t, known := d.liars[actor]
	return known && seq >= t.seq
}

// prove notes a proof, for which the graph is built again, once for all that come
// before that is done. Until then its actor's changes from there on are refused and
// what is there stays; nobody is told of the proof. Beyond MaxProofs the second change
// is merely not taken. d.mu is held.
func (d *document) prove(p provenProof) {
	if len(d.proofs)+len(d.found) >= MaxProofs {
		d.relay.log.Warn("too many proofs of equivocation; one was not kept", "document", d.event)
		return
	}
	d.liars[p.actor] = twins{p.seq, p.sides[0].meta.Hash, p.sides[1].meta.Hash}
	d.found = append(d.found, p)
	d.stale.Store(true)
	d.relay.rebuildSoon(d)
}

// rebuildRate is how often a document is built again for proofs. RebuildBurst are so
// many that no honest event meets it; for more it waits, and takes all that came
// meanwhile together.
func (d *document) rebuildRate() quota.Rate {
	return quota.Rate{Burst: RebuildBurst, Each: 1, Per: d.relay.limits.Rebuild}
}

// runRebuild builds the document's graph again, if it is time, one document of the relay after
// the other. It is beside turns and committer, so it holds up nobody who is not in the
// document; a document waits for each of the others once at most.
func (r *Relay) runRebuild(d *document) {
	defer r.rebuilds.forget(d)
	r.rebuilds.one.Lock()
	defer r.rebuilds.one.Unlock()
	d.mu.Lock()
	if d.broken || len(d.found) == 0 || !d.rebuilds.Has(d.rebuildRate(), r.cfg.Now(), 1, 0) {
		d.mu.Unlock() // looked at again by runRetries
		return
	}
	d.rebuilds.Spend(1 + float64(d.graph.Len())/rebuildChanges)
	now := r.cfg.Now()
	for _, p := range d.found {
		d.takeOut(&p, now)
	}
	d.found = nil
	d.stale.Store(false)
	if err := d.rebuild(context.Background()); err != nil {
		d.fail(err)
	}
	r.rebuilt.Add(1)
	r.ready <- &ready{document: d}
}

// rebuilds are the documents whose graphs are to be built again.
type rebuilds struct {
	one  sync.Mutex // held by who builds one
	work sync.WaitGroup

	mu        sync.Mutex
	documents map[*document]bool
	closed    bool
}

func (b *rebuilds) forget(d *document) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.documents, d)
}

// close waits for those that are under way.
func (b *rebuilds) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.work.Wait()
}

// rebuildSoon has a document's graph built again when it is its turn. It waits for nothing.
func (r *Relay) rebuildSoon(d *document) {
	b := &r.rebuilds
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.documents[d] {
		return // under way; what comes too late for it, runRetries finds
	}
	if b.documents == nil {
		b.documents = map[*document]bool{}
	}
	b.documents[d] = true
	b.work.Go(func() { r.runRebuild(d) })
}

// takeOut makes a proof hold. d.mu is held.
func (d *document) takeOut(p *provenProof, now time.Time) {
	d.relay.log.Warn("a sequence number was used twice; what hangs on it leaves the document", "document", d.event, "actor", p.actor, "seq", p.seq)
	d.proofs = append(d.proofs, twins{p.seq, p.sides[0].meta.Hash, p.sides[1].meta.Hash})
	for i := range p.sides {
		c := &p.sides[i]
		h := c.meta.Hash
		d.left[h] = struct{}{}
		d.fresh[h] = stored{c.bytes, c.signature}
		if d.graph.Has(h) {
			continue // rebuild sets its status
		}
		d.batch.Entries = append(d.batch.Entries, c.entry(now.UnixMilli(), storage.Left))
		d.leaves(h) // it may be there already, refused or left
	}
}

func (d *document) leaves(h wire.Hash) {
	if d.batch.Statuses == nil {
		d.batch.Statuses = map[wire.Hash]storage.Status{}
	}
	d.batch.Statuses[h] = storage.Left
	d.left[h] = struct{}{}
}

// rebuild builds graph and gate again without what the proofs take out, from the
// ledger and what this commit adds to it, and begins every conversation anew. d.mu
// is held; nothing is on disk yet.
func (d *document) rebuild(ctx context.Context) error {
	old := d.graph
	for actor, t := range d.liars {
		for _, h := range old.From(actor, t.seq) {
			d.leaves(h)
		}
	}
	d.begin()
	d.trusting = true
	defer func() { d.trusting = false }()
	err := d.relay.cfg.Store.Entries(ctx, d.event, 0, func(e storage.Entry) error {
		if _, out := d.left[e.Hash]; out || e.Status != storage.InDocument {
			return nil
		}
		return d.addStored(&e)
	})
	if err != nil && !errors.Is(err, storage.ErrDamaged) {
		return fmt.Errorf("relay: reading the ledger: %w", err)
	}
	for i := range d.batch.Entries {
		e := &d.batch.Entries[i]
		if _, out := d.left[e.Hash]; out {
			e.Status = storage.Left
		} else if err := d.addStored(e); err != nil {
			return err
		}
	}
	d.trusting = false
	d.waitAgain()
	heads := old.Heads()
	for s, m := range d.members {
		var shared []wire.Hash
		if theirs, heard := m.peer.TheirHeads(); heard && slices.Equal(theirs, heads) {
			shared = d.graph.Heads() // all of it, so this part of it too
		}
		m.peer.Restart(shared)
		s.out.touch(d)
	}
	return nil
}

// waitAgain puts what waited into the new graph's waiting list, but what hangs on
// what left.
func (d *document) waitAgain() {
	for h, w := range d.waiting {
		if why := d.excluded(&w.change); why != nil {
			d.refuse(h)
		} else if _, err := d.graph.Add(w.meta); err != nil || !d.graph.Waiting(h) {
			d.graph.Forget(h)
			d.unhold(h)
		}
	}
	d.tellRefused()
}

// tellRefused is rejected for what waits in the document's list and not in the graph's.
func (d *document) tellRefused() {
	for {
		again := false
		for h, w := range d.waiting {
			if !d.refused.has(h) && d.excluded(&w.change) == nil {
				continue
			}
			d.refuse(h)
			d.unhold(h)
			again = true
			if d.members[w.from] != nil {
				w.from.tell(&repo.Message{
					Type: repo.TypeRefused, TargetID: w.from.peer, DocumentID: string(d.event),
					Refused: []repo.Refused{refused(h, policy.RefusalOf(graph.ErrDependsOnRefused))},
				})
			}
		}
		d.graph.Rejected() // the same, told already or in the next round
		if !again {
			return
		}
	}
}

// nextProof returns the frame of a proof that the member was not told of, nil when
// there is none. d.mu is held.
func (d *document) nextProof(s *session, m *member) []byte {
	for m.proofs < len(d.proofs) {
		t := d.proofs[m.proofs]
		m.proofs++
		a, err := d.stored(t.a)
		if err == nil {
			var b stored
			if b, err = d.stored(t.b); err == nil {
				var frame []byte
				frame, err = repo.Encode(&repo.Message{
					Type: repo.TypeProof, SenderID: d.relay.id, TargetID: s.peer, DocumentID: string(d.event),
					Proof: &repo.Proof{A: a.bytes, SigA: a.signature, B: b.bytes, SigB: b.signature},
				})
				if err == nil {
					return frame
				}
			}
		}
		d.relay.log.Error("a proof cannot be read", "document", d.event, "err", err)
	}
	return nil
}

// findProofs makes the proofs out of the rows that have left. d.mu is held.
func (d *document) findProofs(rows []storage.Entry) {
	type use struct {
		actor wire.ActorID
		seq   uint64
	}
	first := map[use]wire.Hash{}
	for i := range rows {
		e := &rows[i]
		u := use{e.Actor, e.Seq}
		other, twice := first[u]
		if !twice {
			first[u] = e.Hash
			continue
		}
		if other == e.Hash || len(d.proofs) >= MaxProofs {
			continue
		}
		t := twins{e.Seq, other, e.Hash}
		if known, ok := d.liars[e.Actor]; !ok || e.Seq < known.seq {
			d.liars[e.Actor] = t
		}
		d.proofs = append(d.proofs, t)
	}
}
