//go:build cgo && !js && !native

package crdt

import "flyleaf/crdt/wire"

// EngineName is the CRDT implementation with which this build makes changes.
const EngineName = "automerge-go"

// slowHistories: loading changes takes quadratic time in the length of a key's history.
const slowHistories = true

func newEngine(actor wire.ActorID, snapshot []byte) (engine, error) {
	return newAutomerge(actor, snapshot)
}
