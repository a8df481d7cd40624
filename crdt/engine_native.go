//go:build !cgo || js || native

package crdt

import "flyleaf/crdt/wire"

// EngineName is the CRDT implementation with which this build makes changes. The build tag
// native selects this one even where automerge-go could run, so that tests can run on both.
const EngineName = "native"

const slowHistories = false // the native engine keeps no histories

func newEngine(actor wire.ActorID, snapshot []byte) (engine, error) {
	return newNative(actor, snapshot)
}
