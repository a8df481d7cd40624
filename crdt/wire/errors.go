package wire

import (
	"errors"
	"fmt"
)

// The reasons why bytes are refused. Every error that this package returns is an *Error
// that wraps exactly one of them; test with errors.Is.
var (
	// Framing and integers.
	ErrTruncated     = errors.New("ends too early")
	ErrOverlong      = errors.New("integer is not in its shortest form or exceeds 64 bits")
	ErrMagic         = errors.New("wrong magic bytes")
	ErrChunkType     = errors.New("unexpected chunk type")
	ErrChecksum      = errors.New("checksum does not match")
	ErrTrailing      = errors.New("unexpected bytes after the end")
	ErrDeflate       = errors.New("deflated data is damaged")
	ErrNotUTF8       = errors.New("text is not UTF-8")
	ErrHex           = errors.New("not the expected lower-case hex")
	ErrNotCanonical  = errors.New("not the canonical encoding")
	ErrOrder         = errors.New("list is not ascending or has a repeat")
	ErrCount         = errors.New("count exceeds what the bytes can hold")
	ErrColumnOrder   = errors.New("columns out of order or repeated")
	ErrColumnUnknown = errors.New("unknown column")
	ErrColumnDeflate = errors.New("deflated column in a change")
	ErrColumnEmpty   = errors.New("column without bytes")
	ErrColumnMissing = errors.New("required column is missing")
	ErrColumnRows    = errors.New("column has more or fewer rows than the change has operations")

	// Limits.
	ErrTooLarge      = errors.New("change is too large")
	ErrTooManyOps    = errors.New("too many operations")
	ErrTooManyPreds  = errors.New("too many predecessors")
	ErrTooManyHashes = errors.New("too many hashes")
	ErrExtra         = errors.New("extra bytes after the columns")

	// What an operation or a change says.
	ErrActor      = errors.New("actor is empty, or has the wrong length")
	ErrActorIndex = errors.New("actor index out of range")
	ErrOtherActor = errors.New("the other actors contain the author, or an actor that nothing refers to")
	ErrSeq        = errors.New("sequence number is zero, or above 1 in a change without dependencies")
	ErrStartOp    = errors.New("operation counters are outside 1 to 2^32-1")
	ErrOpID       = errors.New("operation ID is incomplete or zero, or refers to a later operation")
	ErrKey        = errors.New("key is empty, or neither a map key nor an element")
	ErrAction     = errors.New("unknown or refused action")
	ErrInsert     = errors.New("insert does not fit the action or the key")
	ErrMark       = errors.New("mark name or expand does not fit the action")
	ErrValueType  = errors.New("value type unknown or not allowed here")
	ErrValue      = errors.New("value bytes do not fit their type")
	ErrNoPred     = errors.New("delete without predecessor")

	// What the event document allows beyond the format (CheckSchemaShape).
	ErrShape = errors.New("not allowed in an event document")

	// Whole documents.
	ErrDocument     = errors.New("the changes do not form a valid document")
	ErrDocumentSize = errors.New("the document would be too large")

	// Sync messages.
	ErrVersion = errors.New("not a sync message of version 1")
	ErrFilter  = errors.New("invalid Bloom filter parameters")
)

// Error says why and where bytes were refused.
type Error struct {
	Err    error  // one of this package's sentinels
	Where  string // the part of the format, such as "deps" or "column 0x42"
	Offset int    // bytes from the start of the decoded input (after inflating); -1 if unknown
}

// Error implements error.
func (e *Error) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("wire: %s: %v", e.Where, e.Err)
	}
	return fmt.Sprintf("wire: %s at byte %d: %v", e.Where, e.Offset, e.Err)
}

// Unwrap returns the sentinel.
func (e *Error) Unwrap() error { return e.Err }

func fail(err error, where string, offset int) error {
	return &Error{Err: err, Where: where, Offset: offset}
}
