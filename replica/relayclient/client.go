// Package relayclient keeps a device's connections to relays, one connection for each relay
// whatever the number of events, and the sync conversation about each event.
//
// It guarantees that it retries a relay that cannot be reached, with growing random waits;
// that it sends only what it read from the event's document under the document's lock, and
// so only what is on disk; and that an event counts as synced only after the relay has
// answered the device's latest change.
//
// It never looks into changes, never stores anything, and never waits for the network
// while a document is locked.
package relayclient

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"flyleaf/crdt/sync/repo"
	"flyleaf/internal/lockorder"
	"flyleaf/qa"
)

// Config is what a Client needs. All fields but RetryMin and RetryMax must be set.
type Config struct {
	Dial   Dialer
	Now    func() time.Time
	Random func(size int) []byte // for jitter and the names of connections; needs no secrecy
	Log    *slog.Logger
	// RetryMin and RetryMax bound the random waits between attempts to reach a relay.
	RetryMin, RetryMax time.Duration
	// Changed is called when the status of an event has changed. The event's document
	// may be locked meanwhile.
	Changed func(qa.EventID)
	// ServesApp is called after a dial in which the relay at url said whether it serves
	// Flyleaf for the browser. No lock is held meanwhile.
	ServesApp func(ctx context.Context, url string, serves bool)
}

// Client has the connections of one device. It is safe for concurrent use.
type Client struct {
	cfg  Config
	ctx  context.Context // ends with Close
	stop context.CancelFunc
	work sync.WaitGroup

	mu          lockorder.Mutex[lockorder.Connections] // guards what follows
	closed      bool
	connections map[string]*connection     // by the relay's URL
	byEvent     map[qa.EventID]*connection // the connection that syncs an event
	changed     chan struct{}              // closed and replaced when a status has changed
}

// New returns a client without connections.
func New(cfg Config) *Client {
	c := &Client{
		cfg: cfg, connections: map[string]*connection{}, byEvent: map[qa.EventID]*connection{}, changed: make(chan struct{}),
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// Close ends the connections and waits until they have ended.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.work.Wait()
}

// Attach starts syncing an event with the relay at url, over the existing connection or a
// new one, and stops syncing it with any other relay. It does nothing after Close.
func (c *Client) Attach(doc Document, url string) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	conn := c.connections[url]
	if conn == nil {
		conn = newConnection(c, url)
		c.connections[url] = conn
		c.work.Add(1)
		go conn.run(c.ctx)
	}
	before := c.byEvent[doc.ID()]
	c.byEvent[doc.ID()] = conn
	c.mu.Unlock()
	if before != nil && before != conn {
		before.drop(doc.ID())
	}
	conn.add(doc)
}

// Detach stops syncing an event. It reports whether the event was attached.
func (c *Client) Detach(id qa.EventID) bool {
	c.mu.Lock()
	conn := c.byEvent[id]
	delete(c.byEvent, id)
	c.mu.Unlock()
	if conn != nil {
		conn.drop(id)
	}
	return conn != nil
}

// connectionOf returns the connection that syncs an event; nil when the event is not
// attached.
func (c *Client) connectionOf(id qa.EventID) *connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byEvent[id]
}

// Attached returns the URL of the relay that an event is attached to; false when it is
// attached to none.
func (c *Client) Attached(id qa.EventID) (url string, ok bool) {
	if conn := c.connectionOf(id); conn != nil {
		return conn.url, true
	}
	return "", false
}

// AllAttached returns the attached events, each with the URL of its relay.
func (c *Client) AllAttached() map[qa.EventID]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[qa.EventID]string, len(c.byEvent))
	for id, conn := range c.byEvent {
		out[id] = conn.url
	}
	return out
}

// Status returns the sync status of an event; false when it is not attached.
func (c *Client) Status(id qa.EventID) (qa.RelayStatus, bool) {
	conn := c.connectionOf(id)
	if conn == nil {
		return qa.RelayStatus{}, false
	}
	return conn.status(id)
}

// Updated records that a document has a new change, so that relay and device differ. The
// status shows this when Updated returns. Updated reports whether the event is attached.
func (c *Client) Updated(id qa.EventID) bool {
	conn := c.connectionOf(id)
	if conn == nil {
		return false
	}
	conn.updated(id)
	c.wakeWaiting()
	return true
}

// Ask makes an event count as synced only after the relay has answered a question sent
// after this call. Earlier answers may be out of date: the relay may have another device's
// change that has not arrived here yet. A connection that waits before its next attempt
// starts the attempt now.
func (c *Client) Ask(id qa.EventID) {
	if conn := c.connectionOf(id); conn != nil {
		conn.ask(id)
	}
}

// DeadEnd returns why waiting for an event to be synced does not help; nil when it may
// help. See IsDeadEnd for the errors.
func (c *Client) DeadEnd(id qa.EventID) error {
	if conn := c.connectionOf(id); conn != nil {
		return conn.deadEnd(id)
	}
	return nil
}

// Ephemeral makes a message that is sent once and not repeated. session is the name of the
// connection, count the number of the message on it.
type Ephemeral func(session string, count uint64) (*repo.Message, error)

// Send sends a message about an event if its relay is connected now; otherwise it drops the
// message.
func (c *Client) Send(id qa.EventID, m Ephemeral) {
	if conn := c.connectionOf(id); conn != nil {
		conn.queue(id, m)
	}
}

// Wake makes all connections that wait before their next attempt start it now, and the others
// make sure that the relay still answers: the network has come back, or a person has asked for it.
func (c *Client) Wake() {
	c.mu.Lock()
	all := make([]*connection, 0, len(c.connections))
	for _, conn := range c.connections {
		all = append(all, conn)
	}
	c.mu.Unlock()
	for _, conn := range all {
		conn.wakeUp()
		setToken(conn.check)
	}
}

// NextChange returns a channel that is closed when the status of any event changes
// after the call.
func (c *Client) NextChange() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// wakeWaiting wakes the callers of NextChange.
func (c *Client) wakeWaiting() {
	c.mu.Lock()
	close(c.changed)
	c.changed = make(chan struct{})
	c.mu.Unlock()
}

// relayError is an error that the relay sent before it ended the connection, or a violation
// of the protocol by the relay.
type relayError struct {
	what string
	err  error
}

func (e *relayError) Error() string {
	if e.err != nil {
		return e.what + ": " + e.err.Error()
	}
	return e.what
}

func (e *relayError) Unwrap() error { return e.err }

var errNoPeer = errors.New("no answer to join")
