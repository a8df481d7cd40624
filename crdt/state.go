package crdt

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// State is the current state of an event. The caller of FromState provides it; the document
// reads it again for every act. It contains no void values.
type State interface {
	// Heads returns the changes on which the next change depends, ascending.
	Heads() []wire.Hash
	// MaxOp returns the highest counter of an operation in Heads and their pasts.
	MaxOp() uint64
	// Last returns the last change of an actor and its sequence number, 0 if the actor has no
	// changes.
	Last(wire.ActorID) (seq uint64, change wire.Hash)
	// Values returns the current values of a key of a map, ascending by operation. The zero
	// ID is the root.
	Values(in wire.OpID, key string) []StateValue
	// Keys returns the keys of a map that have a current value, in no order.
	Keys(in wire.OpID) []string
}

// StateValue is a current value of a key: a scalar, or a map whose ID is that of the
// operation.
type StateValue struct {
	Op    wire.OpID
	Value wire.Value
	Map   bool
	// NotInEffect: the value does not count, because its writer had lost the role. Writing
	// the same value changes something then.
	NotInEffect bool
}

// FromState returns a document without content of its own. It makes the same changes as any
// other document, byte for byte, by reading a State. Use it for an event that no engine can
// hold, because an actor has signed two versions of a change, and for one with values that are
// not in effect, which engines do not write again. The caller adds the changes that
// Do returns to the state. Absorb does nothing, and Save returns nil.
func FromState(actor wire.ActorID, s State) (*Document, error) {
	if len(actor) != qa.ActorSize {
		return nil, ErrBadActor
	}
	d := newDocument(&stateEngine{state: s, actor: actor}, actor)
	d.fromState = true
	if err := d.readKind(); err != nil {
		return nil, err
	}
	return d, nil
}

// stateEngine is the engine of FromState.
type stateEngine struct {
	state State
	actor wire.ActorID

	ops     []wire.Op // of the open transaction
	start   uint64    // counter of the first operation
	written map[stateKey]wire.OpID
	made    map[wire.Hash][]byte // the last change that was made
}

// stateKey is a key of a map.
type stateKey struct {
	in  wire.OpID
	key string
}

var errNothingToLoad = errors.New("a document from a state cannot load changes")

func (e *stateEngine) root() object { return wire.OpID{} }

func (e *stateEngine) get(in object, key string) (any, object, bool, error) {
	values := e.state.Values(in.(wire.OpID), key)
	if len(values) == 0 {
		return nil, nil, false, nil
	}
	v := &values[len(values)-1]
	if v.Map {
		return nil, v.Op, true, nil
	}
	return scalarOf(v.Value), nil, true, nil
}

func (e *stateEngine) keys(in object) ([]string, error) { return e.state.Keys(in.(wire.OpID)), nil }

func (e *stateEngine) setActor(actor wire.ActorID) error {
	e.actor = actor
	return nil
}

func (e *stateEngine) begin() {
	e.ops, e.start, e.written = nil, e.state.MaxOp()+1, map[stateKey]wire.OpID{}
}

func (e *stateEngine) set(in object, key string, scalar any) error {
	v, err := valueOf(scalar)
	if err != nil {
		return err
	}
	at := stateKey{in.(wire.OpID), key}
	if _, again := e.written[at]; !again {
		now := e.state.Values(at.in, key)
		if len(now) == 1 && !now[0].Map && !now[0].NotInEffect && now[0].Value.Kind == v.Kind && bytes.Equal(now[0].Value.Raw, v.Raw) {
			return nil // the key has this value and no other: Automerge writes nothing then
		}
	}
	e.put(at, wire.Op{Action: wire.Set, Value: v})
	return nil
}

func (e *stateEngine) makeMap(in object, key string) (object, error) {
	return e.put(stateKey{in.(wire.OpID), key}, wire.Op{Action: wire.MakeMap}), nil
}

// put adds an operation to the transaction. It replaces all current values of the key.
func (e *stateEngine) put(at stateKey, op wire.Op) wire.OpID {
	op.Obj, op.Key = at.in, wire.Key{Kind: wire.MapKey, Prop: at.key}
	if before, again := e.written[at]; again {
		op.Pred = []wire.OpID{before}
	} else {
		for _, v := range e.state.Values(at.in, at.key) {
			op.Pred = append(op.Pred, v.Op)
		}
	}
	id := wire.OpID{Counter: e.start + uint64(len(e.ops)), Actor: e.actor}
	e.ops = append(e.ops, op)
	e.written[at] = id
	return id
}

func (e *stateEngine) commit(millis int64, empty bool) (wire.Hash, bool, error) {
	if len(e.ops) == 0 && !empty {
		return wire.Hash{}, false, nil
	}
	seq, last := e.state.Last(e.actor)
	c := wire.Change{
		Deps: slices.Clone(e.state.Heads()), Actor: e.actor, Seq: seq + 1, StartOp: e.start, TimeMillis: millis, Ops: e.ops,
	}
	if i, found := slices.BinarySearchFunc(c.Deps, last, compareHashes); seq > 0 && !found {
		c.Deps = slices.Insert(c.Deps, i, last)
	}
	e.ops = nil
	chunk := c.Chunk()
	e.made = map[wire.Hash][]byte{chunk.Hash(): chunk.Bytes()}
	return chunk.Hash(), true, nil
}

func compareHashes(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) }

func (e *stateEngine) change(h wire.Hash) ([]byte, error) {
	b, ok := e.made[h]
	if !ok {
		return nil, fmt.Errorf("change %s was not made here", h)
	}
	return bytes.Clone(b), nil
}

func (e *stateEngine) maxOp() (uint64, error) { return e.state.MaxOp(), nil }

func (e *stateEngine) heads() []wire.Hash { return e.state.Heads() }

func (e *stateEngine) load([]wire.Chunk) error { return errNothingToLoad }

func (e *stateEngine) save() []byte { return nil }

func (e *stateEngine) close() { *e = stateEngine{} }
