package main

import (
	"errors"
	"fmt"
	"strings"

	"flyleaf/replica"
)

// refusal is a change that the relay, or this device, did not take.
type refusal struct {
	Hash     string `json:"hash"`
	Code     string `json:"code"`
	Reason   string `json:"reason"`
	Deferred bool   `json:"deferred,omitempty"`
}

// maxListed bounds the refused changes that a message lists; --json has all.
const maxListed = 20

// refusedError is an exchange that cannot end well, with the changes at fault.
type refusedError struct {
	err     error
	refused []refusal
}

func (e *refusedError) Error() string {
	var b strings.Builder
	b.WriteString(e.err.Error())
	for i, r := range e.refused {
		if i == maxListed {
			fmt.Fprintf(&b, "\n  and %d more; --json lists all", len(e.refused)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s  %s: %s", r.Hash, plain(r.Code), plain(r.Reason))
		if r.Deferred {
			b.WriteString(" (it may be taken later)")
		}
	}
	return b.String()
}

func (e *refusedError) Unwrap() error { return e.err }

// explainSync is explain for an exchange with a relay.
func explainSync(err error) error {
	var n *replica.NotSyncedError
	switch {
	case !errors.As(err, &n):
		return err
	case !n.Disagrees():
		return coded(exitNotSynced, err)
	}
	out := &refusedError{err: fmt.Errorf("%w. What you wrote is safe on this device", err)}
	for _, r := range n.Refused {
		out.refused = append(out.refused, refusal{r.Hash.String(), r.Code, r.Reason, r.Deferred})
	}
	return coded(exitDisagree, out)
}
