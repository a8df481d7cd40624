package projection_test

import (
	"fmt"
	"runtime"
	"testing"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
)

// busyWeek returns the changes of a week in which 20 readers post, edit and react in
// turn, and a moderator hides and shows posts: about n changes, in causal order.
func busyWeek(t testing.TB, n int) []*wire.Change {
	boss := newDevice(t, 9, 1)
	boss.genesis()
	var readers []*device
	for i := range 20 {
		readers = append(readers, newDevice(t, byte(20+i), 1))
	}
	for i := 0; len(boss.known) < n; i++ {
		r := readers[i%len(readers)]
		r.from(boss)
		key := fmt.Sprintf("p%d", i)
		r.post(key)
		r.write(put("posts/"+key+"/revisions/r2", "a better text of "+key))
		boss.from(r)
		other := readers[(i+7)%len(readers)]
		other.from(boss)
		reactions := "posts/" + key + "/reactions/" + string(other.id())
		other.write(mk(reactions), put(reactions+"/x", true))
		other.write(put(reactions+"/x", false))
		boss.from(other)
		boss.write(put("posts/"+key+"/marks/hidden", "rude"))
		boss.write(put("posts/"+key+"/marks/hidden", ""))
	}
	return boss.known
}

func project(tb testing.TB, g *graph.Graph, changes []*wire.Change) *projection.Projection {
	f := projection.New("e", g, authority.New(g))
	for _, c := range changes {
		if err := f.Apply(c); err != nil {
			tb.Fatal(err)
		}
	}
	return f
}

func graphOf(tb testing.TB, changes []*wire.Change) *graph.Graph {
	g := graph.New()
	for _, c := range changes {
		if _, err := g.Add(graph.MetaOf(c)); err != nil {
			tb.Fatal(err)
		}
	}
	return g
}

func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkApply applies the changes of a busy week to an empty projection. The metric
// live-B/change is the heap that the projection retains.
func BenchmarkApply(b *testing.B) {
	changes := busyWeek(b, 3000)
	g := graphOf(b, changes)
	before := liveHeap()
	f := project(b, g, changes)
	live := liveHeap() - before
	runtime.KeepAlive(f)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		project(b, g, changes)
	}
	b.ReportMetric(float64(live)/float64(len(changes)), "live-B/change")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(changes)), "ns/change")
}

// BenchmarkViews reads all posts, the log and the event of a busy week.
func BenchmarkViews(b *testing.B) {
	changes := busyWeek(b, 3000)
	f := project(b, graphOf(b, changes), changes)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		f.Event()
		f.Posts()
		f.Log()
	}
}
