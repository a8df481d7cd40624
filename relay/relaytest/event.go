package relaytest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/schema"
)

// Signed is a change with its bytes and signature.
type Signed struct {
	*wire.Change
	Signature []byte // 64 bytes; nil: unsigned
}

// Event is an event whose changes depend only on its name and access.
type Event struct {
	Name    string
	ID      qa.EventID
	Founder keys.Key
	Genesis Signed
	maps    map[string]wire.OpID // of the root, by key
}

// events are the events that tests have made, so that devices know their first changes.
var events sync.Map // qa.EventID → *Event

// EventID returns the ID of the open event of that name.
func EventID(name string) qa.EventID { return NewEvent(name, "open").ID }

// DocumentID returns a document ID that depends only on the name and is not an event's, for open relays.
func DocumentID(name string) qa.EventID {
	sum := sha256.Sum256([]byte(name))
	return qa.MakeEventID([16]byte(sum[:16]))
}

// NewEvent returns the event of that name; access is "open" or "invited". Its
// founder is KeyOf("founder of " + name).
func NewEvent(name, access string) *Event {
	return NewEventOf(KeyOf("founder of "+name), name, access)
}

// NewEventOf is NewEvent with a given founder, who may have several events.
func NewEventOf(founder keys.Key, name, access string) *Event {
	e := &Event{Name: name, Founder: founder, maps: map[string]wire.OpID{}}
	c := &wire.Change{Actor: actorOf(e.Founder, "genesis"), Seq: 1, StartOp: 1, TimeMillis: 1_700_000_000_000}
	put := func(obj wire.OpID, key string, v *wire.Value) wire.OpID {
		op := wire.Op{Action: wire.MakeMap, Obj: obj, Key: wire.Key{Prop: key}}
		if v != nil {
			op.Action, op.Value = wire.Set, *v
		}
		c.Ops = append(c.Ops, op)
		return wire.OpID{Counter: uint64(len(c.Ops)), Actor: c.Actor}
	}
	text := func(s string) *wire.Value { v := wire.StringValue(s); return &v }
	version := wire.UintValue(schema.RulesVersion)
	root := wire.OpID{}
	put(root, "kind", text("event"))
	put(root, "gate", &version)
	put(root, "access", text(access))
	for _, key := range []string{"event", "people", "roles", "blocks", "claims", "posts", "winners", "draw", "contacts", "blobs", "relays"} {
		e.maps[key] = put(root, key, nil)
	}
	put(e.maps["event"], "title", text(name))
	put(e.maps["draw"], "commit", nil)
	put(e.maps["draw"], "reveal", nil)
	sealed := seal(c)
	e.ID = qa.EventIDFromGenesis([32]byte(c.Hash))
	e.Genesis = sign(e.Founder, e.ID, sealed)
	known, _ := events.LoadOrStore(e.ID, e)
	return known.(*Event)
}

// Adopt registers an event that somebody else created, so that devices can write in it.
func Adopt(id qa.EventID, genesis Signed) *Event {
	e := &Event{ID: id, Genesis: genesis, maps: map[string]wire.OpID{}}
	for k, op := range genesis.Ops {
		if op.Action == wire.MakeMap && op.Obj == (wire.OpID{}) {
			e.maps[op.Key.Prop] = wire.OpID{Counter: genesis.StartOp + uint64(k), Actor: genesis.Actor}
		}
	}
	events.Store(id, e)
	return e
}

// Map returns a map of the event's root.
func (e *Event) Map(key string) wire.OpID { return e.maps[key] }

// KeyOf returns the key that belongs to a name.
func KeyOf(name string) keys.Key {
	sum := sha256.Sum256([]byte("key of " + name))
	k, err := keys.KeyFromSeed(sum[:])
	if err != nil {
		panic(err) // 32 bytes are a seed
	}
	return k
}

// Actor returns the actor of KeyOf(name) that belongs to the name.
func Actor(name string) wire.ActorID { return actorOf(KeyOf(name), name) }

func actorOf(k keys.Key, name string) wire.ActorID {
	sum := sha256.Sum256([]byte(name))
	a, err := k.NewActor(bytes.NewReader(sum[:]))
	if err != nil {
		panic(err) // the sum has more than 8 bytes
	}
	return a
}

// seal sets the hash of the change from its bytes.
func seal(c *wire.Change) *wire.Change {
	slices.SortFunc(c.Deps, func(a, b wire.Hash) int { return bytes.Compare(a[:], b[:]) })
	c.Deps = slices.Compact(c.Deps)
	h, err := wire.ReadHash(c.Encode())
	if err != nil {
		panic(err) // a bug of the caller's
	}
	c.Hash = h
	return c
}

