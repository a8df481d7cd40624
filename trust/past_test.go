package trust

import (
	"errors"
	"math/rand/v2"
	"testing"

	"flyleaf/crdt/fold"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// world is a graph and a fold with the changes that are in them.
type world struct {
	t  *testing.T
	g  *graph.Graph
	f  *fold.Fold
	by map[wire.Hash]*wire.Change
}

func newWorld(t *testing.T) *world {
	g := graph.New()
	return &world{t, g, fold.New(qa.MakeEventID([16]byte{1}), g), map[wire.Hash]*wire.Change{}}
}

func (w *world) change(actor wire.ActorID, seq uint64, deps []*wire.Change, ops ...wire.Op) *wire.Change {
	c := &wire.Change{Actor: actor, Seq: seq, StartOp: 1, TimeMillis: 1, Ops: ops}
	for _, d := range deps {
		c.Deps = append(c.Deps, d.Hash)
		c.StartOp = max(c.StartOp, d.MaxOp()+1)
	}
	h, err := wire.ReadHash(c.Encode())
	if err != nil {
		w.t.Fatal(err)
	}
	c.Hash = h
	return c
}

func (w *world) take(c *wire.Change) *wire.Change {
	w.t.Helper()
	if err := w.check(c); err != nil {
		w.t.Fatal(err)
	}
	if added, err := w.g.Add(graph.MetaOf(c)); err != nil || len(added) != 1 {
		w.t.Fatal(added, err)
	}
	if err := w.f.Apply(c); err != nil {
		w.t.Fatal(err)
	}
	w.by[c.Hash] = c
	return c
}

func (w *world) check(c *wire.Change) error {
	return CheckPast(c, w.g, w.f, func(h wire.Hash) (*wire.Change, error) {
		if c := w.by[h]; c != nil {
			return c, nil
		}
		return nil, errors.New("asked for a change that is not there")
	})
}

func put(obj wire.OpID, key string, pred ...wire.OpID) wire.Op {
	return wire.Op{Action: wire.Set, Obj: obj, Key: wire.Key{Prop: key}, Value: wire.StringValue("x"), Pred: pred}
}

func makeMap(key string) wire.Op {
	return wire.Op{Action: wire.MakeMap, Key: wire.Key{Prop: key}}
}

func id(c *wire.Change, k uint64) wire.OpID {
	return wire.OpID{Counter: c.StartOp + k, Actor: c.Actor}
}

func TestOperationsReferToWhatIsInTheirPast(t *testing.T) {
	w := newWorld(t)
	ann, bob, eve := actor(t, key(t, 1), 1), actor(t, key(t, 2), 2), actor(t, key(t, 3), 3)
	root := w.take(w.change(ann, 1, nil, makeMap("posts"), put(wire.OpID{}, "kind")))
	posts, kind := id(root, 0), id(root, 1)
	// Ann and Bob replace "kind" without knowing of each other: for whoever comes
	// second it is not live any more, and in the past all the same.
	byAnn := w.take(w.change(ann, 2, []*wire.Change{root}, put(wire.OpID{}, "kind", kind)))
	byBob := w.take(w.change(bob, 1, []*wire.Change{root}, put(wire.OpID{}, "kind", kind), makeMap("bobs")))
	own := w.change(eve, 1, []*wire.Change{root}, makeMap("mine"))
	own.Ops = append(own.Ops, put(id(own, 0), "a"), put(id(own, 0), "a", wire.OpID{Counter: own.StartOp + 1, Actor: eve}))

	for name, c := range map[string]struct {
		change *wire.Change
		err    error
	}{
		"into a map of the past": {w.change(eve, 1, []*wire.Change{root}, put(posts, "a")), nil},
		"its own map":            {own, nil},
		"after both":             {w.change(ann, 3, []*wire.Change{byAnn, byBob}, put(wire.OpID{}, "kind", id(byAnn, 0), id(byBob, 0))), nil},

		"a map beside its past":            {w.change(ann, 3, []*wire.Change{byAnn}, put(id(byBob, 1), "a")), ErrObject},
		"a map of nobody":                  {w.change(eve, 1, []*wire.Change{root}, put(wire.OpID{Counter: 1, Actor: eve}, "a")), ErrObject},
		"a value as a map":                 {w.change(eve, 1, []*wire.Change{root}, put(kind, "a")), ErrObject},
		"a map it makes later":             {w.change(eve, 1, []*wire.Change{root}, put(wire.OpID{Counter: 4, Actor: eve}, "a"), makeMap("b")), ErrObject},
		"its own value as a map":           {w.change(eve, 1, []*wire.Change{root}, put(posts, "a"), put(wire.OpID{Counter: 3, Actor: eve}, "a")), ErrObject},
		"a counter between an actor's own": {w.change(ann, 3, []*wire.Change{byAnn}, put(posts, "a", wire.OpID{Counter: 99, Actor: ann})), ErrPred},

		"replacing beside its past":      {w.change(ann, 3, []*wire.Change{byAnn}, put(wire.OpID{}, "kind", id(byAnn, 0), id(byBob, 0))), ErrPred},
		"replacing at another key":       {w.change(eve, 1, []*wire.Change{root}, put(wire.OpID{}, "other", kind)), ErrPred},
		"replacing in another map":       {w.change(eve, 1, []*wire.Change{root}, put(posts, "kind", kind)), ErrPred},
		"replacing itself":               {w.change(eve, 1, []*wire.Change{root}, put(posts, "a", wire.OpID{Counter: 3, Actor: eve})), ErrPred},
		"replacing what nobody wrote":    {w.change(eve, 1, []*wire.Change{root}, put(wire.OpID{}, "kind", wire.OpID{Counter: 2, Actor: bob})), ErrPred},
		"replacing its own, another key": {w.change(eve, 1, []*wire.Change{root}, put(posts, "a"), put(posts, "b", wire.OpID{Counter: 3, Actor: eve})), ErrPred},
	} {
		if err := w.check(c.change); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, not %v", name, err, c.err)
		}
	}
}

