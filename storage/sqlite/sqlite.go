// Package sqlite is storage in one SQLite file.
//
// When a call returns, its data is on disk: write-ahead log, synchronous=FULL, and on macOS
// F_FULLFSYNC. So it survives the end of the process and a power cut. Writes use one connection,
// one after the other; reads have their own pool and never wait for a write. Every stored change
// is verified against its hash when it is read.
//
// The package never opens another program's file, a file of a newer Flyleaf, or a file that is
// not a database: it returns an error and does not change the file. It does not prevent a second
// process from using the same file; the caller must do that.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"flyleaf/storage"
)

// Options of Open. The zero value is right for a device and for a relay.
type Options struct {
	// Readers is how many reads may run at the same time; 0 means 4.
	Readers int
	// BusyTimeout is how long a call waits for another process's lock (a backup
	// tool, a shell) before it fails; 0 means 10 s.
	BusyTimeout time.Duration
}

// Store is a storage.Store. It is safe for concurrent use.
type Store struct {
	path string

	closeMu sync.Mutex
	closed  bool
	calls   sync.WaitGroup // calls in progress

	writeDB *sql.DB // has one connection; holding it is the write lock
	readDB  *sql.DB
}

var _ storage.Store = (*Store)(nil)

// Open opens the database at path and creates the file if needed, but not its directory. An older
// file is migrated.
//
// ErrNotDatabase, ErrForeign and ErrNewer are returned for files that Flyleaf must not open;
// these files are not changed. ErrDamaged is returned when the file is Flyleaf's but damaged,
// ErrFull when the disk is full.
func Open(ctx context.Context, path string, opts Options) (_ *Store, err error) {
	if opts.Readers <= 0 {
		opts.Readers = 4
	}
	if opts.BusyTimeout <= 0 {
		opts.BusyTimeout = 10 * time.Second
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	if err := inspect(path); err != nil {
		return nil, err
	}
	// Create the file here and not through SQLite, so that other users cannot read it.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, openError(path, err)
	}
	if err := f.Close(); err != nil {
		return nil, openError(path, err)
	}

	s := &Store{path: path}
	defer func() {
		if err != nil {
			_ = s.closeAll()
			err = openError(path, toStorageError(ctx, err))
		}
	}()
	if s.writeDB, err = openPool(1, dsn(path, opts)); err != nil {
		return nil, err
	}
	if err := migrate(ctx, s.writeDB); err != nil {
		return nil, err
	}
	// A search for a common word reads the rows of all posts. With SQLite's cache of 2 MB it reads most pages of the file
	// anew for each of them. The connection that was used last is used first, so usually one has a large cache.
	if s.readDB, err = openPool(opts.Readers, dsn(path, opts, "_pragma=query_only(1)", "_pragma=cache_size(-16384)")); err != nil {
		return nil, err
	}
	return s, nil
}

// openPool returns a pool of at most max connections, all of which stay open.
func openPool(max int, dsn string) (*sql.DB, error) {
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector{c})
	db.SetMaxOpenConns(max)
	db.SetMaxIdleConns(max)
	return db, nil
}

// dsn returns the data source name of a file. It escapes the path, so that no part of it is
// read as a parameter.
func dsn(path string, opts Options, more ...string) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/… on Windows
	}
	params := []string{
		// busy_timeout comes first, because the other pragmas may have to wait for a lock.
		fmt.Sprintf("_pragma=busy_timeout(%d)", opts.BusyTimeout.Milliseconds()),
		"_pragma=synchronous(FULL)",
		"_pragma=fullfsync(1)",
		"_pragma=checkpoint_fullfsync(1)",
		"_pragma=foreign_keys(1)",
		"_pragma=trusted_schema(0)",
		"_pragma=cell_size_check(1)",
		"_pragma=temp_store(memory)",
		"_pragma=journal_size_limit(67108864)",
	}
	u := url.URL{Path: slashed}
	return "file://" + u.EscapedPath() + "?" + strings.Join(append(params, more...), "&")
}

