package projection

import (
	"errors"
	"fmt"
	"math"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

var (
	// ErrOrder is returned by Apply for a change that the graph has not applied, or
	// whose dependencies the projection has not applied.
	ErrOrder = errors.New("projection: the change comes before its past")
	// ErrCounter is returned by Apply for operation counters beyond 2^32-1.
	ErrCounter = errors.New("projection: operation counter out of range")
)

// Apply applies a change of the graph. Apply its dependencies first. Applying a change
// again changes nothing. On an error nothing was applied.
//
// If the change reuses a sequence number of its actor, the actor's changes from that
// number on become void. That costs as much as applying them again.
func (f *Projection) Apply(c *wire.Change) error { return f.ApplyReceived(c, 0) }

// ApplyReceived is like Apply, and notes when this device received the change, in ms
// since 1970 by its own clock. The views show this time where the change's own time
// cannot be true. Nothing else depends on it.
func (f *Projection) ApplyReceived(c *wire.Change, receivedMillis int64) error {
	if c.StartOp > math.MaxUint32 || uint64(len(c.Ops)) > math.MaxUint32-c.StartOp {
		return ErrCounter
	}
	place, ok := f.graph.Place(c.Hash)
	if !ok {
		return fmt.Errorf("%s is not in the graph: %w", c.Hash, ErrOrder)
	}
	change, again := f.change(place)
	if again {
		return nil
	}
	for _, d := range c.Deps {
		p, ok := f.graph.Place(d)
		if _, known := f.change(p); !ok || !known {
			return fmt.Errorf("%s comes before %s: %w", c.Hash, d, ErrOrder)
		}
	}
	actor := f.actorOf(c.Actor)
	f.authority.Add(c)
	if fork, from := uint32(f.graph.Fork(c.Actor)), f.actors[actor].voidFrom; fork != 0 && (from == 0 || fork < from) {
		f.makeVoid(actor, fork)
	}
	for len(f.changes) <= place {
		f.changes = append(f.changes, changeInfo{})
	}
	info := changeInfo{
		millis: qa.ClampMillis(c.TimeMillis), received: receivedMillis,
		actor: actor, writes: uint32(len(f.writes)), applied: true,
	}
	f.changes[place] = info
	f.applied++
	if len(c.Deps) == 0 {
		f.applyGenesis(c, actor, receivedMillis)
	}
	a := applying{f: f, c: c, change: change, void: f.isVoid(change), past: f.graph.LazyPast(c.Deps)}
	for k := range c.Ops {
		a.apply(k)
	}
	info.writesEnd = uint32(len(f.writes))
	// A change is one edit however many fields it sets, and the genesis is none.
	if info.edits = a.edits && len(c.Deps) > 0; info.edits {
		f.edits++
		if a.void {
			f.edits++ // see makeVoid
		}
		f.touched.event = true
	}
	f.changes[place] = info
	return nil
}

// applyGenesis notes the founder and the time, unless the authority picked another genesis.
func (f *Projection) applyGenesis(c *wire.Change, actor uint32, receivedMillis int64) {
	f.roots++
	if f.authority.Genesis() != c.Hash {
		return
	}
	f.founded = c.TimeMillis
	if receivedMillis != 0 {
		f.founded = min(f.founded, receivedMillis)
	}
	f.founder = f.actors[actor].identity
	f.touched.event = true
}

// makeVoid makes an actor's changes void from a sequence number on. The edits among them
// count twice: the edit, and that it was withdrawn.
func (f *Projection) makeVoid(actor uint32, from uint32) {
	var voided []int32
	for _, p := range f.graph.ChangesFrom(f.actors[actor].id, uint64(from)) {
		if change, ok := f.change(int(p)); ok && !f.isVoid(change) {
			voided = append(voided, change)
		}
	}
	f.actors[actor].voidFrom = from
	if len(voided) == 0 {
		return
	}
	// The keys that these changes wrote, and the maps in which they wrote revisions.
	keys, revisions := map[keyOf]struct{}{}, map[*object]struct{}{}
	for _, change := range voided {
		c := &f.changes[change]
		if c.edits {
			f.edits++
		}
		for _, at := range f.writes[c.writes:c.writesEnd] {
			keys[at] = struct{}{}
			if at.in.slot == schema.MapRevisions {
				revisions[at.in] = struct{}{}
			}
		}
	}
	for at := range keys {
		p := f.startHistory(at)
		f.recomputeCurrent(p)
		f.touch(at.in, p, nil)
	}
	for o := range revisions {
		f.recomputeSuperseded(o)
	}
}

// applying is a change that is being applied.
type applying struct {
	f      *Projection
	c      *wire.Change
	change int32
	void   bool
	edits  bool // an operation changes the event's own fields
	past   graph.LazyPast
}

// resolve returns the operation to which an ID refers in the change: one of the change
// itself, or one in its past. False if there is none.
func (a *applying) resolve(id wire.OpID) (graph.Op, bool) {
	if a.c.IsOwn(id) {
		return graph.Op{Place: a.change, Counter: uint32(id.Counter)}, id.Counter <= math.MaxUint32
	}
	return a.f.resolve(id, &a.past)
}

// resolve returns the applied operation to which an ID refers in a change with this past.
func (f *Projection) resolve(id wire.OpID, past *graph.LazyPast) (graph.Op, bool) {
	op, ok := f.graph.Resolve(id, past)
	if !ok {
		return graph.Op{}, false
	}
	_, ok = f.change(int(op.Place))
	return op, ok
}

// apply applies one operation. It ignores operations on lists and texts, and on objects
// that do not exist.
func (a *applying) apply(k int) {
	f, op := a.f, &a.c.Ops[k]
	if op.Key.Kind != wire.MapKey || op.Insert {
		return
	}
	in := mapOf{object: &f.root}
	if op.Obj != (wire.OpID{}) {
		id, ok := a.resolve(op.Obj)
		if !ok {
			return
		}
		if in, ok = f.objects[id]; !ok {
			return
		}
	}
	o := in.object
	if op.Action == wire.Inc || op.Action == wire.Mark { // neither replaces nor adds a value
		return
	}
	a.edits = a.edits || isEdit(o.slot, op.Key.Prop)
	i := o.at(op.Key.Prop)
	if i < 0 {
		i = o.add(f.intern(o, op.Key.Prop))
	}
	p := &o.props[i]
	f.writes = append(f.writes, keyOf{o, i})
	e := write{Op: graph.Op{Place: a.change, Counter: uint32(a.c.StartOp) + uint32(k)}, in: in.number}
	switch op.Action {
	case wire.MakeMap, wire.MakeList, wire.MakeText, wire.MakeTable:
		e.made = true
		a.makeObject(o, p, e.Op, op.Action)
	case wire.Set:
		e.kind = op.Value.Kind
		if o.slot != schema.MapBlobs { // the ledger has the bytes of blobs; see Blob
			e.raw = string(op.Value.Raw)
		}
		if o.slot == schema.MapPost && p.key == schema.KeyParent {
			f.keepPosition(o, a.change, e.raw == "")
			if e.raw != "" {
				f.replies[e.raw] = append(f.replies[e.raw], o)
			}
		}
	default: // Del, and actions that do not exist yet
		e.deleted = true
	}
	a.write(keyOf{o, i}, e, op.Pred)
	switch {
	case !a.void:
		f.touch(o, p, &e)
	case o.slot == schema.MapPeople: // a view shows that a person has a map, void or not
		f.touched.people[p.key] = struct{}{}
	case o.slot == schema.MapReveal: // a secret is known, void or not
		f.touched.event = true
	}
}

// makeObject adds the object that an operation makes at a key: as part of the object that
// is there, if both are maps.
func (a *applying) makeObject(in *object, p *prop, id graph.Op, action wire.Action) {
	f := a.f
	made := &object{Op: id, up: in, key: p.key}
	if action == wire.MakeMap {
		made.slot = in.slot.Child(p.key)
	}
	switch {
	case p.obj == nil:
		p.obj = made
	case p.obj.slot != schema.NoMap && made.slot != schema.NoMap:
		if made = p.obj; f.less(id, made.Op) {
			made.Op = id
		}
	case made.slot != schema.NoMap:
		p.obj = made // in place of an object that is not a map, which is never read
	}
	f.objects[id] = mapOf{made, f.maps}
	f.maps++
	if in.slot == schema.MapPosts && made.slot == schema.MapPost {
		f.keepPosition(made, a.change, false) // whether it is a question is known when its parent is written
	}
}

// write adds a write to a key. preds are the operations that it replaced.
func (a *applying) write(at keyOf, e write, preds []wire.OpID) {
	f, p := a.f, &at.in.props[at.key]
	if len(preds) == 0 && p.history == nil && !a.void && !e.deleted {
		f.insertCurrent(p, e)
		return
	}
	f.startHistory(at)
	h := p.history
	replaced := make([]int32, 0, 4)
	replacesVoid := false // then it may also replace what the void write had replaced
	for _, pred := range preds {
		if id, ok := a.resolve(pred); ok {
			if i := h.find(id); i >= 0 {
				replaced = append(replaced, i)
				replacesVoid = replacesVoid || f.isVoid(h.all[i].Place)
			}
		}
	}
	h.add(e, replaced...)
	switch {
	case a.void:
	case replacesVoid:
		f.recomputeCurrent(p)
	default:
		for _, i := range replaced {
			f.removeCurrent(p, h.all[i].Op)
		}
		if !e.deleted {
			f.insertCurrent(p, e)
		}
	}
}
