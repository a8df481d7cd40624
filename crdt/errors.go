package crdt

import "errors"

// The errors of a Document. Unless it says otherwise, nothing has changed when
// one is returned. Fields that pass a limit are refused with a *qa.FieldError.
var (
	// ErrNoEngine is returned by ReadDocument where automerge-go cannot run, as in a
	// browser or in a build without cgo.
	ErrNoEngine = errors.New("this build of Flyleaf cannot read an .automerge file that another program saved; nothing was changed; use a build with cgo, or a bundle")
	// ErrSnapshot is returned by Load for a snapshot that another engine saved. The
	// changes it was made of are in the ledger.
	ErrSnapshot = errors.New("the snapshot is not one that this engine saved")
	// ErrNotEvent is returned by Load when the document is not an event of schema 1.
	ErrNotEvent = errors.New("the document is not a Flyleaf event")
	// ErrNewerRules is returned by Do when the event follows rules this version does
	// not know. It can be read.
	ErrNewerRules = errors.New("the event follows newer rules: nothing was changed; update Flyleaf to write in it")
	// ErrBroken is returned after automerge-go failed half-way or made another
	// change than it was asked for. The document is not used any more: close it and
	// load it again from the ledger, which does not have the failed change.
	ErrBroken = errors.New("the document in memory is not reliable any more and must be loaded again; what was saved is safe")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("the document has been closed")
	// ErrNoPost is returned when the act names a post that the document does not have.
	ErrNoPost = errors.New("the event has no such post")
	// ErrNotYours is returned when somebody else's post is to be edited or withdrawn,
	// or an invitation claimed by another key than its own.
	ErrNotYours = errors.New("only its writer can do this")
	// ErrClaimed is returned when an invitation is claimed that somebody else has claimed.
	ErrClaimed = errors.New("this invitation has been used by somebody else; ask the organiser for another")
	// ErrEventClosed is returned when a post is made in an event that is closed.
	ErrEventClosed = errors.New("the event is closed: it takes no more questions and replies")
	// ErrTooBig is returned when the act would make a change that no device takes.
	ErrTooBig = errors.New("the act is too big for one change")
	// ErrBadActor is returned when an actor is not 40 bytes: identity and 8 random bytes.
	ErrBadActor = errors.New("the actor is not 40 bytes")
)
