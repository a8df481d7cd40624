package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/storage"
	"flyleaf/trust"
)

// twins are two changes of one actor with one sequence number. Both are in the
// ledger, with what was taken out because of them, as Left; so the proofs are
// found again when a room is loaded, and survive a restart.
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
func (r *room) readProof(p *repo.Proof) *provenProof {
	actor, seq, err := trust.CheckProof(r.event, trust.Proof{A: p.A, B: p.B, SigA: p.SigA, SigB: p.SigB})
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

// takeProof takes a proof that a peer sent. r.mu is held.
func (r *room) takeProof(sub *submission) {
	if m := r.reader(sub.from); m == nil || r.proven(sub.proof.actor, sub.proof.seq) {
		return
	}
	now := r.relay.cfg.Now()
	cost := r.rebuildUnits()
	if !sub.from.account.affords(&r.relay.cfg.Quotas, now, cost, stranger, false) {
		return // it is told again on the next connection
	}
	sub.from.account.spend(cost, 0, stranger, false)
	r.prove(*sub.proof)
}

// rebuildUnits is what a proof costs in units of a rate: the document is built again
// for it, at an eighth of the work that taking it once was.
func (r *room) rebuildUnits() float64 { return float64(proofUnits + r.graph.Len()/8) }

// usedTwice is called for a change that the graph refused because its actor has
// another one with its sequence number: together they are a proof. r.mu is held.
func (r *room) usedTwice(from *session, c *change) {
	h, ok := r.graph.BySeq(c.meta.Actor, c.meta.Seq)
	if !ok || h == c.meta.Hash || r.proven(c.meta.Actor, c.meta.Seq) {
		return
	}
	first, ok := r.fresh[h]
	if !ok {
		var err error
		if first, err = r.stored(h); err != nil {
			r.relay.log.Error("the other change of a proof cannot be read", "document", r.event, "change", h, "err", err)
			return
		}
	}
	if len(first.signature) != repo.SignatureLen || len(c.signature) != repo.SignatureLen {
		return // from a ledger that was filled unsigned: nothing that others would believe
	}
	from.account.spend(r.rebuildUnits(), 0, stranger, false)
	if p := r.people[c.writer]; p != nil {
		p.units.spend(r.rebuildUnits())
	}
	meta, _ := r.graph.Node(h)
	r.prove(provenProof{c.meta.Actor, c.meta.Seq, [2]change{{meta: meta, bytes: first.bytes, signature: first.signature}, *c}})
}

// proven reports whether it is known already that the actor used this sequence
// number, or an earlier one, twice.
func (r *room) proven(actor wire.ActorID, seq uint64) bool {
	t, known := r.liars[actor]
	return known && seq >= t.seq
}

// prove notes a proof, for which the graph is built again, once for all that come
// before that is done. Until then its actor's changes from there on are refused and
// what is there stays; nobody is told of the proof. Beyond MaxProofs the second change
// is merely not taken. r.mu is held.
func (r *room) prove(p provenProof) {
	if len(r.proofs)+len(r.found) >= MaxProofs {
		r.relay.log.Warn("too many proofs of equivocation; one was not kept", "document", r.event)
		return
	}
	r.liars[p.actor] = twins{p.seq, p.sides[0].meta.Hash, p.sides[1].meta.Hash}
	r.found = append(r.found, p)
	r.stale.Store(true)
	r.relay.rebuildSoon(r)
}

// rebuildRate is how often a document is built again for proofs. RebuildBurst are so
// many that no honest event meets it; for more it waits, and takes all that came
// meanwhile together.
func (r *room) rebuildRate() rate {
	return rate{RebuildBurst, 1, r.relay.limits.Rebuild}
}

// runRebuild builds the room's graph again, if it is time, one room of the relay after
// the other. It is beside turns and committer, so it holds up nobody who is not in the
// room; a room waits for each of the others once at most.
func (r *Relay) runRebuild(m *room) {
	defer r.rebuilds.forget(m)
	r.rebuilds.one.Lock()
	defer r.rebuilds.one.Unlock()
	m.mu.Lock()
	if m.broken || len(m.found) == 0 || !m.rebuilds.has(m.rebuildRate(), r.cfg.Now(), 1, 0) {
		m.mu.Unlock() // looked at again by runRetries
		return
	}
	m.rebuilds.spend(1 + float64(m.graph.Len())/rebuildChanges)
	now := r.cfg.Now()
	for _, p := range m.found {
		m.takeOut(&p, now)
	}
	m.found = nil
	m.stale.Store(false)
	if err := m.rebuild(context.Background()); err != nil {
		m.fail(err)
	}
	r.rebuilt.Add(1)
	r.ready <- &ready{room: m}
}

// rebuilds are the rooms whose graphs are to be built again.
type rebuilds struct {
	one  sync.Mutex // held by who builds one
	work sync.WaitGroup

	mu     sync.Mutex
	rooms  map[*room]bool
	closed bool
}

func (b *rebuilds) forget(m *room) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.rooms, m)
}

// close waits for those that are under way.
func (b *rebuilds) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.work.Wait()
}

