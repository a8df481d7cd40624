package document

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
)

// Work is what a step of an inspection is about to do.
type Work struct {
	Bytes      int // to be hashed, or decoded
	Signatures int // to be verified
	Changes    int // to be decoded
	Ops        int // to be decoded
}

// Inspector looks at changes one by one and finds what their bytes alone can tell:
// their form, their hash, and who signed them. Whether a change may be part of the
// document depends on its past and is for Document.Add.
//
// An Inspector may be used from several goroutines when its functions may.
type Inspector struct {
	Event qa.EventID
	// Open is for any Automerge document: changes have wire.OpenLimits, need no
	// signature and may have any shape.
	Open bool
	// Unsigned takes an event's changes without their signatures. Nothing proves who
	// wrote them.
	Unsigned bool
	// Known reports whether a change needs no look. nil stands for none.
	Known func(wire.Hash) bool
	// Charge is told of each step before it is done; its error ends the inspection.
	// nil charges nothing.
	Charge func(Work) error
}

// Inspected is what was found about a change.
type Inspected struct {
	// Hash is the SHA-256 of the bytes where they hold no change.
	Hash    wire.Hash
	Signed  bool            // the signature is its writer's
	Known   bool            // the Inspector's Known said so, and nothing else was looked at
	Refusal *policy.Refusal // nil: Change is well formed and signed by its writer
	Change  *Change
}

// Limits returns the bounds of the changes that the Inspector takes.
func (in *Inspector) Limits() wire.Limits {
	if in.Open {
		return wire.OpenLimits
	}
	return wire.EventLimits
}

// Inspect looks at a type-1 chunk (a deflated change comes from InflationBudget first) with
// its signature, the cheapest step first. The change found does not alias chunk. An
// error is only ever Charge's.
func (in *Inspector) Inspect(chunk, signature []byte) (Inspected, error) {
	charge := in.Charge
	if charge == nil {
		charge = func(Work) error { return nil }
	}
	if err := charge(Work{Bytes: len(chunk)}); err != nil {
		return Inspected{}, err
	}
	limits := in.Limits()
	h, err := wire.ReadHeader(chunk, limits)
	switch {
	case h.Hash == wire.Hash{}:
		return Unreadable(chunk, err), nil
	case in.Known != nil && in.Known(h.Hash):
		return Inspected{Hash: h.Hash, Known: true}, nil
	case err != nil:
		return refused(h.Hash, err), nil
	}
	// The signature comes before all that takes longer: what is not signed by its
	// writer is nobody's.
	if !in.Open && !in.Unsigned {
		if len(signature) > 0 {
			if err := charge(Work{Signatures: 1}); err != nil {
				return Inspected{}, err
			}
		}
		if err := keys.Verify(in.Event, h.Actor, h.Hash, signature); err != nil {
			return refused(h.Hash, err), nil
		}
	}
	signed := !in.Open && !in.Unsigned
	if err := charge(Work{Changes: 1, Ops: h.Ops, Bytes: len(chunk)}); err != nil {
		return Inspected{}, err
	}
	c, err := wire.DecodeChangeLimits(chunk, limits)
	if err == nil && !in.Open {
		err = in.checkShape(c)
	}
	if err != nil {
		found := refused(h.Hash, err)
		found.Signed = signed
		return found, nil
	}
	return Inspected{Hash: c.Hash, Signed: signed, Change: NewChange(c, bytes.Clone(chunk), bytes.Clone(signature), 0)}, nil
}

// checkShape refuses what no event can hold, whatever the change's past is.
func (in *Inspector) checkShape(c *wire.Change) error {
	if err := wire.CheckSchemaShape(c); err != nil {
		return err
	}
	if len(c.Deps) == 0 && qa.EventIDFromGenesis([32]byte(c.Hash)) != in.Event {
		return &policy.Refusal{Code: policy.CodeGenesis, Reason: "It begins another event: this one's ID does not follow from it."}
	}
	return nil
}

// Unreadable is the refusal of bytes that hold no change.
func Unreadable(chunk []byte, err error) Inspected {
	return refused(sha256.Sum256(chunk), fmt.Errorf("no change; named here by the SHA-256 of its bytes: %w", err))
}

func refused(h wire.Hash, err error) Inspected {
	return Inspected{Hash: h, Refusal: policy.RefusalOf(err)}
}

// InflationBudget bounds what the deflated changes of one message come to, all together:
// each can come to a thousand times its own size, and no known client sends any.
type InflationBudget struct {
	limits wire.Limits
	most   int // bytes
	left   int // bytes
}

// NewInflationBudget returns an InflationBudget of at most so many bytes.
func NewInflationBudget(most int, limits wire.Limits) *InflationBudget {
	return &InflationBudget{limits: limits, most: most, left: most}
}

// Reserve sets aside what a deflated change could come to, in bytes. Inflate may use
// no more, and Release gives back what it did not use. The error, wire.ErrTooLarge,
// says that nothing is left for the message.
func (i *InflationBudget) Reserve(chunk []byte) (most int, err error) {
	if i.left <= 0 {
		return 0, fmt.Errorf("the deflated changes of this message inflate to more than %d bytes: %w", i.most, wire.ErrTooLarge)
	}
	most = min(i.limits.Inflated, i.left, wire.MaxInflatedSize(len(chunk))+len(chunk))
	i.left -= most
	return most, nil
}

// Release gives back bytes of what Reserve set aside.
func (i *InflationBudget) Release(unused int) { i.left += unused }

// Inflate returns the type-1 chunk of a change that may be deflated. An error refuses
// the change; it is one of wire.Inflate's or Reserve's.
func (i *InflationBudget) Inflate(chunk []byte) ([]byte, error) {
	if !wire.IsDeflated(chunk) {
		return chunk, nil
	}
	most, err := i.Reserve(chunk)
	if err != nil {
		return nil, err
	}
	plain, err := wire.Inflate(chunk, most)
	if err != nil {
		return nil, err
	}
	i.Release(most - len(plain))
	return plain, nil
}
