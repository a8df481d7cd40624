package graph

import (
	"runtime"
	"slices"
	"testing"

	"flyleaf/crdt/wire"
)

// hostile makes the worst graphs that the rules allow, with about n changes each. New actors
// cost an attacker nothing.
var hostile = map[string]func(n int) []Meta{
	// Every change is a head, by a new actor.
	"wide": func(n int) []Meta {
		out := []Meta{meta(0, 0, 1, 1)}
		for i := 1; i < n; i++ {
			out = append(out, meta(i, i, 1, 2, out[0].Hash))
		}
		return out
	},
	// One long chain of changes, each by a new actor.
	"deep": func(n int) []Meta {
		out := []Meta{meta(0, 0, 1, 1)}
		for i := 1; i < n; i++ {
			out = append(out, meta(i, i, 1, uint64(i)+1, out[i-1].Hash))
		}
		return out
	},
	// Two chains that depend on each other at every step: 2^n paths.
	"ladder": func(n int) []Meta {
		out := []Meta{meta(0, 0, 1, 1)}
		a, b := out[0].Hash, out[0].Hash
		for i := 1; i+1 < n; i += 2 {
			deps := []wire.Hash{a}
			if a != b {
				deps = []wire.Hash{a, b}
			}
			op := uint64(i/2) + 2
			x, y := meta(i, i, 1, op, deps...), meta(i+1, i+1, 1, op, deps...)
			out = append(out, x, y)
			a, b = x.Hash, y.Hash
		}
		return out
	},
	// 4,096 forks and a change that joins all of them, again and again.
	"fans": func(n int) []Meta {
		out := []Meta{meta(0, 0, 1, 1)}
		for op := uint64(2); len(out) < n; op += 2 {
			root := out[len(out)-1].Hash
			var fan []wire.Hash
			for range min(wire.MaxDeps, n-len(out)) {
				m := meta(len(out), len(out), 1, op, root)
				out, fan = append(out, m), append(fan, m.Hash)
			}
			out = append(out, meta(len(out), len(out), 1, op+1, fan...))
		}
		return out
	},
}

func meta(n, actor int, seq, op uint64, deps ...wire.Hash) Meta {
	slices.SortFunc(deps, compare)
	return Meta{Hash: hashOf(uint64(n)), Deps: deps, Actor: actorNo(actor), Seq: seq, StartOp: op, MaxOp: op}
}

func build(t testing.TB, changes []Meta) *Graph {
	t.Helper()
	g := New()
	for _, c := range changes {
		mustAdd(t, g, c)
	}
	return g
}

// counted returns an empty graph that counts its steps.
func counted() (*Graph, *steps) {
	n := new(steps)
	g := New()
	g.steps, g.heads.steps, g.pending.steps = n, n, n
	return g, n
}

// TestHostileGraphsStayLinear: adding changes, and the questions that sync asks, take steps in
// proportion to the number of changes and deps, whatever the shape of the graph.
func TestHostileGraphsStayLinear(t *testing.T) {
	const few, many = 4_000, 32_000
	for name, make := range hostile {
		per := func(n int) (add, ask float64) {
			changes := make(n)
			size := 0 // changes and deps
			for _, c := range changes {
				size += 1 + len(c.Deps)
			}
			g, taken := counted()
			for _, c := range changes {
				mustAdd(t, g, c)
			}
			added := taken.n.Load()
			g.Heads()
			g.NotAncestorsOf([]wire.Hash{changes[0].Hash})
			g.NotAncestorsOf([]wire.Hash{changes[len(changes)/2].Hash})
			g.Ancestors([]wire.Hash{changes[len(changes)-1].Hash})
			g.IsAncestor(changes[1].Hash, changes[len(changes)-1].Hash)
			return float64(added) / float64(size), float64(taken.n.Load()-added) / float64(size)
		}
		addFew, askFew := per(few)
		addMany, askMany := per(many)
		t.Logf("%s: steps for each change and dep, adding %.1f of %d, %.1f of %d, asking %.1f, %.1f", name, addFew, few, addMany, many, askFew, askMany)
		// A head is added and removed in a block of at most headBlock.
		if addMany > 2*addFew+1 || addMany > 3+headBlock {
			t.Errorf("%s: adding took %.1f steps of %d, %.1f of %d", name, addFew, few, addMany, many)
		}
		// Five questions of at most one walk each; each walk first looks at the window.
		if askMany > 10 || askFew > 10 {
			t.Errorf("%s: asking took %.1f steps of %d, %.1f of %d", name, askFew, few, askMany, many)
		}
	}
}

