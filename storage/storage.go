// Package storage defines the Store interface for what Flyleaf keeps on disk: the ledger of
// changes, the views derived from it, and what belongs to this device alone.
//
// The ledger is the truth. Views can be dropped and rebuilt from it and are
// never read back into it. Local data is neither synced nor derived, and a
// rebuild never touches it. storage/sqlite, storage/mem and storage/idb implement Store;
// the suite in storage/storagetest is run against all of them.
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
	// ErrMismatch is returned by Append when an entry's bytes are not a change
	// chunk of the hash it claims, or its signature has a length other than 0
	// and 64. It is a mistake of the caller; nothing of the call was stored.
	ErrMismatch = errors.New("storage: the bytes do not match the hash")
	// ErrDamaged is returned when stored bytes do not match their checksum. For
	// changes it is a *DamagedError, which names them.
	ErrDamaged = errors.New("storage: stored data is damaged")
	// ErrFull is returned when the disk has no room; nothing of the batch was stored.
	ErrFull = errors.New("storage: no room on the disk")
	// ErrDeleted is returned when the whole store was deleted while it was open, by the
	// browser or by a person.
	ErrDeleted = errors.New("storage: what was kept here has been deleted")
	// ErrClosed is returned by every call after Close.
	ErrClosed = errors.New("storage: closed")
)

// Status is the state of a change in the ledger.
type Status uint8

// The statuses. Only changes InDocument are part of the event.
const (
	InDocument Status = iota
	Deferred          // the relay will not take it now
	Refused           // invalid
	Excluded          // was in the document; the policy rejects it now
)

// Entry is one row of the ledger: a change and what this device knows of it.
type Entry struct {
	Position         int64 // ascending over the whole store, given by Append; never reused
	Hash             wire.Hash
	Actor            wire.ActorID
	Seq              uint64
	Bytes            []byte // the type-1 chunk
	Signature        []byte // 64 bytes, or nil when unsigned
	ReceivedAtMillis int64
	Status           Status
	Own              bool   // made on this device
	Act              []byte // own changes: the act as JSON, otherwise nil
	Delivered        bool   // own changes: a relay confirmed receipt
}

// Batch is the writes to one document in one transaction.
type Batch struct {
	Event   qa.EventID
	Entries []Entry // a parent before its children; Position is ignored
	// Statuses sets the status of changes, including those in Entries. Unknown hashes are ignored.
	Statuses map[wire.Hash]Status
	Views    ViewUpdate
	// Whole: delete the document's old views first.
	ReplaceViews bool
}

// ViewUpdate replaces the named rows of the views. The zero value touches none.
type ViewUpdate struct {
	Event     *qa.Event
	Posts     []qa.Post // Reactions in here are ignored; see Reactions
	Reactions []ReactionUpdate
	People    []qa.Person
}

// SearchHit is a post that SearchAll found.
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
	// is left as it is, unless what is stored was found damaged: then it is
	// replaced. Views are applied all the same. An empty call does nothing.
	Append(ctx context.Context, batches ...Batch) error
	// Entries calls fn with the document's entries after the position, ascending.
	// An error of fn ends the walk and is returned. fn may call the store; entries
	// appended during the walk may or may not be visited. Damaged entries are
	// passed over: the walk goes on, and then returns a *DamagedError naming them.
	Entries(ctx context.Context, event qa.EventID, after int64, fn func(Entry) error) error
	// Pending is Entries for the own changes in the document that no relay holds. Its cost depends
	// only on the number of entries visited.
	Pending(ctx context.Context, event qa.EventID, fn func(Entry) error) error
	// Entry returns one change. ErrNotFound when the document does not have it.
	Entry(ctx context.Context, event qa.EventID, hash wire.Hash) (Entry, error)
	// Documents lists every document that has an entry, ascending.
	Documents(ctx context.Context) ([]qa.EventID, error)
	// SetDelivered marks own changes as held, or no longer held, by a relay.
	// No hashes means all of the document. Hashes that the document does not
	// have, and changes of others, are passed over.
	SetDelivered(ctx context.Context, event qa.EventID, delivered bool, hashes ...wire.Hash) error
	// Counts returns how many changes in the document there are, and how many
	// own ones no relay holds.
	Counts(ctx context.Context, event qa.EventID) (Counts, error)
}

// Counts are numbers about one document's ledger.
type Counts struct {
	Changes       int // InDocument
	NotInDocument int // of any other status
	Pending       int // own, InDocument, not Delivered
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
	// Search returns the posts that match all terms of the query, best first. See Terms and Words:
	// prefix match, ignoring case and accents. Operators and quotes are not words, so that no query
	// is an error. A query of no words finds nothing.
	Search(ctx context.Context, event qa.EventID, query string, limit int) ([]qa.PostID, error)
	// SearchAll is Search over all documents.
	SearchAll(ctx context.Context, query string, limit int) ([]SearchHit, error)
	// ReplaceViews drops the document's views and stores these, in one transaction.
	ReplaceViews(ctx context.Context, event qa.EventID, views ViewUpdate) error
}

// Following is a followed event.
type Following struct {
	Event          qa.EventID
	Relay          string // ws:// or wss:// URL, "" for none
	JoinedAtMillis int64
}

// Snapshot is a saved document that makes loading faster. It can be thrown away.
type Snapshot struct {
	Position int64 // the last ledger position inside it
	Bytes    []byte
}

// Local is data of this device only: followed events, settings, drafts, snapshots.
type Local interface {
	Follow(ctx context.Context, f Following) error // insert or replace
	// Unfollow ends the following. Ledger, views and settings stay, so unsent changes are not lost.
	Unfollow(ctx context.Context, event qa.EventID) error
	Following(ctx context.Context) ([]Following, error) // ascending by JoinedAtMillis, then event

	// Setting returns ErrNotFound when it was never set. Drafts and read marks
	// are settings too; keys are slash-separated paths.
	Setting(ctx context.Context, key string) (string, error)
	SetSetting(ctx context.Context, key, value string) error
	DeleteSetting(ctx context.Context, key string) error
	// Settings returns all whose key begins with the prefix.
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
	// Close waits for calls under way and lets go of the file. A second Close
	// does nothing.
	Close() error
}
