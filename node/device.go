package node

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/replica/relayclient"
	"flyleaf/storage"
)

// Config is what a device is made of.
type Config struct {
	Store storage.Store // stays the caller's: Close does not close it
	Key   keys.Key
	Now   func() time.Time   // nil: time.Now
	Rand  io.Reader          // nil: crypto/rand
	Log   *slog.Logger       // nil: nothing is logged
	Dial  relayclient.Dialer // nil: relays cannot be reached
	// Offline keeps the device from opening any connection.
	Offline bool
}

// Device is the node of this process: a replica, and what only this device keeps.
type Device struct {
	replica *replica.Node
	store   storage.Store
	key     keys.Key
	now     func() time.Time
	dial    relayclient.Dialer

	drafts   sync.Mutex // from reading the drafts of an event to writing them
	verified verifiedEvent
}

var _ Node = (*Device)(nil)

// Open makes a device of a store, which must not be open in another process. Connections
// to relays are opened by Start, or by Sync for one event.
func Open(ctx context.Context, c Config) (*Device, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Dial == nil {
		c.Dial = noDialer{}
	}
	r, err := replica.Open(ctx, replica.Config{
		Store: c.Store, Key: c.Key, Now: c.Now, Rand: c.Rand, Log: c.Log, Dial: c.Dial, Offline: c.Offline,
	})
	if err != nil {
		return nil, err
	}
	return &Device{replica: r, store: c.Store, key: c.Key, now: c.Now, dial: c.Dial}, nil
}

type noDialer struct{}

func (noDialer) Dial(context.Context, string) (relayclient.Conn, error) {
	return nil, relayclient.ErrNoDialer
}

// Start keeps connections to the relays of all followed events until Close. It returns at
// once.
func (d *Device) Start(ctx context.Context) { d.replica.Start(ctx) }

// Close ends the connections and the streams. It waits for what is being written. The
// store stays open.
func (d *Device) Close() error { return d.replica.Close() }

func (d *Device) nowMillis() int64 { return d.now().UnixMilli() }

// ReadOnlyStore is a store of which everything can be read and nothing written. What would
// write returns why, as an error of kind ReadOnly.
func ReadOnlyStore(s storage.Store, why error) storage.Store {
	return readOnlyStore{s, WithKind(ReadOnly, why)}
}

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
