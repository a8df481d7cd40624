package graph

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"flyleaf/crdt/wire"
)

// hostile makes graphs as bad as the rules allow. Each has about the given number
// of changes; actors write as they like, for new ones cost nothing.
var hostile = map[string]func(n int) []Meta{
	// Every change a head, every actor new.
	"wide": func(n int) []Meta {
		out := []Meta{meta(0, 0, 1, 1)}
		for i := 1; i < n; i++ {
			out = append(out, meta(i, i, 1, 2, out[0].Hash))
		}
		return out
	},
	// One long chain of changes, each by another actor.
	"deep": func(n int) []Meta {
		out := []Meta{meta(0, 0, 1, 1)}
		for i := 1; i < n; i++ {
			out = append(out, meta(i, i, 1, uint64(i)+1, out[i-1].Hash))
		}
		return out
	},
	// A ladder: two chains that name each other at every step, 2^n paths.
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
	// Fans: 4096 forks, a change that joins all of them, and again.
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

// perChange returns the time that f takes for each of n changes, the best of three.
func perChange(n int, f func()) time.Duration {
	best := time.Duration(1 << 62)
	for range 3 {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best / time.Duration(n)
}

// Adding, and what sync asks, takes time in proportion to the changes, whatever
// their shape: eight times as many cost each not many times more.
func TestHostileGraphsStayLinear(t *testing.T) {
	const few, many = 4_000, 32_000
	for name, make := range hostile {
		small, large := make(few), make(many)
		ask := func(g *Graph, changes []Meta) {
			g.Heads()
			g.NotAncestorsOf([]wire.Hash{changes[0].Hash})
			g.NotAncestorsOf([]wire.Hash{changes[len(changes)/2].Hash})
			g.Ancestors([]wire.Hash{changes[len(changes)-1].Hash})
			g.IsAncestor(changes[1].Hash, changes[len(changes)-1].Hash)
		}
		a := perChange(few, func() { ask(build(t, small), small) })
		b := perChange(many, func() { ask(build(t, large), large) })
		t.Logf("%s: %v a change of %d, %v of %d", name, a, few, b, many)
		// Generous, for machines have caches and other work; a square would be eight.
		if b > 5*a && b > 20*time.Microsecond {
			t.Errorf("%s: %v a change of %d, but %v of %d", name, a, few, b, many)
		}
	}
}

// What a change takes in memory in the worst graphs; see crdt/sync/DESIGN.md.
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

// A full waiting room empties in time in proportion, whichever way.
func TestHostileWaitingRoomStaysLinear(t *testing.T) {
	missing := []wire.Hash{hashOf(1 << 40), hashOf(1<<40 + 1), hashOf(1<<40 + 2), hashOf(1<<40 + 3)}
	room := func() (*Graph, int) {
		g := New()
		n := 0
		for i := 0; ; i++ {
			if _, err := g.Add(meta(i, i, 1, 2, missing...)); err != nil {
				return g, n
			}
			n++
		}
	}
	fill := perChange(1, func() { room() })
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
			for i := range MaxWaiting {
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
		g, n := room()
		if n < MaxWaiting {
			t.Fatalf("only %d wait", n)
		}
		start := time.Now()
		empty(g)
		if d := time.Since(start); d > 5*fill+50*time.Millisecond {
			t.Errorf("%s: %v, to fill it took %v", name, d, fill)
		}
		if g.WaitingLen() != 0 || len(g.Missing()) != 0 || len(g.room.by) != 0 || g.room.bytes != 0 {
			t.Errorf("%s: %d wait, %d lists, %d bytes", name, g.WaitingLen(), len(g.room.by), g.room.bytes)
		}
	}
}

// BenchmarkHostile measures what one change costs in the worst graphs; see the
// table in crdt/sync/DESIGN.md.
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

// The list of heads is a sorted set, whatever its size.
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
