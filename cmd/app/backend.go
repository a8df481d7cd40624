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
	"slices"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"flyleaf/crdt/wire"
	"flyleaf/feed"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
	"flyleaf/storage/sqlite"
)

// backend is what the commands need of a node: the one in this process, or the
// one in the process that serves the same data directory.
type backend interface {
	Identity(ctx context.Context) (qa.Identity, error)
	Name(ctx context.Context) (string, error)
	SetName(ctx context.Context, name string) error

	Found(ctx context.Context, e qa.Event, relay string) (qa.Invitation, error)
	Join(ctx context.Context, inv qa.Invitation) error
	Invitation(ctx context.Context, event qa.EventID) (qa.Invitation, error)
	Events(ctx context.Context) ([]qa.Event, error)

	Do(ctx context.Context, event qa.EventID, act qa.Act) (qa.PostID, error)
	Import(ctx context.Context, event qa.EventID, week qa.Imported, relay string) (importResult, error)

	// Invite makes an invitation to a role, Invited tells how far the one has come with
	// which this device joined.
	Invite(ctx context.Context, event qa.EventID, role qa.Role, label string) (qa.Invitation, error)
	Invitations(ctx context.Context, event qa.EventID) ([]qa.InviteInfo, error)
	RevokeInvite(ctx context.Context, event qa.EventID, key qa.Identity) error
	Invited(ctx context.Context, event qa.EventID) (qa.Role, string, error)
	// Log lists what moderators and organisers did, the newest last.
	Log(ctx context.Context, event qa.EventID) ([]qa.LogEntry, error)
	// Refusals lists what this device wrote and was not taken; TakeBack gives one up.
	Refusals(ctx context.Context, event qa.EventID) ([]qa.NotTaken, error)
	TakeBack(ctx context.Context, event qa.EventID, hash string) error
	// Bundle returns an event's changes and signatures as one file, Merge takes one in.
	Bundle(ctx context.Context, event qa.EventID) ([]byte, error)
	Merge(ctx context.Context, b []byte) (mergeResult, error)
	// Blob returns the bytes that an event keeps under a key: its cover.
	Blob(ctx context.Context, event qa.EventID, key string) ([]byte, error)

	Week(ctx context.Context, event qa.EventID) (qa.Week, error)
	Post(ctx context.Context, event qa.EventID, post qa.PostID) (qa.Post, error)
	Search(ctx context.Context, event qa.EventID, query string, limit int) ([]qa.PostID, error)
	Status(ctx context.Context) ([]qa.Status, error)
	// Sync returns nil once relay and device hold the same heads.
	Sync(ctx context.Context, event qa.EventID, timeout time.Duration) error
	Rebuild(ctx context.Context, event qa.EventID) error

	// Later are the questions that were put off on this device.
	Later(ctx context.Context, event qa.EventID) (map[qa.PostID]bool, error)
	SetLater(ctx context.Context, event qa.EventID, post qa.PostID, on bool) error
	// Keys are the identities of this person in an event, one-question keys included.
	Keys(ctx context.Context, event qa.EventID) ([]qa.Identity, error)
	// DigestState is what digests have told, as digest.go writes it.
	DigestState(ctx context.Context) (string, error)
	SetDigestState(ctx context.Context, state string) error
	// CommitDraw, RevealDraw, Claim and PrizeClaims belong to the winners page: winners.go.
	CommitDraw(ctx context.Context, event qa.EventID) error
	RevealDraw(ctx context.Context, event qa.EventID) error
	Claim(ctx context.Context, event qa.EventID, text string) ([]qa.Identity, error)
	PrizeClaims(ctx context.Context, event qa.EventID) ([]qa.Claim, error)
	// ListWeeks, Visit and ImportListed are for clubs: club.go.
	ListWeeks(ctx context.Context, club qa.EventID, weeks []qa.ListedWeek) error
	Visit(ctx context.Context, event qa.EventID) error
	ImportListed(ctx context.Context, week qa.Imported, relay string) (importResult, error)
	// Changes calls fn with the log's entries after a cursor; with follow it goes on
	// until ctx or the node ends.
	Changes(ctx context.Context, event qa.EventID, after int64, follow bool, fn func(feed.Entry) error) error

	Close() error
}

