package crdt_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"flyleaf/crdt"
	"flyleaf/crdt/wire"
)

// longHistory returns an event in which several actors have written one key many times,
// concurrently with each other.
func longHistory(t testing.TB, actors, writes int) ([]wire.Chunk, []wire.Hash) {
	t.Helper()
	add := func(out []wire.Chunk, c *wire.Change) ([]wire.Chunk, wire.Hash) {
		return append(out, c.Chunk()), c.Chunk().Hash()
	}
	genesis := &wire.Change{Actor: wire.ActorID(fmt.Sprintf("%040d", 0)), Seq: 1, StartOp: 1, TimeMillis: 1, Ops: []wire.Op{
		{Action: wire.Set, Key: wire.Key{Prop: "kind"}, Value: wire.StringValue("event")},
		{Action: wire.Set, Key: wire.Key{Prop: "gate"}, Value: wire.UintValue(1)},
	}}
	out, root := add(nil, genesis)
	var heads []wire.Hash
	for a := range actors {
		on := root
		var last []wire.OpID
		for i := range writes {
			c := &wire.Change{
				Actor: wire.ActorID(fmt.Sprintf("%040d", a+1)), Seq: uint64(i + 1), StartOp: uint64(3 + i), TimeMillis: 1, Deps: []wire.Hash{on},
				Ops: []wire.Op{{Action: wire.Set, Key: wire.Key{Prop: "k"}, Value: wire.BoolValue(i%2 == 0), Pred: last}},
			}
			out, on = add(out, c)
			last = []wire.OpID{{Counter: c.StartOp, Actor: c.Actor}}
		}
		heads = append(heads, on)
	}
	slices.SortFunc(heads, func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
	return out, heads
}

// TestLoadAtOnce: a long history loaded at once gives the same document, which accepts acts.
func TestLoadAtOnce(t *testing.T) {
	for _, n := range []struct{ actors, writes int }{{1, 3000}, {300, 10}, {40, 50}} {
		changes, heads := longHistory(t, n.actors, n.writes)
		me := wire.ActorID(fmt.Sprintf("%040d", 999_999))
		d, err := crdt.LoadAtOnce(me, changes)
		if err != nil {
			t.Fatal(err)
		}
		other, err := crdt.Load(me, nil, changes)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(d.Heads(), heads) || !slices.Equal(other.Heads(), heads) {
			t.Fatalf("%d actors: %d and %d heads, want %d", n.actors, len(d.Heads()), len(other.Heads()), len(heads))
		}
		if !bytes.Equal(d.Save(), other.Save()) {
			t.Errorf("%d actors: two ways to load give two documents", n.actors)
		}
	}
}

func BenchmarkLongHistory(b *testing.B) {
	for _, n := range []struct{ actors, writes int }{{1, 4000}, {1, 16_000}, {1000, 16}} {
		changes, _ := longHistory(b, n.actors, n.writes)
		me := wire.ActorID(fmt.Sprintf("%040d", 999_999))
		b.Run(fmt.Sprintf("one by one/%dx%d", n.actors, n.writes), func(b *testing.B) {
			for b.Loop() {
				if _, err := crdt.Load(me, nil, changes); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("at once/%dx%d", n.actors, n.writes), func(b *testing.B) {
			for b.Loop() {
				if _, err := crdt.LoadAtOnce(me, changes); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
