package main

import (
	"cmp"
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
//	flyleaf.db     ledger, views, drafts and settings (SQLite)
//	identity.key   the user's key, see keys/identity; mode 0600
//	lock           held by the process that has the directory open
//	serve.json     where a running `flyleaf serve` can be reached
//	web-secret     the secret from which cookies and API tokens are derived; mode 0600
//	start.html     redirects the browser to the pages, once; mode 0600
//	window         the profile of the browser that `flyleaf desktop` starts; mode 0700
type home struct {
	dir string
	// ask returns the passphrase of a key file; what is the file's name for the prompt. ask is
	// nil if nobody can be asked.
	ask func(what string) (string, error)
}

func (a *app) home(ctx context.Context) (home, error) {
	dir := a.chosenDir()
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

// chosenDir returns the data directory that the user has chosen; "" means the default.
func (a *app) chosenDir() string { return cmp.Or(a.dataDir, os.Getenv("FLYLEAF_DATA")) }

// defaultDir returns Flyleaf's directory in the user's data directory.
func defaultDir() (string, error) {
	data, err := userDataDir()
	return filepath.Join(data, "flyleaf"), err
}

// userDataDir returns the user's data directory. If HOME is not set it returns an error, because a
// guess could put data at the root of the disk or into the working directory.
func userDataDir() (string, error) {
	if data := os.Getenv("XDG_DATA_HOME"); !filepath.IsAbs(data) && runtime.GOOS != "windows" { // the specification says to ignore a relative path
		if userHome := os.Getenv("HOME"); !filepath.IsAbs(userHome) {
			why := "is not set"
			if userHome != "" {
				why = fmt.Sprintf("is %q, which is not an absolute path", userHome)
			}
			return "", codedf(exitError, "the variable HOME %s, so Flyleaf does not know where your data is; nothing was changed. Choose a directory with --data or FLYLEAF_DATA", why)
		}
	}
	xdg.Reload() // tests change the environment
	return xdg.DataHome, nil
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
		err = fmt.Errorf("the data directory %s cannot be created: there is a file in its place; nothing was changed. Choose another directory with --data or FLYLEAF_DATA (%w)", abs, err)
	case cannotWrite(err):
		err = fmt.Errorf("the data directory %s cannot be created: %w; nothing was changed. Choose a directory that you may write to with --data or FLYLEAF_DATA", abs, err)
	case errors.Is(err, syscall.ENOSPC):
		err = fmt.Errorf("the data directory %s cannot be created because the disk is full; nothing was changed (%w)", abs, err)
	default:
		err = fmt.Errorf("the data directory %s cannot be created; nothing was changed: %w", abs, err)
	}
	return home{}, err
}

// cannotWrite reports whether permissions or a read-only file system prevent writing.
func cannotWrite(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

func (h home) path(name string) string { return filepath.Join(h.dir, name) }

// lock locks the directory for this process. It returns false if another process has locked it.
func (h home) lock() (*flock.Flock, bool, error) {
	l := flock.New(h.path("lock"), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return nil, false, fmt.Errorf("locking the data directory %s: %w", h.dir, err)
	}
	return l, ok, nil
}

// secret returns the secret from which cookies and API tokens are derived. The secret itself is
// never part of a URL. In earlier versions it was (file web-token), and browsers remember URLs;
// so that file is deleted.
func (h home) secret() (string, error) {
	if err := os.Remove(h.path("web-token")); err != nil && !errors.Is(err, fs.ErrNotExist) && !cannotWrite(err) { // nothing uses it
		return "", fmt.Errorf("deleting the token of an earlier version: %w", err)
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
		return "", fmt.Errorf("the secret for tokens and addresses could not be saved; nothing was changed: %w", err)
	}
	return secret, nil
}

// startFile is the page that sends a browser to Flyleaf's pages; see webui.WriteStartPage.
const startFile = "start.html"

// serving says where the process that serves a data directory can be reached.
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

// socketPath picks a short path for the local socket. Socket paths longer than some 100 bytes
// fail, and paths of data directories can be longer.
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
	return "", errors.New("no directory has a path short enough for the local socket; nothing was changed. Set XDG_RUNTIME_DIR to a short path (the temporary directory was tried too)")
}

// writeFileSynced replaces a file atomically: it writes a temporary file in the same directory,
// syncs it and renames it.
func writeFileSynced(path string, b []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // after a successful rename there is nothing to remove
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
	if err == nil && runtime.GOOS != "windows" { // Windows has no sync of a directory
		if d, derr := os.Open(filepath.Dir(path)); derr == nil {
			err = d.Sync()
			_ = d.Close()
		}
	}
	return err
}

// writeOutput writes an output file named by the user. A regular file is replaced atomically; a
// symbolic link is followed. Anything else, such as /dev/stdout, is written into.
func writeOutput(path string, b []byte) error {
	info, err := os.Stat(path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err != nil:
		return writeFileSynced(path, b, 0o644)
	case info.IsDir():
		return fmt.Errorf("%s is a directory; give a file name", path)
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

// lockTimeout is how long a command waits for another command to release the data directory.
const lockTimeout = 10 * time.Second

// pause waits for d, or until ctx ends.
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
