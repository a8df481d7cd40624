package sqlite

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"flyleaf/qa"
	"flyleaf/storage"
)

// change runs one statement as a transaction.
func (s *Store) change(ctx context.Context, query string, args ...any) error {
	return s.update(ctx, func(t *tx) error {
		_, err := t.exec(query, args...)
		return err
	})
}

const followEvent = "INSERT OR REPLACE INTO following (event, relay, joined_at) VALUES (?, ?, ?)"

// Follow implements storage.Local.
func (s *Store) Follow(ctx context.Context, f storage.Following) error {
	return s.change(ctx, followEvent, string(f.Event), f.Relay, f.JoinedAtMillis)
}

// Unfollow implements storage.Local.
func (s *Store) Unfollow(ctx context.Context, event qa.EventID) error {
	return s.change(ctx, "DELETE FROM following WHERE event = ?", string(event))
}

// Following implements storage.Local.
func (s *Store) Following(ctx context.Context) (all []storage.Following, err error) {
	err = s.view(ctx, func(t *tx) error {
		return t.each("SELECT event, relay, joined_at FROM following ORDER BY joined_at, event", nil,
			func(scan func(...any) error) error {
				var f storage.Following
				if err := scan(&f.Event, &f.Relay, &f.JoinedAtMillis); err != nil {
					return err
				}
				all = append(all, f)
				return nil
			})
	})
	return all, err
}

// Setting implements storage.Local.
func (s *Store) Setting(ctx context.Context, key string) (value string, err error) {
	err = s.view(ctx, func(t *tx) error {
		return t.row("SELECT value FROM settings WHERE key = ?", []any{key}, &value)
	})
	return value, err
}

// SetSetting implements storage.Local.
func (s *Store) SetSetting(ctx context.Context, key, value string) error {
	return s.change(ctx, "INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)", key, value)
}

// DeleteSetting implements storage.Local.
func (s *Store) DeleteSetting(ctx context.Context, key string) error {
	return s.change(ctx, "DELETE FROM settings WHERE key = ?", key)
}

// Settings implements storage.Local.
func (s *Store) Settings(ctx context.Context, prefix string) (map[string]string, error) {
	found := map[string]string{}
	err := s.view(ctx, func(t *tx) error {
		return t.each("SELECT key, value FROM settings WHERE key >= ?1 AND substr(key, 1, length(?1)) = ?1", []any{prefix},
			func(scan func(...any) error) error {
				var k, v string
				if err := scan(&k, &v); err != nil {
					return err
				}
				if strings.HasPrefix(k, prefix) {
					found[k] = v
				}
				return nil
			})
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// SaveSnapshot implements storage.Local.
func (s *Store) SaveSnapshot(ctx context.Context, event qa.EventID, snap storage.Snapshot) error {
	sum := sha256.Sum256(snap.Bytes)
	if snap.Bytes == nil {
		snap.Bytes = []byte{} // NOT NULL
	}
	return s.change(ctx, "INSERT OR REPLACE INTO snapshots (event, position, checksum, bytes) VALUES (?, ?, ?, ?)",
		string(event), snap.Position, sum[:], snap.Bytes)
}

// Snapshot implements storage.Local.
func (s *Store) Snapshot(ctx context.Context, event qa.EventID) (snap storage.Snapshot, err error) {
	err = s.view(ctx, func(t *tx) error {
		var sum []byte
		err := t.row("SELECT position, checksum, bytes FROM snapshots WHERE event = ?", []any{string(event)},
			&snap.Position, &sum, &snap.Bytes)
		if err != nil {
			return err
		}
		if want := sha256.Sum256(snap.Bytes); string(sum) != string(want[:]) {
			return fmt.Errorf("%w: the snapshot of event %s; the ledger is not affected", storage.ErrDamaged, event)
		}
		return nil
	})
	if err != nil {
		return storage.Snapshot{}, err
	}
	return snap, nil
}
