package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	q := &r.relay.cfg.Quotas
	if !sub.from.account.affords(q, now, proofUnits, 0, stranger, false) {
		return // it is told again on the next connection
	}
	sub.from.account.spend(proofUnits, stranger, false)
	r.prove(sub.proof.actor, sub.proof.seq, sub.proof.sides, now)
}

// usedTwice is called for a change that the graph refused because its actor has
// another one with its sequence number: together they are a proof. r.mu is held.
func (r *room) usedTwice(from *session, c *change, now time.Time) {
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
	from.account.spend(proofUnits, stranger, false)
	if p := r.people[c.writer]; p != nil {
		p.units.spend(proofUnits)
	}
	meta, _ := r.graph.Node(h)
	r.prove(c.meta.Actor, c.meta.Seq, [2]change{{meta: meta, bytes: first.bytes, signature: first.signature}, *c}, now)
}

// proven reports whether it is known already that the actor used this sequence
// number, or an earlier one, twice.
func (r *room) proven(actor wire.ActorID, seq uint64) bool {
	t, known := r.liars[actor]
	return known && seq >= t.seq
}

// prove notes a proof, and that the graph is to be built again without what it
// takes out, at the end of the commit. Beyond MaxProofs the second change is
// merely not taken. r.mu is held.
func (r *room) prove(actor wire.ActorID, seq uint64, sides [2]change, now time.Time) {
	if len(r.proofs) >= MaxProofs {
		r.relay.log.Warn("too many proofs of equivocation; one was not kept", "document", r.event)
		return
	}
	r.relay.log.Warn("a sequence number was used twice; what hangs on it leaves the document", "document", r.event, "actor", actor, "seq", seq)
	t := twins{seq, sides[0].meta.Hash, sides[1].meta.Hash}
	r.liars[actor] = t
	r.proofs = append(r.proofs, t)
	for i := range sides {
		c := &sides[i]
		h := c.meta.Hash
		r.left[h] = struct{}{}
		r.fresh[h] = stored{c.bytes, c.signature}
		if r.graph.Has(h) {
			continue // rebuild sets its status
		}
		r.batch.Entries = append(r.batch.Entries, c.entry(now.UnixMilli(), storage.Left))
		r.leaves(h) // it may be there already, refused or left
	}
	r.stale = true
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
	r.stale = false
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
