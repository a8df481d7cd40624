package graph

import (
	"errors"
	"math/rand"
	"slices"
	"testing"

	"flyleaf/crdt/wire"
)

// forkedHistory makes changes of actors that sometimes continue from an earlier change of their
// own. past has the past of each change as a plain set. refused are changes that have another
// change with their actor and number in their past.
func forkedHistory(r *rand.Rand, n, actors int) (all, refused []Meta, past map[wire.Hash]map[wire.Hash]bool) {
	past = map[wire.Hash]map[wire.Hash]bool{}
	by := map[wire.Hash]Meta{}
	own := make([][]Meta, actors)
	for range n {
		a := r.Intn(actors)
		m := Meta{Hash: hashOf(uint64(r.Int63())), Actor: actorNo(a), Seq: 1, StartOp: 1}
		if k := len(own[a]); k > 0 && (a > 0 || r.Intn(8) > 0) { // actor 0 also starts again without a previous change
			prev := own[a][k-1]
			if a < 2 && r.Intn(4) == 0 {
				prev = own[a][r.Intn(k)]
			}
			m.Seq, m.Deps = prev.Seq+1, []wire.Hash{prev.Hash}
		}
		for range r.Intn(3) {
			if len(all) > 0 {
				m.Deps = append(m.Deps, all[r.Intn(len(all))].Hash)
			}
		}
		slices.SortFunc(m.Deps, compare)
		m.Deps = slices.Compact(m.Deps)
		set := map[wire.Hash]bool{}
		for _, d := range m.Deps {
			m.StartOp = max(m.StartOp, by[d].MaxOp+1)
			set[d] = true
			for h := range past[d] {
				set[h] = true
			}
		}
		m.MaxOp = m.StartOp + uint64(r.Intn(4)) - 1
		if slices.ContainsFunc(all, func(x Meta) bool { return x.Actor == m.Actor && x.Seq == m.Seq && set[x.Hash] }) {
			refused = append(refused, m) // another change with its number is in its past
			continue
		}
		past[m.Hash], by[m.Hash] = set, m
		own[a] = append(own[a], m)
		all = append(all, m)
	}
	return all, refused, past
}

