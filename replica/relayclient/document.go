package relayclient

import (
	"context"
	"errors"

	"flyleaf/crdt/sync"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
)

// Document is one event's document as a connection uses it. The methods lock the document
// themselves, so the functions passed to View and Receive must not call them.
type Document interface {
	// ID returns the event's ID.
	ID() qa.EventID
	// Begin is called when a new connection starts syncing the event. It forgets refusals
	// that may turn out otherwise on this connection.
	Begin(ctx context.Context) error
	// View loads the document and calls f while it is locked.
	View(ctx context.Context, f func(State) error) error
	// Receive saves the valid ones of a relay's changes, each with its signature, in one
	// transaction or, if they are many, in several. After the last one it calls
	// f while the document is still locked. It returns the posts that changed. signatures
	// has keys.SignatureSize bytes for each change, or is empty. ErrTooManyRefused and
	// storage.ErrFull are among the errors.
	Receive(ctx context.Context, changes [][]byte, signatures []byte, f func(State, Received) error) ([]qa.PostID, error)
	// Respond carries out the device's automatic acts after posts have changed.
	Respond(ctx context.Context, posts []qa.PostID) error
	// ReceiveEphemeral processes a message that is sent once and not stored.
	ReceiveEphemeral(m *repo.Message)
	// RelayRefusals returns the refusals that State.NoteRefused recorded.
	RelayRefusals() []Refusal
	// End is called when the event is no longer synced over this connection.
	End(ctx context.Context)
}

// State is a loaded, locked document. Everything that it returns is on disk. It is valid
// until the function that it was passed to returns.
type State interface {
	sync.Source
	// Epoch returns a number that changes when changes are excluded from the document.
	// Sync messages of an earlier epoch were about another graph.
	Epoch() int
	// Refuses reports whether the document will refuse a change that it does not have.
	Refuses(h wire.Hash) bool
	// RefusedHere returns how many of the relay's changes the document refused, and the
	// reason for one of them.
	RefusedHere() (changes int, why string)
	// RelayRefusals returns the refusals that NoteRefused recorded.
	RelayRefusals() []Refusal
	// AuthorityChanges returns the number of changes to roles, blocks and the closing of
	// the event.
	AuthorityChanges() int
	// AccessKeys returns the keys that may prove to a relay that this device may read
	// the event, the most likely first.
	AccessKeys() []keys.Key
	// NoteDelivery records which local changes a relay with these heads has. lossKnown says whether
	// this connection has already checked for changes that the relay lost; NoteDelivery returns its
	// new value.
	NoteDelivery(ctx context.Context, theirHeads []wire.Hash, lossKnown bool) (bool, error)
	// NoteRefused records which local changes the relay did not accept.
	NoteRefused(ctx context.Context, refused []repo.Refusal) error
}

// Received has the hashes of received changes, and the state of the document before they were
// added.
type Received struct {
	Changes          []wire.Hash
	Heads            []wire.Hash
	Epoch            int // see State.Epoch
	AuthorityChanges int // see State.AuthorityChanges
}

// Refusal is a change that was not accepted, and why.
type Refusal struct {
	Hash     wire.Hash
	Code     string // a policy.Code where this device refused it
	Reason   string // for people
	Deferred bool   // it may be accepted later
}

var (
	// ErrTooManyRefused is returned when a relay sends more invalid changes than a document
	// remembers.
	ErrTooManyRefused = errors.New("the relay sends too many changes that this device refuses")
	// ErrDisagree is returned when relay and device differ only by refused changes: each
	// has changes that the other refuses.
	ErrDisagree = errors.New("relay and device do not agree: some changes were refused")
)

// IsDeadEnd reports whether an error means that waiting for an event to be synced does not
// help: ErrDisagree, ErrTooManyRefused, sync.ErrNoProgress or sync.ErrTooManyRefused.
func IsDeadEnd(err error) bool {
	return errors.Is(err, ErrDisagree) || errors.Is(err, ErrTooManyRefused) ||
		errors.Is(err, sync.ErrNoProgress) || errors.Is(err, sync.ErrTooManyRefused)
}
