package crdt

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"flyleaf/crdt/wire"
)

// nativeEngine is the engine in Go alone: maps and scalars, with conflicts, and
// nothing else of Automerge. Its changes are the same, byte for byte, as those that
// automerge-go makes of the same calls.
//
// It keeps the values that stand and the chunks they came from. What a key held
// before is forgotten, so no history of a key makes it slow.
type nativeEngine struct {
	actor   wire.ActorID
	objects map[wire.OpID]*nativeMap
	seqs    map[wire.ActorID]uint64
	last    map[wire.ActorID]wire.Hash // the latest change of each actor
	tops    map[wire.Hash]bool         // the heads
	maxOp   uint64                     // the highest counter of an operation
	chunks  [][]byte                   // in the order they were applied
	places  map[wire.Hash]int          // into chunks

	ops []wire.Op // of the open transaction
}

// nativeMap is a map of the document.
type nativeMap struct {
	id   wire.OpID
	keys map[string][]nativeValue
}

// nativeValue is an operation that stands at a key: a scalar, or a map when child is
// set. The values of a key ascend by operation.
type nativeValue struct {
	id    wire.OpID
	value wire.Value
	child *nativeMap
}

// errMissingDep is returned by load for a change whose past is not there.
var errMissingDep = errors.New("a change comes before one that it builds on")

// newNative starts a document: a new one when snapshot is nil, else from the chunks
// that save returned. ErrSnapshot is returned for a snapshot of another engine, in
// which a document is one chunk.
func newNative(actor wire.ActorID, snapshot []byte) (engine, error) {
	e := &nativeEngine{
		actor: actor, seqs: map[wire.ActorID]uint64{}, last: map[wire.ActorID]wire.Hash{},
		tops: map[wire.Hash]bool{}, places: map[wire.Hash]int{},
	}
	e.objects = map[wire.OpID]*nativeMap{{}: {keys: map[string][]nativeValue{}}}
	if snapshot == nil {
		return e, nil
	}
	if err := e.load(snapshot); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	return e, nil
}

func (e *nativeEngine) setActor(actor wire.ActorID) error {
	e.actor = actor
	return nil
}

func (e *nativeEngine) root() object { return e.objects[wire.OpID{}] }

func (e *nativeEngine) get(in object, key string) (any, object, bool, error) {
	values := in.(*nativeMap).keys[key]
	if len(values) == 0 {
		return nil, nil, false, nil
	}
	v := &values[len(values)-1]
	if v.child != nil {
		return nil, v.child, true, nil
	}
	return scalarOf(v.value), nil, true, nil
}

// scalarOf returns a value as engine.get gives it; nil for a kind that an event does
// not have.
func scalarOf(v wire.Value) any {
	if s, ok := v.Str(); ok {
		return s
	}
	if b, ok := v.Bool(); ok {
		return b
	}
	if n, ok := v.Int(); ok {
		return n
	}
	if n, ok := v.Uint(); ok {
		return n
	}
	if b, ok := v.Bin(); ok {
		return bytes.Clone(b)
	}
	return nil
}

// valueOf returns a scalar of engine.set as it stands in a change.
func valueOf(scalar any) (wire.Value, error) {
	switch s := scalar.(type) {
	case string:
		return wire.StringValue(s), nil
	case bool:
		return wire.BoolValue(s), nil
	case int64:
		return wire.IntValue(s), nil
	case uint64:
		return wire.UintValue(s), nil
	case []byte:
		return wire.BytesValue(bytes.Clone(s)), nil
	}
	return wire.Value{}, fmt.Errorf("a %T is no value of an event", scalar)
}

