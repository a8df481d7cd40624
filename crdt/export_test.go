package crdt

import (
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// CreateNative is Create with the native engine, in every build.
func CreateNative(actor wire.ActorID, act qa.Act) (*Document, Made, error) {
	return createWith(newNative, actor, act)
}

// LoadNative is Load with the native engine.
func LoadNative(actor wire.ActorID, snapshot []byte, changes []wire.Chunk) (*Document, error) {
	return loadWith(newNative, actor, snapshot, changes)
}
