package node

import (
	"errors"
	"fmt"
	"strings"

	"flyleaf/crdt"
	"flyleaf/crdt/policy"
	"flyleaf/keys/identity"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/schema"
	"flyleaf/storage"
)

// Kind is the kind of an error. Exit codes of the command line, statuses of pages and of the
// API, and the advice shown with the error follow from it.
type Kind string

// The kinds. Failed is every other error, such as a disk error or a bug.
const (
	Failed           Kind = ""
	NotFound         Kind = "not-found"     // there is no such event, post, picture …
	NotFetched       Kind = "not-fetched"   // the event is followed and nothing of it has arrived yet
	Invalid          Kind = "invalid"       // the input breaks a limit or a rule, or a file cannot be read
	NotAllowed       Kind = "not-allowed"   // the user has no role that may do this
	NotInvited       Kind = "not-invited"   // the event is invitation-only and the user has no role in it
	OtherRelay       Kind = "other-relay"   // joining would move an event to another relay; Invitation.Move allows it
	NotSynced        Kind = "not-synced"    // relay and device do not have the same changes yet
	Disagree         Kind = "disagree"      // relay and device will never have the same changes: one refuses the other's
	ProfileNotShared Kind = "not-told"      // the profile is saved on this device but could not be written to every event
	ReadOnly         Kind = "read-only"     // the store is read-only
	OtherVersion     Kind = "other-version" // the process that serves the data directory is another version of Flyleaf
	Unreachable      Kind = "unreachable"   // that process does not answer
)

// refusal reports whether the rules or the user's roles refuse an input: trying again does not help.
func (k Kind) refusal() bool {
	return k == Invalid || k == NotAllowed || k == NotInvited || k == OtherRelay
}

// Error is an error with a known kind, or one that came from another process.
type Error struct {
	Kind    Kind
	Refused []Refusal // the changes at fault, for NotSynced and Disagree
	Err     error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the original error. An error from another process has lost its type.
func (e *Error) Unwrap() error { return e.Err }

// WithKind returns err with a kind, or nil if err is nil.
func WithKind(kind Kind, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: kind, Err: err}
}

// Errorf formats an error of a kind.
func Errorf(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// kinds maps errors of other packages to their kinds.
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
	{replica.ErrInviteGranted, Invalid},
	{replica.ErrOnlyQuestions, Invalid},
	{crdt.ErrNotYours, Invalid},
	{replica.ErrEventClosed, Invalid},
	{crdt.ErrClaimed, Invalid},
	{identity.ErrContact, Invalid},
}

// KindOf returns the kind of err.
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

// RefusedBy returns the refused changes of an error of kind NotSynced or Disagree.
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

// writersOf says who may write a key of a map according to the schema; "an organiser" for a key
// that is not in the schema.
func writersOf(m schema.Map, key string) string {
	r := m.Row(key)
	for r != nil && r.Map != schema.NoMap {
		r = r.Map.Keyed()
	}
	if r == nil {
		return "an organiser"
	}
	var who []string
	if r.OwnerExempt {
		who = append(who, "the asker")
	}
	for _, w := range []struct {
		role  schema.Roles
		words string
	}{
		{schema.Author, "an author"},
		{schema.Moderator, "a moderator"},
		{schema.Organiser, "an organiser"},
		{schema.Founder, "the founder"},
	} {
		if r.By&w.role != 0 {
			who = append(who, w.words)
		}
	}
	last := len(who) - 1
	if last < 1 {
		return strings.Join(who, "")
	}
	return strings.Join(who[:last], ", ") + " or " + who[last]
}

// explainAct replaces the error of a refused act by one that says who is allowed to do it.
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
		who = writersOf(schema.MapMarks, act.Mark)
	case qa.ActBlock:
		who = writersOf(schema.MapRoot, schema.KeyBlocks)
	case qa.ActWinner:
		who = writersOf(schema.MapRoot, schema.KeyWinners)
	case qa.ActDraw:
		who = writersOf(schema.MapDraw, act.Mark)
	case qa.ActRole:
		who = writersOf(schema.MapRolesOf, string(act.Role))
	case qa.ActPost, qa.ActEdit, qa.ActReact, qa.ActPerson, qa.ActWithdraw, qa.ActExtra:
		if act.AsAuthor {
			break
		}
		return Errorf(NotInvited, "only invited people can write in this event, and you have no role in it yet; nothing was changed")
	}
	return Errorf(NotAllowed, "only %s can do this, and you are not one; nothing was changed", who)
}