// importResult counts what an import brought.
type importResult struct {
	Event     qa.EventID
	Questions int
	Replies   int
	Known     int // posts that were there already, and are the same
	// Was is the week as it is here, when it was recognised under another title or day.
	Was       *qa.ListedWeek
	Changes   []qa.ImportChange
	Revised   int
	Withdrawn int
}

// connect opens the data directory in this process, or reaches the process that
// serves it. A directory that another short command has open is waited for.
func connect(ctx context.Context, h home, log *slog.Logger) (backend, error) {
	deadline := time.Now().Add(busyFor)
	for {
		lock, ok, err := h.lock()
		if cannotWrite(err) || diskFull(err) {
			return openReadOnly(ctx, h, err, log)
		}
		if err != nil {
			return nil, err
		}
		if ok {
			b, err := openLocal(ctx, h, lock, log)
			if err != nil {
				_ = lock.Unlock()
				if cannotWrite(err) || diskFull(err) {
					return openReadOnly(ctx, h, err, log)
				}
				return nil, err
			}
			return b, nil
		}
		if s, err := h.serving(); err == nil {
			if b, err := dialRemote(ctx, s); err == nil {
				return b, nil
			}
		}
		if time.Now().After(deadline) {
			return nil, codedf(exitBusy, "another flyleaf has the data directory %s open and does not answer; nothing was changed. Stop it, or wait and try again", h.dir)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// local is a node in this process, with the lock it is allowed to run under.
type local struct {
	home  home
	lock  *flock.Flock
	key   keys.Key
	store storage.Store
	node  *replica.Node
	// copied is the directory to remove at the end: this is a copy of one that cannot be
	// written.
	copied string

	verified verifiedEvent
}

func openLocal(ctx context.Context, h home, lock *flock.Flock, log *slog.Logger) (*local, error) {
	return openLocalWith(ctx, h, h, lock, log, func(s storage.Store) storage.Store { return s })
}

// openLocalWith opens a node as the person whose key lies in keys.
func openLocalWith(ctx context.Context, keys, h home, lock *flock.Flock, log *slog.Logger, wrap func(storage.Store) storage.Store) (*local, error) {
	key, err := keys.key()
	if err != nil {
		return nil, err
	}
	db, err := sqlite.Open(ctx, h.path("flyleaf.db"), sqlite.Options{})
	if err != nil {
		return nil, explainOpen(h, err)
	}
	store := wrap(db)
	node, err := replica.Open(ctx, replica.Config{Store: store, Key: key, Log: log})
	if err != nil {
		_ = store.Close()
		return nil, err
	}
	return &local{home: h, lock: lock, key: key, store: store, node: node}, nil
}

func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, storage.ErrFull)
}

// errReadOnly is returned by what would write into a data directory that cannot be
// written.
var errReadOnly = errors.New("this data directory can only be read")

// openReadOnly opens a data directory that cannot be written, on a read-only disk or of
// somebody else: a copy of it, in a directory of this process that goes with it, so that
// what a crash left in the database's log is read too. Nothing can be changed in it.
func openReadOnly(ctx context.Context, h home, why error, log *slog.Logger) (_ *local, err error) {
	const files = "flyleaf.db"
	if _, err := os.Stat(h.path(files)); err != nil {
		return nil, fmt.Errorf("the data directory %s cannot be written, and holds no events yet that could be read; nothing was changed. Name another with --data (%w)", h.dir, why)
	}
	dir, err := os.MkdirTemp("", "flyleaf-read-") // mode 0700: only this user
	if err != nil {
		return nil, fmt.Errorf("the data directory %s cannot be written, nor can a copy of it be made to be read: %w", h.dir, err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	for _, name := range []string{files, files + "-wal"} { // the key stays where it is
		if err := copyFile(h.path(name), filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the data directory %s cannot be written, and reading it failed: %w", h.dir, err)
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
		return nil, err
	}
	l, err := openLocalWith(ctx, h, copied, lock, log, func(s storage.Store) storage.Store {
		return readOnlyStore{s, fmt.Errorf("%w: %s (%w). list, show, search and export work. To write, copy it to a place where you may, and name that with --data", errReadOnly, h.dir, why)}
	})
	if err != nil {
		_ = lock.Unlock()
		return nil, err
	}
	l.copied = dir
	return l, nil
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

// readOnlyStore refuses to write.
type readOnlyStore struct {
	storage.Store
	why error
}

func (s readOnlyStore) Append(context.Context, ...storage.Batch) error { return s.why }

func (s readOnlyStore) SetDelivered(context.Context, qa.EventID, bool, ...wire.Hash) error {
	return s.why
}

func (s readOnlyStore) ReplaceViews(context.Context, qa.EventID, storage.ViewUpdate) error {
	return s.why
}
func (s readOnlyStore) Follow(context.Context, storage.Following) error  { return s.why }
func (s readOnlyStore) Unfollow(context.Context, qa.EventID) error       { return s.why }
func (s readOnlyStore) SetSetting(context.Context, string, string) error { return s.why }
func (s readOnlyStore) DeleteSetting(context.Context, string) error      { return s.why }
func (s readOnlyStore) SaveSnapshot(context.Context, qa.EventID, storage.Snapshot) error {
	return s.why
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

func (l *local) Close() error {
	err := l.node.Close()
	if cerr := l.store.Close(); err == nil {
		err = cerr
	}
	if uerr := l.lock.Unlock(); err == nil {
		err = uerr
	}
	if l.copied != "" {
		err = errors.Join(err, os.RemoveAll(l.copied))
	}
	return err
}

func (l *local) Identity(context.Context) (qa.Identity, error) { return l.node.Identity(), nil }

// settingName keeps the name others see. It is a setting of the device, written
// into every event this person founds, joins or speaks in.
const settingName = "name"

func (l *local) Name(ctx context.Context) (string, error) {
	name, err := l.store.Setting(ctx, settingName)
	if errors.Is(err, storage.ErrNotFound) {
		return l.nameElsewhere(ctx)
	}
	return qa.CleanLine(name), err // an earlier version took any
}

// lookForNameIn is how many events, the last joined first, are looked into for the
// name of somebody who has not said it on this device.
const lookForNameIn = 16

// nameElsewhere is the name that this person has in an event, written on another
// device of theirs; "" when there is none.
func (l *local) nameElsewhere(ctx context.Context) (string, error) {
	following, err := l.store.Following(ctx)
	if err != nil {
		return "", err
	}
	for _, f := range slices.Backward(following[max(0, len(following)-lookForNameIn):]) {
		people, err := l.store.People(ctx, f.Event)
		if err != nil {
			return "", err
		}
		i := slices.IndexFunc(people, func(p qa.Person) bool { return p.ID == l.node.Identity() })
		if i >= 0 && people[i].Name != "" {
			return qa.CleanLine(people[i].Name), nil
		}
	}
	return "", nil
}

func (l *local) SetName(ctx context.Context, name string) error {
	if err := (&qa.Person{Name: name}).Validate(); err != nil {
		return coded(exitRefused, err)
	}
	if err := l.store.SetSetting(ctx, settingName, name); err != nil {
		return err
	}
	events, err := l.node.Events(ctx)
	if err != nil {
		return err
	}
	for _, e := range events {
		if e.Founder == "" {
			continue // not fetched yet: the name is written with the first word said there
		}
		if err := l.introduce(ctx, e.ID); err != nil {
			return err
		}
	}
	return nil
}

// introduce writes the chosen name into an event that does not have it.
func (l *local) introduce(ctx context.Context, event qa.EventID) error {
	name, err := l.Name(ctx)
	if err != nil || name == "" {
		return err
	}
	week, err := l.node.Week(ctx, event)
	if err != nil {
		return err
	}
	if week.People[l.node.Identity()].Name == name {
		return nil
	}
	_, err = l.node.Do(ctx, event, qa.Act{Kind: qa.ActPerson, AtMillis: time.Now().UnixMilli(), Person: &qa.Person{Name: name}})
	return err
}

func (l *local) Found(ctx context.Context, e qa.Event, relay string) (qa.Invitation, error) {
	id, inv, err := l.node.Found(ctx, e, relay)
	if err != nil {
		return inv, err
	}
	return inv, l.introduce(ctx, id)
}

func (l *local) Join(ctx context.Context, inv qa.Invitation) error {
	return explainMove(l.node.Join(ctx, inv))
}

func (l *local) Invitation(ctx context.Context, event qa.EventID) (qa.Invitation, error) {
	return l.node.Invitation(ctx, event)
}

func (l *local) Events(ctx context.Context) ([]qa.Event, error) { return l.node.Events(ctx) }

func (l *local) Do(ctx context.Context, event qa.EventID, act qa.Act) (qa.PostID, error) {
	// A name is not written before an anonymous question: it would tell who asks.
	if act.Kind == qa.ActPost && !act.Anonymous {
		if err := l.introduce(ctx, event); err != nil {
			return "", explainAct(&act, err)
		}
	}
	post, err := l.node.Do(ctx, event, act)
	return post, explainAct(&act, err)
}

func (l *local) Import(ctx context.Context, event qa.EventID, week qa.Imported, relay string) (importResult, error) {
	r, err := l.node.Import(ctx, event, week, relay)
	return importResult(r), err
}

// Week returns an event as this person sees it.
func (l *local) Week(ctx context.Context, event qa.EventID) (qa.Week, error) {
	week, err := l.node.Week(ctx, event)
	if err != nil {
		return week, err
	}
	keys, err := l.node.Keys(ctx, event)
	return week.For(keys...), err
}

func (l *local) Post(ctx context.Context, event qa.EventID, post qa.PostID) (qa.Post, error) {
	return l.node.Post(ctx, event, post)
}

func (l *local) Search(ctx context.Context, event qa.EventID, query string, limit int) ([]qa.PostID, error) {
	return l.store.Search(ctx, event, query, limit)
}

func (l *local) Rebuild(ctx context.Context, event qa.EventID) error {
	return l.node.Rebuild(ctx, event)
}

// Status is the node's, with the relay looked at now where no link is running:
// a command that lives for a moment has no other way to know.
func (l *local) Status(ctx context.Context) ([]qa.Status, error) {
	statuses, err := l.node.Status(ctx)
	if err != nil || l.node.Running() {
		return statuses, err
	}
	looked := map[string]qa.RelayStatus{}
	for i, s := range statuses {
		if s.Relay.URL == "" {
			continue
		}
		if _, ok := looked[s.Relay.URL]; !ok {
			looked[s.Relay.URL] = look(ctx, s.Relay.URL)
		}
		statuses[i].Relay = looked[s.Relay.URL]
	}
	return statuses, nil
}

// lookFor bounds how long `flyleaf status` and `flyleaf refused` wait for a relay.
const lookFor = 2 * time.Second

// look says whether a relay can be reached, without joining anything.
func look(ctx context.Context, relayURL string) qa.RelayStatus {
	s := qa.RelayStatus{URL: relayURL, State: "offline", SinceMillis: time.Now().UnixMilli()}
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	conn, err := replica.WebSocket{}.Dial(ctx, relayURL)
	if err != nil {
		s.Why = replica.ExplainDial(err)
		return s
	}
	s.ClockOffMillis = replica.ClockOff(conn, time.Now())
	_ = conn.Close()
	s.State = "reachable"
	return s
}

func (l *local) Sync(ctx context.Context, event qa.EventID, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return l.node.Sync(ctx, event)
}