func (e *nativeEngine) keys(in object) ([]string, error) {
	m := in.(*nativeMap)
	keys := make([]string, 0, len(m.keys))
	for key, values := range m.keys {
		if len(values) > 0 {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

func (e *nativeEngine) begin() { e.ops = nil }

func (e *nativeEngine) set(in object, key string, scalar any) error {
	v, err := valueOf(scalar)
	if err != nil {
		return err
	}
	m := in.(*nativeMap)
	if at := m.keys[key]; len(at) == 1 && at[0].child == nil && at[0].value.Kind == v.Kind && bytes.Equal(at[0].value.Raw, v.Raw) {
		return nil // it is so already, and nothing contradicts it: Automerge writes nothing then
	}
	e.put(m, key, wire.Op{Action: wire.Set, Value: v})
	return nil
}

func (e *nativeEngine) makeMap(in object, key string) (object, error) {
	return e.put(in.(*nativeMap), key, wire.Op{Action: wire.MakeMap}), nil
}

// put writes an operation of the transaction, which replaces all that stands at the
// key. It returns the new map, if it makes one.
func (e *nativeEngine) put(m *nativeMap, key string, op wire.Op) *nativeMap {
	op.Obj, op.Key = m.id, wire.Key{Kind: wire.MapKey, Prop: key}
	for i := range m.keys[key] {
		op.Pred = append(op.Pred, m.keys[key][i].id)
	}
	id := wire.OpID{Counter: e.maxOp + 1 + uint64(len(e.ops)), Actor: e.actor}
	e.ops = append(e.ops, op)
	return e.apply(m, id, &op)
}

// apply puts an operation's value where those were that it replaces.
func (e *nativeEngine) apply(m *nativeMap, id wire.OpID, op *wire.Op) *nativeMap {
	at := slices.DeleteFunc(m.keys[op.Key.Prop], func(v nativeValue) bool { return slices.Contains(op.Pred, v.id) })
	v := nativeValue{id: id, value: op.Value}
	if op.Action == wire.MakeMap {
		v.child = &nativeMap{id: id, keys: map[string][]nativeValue{}}
		e.objects[id] = v.child
	}
	i, _ := slices.BinarySearchFunc(at, id, func(v nativeValue, id wire.OpID) int {
		if v.id.Less(id) {
			return -1
		}
		return 1
	})
	m.keys[op.Key.Prop] = slices.Insert(at, i, v)
	return v.child
}

func (e *nativeEngine) commit(millis int64, empty bool) (wire.Hash, bool, error) {
	if len(e.ops) == 0 && !empty {
		return wire.Hash{}, false, nil
	}
	c := wire.Change{
		Deps: e.heads(), Actor: e.actor, Seq: e.seqs[e.actor] + 1, StartOp: e.maxOp + 1, TimeMillis: millis, Ops: e.ops,
	}
	if own, ok := e.last[e.actor]; ok && !e.tops[own] {
		i, _ := slices.BinarySearchFunc(c.Deps, own, compareHashes)
		c.Deps = slices.Insert(c.Deps, i, own)
	}
	e.ops = nil
	chunk := c.Encode()
	var err error
	if c.Hash, err = wire.ReadHash(chunk); err != nil {
		return wire.Hash{}, false, err
	}
	e.follow(&c, chunk)
	return c.Hash, true, nil
}

// follow notes a change whose operations have been applied.
func (e *nativeEngine) follow(c *wire.Change, chunk []byte) {
	for _, d := range c.Deps {
		delete(e.tops, d)
	}
	e.tops[c.Hash] = true
	e.seqs[c.Actor], e.last[c.Actor] = c.Seq, c.Hash
	e.maxOp = max(e.maxOp, c.MaxOp())
	e.places[c.Hash] = len(e.chunks)
	e.chunks = append(e.chunks, chunk)
}

func (e *nativeEngine) change(h wire.Hash) ([]byte, error) {
	i, ok := e.places[h]
	if !ok {
		return nil, fmt.Errorf("change %s is not in the document", h)
	}
	return bytes.Clone(e.chunks[i]), nil
}

func (e *nativeEngine) top() (uint64, error) { return e.maxOp, nil }

func (e *nativeEngine) heads() []wire.Hash {
	out := make([]wire.Hash, 0, len(e.tops))
	for h := range e.tops {
		out = append(out, h)
	}
	slices.SortFunc(out, compareHashes)
	return out
}

func (e *nativeEngine) load(chunks []byte) error {
	all, err := wire.SplitChunks(chunks)
	if err != nil {
		return err
	}
	for _, chunk := range all {
		chunk = bytes.Clone(chunk) // no hold on all of them
		c, err := wire.DecodeChange(chunk)
		if err != nil {
			return err
		}
		if _, known := e.places[c.Hash]; known {
			continue
		}
		if err := e.take(c, chunk); err != nil {
			return fmt.Errorf("change %s: %w", c.Hash, err)
		}
	}
	return nil
}

func (e *nativeEngine) take(c *wire.Change, chunk []byte) error {
	for _, d := range c.Deps {
		if _, ok := e.places[d]; !ok {
			return errMissingDep
		}
	}
	if c.Seq != e.seqs[c.Actor]+1 {
		return fmt.Errorf("number %d of its actor comes after %d", c.Seq, e.seqs[c.Actor])
	}
	if err := wire.CheckSchemaShape(c); err != nil {
		return err
	}
	for k := range c.Ops {
		op := &c.Ops[k]
		m, ok := e.objects[op.Obj]
		if !ok {
			return fmt.Errorf("operation %d writes into a map that is not there", k)
		}
		e.apply(m, wire.OpID{Counter: c.StartOp + uint64(k), Actor: c.Actor}, op)
	}
	e.follow(c, chunk)
	return nil
}

// save returns all changes, one chunk after another, which Automerge reads as it
// reads a document of one chunk.
func (e *nativeEngine) save() []byte { return bytes.Join(e.chunks, nil) }

func (e *nativeEngine) close() { *e = nativeEngine{} }
