package document

import (
	"iter"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/internal/bounded"
)

// Refusals remembers which changes were refused, and why. It keeps a bounded number of the
// newest refusals.
type Refusals struct {
	known *bounded.Map[wire.Hash, *policy.Refusal]
}

// NewRefusals returns Refusals that keep at most max changes.
func NewRefusals(max int) *Refusals {
	return &Refusals{bounded.New[wire.Hash, *policy.Refusal](max)}
}

// Len returns the number of refused changes.
func (r *Refusals) Len() int { return r.known.Len() }

// Has reports whether a change was refused.
func (r *Refusals) Has(h wire.Hash) bool { return r.known.Has(h) }

// Get returns why a change was refused.
func (r *Refusals) Get(h wire.Hash) (*policy.Refusal, bool) { return r.known.Get(h) }

// Forget forgets that a change was refused.
func (r *Refusals) Forget(h wire.Hash) { r.known.Take(h) }

// All yields the refused changes, in no order.
func (r *Refusals) All() iter.Seq2[wire.Hash, *policy.Refusal] { return r.known.All() }

// ForgetRetryable forgets refusals that do not prove a change invalid: those for a signature,
// and those of changes that depend on a refused change. The hash does not cover the signature,
// so a peer could otherwise shut out a valid change by sending it with a wrong signature.
func (r *Refusals) ForgetRetryable() {
	for h, why := range r.known.All() {
		if why.Code == policy.CodeSignature || why.Code == policy.CodeDependsOn {
			r.known.Take(h)
		}
	}
}
