package storage

import (
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

// CheckBytes returns ErrMismatch when b is not a type-1 chunk with that hash.
// It looks at no operation: that is the caller's part, before Append.
func CheckBytes(hash wire.Hash, b []byte) error {
	got, err := wire.ReadHash(b)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrMismatch, hash, err)
	}
	if got != hash {
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
