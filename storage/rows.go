package storage

import (
	"encoding/json"
	"fmt"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// ViewRows is a ViewUpdate in the form that implementations store: as JSON, with the words
// that searches compare.
type ViewRows struct {
	Event     []byte // JSON; nil: none
	Posts     []PostRow
	Reactions []ReactionUpdate
	People    []PersonRow
	Replace   bool // delete the old rows first
}

// PostRow is a row of the posts view: a post without its reactions.
type PostRow struct {
	ID, Parent qa.PostID
	AtMillis   int64
	JSON       []byte
	Words      []string // see Words
}

// PersonRow is a row of the people view.
type PersonRow struct {
	ID   qa.Identity
	JSON []byte
}

// Empty reports whether the rows write nothing.
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

// DecodeView decodes a row that EncodeViews encoded. It fails only if the row is damaged;
// rebuilding the views repairs it.
func DecodeView(b []byte, into any) error {
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%w: a view; rebuilding the views repairs it (%w)", ErrDamaged, err)
	}
	return nil
}

// Prepare does the part of Append that needs no transaction: it checks the entries and
// encodes the views of each batch. writes is false when there is nothing to write.
func Prepare(batches []Batch) (rows []ViewRows, writes bool, err error) {
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
		writes = writes || !b.Empty(&rows[i])
	}
	return rows, writes, nil
}

// Empty reports whether b, with its encoded rows, writes nothing.
func (b *Batch) Empty(rows *ViewRows) bool {
	return len(b.Entries) == 0 && len(b.Statuses) == 0 && rows.Empty() && b.Follow == nil
}

// walkPage is how many entries a walk reads at a time.
const walkPage = 256

// Page is the entries that a walk reads at a time.
type Page struct {
	Intact  []Entry
	Damaged []wire.Hash
	Last    int64 // the position of the last entry, intact or damaged
	rows    int
}

// Add adds an entry that was read with its hash. intact says what SetChunk returned.
func (p *Page) Add(e Entry, hash wire.Hash, intact bool) {
	p.rows++
	p.Last = e.Position
	if intact {
		p.Intact = append(p.Intact, e)
	} else {
		p.Damaged = append(p.Damaged, hash)
	}
}

// Walk implements Ledger.Entries for stores that read pages. read adds at most limit entries
// after a position to the page, ascending. No transaction is open while fn runs, so fn may be
// slow and may call the store.
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
