package crdt

import "flyleaf/crdt/wire"

// object is an engine's handle of a map.
type object any

// engine is what a Document needs of a CRDT implementation: maps and scalars. It
// holds one document and one open transaction, which commit ends.
type engine interface {
	// root returns the root map.
	root() object
	// get returns the winning value of a key: a scalar (string, bool, int64,
	// uint64, []byte), or the map that stands there, or found = false.
	get(in object, key string) (scalar any, child object, found bool, err error)
	// keys returns the keys of a map, in no order.
	keys(in object) ([]string, error)
	// setActor changes who makes the next changes. No transaction is open.
	setActor(actor wire.ActorID) error
	// begin starts a transaction. Until commit only set and makeMap are called.
	begin()
	set(in object, key string, scalar any) error
	makeMap(in object, key string) (object, error)
	// commit ends the transaction. made is false when there was nothing in it and
	// empty is not asked for. millis is the change's time.
	commit(millis int64, empty bool) (h wire.Hash, made bool, err error)
	// change returns the bytes of one change, as a type-1 chunk.
	change(h wire.Hash) ([]byte, error)
	// top returns the highest counter of an operation, 0 without any.
	top() (uint64, error)
	// heads returns the heads, ascending.
	heads() []wire.Hash
	// load applies concatenated chunks.
	load(chunks []byte) error
	save() []byte
	// close lets go of the document; the engine is not used afterwards.
	close()
}
