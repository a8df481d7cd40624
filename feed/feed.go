// Package feed reports the changes of an event to other programs: who did what to which post, the
// new text, and the event, posts and people that each change modified. Reader reads the change feed
// from a ledger, on a device or on a relay. NewAPI serves the feed and the device's events over
// HTTP. openapi.yaml describes version 1 of that API.
//
// A program that applies the entries in order, from any cursor at which it stopped, ends up with
// the same event, posts and people as Flyleaf: an Entry's rows replace the rows of the same ID. A
// cursor is the position of a change in the ledger of one device or relay. It stays valid across
// restarts, but has no meaning for another ledger.
//
// An entry holds the rows as they were after its change, not as they are now. When changes are
// excluded from the event, an entry with Reset tells the reader to delete all rows of the event.
// The following rows are the complete new state.
//
// No request changes anything. Requests to a device need its token, except for the description and
// for an event's Atom and JSON feeds, which have their own key. A device does not answer pages of
// other sites (see APIConfig.Hosts). A relay has no token: its source decides what may be read.
package feed

import (
	"context"
	"errors"
	"fmt"
	"math"

	"flyleaf/crdt/describe"
	"flyleaf/crdt/document"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// maxRows bounds the posts and people of one Entry. One change can touch all of an event, and a
// client must read a whole entry before using it.
const maxRows = 200

// Entry is one change of an event, or a part of one.
type Entry struct {
	// Cursor is the position of the change. Reading resumes after it.
	Cursor int64                  `json:"cursor"`
	Change string                 `json:"change"` // hash, hex
	By     qa.Identity            `json:"by"`
	At     int64                  `json:"at"` // ms since 1970 UTC, by the writer's clock
	Did    []qa.ChangeDescription `json:"did,omitempty"`
	// Void: the change has no effect, because its writer signed two different versions of it or of
	// an earlier change. If a change becomes void later, the entry of the change that revealed the
	// equivocation has the updated rows.
	Void bool `json:"void,omitempty"`
	// Reset: delete all rows of the event before applying the rows of this entry.
	Reset bool `json:"reset,omitempty"`
	Now   Rows `json:"now"`
	// More: another entry with the same cursor follows, and both belong to one change. A reader that
	// stops between them must resume from the previous cursor.
	More bool `json:"more,omitempty"`
}

// Rows are the rows that a change modified, in their state after the change.
type Rows struct {
	Event  *qa.Event   `json:"event,omitempty"`
	Posts  []qa.Post   `json:"posts,omitempty"` // with their reactions
	People []qa.Person `json:"people,omitempty"`
}

// Ledger gives the ledger's rows of an event after a position, in order. storage.Ledger implements
// it.
type Ledger interface {
	Entries(ctx context.Context, event qa.EventID, after int64, fn func(storage.Entry) error) error
}

// Reader reads the change feed of one event. It is not safe for concurrent use. It keeps
// the event in memory.
type Reader struct {
	ledger   Ledger
	event    qa.EventID
	cursor   int64
	document *document.Document // nil: it must be built from the changes up to the cursor
}

// NewReader returns a reader that begins after a cursor; 0 is the beginning.
func NewReader(ledger Ledger, event qa.EventID, after int64) *Reader {
	return &Reader{ledger: ledger, event: event, cursor: max(after, 0)}
}

// Read calls fn with each entry after the cursor, in order, and returns when there are no more. A
// later Read continues from there. The first Read also reads all changes up to the cursor, without
// calling fn. An error of fn or of the ledger is returned, and the next Read repeats that entry.
//
// If rows of the ledger are damaged, Read reads all other rows and then returns storage.ErrDamaged.
// Rows that have been fetched again have their old positions, so the feed must then be read again
// from 0.
func (r *Reader) Read(ctx context.Context, fn func(Entry) error) error {
	if r.document == nil {
		if err := r.build(ctx, r.cursor, math.MaxInt); err != nil {
			r.document = nil
			return err
		}
	}
	return r.ledger.Entries(ctx, r.event, r.cursor, func(e storage.Entry) error {
		err := r.next(ctx, e, fn)
		if err != nil {
			r.document = nil // the document is ahead of the cursor now
			return err
		}
		r.cursor = e.Position
		return nil
	})
}

// empty returns the event's document before its first change. The owner of the ledger has
// validated the changes.
func (r *Reader) empty() *document.Document {
	return document.New(r.event, document.Options{Projection: true, Validated: true})
}

// build makes the document from the changes up to a position. ErrTooLong is returned if there are
// more than most changes.
func (r *Reader) build(ctx context.Context, until int64, most int) error {
	r.document = r.empty()
	err := r.ledger.Entries(ctx, r.event, 0, func(e storage.Entry) error {
		if e.Position > until {
			return errStop
		}
		if e.Status != storage.InDocument {
			return nil
		}
		if r.document.Graph().Len() >= most {
			return ErrTooLong
		}
		_, err := r.add(e)
		return err
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	r.document.Projection().Touched()
	return err
}

// ErrTooLong is returned for an event with more changes than the caller allows.
var ErrTooLong = errors.New("feed: the event has too many changes")

// errStop ends Ledger.Entries early.
var errStop = errors.New("feed: stop")

// add adds a row to the document. It returns the row's change, followed by the changes that were
// pending without it because rows of the ledger were damaged. It returns none if the row's change is
// itself pending.
//
// A document.Loader would not help. It decides again which rows are part of the document, and
// restores Excluded ones; the feed shows what the ledger's owner decided, so it would have to
// select the rows before. A Loader does not return the changes that were pending, and drops what it
// decoded, so that next would decode each change a second time.
func (r *Reader) add(e storage.Entry) ([]*document.Change, error) {
	c, err := decode(&e)
	if err != nil {
		return nil, err
	}
	// Without the bytes, the document keeps the change decoded.
	added, err := r.document.Add(document.NewChange(c, wire.Chunk{}, nil, e.ReceivedAtMillis))
	if err == nil && added.Refusal != nil {
		err = added.Refusal
	}
	if err != nil {
		return nil, fmt.Errorf("change %s at position %d: %w", e.Hash(), e.Position, err)
	}
	return added.Applied, nil
}

func decode(e *storage.Entry) (*wire.Change, error) {
	c, err := e.Decode(wire.EventLimits)
	if err != nil {
		return nil, fmt.Errorf("change %s at position %d: %w", e.Hash(), e.Position, err)
	}
	return c, nil
}

// next calls fn with the entries of one row of the ledger.
func (r *Reader) next(ctx context.Context, e storage.Entry, fn func(Entry) error) error {
	switch e.Status {
	case storage.InDocument:
	case storage.Excluded:
		return r.rebuilt(ctx, e, fn)
	default:
		return nil
	}
	changes, err := r.add(e)
	if err != nil || len(changes) == 0 {
		return err
	}
	p := r.document.Projection()
	var did []qa.ChangeDescription
	for _, c := range changes {
		did = append(did, describe.Change(c.Decoded, p.Path)...)
	}
	entry := entryOf(e.Position, changes[0].Decoded)
	entry.Did, entry.Void = did, p.IsVoid(changes[0].Meta.Hash)
	return inParts(entry, r.touched(), fn)
}

// rebuilt calls fn with the complete event after a change and its dependents were excluded.
func (r *Reader) rebuilt(ctx context.Context, e storage.Entry, fn func(Entry) error) error {
	c, err := decode(&e)
	if err != nil {
		return err
	}
	if err := r.build(ctx, e.Position, math.MaxInt); err != nil {
		return err
	}
	all := r.document.Views()
	entry := entryOf(e.Position, c)
	entry.Reset = true
	return inParts(entry, Rows{Event: all.Event, Posts: all.Posts, People: all.People}, fn)
}

func entryOf(cursor int64, c *wire.Change) Entry {
	return Entry{Cursor: cursor, Change: c.Hash.String(), By: qa.IdentityOfActor([]byte(c.Actor)), At: qa.ClampMillis(c.TimeMillis)}
}

// touched returns the rows that the last change touched. A change of a post's reactions touches the
// post.
func (r *Reader) touched() Rows {
	t := r.document.Touched()
	seen := map[qa.PostID]bool{}
	for i := range t.Posts {
		seen[t.Posts[i].ID] = true
	}
	for _, re := range t.Reactions {
		if p, ok := r.document.Projection().Post(re.Post); ok && !seen[re.Post] {
			seen[re.Post] = true
			t.Posts = append(t.Posts, p)
		}
	}
	return Rows{Event: t.Event, Posts: t.Posts, People: t.People}
}

// inParts calls fn with an entry, in parts of at most maxRows rows.
func inParts(e Entry, rows Rows, fn func(Entry) error) error {
	for {
		e.Now = Rows{Event: rows.Event}
		n := min(len(rows.Posts), maxRows)
		e.Now.Posts, rows.Posts = rows.Posts[:n], rows.Posts[n:]
		n = min(len(rows.People), maxRows-n)
		e.Now.People, rows.People = rows.People[:n], rows.People[n:]
		e.More = len(rows.Posts)+len(rows.People) > 0
		if err := fn(e); err != nil || !e.More {
			return err
		}
		e.Did, e.Reset, rows.Event = nil, false, nil
	}
}
