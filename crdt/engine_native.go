//go:build js || !cgo

package crdt

import "flyleaf/crdt/wire"

// EngineName says which CRDT implementation this program makes changes with.
const EngineName = "native"

func newEngine(actor wire.ActorID, snapshot []byte) (engine, error) {
	return newNative(actor, snapshot)
}

// ReadDocument returns ErrNoEngine: a whole document of one chunk is read by
// automerge-go alone, which needs cgo.
func ReadDocument([]byte) ([][]byte, error) { return nil, ErrNoEngine }
