package relay

import (
	"fmt"

	"flyleaf/crdt/sync/repo"
)

// decode reads an envelope of at most limit bytes.
func decode(b []byte, limit int) (*repo.Message, error) {
	if len(b) > limit {
		return nil, fmt.Errorf("frame of %d bytes, at most %d are taken", len(b), limit)
	}
	return repo.Decode(b)
}
