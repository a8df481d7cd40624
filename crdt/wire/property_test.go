package wire

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var anyActors = []ActorID{"\x00", "\x01\x02", "\xff", ActorID(bytes.Repeat([]byte{5}, 16)), actorOf(1), actorOf(2), actorOf(200)}

// anyChange draws a valid change.
func anyChange(t *rapid.T) *Change {
	hash := rapid.Custom(func(t *rapid.T) Hash {
		return Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
	})
	c := &Change{
		Deps:       rapid.SliceOfNDistinct(hash, 1, 5, func(h Hash) Hash { return h }).Draw(t, "deps"),
		Actor:      rapid.SampledFrom(anyActors).Draw(t, "actor"),
		Seq:        rapid.Uint64Min(1).Draw(t, "seq"),
		StartOp:    rapid.Uint64Range(2, maxCounter-64).Draw(t, "startOp"),
		TimeMillis: rapid.Int64().Draw(t, "time"),
		Message:    rapid.String().Draw(t, "message"),
	}
	slices.SortFunc(c.Deps, func(a, b Hash) int { return bytes.Compare(a[:], b[:]) })
	n := rapid.IntRange(0, 40).Draw(t, "ops")
	for i := range n {
		c.Ops = append(c.Ops, anyOp(t, c.StartOp+uint64(i)))
	}
	return c
}

// anyOp draws an operation with the given counter. There are few choices, so that runs occur.
func anyOp(t *rapid.T, counter uint64) Op {
	known := rapid.Custom(func(t *rapid.T) OpID {
		// Both low and near counters, for small and large deltas.
		n := rapid.Uint64Range(1, min(counter-1, 3)).Draw(t, "low")
		if rapid.Bool().Draw(t, "near") {
			n = counter - n
		}
		return OpID{n, rapid.SampledFrom(anyActors).Draw(t, "of")}
	})
	var op Op
	op.Action = rapid.SampledFrom([]Action{MakeMap, Set, Set, Set, MakeList, Del, MakeText, Inc, Mark}).Draw(t, "action")
	inList := op.Action == Mark || rapid.Bool().Draw(t, "list")
	if inList || rapid.Bool().Draw(t, "nested") {
		op.Obj = known.Draw(t, "obj")
	}
	if inList {
		op.Insert = op.Action == Mark || op.Action != Del && op.Action != Inc && rapid.Bool().Draw(t, "insert")
		op.Key = Key{Kind: ElemKey, Elem: known.Draw(t, "elem")}
		if op.Insert && rapid.Bool().Draw(t, "head") {
			op.Key = Key{Kind: HeadKey}
		}
	} else {
		op.Key = prop(rapid.SampledFrom([]string{"a", "b", "né", "\x00"}).Draw(t, "key"))
	}
	switch op.Action {
	case Set:
		op.Value = anyValue(t)
	case Inc:
		op.Value = IntValue(rapid.Int64().Draw(t, "by"))
	case Mark:
		op.Expand = rapid.Bool().Draw(t, "expand")
		if rapid.Bool().Draw(t, "begin") {
			name := rapid.SampledFrom([]string{"", "bold"}).Draw(t, "name")
			op.MarkName, op.Value = &name, anyValue(t)
		}
	}
	least := 0
	if op.Action == Del {
		least = 1
	}
	op.Pred = rapid.SliceOfNDistinct(known, least, 3, func(id OpID) OpID { return id }).Draw(t, "preds")
	slices.SortFunc(op.Pred, func(a, b OpID) int {
		if a.Less(b) {
			return -1
		}
		return 1
	})
	if len(op.Pred) == 0 {
		op.Pred = nil
	}
	return op
}

func anyValue(t *rapid.T) Value {
	switch ValueKind(rapid.IntRange(int(Null), int(Timestamp)).Draw(t, "kind")) {
	case False:
		return BoolValue(false)
	case True:
		return BoolValue(true)
	case Uint:
		return UintValue(rapid.Uint64().Draw(t, "uint"))
	case Int:
		return IntValue(rapid.Int64().Draw(t, "int"))
	case F64:
		return floatValue(rapid.Float64().Draw(t, "f64"))
	case String:
		return StringValue(rapid.String().Draw(t, "str"))
	case Bytes:
		return BytesValue(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
	case Counter:
		return counterValue(rapid.Int64().Draw(t, "counter"))
	case Timestamp:
		return timestampValue(rapid.Int64().Draw(t, "timestamp"))
	}
	return Value{}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyChange(t)
		b := c.Encode()
		got, err := DecodeChange(b)
		if err != nil {
			t.Fatalf("%x: %v", b, err)
		}
		if !bytes.Equal(got.Encode(), b) {
			t.Fatalf("%x is encoded to %x the second time", b, got.Encode())
		}
		c.Hash = got.Hash
		if !reflect.DeepEqual(got, c) {
			t.Fatalf("decoded to %+v, want %+v", got, c)
		}
	})
}

