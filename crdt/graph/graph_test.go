package graph

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand"
	"runtime"
	"slices"
	"testing"

	"flyleaf/crdt/wire"
)

// history makes changes as writers do: the deps are heads and the actor's previous change, and
// startOp is one above the highest counter of the past.
type history struct {
	r      *rand.Rand
	all    []Meta
	by     map[wire.Hash]int
	heads  map[wire.ActorID][]wire.Hash // the heads of each actor's replica
	merges int
}

func hashOf(n uint64) wire.Hash { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, n)) }

func actorNo(n int) wire.ActorID { return wire.ActorID(fmt.Sprintf("%040d", n)) }

func newHistory(seed int64) *history {
	return &history{r: rand.New(rand.NewSource(seed)), by: map[wire.Hash]int{}, heads: map[wire.ActorID][]wire.Hash{}}
}

func (h *history) change(a wire.ActorID, merge bool) Meta {
	deps := slices.Clone(h.heads[a])
	if merge && len(h.all) > 0 {
		deps = append(deps, h.all[h.r.Intn(len(h.all))].Hash)
		h.merges++
	}
	slices.SortFunc(deps, compare)
	deps = slices.Compact(deps)
	m := Meta{Hash: hashOf(uint64(h.r.Int63())), Deps: deps, Actor: a, Seq: 1, StartOp: 1}
	for _, d := range deps {
		m.StartOp = max(m.StartOp, h.all[h.by[d]].MaxOp+1)
	}
	for _, c := range h.all {
		if c.Actor == a {
			m.Seq++
		}
	}
	m.MaxOp = m.StartOp + uint64(h.r.Intn(4)) - 1 // some have no operations
	h.by[m.Hash] = len(h.all)
	h.all = append(h.all, m)
	h.heads[a] = []wire.Hash{m.Hash}
	return m
}

func randomHistory(seed int64, n, actors int) *history {
	h := newHistory(seed)
	for range n {
		h.change(actorNo(h.r.Intn(actors)), h.r.Intn(3) == 0)
	}
	return h
}

// past returns the past by its definition: everything that is reachable over deps.
func (h *history) past(of wire.Hash) map[wire.Hash]bool {
	p := map[wire.Hash]bool{}
	stack := slices.Clone(h.all[h.by[of]].Deps)
	for len(stack) > 0 {
		d := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !p[d] {
			p[d] = true
			stack = append(stack, h.all[h.by[d]].Deps...)
		}
	}
	return p
}

