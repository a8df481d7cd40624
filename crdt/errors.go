package crdt

import "errors"

// The errors of a Document. Except where noted, the document is unchanged when one is
// returned. For a field over its limit, a *qa.FieldError is returned.
var (
	// ErrNoEngine is returned by ReadDocument where automerge-go cannot run: in a browser,
	// or in a build without cgo.
	ErrNoEngine = errors.New("this build of Flyleaf cannot read an .automerge file that another program saved; nothing was changed; use a build with cgo, or a bundle")
	// ErrSnapshot is returned by Load for a snapshot that another engine saved. The ledger
	// has the changes that it contains.
	ErrSnapshot = errors.New("another engine saved this snapshot")
	// ErrNotEvent is returned by Load for a document that is neither an event nor a club.
	ErrNotEvent = errors.New("the document is not a Flyleaf event")
	// ErrNewerRules is returned by Do for an event with a later version of the rules. The
	// event can be read.
	ErrNewerRules = errors.New("this event uses newer rules, so nothing was changed; update Flyleaf to write in it")
	// ErrBroken is returned after the engine failed in the middle of a change, or made
	// a different change from the planned one. Close the document and load it again from the
	// ledger, which does not have the failed change.
	ErrBroken = errors.New("the document in memory is no longer reliable and must be loaded again; everything saved is safe")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("the document has been closed")
	// ErrNoPost is returned for an act on a post that the document does not have.
	ErrNoPost = errors.New("the event has no such post")
	// ErrNotYours is returned for an edit or withdrawal of another person's post, and for a
	// claim that another key than the invitation's writes.
	ErrNotYours = errors.New("only its writer can do this")
	// ErrClaimed is returned for a claim of an invitation that another person has claimed.
	ErrClaimed = errors.New("somebody else has used this invitation; ask the organiser for another")
	// ErrTooBig is returned for an act whose change would exceed the limits of a change.
	ErrTooBig = errors.New("the act is too big for one change")
	// ErrBadActor is returned for an actor ID that is not 40 bytes long.
	ErrBadActor = errors.New("the actor is not 40 bytes")
)
