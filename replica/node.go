// Package replica holds the events that one device follows, each as a document, and syncs
// them with relays.
//
// It guarantees that
//
//   - no change is reported as saved, shown to a subscriber or offered to a relay before its
//     transaction is on disk;
//   - a failed write leaves nothing behind, in memory or on disk;
//   - pages are read from the stored views alone;
//   - bytes from a relay reach the engine only after they were decoded, found canonical and
//     inside the schema, verified to be signed by their writer, placed in the change graph and
//     allowed by the event's rules. A person's own acts are checked by the same rules before
//     they are saved;
//   - text written on this device is never lost: a change that has to be excluded from an
//     event stays in the ledger, is reissued (written again as a new change) if possible, and
//     is listed by Refusals until then.
//
// A local act never waits for a relay. An event never has two engines. The node never writes
// with an actor of an earlier run, and never closes the store it was given. DESIGN.md
// describes the parts, the lock order and the bounds.
package replica

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"flyleaf/crdt/wire"
	"flyleaf/internal/lockorder"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/replica/archive"
	"flyleaf/replica/reimport"
	"flyleaf/replica/relayclient"
	"flyleaf/storage"
)

// Errors of a node.
var (
	// ErrClosed is returned by every call after Close.
	ErrClosed = errors.New("this node is closed")
	// ErrUnknownEvent is returned for an event that this device does not follow.
	ErrUnknownEvent = errors.New("this device does not follow that event; join it with its invitation first")
	// ErrNotFetched is returned for an act in an event of which this device has no
	// changes yet.
	ErrNotFetched = errors.New("this event has not been fetched from its relay yet, so nothing can be written into it; nothing was changed. Try again when the relay is reachable")
	// ErrUnknownPost is returned for a post that this device does not have.
	ErrUnknownPost = errors.New("this device does not have that post")
	// ErrNotOrganiser is returned by Import for an event that this person does not organise.
	ErrNotOrganiser = errors.New("only an organiser of the event can import into it; nothing was changed")
	// ErrEventClosed is returned for a new post in a closed event.
	ErrEventClosed = errors.New("the event is closed: it accepts no more questions and replies")
	// ErrNotAllowed is returned for an act that the event's rules do not allow this person.
	// The error names the rule.
	ErrNotAllowed = errors.New("the event's rules do not allow this")
	// ErrNotSaved is wrapped around the store's error when an act could not be written
	// to disk. No part of the act was kept.
	ErrNotSaved = errors.New("this could not be saved on this device; nothing was changed")
)

// Defaults of Config.
const (
	DefaultIdle     = 2 * time.Minute
	DefaultRetryMin = 250 * time.Millisecond
	DefaultRetryMax = 30 * time.Second
)

// Config configures a Node. Store and Key must be set.
type Config struct {
	Store storage.Store // stays the caller's: Close does not close it
	Key   keys.Key
	Now   func() time.Time   // nil: time.Now
	Rand  io.Reader          // nil: crypto/rand. Actors, connection names and jitter come from it
	Log   *slog.Logger       // nil: nothing is logged
	Dial  relayclient.Dialer // nil: WebSocket, where the platform has it
	// Offline keeps the node from opening any connection.
	Offline bool
	// Yield is called between the parts of a large message, while nothing is locked. It may wait a
	// little, so that other work of this program comes first. nil: nothing else needs to.
	Yield func(context.Context)
	// Introduction returns the act that writes this person's profile into an event that has none of it, and false if
	// there is nothing to write. It is called while a document is locked. nil: there is never anything.
	Introduction func(context.Context) (qa.Act, bool, error)
	// Idle is how long an event's engine stays in memory after the last local act; 0 is
	// DefaultIdle.
	Idle time.Duration
	// Answering is how long a person is shown as answering after the last signal; 0 is
	// DefaultAnswering.
	Answering time.Duration
	// RetryMin and RetryMax bound the waits between attempts to reach a relay; 0
	// are the defaults.
	RetryMin, RetryMax time.Duration
}

