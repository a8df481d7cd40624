//go:build cgo && !js && !native

package crdt

import "flyleaf/crdt/wire"

// EngineName says which CRDT implementation this build makes changes with.
const EngineName = "automerge-go"

// slowHistories: a key's history takes it quadratic time when it comes in changes.
const slowHistories = true

func newEngine(actor wire.ActorID, snapshot []byte) (engine, error) {
	return newAutomerge(actor, snapshot)
}
