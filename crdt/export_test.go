package crdt

import (
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// CreateNative is Found on the native engine, whatever this build's own is.
func CreateNative(actor wire.ActorID, act qa.Act) (*Document, Made, error) {
	return createWith(newNative, actor, act)
}

// LoadNative is Load on the native engine.
func LoadNative(actor wire.ActorID, snapshot []byte, changes [][]byte) (*Document, error) {
	return loadWith(newNative, actor, snapshot, changes)
}
