//go:build js

package crdt

import "flyleaf/crdt/wire"

// newEngine returns ErrNoEngine: automerge-go needs cgo, which a browser has not.
func newEngine(wire.ActorID, []byte) (engine, error) { return nil, ErrNoEngine }

// ReadDocument returns ErrNoEngine.
func ReadDocument([]byte) ([][]byte, error) { return nil, ErrNoEngine }
