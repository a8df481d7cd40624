package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"maps"
	"path/filepath"
	"runtime"
	"testing"

	"flyleaf/storage"
	"flyleaf/storage/storagetest"
)

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) (storage.Store, func() storage.Store) {
		// The path contains characters with a meaning in a URI.
		path := filepath.Join(t.TempDir(), "a b%20?c#d&e.db")
		s := open(t, path)
		return s, func() storage.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, path)
			return s
		}
	})
}

// TestContextEndsOnlyTheWait: a call whose context ends stops waiting for a connection, and an update
// that has begun is completed.
func TestContextEndsOnlyTheWait(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "f.db"), Options{Readers: 1})
	must(t, err)
	defer s.Close()
	for name, run := range map[string]func(context.Context, func(*tx) error) error{"update": s.update, "view": s.view} {
		must(t, run(t.Context(), func(*tx) error {
			ctx, cancel := context.WithCancel(t.Context())
			waiting := make(chan error)
			go func() { waiting <- run(ctx, func(*tx) error { return nil }) }()
			db := map[string]*sql.DB{"update": s.writeDB, "view": s.readDB}[name]
			for db.Stats().WaitCount == 0 {
				runtime.Gosched()
			}
			cancel()
			if err := <-waiting; !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
			return nil
		}))
	}
	ctx, cancel := context.WithCancel(t.Context())
	must(t, s.update(ctx, func(t *tx) error {
		cancel()
		_, err := t.exec("INSERT INTO settings (key, value) VALUES ('k', 'v')")
		return err
	}))
	if v, err := s.Setting(t.Context(), "k"); v != "v" {
		t.Errorf("setting %q, %v", v, err)
	}
}

// TestLostConnections: after a connection is lost, the next call connects again.
func TestLostConnections(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "f.db"), Options{Readers: 1})
	must(t, err)
	defer s.Close()
	must(t, s.SetSetting(t.Context(), "k", "before"))
	for _, db := range []*sql.DB{s.writeDB, s.readDB} {
		if onConn(t, db, func(*conn) error { return driver.ErrBadConn }); db.Stats().OpenConnections != 0 {
			t.Fatal("the connection is still open")
		}
	}
	must(t, s.SetSetting(t.Context(), "k", "after"))
	if v, err := s.Setting(t.Context(), "k"); v != "after" {
		t.Errorf("setting %q, %v", v, err)
	}
}

// TestQueriesArePreparedOnce: a connection prepares a query when it first runs it, and keeps the
// statement.
func TestQueriesArePreparedOnce(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "f.db"), Options{Readers: 1})
	must(t, err)
	defer s.Close()
	prepared := func() (all []map[string]driverStmt) {
		for _, db := range []*sql.DB{s.writeDB, s.readDB} {
			onConn(t, db, func(c *conn) error { all = append(all, maps.Clone(c.prepared)); return nil })
		}
		return all
	}
	use := func() {
		must(t, s.SetSetting(t.Context(), "k", "v"))
		_, err := s.Setting(t.Context(), "k")
		must(t, err)
	}
	use()
	first := prepared()
	use()
	for i, second := range prepared() {
		if !maps.Equal(first[i], second) || len(second) == 0 {
			t.Errorf("statements %v, later %v", first[i], second)
		}
	}
}

// onConn calls fn with the connection that db uses next.
func onConn(t *testing.T, db *sql.DB, fn func(*conn) error) {
	t.Helper()
	c, err := db.Conn(t.Context())
	must(t, err)
	if err := c.Raw(func(dc any) error { return fn(dc.(*conn)) }); err != nil && !errors.Is(err, driver.ErrBadConn) {
		t.Fatal(err)
	}
	_ = c.Close()
}