// Whatever honest writers make, in whatever order it comes, is in order.
func TestHonestChangesPassInAnyOrder(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	var all []*wire.Change
	concurrent := 0
	{
		// Writers with a world of their own each, which now and then hear of the
		// others' changes.
		type writer struct {
			*world
			actor wire.ActorID
			seq   uint64
			heard int
		}
		var writers []*writer
		for i := range 4 {
			writers = append(writers, &writer{world: newWorld(t), actor: actor(t, key(t, byte(i+1)), byte(i))})
		}
		genesis := writers[0].change(writers[0].actor, 1, nil, makeMap("posts"), put(wire.OpID{}, "kind"))
		writers[0].seq = 1
		all = append(all, genesis)
		for _, w := range writers {
			w.take(genesis)
			w.heard = 1
		}
		for range 300 {
			w := writers[r.IntN(len(writers))]
			for r.IntN(3) > 0 && w.heard < len(all) {
				if c := all[w.heard]; !w.g.Has(c.Hash) {
					w.take(c)
				}
				w.heard++
			}
			var deps []*wire.Change
			heads := w.g.Heads()
			if previous, ok := w.g.BySeq(w.actor, w.seq); ok && !contains(heads, previous) {
				heads = sorted(append(heads, previous))
			}
			for _, h := range heads {
				deps = append(deps, w.by[h])
			}
			if len(deps) > 1 {
				concurrent++
			}
			posts, _ := w.f.Object("posts")
			obj, k := wire.OpID{}, string(rune('a'+r.IntN(4)))
			if r.IntN(2) == 0 {
				obj = posts
			}
			var preds []wire.OpID
			for _, live := range w.f.Values(obj, k) {
				preds = append(preds, live.Op)
			}
			w.seq++
			all = append(all, w.take(w.change(w.actor, w.seq, deps, put(obj, k, preds...))))
		}
	}
	if concurrent < 50 {
		t.Fatalf("only %d of 300 changes join others: nothing was tested", concurrent)
	}
	for range 20 {
		w := newWorld(t)
		left := append([]*wire.Change(nil), all...)
		for len(left) > 0 {
			i := r.IntN(len(left))
			if errors.Is(w.g.Check(graph.MetaOf(left[i])), graph.ErrMissingDeps) {
				continue
			}
			w.take(left[i])
			left = append(left[:i], left[i+1:]...)
		}
	}
}

func contains(hs []wire.Hash, h wire.Hash) bool {
	for _, x := range hs {
		if x == h {
			return true
		}
	}
	return false
}

func sorted(hs []wire.Hash) []wire.Hash {
	for i := len(hs) - 1; i > 0 && string(hs[i][:]) < string(hs[i-1][:]); i-- {
		hs[i], hs[i-1] = hs[i-1], hs[i]
	}
	return hs
}
