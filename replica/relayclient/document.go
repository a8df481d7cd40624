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

// Document is one event's document as a connection sees it. The methods lock the
// document themselves, so none may be called from within f of View or Receive.
type Document interface {
	// ID returns the event.
	ID() qa.EventID
	// Begin is called when a new connection begins to exchange the event. Refusals
	// that another connection may see otherwise are forgotten.
	Begin(ctx context.Context) error
	// View loads the document and calls f while it is locked.
	View(ctx context.Context, f func(State) error) error
	// Receive takes those of a relay's changes that are valid, each with its signature,
	// onto disk, and calls f while the document is still locked. It returns the posts
	// that changed. signatures has keys.SignatureSize bytes for each change, or none.
	// ErrTooManyRefused and storage.ErrFull are among the errors.
	Receive(ctx context.Context, changes [][]byte, signatures []byte, f func(State, Received) error) ([]qa.PostID, error)
	// Respond does what the device does by itself after posts have changed.
	Respond(ctx context.Context, posts []qa.PostID) error
	// ReceiveEphemeral takes in a message that is sent once and stored nowhere.
	ReceiveEphemeral(m *repo.Message)
	// RelayRefusals returns what State.NoteRefused noted.
	RelayRefusals() []Refusal
	// End is called when the event is no longer exchanged over this connection.
	End(ctx context.Context)
}

// State is a document that is loaded and locked. All that it shows is on disk. It is
// valid until the call that it was passed to returns.
type State interface {
	sync.Source
	// Epoch changes when changes have been taken out of the document. What was said
	// before was said of another graph.
	Epoch() int
	// Refuses reports whether a change that is not here will not be taken.
	Refuses(h wire.Hash) bool
	// RefusedHere returns how many changes of the relay's were refused, and why one was.
	RefusedHere() (changes int, why string)
	// RelayRefusals returns what NoteRefused noted.
	RelayRefusals() []Refusal
	// AuthorityChanges counts the changes to roles, blocks and the closing of the event.
	AuthorityChanges() int
	// AccessKeys returns the keys that may prove to a relay that this device may read
	// the event, the likeliest first.
	AccessKeys() []keys.Key
	// NoteDelivery notes which own changes a relay with these heads holds. lossKnown
	// says whether it was found out on this connection if the relay has lost own
	// changes; NoteDelivery returns whether that is known now.
	NoteDelivery(ctx context.Context, theirHeads []wire.Hash, lossKnown bool) (bool, error)
	// NoteRefused notes which own changes the relay did not take.
	NoteRefused(ctx context.Context, refused []repo.Refusal) error
}

// Received says what a document was before changes were taken.
type Received struct {
	Heads            []wire.Hash
	Epoch            int // see State.Epoch
	AuthorityChanges int // see State.AuthorityChanges
}

// Refusal is a change that was not taken, and why.
type Refusal struct {
	Hash     wire.Hash
	Code     string // a policy.Code where this device refused it
	Reason   string // for people
	Deferred bool   // it may be taken later
}

var (
	// ErrTooManyRefused is returned when a relay sends more changes that cannot be
	// taken than a document remembers.
	ErrTooManyRefused = errors.New("the relay sends too many changes that cannot be taken")
	// ErrDisagree says that nothing but refused changes keeps relay and device apart:
	// each has what the other will not take.
	ErrDisagree = errors.New("relay and device do not agree: some changes were refused")
)

// IsDeadEnd reports whether an error says that waiting for an event to be synced is of
// no use: ErrDisagree, ErrTooManyRefused, sync.ErrNoProgress or sync.ErrTooManyRefused.
func IsDeadEnd(err error) bool {
	return errors.Is(err, ErrDisagree) || errors.Is(err, ErrTooManyRefused) ||
		errors.Is(err, sync.ErrNoProgress) || errors.Is(err, sync.ErrTooManyRefused)
}
