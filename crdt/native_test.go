package crdt_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/automerge/automerge-go"

	"flyleaf/crdt"
	"flyleaf/crdt/authority"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/e2e/stockjs"
	"flyleaf/qa"
)

var engineChanges = flag.Int("crdt.changes", 3_000, "number of changes that both engines make")

// both is one device of a random event with three documents: on this build's engine, on the
// native engine, and from the state of graph and projection.
type both struct {
	own, native, fromState *crdt.Document
	state                  *state
	has                    map[wire.Hash]bool
}

// state implements crdt.State with a graph and a projection.
type state struct {
	t *testing.T
	*projection.Projection
	graph *graph.Graph
}

func newState(t *testing.T, changes ...[]byte) *state {
	g := graph.New()
	s := &state{t, projection.New(testEvent, g, authority.New(g)), g}
	s.add(changes...)
	return s
}

func (s *state) add(changes ...[]byte) {
	s.t.Helper()
	for _, b := range changes {
		c, err := wire.DecodeChange(b)
		if err == nil {
			_, err = s.graph.Add(graph.MetaOf(c))
		}
		if err == nil {
			err = s.Apply(c)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *state) Heads() []wire.Hash { return s.graph.Heads() }
func (s *state) MaxOp() uint64      { return s.graph.MaxOp() }

func (s *state) Last(a wire.ActorID) (uint64, wire.Hash) {
	seq := s.graph.SeqOf(a)
	h, _ := s.graph.BySeq(a, seq)
	return seq, h
}

func (s *state) Values(in wire.OpID, key string) (out []crdt.StateValue) {
	for _, v := range s.Projection.Values(in, key) {
		out = append(out, crdt.StateValue{Op: v.Op, Value: v.Value, Map: v.IsObject})
	}
	return out
}

func (b *both) do(t *testing.T, seed uint64, a qa.Act) crdt.Made {
	t.Helper()
	want, wantErr := b.own.Do(a)
	got, err := b.native.Do(a)
	switch {
	case fmt.Sprint(err) != fmt.Sprint(wantErr):
		t.Fatalf("seed %d: %+v\nnative: %v\n%s: %v", seed, a, err, crdt.EngineName, wantErr)
	case got.NoChange != want.NoChange || got.Post != want.Post || got.Revision != want.Revision || !bytes.Equal(got.Chunk.Bytes(), want.Chunk.Bytes()):
		t.Fatalf("seed %d: %+v\nnative: %x\n%s: %x", seed, a, got.Chunk.Bytes(), crdt.EngineName, want.Chunk.Bytes())
	case !slices.Equal(b.native.Heads(), b.own.Heads()):
		t.Fatalf("seed %d: different heads", seed)
	}
	third, err := b.fromState.Do(a)
	switch {
	case fmt.Sprint(err) != fmt.Sprint(wantErr):
		t.Fatalf("seed %d: %+v\nfrom a state: %v\n%s: %v", seed, a, err, crdt.EngineName, wantErr)
	case third.NoChange != want.NoChange || third.Post != want.Post || third.Revision != want.Revision || !bytes.Equal(third.Chunk.Bytes(), want.Chunk.Bytes()):
		t.Fatalf("seed %d: %+v\nfrom a state: %x\n%s: %x", seed, a, third.Chunk.Bytes(), crdt.EngineName, want.Chunk.Bytes())
	case len(third.Chunk.Bytes()) > 0:
		b.state.add(third.Chunk.Bytes())
	}
	if err != nil {
		want.NoChange = true
	}
	return want
}

// pull applies some changes of others: a causal past, in a random causal order.
func (b *both) pull(t *testing.T, h *history, r *rand.Rand) {
	t.Helper()
	var take [][]byte
	for _, i := range h.shuffle(r) {
		c := h.changes[i]
		ready := !b.has[c.Hash] && r.IntN(8) > 0
		for _, d := range c.Deps {
			ready = ready && b.has[d]
		}
		if ready {
			b.has[c.Hash] = true
			take = append(take, h.bytes[i])
		}
	}
	for _, d := range []*crdt.Document{b.own, b.native} {
		if err := d.Absorb(chunks(take...)); err != nil {
			t.Fatal(err)
		}
	}
	b.state.add(take...)
}

// loadFromState replaces fromState by a document for another actor and these changes.
func (b *both) loadFromState(t *testing.T, actor wire.ActorID, changes ...[]byte) {
	t.Helper()
	b.state = newState(t, changes...)
	var err error
	if b.fromState, err = crdt.FromState(actor, b.state); err != nil {
		t.Fatal(err)
	}
}

func (b *both) close() {
	b.own.Close()
	b.native.Close()
	b.fromState.Close()
}

// enginesAgree has several devices act and merge at random, on both engines.
func enginesAgree(t *testing.T, seed uint64, kinds map[string]int) *history {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	h := &history{}
	e := qa.Event{Title: "A book", StartsAtMillis: monday, EndsAtMillis: monday + 4*day, Kind: []string{"", "club"}[r.IntN(8)/7]}
	act := qa.Act{Kind: qa.ActCreate, AtMillis: monday, Event: &e}
	own, made, err := crdt.Create(actorOf(1, 1), act)
	if err != nil {
		t.Fatal(err)
	}
	native, again, err := crdt.CreateNative(actorOf(1, 1), act)
	if err != nil || !bytes.Equal(made.Chunk.Bytes(), again.Chunk.Bytes()) {
		t.Fatalf("seed %d: another genesis: %v", seed, err)
	}
	h.add(t, made.Chunk.Bytes())
	devices := []*both{{own: own, native: native, has: map[wire.Hash]bool{made.Change.Hash: true}}}
	devices[0].loadFromState(t, actorOf(1, 1), made.Chunk.Bytes())
	for i := 1; i < 2+r.IntN(4); i++ {
		who := byte(1 + i - r.IntN(2)) // sometimes the second device of a person
		actor := actorOf(who, byte(10+i))
		b := &both{has: map[wire.Hash]bool{made.Change.Hash: true}}
		if b.own, err = crdt.Load(actor, nil, chunks(h.bytes[0])); err != nil {
			t.Fatal(err)
		}
		if b.native, err = crdt.LoadNative(actor, nil, chunks(h.bytes[0])); err != nil {
			t.Fatal(err)
		}
		b.loadFromState(t, actor, h.bytes[0])
		devices = append(devices, b)
	}
	defer func() {
		for _, b := range devices {
			b.close()
		}
	}()
	var posts []qa.PostID
	for n := range 20 + r.IntN(100) {
		i := r.IntN(len(devices))
		b := devices[i]
		switch r.IntN(12) {
		case 0, 1, 2:
			b.pull(t, h, r)
		case 3:
			m := b.do(t, seed, qa.Act{Kind: qa.ActMerge, AtMillis: monday})
			if !m.NoChange {
				h.add(t, m.Chunk.Bytes())
				b.has[m.Change.Hash] = true
				kinds["merge"]++
			}
			continue
		case 4: // the document is closed and loaded from its snapshot, with a new actor
			actor := wire.ActorID(fmt.Sprintf("%s%08d", string(actorOf(byte(1+i), 0)[:32]), n))
			saved := b.native.Save()
			fresh, err := crdt.LoadNative(actor, saved, nil)
			if err != nil {
				t.Fatal(err)
			}
			// Automerge reads the native engine's snapshot.
			other, err := crdt.Load(actor, saved, nil)
			if err != nil {
				t.Fatalf("seed %d: %s does not load what the native engine saved: %v", seed, crdt.EngineName, err)
			}
			chunks, err := wire.SplitChunks(saved)
			if err != nil {
				t.Fatal(err)
			}
			b.close()
			b.native, b.own = fresh, other
			b.loadFromState(t, actor, chunks...)
			kinds["reloaded"]++
		}
		a := randomActOfAll(r, b.own.Identity(), posts)
		if r.IntN(4) == 0 { // acts that conflict when two devices do them concurrently
			a = qa.Act{Kind: qa.ActEvent, AtMillis: monday, Fields: map[string]any{"title": fmt.Sprint("Book ", r.IntN(3)), "prizes": uint64(r.IntN(3))}}
			if e.Kind == "club" {
				delete(a.Fields, "prizes")
			}
		}
		m := b.do(t, seed, a)
		if m.NoChange {
			continue
		}
		h.add(t, m.Chunk.Bytes())
		b.has[m.Change.Hash] = true
		kinds[string(a.Kind)]++
		for k := range m.Change.Ops {
			if len(m.Change.Ops[k].Pred) > 1 {
				kinds["conflict"]++
			}
		}
		if m.Post != "" {
			posts = append(posts, m.Post)
		}
	}
	return h
}

// TestEnginesMakeTheSameChanges: for the same acts, after the same changes in the same random
// order, the native engine makes the same bytes as this build's engine. For 100,000 changes:
// go test ./crdt -run Engines -crdt.changes 100000
func TestEnginesMakeTheSameChanges(t *testing.T) {
	kinds := map[string]int{}
	n := 0
	for seed := uint64(1); n < *engineChanges; seed++ {
		n += len(enginesAgree(t, seed, kinds).changes)
	}
	t.Logf("%d changes: %v", n, kinds)
	for _, kind := range []string{"post", "edit", "withdraw", "react", "person", "event", "role", "mark", "merge", "reloaded", "conflict"} {
		if kinds[kind] < 5 {
			t.Errorf("only %d of %s", kinds[kind], kind)
		}
	}
}

// TestJavaScriptLoadsWhatTheNativeEngineSaves: JavaScript reads the same changes from a snapshot
// of the native engine.
func TestJavaScriptLoadsWhatTheNativeEngineSaves(t *testing.T) {
	j := stockjs.Start(t, "changes.mjs")
	for seed := uint64(1); seed <= 20; seed++ {
		h := enginesAgree(t, seed, map[string]int{})
		d, err := crdt.LoadNative(actorOf(9, 9), nil, chunks(h.bytes...))
		if err != nil {
			t.Fatal(err)
		}
		var back []string
		if err := json.Unmarshal([]byte(j.Line("load", hex.EncodeToString(d.Save()))), &back); err != nil {
			t.Fatalf("seed %d: JavaScript does not load it: %v", seed, err)
		}
		want := map[string]bool{}
		for _, b := range h.bytes {
			want[hex.EncodeToString(b)] = true
		}
		for _, b := range back {
			delete(want, b)
		}
		if len(want) > 0 || len(back) != len(h.bytes) {
			t.Fatalf("seed %d: %d of %d changes came back", seed, len(back), len(h.bytes))
		}
	}
}

// TestNativeEngineRefusesChangesOutOfOrder: although the caller must check what it loads, its
// mistakes are errors.
func TestNativeEngineRefusesChangesOutOfOrder(t *testing.T) {
	h := enginesAgree(t, 3, map[string]int{})
	if _, err := crdt.LoadNative(actorOf(9, 9), nil, chunks(h.bytes[0], h.bytes[len(h.bytes)-1])); !errors.Is(err, crdt.ErrBroken) {
		t.Errorf("a change without its past: %v", err)
	}
	am, err := automerge.Load(bytes.Join(h.bytes, nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := crdt.LoadNative(actorOf(9, 9), am.Save(), nil); !errors.Is(err, crdt.ErrSnapshot) {
		t.Errorf("a snapshot of automerge-go: %v", err)
	}
}

// BenchmarkEngines makes and loads the changes of one event on each engine: 1,000
// posts with three reactions each.
func BenchmarkEngines(b *testing.B) {
	type engine struct {
		name  string
		found func(wire.ActorID, qa.Act) (*crdt.Document, crdt.Made, error)
		load  func(wire.ActorID, []byte, []wire.Chunk) (*crdt.Document, error)
	}
	engines := []engine{{"native", crdt.CreateNative, crdt.LoadNative}}
	if crdt.EngineName != "native" {
		engines = append(engines, engine{crdt.EngineName, crdt.Create, crdt.Load})
	}
	write := func(e engine) (all []wire.Chunk) {
		d, made, err := e.found(actorOf(1, 1), qa.Act{Kind: qa.ActCreate, AtMillis: monday, Event: &qa.Event{Title: "A book"}})
		if err != nil {
			b.Fatal(err)
		}
		defer d.Close()
		all = append(all, made.Chunk)
		for n := range 1_000 {
			post, err := d.Do(qa.Act{Kind: qa.ActPost, AtMillis: monday, Text: fmt.Sprint("Why is the sky of chapter ", n, " green, and who painted it?")})
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, post.Chunk)
			for _, emoji := range []string{"want", "a", "b"} {
				m, err := d.Do(qa.Act{Kind: qa.ActReact, AtMillis: monday, Post: post.Post, Emoji: emoji, On: true})
				if err != nil {
					b.Fatal(err)
				}
				all = append(all, m.Chunk)
			}
		}
		return all
	}
	all := write(engines[0])
	for _, e := range engines {
		b.Run("write/"+e.name, func(b *testing.B) {
			for b.Loop() {
				write(e)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(all)), "ns/change")
		})
		b.Run("load/"+e.name, func(b *testing.B) {
			for b.Loop() {
				d, err := e.load(actorOf(2, 2), nil, all)
				if err != nil {
					b.Fatal(err)
				}
				d.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(all)), "ns/change")
		})
		b.Run("memory/"+e.name, func(b *testing.B) {
			const copies = 4
			before := resident(b)
			var kept []*crdt.Document
			for range copies {
				d, err := e.load(actorOf(2, 2), nil, all)
				if err != nil {
					b.Fatal(err)
				}
				kept = append(kept, d)
			}
			b.ReportMetric(float64(resident(b)-before)/copies/float64(len(all)), "bytes/change")
			for _, d := range kept {
				d.Close()
			}
		})
	}
}

// resident returns the memory that the process takes, C's included, in bytes.
func resident(b *testing.B) int64 {
	b.Helper()
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("the memory of a process is read from /proc")
	}
	var total, pages int64
	if _, err := fmt.Sscan(string(status), &total, &pages); err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
