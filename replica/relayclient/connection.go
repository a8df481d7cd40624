package relayclient

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/url"
	"time"

	"flyleaf/internal/lockorder"
	"flyleaf/internal/smallsort"
	"flyleaf/qa"
)

// Times of a connection.
const (
	dialTimeout = 10 * time.Second
	joinTimeout = 10 * time.Second
	// stableAfter is how long a connection has to last before the waits between attempts
	// start small again. So a relay that ends every connection at once is not hammered.
	stableAfter = 10 * time.Second
	// localRetryMax bounds the waits for a relay on this machine: attempts are cheap, and
	// the person who starts the relay is waiting for it.
	localRetryMax = 2 * time.Second
)

// maxQueued bounds the ephemeral messages that wait for the session.
const maxQueued = 64

// connection is the connection to one relay, or the attempts to make one. The events that
// are attached to the relay share it.
type connection struct {
	client *Client
	url    string
	wake   chan struct{} // holds a token when the next attempt has to start at once
	more   chan struct{} // holds a token while dirty is not empty
	check  chan struct{} // holds a token when the session has to make sure that the relay answers

	mu     lockorder.Mutex[lockorder.Connection] // guards what follows
	events map[qa.EventID]*attached
	dirty  map[qa.EventID]bool // events that the session has to handle
	asked  map[qa.EventID]bool // events for which Client.Ask was called
	queued []queued            // at most maxQueued
	// state and why are the connection's own status. An event that is attached starts with it.
	state, why string
	clockOff   int64 // ms, see ClockOff
	// See qa.RelayStatus.
	tries                        int
	lastTryMillis, nextTryMillis int64
}

// attached is an event that is synced over a connection.
type attached struct {
	doc     Document
	status  qa.RelayStatus
	deadEnd error // see connection.noteDeadEnd
}

// queued is an ephemeral message that the session has to send.
type queued struct {
	event   qa.EventID
	message Ephemeral
}

func newConnection(c *Client, url string) *connection {
	return &connection{
		client: c, url: url, wake: make(chan struct{}, 1), more: make(chan struct{}, 1), check: make(chan struct{}, 1),
		events: map[qa.EventID]*attached{}, dirty: map[qa.EventID]bool{}, asked: map[qa.EventID]bool{}, state: qa.RelayConnecting,
	}
}

// add starts syncing an event, or makes the session handle it again.
func (c *connection) add(doc Document) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.events[doc.ID()] == nil {
		c.events[doc.ID()] = &attached{doc: doc, status: qa.RelayStatus{
			URL: c.url, State: c.state, Why: c.why, SinceMillis: c.client.cfg.Now().UnixMilli(),
		}}
	}
	c.mark(doc.ID())
}

// drop stops syncing an event.
func (c *connection) drop(id qa.EventID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.events, id)
	c.mark(id)
}

// mark makes the session handle an event. mu is held.
func (c *connection) mark(id qa.EventID) {
	c.dirty[id] = true
	setToken(c.more)
}

// takeDirty returns and clears the marked events, each with its document; nil for an event
// that was dropped.
func (c *connection) takeDirty() map[qa.EventID]Document {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[qa.EventID]Document{}
	for id := range c.dirty {
		out[id] = nil
		if on := c.events[id]; on != nil {
			out[id] = on.doc
		}
	}
	clear(c.dirty)
	return out
}

// documents returns the documents that are synced over this connection, ascending by event.
func (c *connection) documents() []Document {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Document, 0, len(c.events))
	for _, on := range c.events {
		out = append(out, on.doc)
	}
	smallsort.Func(out, func(a, b Document) int { return cmp.Compare(a.ID(), b.ID()) })
	return out
}

func (c *connection) wakeUp() { setToken(c.wake) }

