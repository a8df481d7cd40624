package storage

import (
	"encoding/json"
	"fmt"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// ViewRows is a ViewUpdate as implementations keep it: as JSON, with the words that a
// search compares.
type ViewRows struct {
	Event     []byte // JSON; nil: none
	Posts     []PostRow
	Reactions []ReactionUpdate
	People    []PersonRow
	Replace   bool // delete the old rows first
}

// PostRow is a post without its reactions.
type PostRow struct {
	ID, Parent qa.PostID
	AtMillis   int64
	JSON       []byte
	Words      []string // see Words
}

// PersonRow is a person.
type PersonRow struct {
	ID   qa.Identity
	JSON []byte
}

// Empty reports whether nothing is to be written.
func (v *ViewRows) Empty() bool {
	return !v.Replace && v.Event == nil && len(v.Posts) == 0 && len(v.Reactions) == 0 && len(v.People) == 0
}

// EncodeViews makes the rows of an update.
func EncodeViews(u ViewUpdate) (v ViewRows, err error) {
	v.Reactions = append(v.Reactions, u.Reactions...)
	if u.Event != nil {
		if v.Event, err = json.Marshal(u.Event); err != nil {
			return v, fmt.Errorf("storage: %w", err)
		}
	}
	for _, p := range u.Posts {
		p.Reactions = nil
		row := PostRow{ID: p.ID, Parent: p.Parent, AtMillis: p.AtMillis, Words: Words(SearchText(&p))}
		if row.JSON, err = json.Marshal(&p); err != nil {
			return v, fmt.Errorf("storage: post %s: %w", p.ID, err)
		}
		v.Posts = append(v.Posts, row)
	}
	for _, p := range u.People {
		row := PersonRow{ID: p.ID}
		if row.JSON, err = json.Marshal(&p); err != nil {
			return v, fmt.Errorf("storage: person %s: %w", p.ID, err)
		}
		v.People = append(v.People, row)
	}
	return v, nil
}

// DecodeView reads what EncodeViews wrote. Such a row can only be damaged; a rebuild of
// the views mends it.
func DecodeView(b []byte, into any) error {
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%w: a view; rebuilding the views mends it (%w)", ErrDamaged, err)
	}
	return nil
}

// Prepare does what an append can do before its transaction: it checks the entries and
// encodes the views of each batch. Work is false when nothing is to be written.
func Prepare(batches []Batch) (rows []ViewRows, work bool, err error) {
	rows = make([]ViewRows, len(batches))
	for i := range batches {
		b := &batches[i]
		for j := range b.Entries {
			if err := CheckEntry(&b.Entries[j]); err != nil {
				return nil, false, err
			}
		}
		if rows[i], err = EncodeViews(b.Views); err != nil {
			return nil, false, err
		}
		rows[i].Replace = b.ReplaceViews
		work = work || !b.Empty(&rows[i])
	}
	return rows, work, nil
}

// Empty reports whether b, with its encoded rows, writes nothing.
func (b *Batch) Empty(rows *ViewRows) bool {
	return len(b.Entries) == 0 && len(b.Statuses) == 0 && rows.Empty()
}

// walkPage is how many entries a walk holds at a time.
const walkPage = 256

// Page is what a walk reads at a time.
type Page struct {
	Intact  []Entry
	Damaged []wire.Hash
	Last    int64 // the position of the last entry, sound or not
	rows    int
}

// Add adds an entry that was read, whose bytes are what was stored or not.
func (p *Page) Add(e Entry, sound bool) {
	p.rows++
	p.Last = e.Position
	if sound {
		p.Intact = append(p.Intact, e)
	} else {
		p.Damaged = append(p.Damaged, e.Hash)
	}
}

// Walk is Ledger.Entries for implementations that read pages. Read adds at most limit
// entries after a position to the page, ascending; it may be called again for the same
// position only with an empty page. No transaction is open while fn runs, so fn may take
// its time and call the store.
func Walk(event qa.EventID, after int64, read func(after int64, limit int, page *Page) error, fn func(Entry) error) error {
	var damaged []wire.Hash
	for {
		var page Page
		if err := read(after, walkPage, &page); err != nil {
			return err
		}
		for _, e := range page.Intact {
			if err := fn(e); err != nil {
				return err
			}
		}
		damaged = append(damaged, page.Damaged...)
		if page.rows < walkPage {
			break
		}
		after = page.Last
	}
	if damaged != nil {
		return &DamagedError{Event: event, Hashes: damaged}
	}
	return nil
}
