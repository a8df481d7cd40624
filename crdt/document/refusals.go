package document

import (
	"iter"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/internal/bounded"
)

// Refusals remembers which changes were refused, and why: a bounded number of them, the
// newest.
type Refusals struct {
	known *bounded.Map[wire.Hash, *policy.Refusal]
}

// NewRefusals returns Refusals of at most so many changes.
func NewRefusals(most int) *Refusals {
	return &Refusals{bounded.New[wire.Hash, *policy.Refusal](most)}
}

// Len returns how many changes there are.
func (r *Refusals) Len() int { return r.known.Len() }

// Has reports whether a change was refused.
func (r *Refusals) Has(h wire.Hash) bool { return r.known.Has(h) }

// Get returns why a change was refused.
func (r *Refusals) Get(h wire.Hash) (*policy.Refusal, bool) { return r.known.Get(h) }

// Forget forgets that a change was refused.
func (r *Refusals) Forget(h wire.Hash) { r.known.Take(h) }

// All yields the refused changes, in no order.
func (r *Refusals) All() iter.Seq2[wire.Hash, *policy.Refusal] { return r.known.All() }

// ForgetRetryable forgets the refusals that were not the changes' own fault: those for a
// signature, and those of changes that depend on another. A hash does not cover the
// signature, so whoever passes a change on could otherwise have it shut out by a wrong one.
func (r *Refusals) ForgetRetryable() {
	for h, why := range r.known.All() {
		if why.Code == policy.CodeSignature || why.Code == policy.CodeDependsOn {
			r.known.Take(h)
		}
	}
}
