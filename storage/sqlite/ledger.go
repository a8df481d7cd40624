package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// documentID returns the row ID of the event, inserting it if needed.
func (t *tx) documentID(event qa.EventID) (id int64, err error) {
	return t.number("SELECT id FROM documents WHERE event = ?",
		"INSERT INTO documents (event) VALUES (?) RETURNING id", string(event))
}

func (t *tx) actor(actor wire.ActorID) (id int64, err error) {
	return t.number("SELECT id FROM actors WHERE actor = ?",
		"INSERT INTO actors (actor) VALUES (?) RETURNING id", []byte(actor))
}

func (t *tx) number(find, insert string, key any) (id int64, err error) {
	err = t.row(find, []any{key}, &id)
	if errors.Is(err, sql.ErrNoRows) {
		err = t.row(insert, []any{key}, &id)
	}
	return id, err
}

const insertChange = `INSERT INTO changes
	(document, hash, actor, seq, received_at, status, own, delivered, checksum, signature, act, bytes)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (document, hash) DO NOTHING`

// Append implements storage.Ledger.
func (s *Store) Append(ctx context.Context, batches ...storage.Batch) error {
	rows, writes, err := storage.Prepare(batches)
	if err != nil {
		return err
	}
	if !writes {
		done, err := s.enter()
		if err == nil {
			done()
		}
		return err
	}
	return s.update(ctx, func(t *tx) error {
		actors := map[wire.ActorID]int64{}
		for i, b := range batches {
			if b.Empty(&rows[i]) {
				continue
			}
			doc, err := t.documentID(b.Event)
			if err != nil {
				return err
			}
			for j := range b.Entries {
				if err := ctx.Err(); err != nil {
					return err
				}
				e := &b.Entries[j]
				actor, known := actors[e.Actor]
				if !known {
					if actor, err = t.actor(e.Actor); err != nil {
						return err
					}
					actors[e.Actor] = actor
				}
				n, err := t.exec(insertChange, doc, hashOf(e), actor, int64(e.Seq), e.ReceivedAtMillis,
					int64(e.Status), e.Own, e.Delivered, int64(storage.Checksum(e)), blob(e.Signature), blob(e.Act), e.Bytes())
				if err != nil {
					return err
				}
				if n == 0 {
					if err := t.repair(doc, actor, e); err != nil {
						return err
					}
				}
			}
			for h, status := range b.Statuses {
				if _, err := t.exec("UPDATE changes SET status = ? WHERE document = ? AND hash = ?", int64(status), doc, h[:]); err != nil {
					return err
				}
			}
			if err := t.putViews(ctx, doc, &rows[i]); err != nil {
				return err
			}
			if f := b.Follow; f != nil {
				if _, err := t.exec(followEvent, string(f.Event), f.Relay, f.JoinedAtMillis); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// repair repairs a damaged stored change with the same change, fetched again. It does not
// change an intact one.
func (t *tx) repair(doc, actor int64, e *storage.Entry) error {
	stored, err := scanEntry(func(into ...any) error {
		return t.row(selectEntry+" WHERE c.document = ? AND c.hash = ?", []any{doc, hashOf(e)}, into...)
	})
	if err != nil || stored.intact {
		return err
	}
	fixed := storage.Repair(&stored.Entry, uint32(stored.sum), e)
	_, err = t.exec(`UPDATE changes SET actor = ?, seq = ?, received_at = ?, own = ?, checksum = ?, signature = ?, act = ?, bytes = ?
		WHERE document = ? AND hash = ?`, actor, int64(fixed.Seq), fixed.ReceivedAtMillis, fixed.Own, int64(storage.Checksum(&fixed)),
		blob(fixed.Signature), blob(fixed.Act), fixed.Bytes(), doc, hashOf(e))
	return err
}

func hashOf(e *storage.Entry) []byte {
	h := e.Hash()
	return h[:]
}

// blob returns nil (NULL) for empty b.
func blob(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

// LEFT JOIN, because a change whose actor is missing counts as damaged, not as absent.
const selectFrom = `SELECT c.position, c.hash, a.actor, c.seq, c.received_at, c.status, c.own, c.delivered,
	c.checksum, c.signature, c.act, c.bytes FROM changes c `

const (
	selectEntry = selectFrom + `LEFT JOIN actors a ON a.id = c.actor`

	selectEntries = selectFrom + `INDEXED BY changes_in_order LEFT JOIN actors a ON a.id = c.actor
	WHERE c.document = (SELECT id FROM documents WHERE event = ?) AND c.position > ?
	ORDER BY c.position LIMIT ?`

	selectUndelivered = selectFrom + `INDEXED BY changes_pending LEFT JOIN actors a ON a.id = c.actor
	WHERE c.document = (SELECT id FROM documents WHERE event = ?) AND c.status = 0 AND c.own = 1 AND c.delivered = 0
	AND c.position > ? ORDER BY c.position LIMIT ?`
)

// entry is an entry as it was read.
type entry struct {
	storage.Entry
	hash   wire.Hash
	sum    int64
	intact bool
}

// scanEntry reads a row of selectFrom. A missing actor is read as empty, and then the checksum does
// not match.
func scanEntry(scan func(...any) error) (e entry, err error) {
	var hash, actor, b []byte
	var seq, status int64
	err = scan(&e.Position, &hash, &actor, &seq, &e.ReceivedAtMillis, &status, &e.Own, &e.Delivered,
		&e.sum, &e.Signature, &e.Act, &b)
	if err != nil {
		return e, err
	}
	copy(e.hash[:], hash)
	e.Actor, e.Seq, e.Status = wire.ActorID(actor), uint64(seq), storage.Status(status)
	e.intact = e.SetChunk(e.hash, b, uint32(e.sum)) && e.sum == int64(uint32(e.sum))
	return e, nil
}

func (s *Store) walk(ctx context.Context, query string, event qa.EventID, after int64, fn func(storage.Entry) error) error {
	return storage.Walk(event, after, func(after int64, limit int, page *storage.Page) error {
		return s.view(ctx, func(t *tx) error {
			return t.each(query, []any{string(event), after, limit}, func(scan func(...any) error) error {
				e, err := scanEntry(scan)
				if err != nil {
					return err
				}
				page.Add(e.Entry, e.hash, e.intact)
				return nil
			})
		})
	}, fn)
}

// Entries implements storage.Ledger.
func (s *Store) Entries(ctx context.Context, event qa.EventID, after int64, fn func(storage.Entry) error) error {
	return s.walk(ctx, selectEntries, event, after, fn)
}

// Undelivered implements storage.Ledger.
func (s *Store) Undelivered(ctx context.Context, event qa.EventID, fn func(storage.Entry) error) error {
	return s.walk(ctx, selectUndelivered, event, 0, fn)
}

// Entry implements storage.Ledger.
func (s *Store) Entry(ctx context.Context, event qa.EventID, hash wire.Hash) (storage.Entry, error) {
	var found storage.Entry
	err := s.view(ctx, func(t *tx) error {
		e, err := scanEntry(func(into ...any) error {
			return t.row(selectEntry+` WHERE c.document = (SELECT id FROM documents WHERE event = ?) AND c.hash = ?`,
				[]any{string(event), hash[:]}, into...)
		})
		if err != nil {
			return err
		}
		if !e.intact {
			return &storage.DamagedError{Event: event, Hashes: []wire.Hash{hash}}
		}
		found = e.Entry
		return nil
	})
	return found, err
}

// Documents implements storage.Ledger.
func (s *Store) Documents(ctx context.Context) (events []qa.EventID, err error) {
	err = s.view(ctx, func(t *tx) error {
		return t.each(`SELECT event FROM documents d WHERE EXISTS (SELECT 1 FROM changes WHERE document = d.id)
			ORDER BY event`, nil, func(scan func(...any) error) error {
			var e qa.EventID
			if err := scan(&e); err != nil {
				return err
			}
			events = append(events, e)
			return nil
		})
	})
	return events, err
}

// SetDelivered implements storage.Ledger.
func (s *Store) SetDelivered(ctx context.Context, event qa.EventID, delivered bool, hashes ...wire.Hash) error {
	return s.update(ctx, func(t *tx) error {
		if len(hashes) == 0 {
			query := `UPDATE changes SET delivered = 0 WHERE document = (SELECT id FROM documents WHERE event = ?)
				AND own = 1 AND delivered = 1`
			if delivered {
				query = `UPDATE changes SET delivered = 1 WHERE document = (SELECT id FROM documents WHERE event = ?)
					AND own = 1 AND delivered = 0`
			}
			_, err := t.exec(query, string(event))
			return err
		}
		for _, h := range hashes {
			if _, err := t.exec(`UPDATE changes SET delivered = ? WHERE document = (SELECT id FROM documents WHERE event = ?)
				AND hash = ? AND own = 1`, delivered, string(event), h[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Counts implements storage.Ledger.
func (s *Store) Counts(ctx context.Context, event qa.EventID) (c storage.Counts, err error) {
	err = s.view(ctx, func(t *tx) error {
		err := t.row(`SELECT
			(SELECT count(*) FROM changes WHERE document = d.id)
				- (SELECT count(*) FROM changes WHERE document = d.id AND status <> 0),
			(SELECT count(*) FROM changes WHERE document = d.id AND status <> 0),
			(SELECT count(*) FROM changes WHERE document = d.id AND status = 0 AND own = 1 AND delivered = 0),
			(SELECT count(*) FROM posts WHERE document = d.id),
			(SELECT ifnull(max(position), 0) FROM changes INDEXED BY changes_in_order WHERE document = d.id)
			FROM documents d WHERE event = ?`, []any{string(event)}, &c.Changes, &c.NotInDocument, &c.Undelivered, &c.Posts, &c.Last)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return c, err
}
