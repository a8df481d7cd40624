package document

import (
	"cmp"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// Change is a change that an Inspector found well formed and signed, or that this device
// made.
type Change struct {
	Meta      graph.Meta
	Chunk     wire.Chunk
	Signature []byte // nil: unsigned
	// Decoded may be set to nil to save memory; the change is decoded again when needed. A
	// Document sets it to nil.
	Decoded *wire.Change
	// ReceivedAtMillis is when this device received the change, in ms since 1970; 0: unknown.
	ReceivedAtMillis int64

	writer     qa.Identity
	fromLedger bool
	stored     bool // from a row of the ledger that is part of the document
}

// NewChange returns a change that this device made, or that is known to be well formed and
// signed. It shares the given slices.
func NewChange(decoded *wire.Change, chunk wire.Chunk, signature []byte, receivedAtMillis int64) *Change {
	return &Change{Meta: graph.MetaOf(decoded), Decoded: decoded, Chunk: chunk, Signature: signature, ReceivedAtMillis: receivedAtMillis}
}

// Writer returns the identity that wrote the change.
func (c *Change) Writer() qa.Identity {
	if c.writer == "" {
		c.writer = qa.IdentityOfActor([]byte(c.Meta.Actor))
	}
	return c.writer
}

// FromLedger reports whether the change is a row of the ledger that was loaded.
func (c *Change) FromLedger() bool { return c.fromLedger }

// Ops returns the number of operations of the change.
func (c *Change) Ops() int { return int(c.Meta.MaxOp + 1 - c.Meta.StartOp) }

// IsGenesis reports whether the change is the first of a document: it depends on nothing and is its
// actor's first.
func (c *Change) IsGenesis() bool { return len(c.Meta.Deps) == 0 && c.Meta.Seq == 1 }

// Decode decodes the change if it is not decoded. The error is one of
// wire.Chunk's Decode; a change of an Inspector has none.
func (c *Change) Decode() error {
	decoded, err := c.decode()
	c.Decoded = decoded
	return err
}

func (c *Change) decode() (*wire.Change, error) {
	if c.Decoded != nil {
		return c.Decoded, nil
	}
	return c.Chunk.Decode(wire.EventLimits)
}

// forgetDecoded drops Decoded if the change can be decoded again.
func (c *Change) forgetDecoded() {
	if !c.Chunk.IsZero() {
		c.Decoded = nil
	}
}

// entry returns the change as a row of the ledger.
func (c *Change) entry(now int64) storage.Entry {
	return storage.Entry{
		Chunk: c.Chunk, Actor: c.Meta.Actor, Seq: c.Meta.Seq, Signature: c.Signature,
		ReceivedAtMillis: cmp.Or(c.ReceivedAtMillis, now),
	}
}
