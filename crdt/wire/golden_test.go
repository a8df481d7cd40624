package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"reflect"
	"strings"
	"testing"

	"flyleaf/internal/testfiles"
)

func prop(s string) Key { return Key{Kind: MapKey, Prop: s} }

func elem(counter uint64, a ActorID) Key { return Key{Kind: ElemKey, Elem: OpID{counter, a}} }

func actorOf(b byte) ActorID { return ActorID(bytes.Repeat([]byte{b}, ActorLen)) }

func floatValue(v float64) Value {
	return rawValue(F64, binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
}

func counterValue(v int64) Value { return rawValue(Counter, appendSleb(nil, v)) }

func timestampValue(millis int64) Value { return rawValue(Timestamp, appendSleb(nil, millis)) }

// samples returns changes that together use every column and every form of run.
func samples() map[string]*Change {
	a, b, c := actorOf(7), actorOf(9), ActorID("\x01\x02")
	bold := "bold"
	return map[string]*Change{
		// The worked example of the format notes.
		"set": {Actor: a, Seq: 1, StartOp: 1, Ops: []Op{{Action: Set, Key: prop("k"), Value: StringValue("v")}}},
		"values": {Actor: a, Seq: 1, StartOp: 1, TimeMillis: -1, Message: "all kinds", Ops: []Op{
			{Action: Set, Key: prop("a"), Value: Value{Kind: Null}},
			{Action: Set, Key: prop("b"), Value: BoolValue(false)},
			{Action: Set, Key: prop("c"), Value: BoolValue(true)},
			{Action: Set, Key: prop("d"), Value: UintValue(1<<64 - 1)},
			{Action: Set, Key: prop("e"), Value: IntValue(-65)},
			{Action: Set, Key: prop("f"), Value: floatValue(0.5)},
			{Action: Set, Key: prop("g"), Value: StringValue("grün")},
			{Action: Set, Key: prop("g"), Value: StringValue(""), Pred: []OpID{{7, a}}},
			{Action: Set, Key: prop("h"), Value: BytesValue([]byte{0, 0xff})},
			{Action: Set, Key: prop("i"), Value: counterValue(64)},
			{Action: Set, Key: prop("j"), Value: timestampValue(1_700_000_000_000)},
			{Action: Inc, Key: prop("i"), Value: IntValue(-1), Pred: []OpID{{10, a}}},
		}},
		"merge": {Deps: []Hash{{1}, {2}}, Actor: a, Seq: 3, StartOp: 12, TimeMillis: 1_700_000_000_000},
		"conflict": {Deps: []Hash{{1}, {2}}, Actor: b, Seq: 2, StartOp: 6, TimeMillis: 1_700_000_000_000, Ops: []Op{
			{Action: Set, Obj: OpID{1, a}, Key: prop("title"), Value: StringValue("x"), Pred: []OpID{{4, a}, {5, c}, {5, a}}},
			{Action: MakeMap, Obj: OpID{1, a}, Key: prop("m")},
			{Action: Set, Obj: OpID{7, b}, Key: prop("n"), Value: UintValue(0)},
			{Action: Del, Key: prop("old"), Pred: []OpID{{2, b}}},
		}},
		"text": {Deps: []Hash{{3}}, Actor: a, Seq: 2, StartOp: 2, Ops: []Op{
			{Action: MakeText, Key: prop("body")},
			{Action: Set, Obj: OpID{2, a}, Key: Key{Kind: HeadKey}, Insert: true, Value: StringValue("H")},
			{Action: Set, Obj: OpID{2, a}, Key: elem(3, a), Insert: true, Value: StringValue("i")},
			{Action: Set, Obj: OpID{2, a}, Key: elem(4, a), Insert: true, Value: StringValue("!")},
			{Action: Del, Obj: OpID{2, a}, Key: elem(4, a), Pred: []OpID{{4, a}}},
			{Action: Mark, Obj: OpID{2, a}, Key: Key{Kind: HeadKey}, Insert: true, Expand: true, MarkName: &bold, Value: BoolValue(true)},
			{Action: Mark, Obj: OpID{2, a}, Key: elem(3, a), Insert: true},
			{Action: MakeList, Key: prop("list")},
			{Action: Set, Obj: OpID{1, c}, Key: elem(1, c), Value: IntValue(5), Pred: []OpID{{1, c}}},
		}},
	}
}

func sampleMessages() map[string]*Message {
	all := samples()
	return map[string]*Message{
		"message-first": {Have: make([]Have, 1)},
		"message-changes": {
			Heads:   []Hash{{1}, {2}},
			Need:    []Hash{{3}},
			Have:    []Have{{LastSync: []Hash{{1}}, Filter: NewFilter([]Hash{{0xaa, 1, 2, 3, 4, 5, 6, 7, 8}, {0xbb}})}},
			Changes: [][]byte{all["set"].Encode(), all["merge"].Encode()},
		},
	}
}

// golden compares an encoding with its golden file. It also parses the bytes of the dump, so that the
// file itself can serve as a test vector.
func golden(t *testing.T, name string, b []byte) {
	t.Helper()
	name += ".txt"
	want := testfiles.Golden(t, name, []byte(annotate(b)))
	if !bytes.Equal(undump(t, string(want)), b) {
		t.Errorf("%s: its bytes are not those encoded", name)
	}
}

func undump(t testing.TB, s string) []byte {
	t.Helper()
	var b []byte
	for line := range strings.Lines(s) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		part := strings.ReplaceAll(strings.TrimSpace(line[6:min(54, len(line))]), " ", "")
		x, err := hex.DecodeString(part)
		if err != nil {
			t.Fatalf("dump line %q: %v", line, err)
		}
		b = append(b, x...)
	}
	return b
}

func TestGoldenChanges(t *testing.T) {
	for name, c := range samples() {
		b := c.Encode()
		golden(t, name, b)
		got, err := DecodeChange(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c.Hash = got.Hash
		if !reflect.DeepEqual(got, c) {
			t.Errorf("%s: decoded to %+v, want %+v", name, got, c)
		}
	}
}

func TestGoldenMessages(t *testing.T) {
	for name, m := range sampleMessages() {
		b := m.Encode()
		golden(t, name, b)
		got, err := DecodeMessage(b)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%s: decoded to %+v, %v", name, got, err)
		}
	}
}

// TestWorkedExample checks the worked example of the format notes.
func TestWorkedExample(t *testing.T) {
	want := "856f4a83c128d190" + "0147" + "0028" + strings.Repeat("07", 40) + "0101000000" +
		"06150334014202560257017002" + "7f016b" + "01" + "7f01" + "7f16" + "76" + "7f00"
	if got := hex.EncodeToString(samples()["set"].Encode()); got != want {
		t.Errorf("encoded to %s, want %s", got, want)
	}
}
