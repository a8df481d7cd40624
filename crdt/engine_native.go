//go:build !cgo || js || native

package crdt

import "flyleaf/crdt/wire"

// EngineName says which CRDT implementation this build makes changes with. The tag
// native chooses this one where automerge-go could run, so that tests run on both.
const EngineName = "native"

const slowHistories = false // it keeps none

func newEngine(actor wire.ActorID, snapshot []byte) (engine, error) {
	return newNative(actor, snapshot)
}
