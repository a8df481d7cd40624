// Package relayclient keeps a device's connections to relays, one to each relay however
// many events are exchanged there, and the conversation about each event.
//
// It guarantees that a relay that cannot be reached is tried again, ever more rarely and
// never at the same moment as other devices; that what it says about an event was read
// from the event's document under the document's lock, so that the document has it on
// disk; and that an event counts as synced only by what the relay said after the device
// last had something new.
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
	// ServesApp is called after each dial at which the relay at url said whether it
	// serves Flyleaf for the browser. No lock is held meanwhile.
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
	byEvent     map[qa.EventID]*connection // which one an event is exchanged over
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

// Attach begins to exchange an event with the relay at url, over the connection that
// there is or a new one, and ends the exchange with another relay. It does nothing
// after Close.
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

// Detach ends the exchange of an event. It reports whether there was one.
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

// connectionOf returns the connection of an event; nil when it is not attached.
func (c *Client) connectionOf(id qa.EventID) *connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byEvent[id]
}

// Attached returns the URL of the relay that an event is exchanged with; false when
// there is none.
func (c *Client) Attached(id qa.EventID) (url string, ok bool) {
	if conn := c.connectionOf(id); conn != nil {
		return conn.url, true
	}
	return "", false
}

// AllAttached returns the events that are exchanged, each with the URL of its relay.
func (c *Client) AllAttached() map[qa.EventID]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[qa.EventID]string, len(c.byEvent))
	for id, conn := range c.byEvent {
		out[id] = conn.url
	}
	return out
}

// Status returns how far the exchange of an event has come; false when it is not attached.
func (c *Client) Status(id qa.EventID) (qa.RelayStatus, bool) {
	conn := c.connectionOf(id)
	if conn == nil {
		return qa.RelayStatus{}, false
	}
	return conn.status(id)
}

// Updated tells that a document has a new change. Relay and device differ from now on,
// and the status says so when Updated returns. It reports whether the event is attached.
func (c *Client) Updated(id qa.EventID) bool {
	conn := c.connectionOf(id)
	if conn == nil {
		return false
	}
	conn.updated(id)
	c.wakeWaiting()
	return true
}

// Ask makes an event count as synced only once the relay has said so after this moment.
// What the relay said before may have become untrue: another device's change can be on
// the relay and on its way to here. A connection that waits before its next attempt
// begins the attempt now.
func (c *Client) Ask(id qa.EventID) {
	if conn := c.connectionOf(id); conn != nil {
		conn.ask(id)
	}
}

// DeadEnd returns why waiting for an event to be synced is of no use, nil when it may be.
// See IsDeadEnd for the errors.
func (c *Client) DeadEnd(id qa.EventID) error {
	if conn := c.connectionOf(id); conn != nil {
		return conn.deadEnd(id)
	}
	return nil
}

// Ephemeral makes a message that is sent once and not repeated, as number count of the
// connection whose name is session.
type Ephemeral func(session string, count uint64) (*repo.Message, error)

// Send has a message about an event sent, if there is a connection to its relay now;
// else it is dropped.
func (c *Client) Send(id qa.EventID, m Ephemeral) {
	if conn := c.connectionOf(id); conn != nil {
		conn.queue(id, m)
	}
}

// Wake makes all connections that wait before their next attempt begin it now: the
// network has come back, or a person is asking.
func (c *Client) Wake() {
	c.mu.Lock()
	all := make([]*connection, 0, len(c.connections))
	for _, conn := range c.connections {
		all = append(all, conn)
	}
	c.mu.Unlock()
	for _, conn := range all {
		conn.wakeUp()
	}
}

// NextChange returns a channel that is closed when the status of any event changes
// after the call.
func (c *Client) NextChange() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// wakeWaiting closes the channel that NextChange returned.
func (c *Client) wakeWaiting() {
	c.mu.Lock()
	close(c.changed)
	c.changed = make(chan struct{})
	c.mu.Unlock()
}

// relayError is what a relay said before it ended the connection, or what it did
// that it must not do.
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