// Node is one device's node. It is safe for concurrent use.
type Node struct {
	cfg       Config
	store     storage.Store
	actor     wire.ActorID // used in this run; a document draws a new one after a failed write
	subs      subscribers
	client    *relayclient.Client
	clubs     *archive.Clubs
	scheduler *archive.Scheduler
	engines   engines

	// ctx ends at Close. All background work uses it.
	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup

	engineWork func() // for tests: called before engine work for which the document is unlocked

	randMu   lockorder.Mutex[lockorder.Random] // guards reads of cfg.Rand
	importMu lockorder.Mutex[lockorder.Import] // held for the whole of an import
	sources  *reimport.Sources

	mu        lockorder.Mutex[lockorder.Node] // guards what follows
	closed    bool
	running   bool
	documents map[qa.EventID]*document
	relays    map[qa.EventID]string // chosen on this device; "" for none
	weeks     []*document           // weeks kept in memory, the one read last at the end; see cachedWeek
}

// Open starts a node on a store, which must not be open in another process. Start opens
// connections to relays, Sync one for a single event.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	if cfg.Store == nil {
		return nil, errors.New("replica: no store")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Dial == nil {
		cfg.Dial = relayclient.PlatformDialer()
	}
	if cfg.Idle == 0 {
		cfg.Idle = DefaultIdle
	}
	if cfg.Answering == 0 {
		cfg.Answering = DefaultAnswering
	}
	if cfg.RetryMin == 0 {
		cfg.RetryMin = DefaultRetryMin
	}
	if cfg.RetryMax == 0 {
		cfg.RetryMax = DefaultRetryMax
	}
	n := &Node{
		cfg: cfg, store: cfg.Store,
		documents: map[qa.EventID]*document{}, relays: map[qa.EventID]string{},
	}
	n.ctx, n.stop = context.WithCancel(context.Background())
	n.client = relayclient.New(relayclient.Config{
		Dial: cfg.Dial, Now: cfg.Now, Random: n.random, Log: cfg.Log, RetryMin: cfg.RetryMin, RetryMax: cfg.RetryMax,
		Changed:   func(id qa.EventID) { n.subs.notify(Update{Event: id, Status: true}) },
		ServesApp: n.noteApp,
	})
	n.sources = reimport.NewSources(n.store, n.posts, n.Identity())
	n.clubs = archive.NewClubs(n.store, archiveHost{n})
	n.scheduler = archive.NewScheduler(archiveHost{n}, n.clubs)
	var err error
	if n.actor, err = n.newActor(); err != nil {
		return nil, err
	}
	if err := n.readFollowed(ctx); err != nil {
		return nil, err
	}
	if err := n.clubs.Load(ctx, n.read); err != nil {
		return nil, err
	}
	return n, nil
}

// readFollowed reads which events the device follows. If an earlier version stopped
// between creating an event and recording that it is followed, the event is followed now.
func (n *Node) readFollowed(ctx context.Context) error {
	following, err := n.store.Following(ctx)
	if err != nil {
		return err
	}
	for _, f := range following {
		n.documents[f.Event] = n.newDocument(f.Event)
		n.relays[f.Event] = f.Relay
	}
	documents, err := n.store.Documents(ctx)
	if err != nil {
		return err
	}
	for _, id := range documents {
		if n.documents[id] != nil {
			continue
		}
		f := storage.Following{Event: id, JoinedAtMillis: n.cfg.Now().UnixMilli()}
		if e, err := n.store.Event(ctx, id); err == nil && len(e.Relays) > 0 {
			f.Relay = e.Relays[0]
		}
		if err := n.store.Follow(ctx, f); err != nil {
			return err
		}
		n.documents[id] = n.newDocument(id)
		n.relays[id] = f.Relay
	}
	return nil
}

// Close ends the connections, and closes the documents and the channels of subscribers.
// It waits for writes in progress. The store stays open.
func (n *Node) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil
	}
	n.closed = true
	events := make([]*document, 0, len(n.documents))
	for _, doc := range n.documents {
		events = append(events, doc)
	}
	n.mu.Unlock()
	n.stop()
	n.client.Close()
	n.work.Wait()
	for _, doc := range events {
		doc.close()
	}
	n.subs.close()
	return nil
}

// Identity returns this device's person.
func (n *Node) Identity() qa.Identity { return n.cfg.Key.Identity() }

// newActor draws an actor of this person for this run.
func (n *Node) newActor() (wire.ActorID, error) { return n.newActorOf(n.cfg.Key) }

// newActorOf draws an actor for another of this person's keys.
func (n *Node) newActorOf(key keys.Key) (wire.ActorID, error) {
	n.randMu.Lock()
	defer n.randMu.Unlock()
	return key.NewActor(n.cfg.Rand)
}

