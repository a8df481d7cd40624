package relay

import (
	"errors"
	"fmt"

	"flyleaf/crdt/wire"
)

// messageV2 is the first byte of a sync message of version 2, which automerge 3.x sends
// to peers that it takes to be automerge 3.x too:
//
//	43 | heads | need | have | changes | trailing
//
// It differs from version 1 only in changes: an entry is one or more chunks end to end,
// changes or a document chunk.
const (
	messageV1 = 0x42
	messageV2 = 0x43
)

var errTooManyChunks = errors.New("more changes than a message may have")

// decode reads a sync message. The relay never asks for version 2, and writes it only
// for document chunks (document_chunk.go). Flyleaf's devices never write it; but programs that
// take every automerge-repo server for automerge 3.x do, and an open relay serves them.
// A document chunk stays one entry, and inspection refuses it. b is modified.
func (r *Relay) decode(b []byte) (*wire.Message, error) {
	if !r.cfg.Open || len(b) == 0 || b[0] != messageV2 {
		return wire.DecodeMessage(b)
	}
	b[0] = messageV1
	m, err := wire.DecodeMessage(b)
	if err != nil {
		return nil, err
	}
	var changes [][]byte
	for _, entry := range m.Changes {
		chunks, err := wire.SplitChunks(entry)
		if err != nil {
			chunks = [][]byte{entry} // refused like any bytes that are not a change
		}
		if changes = append(changes, chunks...); len(changes) > wire.MaxMessageChanges {
			return nil, fmt.Errorf("%w: %d", errTooManyChunks, wire.MaxMessageChanges)
		}
	}
	m.Changes = changes
	return m, nil
}