// TestForks: if actors use numbers twice, a graph with the option Forks gives the same answers
// as plain sets, in every order of arrival.
func TestForks(t *testing.T) {
	forked, known, ambiguous, knew := 0, 0, 0, 0
	for seed := int64(1); seed <= 60; seed++ {
		r := rand.New(rand.NewSource(seed))
		all, refused, past := forkedHistory(r, 80, 4)
		g := New(Forks)
		for _, i := range r.Perm(len(all)) {
			if _, err := g.Add(all[i]); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		for _, m := range refused {
			knew++
			if err := g.Check(m); !errors.Is(err, ErrDuplicateSeq) {
				t.Fatalf("seed %d: a change with its own number in its past: %v", seed, err)
			}
		}
		if g.Len() != len(all) || g.PendingLen() != 0 {
			t.Fatalf("seed %d: %d of %d changes", seed, g.Len(), len(all))
		}
		// twice returns the lowest number that a set contains twice for an actor.
		twice := func(a wire.ActorID, has func(wire.Hash) bool) uint64 {
			n, lowest := map[uint64]int{}, uint64(0)
			for _, m := range all {
				if m.Actor == a && has(m.Hash) {
					if n[m.Seq]++; n[m.Seq] == 2 && (lowest == 0 || m.Seq < lowest) {
						lowest = m.Seq
					}
				}
			}
			return lowest
		}
		everything := func(wire.Hash) bool { return true }
		for _, m := range all {
			fork := twice(m.Actor, everything)
			if g.Fork(m.Actor) != fork {
				t.Fatalf("seed %d: fork at %d, want %d", seed, g.Fork(m.Actor), fork)
			}
			place, _ := g.Place(m.Hash)
			if got, want := g.Forked(place), fork != 0 && m.Seq >= fork; got != want {
				t.Fatalf("seed %d: forked %v, want %v", seed, got, want)
			} else if got {
				forked++
			}
			set := g.Past(m.Deps)
			for _, x := range all {
				in := past[m.Hash][x.Hash]
				at, _ := g.Place(x.Hash)
				if g.IsAncestor(x.Hash, m.Hash) != in || set.Has(at) != in {
					t.Fatalf("seed %d: ancestor %v, in the past %v, want %v", seed, g.IsAncestor(x.Hash, m.Hash), set.Has(at), in)
				}
				low := twice(x.Actor, func(h wire.Hash) bool { return past[m.Hash][h] })
				if got, want := g.ForkedIn(at, &set), low != 0 && x.Seq >= low; got != want {
					t.Fatalf("seed %d: forked in a past %v, want %v", seed, got, want)
				} else if got {
					known++
				}
				// Resolve finds an operation in the past, and at most one of two with the same ID.
				for c := x.StartOp; c <= x.MaxOp; c++ {
					holders := 0
					for _, y := range all {
						if y.Actor == x.Actor && past[m.Hash][y.Hash] && y.StartOp <= c && c <= y.MaxOp {
							holders++
						}
					}
					lazy := g.LazyPast(m.Deps)
					op, ok := g.Resolve(wire.OpID{Counter: c, Actor: x.Actor}, &lazy)
					if !lazy.known { // then the caller must check the past
						ok = ok && set.Has(int(op.Place))
					}
					if ok != (holders > 0) {
						t.Fatalf("seed %d: operation found %v, by %d changes", seed, ok, holders)
					}
					if !ok {
						continue
					}
					if n := g.nodes[op.Place]; !set.Has(int(op.Place)) || op.Counter != uint32(c) || uint64(n.startOp) > c || uint64(n.maxOp) < c || g.actors[n.actor].id != x.Actor {
						t.Fatalf("seed %d: another change's operation", seed)
					}
					if holders > 1 {
						ambiguous++
					}
				}
			}
		}
	}
	if forked == 0 || known == 0 || ambiguous == 0 || knew == 0 {
		t.Errorf("%d forked, %d known to be, %d operations twice, %d refused: too few for a test of that", forked, known, ambiguous, knew)
	}
}

// TestForksKeepTheOtherRules: the option Forks relaxes no other rule.
func TestForksKeepTheOtherRules(t *testing.T) {
	g := New(Forks)
	first := Meta{Hash: hashOf(1), Actor: actorNo(1), Seq: 1, StartOp: 1, MaxOp: 1}
	second := Meta{Hash: hashOf(2), Actor: actorNo(1), Seq: 2, StartOp: 2, MaxOp: 2, Deps: []wire.Hash{first.Hash}}
	stranger := Meta{Hash: hashOf(3), Actor: actorNo(2), Seq: 1, StartOp: 2, MaxOp: 2, Deps: []wire.Hash{first.Hash}}
	for _, m := range []Meta{first, second, stranger} {
		mustAdd(t, g, m)
	}
	for name, c := range map[string]struct {
		m    Meta
		want error
	}{
		"not depending on its previous":          {Meta{Hash: hashOf(4), Actor: actorNo(1), Seq: 2, StartOp: 3, MaxOp: 3, Deps: []wire.Hash{stranger.Hash}}, ErrOwnPrevious},
		"a gap in the numbers":                   {Meta{Hash: hashOf(5), Actor: actorNo(1), Seq: 4, StartOp: 3, MaxOp: 3, Deps: []wire.Hash{second.Hash}}, ErrSeqGap},
		"a counter that is too low":              {Meta{Hash: hashOf(6), Actor: actorNo(1), Seq: 2, StartOp: 1, MaxOp: 1, Deps: []wire.Hash{first.Hash}}, ErrStartOp},
		"depending on an earlier one of its own": {Meta{Hash: hashOf(7), Actor: actorNo(1), Seq: 3, StartOp: 3, MaxOp: 3, Deps: []wire.Hash{first.Hash, stranger.Hash}}, ErrOwnPrevious},
	} {
		slices.SortFunc(c.m.Deps, compare)
		if _, err := g.Add(c.m); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	mustAdd(t, g, Meta{Hash: hashOf(8), Actor: actorNo(1), Seq: 2, StartOp: 2, MaxOp: 5, Deps: []wire.Hash{first.Hash}})
	if g.Fork(actorNo(1)) != 2 || g.Fork(actorNo(2)) != 0 {
		t.Errorf("forks at %d and %d", g.Fork(actorNo(1)), g.Fork(actorNo(2)))
	}
}
