package policy

import (
	"errors"
	"fmt"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
)

// Code is the machine-readable reason why a change is not accepted. Codes are stable:
// they are sent to the change's sender and stored in ledgers.
type Code string

// Refused: the change is invalid, for good and on every device. DESIGN.md says rule by
// rule which code applies.
const (
	CodeMalformed    Code = "malformed"           // not a change that a correct writer produces
	CodeTooLarge     Code = "too-large"           // exceeds the limits of a change
	CodeSchema       Code = "schema"              // does not have the shape of an event's changes
	CodeSignature    Code = "signature"           // not signed by its writer for this event
	CodeGenesis      Code = "genesis"             // a founding change of another event, or an incomplete one
	CodeSequence     Code = "sequence"            // wrong sequence number, operation counter or deps
	CodeDuplicateSeq Code = "duplicate-seq"       // depends on another change with the same actor and sequence number
	CodeDependsOn    Code = "depends-on-refused"  // depends on a refused change
	CodeObject       Code = "object"              // writes into a map that is not in its past
	CodePreds        Code = "preds"               // does not replace exactly the values that are current at the key in its past
	CodeKey          Code = "key"                 // the schema has no such key there
	CodeValue        Code = "value"               // the value has the wrong type or form for the key
	CodeLimit        Code = "limit"               // too long, or too many
	CodeOnce         Code = "once"                // sets a key again, or late, that is set once
	CodePost         Code = "post"                // an incomplete post
	CodePostID       Code = "post-id"             // the post ID does not match the operation that created the post
	CodeRevisionID   Code = "revision-id"         // the revision ID does not match the operation that wrote it
	CodeParent       Code = "parent"              // replies to a post that is not in its past
	CodeRole         Code = "role"                // its writer does not hold the role in its past
	CodeOwner        Code = "owner"               // changes something that belongs to another person
	CodeClosed       Code = "closed"              // a new post in an event that is closed in its past
	CodeClaim        Code = "claim"               // an invalid claim, or another change by an invitation key
	CodeBlob         Code = "blob"                // a blob with other operations in its change, or one that does not match its key
	CodeRepeated     Code = "repeated"            // writes one key twice
	CodeOperations   Code = "too-many-operations" // more operations of a kind than any act makes
	CodeWeakKey      Code = "weak-key"            // anybody can sign for its writer's key
	CodeText         Code = "text"                // contains forbidden characters, or no visible character
	CodeEquivocation Code = "equivocation"        // refers to something that is void in its past, because its writer signed two versions
	CodeTooOften     Code = "too-often"           // its writer wrote the key too often, or a text has too many versions
)

// Deferred: the relay or device that gives this reason did not accept the change now
// and may accept it later. It says nothing about validity.
const (
	CodePendingFull Code = "waiting-full"
	CodeHeads       Code = "too-many-heads"
	CodeFull        Code = "document-full"
	CodeBlocked     Code = "blocked"
	CodeRate        Code = "rate"
	CodeQuota       Code = "quota"
	CodeLate        Code = "late"       // a post that arrived long after the event was closed
	CodeFounding    Code = "founding"   // too many events were created from one address
	CodeRelayFull   Code = "relay-full" // the relay's disk is too full
)

// Deferred reports whether a change that is not accepted for this reason may be
// accepted later.
func (c Code) Deferred() bool {
	switch c {
	case CodePendingFull, CodeHeads, CodeFull, CodeBlocked, CodeRate, CodeQuota, CodeLate, CodeFounding, CodeRelayFull:
		return true
	}
	return false
}

// Refusal is the error for a change that is not accepted.
type Refusal struct {
	Code   Code
	Reason string // one sentence, for a person
}

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }

func refuse(code Code, format string, args ...any) error {
	return &Refusal{code, fmt.Sprintf(format, args...)}
}

// codes maps the errors of the packages below to codes. The first match counts.
var codes = []struct {
	err    error
	code   Code
	reason string
}{
	{graph.ErrDuplicateSeq, CodeDuplicateSeq, "This change depends on another change with the same number by the same writer."},
	{graph.ErrSeqGap, CodeSequence, "This change does not depend on its writer's earlier change."},
	{graph.ErrOwnPrevious, CodeSequence, "This change does not name its writer's previous change as a dependency."},
	{graph.ErrStartOp, CodeSequence, "The operations of this change are not numbered after those that it depends on."},
	{graph.ErrMalformed, CodeMalformed, "This is not a valid change of an event."},
	{graph.ErrDependsOnRefused, CodeDependsOn, "This change depends on a change that was refused."},
	{graph.ErrPendingFull, CodePendingFull, "Too many changes are waiting for changes that have not arrived. This change will be requested again."},
	{graph.ErrFull, CodeFull, "The event has reached its limit of changes."},
	{keys.ErrSignature, CodeSignature, "This change is not signed by its writer for this event."},
	{keys.ErrWeakKey, CodeWeakKey, "The writer's key is unsafe: anybody can sign for it."},
	{keys.ErrActor, CodeSignature, "This change does not name its writer."},
	{wire.ErrTooLarge, CodeTooLarge, "This change is too large."},
	{wire.ErrTooManyOps, CodeTooLarge, "This change has too many operations."},
	{wire.ErrTooManyPreds, CodeTooLarge, "This change replaces too many values."},
	{wire.ErrTooManyHashes, CodeTooLarge, "This change depends on too many changes."},
	{wire.ErrShape, CodeSchema, "This change does something that an event does not allow."},
}

// RefusalOf turns an error of wire's decoder, the graph, Verify or a Policy into a
// refusal with its code. An unknown error becomes malformed, and nil stays nil.
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
