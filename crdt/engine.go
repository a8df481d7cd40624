package crdt

import "flyleaf/crdt/wire"

// object is an engine's reference to a map.
type object any

// engine is the part of a CRDT implementation that a Document needs: maps and scalars. It has
// one document, and at most one open transaction.
type engine interface {
	// root returns the root map.
	root() object
	// get returns the winning value of a key: a scalar (string, bool, int64, uint64, []byte)
	// or a map. found is false if the key has no value.
	get(in object, key string) (scalar any, child object, found bool, err error)
	// keys returns the keys of a map, in any order.
	keys(in object) ([]string, error)
	// setActor sets the actor of further changes. Do not call it in a transaction.
	setActor(actor wire.ActorID) error
	// begin starts a transaction. Until commit, call only set and makeMap.
	begin()
	set(in object, key string, scalar any) error
	makeMap(in object, key string) (object, error)
	// commit ends the transaction and makes its change. made is false if the transaction has
	// no operations and empty is not set. millis is the change's time, in ms since 1970.
	commit(millis int64, empty bool) (h wire.Hash, made bool, err error)
	// change returns a change as a type-1 chunk. An engine of FromState has only the changes that
	// it made itself.
	change(h wire.Hash) ([]byte, error)
	// maxOp returns the highest counter of an operation, 0 if there is none.
	maxOp() (uint64, error)
	// heads returns the heads, ascending.
	heads() []wire.Hash
	// load applies changes in causal order. An engine of FromState returns an error.
	load(changes []wire.Chunk) error
	// save returns the document as a snapshot, which opens it again; nil for an engine of FromState.
	save() []byte
	// close releases the document. Do not use the engine afterwards.
	close()
}
