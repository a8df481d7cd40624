package node

import (
	"errors"
	"fmt"

	"flyleaf/crdt"
	"flyleaf/crdt/policy"
	"flyleaf/keys/identity"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
)

// Kind says what sort of failure an error is. Exit codes of the command line, statuses of
// pages and of the API, and what each of them advises, follow from it.
type Kind string

// The kinds. Failed is every error that is none of the others: a disk, a mistake of ours.
const (
	Failed           Kind = ""
	NotFound         Kind = "not-found"     // there is no such event, post, picture …
	Invalid          Kind = "invalid"       // the input is not taken: a limit, a rule, a file that cannot be read
	NotAllowed       Kind = "not-allowed"   // the person holds no role that may do this
	NotInvited       Kind = "not-invited"   // the event is by invitation and the person holds no role in it
	OtherRelay       Kind = "other-relay"   // joining would move an event to another relay; Invitation.Move allows it
	NotSynced        Kind = "not-synced"    // relay and device do not hold the same yet
	Disagree         Kind = "disagree"      // they never will: one refuses changes of the other
	ProfileNotShared Kind = "not-told"      // saved on this device, but an event could not be told
	ReadOnly         Kind = "read-only"     // the store can only be read
	OtherVersion     Kind = "other-version" // the process that serves the data directory is another version of Flyleaf
	Unreachable      Kind = "unreachable"   // that process does not answer
)

// Error is an error whose kind has been decided, or that came from another process.
type Error struct {
	Kind    Kind
	Refused []Refusal // of NotSynced and Disagree: the changes at fault
	Err     error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns what the error says, as it was where it happened; an error that came from
// another process has lost its types.
func (e *Error) Unwrap() error { return e.Err }

// WithKind gives err a kind. A nil err stays nil.
func WithKind(kind Kind, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: kind, Err: err}
}

// Errorf makes an error of a kind.
func Errorf(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// kinds gives the errors of the packages below their kinds.
var kinds = []struct {
	err  error
	kind Kind
}{
	{storage.ErrNotFound, NotFound},
	{replica.ErrUnknownEvent, NotFound},
	{replica.ErrUnknownPost, NotFound},
	{replica.ErrNothingToBundle, NotFound},
	{replica.ErrUnknownChange, NotFound},
	{replica.ErrNoInvitation, NotFound},
	{replica.ErrNoBlob, NotFound},
	{crdt.ErrNoPost, NotFound},
	{replica.ErrNotOrganiser, NotAllowed},
	{replica.ErrNoFirstChange, Invalid},
	{replica.ErrNotYetDelivered, Invalid},
	{replica.ErrInvitedOnly, Invalid},
	{replica.ErrOnlyQuestions, Invalid},
	{crdt.ErrNotYours, Invalid},
	{crdt.ErrEventClosed, Invalid},
	{crdt.ErrClaimed, Invalid},
	{identity.ErrContact, Invalid},
}

// KindOf tells what sort of failure err is.
func KindOf(err error) Kind {
	var decided *Error
	if errors.As(err, &decided) {
		return decided.Kind
	}
	var field *qa.FieldError
	var rule *policy.Refusal
	var relay *qa.OtherRelayError
	var sync *replica.NotSyncedError
	switch {
	case err == nil:
		return Failed
	case errors.As(err, &sync):
		if sync.Disagrees() {
			return Disagree
		}
		return NotSynced
	case errors.As(err, &relay):
		return OtherRelay
	case errors.As(err, &field), errors.As(err, &rule):
		return Invalid
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.kind
		}
	}
	return Failed
}

// RefusedBy returns the changes that an error of kind NotSynced or Disagree names.
func RefusedBy(err error) []Refusal {
	var decided *Error
	var sync *replica.NotSyncedError
	switch {
	case errors.As(err, &decided):
		return decided.Refused
	case errors.As(err, &sync):
		return refusals(sync.Refused)
	}
	return nil
}

func refusals(all []replica.Refusal) []Refusal {
	out := make([]Refusal, len(all))
	for i, r := range all {
		out[i] = Refusal{r.Hash.String(), r.Code, r.Reason, r.Deferred}
	}
	return out
}

// explainAct says who may do what a rule has refused.
func explainAct(act *qa.Act, err error) error {
	var r *policy.Refusal
	if !errors.As(err, &r) {
		return err
	}
	if r.Code != policy.CodeRole {
		return Errorf(Invalid, "%s Nothing was changed", r.Reason)
	}
	who := "an organiser"
	switch act.Kind {
	case qa.ActMark:
		who = "a moderator or an organiser"
		switch act.Mark {
		case "answered":
			who = "the one who asked, an author, a moderator or an organiser"
		case "assigned", "candidate":
			who = "an author"
		}
	case qa.ActBlock:
		who = "a moderator or an organiser"
	case qa.ActWinner, qa.ActDraw:
		who = "an author or an organiser"
	case qa.ActRole:
		if act.Role == qa.RoleOrganiser {
			who = "the founder"
		}
	case qa.ActPost, qa.ActEdit, qa.ActReact, qa.ActPerson, qa.ActWithdraw:
		if act.AsAuthor {
			break
		}
		return Errorf(NotInvited, "only invited people can write in this event, and you have no role in it yet; nothing was changed")
	}
	return Errorf(NotAllowed, "only %s can do this, and you are not one; nothing was changed", who)
}
