package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// TestOperationRules: every rule that can be checked without history refuses changes that break it,
// even in canonical encoding.
func TestOperationRules(t *testing.T) {
	a, b := actorOf(7), actorOf(9)
	name := "bold"
	list := OpID{1, b}
	head := Key{Kind: HeadKey}
	for what, c := range map[string]struct {
		op   Op
		want error
	}{
		"valid":                {Op{Action: Set, Obj: list, Key: prop("k"), Value: UintValue(1)}, nil},
		"makeList with value":  {Op{Action: MakeList, Key: prop("k"), Value: UintValue(1)}, ErrValueType},
		"makeText with false":  {Op{Action: MakeText, Key: prop("k"), Value: BoolValue(false)}, ErrValueType},
		"del with value":       {Op{Action: Del, Key: prop("k"), Value: UintValue(1), Pred: []OpID{{2, b}}}, ErrValueType},
		"del without pred":     {Op{Action: Del, Key: prop("k")}, ErrNoPred},
		"inc by text":          {Op{Action: Inc, Key: prop("k"), Value: StringValue("1"), Pred: []OpID{{2, b}}}, ErrValueType},
		"inc by uint":          {Op{Action: Inc, Key: prop("k"), Value: UintValue(1), Pred: []OpID{{2, b}}}, nil},
		"inc as insert":        {Op{Action: Inc, Obj: list, Key: head, Insert: true, Value: UintValue(1)}, ErrInsert},
		"set at head":          {Op{Action: Set, Obj: list, Key: head}, ErrInsert},
		"set in the root list": {Op{Action: Set, Key: head, Insert: true}, ErrKey},
		"insert on a map key":  {Op{Action: Set, Key: prop("k"), Insert: true}, ErrInsert},
		"empty key":            {Op{Action: Set, Key: prop("")}, ErrKey},
		"set with a mark name": {Op{Action: Set, Key: prop("k"), MarkName: &name}, ErrMark},
		"set with expand":      {Op{Action: Set, Key: prop("k"), Expand: true}, ErrMark},
		"mark end with value":  {Op{Action: Mark, Obj: list, Key: head, Insert: true, Value: UintValue(1)}, ErrMark},
		"mark without insert":  {Op{Action: Mark, Obj: list, Key: Key{Kind: ElemKey, Elem: OpID{2, b}}}, ErrInsert},
		"makeTable":            {Op{Action: MakeTable, Key: prop("k")}, ErrAction},
		"action 8":             {Op{Action: 8, Key: prop("k")}, ErrAction},
		"object itself":        {Op{Action: Set, Obj: OpID{10, a}, Key: prop("k")}, ErrOpID},
		"object later":         {Op{Action: Set, Obj: OpID{11, b}, Key: prop("k")}, ErrOpID},
		"object of counter 0":  {Op{Action: Set, Obj: OpID{0, b}, Key: prop("k")}, ErrOpID},
		"element later":        {Op{Action: Set, Obj: list, Key: Key{Kind: ElemKey, Elem: OpID{10, b}}}, ErrOpID},
		"element of counter 0": {Op{Action: Set, Obj: list, Key: Key{Kind: ElemKey, Elem: OpID{0, b}}}, ErrOpID},
		"pred itself":          {Op{Action: Set, Key: prop("k"), Pred: []OpID{{10, a}}}, ErrOpID},
		"pred of counter 0":    {Op{Action: Set, Key: prop("k"), Pred: []OpID{{0, b}}}, ErrOpID},
		"preds by index":       {Op{Action: Set, Key: prop("k"), Pred: []OpID{{2, b}, {2, a}}}, ErrOrder},
		"preds by bytes":       {Op{Action: Set, Key: prop("k"), Pred: []OpID{{2, a}, {2, b}}}, nil},
		"pred twice":           {Op{Action: Set, Key: prop("k"), Pred: []OpID{{2, b}, {2, b}}}, ErrOrder},
		"value type 10":        {Op{Action: Set, Key: prop("k"), Value: Value{Kind: 10, Raw: []byte{1}}}, ErrValueType},
		"value type 15":        {Op{Action: Set, Key: prop("k"), Value: Value{Kind: 15}}, ErrValueType},
		"uint and a byte":      {Op{Action: Set, Key: prop("k"), Value: Value{Kind: Uint, Raw: []byte{1, 0}}}, ErrValue},
		"int cut off":          {Op{Action: Set, Key: prop("k"), Value: Value{Kind: Int, Raw: []byte{0x80}}}, ErrValue},
		"counter overlong":     {Op{Action: Set, Key: prop("k"), Value: Value{Kind: Counter, Raw: []byte{0x80, 0}}}, ErrOverlong},
	} {
		ch := &Change{Deps: []Hash{{1}}, Actor: a, Seq: 1, StartOp: 10, Ops: []Op{c.op}}
		if _, err := DecodeChange(ch.Encode()); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: got %v, want %v", what, err, c.want)
		}
	}
}

