package storage

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// DamagedError lists changes whose stored row is not intact (see Entry.SetChunk). errors.Is(err,
// ErrDamaged) is true. Appending a listed change again, fetched from a relay or another device,
// repairs it.
type DamagedError struct {
	Event  qa.EventID
	Hashes []wire.Hash // ascending by position
}

// Error says which changes are damaged, what is safe and what to do.
func (e *DamagedError) Error() string {
	const most = 3
	var b strings.Builder
	fmt.Fprintf(&b, "storage: damaged changes in event %s: %d (", e.Event, len(e.Hashes))
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
	b.WriteString("); everything else is intact. Sync with a relay or another device that has the event to repair the damaged changes")
	return b.String()
}

// Is reports that every DamagedError is ErrDamaged.
func (e *DamagedError) Is(target error) bool { return target == ErrDamaged }

// CheckEntry returns ErrMalformed when Append must not store an entry. It does not decode
// operations; the caller does that before Append.
func CheckEntry(e *Entry) error {
	if e.Chunk.IsZero() {
		return fmt.Errorf("%w: it has no change", ErrMalformed)
	}
	if n := len(e.Signature); n != 0 && n != ed25519.SignatureSize {
		return fmt.Errorf("%w: %s has a signature of %d bytes", ErrMalformed, e.Hash(), n)
	}
	return nil
}

// IsUndelivered reports whether an entry is a local change in the document that no relay has.
func IsUndelivered(e *Entry) bool { return e.Own && !e.Delivered && e.Status == InDocument }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum is the CRC-32C of these stored fields. The change hash covers Bytes only, and Status and
// Delivered change:
//
//	seq (8, big endian) | received_at (8) | own (1) | signature length (1) | signature | actor length (1) | actor | act
func Checksum(e *Entry) uint32 {
	var b [18]byte
	binary.BigEndian.PutUint64(b[:], e.Seq)
	binary.BigEndian.PutUint64(b[8:], uint64(e.ReceivedAtMillis))
	if e.Own {
		b[16] = 1
	}
	b[17] = byte(len(e.Signature))
	c := crc32.Update(0, castagnoli, b[:])
	c = crc32.Update(c, castagnoli, e.Signature)
	c = crc32.Update(c, castagnoli, []byte{byte(len(e.Actor))})
	c = crc32.Update(c, castagnoli, []byte(e.Actor))
	return crc32.Update(c, castagnoli, e.Act)
}

// SetChunk sets the chunk of an entry whose other fields were read from a row, and reports whether
// the row is intact: it matches its stored checksum, and its bytes match its hash.
func (e *Entry) SetChunk(hash wire.Hash, b []byte, sum uint32) bool {
	chunk, err := wire.ReadChunk(b)
	if err != nil || chunk.Hash() != hash {
		return false
	}
	e.Chunk = chunk
	return sum == Checksum(e) && CheckEntry(e) == nil
}

// Repair merges a damaged stored entry with the refetched one. Local fields (Own, received time,
// act) are kept only if the stored checksum matches; otherwise the fetched values are used, so that
// damage never gets a valid checksum. Position, status and delivery stay as they are stored.
func Repair(stored *Entry, sum uint32, fetched *Entry) Entry {
	fixed := *fetched
	if sum == Checksum(stored) {
		fixed.Own, fixed.ReceivedAtMillis, fixed.Act = stored.Own, stored.ReceivedAtMillis, stored.Act
	}
	fixed.Position, fixed.Status, fixed.Delivered = stored.Position, stored.Status, stored.Delivered
	return fixed
}
