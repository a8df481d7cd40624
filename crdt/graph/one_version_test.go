package graph

import (
	"math/rand"
	"testing"

	"flyleaf/crdt/wire"
)

// TestOneVersion: in the subgraph no actor has two changes with one number, and every change has
// its dependencies. No other change is missing.
func TestOneVersion(t *testing.T) {
	for seed := int64(1); seed <= 30; seed++ {
		r := rand.New(rand.NewSource(seed))
		all, _, _ := forkedHistory(r, 80, 4)
		whole, part := New(Forks), OneVersion{}
		type use struct {
			actor wire.ActorID
			seq   uint64
		}
		used := map[use]bool{}
		kept := map[wire.Hash]bool{}
		left := 0
		for i, m := range all {
			mustAdd(t, whole, m)
			if r.Intn(3) > 0 && i+1 < len(all) {
				continue // add several changes at once
			}
			g := part.Update(whole)
			for h := range whole.Order() {
				m, _ := whole.Node(h)
				if place, ok := whole.Place(h); !ok || place < len(kept)+left {
					continue
				}
				want := !used[use{m.Actor, m.Seq}]
				for _, d := range m.Deps {
					want = want && kept[d]
				}
				if g.Has(h) != want {
					t.Fatalf("seed %d: %s is kept: %v, want %v", seed, h, g.Has(h), want)
				}
				if want {
					kept[h], used[use{m.Actor, m.Seq}] = true, true
				} else {
					left++
				}
			}
		}
		if g := part.Update(whole); g.Len() != len(kept) || g.PendingLen() != 0 || left == 0 {
			t.Fatalf("seed %d: %d of %d, %d pending, %d omitted", seed, g.Len(), len(kept), g.PendingLen(), left)
		}
	}
}
