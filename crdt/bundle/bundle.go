// Package bundle reads and writes bundles: one file with all changes of an event and their
// signatures, for moving an event without a network.
//
// A truncated or damaged file is rejected as a whole. Reading is bounded by the file's size and
// MaxSize. The package does not decode the changes; the caller must check them like changes from a
// relay.
package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// The layout of version 1; integers are big-endian.
//
//	magic       8   f1 "FLY" 0d 0a 1a 0a
//	version     1   01
//	document   16   the event's document ID
//	for each change, dependencies first:
//	  length    4   of the chunk, 1 to wire.MaxInflated
//	  chunk         the change as a type-1 chunk
//	  signature 64  zeros when there is none
//	end         4   00 00 00 00
//	count       4   of the changes
//	checksum   32   SHA-256 of everything before it
//
// The magic contains bytes that a text-mode transfer corrupts (as in PNG): a byte above 0x7f, both
// line ends, and the end-of-file of old systems.
const (
	magic   = "\xf1FLY\r\n\x1a\n"
	version = 1

	headerSize    = len(magic) + 1 + 16
	trailerSize   = 4 + 4 + sha256.Size
	signatureSize = 64
)

// The bounds of a bundle.
const (
	MaxSize    = 256 << 20 // bytes
	MaxChanges = 1 << 20
)

var (
	// ErrNotBundle is returned for bytes without the magic.
	ErrNotBundle = errors.New("this is not a Flyleaf bundle")
	// ErrVersion is returned for a bundle of a later version.
	ErrVersion = errors.New("this bundle was written by a newer Flyleaf; update to read it")
	// ErrDamaged is returned for a bundle that is cut off, or was changed since it
	// was written.
	ErrDamaged = errors.New("this bundle is damaged")
	// ErrTooLarge is returned for a bundle beyond MaxSize or MaxChanges, and for a
	// change beyond wire.MaxInflated.
	ErrTooLarge = errors.New("this bundle is too large")
)

// Change is one change with its signature.
type Change struct {
	Bytes     []byte // a type-1 chunk
	Signature []byte // 64 bytes, or nil when there is none
}

// Writer writes one bundle.
type Writer struct {
	w     io.Writer
	sum   hash.Hash
	size  int
	count uint32
}

// NewWriter begins a bundle of an event. It returns qa.ErrBadID for an invalid ID.
func NewWriter(w io.Writer, event qa.EventID) (*Writer, error) {
	doc, err := event.Bytes()
	if err != nil {
		return nil, err
	}
	b := &Writer{w: w, sum: sha256.New()}
	return b, b.write([]byte(magic), []byte{version}, doc[:])
}

func (b *Writer) write(parts ...[]byte) error {
	for _, p := range parts {
		b.sum.Write(p)
		b.size += len(p)
		if _, err := b.w.Write(p); err != nil {
			return fmt.Errorf("writing a bundle: %w", err)
		}
	}
	return nil
}

// Add writes a change. Add dependencies first. After ErrTooLarge the bundle is incomplete; do not
// call Close.
func (b *Writer) Add(c Change) error {
	if len(c.Bytes) == 0 || len(c.Bytes) > wire.MaxInflated || b.count >= MaxChanges ||
		b.size+4+len(c.Bytes)+signatureSize+trailerSize > MaxSize {
		return ErrTooLarge
	}
	signature := c.Signature
	if len(signature) != signatureSize {
		signature = make([]byte, signatureSize)
	}
	b.count++
	return b.write(binary.BigEndian.AppendUint32(nil, uint32(len(c.Bytes))), c.Bytes, signature)
}

// Close ends the bundle. It does not close the writer below.
func (b *Writer) Close() error {
	if err := b.write(make([]byte, 4), binary.BigEndian.AppendUint32(nil, b.count)); err != nil {
		return err
	}
	return b.write(b.sum.Sum(nil))
}

// IsBundle reports whether b begins like a bundle, of any version.
func IsBundle(b []byte) bool { return bytes.HasPrefix(b, []byte(magic)) }

// Read reads a whole bundle. The changes share b's memory. The errors are ErrNotBundle,
// ErrVersion, ErrTooLarge and ErrDamaged.
func Read(b []byte) (qa.EventID, []Change, error) {
	switch {
	case len(b) > MaxSize:
		return "", nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(b), MaxSize)
	case !IsBundle(b):
		return "", nil, ErrNotBundle
	case len(b) > len(magic) && b[len(magic)] != version:
		return "", nil, fmt.Errorf("%w (version %d)", ErrVersion, b[len(magic)])
	case len(b) < headerSize+trailerSize:
		return "", nil, fmt.Errorf("%w: it is cut off", ErrDamaged)
	}
	sum := sha256.Sum256(b[:len(b)-sha256.Size])
	if !bytes.Equal(sum[:], b[len(b)-sha256.Size:]) {
		return "", nil, fmt.Errorf("%w: it was cut off or changed on its way", ErrDamaged)
	}
	event := qa.MakeEventID([16]byte(b[headerSize-16 : headerSize]))
	changes, err := readChanges(b[headerSize:len(b)-trailerSize], binary.BigEndian.Uint32(b[len(b)-sha256.Size-4:]))
	if err != nil {
		return "", nil, err
	}
	if binary.BigEndian.Uint32(b[len(b)-trailerSize:]) != 0 {
		return "", nil, fmt.Errorf("%w: unexpected data after the last change", ErrDamaged)
	}
	return event, changes, nil
}

// readChanges reads the middle of a bundle, which holds count changes.
func readChanges(b []byte, count uint32) ([]Change, error) {
	const least = 4 + 1 + signatureSize
	if count > MaxChanges {
		return nil, fmt.Errorf("%w: %d changes, at most %d", ErrTooLarge, count, MaxChanges)
	}
	if uint64(len(b)) < uint64(count)*least {
		return nil, fmt.Errorf("%w: %d bytes cannot hold %d changes", ErrDamaged, len(b), count)
	}
	changes := make([]Change, 0, count)
	for len(b) > 0 {
		if len(b) < least {
			return nil, fmt.Errorf("%w: change %d is cut off", ErrDamaged, len(changes)+1)
		}
		n := binary.BigEndian.Uint32(b)
		if n == 0 || n > wire.MaxInflated {
			return nil, fmt.Errorf("%w: change %d has %d bytes, at most %d", ErrTooLarge, len(changes)+1, n, wire.MaxInflated)
		}
		if uint64(len(b)) < 4+uint64(n)+signatureSize {
			return nil, fmt.Errorf("%w: change %d is cut off", ErrDamaged, len(changes)+1)
		}
		if len(changes) == int(count) {
			return nil, fmt.Errorf("%w: it holds more changes than it says", ErrDamaged)
		}
		c := Change{Bytes: b[4 : 4+n : 4+n]}
		if s := b[4+n : 4+n+signatureSize : 4+n+signatureSize]; !bytes.Equal(s, make([]byte, signatureSize)) {
			c.Signature = s
		}
		changes = append(changes, c)
		b = b[4+n+signatureSize:]
	}
	if len(changes) != int(count) {
		return nil, fmt.Errorf("%w: it holds %d changes and says %d", ErrDamaged, len(changes), count)
	}
	return changes, nil
}
