package crdt_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/automerge/automerge-go"

	"flyleaf/crdt/wire"
	"flyleaf/e2e/stockjs"
)

// said is a decoded change in the form in which e2e/js/changes.mjs prints the result of
// JavaScript's decodeChange.
type said struct {
	Actor, Hash  string
	Seq, StartOp uint64
	Time         int64
	Message      string
	Deps         []string
	Extra        string
	Ops          []saidOp
}

type saidOp struct {
	Action, Obj, Key, Elem string
	Insert, Expand         bool
	Mark, Value            string
	Pred                   []string
}

// saidByWire returns the same for a change that crdt/wire decoded.
func saidByWire(c *wire.Change) said {
	s := said{
		Actor: c.Actor.String(), Hash: c.Hash.String(), Seq: c.Seq, StartOp: c.StartOp, Time: c.TimeMillis,
		Message: c.Message, Deps: []string{}, Extra: hex.EncodeToString(c.Extra), Ops: []saidOp{},
	}
	for _, d := range c.Deps {
		s.Deps = append(s.Deps, d.String())
	}
	id := func(o wire.OpID) string {
		if o == (wire.OpID{}) {
			return "_root"
		}
		return fmt.Sprintf("%d@%s", o.Counter, o.Actor)
	}
	for i := range c.Ops {
		op := &c.Ops[i]
		o := saidOp{Obj: id(op.Obj), Insert: op.Insert, Expand: op.Expand, Value: valueText(op), Pred: []string{}}
		o.Action = map[wire.Action]string{
			wire.MakeMap: "makeMap", wire.MakeList: "makeList", wire.MakeText: "makeText",
			wire.Set: "set", wire.Del: "del", wire.Inc: "inc", wire.Mark: "markEnd",
		}[op.Action]
		if op.MarkName != nil {
			o.Action, o.Mark = "markBegin", *op.MarkName
		}
		switch op.Key.Kind {
		case wire.MapKey:
			o.Key = op.Key.Prop
		case wire.HeadKey:
			o.Elem = "_head"
		case wire.ElemKey:
			o.Elem = id(op.Key.Elem)
		}
		for _, p := range op.Pred {
			o.Pred = append(o.Pred, id(p))
		}
		s.Ops = append(s.Ops, o)
	}
	return s
}

func valueText(op *wire.Op) string {
	v := op.Value
	kind := map[wire.ValueKind]string{wire.Uint: "uint", wire.Int: "int", wire.Counter: "counter", wire.Timestamp: "timestamp"}[v.Kind]
	switch op.Action {
	case wire.Inc:
		kind = "int"
	case wire.Mark:
		kind = "number"
	}
	switch v.Kind {
	case wire.Null:
		return "null"
	case wire.False, wire.True:
		b, _ := v.Bool()
		return fmt.Sprint("bool ", b)
	case wire.Uint:
		n, _ := v.Uint()
		return fmt.Sprint(kind, " ", n)
	case wire.Int, wire.Counter, wire.Timestamp:
		n, _ := v.Int()
		return fmt.Sprint(kind, " ", n)
	case wire.F64:
		f, _ := v.Float()
		return fmt.Sprintf("float64 %016x", math.Float64bits(f))
	case wire.String:
		return "str " + string(v.Raw)
	case wire.Bytes:
		return "bytes " + hex.EncodeToString(v.Raw)
	}
	return "?"
}

// tally counts what the random documents contained.
type tally map[string]int

func (n tally) note(s said) {
	n["changes"]++
	if len(s.Deps) > 1 {
		n["merges"]++
	}
	for _, op := range s.Ops {
		n[op.Action]++
		kind, _, _ := strings.Cut(op.Value, " ")
		n[kind]++
		if len(op.Pred) > 1 {
			n["conflicts"]++
		}
	}
}

func (n tally) check(t *testing.T, least int, what ...string) {
	t.Helper()
	t.Logf("%v", map[string]int(n))
	for _, w := range what {
		if n[w] < least {
			t.Errorf("only %d of %s: the random documents did not cover enough", n[w], w)
		}
	}
}

