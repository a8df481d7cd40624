package wire

import (
	"errors"
	"fmt"
	"math"
	"math/rand"
	"strings"
	"testing"
)

// randomChanges returns changes with a complete graph. Their operations refer to each other at
// random, most of them invalidly. With dangling, some refer to operations that do not exist.
func randomChanges(r *rand.Rand, dangling bool) (changes []*Change, heads []Hash) {
	actors := []ActorID{"a", "b", "c"}
	seqs := map[ActorID]uint64{}
	var ids []OpID
	next := uint64(1)
	anyID := func() OpID {
		if len(ids) == 0 || dangling && r.Intn(8) == 0 {
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

// TestEncodeDocumentOfRandomChanges: for arbitrary operations EncodeDocument returns a document or ErrDocument.
func TestEncodeDocumentOfRandomChanges(t *testing.T) {
	refused, made := 0, 0
	for seed := range int64(20_000) {
		changes, heads := randomChanges(rand.New(rand.NewSource(seed)), seed%2 == 0)
		b, err := EncodeDocument(changes, heads, 1<<20)
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
		t.Error("the random changes did not cover enough")
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
		if _, err := EncodeDocument(try.changes, try.heads, 1<<20); !errors.Is(err, ErrDocument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := EncodeDocument([]*Change{a, b}, []Hash{{2}}, 1<<20); err != nil {
		t.Error(err)
	}
}

// TestDocumentSizeIsBounded: a change stores two long keys once each, but in document order they may have to be
// repeated for every object. EncodeDocument refuses to make such a large document.
func TestDocumentSizeIsBounded(t *testing.T) {
	const objects, long = 4000, 10_000
	c := &Change{Actor: "a", Seq: 1, StartOp: 1}
	for i := range objects {
		c.Ops = append(c.Ops, Op{Action: MakeMap, Key: Key{Kind: MapKey, Prop: fmt.Sprint(i)}})
	}
	for _, key := range []string{strings.Repeat("k", long) + "a", strings.Repeat("k", long) + "b"} {
		for i := range objects {
			c.Ops = append(c.Ops, Op{Action: Set, Obj: OpID{uint64(i + 1), "a"}, Key: Key{Kind: MapKey, Prop: key}, Value: BoolValue(true)})
		}
	}
	if n := len(c.Encode()); n > 20*long {
		t.Fatalf("the change has %d bytes", n)
	}
	c.Hash = Hash{1}
	if b, err := EncodeDocument([]*Change{c}, []Hash{{1}}, 1<<20); !errors.Is(err, ErrDocumentSize) {
		t.Errorf("a document of %d bytes, %v", len(b), err)
	}
}

// TestDocumentRefusesWhatItCannotExpress: a document chunk stores only the predecessors of a delete, and
// only differences of times. Changes that it cannot represent are refused.
func TestDocumentRefusesWhatItCannotExpress(t *testing.T) {
	set := Op{Action: Set, Key: Key{Kind: MapKey, Prop: "a"}, Value: BoolValue(true)}
	first := func(time int64) *Change {
		return &Change{Hash: Hash{1}, Actor: "a", Seq: 1, StartOp: 1, TimeMillis: time, Ops: []Op{set}}
	}
	second := func(time int64, key string, action Action) *Change {
		op := Op{Action: action, Key: Key{Kind: MapKey, Prop: key}, Pred: []OpID{{1, "a"}}}
		return &Change{Hash: Hash{2}, Actor: "a", Seq: 2, StartOp: 2, TimeMillis: time, Deps: []Hash{{1}}, Ops: []Op{op}}
	}
	for name, try := range map[string]struct {
		a, b *Change
		ok   bool
	}{
		"a delete":                                {first(0), second(0, "a", Del), true},
		"a delete of another key's value":         {first(0), second(0, "b", Del), false},
		"a map that replaces another key's value": {first(0), second(0, "b", MakeMap), false},
		"times far apart":                         {first(-1), second(math.MaxInt64, "a", Del), false},
		"times far apart, backwards":              {first(2), second(math.MinInt64+1, "a", Del), false},
		"times as far apart as possible":          {first(-1), second(math.MaxInt64-1, "a", Del), true},
	} {
		_, err := EncodeDocument([]*Change{try.a, try.b}, []Hash{{2}}, 1<<20)
		if try.ok && err != nil || !try.ok && !errors.Is(err, ErrDocument) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