// setToken puts a token into a channel with space for one, unless it holds one.
func setToken(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// queue queues an ephemeral message for the session. The message is dropped when the relay
// is not connected or the queue is full.
func (c *connection) queue(id qa.EventID, m Ephemeral) {
	c.mu.Lock()
	defer c.mu.Unlock()
	on := c.events[id]
	if on == nil || on.status.State != qa.RelaySynced && on.status.State != qa.RelaySyncing || len(c.queued) >= maxQueued {
		return
	}
	c.queued = append(c.queued, queued{id, m})
	c.mark(id)
}

// takeQueued returns and clears the queued messages.
func (c *connection) takeQueued() []queued {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.queued
	c.queued = nil
	return out
}

// status returns the sync status of an event; false if the event is not synced over this
// connection.
func (c *connection) status(id qa.EventID) (qa.RelayStatus, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	on := c.events[id]
	if on == nil {
		return qa.RelayStatus{}, false
	}
	status := on.status
	status.ClockOffMillis = c.clockOff
	if c.tries > 0 {
		status.Tries, status.LastTryMillis, status.NextTryMillis = c.tries, c.lastTryMillis, c.nextTryMillis
	}
	return status, true
}

// updated records that a document has a new change.
func (c *connection) updated(id qa.EventID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if on := c.events[id]; on != nil {
		c.noLongerSynced(on)
		c.mark(id)
	}
}

// ask implements Client.Ask.
func (c *connection) ask(id qa.EventID) {
	c.mu.Lock()
	if on := c.events[id]; on != nil {
		c.noLongerSynced(on)
		c.asked[id], on.deadEnd = true, nil
		c.mark(id)
	}
	c.mu.Unlock()
	c.wakeUp()
}

// noLongerSynced changes the state of an event from synced to syncing. mu is held.
func (c *connection) noLongerSynced(on *attached) {
	if on.status.State == qa.RelaySynced {
		on.status.State, on.status.Why = qa.RelaySyncing, ""
		on.status.SinceMillis = c.client.cfg.Now().UnixMilli()
	}
}

// isAsked reports whether the relay has still to be asked about an event.
func (c *connection) isAsked(id qa.EventID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[id]
}

// takeAsked is isAsked, and records that the relay is being asked now.
func (c *connection) takeAsked(id qa.EventID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	asked := c.asked[id]
	delete(c.asked, id)
	return asked
}

// setStatus records an event's state, and notifies waiters if it has changed.
func (c *connection) setStatus(id qa.EventID, state, why string) {
	why = qa.CleanLine(why) // it may contain text from the relay
	c.mu.Lock()
	on := c.events[id]
	if on == nil || on.status.State == state && on.status.Why == why {
		c.mu.Unlock()
		return
	}
	if on.status.State != state {
		on.status.SinceMillis = c.client.cfg.Now().UnixMilli()
	}
	on.status.State, on.status.Why = state, why
	c.mu.Unlock()
	c.client.wakeWaiting()
	c.client.cfg.Changed(id)
}

// setAll records the state of the connection itself, connecting or offline, and sets the state
// of all its events to it.
func (c *connection) setAll(state, why string) {
	c.mu.Lock()
	c.state, c.why = state, why
	c.mu.Unlock()
	for _, doc := range c.documents() {
		c.setStatus(doc.ID(), state, why)
	}
}

// noteDeadEnd records why waiting for an event does not help; nil: it may help. Any error
// but ErrDisagree stays recorded over new connections, until the event is synced or
// Client.Ask is called.
func (c *connection) noteDeadEnd(id qa.EventID, why error) {
	c.mu.Lock()
	on := c.events[id]
	if on == nil || why == nil && on.deadEnd != ErrDisagree && on.status.State != qa.RelaySynced {
		c.mu.Unlock()
		return
	}
	changed := (on.deadEnd == nil) != (why == nil)
	on.deadEnd = why
	c.mu.Unlock()
	if changed {
		c.client.wakeWaiting()
	}
}

// deadEnd returns why waiting for an event does not help; nil when it may help.
func (c *connection) deadEnd(id qa.EventID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if on := c.events[id]; on != nil && !c.asked[id] {
		return on.deadEnd
	}
	return nil
}

// run connects again and again until ctx ends.
func (c *connection) run(ctx context.Context) {
	defer c.client.work.Done()
	attempt := 0
	for ctx.Err() == nil {
		c.noteTry()
		c.setAll(qa.RelayConnecting, "")
		began := time.Now()
		err := c.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= stableAfter {
			attempt = 0
		}
		c.client.cfg.Log.Info("no connection to the relay", "relay", c.url, "error", err)
		wait := c.waitFor(attempt)
		c.noteFailed(wait)
		c.setAll(qa.RelayOffline, explain(err))
		if c.wait(ctx, wait) {
			attempt = 0
		} else {
			attempt++
		}
	}
}

// connect dials, and runs one session until it ends.
func (c *connection) connect(ctx context.Context) error {
	dialling, cancel := context.WithTimeout(ctx, dialTimeout)
	conn, err := c.client.cfg.Dial.Dial(dialling, c.url)
	cancel()
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.clockOff = ClockOff(conn, c.client.cfg.Now())
	c.tries = -1 // what ends the session is not a failed attempt
	c.mu.Unlock()
	if relay := conn.Relay(); relay.AppKnown {
		c.client.cfg.ServesApp(ctx, c.url, relay.ServesApp)
	}
	return newSession(c, conn).run(ctx)
}

// noteTry records that an attempt begins.
func (c *connection) noteTry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastTryMillis, c.nextTryMillis = c.client.cfg.Now().UnixMilli(), 0
}

// noteFailed records that an attempt failed, or a session ended, and that the next attempt begins after wait.
func (c *connection) noteFailed(wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries++
	c.nextTryMillis = c.client.cfg.Now().Add(wait).UnixMilli()
}

// waitFor returns the wait before the next attempt: a random time between zero and a bound that doubles
// with each attempt ("full jitter"). So devices that lost a relay at the same moment do not
// return at the same moment.
func (c *connection) waitFor(attempt int) time.Duration {
	cfg := &c.client.cfg
	bound := cfg.RetryMax
	if isLocal(c.url) {
		bound = min(bound, localRetryMax)
	}
	if shifted := cfg.RetryMin << min(attempt, 20); shifted>>min(attempt, 20) == cfg.RetryMin {
		bound = min(bound, shifted)
	}
	share := float64(binary.LittleEndian.Uint32(cfg.Random(4))) / (1 << 32)
	return time.Duration(share * float64(bound))
}

// wait waits before the next attempt. It returns true when it was woken.
func (c *connection) wait(ctx context.Context, wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-c.wake:
		return true
	}
	return false
}

func isLocal(relay string) bool {
	u, err := url.Parse(relay)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// explain says why there is no connection, in a sentence for a person.
func explain(err error) string {
	var said *relayError
	if errors.As(err, &said) {
		return said.Error()
	}
	return ExplainDial(err)
}
