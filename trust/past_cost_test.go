package trust

import (
	"fmt"
	"testing"
	"time"

	"flyleaf/crdt/wire"
)

// As bad as the rules allow: a change of a thousand operations on top of hundreds
// of deps, each operation replacing one that lies in the past of one of them only.
// To walk down from every dep for every operation would take many seconds.
func TestPastOfAHostileChangeIsWalkedOnce(t *testing.T) {
	w := newWorld(t)
	actor := func(n int) wire.ActorID { return wire.ActorID(fmt.Sprintf("%040d", n)) }
	set := func(key string, pred ...wire.OpID) wire.Op {
		return wire.Op{Action: wire.Set, Key: wire.Key{Prop: key}, Value: wire.StringValue("x"), Pred: pred}
	}
	root := w.take(w.change(actor(0), 1, nil, set("root")))
	var ops []wire.Op
	for i := range 1000 {
		ops = append(ops, set(fmt.Sprint("k", i)))
	}
	side := w.take(w.change(actor(1), 1, []*wire.Change{root}, ops...))
	above := w.take(w.change(actor(2), 1, []*wire.Change{side}, set("above")))
	tip := root
	// Above the side's counters, so that these cannot end the walk early.
	var others []wire.Op
	for i := range ops {
		others = append(others, set(fmt.Sprint("d", i)))
	}
	tip = w.take(w.change(actor(9), 1, []*wire.Change{root}, others...))
	for i := range 3000 {
		tip = w.take(w.change(actor(10+i), 1, []*wire.Change{tip}, set(fmt.Sprint("c", i))))
	}
	var deps []*wire.Change
	for i := range 400 {
		deps = append(deps, w.take(w.change(actor(5000+i), 1, []*wire.Change{tip}, set(fmt.Sprint("b", i)))))
	}
	deps = append(deps, above) // where a search that asks one after the other comes last
	var replace []wire.Op
	for i := range 1000 {
		replace = append(replace, set(fmt.Sprint("k", i), wire.OpID{Counter: side.StartOp + uint64(i), Actor: side.Actor}))
	}
	bad := w.change(actor(9000), 1, deps, replace...)
	start := time.Now()
	if err := w.check(bad); err != nil {
		t.Fatal(err)
	}
	d := time.Since(start)
	t.Logf("%v", d)
	if d > time.Second {
		t.Errorf("one change took %v", d)
	}
	// And what is in nobody's past is still not found.
	lost := w.take(w.change(actor(3), 1, []*wire.Change{root}, set("lost")))
	replace[999] = set("lost", wire.OpID{Counter: lost.StartOp, Actor: lost.Actor})
	if err := w.check(w.change(actor(9001), 1, deps, replace...)); err == nil {
		t.Error("an operation that is not in the past was taken for one")
	}
}