// TestDamage: a valid change with one modified byte and a corrected frame is refused, or is another
// canonical change. A truncated change is refused.
func TestDamage(t *testing.T) {
	taken, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		b := anyChange(t).Encode()
		i := rapid.IntRange(minChunk, len(b)-1).Draw(t, "at")
		bad := bytes.Clone(b)
		bad[i] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		if _, err := DecodeChange(bad); err == nil {
			t.Fatalf("damage in byte %d of %x was not detected", i, b)
		}
		bad = repair(bad)
		c, err := DecodeChangeLimits(bad, OpenLimits)
		switch {
		case err != nil:
			refused++
		case !bytes.Equal(c.Encode(), bad):
			t.Fatalf("%x was accepted, but is encoded to %x", bad, c.Encode())
		default:
			taken++
		}
		if _, err := DecodeChange(b[:i]); err == nil {
			t.Fatalf("%x, truncated to %d bytes, was accepted", b, i)
		}
		if _, err := DecodeChange(append(bytes.Clone(b), 0)); err == nil {
			t.Fatalf("%x with a trailing byte was accepted", b)
		}
	})
	if taken == 0 || refused == 0 {
		t.Errorf("%d damaged changes were accepted, %d refused: too few for this test", taken, refused)
	}
}

func TestLEB(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := rapid.Uint64().Draw(t, "u") >> rapid.IntRange(0, 63).Draw(t, "by")
		b := appendUleb(nil, u)
		if v, n := uleb(b); v != u || n != len(b) {
			t.Fatalf("uleb %d: %x reads as %d, %d bytes", u, b, v, n)
		}
		i := int64(u)
		if rapid.Bool().Draw(t, "negative") {
			i = -i
		}
		b = appendSleb(nil, i)
		if v, n := sleb(b); v != i || n != len(b) {
			t.Fatalf("sleb %d: %x reads as %d, %d bytes", i, b, v, n)
		}
	})
	for _, c := range []struct {
		hex    string
		u      uint64
		un     int
		s      int64
		sn     int
		reason string
	}{
		{"", 0, 0, 0, 0, "nothing"},
		{"80", 0, 0, 0, 0, "cut off"},
		{"00", 0, 1, 0, 1, "zero"},
		{"7f", 127, 1, -1, 1, "one byte"},
		{"ff00", 0, -1, 127, 2, "a sign byte is needed only when signed"},
		{"8000", 0, -1, 0, -1, "overlong zero"},
		{"ff7f", 1<<14 - 1, 2, 0, -1, "overlong -1"},
		{"807f", 127 << 7, 2, -128, 2, "-128"},
		{"ffffffffffffffffff01", math.MaxUint64, 10, 0, -1, "largest unsigned"},
		{"ffffffffffffffffff00", 0, -1, math.MaxInt64, 10, "largest signed"},
		{"8080808080808080807f", 0, -1, math.MinInt64, 10, "smallest signed"},
		{"ffffffffffffffffff02", 0, -1, 0, -1, "65 bits"},
		{"80808080808080808080", 0, -1, 0, -1, "11 bytes"},
	} {
		b := unhex(t, c.hex)
		if v, n := uleb(b); v != c.u || n != c.un {
			t.Errorf("%s: uleb %s is %d, %d", c.reason, c.hex, v, n)
		}
		if v, n := sleb(b); v != c.s || n != c.sn {
			t.Errorf("%s: sleb %s is %d, %d", c.reason, c.hex, v, n)
		}
	}
}

// TestFilterContainsItsHashes: a filter contains the hashes from which it was made, and few others.
func TestFilterContainsItsHashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 300).Draw(t, "n")
		seed := rapid.Uint64().Draw(t, "seed")
		hash := func(i int) Hash {
			b := fmt.Appendf(nil, "%d %d", seed, i)
			h := frameChange(b).hash
			return h
		}
		var in []Hash
		for i := range n {
			in = append(in, hash(i))
		}
		m := Message{Have: []Have{{Filter: NewFilter(in)}}}
		back, err := DecodeMessage(m.Encode())
		if err != nil || !reflect.DeepEqual(back, &m) {
			t.Fatalf("%d entries: %v", n, err)
		}
		f := back.Have[0].Filter
		for _, h := range in {
			if !f.Contains(h) {
				t.Fatalf("%v was added and is not in the filter", h)
			}
		}
		mistakes := 0
		for i := range 1000 {
			if f.Contains(hash(n + i)) {
				mistakes++
			}
		}
		if mistakes > 100 || n == 0 && mistakes > 0 {
			t.Fatalf("%d false positives of 1,000 with %d entries", mistakes, n)
		}
	})
}
