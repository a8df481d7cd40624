package crdt

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"flyleaf/crdt/wire"
)

// State is what an event's changes add up to, kept by whoever calls FromState: it is asked
// anew for every act. Operations are named by IDs; what is void has none.
type State interface {
	// Heads returns the changes that the next one builds on, ascending.
	Heads() []wire.Hash
	// MaxOp returns the highest counter of an operation in the past of Heads, those
	// included.
	MaxOp() uint64
	// Last returns the latest change of an actor and its sequence number, 0 when the
	// actor has none.
	Last(wire.ActorID) (seq uint64, change wire.Hash)
	// Values returns what stands at a key of a map, ascending by operation. The zero ID
	// is the root.
	Values(in wire.OpID, key string) []StateValue
	// Keys returns the keys of a map at which something stands, in no order.
	Keys(in wire.OpID) []string
}

// StateValue is what an operation left at a key: a scalar, or a map that goes by the ID
// of the operation.
type StateValue struct {
	Op    wire.OpID
	Value wire.Value
	Map   bool
}

// FromState returns a document that holds nothing itself: it makes the same changes as any
// other, byte for byte, from what a state says. It is for an event that no engine can
// hold, because an actor has signed two versions of a change. What Do returns is for the
// caller to add to the state. Absorb does nothing, and Save returns nil.
func FromState(actor wire.ActorID, s State) (*Document, error) {
	if len(actor) != actorBytes {
		return nil, ErrBadActor
	}
	d := newDocument(&stateEngine{state: s, actor: actor}, actor)
	d.live = true
	if err := d.look(); err != nil {
		return nil, err
	}
	return d, nil
}

// stateEngine makes changes from what a State says.
type stateEngine struct {
	state State
	actor wire.ActorID

	ops     []wire.Op // of the open transaction
	start   uint64    // counter of the first of them
	written map[stateKey]wire.OpID
	made    map[wire.Hash][]byte // the last change
}

// stateKey is a key of a map.
type stateKey struct {
	in  wire.OpID
	key string
}

var errNothingToLoad = errors.New("there is nothing to load into a document that holds nothing")

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
		if len(now) == 1 && !now[0].Map && now[0].Value.Kind == v.Kind && bytes.Equal(now[0].Value.Raw, v.Raw) {
			return nil // it is so already, and nothing contradicts it: Automerge writes nothing then
		}
	}
	e.put(at, wire.Op{Action: wire.Set, Value: v})
	return nil
}

func (e *stateEngine) makeMap(in object, key string) (object, error) {
	return e.put(stateKey{in.(wire.OpID), key}, wire.Op{Action: wire.MakeMap}), nil
}

// put writes an operation of the transaction, which replaces all that stands at the key.
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
	chunk := c.Encode()
	h, err := wire.ReadHash(chunk)
	if err != nil {
		return wire.Hash{}, false, err
	}
	e.made = map[wire.Hash][]byte{h: chunk}
	return h, true, nil
}

func compareHashes(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) }

func (e *stateEngine) change(h wire.Hash) ([]byte, error) {
	b, ok := e.made[h]
	if !ok {
		return nil, fmt.Errorf("change %s was not made here", h)
	}
	return bytes.Clone(b), nil
}

func (e *stateEngine) top() (uint64, error) { return e.state.MaxOp(), nil }

func (e *stateEngine) heads() []wire.Hash { return e.state.Heads() }

func (e *stateEngine) load([]byte) error { return errNothingToLoad }

func (e *stateEngine) save() []byte { return nil }

func (e *stateEngine) close() { *e = stateEngine{} }