func TestChangeRules(t *testing.T) {
	valid := func() *Change {
		return &Change{
			Deps: []Hash{{1}, {2}}, Actor: actorOf(7), Seq: 2, StartOp: 10, TimeMillis: 1,
			Ops: []Op{{Action: Set, Key: prop("k"), Value: UintValue(1)}},
		}
	}
	for what, c := range map[string]struct {
		spoil func(*Change)
		want  error
	}{
		"valid":                  {func(c *Change) {}, nil},
		"deps unsorted":          {func(c *Change) { c.Deps = []Hash{{2}, {1}} }, ErrOrder},
		"dep twice":              {func(c *Change) { c.Deps = []Hash{{2}, {2}} }, ErrOrder},
		"empty actor":            {func(c *Change) { c.Actor = "" }, ErrActor},
		"seq 0":                  {func(c *Change) { c.Seq = 0 }, ErrSeq},
		"seq 2 without deps":     {func(c *Change) { c.Deps = nil }, ErrSeq},
		"startOp 0":              {func(c *Change) { c.StartOp = 0 }, ErrStartOp},
		"startOp 2^32":           {func(c *Change) { c.StartOp = 1 << 32 }, ErrStartOp},
		"empty, startOp 2^32":    {func(c *Change) { c.StartOp, c.Ops = 1<<32, nil }, ErrStartOp},
		"message is not UTF-8":   {func(c *Change) { c.Message = "\xff" }, ErrNotUTF8},
		"key is not UTF-8":       {func(c *Change) { c.Ops[0].Key.Prop = "\xc3" }, ErrNotUTF8},
		"extra":                  {func(c *Change) { c.Extra = []byte{0} }, ErrExtra},
		"empty other actor":      {func(c *Change) { c.Ops[0].Obj = OpID{1, ""} }, ErrActor},
		"no past, but an object": {func(c *Change) { c.Deps, c.Seq, c.Ops[0].Obj = nil, 1, OpID{1, actorOf(9)} }, ErrOpID},
	} {
		ch := valid()
		c.spoil(ch)
		if _, err := DecodeChange(ch.Encode()); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: got %v, want %v", what, err, c.want)
		}
	}
	// An event refuses extra bytes; an open relay accepts them.
	ch := valid()
	ch.Extra = []byte("later")
	got, err := DecodeChangeLimits(ch.Encode(), OpenLimits)
	if err != nil || string(got.Extra) != "later" || !bytes.Equal(got.Encode(), ch.Encode()) {
		t.Errorf("extra with open limits: %v", err)
	}
}

