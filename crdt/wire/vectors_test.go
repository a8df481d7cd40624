package wire

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"flyleaf/internal/testfiles"
)

// readLines decodes a file with one JSON object on each line.
func readLines[T any](t testing.TB, path string) []T {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []T
	s := bufio.NewScanner(f)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var v T
		if err := json.Unmarshal(s.Bytes(), &v); err != nil {
			t.Fatalf("%s line %d: %v", path, len(out)+1, err)
		}
		out = append(out, v)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimSpace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type opVector struct {
	ID, Action, Obj, Type string
	Key, Elem, Mark       *string
	Insert, Expand        bool
	Value                 any
	Pred                  []string
}

type changeVector struct {
	Hex, Who, Class, Hash, Actor, Message, Extra string
	Seq, StartOp                                 json.Number
	Time                                         json.Number
	Deps, OtherActors                            []string
	Ops                                          []opVector
}

func opIDString(id OpID) string {
	if id == (OpID{}) {
		return "_root"
	}
	return fmt.Sprintf("%d@%s", id.Counter, id.Actor)
}

var actionNames = map[Action]string{
	MakeMap: "makeMap", Set: "set", MakeList: "makeList", Del: "del",
	MakeText: "makeText", Inc: "inc", Mark: "mark",
}

// describeOp formats an operation as the vectors do.
func describeOp(c *Change, i int) string {
	op := &c.Ops[i]
	s := fmt.Sprintf("%d@%s %s obj=%s", c.StartOp+uint64(i), c.Actor, actionNames[op.Action], opIDString(op.Obj))
	switch op.Key.Kind {
	case MapKey:
		s += fmt.Sprintf(" key=%q", op.Key.Prop)
	case HeadKey:
		s += ` elem="_head"`
	case ElemKey:
		s += fmt.Sprintf(" elem=%q", opIDString(op.Key.Elem))
	}
	s += fmt.Sprintf(" insert=%v expand=%v", op.Insert, op.Expand)
	if op.MarkName != nil {
		s += fmt.Sprintf(" mark=%q", *op.MarkName)
	}
	v := op.Value
	switch v.Kind {
	case Null:
		s += " null <nil>"
	case False, True:
		b, _ := v.Bool()
		s += fmt.Sprintf(" bool %v", b)
	case Uint:
		n, _ := v.Uint()
		s += fmt.Sprintf(" uint %d", n)
	case Int, Counter, Timestamp:
		n, _ := v.Int()
		s += fmt.Sprintf(" %s %d", map[ValueKind]string{Int: "int", Counter: "counter", Timestamp: "timestamp"}[v.Kind], n)
	case F64:
		b := make([]byte, 8)
		for i := range b {
			b[i] = v.Raw[7-i]
		}
		s += fmt.Sprintf(" f64 %x", b)
	case String:
		str, _ := v.Str()
		s += fmt.Sprintf(" str %s", str)
	case Bytes:
		b, _ := v.Bin()
		s += fmt.Sprintf(" bytes %x", b)
	}
	for _, p := range op.Pred {
		s += " pred=" + opIDString(p)
	}
	return s
}

func (o opVector) String() string {
	s := fmt.Sprintf("%s %s obj=%s", o.ID, o.Action, o.Obj)
	if o.Key != nil {
		s += fmt.Sprintf(" key=%q", *o.Key)
	}
	if o.Elem != nil {
		s += fmt.Sprintf(" elem=%q", *o.Elem)
	}
	s += fmt.Sprintf(" insert=%v expand=%v", o.Insert, o.Expand)
	if o.Mark != nil {
		s += fmt.Sprintf(" mark=%q", *o.Mark)
	}
	typ := o.Type
	if typ == "" {
		typ = "null"
	}
	s += fmt.Sprintf(" %s %v", typ, o.Value)
	for _, p := range o.Pred {
		s += " pred=" + p
	}
	return s
}

// TestChangeVectors: every change of automerge-go and JavaScript decodes to the recorded fields, and
// encodes to the same bytes.
func TestChangeVectors(t *testing.T) {
	vectors := readLines[changeVector](t, testfiles.Shared(t, "vectors", "changes.jsonl"))
	kinds := map[string]int{}
	for n, v := range vectors {
		b := unhex(t, v.Hex)
		c, err := DecodeChangeLimits(b, OpenLimits)
		if err != nil {
			t.Errorf("line %d (%s, %s): %v", n+1, v.Class, v.Who, err)
			continue
		}
		kinds[v.Class]++
		if got := c.Encode(); string(got) != v.bytes(t) {
			t.Errorf("line %d: encoded differently", n+1)
		}
		if h, err := ReadHash(b); err != nil || h != c.Hash {
			t.Errorf("line %d: ReadHash %v, %v", n+1, h, err)
		}
		eq := func(what string, got, want any) {
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("line %d: %s is %v, want %v", n+1, what, got, want)
			}
		}
		eq("hash", c.Hash, v.Hash)
		eq("actor", c.Actor, v.Actor)
		eq("seq", c.Seq, v.Seq)
		eq("startOp", c.StartOp, v.StartOp)
		eq("time", c.TimeMillis, v.Time)
		eq("message", c.Message, v.Message)
		eq("deps", c.Deps, v.Deps)
		eq("others", actorTable(c)[1:], v.OtherActors)
		eq("extra", hex.EncodeToString(c.Extra), v.Extra)
		eq("max op", c.MaxOp(), c.StartOp+uint64(len(v.Ops))-1)
		if len(c.Ops) != len(v.Ops) {
			t.Errorf("line %d: %d operations, want %d", n+1, len(c.Ops), len(v.Ops))
			continue
		}
		for i := range c.Ops {
			eq("operation "+strconv.Itoa(i), describeOp(c, i), v.Ops[i])
		}
		if v.Class == "subset" && len(c.Ops) <= MaxOps {
			if _, err := DecodeChange(b); err != nil {
				t.Errorf("line %d: within the event limits: %v", n+1, err)
			}
		}
	}
	if kinds["subset"] < 100 || kinds["general"] < 100 {
		t.Errorf("too few vectors were read: %v", kinds)
	}
}

func (v changeVector) bytes(t testing.TB) string { return string(unhex(t, v.Hex)) }
