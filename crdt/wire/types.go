package wire

import "encoding/hex"

// Hash is the SHA-256 of a chunk: the name of a change.
type Hash [32]byte

// String returns the hash as 64 lower-case hex characters.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ActorID is an actor's raw bytes, held as a string so that it can be compared
// and be a map key. Its order is the order of the bytes.
type ActorID string

// String returns the actor as lower-case hex.
func (a ActorID) String() string { return hex.EncodeToString([]byte(a)) }

// OpID is an operation's ID. The zero OpID stands for the root object, the list
// head, or "none", depending on the field.
type OpID struct {
	Counter uint64
	Actor   ActorID
}

// Less orders operation IDs as Automerge does: by counter, then by actor bytes.
func (o OpID) Less(p OpID) bool {
	if o.Counter != p.Counter {
		return o.Counter < p.Counter
	}
	return o.Actor < p.Actor
}

// Action is what an operation does.
type Action uint8

// The actions, as numbered in the action column.
const (
	MakeMap Action = iota
	Set
	MakeList
	Del
	MakeText
	Inc
	MakeTable
	Mark
)

// ValueKind is the type of a scalar, as numbered in the value metadata column.
type ValueKind uint8

// The kinds of scalars. 10 to 15 are unknown to Automerge and refused here.
const (
	Null ValueKind = iota
	False
	True
	Uint
	Int
	F64
	String
	Bytes
	Counter
	Timestamp
)

// Value is a scalar: its kind and its raw bytes as in the value
// column (uLEB for Uint, sLEB for Int, Counter and Timestamp, 8 bytes little
// endian for F64, empty for Null, False and True). Raw is not to be modified.
type Value struct {
	Kind ValueKind
	Raw  []byte
}

// KeyKind says which of the three forms a Key has.
type KeyKind uint8

// The forms of a key: a map key, the head of a list, or an element of a list.
const (
	MapKey KeyKind = iota
	HeadKey
	ElemKey
)

// Key is the map key or list position to which an operation applies.
type Key struct {
	Kind KeyKind
	Prop string // MapKey
	Elem OpID   // ElemKey
}

// Op is one operation of a change. Operation k (from 0) of a change has the ID
// (StartOp + k, Actor).
type Op struct {
	Action   Action
	Obj      OpID // zero: the root
	Key      Key
	Insert   bool
	Expand   bool    // Mark only
	MarkName *string // begin of a Mark only
	Value    Value
	Pred     []OpID // ascending by counter, then actor bytes
}

// Change is a decoded change chunk.
type Change struct {
	Hash       Hash
	Deps       []Hash // ascending
	Actor      ActorID
	Seq        uint64
	StartOp    uint64
	TimeMillis int64
	Message    string
	Ops        []Op
	Extra      []byte // bytes after the columns; refused in events
}

// IsOwn reports whether an ID that an operation of the change refers to is one of the
// change's own operations. In the change's past its actor has only lower counters.
func (c *Change) IsOwn(id OpID) bool { return id.Actor == c.Actor && id.Counter >= c.StartOp }

// MaxOp returns the counter of the change's last operation; StartOp-1 when it
// has none.
func (c *Change) MaxOp() uint64 { return c.StartOp + uint64(len(c.Ops)) - 1 }