func TestSchemaShape(t *testing.T) {
	a := actorOf(7)
	valid := func() *Change {
		return &Change{Deps: []Hash{{1}}, Actor: a, Seq: 2, StartOp: 10, TimeMillis: 1, Ops: []Op{
			{Action: MakeMap, Key: prop("m")},
			{Action: Set, Obj: OpID{10, a}, Key: prop("s"), Value: StringValue("x"), Pred: []OpID{{3, actorOf(9)}}},
			{Action: Set, Key: prop("i"), Value: IntValue(1)},
			{Action: Set, Key: prop("u"), Value: UintValue(1)},
			{Action: Set, Key: prop("b"), Value: BoolValue(true)},
			{Action: Set, Key: prop("y"), Value: BytesValue(nil)},
		}}
	}
	for what, c := range map[string]struct {
		spoil func(*Change)
		ok    bool
	}{
		"valid":            {func(c *Change) {}, true},
		"a merge":          {func(c *Change) { c.Ops, c.Deps = nil, []Hash{{1}, {2}} }, true},
		"nothing":          {func(c *Change) { c.Ops = nil }, false},
		"short actor":      {func(c *Change) { c.Actor = c.Actor[1:] }, false},
		"long actor":       {func(c *Change) { c.Actor += "x" }, false},
		"no time":          {func(c *Change) { c.TimeMillis = 0 }, false},
		"message":          {func(c *Change) { c.Message = "hello" }, false},
		"extra":            {func(c *Change) { c.Extra = []byte{0} }, false},
		"list":             {func(c *Change) { c.Ops[0].Action = MakeList }, false},
		"text":             {func(c *Change) { c.Ops[0].Action = MakeText }, false},
		"delete":           {func(c *Change) { c.Ops[1].Action = Del }, false},
		"increment":        {func(c *Change) { c.Ops[2].Action = Inc }, false},
		"counter":          {func(c *Change) { c.Ops[2].Value = counterValue(1) }, false},
		"null":             {func(c *Change) { c.Ops[2].Value = Value{} }, false},
		"float":            {func(c *Change) { c.Ops[2].Value = floatValue(1) }, false},
		"timestamp":        {func(c *Change) { c.Ops[2].Value = timestampValue(1) }, false},
		"element":          {func(c *Change) { c.Ops[1].Key = Key{Kind: ElemKey, Elem: OpID{1, a}} }, false},
		"short object":     {func(c *Change) { c.Ops[1].Obj.Actor = "x" }, false},
		"short pred":       {func(c *Change) { c.Ops[1].Pred[0].Actor = "x" }, false},
		"1,001 operations": {func(c *Change) { c.Ops = make([]Op, MaxOps+1) }, false},
	} {
		ch := valid()
		c.spoil(ch)
		err := CheckSchemaShape(ch)
		if c.ok && err != nil || !c.ok && !errors.Is(err, ErrShape) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestChangeCopies: a decoded change does not change when the frame's buffer is reused.
func TestChangeCopies(t *testing.T) {
	for name, c := range samples() {
		c.Extra = []byte("extra")
		b := c.Encode()
		want := bytes.Clone(b)
		got, err := DecodeChangeLimits(b, OpenLimits)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			b[i] = 0xee
		}
		if !bytes.Equal(got.Encode(), want) {
			t.Errorf("%s aliases the bytes it was decoded from", name)
		}
	}
}

func TestSplitChunks(t *testing.T) {
	all := samples()
	var b []byte
	for _, name := range []string{"set", "merge", "text"} {
		b = append(b, all[name].Encode()...)
	}
	chunks, err := SplitChunks(b)
	if err != nil || len(chunks) != 3 || !bytes.Equal(bytes.Join(chunks, nil), b) {
		t.Fatalf("%d chunks, %v", len(chunks), err)
	}
	if none, err := SplitChunks(nil); err != nil || len(none) != 0 {
		t.Errorf("nothing: %d chunks, %v", len(none), err)
	}
	if _, err := SplitChunks(b[:len(b)-1]); !errors.Is(err, ErrTruncated) {
		t.Errorf("cut off: %v", err)
	}
	if _, err := SplitChunks(append(bytes.Clone(b), 0x85)); !errors.Is(err, ErrTruncated) {
		t.Errorf("a trailing byte: %v", err)
	}
	b[len(chunks[0])] = 0
	if _, err := SplitChunks(b); !errors.Is(err, ErrMagic) {
		t.Errorf("no magic: %v", err)
	}
	huge := append(append(magic[:len(magic):len(magic)], 0, 0, 0, 0, 1), appendUleb(nil, 1<<63)...)
	if _, err := SplitChunks(append(huge, 0)); !errors.Is(err, ErrTruncated) {
		t.Errorf("2^63 bytes: %v", err)
	}
}

func TestParseHash(t *testing.T) {
	h := Hash{0xab, 1}
	if got, err := ParseHash(h.String()); err != nil || got != h {
		t.Errorf("hash: %v, %v", got, err)
	}
	for _, s := range []string{"", "ab", strings.ToUpper(h.String()), h.String()[1:], h.String() + "00", strings.Repeat("g", 64)} {
		if _, err := ParseHash(s); !errors.Is(err, ErrHex) {
			t.Errorf("hash %q: %v", s, err)
		}
	}
}

func TestError(t *testing.T) {
	_, err := DecodeChange(samples()["set"].Encode()[:20])
	var e *Error
	if !errors.As(err, &e) || e.Err != ErrTruncated || e.Offset != 10 || !strings.Contains(err.Error(), "chunk length at byte 10: ends too early") {
		t.Errorf("got %v", err)
	}
}