func mustAdd(t testing.TB, g *Graph, m Meta) []wire.Hash {
	t.Helper()
	added, err := g.Add(m)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func TestAgainstPlainDefinitions(t *testing.T) {
	merges, waited := 0, 0
	for seed := int64(1); seed <= 200; seed++ {
		h := randomHistory(seed, 60, 1+int(seed%6))
		merges += h.merges
		g := New()
		applied := map[wire.Hash]bool{}
		for _, i := range h.r.Perm(len(h.all)) {
			for range 2 { // twice, because a change may arrive twice
				for _, a := range mustAdd(t, g, h.all[i]) {
					for _, d := range h.all[h.by[a]].Deps {
						if !applied[d] {
							t.Fatalf("seed %d: applied before its dep", seed)
						}
					}
					applied[a] = true
				}
			}
			if !applied[h.all[i].Hash] {
				waited++
				if !g.IsPending(h.all[i].Hash) || g.Has(h.all[i].Hash) {
					t.Fatalf("seed %d: neither applied nor pending", seed)
				}
			}
		}
		if g.Len() != len(h.all) || len(applied) != len(h.all) || g.PendingLen() != 0 || g.pending.bytes != 0 || len(g.pending.by) != 0 {
			t.Fatalf("seed %d: %d applied, %d waiting, %d bytes", seed, g.Len(), g.PendingLen(), g.pending.bytes)
		}
		compareWithHistory(t, seed, h, g)
	}
	if merges < 1000 || waited < 1000 {
		t.Errorf("%d merges, %d pending changes: too few for this test", merges, waited)
	}
}

func compareWithHistory(t *testing.T, seed int64, h *history, g *Graph) {
	t.Helper()
	isDep, dependents := map[wire.Hash]bool{}, map[wire.Hash]int{}
	var maxOp uint64
	for _, c := range h.all {
		for _, d := range c.Deps {
			isDep[d] = true
			dependents[d]++
		}
		maxOp = max(maxOp, c.MaxOp)
	}
	var heads []wire.Hash
	for _, c := range h.all {
		got, ok := g.Node(c.Hash)
		if !ok || got.Actor != c.Actor || got.Seq != c.Seq || got.StartOp != c.StartOp || got.MaxOp != c.MaxOp || !slices.Equal(got.Deps, c.Deps) {
			t.Fatalf("seed %d: node %+v is not %+v", seed, got, c)
		}
		if by, ok := g.BySeq(c.Actor, c.Seq); !ok || by != c.Hash {
			t.Fatalf("seed %d: not found by seq", seed)
		}
		if !isDep[c.Hash] {
			heads = append(heads, c.Hash)
		}
		list := g.Dependents(c.Hash)
		if len(list) != dependents[c.Hash] {
			t.Fatalf("seed %d: %d dependents, not %d", seed, len(list), dependents[c.Hash])
		}
		for _, x := range list {
			if !slices.Contains(h.all[h.by[x]].Deps, c.Hash) {
				t.Fatalf("seed %d: not a dependent", seed)
			}
		}
	}
	slices.SortFunc(heads, compare)
	if !slices.Equal(heads, g.Heads()) || g.MaxOp() != maxOp {
		t.Fatalf("seed %d: heads or maxOp", seed)
	}
	order := slices.Collect(g.Order())
	for i, x := range order {
		if p, ok := g.Place(x); !ok || p != i {
			t.Fatalf("seed %d: place", seed)
		}
	}
	for _, c := range h.all {
		past := h.past(c.Hash)
		for _, a := range h.all {
			if g.IsAncestor(a.Hash, c.Hash) != past[a.Hash] {
				t.Fatalf("seed %d: IsAncestor is %v", seed, !past[a.Hash])
			}
		}
		// Two heads, an unknown hash between them, in any order.
		b := h.all[h.r.Intn(len(h.all))]
		for x := range h.past(b.Hash) {
			past[x] = true
		}
		past[b.Hash], past[c.Hash] = true, true
		set := g.Ancestors([]wire.Hash{b.Hash, hashOf(1), c.Hash})
		if set.Len() != len(past) {
			t.Fatalf("seed %d: %d ancestors, not %d", seed, set.Len(), len(past))
		}
		var rest []wire.Hash
		for _, x := range order {
			if set.Has(x) != past[x] {
				t.Fatalf("seed %d: ancestor set", seed)
			}
			if !past[x] {
				rest = append(rest, x)
			}
		}
		if got := g.NotAncestorsOf([]wire.Hash{b.Hash, hashOf(1), c.Hash}); !slices.Equal(got, rest) {
			t.Fatalf("seed %d: NotAncestorsOf has %d, not %d", seed, len(got), len(rest))
		}
		before := g.Past([]wire.Hash{b.Hash, hashOf(1), c.Hash})
		for i, x := range order {
			if before.Has(i) != past[x] {
				t.Fatalf("seed %d: place %d in the past is %v", seed, i, before.Has(i))
			}
		}
		if before.Has(len(order)) {
			t.Fatalf("seed %d: a later change is in the past", seed)
		}
		// A walk over only the newest changes finds the same, or reports that it cannot.
		from := h.r.Intn(len(order))
		i, _ := g.find(b.Hash)
		j, _ := g.find(c.Hash)
		n := len(order) - from
		got, enough := g.notInPast([]int32{i, j}, int32(from), newBitset(n), newBitset(n), true)
		if enough && !slices.Equal(got, rest) {
			t.Fatalf("seed %d: from %d on NotAncestorsOf has %d, not %d", seed, from, len(got), len(rest))
		}
	}
	all, none := g.Past(g.Heads()), g.Past(nil)
	for i := range order {
		if !all.Has(i) || none.Has(i) {
			t.Fatalf("seed %d: the past of all or of nothing", seed)
		}
	}
	if len(g.NotAncestorsOf(g.Heads())) != 0 || len(g.NotAncestorsOf(nil)) != g.Len() {
		t.Fatalf("seed %d: not ancestors of all or nothing", seed)
	}
}

func TestCheckReturnsTheRightError(t *testing.T) {
	g := New()
	h := newHistory(1)
	a, b := actorNo(1), actorNo(2)
	a1 := h.change(a, false)
	a2 := h.change(a, false)
	b1 := h.change(b, false)
	for _, m := range []Meta{a1, a2, b1} {
		mustAdd(t, g, m)
	}
	good := Meta{Hash: hashOf(7), Deps: []wire.Hash{a2.Hash}, Actor: a, Seq: 3, StartOp: a2.MaxOp + 1, MaxOp: a2.MaxOp + 2}
	if err := g.Check(good); err != nil {
		t.Fatal(err)
	}
	two := []wire.Hash{a2.Hash, b1.Hash}
	slices.SortFunc(two, compare)
	for _, c := range []struct {
		name   string
		mutate func(*Meta)
		want   error
	}{
		{"seq 0", func(m *Meta) { m.Seq = 0 }, ErrMalformed},
		{"startOp 0", func(m *Meta) { m.StartOp = 0 }, ErrMalformed},
		{"counter beyond 32 bits", func(m *Meta) { m.MaxOp = 1 << 32 }, ErrMalformed},
		{"startOp beyond 32 bits", func(m *Meta) { m.StartOp, m.MaxOp = 1<<32, 1<<32-1 }, ErrMalformed},
		{"maxOp wraps", func(m *Meta) { m.MaxOp = 1<<64 - 1 }, ErrMalformed},
		{"maxOp below", func(m *Meta) { m.MaxOp = m.StartOp - 2 }, ErrMalformed},
		{"a dep twice", func(m *Meta) { m.Deps = []wire.Hash{a2.Hash, a2.Hash} }, ErrMalformed},
		{"deps not sorted", func(m *Meta) { m.Deps = []wire.Hash{two[1], two[0]} }, ErrMalformed},
		{"itself a dep", func(m *Meta) { m.Deps = []wire.Hash{m.Hash} }, ErrMalformed},
		{"too many deps", func(m *Meta) { m.Deps = make([]wire.Hash, MaxDeps+1) }, ErrMalformed},
		{"long actor", func(m *Meta) { m.Actor = wire.ActorID(make([]byte, MaxActor+1)) }, ErrMalformed},
		{"a dep is missing", func(m *Meta) { m.Deps = []wire.Hash{hashOf(9)} }, ErrMissingDeps},
		{"seq used", func(m *Meta) { m.Seq = 2 }, ErrDuplicateSeq},
		{"seq too far", func(m *Meta) { m.Seq = 4 }, ErrSeqGap},
		{"first seq is 5", func(m *Meta) { m.Actor, m.Seq = actorNo(3), 5 }, ErrSeqGap},
		{"own previous is no dep", func(m *Meta) { m.Deps, m.StartOp = []wire.Hash{b1.Hash}, b1.MaxOp+1 }, ErrOwnPrevious},
		{"no deps though not the first", func(m *Meta) { m.Deps = nil }, ErrOwnPrevious},
		{"startOp too low", func(m *Meta) { m.StartOp-- }, ErrStartOp},
		{"startOp too high", func(m *Meta) { m.StartOp++ }, ErrStartOp},
	} {
		m := good
		c.mutate(&m)
		if err := g.Check(m); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if c.want == ErrMissingDeps {
			continue
		}
		if _, err := g.Add(m); !errors.Is(err, c.want) || g.Len() != 3 || g.Has(m.Hash) || g.IsPending(m.Hash) {
			t.Errorf("%s: Add: %v", c.name, err)
		}
	}
	if err := g.Check(a1); err != nil {
		t.Errorf("applied already: %v", err)
	}
}

func TestLenientAcceptsOnlyHighStartOps(t *testing.T) {
	g := New(Lenient)
	h := newHistory(1)
	a1 := h.change(actorNo(1), false)
	a1.MaxOp = a1.StartOp + 5
	mustAdd(t, g, a1)
	m := Meta{Hash: hashOf(1), Deps: []wire.Hash{a1.Hash}, Actor: actorNo(2), Seq: 1, StartOp: a1.MaxOp + 9, MaxOp: a1.MaxOp + 9}
	low := m
	low.StartOp = a1.MaxOp
	if err := g.Check(low); !errors.Is(err, ErrStartOp) {
		t.Errorf("low: %v", err)
	}
	if added := mustAdd(t, g, m); len(added) != 1 || !g.IsAncestor(a1.Hash, m.Hash) {
		t.Error("a high startOp was refused")
	}
}

// TestRefusingRejectsPendingDependents: refusing a change rejects the pending changes that
// depend on it, and no others.
func TestRefusingRejectsPendingDependents(t *testing.T) {
	g := New()
	h := newHistory(1)
	a, b := actorNo(1), actorNo(2)
	a1, a2, a3 := h.change(a, false), h.change(a, false), h.change(a, false)
	b1, b2 := h.change(b, false), h.change(b, false)
	bad := a1
	bad.StartOp++
	for _, m := range []Meta{a3, a2, b2} {
		mustAdd(t, g, m)
	}
	if got := g.Missing(); len(got) != 2 || !slices.IsSortedFunc(got, compare) {
		t.Errorf("missing %v", got)
	}
	if got := g.MissingFrom([]wire.Hash{a3.Hash}); len(got) != 1 || got[0] != a1.Hash {
		t.Errorf("missing from a3: %v", got)
	}
	if _, err := g.Add(bad); !errors.Is(err, ErrStartOp) {
		t.Fatal(err)
	}
	var gone []wire.Hash
	for _, r := range g.Rejected() {
		if !errors.Is(r.Err, ErrDependsOnRefused) {
			t.Error(r.Err)
		}
		gone = append(gone, r.Hash)
	}
	if !slices.Equal(gone, []wire.Hash{a2.Hash, a3.Hash}) || g.IsPending(a2.Hash) || g.IsPending(a3.Hash) || g.Rejected() != nil {
		t.Errorf("rejected: %v", gone)
	}
	if added := mustAdd(t, g, b1); len(added) != 2 {
		t.Errorf("b's changes: %d", len(added))
	}
}

// TestPendingChangesAreChecked: a pending change is checked once its deps have arrived.
func TestPendingChangesAreChecked(t *testing.T) {
	h := newHistory(1)
	a := actorNo(1)
	a1, a2, a3 := h.change(a, false), h.change(a, false), h.change(a, false)
	fork := a2
	fork.Hash = hashOf(99)
	refusing := errors.New("not permitted")
	var asked []wire.Hash
	g := New(Admit(func(m Meta) error {
		asked = append(asked, m.Hash)
		if m.Hash == a3.Hash {
			return refusing
		}
		return nil
	}))
	for _, m := range []Meta{a3, a2, fork} {
		mustAdd(t, g, m)
	}
	added := mustAdd(t, g, a1)
	if !slices.Equal(added, []wire.Hash{a1.Hash, a2.Hash}) {
		t.Errorf("added %v", added)
	}
	r := g.Rejected()
	if len(r) != 2 || r[0].Hash != fork.Hash || !errors.Is(r[0].Err, ErrDuplicateSeq) || r[1].Hash != a3.Hash || !errors.Is(r[1].Err, refusing) {
		t.Errorf("rejected %+v", r)
	}
	if !slices.Equal(asked, []wire.Hash{a1.Hash, a2.Hash, a3.Hash}) {
		t.Errorf("asked for %v", asked)
	}
	if _, err := g.Add(a3); !errors.Is(err, refusing) || g.Has(a3.Hash) {
		t.Errorf("again: %v", err)
	}
}

// TestFullGraphRefusesNothing: a change that does not fit into a full graph is not refused, nor
// are pending changes that depend on it. Both are applied once there is room.
func TestFullGraphRefusesNothing(t *testing.T) {
	g := New()
	c := chain(4, 1)
	mustAdd(t, g, c[0])
	mustAdd(t, g, c[3]) // pending
	g.maxChanges = 1
	if _, err := g.Add(c[1]); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	if len(g.Rejected()) != 0 || !g.IsPending(c[3].Hash) {
		t.Fatal("a pending change was refused")
	}
	g.maxChanges = MaxChanges
	mustAdd(t, g, c[1])
	mustAdd(t, g, c[2])
	if g.Len() != 4 {
		t.Fatalf("%d changes", g.Len())
	}
}

func TestPendingBufferIsBounded(t *testing.T) {
	g := New()
	orphan := func(n, deps int) Meta {
		m := Meta{Hash: hashOf(uint64(n)), Actor: actorNo(n), Seq: 1, StartOp: 1, MaxOp: 1}
		for i := range deps {
			m.Deps = append(m.Deps, hashOf(uint64(1e6+n*5000+i)))
		}
		slices.SortFunc(m.Deps, compare)
		return m
	}
	var err error
	n := 0
	for ; err == nil && n < 2*MaxPending; n++ {
		_, err = g.Add(orphan(n, 1))
	}
	if !errors.Is(err, ErrPendingFull) || n != MaxPending+1 {
		t.Errorf("%d small changes: %v", n, err)
	}
	g = New()
	for n, err = 0, nil; err == nil && n < MaxPending; n++ {
		_, err = g.Add(orphan(n, 4000))
	}
	if !errors.Is(err, ErrPendingFull) || g.pending.bytes > MaxPendingBytes {
		t.Errorf("%d large changes, %d bytes: %v", n, g.pending.bytes, err)
	}
	g.Refuse(orphan(0, 4000).Deps[0])
	if g.IsPending(orphan(0, 4000).Hash) {
		t.Error("it is still pending")
	}
	if _, err := g.Add(orphan(n, 4000)); err != nil {
		t.Errorf("forgetting made no room: %v", err)
	}
}

func chain(n, actors int) []Meta {
	all := make([]Meta, n)
	for i := range all {
		m := Meta{Hash: hashOf(uint64(i)), Actor: actorNo(i % actors), Seq: uint64(i/actors) + 1, StartOp: uint64(i) + 1, MaxOp: uint64(i) + 1}
		if i > 0 {
			m.Deps = append(m.Deps, all[i-1].Hash)
		}
		if i >= actors && actors > 1 {
			m.Deps = append(m.Deps, all[i-actors].Hash)
		}
		slices.SortFunc(m.Deps, compare)
		all[i] = m
	}
	return all
}

// TestMemoryOfAChange checks the number in the package comment.
func TestMemoryOfAChange(t *testing.T) {
	const n = 100_000
	all := chain(n, 50)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	g := New()
	for _, m := range all {
		mustAdd(t, g, m)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	per := int64(after.HeapAlloc-before.HeapAlloc) / n
	runtime.KeepAlive(all)
	runtime.KeepAlive(g)
	t.Logf("%d bytes a change", per)
	if per < 60 || per > 130 {
		t.Errorf("%d bytes a change", per)
	}
}

func BenchmarkAdd(b *testing.B) {
	all := chain(100_000, 50)
	b.ReportAllocs()
	for b.Loop() {
		g := New()
		for _, m := range all {
			mustAdd(b, g, m)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/change")
}

func BenchmarkNotAncestorsOfTheLastTen(b *testing.B) {
	all := chain(100_000, 50)
	g := New()
	for _, m := range all {
		mustAdd(b, g, m)
	}
	heads := []wire.Hash{all[len(all)-11].Hash}
	for b.Loop() {
		if n := len(g.NotAncestorsOf(heads)); n != 10 {
			b.Fatal(n)
		}
	}
}

func BenchmarkIsAncestorFar(b *testing.B) {
	all := chain(100_000, 50)
	g := New()
	for _, m := range all {
		mustAdd(b, g, m)
	}
	for b.Loop() {
		if !g.IsAncestor(all[3].Hash, all[len(all)-1].Hash) {
			b.Fatal("no")
		}
	}
}

// BenchmarkIndex compares the table of index.go with a Go map, which stores each hash a second
// time. Both metrics are per change.
func BenchmarkIndex(b *testing.B) {
	const n = 100_000
	hashes := make([]wire.Hash, n)
	for i := range hashes {
		hashes[i] = sha256.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(i)))
	}
	measure := func(name string, build func() any) {
		b.Run(name, func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			kept := build()
			runtime.GC()
			runtime.ReadMemStats(&after)
			runtime.KeepAlive(kept)
			for b.Loop() {
				build()
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "bytes/change")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/change")
		})
	}
	measure("index", func() any {
		x := newIndex()
		for i, h := range hashes {
			if _, ok := x.find(hashes[:i], h); !ok {
				x.put(hashes[:i+1], int32(i))
			}
		}
		return x
	})
	measure("map", func() any {
		x := map[wire.Hash]int32{}
		for i, h := range hashes {
			if _, ok := x[h]; !ok {
				x[h] = int32(i)
			}
		}
		return x
	})
}
