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

// Config has the parts of a device.
type Config struct {
	Store storage.Store // owned by the caller: Close does not close it
	Key   keys.Key
	Now   func() time.Time   // nil: time.Now
	Rand  io.Reader          // nil: crypto/rand
	Log   *slog.Logger       // nil: no log
	Dial  relayclient.Dialer // nil: relays cannot be reached
	// Converter encrypts and decrypts the contact details of winners. Only ClaimPrize and PrizeClaims need it.
	Converter Converter
	// Offline prevents the device from opening connections.
	Offline bool
	// Yield is called between the parts of a large message, see replica.Config. nil: never.
	Yield func(context.Context)
}

// Device is the node of this process: a replica, and the data that stays on this device.
type Device struct {
	replica   *replica.Node
	store     storage.Store
	key       keys.Key
	now       func() time.Time
	dial      relayclient.Dialer
	converter Converter

	drafts   sync.Mutex // held from reading an event's drafts to writing them
	verified verifiedEvent
	reading  reading
	finder   finder
}

var _ Node = (*Device)(nil)

// Open makes a device from a store, which no other process may have open. Start opens the
// connections to relays; Sync opens the one of its event.
func Open(ctx context.Context, c Config) (*Device, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Dial == nil {
		c.Dial = noDialer{}
	}
	d := &Device{store: c.Store, key: c.Key, now: c.Now, dial: c.Dial, converter: c.Converter}
	r, err := replica.Open(ctx, replica.Config{
		Store: c.Store, Key: c.Key, Now: c.Now, Rand: c.Rand, Log: c.Log, Dial: c.Dial, Offline: c.Offline, Yield: c.Yield,
		Introduction: d.introduction,
	})
	if err != nil {
		return nil, err
	}
	d.replica = r
	return d, nil
}

type noDialer struct{}

func (noDialer) Dial(context.Context, string) (relayclient.Conn, error) {
	return nil, relayclient.ErrNoDialer
}

// Start opens connections to the relays of all followed events and keeps them until Close. It
// returns at once.
func (d *Device) Start(ctx context.Context) { d.replica.Start(ctx) }

// Close ends connections and streams, and waits for writes in progress. It does not close the
// store.
func (d *Device) Close() error { return d.replica.Close() }

func (d *Device) nowMillis() int64 { return d.now().UnixMilli() }

// ReadOnlyStore returns a store that reads from s. Its methods that would write return why, as
// an error of kind ReadOnly.
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
