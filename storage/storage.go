// Package storage defines the Store interface for what Flyleaf keeps on disk: the ledger of
// changes, the views derived from it, and what belongs to this device alone.
//
// The ledger is the authoritative data. Views can be dropped and rebuilt from it, and nothing
// is ever copied from a view into the ledger. Local data is neither synced nor derived, and a
// rebuild does not change it. storage/sqlite, storage/mem and storage/idb implement Store; all
// of them are tested with the suite in storage/storagetest.
package storage

import (
	"context"
	"errors"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// Errors of every implementation.
var (
	// ErrNotFound is returned when nothing is stored under the given key.
	ErrNotFound = errors.New("storage: not found")
	// ErrForeign is returned by Open when the file is another program's database.
	ErrForeign = errors.New("storage: this database belongs to another program")
	// ErrNewer is returned by Open when the file was written by a newer Flyleaf.
	ErrNewer = errors.New("storage: this database was written by a newer version of Flyleaf")
	// ErrNotDatabase is returned by Open when the file is not a database.
	ErrNotDatabase = errors.New("storage: this file is not a database")
	// ErrMalformed is returned by Append when an entry has no chunk, or a signature of a
	// length other than 0 and 64. It is an error in the caller; nothing was stored.
	ErrMalformed = errors.New("storage: malformed entry")
	// ErrDamaged is returned when stored bytes do not match their checksum. For
	// changes it is a *DamagedError, which lists them.
	ErrDamaged = errors.New("storage: stored data is damaged")
	// ErrFull is returned when the disk is full; nothing of the batch was stored.
	ErrFull = errors.New("storage: no room on the disk")
	// ErrDeleted is returned when the whole store was deleted while it was open, by the
	// browser or by a person.
	ErrDeleted = errors.New("storage: the saved data has been deleted")
	// ErrClosed is returned by every call after Close.
	ErrClosed = errors.New("storage: closed")
)

// Status is the state of a change in the ledger.
type Status uint8

// The statuses. Only changes InDocument are part of the event.
const (
	InDocument Status = iota
	Deferred          // the relay does not accept it now, but may later
	Refused           // invalid
	Excluded          // was in the document, until the policy rejected it or a change that it depends on
)

// Entry is one row of the ledger: a change, and this device's notes about it.
type Entry struct {
	wire.Chunk
	Position         int64 // assigned by Append, ascending over the whole store; never reused
	Actor            wire.ActorID
	Seq              uint64
	Signature        []byte // 64 bytes, or nil when unsigned
	ReceivedAtMillis int64
	Status           Status
	Own              bool   // made on this device
	Act              []byte // local changes: the act as JSON, otherwise nil
	Delivered        bool   // local changes: a relay confirmed receipt
}

// Batch is a set of writes to one document.
type Batch struct {
	Event   qa.EventID
	Entries []Entry // dependencies before the changes that depend on them; Position is ignored
	// Statuses sets the status of changes, including those in Entries. Unknown hashes are ignored.
	Statuses map[wire.Hash]Status
	Views    ViewUpdate
	// ReplaceViews: delete the document's old views before storing Views.
	ReplaceViews bool
	Follow       *Following // also follow the event; see Local.Follow
}

// ViewUpdate replaces the given rows of the views. The zero value changes nothing.
type ViewUpdate struct {
	Event     *qa.Event
	Posts     []qa.Post // their Reactions are ignored; see Reactions
	Reactions []ReactionUpdate
	People    []qa.Person
}

// SearchHit is a post that a search over all documents found.
type SearchHit struct {
	Event qa.EventID
	Post  qa.PostID
}

// ReactionUpdate switches one person's emoji on a post on or off.
type ReactionUpdate struct {
	Post qa.PostID
	qa.Reaction
	On bool
}

// Ledger is the log of signed changes, of any number of documents.
type Ledger interface {
	// Append stores all batches in one durable transaction (fsynced when it
	// returns), or none of them. An entry whose hash the document already has
	// is not changed, unless the stored entry is damaged: then it is
	// repaired. The views are updated in any case. A call without writes does
	// nothing.
	Append(ctx context.Context, batches ...Batch) error
	// Entries calls fn with the document's entries after the position, ascending.
	// An error from fn ends the walk and is returned. fn may call the store; entries
	// appended during the walk may or may not be visited. Damaged entries are
	// skipped; at the end the walk returns a *DamagedError that lists them.
	Entries(ctx context.Context, event qa.EventID, after int64, fn func(Entry) error) error
	// Undelivered is Entries for the local changes in the document that no relay has. Its cost
	// depends only on the number of entries visited.
	Undelivered(ctx context.Context, event qa.EventID, fn func(Entry) error) error
	// Entry returns one change. ErrNotFound when the document does not have it, a
	// *DamagedError when it is damaged.
	Entry(ctx context.Context, event qa.EventID, hash wire.Hash) (Entry, error)
	// Documents lists every document that has an entry, ascending.
	Documents(ctx context.Context) ([]qa.EventID, error)
	// SetDelivered records that a relay has local changes, or no longer has them. Without hashes it
	// does so for all changes of the document. Hashes that the document does not have, and changes
	// by others, are ignored.
	SetDelivered(ctx context.Context, event qa.EventID, delivered bool, hashes ...wire.Hash) error
	// Counts returns the numbers of changes and posts of a document.
	Counts(ctx context.Context, event qa.EventID) (Counts, error)
}

// Counts are numbers about one document's ledger.
type Counts struct {
	Changes       int // InDocument
	NotInDocument int // of any other status
	Undelivered   int // own, InDocument, not Delivered
	Posts         int // rows in the posts view
	// Last is the position of the document's last entry of any status; 0: none.
	Last int64
}

// Views are the tables that pages are rendered from.
type Views interface {
	Event(ctx context.Context, event qa.EventID) (qa.Event, error)
	// Posts returns all posts with their reactions, in no particular order.
	// Only Event and Post return ErrNotFound; the others return nothing instead.
	Posts(ctx context.Context, event qa.EventID) ([]qa.Post, error)
	Post(ctx context.Context, event qa.EventID, post qa.PostID) (qa.Post, error)
	People(ctx context.Context, event qa.EventID) ([]qa.Person, error)
	// Search returns the posts that match all terms of the query, the best match first. See
	// Terms and Words: words match by prefix, without case and accents. Operators and quotes
	// are ignored, so no query is an error. A query without words finds nothing.
	Search(ctx context.Context, event qa.EventID, query string, limit int) ([]qa.PostID, error)
	// SearchAll is Search over all documents.
	SearchAll(ctx context.Context, query string, limit int) ([]SearchHit, error)
	// ReplaceViews replaces the document's views in one transaction.
	ReplaceViews(ctx context.Context, event qa.EventID, views ViewUpdate) error
}

// Following is a followed event.
type Following struct {
	Event          qa.EventID
	Relay          string // ws:// or wss:// URL, "" for none
	JoinedAtMillis int64
}

// Snapshot is a saved document that makes loading faster. It can be dropped at any time.
type Snapshot struct {
	Position int64 // of the last ledger entry in it
	Bytes    []byte
}

// Local is data of this device only: followed events, settings, drafts, snapshots.
type Local interface {
	Follow(ctx context.Context, f Following) error // insert or replace
	// Unfollow stops following the event. Ledger, views and settings stay, so unsent changes
	// are not lost.
	Unfollow(ctx context.Context, event qa.EventID) error
	Following(ctx context.Context) ([]Following, error) // ascending by JoinedAtMillis, then event

	// Setting returns ErrNotFound for a setting that is not set. Drafts and read marks
	// are settings too. Keys are slash-separated paths.
	Setting(ctx context.Context, key string) (string, error)
	SetSetting(ctx context.Context, key, value string) error
	DeleteSetting(ctx context.Context, key string) error
	// Settings returns all settings whose key begins with the prefix.
	Settings(ctx context.Context, prefix string) (map[string]string, error)

	SaveSnapshot(ctx context.Context, event qa.EventID, s Snapshot) error
	// Snapshot returns ErrNotFound when there is none and ErrDamaged when its
	// checksum does not match.
	Snapshot(ctx context.Context, event qa.EventID) (Snapshot, error)
}

// Store combines Ledger, Views and Local.
type Store interface {
	Ledger
	Views
	Local
	// Close waits for calls in progress and closes the store. A second Close does
	// nothing.
	Close() error
}
