package storage

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// DamagedError names changes whose stored bytes are not what was stored. It is
// ErrDamaged. Appending a named change again, fetched from a relay or another
// device, repairs it.
type DamagedError struct {
	Event  qa.EventID
	Hashes []wire.Hash // ascending by position
}

// Error says which changes are damaged, what is safe and what to do.
func (e *DamagedError) Error() string {
	const most = 3
	var b strings.Builder
	fmt.Fprintf(&b, "storage: %d damaged in event %s (", len(e.Hashes), e.Event)
	for i, h := range e.Hashes {
		if i == most {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("change " + h.String())
	}
	b.WriteString("); everything else is sound, and syncing with a relay or a device that has the event fetches what is damaged again")
	return b.String()
}

// Is reports that every DamagedError is ErrDamaged.
func (e *DamagedError) Is(target error) bool { return target == ErrDamaged }

// chunkMagic begins every chunk.
//
//	85 6f 4a 83 | checksum: first 4 bytes of the hash | type 01 | length | contents
//	                                                    └────── hashed ──────┘
var chunkMagic = []byte{0x85, 0x6f, 0x4a, 0x83}

// CheckBytes returns ErrMismatch when b is not a type-1 chunk with that hash.
// It looks at no operation: that is the caller's part, before Append.
func CheckBytes(hash wire.Hash, b []byte) error {
	const prefix, changeType = 8, 1
	if len(b) <= prefix || !bytes.Equal(b[:4], chunkMagic) || b[prefix] != changeType ||
		!bytes.Equal(b[4:prefix], hash[:4]) || sha256.Sum256(b[prefix:]) != hash {
		return fmt.Errorf("%w: %s", ErrMismatch, hash)
	}
	return nil
}

// CheckEntry is CheckBytes for an entry, its signature's length included.
func CheckEntry(e *Entry) error {
	if n := len(e.Signature); n != 0 && n != 64 {
		return fmt.Errorf("%w: %s has a signature of %d bytes", ErrMismatch, e.Hash, n)
	}
	return CheckBytes(e.Hash, e.Bytes)
}
