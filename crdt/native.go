package crdt

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"flyleaf/crdt/wire"
)

// nativeEngine is an engine in pure Go. It supports maps and scalars, with conflicts, and
// nothing else of Automerge. For the same calls it makes the same changes as automerge-go,
// byte for byte.
//
// It keeps the current values and all chunks. It does not keep replaced values, so a key's
// history does not make it slow.
type nativeEngine struct {
	actor   wire.ActorID
	objects map[wire.OpID]*nativeMap
	seqs    map[wire.ActorID]uint64
	last    map[wire.ActorID]wire.Hash // the last change of each actor
	headSet map[wire.Hash]bool
	highest uint64            // the highest counter of an operation
	chunks  [][]byte          // of all changes, in the order in which they were applied
	places  map[wire.Hash]int // index into chunks, by change

	ops []wire.Op // of the open transaction
}

// nativeMap is a map of the document.
type nativeMap struct {
	id   wire.OpID
	keys map[string][]nativeValue
}

// nativeValue is a current value of a key: a scalar, or a map if child is set. The values of a
// key are in ascending order of their operations.
type nativeValue struct {
	id    wire.OpID
	value wire.Value
	child *nativeMap
}

// errMissingDep is returned by load for a change whose dependencies were not loaded.
var errMissingDep = errors.New("a change comes before a change on which it depends")

// newNative opens a document from a snapshot that save returned; nil: a new document. It
// returns ErrSnapshot for a snapshot of automerge-go, which is one document chunk.
func newNative(actor wire.ActorID, snapshot []byte) (engine, error) {
	e := &nativeEngine{
		actor: actor, seqs: map[wire.ActorID]uint64{}, last: map[wire.ActorID]wire.Hash{},
		headSet: map[wire.Hash]bool{}, places: map[wire.Hash]int{},
	}
	e.objects = map[wire.OpID]*nativeMap{{}: {keys: map[string][]nativeValue{}}}
	if snapshot == nil {
		return e, nil
	}
	changes, err := readSnapshot(snapshot)
	if err == nil {
		err = e.load(changes)
	}
	if err != nil {
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

// scalarOf returns a value as engine.get does; nil for a kind that events do not use.
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

// valueOf returns a scalar as a value of a change.
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
	return wire.Value{}, fmt.Errorf("a value of type %T does not occur in events", scalar)
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
		return nil // the key has this value and no other: Automerge writes nothing then
	}
	e.put(m, key, wire.Op{Action: wire.Set, Value: v})
	return nil
}

func (e *nativeEngine) makeMap(in object, key string) (object, error) {
	return e.put(in.(*nativeMap), key, wire.Op{Action: wire.MakeMap}), nil
}

// put adds an operation to the transaction. It replaces all current values of the key. put
// returns the new map, if the operation makes one.
func (e *nativeEngine) put(m *nativeMap, key string, op wire.Op) *nativeMap {
	op.Obj, op.Key = m.id, wire.Key{Kind: wire.MapKey, Prop: key}
	for i := range m.keys[key] {
		op.Pred = append(op.Pred, m.keys[key][i].id)
	}
	id := wire.OpID{Counter: e.highest + 1 + uint64(len(e.ops)), Actor: e.actor}
	e.ops = append(e.ops, op)
	return e.apply(m, id, &op)
}

// apply applies an operation. It returns the new map, if the operation makes one.
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
		Deps: e.heads(), Actor: e.actor, Seq: e.seqs[e.actor] + 1, StartOp: e.highest + 1, TimeMillis: millis, Ops: e.ops,
	}
	if own, ok := e.last[e.actor]; ok && !e.headSet[own] {
		i, _ := slices.BinarySearchFunc(c.Deps, own, compareHashes)
		c.Deps = slices.Insert(c.Deps, i, own)
	}
	e.ops = nil
	chunk := c.Chunk()
	c.Hash = chunk.Hash()
	e.record(&c, chunk.Bytes())
	return c.Hash, true, nil
}

// record adds a change whose operations have been applied.
func (e *nativeEngine) record(c *wire.Change, chunk []byte) {
	for _, d := range c.Deps {
		delete(e.headSet, d)
	}
	e.headSet[c.Hash] = true
	e.seqs[c.Actor], e.last[c.Actor] = c.Seq, c.Hash
	e.highest = max(e.highest, c.MaxOp())
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

func (e *nativeEngine) maxOp() (uint64, error) { return e.highest, nil }

func (e *nativeEngine) heads() []wire.Hash {
	out := make([]wire.Hash, 0, len(e.headSet))
	for h := range e.headSet {
		out = append(out, h)
	}
	slices.SortFunc(out, compareHashes)
	return out
}

// readSnapshot returns the changes of a snapshot, which it does not alias.
func readSnapshot(b []byte) ([]wire.Chunk, error) {
	all, err := wire.SplitChunks(b)
	if err != nil {
		return nil, err
	}
	changes := make([]wire.Chunk, len(all))
	for i, part := range all {
		if changes[i], err = wire.ReadChunk(bytes.Clone(part)); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

func (e *nativeEngine) load(changes []wire.Chunk) error {
	for _, chunk := range changes {
		if _, known := e.places[chunk.Hash()]; known {
			continue
		}
		c, err := chunk.Decode(wire.EventLimits)
		if err != nil {
			return err
		}
		if err := e.applyChange(c, chunk.Bytes()); err != nil {
			return fmt.Errorf("change %s: %w", c.Hash, err)
		}
	}
	return nil
}

func (e *nativeEngine) applyChange(c *wire.Change, chunk []byte) error {
	for _, d := range c.Deps {
		if _, ok := e.places[d]; !ok {
			return errMissingDep
		}
	}
	if c.Seq != e.seqs[c.Actor]+1 {
		return fmt.Errorf("its sequence number is %d, but its actor's last is %d", c.Seq, e.seqs[c.Actor])
	}
	if err := wire.CheckSchemaShape(c); err != nil {
		return err
	}
	for k := range c.Ops {
		op := &c.Ops[k]
		m, ok := e.objects[op.Obj]
		if !ok {
			return fmt.Errorf("operation %d writes into a map that does not exist", k)
		}
		e.apply(m, wire.OpID{Counter: c.StartOp + uint64(k), Actor: c.Actor}, op)
	}
	e.record(c, chunk)
	return nil
}

// save returns the chunks of all changes, concatenated. Automerge also loads this form.
func (e *nativeEngine) save() []byte { return bytes.Join(e.chunks, nil) }

func (e *nativeEngine) close() { *e = nativeEngine{} }
