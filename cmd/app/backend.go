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
	"flyleaf/replica/relayclient"
	"flyleaf/storage"
	"flyleaf/storage/sqlite"
)

// backend is the node that a command works on: of this process, or of the process that
// serves the data directory.
type backend = node.Node

// connection is a node for the length of a command.
type connection struct {
	node.Node
	close func() error
	// copied is the directory of the copy that is read, when the data directory cannot be
	// written.
	copied string
}

// connect opens the data directory in this process, or reaches the process that
// serves it. A directory that another short command has open is waited for.
func connect(ctx context.Context, h home, log *slog.Logger) (connection, error) {
	deadline := time.Now().Add(busyFor)
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
			return connection{}, codedf(exitBusy, "another flyleaf has the data directory %s open and does not answer; nothing was changed. Stop it, or wait and try again", h.dir)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return connection{}, err
		}
	}
}

// local is the node of this process, with its store and the lock under which it may run.
type local struct {
	*node.Device
	store storage.Store
	lock  *flock.Flock
}

func openLocal(ctx context.Context, h home, lock *flock.Flock, log *slog.Logger) (*local, error) {
	return openLocalWith(ctx, h, h, lock, log, func(s storage.Store) storage.Store { return s })
}

// openLocalWith opens a node as the person whose key lies in the directory person.
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
	d, err := node.Open(ctx, node.Config{Store: store, Key: key, Log: log, Dial: relayclient.WebSocket{}})
	if err != nil {
		_ = store.Close()
		return nil, err
	}
	return &local{Device: d, store: store, lock: lock}, nil
}

func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, storage.ErrFull)
}

// openReadOnly opens a data directory that cannot be written, on a read-only disk or of
// somebody else: a copy of it, in a directory of this process that goes with it, so that
// what a crash left in the database's log is read too. Nothing can be changed in it.
func openReadOnly(ctx context.Context, h home, why error, log *slog.Logger) (_ connection, err error) {
	const files = "flyleaf.db"
	if _, err := os.Stat(h.path(files)); err != nil {
		return connection{}, fmt.Errorf("the data directory %s cannot be written, and holds no events yet that could be read; nothing was changed. Name another with --data (%w)", h.dir, why)
	}
	dir, err := os.MkdirTemp("", "flyleaf-read-") // mode 0700: only this user
	if err != nil {
		return connection{}, fmt.Errorf("the data directory %s cannot be written, nor can a copy of it be made to be read: %w", h.dir, err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	for _, name := range []string{files, files + "-wal"} { // the key stays where it is
		if err := copyFile(h.path(name), filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return connection{}, fmt.Errorf("the data directory %s cannot be written, and reading it failed: %w", h.dir, err)
		}
	}
	var errno syscall.Errno
	if errors.As(why, &errno) {
		why = errno // the rest of it names the file that was tried
	}
	// A reader that goes away (… | head) is an error to be told, not the end of the
	// process: the copy is to be removed.
	signal.Ignore(syscall.SIGPIPE)
	copied := home{dir: dir}
	lock, _, err := copied.lock()
	if err != nil {
		return connection{}, err
	}
	l, err := openLocalWith(ctx, h, copied, lock, log, func(s storage.Store) storage.Store {
		return node.ReadOnlyStore(s, fmt.Errorf("this data directory can only be read: %s (%w). list, show, search and export work. To write, copy it to a place where you may, and name that with --data", h.dir, why))
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

// explainOpen says what a person can do about a database that is not taken.
func explainOpen(h home, err error) error {
	switch {
	case errors.Is(err, storage.ErrNewer):
		return fmt.Errorf("%w; nothing was changed. Install that version, or use another --data directory", err)
	case errors.Is(err, storage.ErrForeign):
		return fmt.Errorf("%w: %s; nothing was changed. Use another --data directory", err, h.path("flyleaf.db"))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the data directory %s may not be written: %w", h.dir, err)
	}
	return err
}

// Close ends the node, closes its store and gives the data directory up.
func (l *local) Close() error {
	return errors.Join(l.Device.Close(), l.store.Close(), l.lock.Unlock())
}