func sign(k keys.Key, event qa.EventID, c *wire.Change) Signed {
	sig, err := keys.Sign(k, event, c.Hash)
	if err != nil {
		panic(err) // the key and the ID are good
	}
	return Signed{c, sig}
}

// Change returns a change with these operations, signed by KeyOf(name).
func (e *Event) Change(name string, seq, startOp uint64, deps []wire.Hash, ops ...wire.Op) Signed {
	return e.change(KeyOf(name), Actor(name), seq, startOp, deps, ops)
}

// ByFounder is Change by the founder, with a new actor that belongs to the name.
func (e *Event) ByFounder(name string, seq, startOp uint64, deps []wire.Hash, ops ...wire.Op) Signed {
	return e.change(e.Founder, actorOf(e.Founder, name), seq, startOp, deps, ops)
}

func (e *Event) change(k keys.Key, a wire.ActorID, seq, startOp uint64, deps []wire.Hash, ops []wire.Op) Signed {
	return sign(k, e.ID, seal(&wire.Change{
		Actor: a, Seq: seq, StartOp: startOp, Deps: slices.Clone(deps), TimeMillis: 1_700_000_000_000 + int64(seq), Ops: ops,
	}))
}

// Post returns a change that asks one question, signed by KeyOf(name).
func (e *Event) Post(name string, seq, startOp uint64, deps []wire.Hash, text string) Signed {
	return e.Change(name, seq, startOp, deps, e.postOps(KeyOf(name), Actor(name), startOp, text)...)
}

// WidePost returns the first change of KeyOf(name): a question with as many keys in x as are allowed, 30
// operations in all.
func (e *Event) WidePost(name string, startOp uint64, deps []wire.Hash) Signed {
	ops := e.postOps(KeyOf(name), Actor(name), startOp, "?")
	x := wire.OpID{Counter: startOp + uint64(len(ops)), Actor: Actor(name)}
	ops = append(ops, wire.Op{Action: wire.MakeMap, Obj: wire.OpID{Counter: startOp, Actor: Actor(name)}, Key: wire.Key{Prop: "x"}})
	for i := range schema.MaxXKeys {
		ops = append(ops, wire.Op{Action: wire.Set, Obj: x, Key: wire.Key{Prop: fmt.Sprint("key", i)}, Value: wire.StringValue("x")})
	}
	return e.Change(name, 1, startOp, deps, ops...)
}

// Role returns the operations that grant or revoke a role of a person who never had a role.
func (e *Event) Role(by wire.ActorID, startOp uint64, who qa.Identity, role qa.Role, on bool) []wire.Op {
	return []wire.Op{
		{Action: wire.MakeMap, Obj: e.maps["roles"], Key: wire.Key{Prop: string(who)}},
		{Action: wire.Set, Obj: wire.OpID{Counter: startOp, Actor: by}, Key: wire.Key{Prop: string(role)}, Value: wire.BoolValue(on)},
	}
}

// Block returns the operation that blocks a person, or unblocks them if the reason is empty. It replaces
// the given operations.
func (e *Event) Block(who qa.Identity, reason string, replaces ...wire.OpID) wire.Op {
	return wire.Op{Action: wire.Set, Obj: e.maps["blocks"], Key: wire.Key{Prop: string(who)}, Value: wire.StringValue(reason), Pred: replaces}
}

// postOps returns the operations of a change that asks a question.
func (e *Event) postOps(k keys.Key, actor wire.ActorID, startOp uint64, text string) []wire.Op {
	id := func(n uint64) wire.OpID { return wire.OpID{Counter: startOp + n, Actor: actor} }
	post := qa.MakePostID(k.Identity(), []byte(actor), startOp)
	key := func(s string) wire.Key { return wire.Key{Prop: s} }
	return []wire.Op{
		{Action: wire.MakeMap, Obj: e.maps["posts"], Key: key(string(post))},
		{Action: wire.Set, Obj: id(0), Key: key("parent"), Value: wire.StringValue("")},
		{Action: wire.Set, Obj: id(0), Key: key("at"), Value: wire.IntValue(1_700_000_000_000)},
		{Action: wire.MakeMap, Obj: id(0), Key: key("revisions")},
		{Action: wire.MakeMap, Obj: id(0), Key: key("reactions")},
		{Action: wire.MakeMap, Obj: id(0), Key: key("marks")},
		{Action: wire.MakeMap, Obj: id(5), Key: key("assigned")},
		{Action: wire.MakeMap, Obj: id(5), Key: key("candidate")},
		{Action: wire.Set, Obj: id(3), Key: key(string(qa.MakeRevisionID([]byte(actor), startOp+8))), Value: wire.StringValue(text)},
	}
}
