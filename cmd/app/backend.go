package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"flyleaf/node"
	"flyleaf/node/convert"
	"flyleaf/replica/relayclient"
	"flyleaf/storage"
	"flyleaf/storage/sqlite"
)

// backend is the node that a command works on: in this process, or in the process that serves
// the data directory.
type backend = node.Node

// connection is a node that a command uses until close.
type connection struct {
	node.Node
	close func() error
	// copied is the directory of the temporary copy that is read because the data directory
	// cannot be written; "" otherwise.
	copied string
}

// connect opens the data directory in this process, or connects to the process that serves it.
// If another command has the directory open, it waits up to lockTimeout.
func connect(ctx context.Context, h home, log *slog.Logger) (connection, error) {
	deadline := time.Now().Add(lockTimeout)
	for {
		lock, ok, err := h.lock()
		if cannotWrite(err) || diskFull(err) {
			return openReadOnly(ctx, h, err, log)
		}
		if err != nil {
			return connection{}, err
		}
		if ok {
			l, err := openLocal(ctx, h, lock, log)
			if err != nil {
				_ = lock.Unlock()
				if cannotWrite(err) || diskFull(err) {
					return openReadOnly(ctx, h, err, log)
				}
				return connection{}, err
			}
			return connection{Node: l.Device, close: l.Close}, nil
		}
		if s, err := h.serving(); err == nil {
			b, err := dialRemote(ctx, s)
			if err == nil || node.KindOf(err) == node.OtherVersion {
				return b, err
			}
		}
		if time.Now().After(deadline) {
			return connection{}, codedf(exitBusy, "another flyleaf has the data directory %s open and does not answer; nothing was changed. Stop it, or try again later", h.dir)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return connection{}, err
		}
	}
}

// local is a node in this process, with its store and the lock of its data directory.
type local struct {
	*node.Device
	store storage.Store
	lock  *flock.Flock
}

func openLocal(ctx context.Context, h home, lock *flock.Flock, log *slog.Logger) (*local, error) {
	return openLocalWith(ctx, h, h, lock, log, func(s storage.Store) storage.Store { return s })
}

// openLocalWith opens the database of h with the key of person; wrap may wrap the store.
func openLocalWith(ctx context.Context, person, h home, lock *flock.Flock, log *slog.Logger, wrap func(storage.Store) storage.Store) (*local, error) {
	key, err := person.key()
	if err != nil {
		return nil, err
	}
	db, err := sqlite.Open(ctx, h.path("flyleaf.db"), sqlite.Options{})
	if err != nil {
		return nil, explainOpen(h, err)
	}
	store := wrap(db)
	d, err := node.Open(ctx, node.Config{Store: store, Key: key, Log: log, Dial: relayclient.WebSocket{}, Converter: convert.Direct{}})
	if err != nil {
		_ = store.Close()
		return nil, err
	}
	return &local{Device: d, store: store, lock: lock}, nil
}

func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, storage.ErrFull)
}

// openReadOnly opens a data directory that cannot be written because the disk is read-only or
// full, or because it belongs to another user. It opens a temporary copy: SQLite has to write
// in order to read changes that a crash left in the write-ahead log. The copy is read-only too.
func openReadOnly(ctx context.Context, h home, why error, log *slog.Logger) (_ connection, err error) {
	const files = "flyleaf.db"
	if _, err := os.Stat(h.path(files)); err != nil {
		return connection{}, fmt.Errorf("the data directory %s cannot be written, and it contains no events to read; nothing was changed. Choose another directory with --data (%w)", h.dir, why)
	}
	dir, err := os.MkdirTemp("", "flyleaf-read-") // mode 0700: only this user
	if err != nil {
		return connection{}, fmt.Errorf("the data directory %s cannot be written, and a temporary copy for reading could not be made: %w; nothing was changed", h.dir, err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	for _, name := range []string{files, files + "-wal"} { // the key is not copied
		if err := copyFile(h.path(name), filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return connection{}, fmt.Errorf("the data directory %s cannot be written, and reading it failed: %w; nothing was changed", h.dir, err)
		}
	}
	var errno syscall.Errno
	if errors.As(why, &errno) {
		why = errno // without the name of the file
	}
	// If the reader of the output goes away (… | head), the process must not be killed, because it has to remove the copy.
	signal.Ignore(syscall.SIGPIPE)
	copied := home{dir: dir}
	lock, _, err := copied.lock()
	if err != nil {
		return connection{}, err
	}
	l, err := openLocalWith(ctx, h, copied, lock, log, func(s storage.Store) storage.Store {
		return node.ReadOnlyStore(s, fmt.Errorf("the data directory %s cannot be written (%w), so nothing was changed; reading commands such as `flyleaf list` and `flyleaf export` work. To make changes, copy it to a place where you may write, and use that with --data", h.dir, why))
	})
	if err != nil {
		_ = lock.Unlock()
		return connection{}, err
	}
	return connection{Node: l.Device, copied: dir, close: func() error { return errors.Join(l.Close(), os.RemoveAll(dir)) }}, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// explainOpen adds to the error of a database that cannot be opened what the user can do.
func explainOpen(h home, err error) error {
	switch {
	case errors.Is(err, storage.ErrNewer):
		return fmt.Errorf("%w; nothing was changed. Install that version, or use another --data directory", err)
	case errors.Is(err, storage.ErrForeign):
		return fmt.Errorf("%w: %s; nothing was changed. Use another --data directory", err, h.path("flyleaf.db"))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the data directory %s cannot be written: %w", h.dir, err)
	}
	return err
}

// Close closes the node and its store, and unlocks the data directory.
func (l *local) Close() error {
	return errors.Join(l.Device.Close(), l.store.Close(), l.lock.Unlock())
}
