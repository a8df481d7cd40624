package wire

import "testing"

// post returns a small change, typical of events.
func post(n int) *Change {
	actor := ActorID(make([]byte, ActorLen))
	other := ActorID(append(make([]byte, ActorLen-1), 1))
	posts := OpID{7, other}
	obj := OpID{uint64(100 + n), actor}
	key := func(s string) Key { return Key{Kind: MapKey, Prop: s} }
	return &Change{
		Deps: []Hash{{byte(n), byte(n >> 8)}}, Actor: actor, Seq: uint64(n + 1), StartOp: uint64(100 + n), TimeMillis: 1_700_000_000_000,
		Ops: []Op{
			{Action: MakeMap, Obj: posts, Key: key("0123456789abcdef-abcdefgh-100")},
			{Action: Set, Obj: obj, Key: key("parent"), Value: StringValue("")},
			{Action: Set, Obj: obj, Key: key("at"), Value: IntValue(1_700_000_000_000)},
			{Action: MakeMap, Obj: obj, Key: key("revisions")},
			{Action: MakeMap, Obj: obj, Key: key("reactions")},
			{Action: MakeMap, Obj: obj, Key: key("marks")},
			{Action: Set, Obj: OpID{uint64(103 + n), actor}, Key: key("106-abcdefgh"), Value: StringValue("How did you come to write this book, and would you again?")},
		},
	}
}

func BenchmarkDecodeChange(b *testing.B) {
	chunk := post(1).Encode()
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeChange(chunk); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	c := post(1)
	b.ReportAllocs()
	for b.Loop() {
		c.Encode()
	}
}
