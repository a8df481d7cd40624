package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/adrg/xdg"
	"github.com/gofrs/flock"
)

// home is a data directory:
//
//	flyleaf.db     ledger, views, and what is this device's own (SQLite)
//	identity.key   who this person is: a key file of keys/identity, mode 0600
//	lock           held by the one process that has the directory open
//	serve.json     where the running process can be reached, while one serves
//	web-secret     what cookies and keys for other programs are derived from, mode 0600
//	start.html     takes the browser to the pages, once, mode 0600
type home struct {
	dir string
	// ask returns the passphrase that a key file is under; nil where nobody can be
	// asked. What is being opened is said to the person.
	ask func(what string) (string, error)
}

func (a *app) home(ctx context.Context) (home, error) {
	dir := a.dataDir
	if dir == "" {
		dir = os.Getenv("FLYLEAF_DATA")
	}
	if dir == "" {
		var err error
		if dir, err = defaultDir(); err != nil {
			return home{}, err
		}
	}
	h, err := openHome(dir)
	h.ask = func(what string) (string, error) { return a.passphrase(ctx, what) }
	return h, err
}

// defaultDir returns the user's own directory for Flyleaf. Without a home there is none:
// guessing would put data at the root of the disk, or wherever a command is given.
func defaultDir() (string, error) {
	if data := os.Getenv("XDG_DATA_HOME"); !filepath.IsAbs(data) && runtime.GOOS != "windows" { // a relative one is none, says its specification
		if userHome := os.Getenv("HOME"); !filepath.IsAbs(userHome) {
			why := "is not set"
			if userHome != "" {
				why = fmt.Sprintf("is %q, which is no whole path", userHome)
			}
			return "", codedf(exitError, "the variable HOME %s, so it is not known where your data lies; nothing was made or changed. Name a directory with --data or FLYLEAF_DATA", why)
		}
	}
	xdg.Reload() // the environment may have changed since the program's start, in tests it does
	return filepath.Join(xdg.DataHome, "flyleaf"), nil
}

func openHome(dir string) (home, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return home{}, fmt.Errorf("the data directory %s: %w", dir, err)
	}
	err = os.MkdirAll(abs, 0o700)
	switch {
	case err == nil:
		return home{dir: abs}, nil
	case errors.Is(err, syscall.ENOTDIR):
		err = fmt.Errorf("the data directory %s cannot be made: it, or what it would lie in, is a file; nothing was changed. Name another with --data or FLYLEAF_DATA (%w)", abs, err)
	case cannotWrite(err):
		err = fmt.Errorf("the data directory %s cannot be made: %w; nothing was changed. Name another, which you may write to, with --data or FLYLEAF_DATA", abs, err)
	case errors.Is(err, syscall.ENOSPC):
		err = fmt.Errorf("the data directory %s cannot be made, as the disk is full; nothing was changed (%w)", abs, err)
	default:
		err = fmt.Errorf("the data directory %s cannot be made; nothing was changed: %w", abs, err)
	}
	return home{}, err
}

// cannotWrite reports whether something is not to be written at all: whose it is, or
// what it lies on, does not allow it.
func cannotWrite(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

func (h home) path(name string) string { return filepath.Join(h.dir, name) }

// lock takes the directory for this process, or reports false when another has it.
func (h home) lock() (*flock.Flock, bool, error) {
	l := flock.New(h.path("lock"), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return nil, false, fmt.Errorf("locking the data directory %s: %w", h.dir, err)
	}
	return l, ok, nil
}

// secret returns what this device's cookies, and its keys for other programs, are derived
// from. It never stands in an address. The one that earlier versions kept in web-token
// did, so that browsers remember it: it is thrown away.
func (h home) secret() (string, error) {
	if err := os.Remove(h.path("web-token")); err != nil && !errors.Is(err, fs.ErrNotExist) && !cannotWrite(err) { // it is of no use any more
		return "", fmt.Errorf("throwing an old start link's token away: %w", err)
	}
	path := h.path("web-secret")
	if b, err := os.ReadFile(path); err == nil && len(strings.TrimSpace(string(b))) >= 32 {
		return strings.TrimSpace(string(b)), nil
	}
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	secret := hex.EncodeToString(raw)
	if err := writeFileSynced(path, []byte(secret+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("the secret from which this directory's addresses and tokens are made could not be saved; nothing was changed: %w", err)
	}
	return secret, nil
}

// startFile is the page that takes a browser to the pages; see webui.WriteStartPage.
const startFile = "start.html"

// serving says where the process that holds a directory can be reached.
type serving struct {
	PID    int    `json:"pid"`
	Socket string `json:"socket"`
	URL    string `json:"url"` // of the pages, without a token
}

func (h home) serving() (serving, error) {
	var s serving
	b, err := os.ReadFile(h.path("serve.json"))
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(b, &s)
}

func (h home) setServing(s serving) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return writeFileSynced(h.path("serve.json"), append(b, '\n'), 0o600)
}

// socketPath picks a short path for the local socket: paths over some 100 bytes
// fail, and data directories can lie deep.
func socketPath() (string, error) {
	xdg.Reload()
	for _, dir := range []string{xdg.RuntimeDir, os.TempDir(), "/tmp"} {
		if dir == "" {
			continue
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		sub, err := os.MkdirTemp(dir, "flyleaf-") // mode 0700: only this user
		if err != nil {
			continue
		}
		if path := filepath.Join(sub, "sock"); len(path) < 100 {
			return path, nil
		}
		_ = os.Remove(sub)
	}
	return "", errors.New("no directory is short enough for the local socket (tried the runtime directory and the temporary one)")
}

// writeFileSynced replaces a file whole: written beside, synced, renamed.
func writeFileSynced(path string, b []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when the rename worked
	err = f.Chmod(mode)
	if err == nil {
		_, err = f.Write(b)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		if d, derr := os.Open(filepath.Dir(path)); derr == nil {
			err = d.Sync()
			_ = d.Close()
		}
	}
	return err
}

// writeOutput writes a file that a person asked for: whole or not at all when it is
// a file, the one that a symbolic link names, and straight into anything else, such
// as /dev/stdout, which must not be replaced.
func writeOutput(path string, b []byte) error {
	info, err := os.Stat(path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err != nil:
		return writeFileSynced(path, b, 0o644)
	case info.IsDir():
		return fmt.Errorf("%s is a directory; name a file in it", path)
	case !info.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.Write(b)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		return err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return err
	}
	return writeFileSynced(path, b, info.Mode().Perm())
}

// busyFor is how long a command waits for another short command to finish.
const busyFor = 10 * time.Second

// pause waits a moment between two looks at a condition that nothing announces.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
