//go:build !cgo || js

package crdt

// ReadDocument returns ErrNoEngine: a whole document of one chunk is read by
// automerge-go alone, which needs cgo.
func ReadDocument([]byte) ([][]byte, error) { return nil, ErrNoEngine }