// TestHostileGraphsStaySmall checks the memory of a change in the worst graphs; see
// crdt/sync/DESIGN.md.
func TestHostileGraphsStaySmall(t *testing.T) {
	const n, most = 50_000, 400
	for name, make := range hostile {
		changes := make(n)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		g := build(t, changes)
		runtime.GC()
		runtime.ReadMemStats(&after)
		per := int64(after.HeapAlloc-before.HeapAlloc) / n
		runtime.KeepAlive(changes)
		runtime.KeepAlive(g)
		t.Logf("%s: %d bytes a change", name, per)
		if per > most {
			t.Errorf("%s: %d bytes a change, more than %d", name, per, most)
		}
	}
}

// TestHostilePendingBufferStaysLinear: a full pending buffer empties in steps in proportion to
// its contents, in whatever way.
func TestHostilePendingBufferStaysLinear(t *testing.T) {
	missing := []wire.Hash{hashOf(1 << 40), hashOf(1<<40 + 1), hashOf(1<<40 + 2), hashOf(1<<40 + 3)}
	for name, empty := range map[string]func(*Graph){
		"refused": func(g *Graph) { g.Refuse(missing[0]) },
		"arrived": func(g *Graph) {
			for i, h := range missing {
				m := meta(0, i+1<<20, 1, 1)
				m.Hash = h
				mustAdd(t, g, m)
			}
		},
		"refused one by one": func(g *Graph) {
			for i := range MaxPending {
				g.Refuse(hashOf(uint64(i)))
			}
		},
		"asked": func(g *Graph) {
			for range 20 {
				g.MissingFrom(g.Missing())
			}
			g.Refuse(missing[1])
		},
	} {
		g, taken := counted()
		n := 0
		for ; ; n++ {
			if _, err := g.Add(meta(n, n, 1, 2, missing...)); err != nil {
				break
			}
		}
		if n < MaxPending {
			t.Fatalf("only %d are pending", n)
		}
		filled := taken.n.Load()
		empty(g)
		took := taken.n.Load() - filled
		t.Logf("%s: %d steps to fill it, %d to empty it", name, filled, took)
		// The arrived changes become thousands of heads, each in a block of headBlock.
		if most := 4 * filled; took > most && (name != "arrived" || took > most+int64(n)*headBlock) {
			t.Errorf("%s: %d steps, to fill it took %d", name, took, filled)
		}
		if g.PendingLen() != 0 || len(g.Missing()) != 0 || len(g.pending.by) != 0 || g.pending.bytes != 0 {
			t.Errorf("%s: %d pending, %d lists, %d bytes", name, g.PendingLen(), len(g.pending.by), g.pending.bytes)
		}
	}
}

// BenchmarkHostile measures the cost of one change in the worst graphs; see the table in
// crdt/sync/DESIGN.md.
func BenchmarkHostile(b *testing.B) {
	const n = 100_000
	for name, make := range hostile {
		changes := make(n)
		b.Run("add/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				build(b, changes)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/change")
		})
		g := build(b, changes)
		b.Run("diff/"+name, func(b *testing.B) {
			for b.Loop() {
				g.NotAncestorsOf([]wire.Hash{changes[0].Hash})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/change")
		})
		b.Run("isancestor/"+name, func(b *testing.B) {
			for b.Loop() {
				g.IsAncestor(changes[1].Hash, changes[len(changes)-1].Hash)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/change")
		})
	}
}

// TestHeadListAgainstASet: the list of heads behaves like a sorted set, at every size.
func TestHeadListAgainstASet(t *testing.T) {
	var l headList
	set := map[wire.Hash]bool{}
	for i := range uint64(20_000) {
		h := hashOf(i * i % 6007)
		if i > 12_000 || set[h] {
			l.drop(h)
			delete(set, h)
		} else {
			l.put(h)
			set[h] = true
		}
		if i%997 == 0 || i == 19_999 {
			all := l.all()
			if len(all) != len(set) || !slices.IsSortedFunc(all, compare) || !l.equal(all) || len(all) > 0 && l.equal(all[1:]) {
				t.Fatalf("after %d: %d heads, want %d", i, len(all), len(set))
			}
			for _, h := range all {
				if !set[h] {
					t.Fatalf("after %d: %s was dropped", i, h)
				}
			}
		}
	}
}