// random returns size random bytes for jitter and names of connections, which need no
// secrecy. If Config.Rand fails, bytes are zero.
func (n *Node) random(size int) []byte {
	n.randMu.Lock()
	defer n.randMu.Unlock()
	b := make([]byte, size)
	_, _ = io.ReadFull(n.cfg.Rand, b)
	return b
}

// document returns a followed event's document. Its errors are ErrUnknownEvent and
// ErrClosed.
func (n *Node) document(id qa.EventID) (*document, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, ErrClosed
	}
	doc := n.documents[id]
	if doc == nil {
		return nil, fmt.Errorf("%s: %w", id, ErrUnknownEvent)
	}
	return doc, nil
}

// follow starts following an event: on disk, then in memory. If the event is followed
// already and a relay is given, the event gets that relay.
func (n *Node) follow(ctx context.Context, doc *document, relay string) error {
	f := storage.Following{Event: doc.id, Relay: relay, JoinedAtMillis: n.cfg.Now().UnixMilli()}
	n.mu.Lock()
	known := n.documents[doc.id] != nil
	n.mu.Unlock()
	if known {
		following, err := n.store.Following(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(following, func(f storage.Following) bool { return f.Event == doc.id })
		if i >= 0 {
			if relay == "" || relay == following[i].Relay {
				return nil
			}
			f = following[i]
			f.Relay = relay
		}
	}
	if err := n.store.Follow(ctx, f); err != nil {
		return fmt.Errorf("%w: %w", ErrNotSaved, err)
	}
	n.nowFollowed(doc, relay)
	return nil
}

// nowFollowed does in memory what follows from following an event on disk.
func (n *Node) nowFollowed(doc *document, relay string) {
	n.mu.Lock()
	if n.documents[doc.id] == nil {
		n.documents[doc.id] = doc
	}
	n.relays[doc.id] = relay
	running := n.running
	n.mu.Unlock()
	if url, attached := n.client.Attached(doc.id); attached && url != relay {
		n.client.Detach(doc.id)
	}
	if running {
		n.scheduler.Attach(doc.id)
	}
	n.subs.notify(qa.Update{Event: doc.id, Status: true})
}

// Join follows an event. It returns as soon as this is stored. In the background the event
// is fetched and, if the invitation has a secret, its role is claimed. Joining again
// with an invitation that names a relay changes the event's relay. A relay that the
// organisers have not named is accepted only if inv.Move is set; otherwise
// *qa.OtherRelayError is returned and nothing has changed.
func (n *Node) Join(ctx context.Context, inv qa.Invitation) error {
	if _, err := qa.ParseEventID(string(inv.Event)); err != nil {
		return err
	}
	if inv.Relay != "" {
		if err := qa.CheckRelay(inv.Relay); err != nil {
			return err
		}
	}
	n.mu.Lock()
	closed, doc := n.closed, n.documents[inv.Event]
	n.mu.Unlock()
	if closed {
		return ErrClosed
	}
	if doc == nil {
		doc = n.newDocument(inv.Event)
	} else if !inv.Move {
		if err := n.checkRelay(ctx, inv); err != nil {
			return err
		}
	}
	if len(inv.Secret) > 0 {
		key, err := keys.KeyFromSeed(inv.Secret)
		if err != nil {
			return err
		}
		doc.mu.Lock()
		err = doc.storeKey(ctx, keyInvitation, key)
		doc.mu.Unlock()
		if err != nil {
			return err
		}
	}
	if err := n.follow(ctx, doc, inv.Relay); err != nil || len(inv.Secret) == 0 {
		return err
	}
	return doc.runAutomatic(ctx) // claims the role now if the event is here already
}

// checkRelay returns *qa.OtherRelayError when an invitation would move a followed event
// to a relay that is neither its current one nor named by its organisers.
func (n *Node) checkRelay(ctx context.Context, inv qa.Invitation) error {
	now, err := n.relayURL(ctx, inv.Event)
	if err != nil || inv.Relay == "" || now == "" || qa.SameRelay(now, inv.Relay) {
		return err
	}
	e, err := n.read(ctx, inv.Event)
	if err != nil || slices.ContainsFunc(e.Relays, func(r string) bool { return qa.SameRelay(r, inv.Relay) }) {
		return err
	}
	return &qa.OtherRelayError{Event: inv.Event, From: now, To: inv.Relay}
}
