//go:build !cgo || js

package crdt

// ReadDocument returns ErrNoEngine: only automerge-go, which needs cgo, reads a document chunk.
func ReadDocument([]byte) ([][]byte, error) { return nil, ErrNoEngine }
