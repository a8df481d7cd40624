package document

import (
	"cmp"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// Change is a change that an Inspector found well formed and signed, or that was made on
// this device.
type Change struct {
	Meta      graph.Meta
	Bytes     []byte // the type-1 chunk
	Signature []byte // nil: unsigned
	// Decoded may be set to nil to save memory; it is decoded again when needed. A
	// Document lets go of it.
	Decoded *wire.Change
	// ReceivedAtMillis is when it came to this device, in ms since 1970.
	ReceivedAtMillis int64

	writer     qa.Identity
	fromLedger bool
	stored     bool // it is from the ledger, which has it as part of the document
}

// NewChange returns a change that was made here, or is known to be sound. It shares the
// slices that it is given.
func NewChange(decoded *wire.Change, chunk, signature []byte, receivedAtMillis int64) *Change {
	return &Change{Meta: graph.MetaOf(decoded), Decoded: decoded, Bytes: chunk, Signature: signature, ReceivedAtMillis: receivedAtMillis}
}

// Writer returns who wrote the change.
func (c *Change) Writer() qa.Identity {
	if c.writer == "" {
		c.writer = qa.IdentityOfActor([]byte(c.Meta.Actor))
	}
	return c.writer
}

// FromLedger reports whether the change was a row that waited when its document was loaded.
func (c *Change) FromLedger() bool { return c.fromLedger }

// Ops returns how many operations the change has.
func (c *Change) Ops() int { return int(c.Meta.MaxOp + 1 - c.Meta.StartOp) }

// IsGenesis reports whether the change is the first of a document: it depends on nothing and is its
// actor's first.
func (c *Change) IsGenesis() bool { return len(c.Meta.Deps) == 0 && c.Meta.Seq == 1 }

// Decode decodes the change if it is not decoded. The error is one of
// wire.DecodeChange's; a change of an Inspector has none.
func (c *Change) Decode() error {
	decoded, err := c.decode()
	c.Decoded = decoded
	return err
}

func (c *Change) decode() (*wire.Change, error) {
	if c.Decoded != nil {
		return c.Decoded, nil
	}
	return wire.DecodeChange(c.Bytes)
}

// forgetDecoded lets go of what can be decoded again.
func (c *Change) forgetDecoded() {
	if c.Bytes != nil {
		c.Decoded = nil
	}
}

// entry returns the change as a row of the ledger.
func (c *Change) entry(now int64) storage.Entry {
	return storage.Entry{
		Hash: c.Meta.Hash, Actor: c.Meta.Actor, Seq: c.Meta.Seq, Bytes: c.Bytes, Signature: c.Signature,
		ReceivedAtMillis: cmp.Or(c.ReceivedAtMillis, now),
	}
}
