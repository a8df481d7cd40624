package wire

import (
	"errors"
	"fmt"
	"math/rand"
	"testing"
)

// changesAtRandom are changes whose graph is whole and whose operations name each
// other at random, most of them wrongly.
func changesAtRandom(r *rand.Rand, wild bool) (changes []*Change, heads []Hash) {
	actors := []ActorID{"a", "b", "c"}
	seqs := map[ActorID]uint64{}
	var ids []OpID
	next := uint64(1)
	anyID := func() OpID {
		if len(ids) == 0 || wild && r.Intn(8) == 0 {
			return OpID{uint64(r.Intn(20)), actors[r.Intn(3)]}
		}
		return ids[r.Intn(len(ids))]
	}
	for range 1 + r.Intn(6) {
		a := actors[r.Intn(len(actors))]
		seqs[a]++
		c := &Change{Actor: a, Seq: seqs[a], StartOp: next, Deps: heads}
		for range r.Intn(6) {
			op := Op{Action: Action(r.Intn(8)), Insert: r.Intn(3) == 0, Expand: r.Intn(9) == 0}
			if r.Intn(2) == 0 {
				op.Obj = anyID()
			}
			switch op.Key.Kind = KeyKind(r.Intn(3)); op.Key.Kind {
			case MapKey:
				op.Key.Prop = fmt.Sprint(r.Intn(3))
			case ElemKey:
				op.Key.Elem = anyID()
			}
			for range r.Intn(3) {
				op.Pred = append(op.Pred, anyID())
			}
			c.Ops = append(c.Ops, op)
			ids = append(ids, OpID{next, a})
			next++
		}
		c.Hash = Hash{byte(len(changes) + 1)}
		changes, heads = append(changes, c), []Hash{c.Hash}
	}
	return changes, heads
}

// Whatever operations say, there is a document or a word on why there is none.
func TestNoDocumentOfNonsense(t *testing.T) {
	refused, made := 0, 0
	for seed := range int64(20_000) {
		changes, heads := changesAtRandom(rand.New(rand.NewSource(seed)), seed%2 == 0)
		b, err := EncodeDocument(changes, heads)
		switch {
		case errors.Is(err, ErrDocument):
			refused++
		case err != nil:
			t.Fatalf("seed %d: %v", seed, err)
		default:
			made++
			if c, err := oneChunk(b); err != nil || c.kind != chunkDocument {
				t.Fatalf("seed %d: no document chunk, %v", seed, err)
			}
		}
	}
	t.Logf("%d refused, %d made", refused, made)
	if refused < 1000 || made < 100 {
		t.Error("the test did not do its work")
	}
}

func TestDocumentNeedsItsDepsAndHeads(t *testing.T) {
	a := &Change{Hash: Hash{1}, Actor: "a", Seq: 1, StartOp: 1}
	b := &Change{Hash: Hash{2}, Actor: "b", Seq: 1, StartOp: 1, Deps: []Hash{{1}}}
	for name, try := range map[string]struct {
		changes []*Change
		heads   []Hash
	}{
		"a dep is missing":   {[]*Change{b}, []Hash{{2}}},
		"a dep comes later":  {[]*Change{b, a}, []Hash{{2}}},
		"a head is missing":  {[]*Change{a}, []Hash{{2}}},
		"no counter":         {[]*Change{{Hash: Hash{1}, Actor: "a", Seq: 1}}, []Hash{{1}}},
		"a counter too high": {[]*Change{{Hash: Hash{1}, Actor: "a", Seq: 1, StartOp: maxCounter, Ops: make([]Op, 2)}}, []Hash{{1}}},
	} {
		if _, err := EncodeDocument(try.changes, try.heads); !errors.Is(err, ErrDocument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := EncodeDocument([]*Change{a, b}, []Hash{{2}}); err != nil {
		t.Error(err)
	}
}
