package wire

import "fmt"

// checkOp checks operation i for the errors that can be seen without history and that
// comparing with the canonical encoding would not find.
func checkOp(c *Change, i int) error {
	op := &c.Ops[i]
	if err := checkAction(op); err != nil {
		return fail(err, fmt.Sprintf("operation %d", i), -1)
	}
	if !canReference(c, i, op.Obj) || op.Key.Kind == ElemKey && !canReference(c, i, op.Key.Elem) {
		return fail(ErrOpID, fmt.Sprintf("operation %d", i), -1)
	}
	for _, p := range op.Pred {
		if !canReference(c, i, p) {
			return fail(ErrOpID, fmt.Sprintf("preds of operation %d", i), -1)
		}
	}
	for k := 1; k < len(op.Pred); k++ {
		if !op.Pred[k-1].Less(op.Pred[k]) {
			return fail(ErrOrder, fmt.Sprintf("preds of operation %d", i), -1)
		}
	}
	return nil
}

// canReference reports whether operation i may refer to id. The counter of id must be
// lower than the operation's own. A change without dependencies can refer only to its
// own operations.
func canReference(c *Change, i int, id OpID) bool {
	switch {
	case id == OpID{}:
		return true // the root
	case id.Counter >= c.StartOp+uint64(i):
		return false
	case len(c.Deps) == 0:
		return c.IsOwn(id)
	}
	return true
}

// checkAction returns the sentinel for an operation whose fields contradict its action.
func checkAction(op *Op) error {
	if op.Action != Mark && (op.Expand || op.MarkName != nil) {
		return ErrMark
	}
	if op.Action != Set && op.Action != Inc && op.Action != Mark && op.Value.Kind != Null {
		return ErrValueType
	}
	switch op.Action {
	case Del:
		if len(op.Pred) == 0 {
			return ErrNoPred
		}
	case Inc:
		if op.Value.Kind != Int && op.Value.Kind != Uint {
			return ErrValueType
		}
	case Mark:
		if op.MarkName == nil && op.Value.Kind != Null {
			return ErrMark
		}
		if !op.Insert {
			return ErrInsert
		}
	}
	switch {
	case op.Key.Kind == MapKey && op.Insert,
		op.Key.Kind == HeadKey && !op.Insert,
		op.Insert && (op.Action == Del || op.Action == Inc):
		return ErrInsert
	case op.Key.Kind != MapKey && op.Obj == OpID{}:
		return ErrKey // the root is a map
	}
	return nil
}

// ActorLen is the length of an actor in an event document: an Ed25519 public key
// and 8 random bytes.
const ActorLen = 40

// CheckSchemaShape refuses, with ErrShape, a decoded change that is invalid in an event
// document regardless of its history. A valid change has only actors of ActorLen bytes;
// a time, no message and no extra bytes; at least one operation, or at least two
// dependencies (a merge); only makeMap and set on map keys; only strings, integers,
// truth values and bytes. Which keys and sizes are allowed depends on the object and is
// not checked here. c must come from DecodeChange.
func CheckSchemaShape(c *Change) error {
	bad := func(format string, args ...any) error {
		return fail(ErrShape, fmt.Sprintf(format, args...), -1)
	}
	switch {
	case len(c.Actor) != ActorLen:
		return bad("actor of %d bytes", len(c.Actor))
	case c.TimeMillis <= 0:
		return bad("time %d ms", c.TimeMillis)
	case c.Message != "":
		return bad("a message")
	case len(c.Extra) > 0:
		return bad("extra bytes")
	case len(c.Ops) == 0 && len(c.Deps) < 2:
		return bad("no operation and %d dependencies", len(c.Deps))
	case len(c.Ops) > MaxOps || len(c.Deps) > MaxDeps:
		return bad("%d operations and %d dependencies", len(c.Ops), len(c.Deps))
	}
	foreign := func(id OpID) bool { return id != OpID{} && len(id.Actor) != ActorLen }
	for i := range c.Ops {
		op := &c.Ops[i]
		switch {
		case op.Action != MakeMap && op.Action != Set:
			return bad("operation %d: action %d", i, op.Action)
		case op.Key.Kind != MapKey || op.Insert:
			return bad("operation %d: a list's key", i)
		case foreign(op.Obj):
			return bad("operation %d: actor of %d bytes", i, len(op.Obj.Actor))
		}
		if op.Action == Set {
			switch op.Value.Kind {
			case String, Int, Uint, True, False, Bytes:
			default:
				return bad("operation %d: value type %d", i, op.Value.Kind)
			}
		}
		for _, p := range op.Pred {
			if foreign(p) {
				return bad("operation %d: actor of %d bytes", i, len(p.Actor))
			}
		}
	}
	return nil
}
