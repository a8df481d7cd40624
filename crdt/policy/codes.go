package policy

import (
	"errors"
	"fmt"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
)

// Code says for programs why a change is not taken. Codes are stable: they travel
// to the change's sender and are kept in ledgers.
type Code string

// Refused: the change is invalid, and is so for good and everywhere. What one of
// these covers is told rule by rule in DESIGN.md.
const (
	CodeMalformed    Code = "malformed"           // no change that a canonical writer makes
	CodeTooLarge     Code = "too-large"           // beyond the limits of a change
	CodeSchema       Code = "schema"              // not of the shape that an event's changes have
	CodeSignature    Code = "signature"           // not signed by its writer for this event
	CodeGenesis      Code = "genesis"             // a beginning that is not this event's, or is incomplete
	CodeSequence     Code = "sequence"            // wrong sequence number, operation counter or deps
	CodeDuplicateSeq Code = "duplicate-seq"       // builds on another change of its actor with its sequence number
	CodeDependsOn    Code = "depends-on-refused"  // one that it depends on is refused
	CodeObject       Code = "object"              // works in a map that is not in its past
	CodePreds        Code = "preds"               // does not replace exactly what stands at the key in its past
	CodeKey          Code = "key"                 // the schema has no such key there
	CodeValue        Code = "value"               // the value has another type or form than the key wants
	CodeLimit        Code = "limit"               // too long, or too many
	CodeOnce         Code = "once"                // sets again, or later, what is set once
	CodePost         Code = "post"                // a post that is not made whole
	CodePostID       Code = "post-id"             // the ID is not that of the operation
	CodeRevisionID   Code = "revision-id"         // the same of a revision
	CodeParent       Code = "parent"              // answers a post that is not in its past
	CodeRole         Code = "role"                // its writer does not hold the role in its past
	CodeOwner        Code = "owner"               // belongs to somebody else
	CodeClosed       Code = "closed"              // a new post in an event that is closed in its past
	CodeClaim        Code = "claim"               // an invitation key writes its claim, once, and nothing else
	CodeBlob         Code = "blob"                // a blob that is not alone, or not what its key says
	CodeRepeated     Code = "repeated"            // writes one key twice
	CodeOperations   Code = "too-many-operations" // more than an act of that kind needs
	CodeWeakKey      Code = "weak-key"            // its writer's key is one for which anybody can sign
	CodeText         Code = "text"                // holds characters that no text may hold, or nothing that can be seen
	CodeEquivocation Code = "equivocation"        // refers to what is void in its past, since its writer signed two versions
	CodeTooOften     Code = "too-often"           // its writer has written that key too often, or too many versions of one text
)

// Deferred: whoever says this does not take the change now and may take it later.
// It says nothing about the change's validity.
const (
	CodeWaitingFull Code = "waiting-full"
	CodeHeads       Code = "too-many-heads"
	CodeFull        Code = "document-full"
	CodeBlocked     Code = "blocked"
	CodeRate        Code = "rate"
	CodeQuota       Code = "quota"
	CodeLate        Code = "late"       // a post that came long after the event was closed
	CodeFounding    Code = "founding"   // too many events were begun from one address
	CodeRelayFull   Code = "relay-full" // the relay's disk has no room for it
)

// Deferred reports whether a change that is not taken for this reason may be taken
// later.
func (c Code) Deferred() bool {
	switch c {
	case CodeWaitingFull, CodeHeads, CodeFull, CodeBlocked, CodeRate, CodeQuota, CodeLate, CodeFounding, CodeRelayFull:
		return true
	}
	return false
}

// Refusal is returned for a change that is not taken.
type Refusal struct {
	Code   Code
	Reason string // one sentence, for a person
}

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }

func refuse(code Code, format string, args ...any) error {
	return &Refusal{code, fmt.Sprintf(format, args...)}
}

// codes says what the errors of the packages below mean. The first that fits counts.
var codes = []struct {
	err    error
	code   Code
	reason string
}{
	{graph.ErrDuplicateSeq, CodeDuplicateSeq, "It builds on another change that its writer has given the same number."},
	{graph.ErrSeqGap, CodeSequence, "Its writer's earlier change is missing from what it builds on."},
	{graph.ErrOwnPrevious, CodeSequence, "It does not build on its writer's own previous change."},
	{graph.ErrStartOp, CodeSequence, "Its operations are not numbered after those that it builds on."},
	{graph.ErrMalformed, CodeMalformed, "It is not a change that an event can hold."},
	{graph.ErrDependsOnRefused, CodeDependsOn, "It builds on a change that was refused."},
	{graph.ErrWaitingFull, CodeWaitingFull, "Too many changes wait for others that have not arrived; it will be asked for again."},
	{graph.ErrFull, CodeFull, "The event holds as many changes as it can."},
	{keys.ErrSignature, CodeSignature, "It is not signed by its writer for this event."},
	{keys.ErrWeakKey, CodeWeakKey, "Its writer's key is one for which anybody can sign, so it is nobody's."},
	{keys.ErrActor, CodeSignature, "It does not say by whom it was written."},
	{wire.ErrTooLarge, CodeTooLarge, "It is larger than a change may be."},
	{wire.ErrTooManyOps, CodeTooLarge, "It holds more operations than a change may."},
	{wire.ErrTooManyPreds, CodeTooLarge, "It replaces more values than a change may."},
	{wire.ErrTooManyHashes, CodeTooLarge, "It builds on more changes at once than a change may."},
	{wire.ErrShape, CodeSchema, "It does something that an event has no place for."},
}

// RefusalOf turns an error about a change, of wire's decoder, of the graph, of
// Verify or of a Policy, into a refusal with its code. What it does not know is
// malformed. nil gives nil.
func RefusalOf(err error) *Refusal {
	if err == nil {
		return nil
	}
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return &Refusal{c.code, c.reason}
		}
	}
	return &Refusal{CodeMalformed, "It is not a change that can be read: " + err.Error() + "."}
}