// agrees decodes a change and compares the result with automerge-go's. It returns crdt/wire's.
func agrees(t *testing.T, seed uint64, b []byte, theirs *automerge.Change) said {
	t.Helper()
	c, err := wire.DecodeChangeLimits(b, wire.OpenLimits)
	if err != nil {
		t.Fatalf("seed %d: %x: %v", seed, b, err)
	}
	if enc := c.Encode(); !bytes.Equal(enc, b) {
		t.Fatalf("seed %d: %x is encoded to %x", seed, b, enc)
	}
	us := saidByWire(c)
	them := said{
		Actor: theirs.ActorID(), Hash: theirs.Hash().String(), Seq: theirs.ActorSeq(), Time: theirs.Timestamp().UnixMilli(),
		Message: theirs.Message(), Deps: []string{},
	}
	for _, d := range theirs.Dependencies() {
		them.Deps = append(them.Deps, d.String())
	}
	slices.Sort(them.Deps)
	head := us
	head.StartOp, head.Extra, head.Ops = 0, "", nil
	if !reflect.DeepEqual(head, them) {
		t.Fatalf("seed %d: %x\nours:         %+v\nautomerge-go: %+v", seed, b, head, them)
	}
	return us
}

// TestAgreesWithAutomerge: for random documents with every type that automerge-go can write,
// crdt/wire and automerge-go return the same hashes, deps, actors and sequence numbers.
func TestAgreesWithAutomerge(t *testing.T) {
	n := tally{}
	for seed := uint64(1); n["changes"] < differential(); seed++ {
		for _, c := range everyType(t, seed) {
			n.note(agrees(t, seed, c.Save(), c))
		}
	}
	n.check(t, differential()/100, "merges", "conflicts", "set", "del", "inc", "makeMap", "makeList", "makeText",
		"null", "bool", "uint", "int", "float64", "str", "bytes", "counter", "timestamp")
}

func differential() int {
	if testing.Short() {
		return 500
	}
	return 2000
}

// TestAgreesWithJavaScript: crdt/wire and JavaScript's decodeChange agree in every field, on
// changes of automerge-go and on changes of JavaScript. automerge-go also reads the latter, and
// agrees.
func TestAgreesWithJavaScript(t *testing.T) {
	j := stockjs.Start(t, "changes.mjs")
	compare := func(seed uint64, b []byte, us, js said) {
		t.Helper()
		if !reflect.DeepEqual(us, js) {
			t.Fatalf("seed %d: %x\nours:       %+v\nJavaScript: %+v", seed, b, us, js)
		}
	}
	n := tally{}
	for seed := uint64(1); n["changes"] < differential(); seed++ {
		var us []said
		command := []string{"decode"}
		var chunks [][]byte
		for _, c := range everyType(t, seed) {
			b := c.Save()
			us = append(us, agrees(t, seed, b, c))
			chunks = append(chunks, b)
			command = append(command, hex.EncodeToString(b))
		}
		var js []said
		if err := json.Unmarshal([]byte(j.Line(command...)), &js); err != nil || len(js) != len(us) {
			t.Fatalf("seed %d: %d answers for %d changes, %v", seed, len(js), len(us), err)
		}
		for i := range us {
			compare(seed, chunks[i], us[i], js[i])
			n.note(us[i])
		}
	}
	n.check(t, differential()/100, "merges", "conflicts", "set", "del", "inc", "makeMap", "makeList", "makeText")

	n = tally{}
	for seed := uint64(1); n["changes"] < differential(); seed++ {
		var made []struct {
			Hex  string
			Says said
		}
		if err := json.Unmarshal([]byte(j.Line("make", fmt.Sprint(seed))), &made); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		var all []byte
		for _, m := range made {
			b, err := hex.DecodeString(m.Hex)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
		changes, err := automerge.LoadChanges(all)
		if err != nil || len(changes) != len(made) {
			t.Fatalf("seed %d: automerge-go reads %d of %d changes, %v", seed, len(changes), len(made), err)
		}
		theirs := map[string]*automerge.Change{}
		for _, c := range changes {
			theirs[c.Hash().String()] = c
		}
		for _, m := range made {
			b, _ := hex.DecodeString(m.Hex)
			if theirs[m.Says.Hash] == nil {
				t.Fatalf("seed %d: automerge-go has another hash for %x", seed, b)
			}
			us := agrees(t, seed, b, theirs[m.Says.Hash])
			compare(seed, b, us, m.Says)
			n.note(us)
		}
	}
	n.check(t, differential()/100, "merges", "conflicts", "set", "del", "inc", "makeMap", "makeList", "makeText", "markBegin", "markEnd",
		"null", "bool", "uint", "int", "float64", "str", "bytes", "counter", "timestamp")
}

// everyType returns the changes of a document with maps, lists, texts, counters and
// scalars of every type, nested, overwritten and deleted by one to four actors that
// merge at random. Integers stay within what JavaScript can hold.
func everyType(t *testing.T, seed uint64) []*automerge.Change {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 4))
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	var docs []*automerge.Doc
	for i := range 1 + r.IntN(4) {
		d := automerge.New()
		actor := make([]byte, []int{1, 16, 40, 130}[r.IntN(4)])
		for k := range actor {
			actor[k] = byte(r.Uint32())
		}
		actor[0] = byte(i)
		check(d.SetActorID(hex.EncodeToString(actor)))
		docs = append(docs, d)
	}
	for range 30 {
		d := docs[r.IntN(len(docs))]
		if other := docs[r.IntN(len(docs))]; other != d && r.IntN(3) == 0 {
			_, err := d.Merge(other)
			check(err)
		}
		for range 1 + r.IntN(5) {
			check(editSomewhere(r, d))
		}
		now := time.UnixMilli([]int64{0, 1, monday, -1}[r.IntN(4)])
		_, err := d.Commit([]string{"", "why", "grüße"}[r.IntN(3)], automerge.CommitOptions{Time: &now, AllowEmpty: true})
		check(err)
	}
	all := docs[0]
	for _, d := range docs[1:] {
		_, err := all.Merge(d)
		check(err)
	}
	changes, err := all.Changes()
	check(err)
	return changes
}