// rebuildSoon has a room's graph built again when it is its turn. It waits for nothing.
func (r *Relay) rebuildSoon(m *room) {
	b := &r.rebuilds
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.rooms[m] {
		return // under way; what comes too late for it, runRetries finds
	}
	if b.rooms == nil {
		b.rooms = map[*room]bool{}
	}
	b.rooms[m] = true
	b.work.Go(func() { r.runRebuild(m) })
}

// takeOut makes a proof hold. r.mu is held.
func (r *room) takeOut(p *provenProof, now time.Time) {
	r.relay.log.Warn("a sequence number was used twice; what hangs on it leaves the document", "document", r.event, "actor", p.actor, "seq", p.seq)
	r.proofs = append(r.proofs, twins{p.seq, p.sides[0].meta.Hash, p.sides[1].meta.Hash})
	for i := range p.sides {
		c := &p.sides[i]
		h := c.meta.Hash
		r.left[h] = struct{}{}
		r.fresh[h] = stored{c.bytes, c.signature}
		if r.graph.Has(h) {
			continue // rebuild sets its status
		}
		r.batch.Entries = append(r.batch.Entries, c.entry(now.UnixMilli(), storage.Left))
		r.leaves(h) // it may be there already, refused or left
	}
}

func (r *room) leaves(h wire.Hash) {
	if r.batch.Statuses == nil {
		r.batch.Statuses = map[wire.Hash]storage.Status{}
	}
	r.batch.Statuses[h] = storage.Left
	r.left[h] = struct{}{}
}

// rebuild builds graph and gate again without what the proofs take out, from the
// ledger and what this commit adds to it, and begins every conversation anew. r.mu
// is held; nothing is on disk yet.
func (r *room) rebuild(ctx context.Context) error {
	old := r.graph
	for actor, t := range r.liars {
		for _, h := range old.From(actor, t.seq) {
			r.leaves(h)
		}
	}
	r.begin()
	r.trusting = true
	defer func() { r.trusting = false }()
	err := r.relay.cfg.Store.Entries(ctx, r.event, 0, func(e storage.Entry) error {
		if _, out := r.left[e.Hash]; out || e.Status != storage.InDocument {
			return nil
		}
		return r.addStored(&e)
	})
	if err != nil && !errors.Is(err, storage.ErrDamaged) {
		return fmt.Errorf("relay: reading the ledger: %w", err)
	}
	for i := range r.batch.Entries {
		e := &r.batch.Entries[i]
		if _, out := r.left[e.Hash]; out {
			e.Status = storage.Left
		} else if err := r.addStored(e); err != nil {
			return err
		}
	}
	r.trusting = false
	r.waitAgain()
	heads := old.Heads()
	for s, m := range r.members {
		var shared []wire.Hash
		if theirs, heard := m.peer.TheirHeads(); heard && slices.Equal(theirs, heads) {
			shared = r.graph.Heads() // all of it, so this part of it too
		}
		m.peer.Restart(shared)
		s.out.touch(r)
	}
	return nil
}

// waitAgain puts what waited into the new graph's waiting room, but what hangs on
// what left.
func (r *room) waitAgain() {
	for h, w := range r.waiting {
		if why := r.excluded(&w.change); why != nil {
			r.refuse(h)
		} else if _, err := r.graph.Add(w.meta); err != nil || !r.graph.Waiting(h) {
			r.graph.Forget(h)
			r.unhold(h)
		}
	}
	r.tellRefused()
}

// tellRefused is rejected for what waits in the room's list and not in the graph's.
func (r *room) tellRefused() {
	for {
		again := false
		for h, w := range r.waiting {
			if !r.refused.has(h) && r.excluded(&w.change) == nil {
				continue
			}
			r.refuse(h)
			r.unhold(h)
			again = true
			if r.members[w.from] != nil {
				w.from.tell(&repo.Message{
					Type: repo.TypeRefused, TargetID: w.from.peer, DocumentID: string(r.event),
					Refused: []repo.Refused{refused(h, trust.RefusalOf(graph.ErrDependsOnRefused))},
				})
			}
		}
		r.graph.Rejected() // the same, told already or in the next round
		if !again {
			return
		}
	}
}

// nextProof returns the frame of a proof that the member was not told of, nil when
// there is none. r.mu is held.
func (r *room) nextProof(s *session, m *member) []byte {
	for m.proofs < len(r.proofs) {
		t := r.proofs[m.proofs]
		m.proofs++
		a, err := r.stored(t.a)
		if err == nil {
			var b stored
			if b, err = r.stored(t.b); err == nil {
				var frame []byte
				frame, err = repo.Encode(&repo.Message{
					Type: repo.TypeProof, SenderID: r.relay.id, TargetID: s.peer, DocumentID: string(r.event),
					Proof: &repo.Proof{A: a.bytes, SigA: a.signature, B: b.bytes, SigB: b.signature},
				})
				if err == nil {
					return frame
				}
			}
		}
		r.relay.log.Error("a proof cannot be read", "document", r.event, "err", err)
	}
	return nil
}

// findProofs makes the proofs out of the rows that have left. r.mu is held.
func (r *room) findProofs(rows []storage.Entry) {
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
		if other == e.Hash || len(r.proofs) >= MaxProofs {
			continue
		}
		t := twins{e.Seq, other, e.Hash}
		if known, ok := r.liars[e.Actor]; !ok || e.Seq < known.seq {
			r.liars[e.Actor] = t
		}
		r.proofs = append(r.proofs, t)
	}
}
