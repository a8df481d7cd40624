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

// Work is the cost of one step of an inspection.
type Work struct {
	Bytes      int // to hash or decode
	Signatures int // to verify
	Changes    int // to decode
	Ops        int // to decode
}

// Inspector checks single changes by their bytes alone: form, hash and signature. Whether a
// change may be part of the document depends on its past; Document.Add decides that.
//
// An Inspector is safe for concurrent use if its functions are.
type Inspector struct {
	Event qa.EventID
	// Open says that the document is any Automerge document, not an event (it has nothing to do
	// with the access to an event): changes have wire.OpenLimits, need no signature and may
	// have any shape.
	Open bool
	// Unsigned accepts changes of an event without signatures. Then nothing proves who wrote
	// them.
	Unsigned bool
	// DecodeForged decodes also a change whose signature is wrong, so that it can be described.
	DecodeForged bool
	// Known reports whether a change need not be inspected; nil: every change must.
	Known func(wire.Hash) bool
	// Charge is called before each step with its cost; an error ends the inspection. nil
	// charges nothing.
	Charge func(Work) error
}

// Inspected is the result of an inspection.
type Inspected struct {
	// Hash is the hash of the change; if the bytes are not a change, their SHA-256.
	Hash    wire.Hash
	Signed  bool            // the writer's signature is valid
	Known   bool            // Inspector.Known returned true, and nothing else was checked
	Refusal *policy.Refusal // nil: the change passed, or is Known
	Change  *Change         // nil if Known, or if there is a Refusal
	// Decoded is the change as it was decoded, also if there is a Refusal; nil if it was not.
	Decoded *wire.Change
}

// Limits returns the limits of the changes that the Inspector accepts.
func (in *Inspector) Limits() wire.Limits {
	if in.Open {
		return wire.OpenLimits
	}
	return wire.EventLimits
}

// Inspect inspects a type-1 chunk and its signature, the cheapest check first. Inflate a deflated
// change first, see InflationBudget. The resulting change does not alias chunk. A change that
// fails a check is a Refusal; the only errors are those of Charge.
func (in *Inspector) Inspect(chunk, signature []byte) (Inspected, error) {
	if err := in.charge(Work{Bytes: len(chunk)}); err != nil {
		return Inspected{}, err
	}
	c, err := wire.ReadChunkLimits(chunk, in.Limits())
	if err != nil {
		return Unreadable(chunk, err), nil
	}
	return in.InspectChunk(c, signature)
}

func (in *Inspector) charge(w Work) error {
	if in.Charge == nil {
		return nil
	}
	return in.Charge(w)
}

// InspectChunk is Inspect for a chunk whose hash is known.
func (in *Inspector) InspectChunk(chunk wire.Chunk, signature []byte) (Inspected, error) {
	limits, hash := in.Limits(), chunk.Hash()
	if in.Known != nil && in.Known(hash) {
		return Inspected{Hash: hash, Known: true}, nil
	}
	h, err := chunk.Header(limits)
	if err != nil {
		return refused(hash, err), nil
	}
	// The signature comes before all steps that take longer, because a change without a valid
	// signature cannot be charged to a writer.
	if !in.Open && !in.Unsigned {
		if len(signature) > 0 {
			if err := in.charge(Work{Signatures: 1}); err != nil {
				return Inspected{}, err
			}
		}
		if err := keys.Verify(in.Event, h.Actor, hash, signature); err != nil {
			found := refused(hash, err)
			if in.DecodeForged {
				found.Decoded, _ = chunk.Decode(limits)
			}
			return found, nil
		}
	}
	signed := !in.Open && !in.Unsigned
	if err := in.charge(Work{Changes: 1, Ops: h.Ops, Bytes: len(chunk.Bytes())}); err != nil {
		return Inspected{}, err
	}
	c, err := chunk.Decode(limits)
	if err == nil && !in.Open {
		err = policy.CheckAlone(in.Event, c)
	}
	if err != nil {
		found := refused(hash, err)
		found.Signed, found.Decoded = signed, c
		return found, nil
	}
	return Inspected{Hash: hash, Signed: signed, Change: NewChange(c, chunk.Clone(), bytes.Clone(signature), 0), Decoded: c}, nil
}

// Unreadable returns the result for bytes that are not a change.
func Unreadable(chunk []byte, err error) Inspected {
	return refused(sha256.Sum256(chunk), fmt.Errorf("not a change (identified here by the SHA-256 of its bytes): %w", err))
}

func refused(h wire.Hash, err error) Inspected {
	return Inspected{Hash: h, Refusal: policy.RefusalOf(err)}
}

// InflationBudget limits the total size to which the deflated changes of one message inflate.
// Each can inflate to a thousand times its size. No known client sends deflated changes.
type InflationBudget struct {
	limits wire.Limits
	max    int // bytes
	left   int // bytes
}

// NewInflationBudget returns a budget of max bytes.
func NewInflationBudget(max int, limits wire.Limits) *InflationBudget {
	return &InflationBudget{limits: limits, max: max, left: max}
}

// Reserve takes from the budget the number of bytes to which a deflated change may inflate,
// and returns it. Release returns the unused part. Reserve returns wire.ErrTooLarge if the
// budget is used up.
func (i *InflationBudget) Reserve(chunk []byte) (reserved int, err error) {
	if i.left <= 0 {
		return 0, fmt.Errorf("the deflated changes of this message inflate to more than %d bytes: %w", i.max, wire.ErrTooLarge)
	}
	reserved = min(i.limits.Inflated, i.left, wire.MaxInflatedSize(len(chunk))+len(chunk))
	i.left -= reserved
	return reserved, nil
}

// Release returns unused bytes to the budget.
func (i *InflationBudget) Release(unused int) { i.left += unused }

// Inflate returns the type-1 chunk of a change, which may be deflated. On an error, of
// wire.Inflate or Reserve, the change must be refused.
func (i *InflationBudget) Inflate(chunk []byte) ([]byte, error) {
	if !wire.IsDeflated(chunk) {
		return chunk, nil
	}
	reserved, err := i.Reserve(chunk)
	if err != nil {
		return nil, err
	}
	plain, err := wire.Inflate(chunk, reserved)
	if err != nil {
		return nil, err
	}
	i.Release(reserved - len(plain))
	return plain, nil
}
