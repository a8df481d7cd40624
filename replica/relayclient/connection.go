package relayclient

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/url"
	"slices"
	"time"

	"flyleaf/internal/lockorder"
	"flyleaf/qa"
)

// Bounds in time of a connection.
const (
	dialTimeout = 10 * time.Second
	joinTimeout = 10 * time.Second
	// stableAfter is how long a connection has to last before the next attempt is
	// again as quick as the first: a relay that ends every connection at once is
	// not to be hammered.
	stableAfter = 10 * time.Second
	// localRetryMax bounds the waits for a relay on this very machine: asking it
	// costs nothing, and who starts one is looking at the screen.
	localRetryMax = 2 * time.Second
)

// maxQueued bounds the ephemeral messages that wait for the session.
const maxQueued = 64

// connection is the way to one relay: the connection that there is, or the attempts to
// have one. It is shared by the events that are exchanged with that relay.
type connection struct {
	client *Client
	url    string
	wake   chan struct{} // holds a token when an attempt shall begin at once
	more   chan struct{} // holds a token while dirty is not empty

	mu     lockorder.Mutex[lockorder.Connection] // guards what follows
	events map[qa.EventID]*attached
	dirty  map[qa.EventID]bool // to be looked at by the session
	asked  map[qa.EventID]bool // the relay's word of now is wanted; see Client.Ask
	queued []queued            // at most maxQueued
	// state and why are what an event begins with that is attached now.
	state, why string
	clockOff   int64 // ms, see ClockOff
}

// attached is an event that is exchanged over a connection.
type attached struct {
	doc     Document
	status  qa.RelayStatus
	deadEnd error // see connection.noteDeadEnd
}

// queued is an ephemeral message that the session is to send.
type queued struct {
	event   qa.EventID
	message Ephemeral
}

func newConnection(c *Client, url string) *connection {
	return &connection{
		client: c, url: url, wake: make(chan struct{}, 1), more: make(chan struct{}, 1),
		events: map[qa.EventID]*attached{}, dirty: map[qa.EventID]bool{}, asked: map[qa.EventID]bool{}, state: qa.RelayConnecting,
	}
}

// add begins to exchange an event, or has the session look at it again.
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

// drop ends the exchange of an event.
func (c *connection) drop(id qa.EventID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.events, id)
	c.mark(id)
}

// mark makes the session look at an event. mu is held.
func (c *connection) mark(id qa.EventID) {
	c.dirty[id] = true
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// takeDirty returns the events to look at, each with its document, nil for an event that
// was dropped.
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

// documents returns what is exchanged over this connection, ascending by event.
func (c *connection) documents() []Document {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Document, 0, len(c.events))
	for _, on := range c.events {
		out = append(out, on.doc)
	}
	slices.SortFunc(out, func(a, b Document) int { return cmp.Compare(a.ID(), b.ID()) })
	return out
}

func (c *connection) wakeUp() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// queue keeps an ephemeral message for the session. It is dropped when the relay cannot
// be reached, or too many wait.
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

// takeQueued returns what was queued.
func (c *connection) takeQueued() []queued {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.queued
	c.queued = nil
	return out
}

// status returns how far the exchange of an event has come; false for one that is not
// exchanged over this connection.
func (c *connection) status(id qa.EventID) (qa.RelayStatus, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	on := c.events[id]
	if on == nil {
		return qa.RelayStatus{}, false
	}
	status := on.status
	status.ClockOffMillis = c.clockOff
	return status, true
}

// updated notes that a document has a new change.
func (c *connection) updated(id qa.EventID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if on := c.events[id]; on != nil {
		c.noLongerSynced(on)
		c.mark(id)
	}
}

// ask is Client.Ask.
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

// noLongerSynced makes an event that was synced one that is being synced. mu is held.
func (c *connection) noLongerSynced(on *attached) {
	if on.status.State == qa.RelaySynced {
		on.status.State, on.status.Why = qa.RelaySyncing, ""
		on.status.SinceMillis = c.client.cfg.Now().UnixMilli()
	}
}

// isAsked reports whether the relay is still to be asked about an event.
func (c *connection) isAsked(id qa.EventID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[id]
}

// takeAsked is isAsked, and notes that the relay is being asked.
func (c *connection) takeAsked(id qa.EventID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	asked := c.asked[id]
	delete(c.asked, id)
	return asked
}

// setStatus notes an event's state and tells of it if it is new.
func (c *connection) setStatus(id qa.EventID, state, why string) {
	why = qa.CleanLine(why) // it may be the relay's words
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

// setAll notes the state of the connection itself, and so of all its events.
func (c *connection) setAll(state, why string) {
	c.mu.Lock()
	c.state, c.why = state, why
	c.mu.Unlock()
	for _, doc := range c.documents() {
		c.setStatus(doc.ID(), state, why)
	}
}

// noteDeadEnd notes why waiting for an event is of no use; nil says that it may be of
// use. A conversation without progress stays noted while the next connections only have
// it again, until the event is synced or the relay is asked.
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

// deadEnd returns why waiting for an event is of no use.
func (c *connection) deadEnd(id qa.EventID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if on := c.events[id]; on != nil && !c.asked[id] {
		return on.deadEnd
	}
	return nil
}

// run connects, again and again, until ctx ends.
func (c *connection) run(ctx context.Context) {
	defer c.client.work.Done()
	attempt := 0
	for ctx.Err() == nil {
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
		c.setAll(qa.RelayOffline, explain(err))
		if c.wait(ctx, attempt) {
			attempt = 0
		} else {
			attempt++
		}
	}
}

// connect has one connection, from dialling to its end.
func (c *connection) connect(ctx context.Context) error {
	dialling, cancel := context.WithTimeout(ctx, dialTimeout)
	conn, err := c.client.cfg.Dial.Dial(dialling, c.url)
	cancel()
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.clockOff = ClockOff(conn, c.client.cfg.Now())
	c.mu.Unlock()
	if teller, ok := conn.(AppReporter); ok {
		if serves, known := teller.ServesApp(); known {
			c.client.cfg.ServesApp(ctx, c.url, serves)
		}
	}
	return newSession(c, conn).run(ctx)
}

// wait waits a random time before the next attempt: between nothing and a bound
// that doubles with each attempt ("full jitter"), so that the devices that lost a
// relay together do not come back together. It returns true when woken.
func (c *connection) wait(ctx context.Context, attempt int) bool {
	cfg := &c.client.cfg
	bound := cfg.RetryMax
	if isLocal(c.url) {
		bound = min(bound, localRetryMax)
	}
	if shifted := cfg.RetryMin << min(attempt, 20); shifted>>min(attempt, 20) == cfg.RetryMin {
		bound = min(bound, shifted)
	}
	share := float64(binary.LittleEndian.Uint32(cfg.Random(4))) / (1 << 32)
	t := time.NewTimer(time.Duration(share * float64(bound)))
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
