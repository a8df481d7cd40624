// Package document is the core of a document that takes changes from anybody: it
// decides what a change is, whether it may be part of the document, and what follows
// from it. It has no I/O, no clock and no goroutines; devices, relays and audits put
// those around it.
package document

import (
	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// Change is a change that an Inspector found well formed and signed.
type Change struct {
	Meta      graph.Meta
	Bytes     []byte       // the type-1 chunk
	Signature []byte       // nil: unsigned
	Decoded   *wire.Change // may be set to nil to save memory; it is decoded again when needed
}

// Writer returns who wrote the change.
func (c *Change) Writer() qa.Identity { return qa.IdentityOfActor([]byte(c.Meta.Actor)) }

// Ops returns how many operations the change has.
func (c *Change) Ops() int { return int(c.Meta.MaxOp + 1 - c.Meta.StartOp) }

// Founds reports whether the change has nothing before it: a document begins with it.
func (c *Change) Founds() bool { return len(c.Meta.Deps) == 0 && c.Meta.Seq == 1 }
