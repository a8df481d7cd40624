package relay

import (
	"errors"
	"fmt"

	"flyleaf/crdt/wire"
)

// messageV2 is the first byte of a sync message of version 2, which automerge 3.x
// writes to peers that it takes for its like:
//
//	43 | heads | need | have | changes | trailing
//
// It differs from version 1 in changes alone: an entry is one or more chunks end
// to end, changes or a whole document.
const (
	messageV1 = 0x42
	messageV2 = 0x43
)

var errTooManyChunks = errors.New("more changes than a message may have")

// decode reads a sync message. Version 2 is nothing that this relay asks for, and it
// writes it only around a whole document (whole.go). Flyleaf's devices never write
// it; but programs that take every automerge-repo server for one of automerge 3.x
// do, and an open relay is there for them. A whole document stays one entry, which read refuses. b is changed.
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
			chunks = [][]byte{entry} // refused like any bytes that are no change
		}
		if changes = append(changes, chunks...); len(changes) > wire.MaxMessageChanges {
			return nil, fmt.Errorf("%w: %d", errTooManyChunks, wire.MaxMessageChanges)
		}
	}
	m.Changes = changes
	return m, nil
}