// editSomewhere makes one edit in a random object of the document.
func editSomewhere(r *rand.Rand, d *automerge.Doc) error {
	at, err := d.Path().Get()
	if err != nil {
		return err
	}
	for range r.IntN(5) {
		var next *automerge.Value
		switch at.Kind() {
		case automerge.KindMap:
			next, err = at.Map().Get(anyKey(r))
		case automerge.KindList:
			if n := at.List().Len(); n > 0 {
				next, err = at.List().Get(r.IntN(n))
			}
		}
		if err != nil {
			return err
		}
		if next == nil || next.Kind() != automerge.KindMap && next.Kind() != automerge.KindList &&
			next.Kind() != automerge.KindText && next.Kind() != automerge.KindCounter {
			break
		}
		at = next
	}
	switch at.Kind() {
	case automerge.KindCounter:
		return at.Counter().Inc(r.Int64N(200) - 100)
	case automerge.KindText:
		text := at.Text()
		n := text.Len()
		from := r.IntN(n + 1)
		return text.Splice(from, r.IntN(n-from+1), strange(r, 40))
	case automerge.KindList:
		l := at.List()
		n := l.Len()
		switch k := r.IntN(5); {
		case n > 0 && k == 0:
			return l.Delete(r.IntN(n))
		case n > 0 && k == 1:
			return l.Set(r.IntN(n), anyValue(r, 0))
		default:
			return l.Insert(r.IntN(n+1), anyValue(r, 0), anyValue(r, 1))
		}
	default:
		if r.IntN(6) == 0 {
			return at.Map().Delete(anyKey(r))
		}
		return at.Map().Set(anyKey(r), anyValue(r, 0))
	}
}

func anyKey(r *rand.Rand) string {
	return []string{"a", "b", "c", "ключ", strings.Repeat("long ", 20)}[r.IntN(5)]
}

func anyValue(r *rand.Rand, depth int) any {
	const most = 1<<53 - 1
	if depth < 2 {
		switch r.IntN(8) {
		case 0:
			return automerge.NewText(strange(r, 20))
		case 1:
			l := make([]any, r.IntN(4))
			for i := range l {
				l[i] = anyValue(r, depth+1)
			}
			return l
		case 2:
			m := map[string]any{}
			for range r.IntN(4) {
				m[anyKey(r)] = anyValue(r, depth+1)
			}
			return m
		}
	}
	switch r.IntN(9) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return []float64{0, math.Copysign(0, -1), 1.5, math.Inf(1), math.SmallestNonzeroFloat64, math.MaxFloat64}[r.IntN(6)]
	case 3:
		return []int64{0, 1, -1, 63, 64, -64, -65, most, -most}[r.IntN(9)]
	case 4:
		return []uint64{0, 127, 128, 1 << 32, most}[r.IntN(5)]
	case 5:
		return time.UnixMilli([]int64{0, 1, monday, -5}[r.IntN(4)])
	case 6:
		return bytes.Repeat([]byte{byte(r.IntN(256))}, r.IntN(20))
	case 7:
		return automerge.NewCounter(r.Int64N(100) - 50)
	}
	return strange(r, 40)
}