// Path returns the file's absolute path.
func (s *Store) Path() string { return s.path }

// enter begins a call; the returned function ends it.
func (s *Store) enter() (func(), error) {
	s.closeMu.Lock()
	defer s.closeMu.Unlock()
	if s.closed {
		return nil, storage.ErrClosed
	}
	s.calls.Add(1)
	return s.calls.Done, nil
}

// Close waits for calls in progress, then closes the file. The write-ahead log is merged into
// it.
func (s *Store) Close() error {
	s.closeMu.Lock()
	already := s.closed
	s.closed = true
	s.closeMu.Unlock()
	s.calls.Wait()
	if already {
		return nil
	}
	return s.closeAll()
}

// closeAll closes all connections. It is called when no call is in progress, so every
// connection is in its pool.
func (s *Store) closeAll() error {
	var errs []error
	// Close the writer last: the last connection merges the write-ahead log.
	for _, db := range []*sql.DB{s.readDB, s.writeDB} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("storage: closing %s: %w", s.path, err)
	}
	return nil
}

// update runs fn in a transaction. The transaction is on disk when update returns nil, and has
// changed nothing when it returns an error. ctx is checked before and between statements, not
// during them, which avoids one watcher goroutine for each statement.
func (s *Store) update(ctx context.Context, fn func(*tx) error) error {
	return s.transact(ctx, s.writeDB, "BEGIN IMMEDIATE", fn)
}

// view runs fn in a transaction, so that all its queries see the same snapshot. The end of ctx
// interrupts them.
func (s *Store) view(ctx context.Context, fn func(*tx) error) error {
	return s.transact(ctx, s.readDB, "BEGIN", func(t *tx) error { return fn(&tx{ctx: ctx, conn: t.conn}) })
}

// transact waits for a connection until ctx ends, runs fn between begin and COMMIT, and rolls back
// when fn fails. The end of ctx does not interrupt the transaction.
func (s *Store) transact(ctx context.Context, db *sql.DB, begin string, fn func(*tx) error) (err error) {
	done, err := s.enter()
	if err != nil {
		return err
	}
	defer done()
	defer func() { err = toStorageError(ctx, err) }()
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	t := &tx{ctx: context.WithoutCancel(ctx), conn: c}
	if _, err := t.exec(begin); err != nil {
		return err
	}
	if err = fn(t); err == nil {
		_, err = t.exec("COMMIT")
	}
	if err != nil {
		// After some errors (for example a COMMIT on a full disk) SQLite has already rolled back.
		// Then this ROLLBACK fails, which is fine.
		_, _ = t.exec("ROLLBACK")
	}
	return err
}

// toStorageError converts SQLite's errors to the errors of package storage.
func toStorageError(ctx context.Context, err error) error {
	var e *sqlite.Error
	if errors.Is(err, sql.ErrNoRows) {
		return storage.ErrNotFound
	}
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff { // the higher bits are the extended code
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w; nothing was stored now, and everything stored before is safe; make room and try again (%w)", storage.ErrFull, err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w (%w)", storage.ErrDamaged, err)
	case sqlite3.SQLITE_INTERRUPT:
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return fmt.Errorf("storage: %w", err)
}

// openError adds to an error of Open which file it is about, what is safe and what to do.
func openError(path string, err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, storage.ErrFull):
		return err
	case errors.Is(err, storage.ErrDamaged):
		return fmt.Errorf("%w: %s; move it aside and start again. Events are downloaded again from their relays or from other devices. Posts that were not sent remain only in the moved file", err, path)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("storage: the directory of %s does not exist: %w", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("storage: %s cannot be opened for writing; nothing was changed; check the owner and permissions of the file and its directory: %w", path, err)
	}
	return fmt.Errorf("storage: %s cannot be opened; nothing that was stored in it is lost: %w", path, err)
}
