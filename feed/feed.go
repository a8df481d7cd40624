// Package feed tells other programs what happens in an event: who did what to which post,
// with the new text, and the rows that each change touched. Reader reads the change feed
// from a ledger, on a device or on a relay; NewAPI serves it over HTTP, with the events
// of a device beside it. openapi.yaml describes version 1 of that API.
//
// The change feed guarantees that a program which applies the entries in order, starting
// after any cursor at which it stopped, has exactly the views that Flyleaf has: an Entry's
// rows replace the rows of the same ID. A cursor is the position of a change in the ledger.
// It stays valid across restarts, and belongs to the ledger of that device or relay alone.
//
// An entry holds the rows as they were after its change, not as they are now. When changes
// are excluded from the event, an entry says Reset: forget all rows of the event; the rows
// that follow are all there are.
//
// No request changes anything. The API of a device needs its token for everything but the
// description and an event's Atom and JSON feeds, which have a key of their own, and
// does not answer pages of other sites (see APIConfig.Hosts). A relay has no token: its
// source decides what may be read.
package feed

import (
	"context"
	"errors"
	"fmt"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// maxRows is how many posts and people one Entry holds: one change can touch all
// of an event, and a line is to stay readable.
const maxRows = 200

// Entry is one line of the log.
type Entry struct {
	// Cursor is where to go on from after this entry: its change's position.
	Cursor int64               `json:"cursor"`
	Change string              `json:"change"` // hash, hex
	By     qa.Identity         `json:"by"`
	At     int64               `json:"at"` // ms since 1970 UTC, the writer's clock
	Did    []ChangeDescription `json:"did,omitempty"`
	// Reset: forget all rows of the event first.
	Reset bool `json:"reset,omitempty"`
	Now   Rows `json:"now"`
	// More: another entry with the same cursor follows and is a part of this one.
	// A reader that stops in between goes on from the cursor before.
	More bool `json:"more,omitempty"`
}

// Rows are what an entry touched, as it is after it. Each replaces the one of the
// same ID.
type Rows struct {
	Event  *qa.Event   `json:"event,omitempty"`
	Posts  []qa.Post   `json:"posts,omitempty"` // with their reactions
	People []qa.Person `json:"people,omitempty"`
}

// Ledger is what is read. storage.Ledger has it.
type Ledger interface {
	Entries(ctx context.Context, event qa.EventID, after int64, fn func(storage.Entry) error) error
}

// Reader reads one event's log. It is not safe for concurrent use.
type Reader struct {
	ledger     Ledger
	event      qa.EventID
	graph      *graph.Graph
	projection *projection.Projection
	held       map[wire.Hash]heldChange // wait for others that are damaged
	at         int64
}

// heldChange is a change with when it was received, in ms.
type heldChange struct {
	*wire.Change
	received int64
}

// NewReader returns a reader that goes on after a cursor; 0 is the beginning. The
// changes up to it are read by the first Read.
func NewReader(ledger Ledger, event qa.EventID, after int64) *Reader {
	return &Reader{ledger: ledger, event: event, at: max(after, 0)}
}

// Cursor returns the position that was read last.
func (r *Reader) Cursor() int64 { return r.at }

// Read calls fn with each entry after the cursor, in order, and returns at the end
// of what there is; a later Read goes on from there. An error of fn, or of the
// ledger, is returned: the entry it came from will be read again. When rows of the
// ledger are damaged, storage.ErrDamaged is returned after what could be read.
// They come back at their old place when they have been fetched again, so whoever
// was told of it has to begin anew at 0.
func (r *Reader) Read(ctx context.Context, fn func(Entry) error) error {
	if r.graph == nil {
		if err := r.build(ctx, r.at); err != nil {
			r.graph = nil
			return err
		}
	}
	err := r.ledger.Entries(ctx, r.event, r.at, func(e storage.Entry) error {
		err := r.next(ctx, e, fn)
		if err != nil {
			r.graph = nil // ahead of the cursor now
			return err
		}
		r.at = e.Position
		return nil
	})
	return err
}

// build adds up the changes up to a position.
func (r *Reader) build(ctx context.Context, until int64) error {
	r.graph = graph.New()
	r.projection = projection.New(r.event, r.graph, authority.New(r.graph))
	r.held = map[wire.Hash]heldChange{}
	err := r.ledger.Entries(ctx, r.event, 0, func(e storage.Entry) error {
		if e.Position > until {
			return errEnough
		}
		if e.Status != storage.InDocument {
			return nil
		}
		_, err := r.add(e)
		return err
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	r.projection.Touched()
	return err
}

var errEnough = errors.New("feed: enough")

// add takes a change, and returns it with those that had waited for it.
func (r *Reader) add(e storage.Entry) ([]*wire.Change, error) {
	c, err := wire.DecodeChange(e.Bytes)
	if err != nil {
		return nil, fmt.Errorf("change %s at position %d: %w", e.Hash, e.Position, err)
	}
	r.held[c.Hash] = heldChange{c, e.ReceivedAtMillis}
	added, err := r.graph.Add(graph.MetaOf(c))
	if err != nil {
		return nil, fmt.Errorf("change %s at position %d: %w", e.Hash, e.Position, err)
	}
	var out []*wire.Change
	for _, h := range added {
		c := r.held[h]
		delete(r.held, h)
		if err := r.projection.ApplyReceived(c.Change, c.received); err != nil {
			return nil, err
		}
		out = append(out, c.Change)
	}
	return out, nil
}

// next tells of one row of the ledger.
func (r *Reader) next(ctx context.Context, e storage.Entry, fn func(Entry) error) error {
	switch e.Status {
	case storage.InDocument:
	case storage.Left:
		// It completed a proof: others left with it.
		return r.reset(ctx, e, fn)
	default:
		return nil
	}
	changes, err := r.add(e)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		return nil
	}
	var did []ChangeDescription
	for _, c := range changes {
		did = append(did, describe(c, r.projection)...)
	}
	c := changes[0]
	return tell(Entry{
		Cursor: e.Position, Change: c.Hash.String(), By: qa.IdentityOfActor([]byte(c.Actor)), At: qa.ClampMillis(c.TimeMillis), Did: did,
	}, r.touched(), fn)
}

func (r *Reader) reset(ctx context.Context, e storage.Entry, fn func(Entry) error) error {
	c, err := wire.DecodeChange(e.Bytes)
	if err != nil {
		return fmt.Errorf("change %s at position %d: %w", e.Hash, e.Position, err)
	}
	if err := r.build(ctx, e.Position); err != nil {
		return err
	}
	var all Rows
	if r.graph.Len() > 0 {
		event := r.projection.Event()
		all = Rows{Event: &event, Posts: r.projection.Posts(), People: r.projection.People()}
	}
	return tell(Entry{
		Cursor: e.Position, Change: e.Hash.String(), By: qa.IdentityOfActor([]byte(c.Actor)), At: qa.ClampMillis(c.TimeMillis), Reset: true,
	}, all, fn)
}

// touched returns the rows that the last change touched.
func (r *Reader) touched() Rows {
	t := r.projection.Touched()
	var out Rows
	if t.Event {
		event := r.projection.Event()
		out.Event = &event
	}
	seen := map[qa.PostID]bool{}
	post := func(id qa.PostID) {
		if seen[id] {
			return
		}
		seen[id] = true
		if p, ok := r.projection.Post(id); ok {
			out.Posts = append(out.Posts, p)
		}
	}
	for _, id := range t.Posts {
		post(id)
	}
	for _, re := range t.Reactions {
		post(re.Post)
	}
	for _, id := range t.People {
		if p, ok := r.projection.Person(id); ok {
			out.People = append(out.People, p)
		}
	}
	return out
}

// tell calls fn with an entry, in parts where its rows are many.
func tell(e Entry, rows Rows, fn func(Entry) error) error {
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
