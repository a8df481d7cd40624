package replica

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"flyleaf/qa"
)

// Bounds in time of a link.
const (
	dialWithin = 10 * time.Second
	joinWithin = 10 * time.Second
	// stableAfter is how long a connection has to last before the next attempt is
	// again as quick as the first: a relay that ends every connection at once is
	// not to be hammered.
	stableAfter = 10 * time.Second
	// localRetryMax bounds the waits for a relay on this very machine: asking it
	// costs nothing, and who starts one is looking at the screen.
	localRetryMax = 2 * time.Second
)

// link is the connection to one relay, shared by the events that are synced
// there, and all attempts to have it.
type link struct {
	node *Node
	url  string
	wake chan struct{} // holds a token when an attempt shall start at once
	more chan struct{} // holds a token while dirty is not empty

	mu     sync.Mutex
	events map[qa.EventID]*linked
	dirty  map[qa.EventID]bool // to be looked at by the session
	unsaid []unsaid            // presence to be sent, at most maxUnsaid
	asked  map[qa.EventID]bool // somebody wants the relay's word of now; see ask
	// state and why are what an event that comes onto the link begins with.
	state, why string
	clockOff   int64 // ms, see ClockOff
}

// linked is an event on a link.
type linked struct {
	doc    *document
	status qa.RelayStatus
	stuck  error // why waiting is of no use, see stick
}

// followed returns the followed events, in no order. n.mu is held.
func (n *Node) followed() []qa.EventID {
	ids := make([]qa.EventID, 0, len(n.documents))
	for id := range n.documents {
		ids = append(ids, id)
	}
	return ids
}

// Running reports whether Start was called.
func (n *Node) Running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.running
}

// Wake makes all links that wait before their next attempt start it now: the
// network has come back, or a person is asking.
func (n *Node) Wake() {
	n.mu.Lock()
	links := make([]*link, 0, len(n.links))
	for _, l := range n.links {
		links = append(links, l)
	}
	n.mu.Unlock()
	for _, l := range links {
		l.wakeUp()
	}
}

func (l *link) wakeUp() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// link puts an event on the link to its relay, which is made if there is none.
// It returns nil for an event without a relay.
func (n *Node) link(id qa.EventID) *link {
	url, err := n.relayURL(n.ctx, id)
	if err != nil || url == "" || n.cfg.Offline {
		return nil
	}
	n.mu.Lock()
	doc := n.documents[id]
	if n.closed || doc == nil {
		n.mu.Unlock()
		return nil
	}
	l := n.links[url]
	if l == nil {
		l = &link{
			node: n, url: url, wake: make(chan struct{}, 1), more: make(chan struct{}, 1),
			events: map[qa.EventID]*linked{}, dirty: map[qa.EventID]bool{}, asked: map[qa.EventID]bool{}, state: qa.RelayConnecting,
		}
		n.links[url] = l
		n.work.Add(1)
		go l.run(n.ctx)
	}
	n.linkOf[id] = l
	n.mu.Unlock()
	l.mu.Lock()
	if l.events[id] == nil {
		l.events[id] = &linked{doc: doc, status: qa.RelayStatus{
			URL: url, State: l.state, Why: l.why, SinceMillis: n.cfg.Now().UnixMilli(),
		}}
	}
	l.mark(id)
	l.mu.Unlock()
	return l
}

// mark makes the session look at an event. mu is held.
func (l *link) mark(id qa.EventID) {
	l.dirty[id] = true
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// drop takes an event off the link.
func (l *link) drop(id qa.EventID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.events, id)
	l.mark(id)
}

// poke tells the link that an event has a new change. What the relay holds and
// what this device holds differ from now on, and the status says so before the
// writer is told that the change is saved.
func (n *Node) poke(id qa.EventID) {
	n.mu.Lock()
	l := n.linkOf[id]
	n.mu.Unlock()
	if l == nil {
		n.mu.Lock()
		running := n.running && n.documents[id] != nil
		n.mu.Unlock()
		if running {
			n.attend(id)
		}
		return
	}
	l.mu.Lock()
	if on := l.events[id]; on != nil {
		if on.status.State == qa.RelaySynced {
			on.status.State, on.status.Why = qa.RelaySyncing, ""
			on.status.SinceMillis = n.cfg.Now().UnixMilli()
		}
		l.mark(id)
	}
	l.mu.Unlock()
	n.broadcast()
}

// ask makes an event count as synced only once the relay has said so after this
// moment. What is known from before may have become untrue meanwhile: another
// device's change can be on the relay, and on its way to here.
func (l *link) ask(id qa.EventID) {
	l.mu.Lock()
	if on := l.events[id]; on != nil {
		if on.status.State == qa.RelaySynced {
			on.status.State, on.status.Why = qa.RelaySyncing, ""
			on.status.SinceMillis = l.node.cfg.Now().UnixMilli()
		}
		l.asked[id], on.stuck = true, nil
		l.mark(id)
	}
	l.mu.Unlock()
	l.wakeUp()
}

// isAsked reports whether the relay is still to be asked about an event.
func (l *link) isAsked(id qa.EventID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked[id]
}

// takeAsked is isAsked, and notes that it is being done.
func (l *link) takeAsked(id qa.EventID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	asked := l.asked[id]
	delete(l.asked, id)
	return asked
}

// set notes an event's state and tells of it if it is new.
func (l *link) set(id qa.EventID, state, why string) {
	why = qa.CleanLine(why) // it may be the relay's words
	l.mu.Lock()
	on := l.events[id]
	if on == nil || on.status.State == state && on.status.Why == why {
		l.mu.Unlock()
		return
	}
	if on.status.State != state {
		on.status.SinceMillis = l.node.cfg.Now().UnixMilli()
	}
	on.status.State, on.status.Why = state, why
	l.mu.Unlock()
	l.node.broadcast()
	l.node.subs.notify(Update{Event: id, Status: true})
}

// setAll notes the state of the link itself, and so of all its events.
func (l *link) setAll(state, why string) {
	l.mu.Lock()
	l.state, l.why = state, why
	l.mu.Unlock()
	for _, id := range l.ids() {
		l.set(id, state, why)
	}
}

func (l *link) ids() []qa.EventID {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := make([]qa.EventID, 0, len(l.events))
	for id := range l.events {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// takeDirty returns the events to look at, and those of them that are still on
// the link.
func (l *link) takeDirty() map[qa.EventID]*document {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[qa.EventID]*document{}
	for id := range l.dirty {
		out[id] = nil
		if on := l.events[id]; on != nil {
			out[id] = on.doc
		}
	}
	clear(l.dirty)
	return out
}

// run connects, again and again, until ctx ends.
func (l *link) run(ctx context.Context) {
	defer l.node.work.Done()
	attempt := 0
	for ctx.Err() == nil {
		l.setAll(qa.RelayConnecting, "")
		began := time.Now()
		err := l.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= stableAfter {
			attempt = 0
		}
		l.node.cfg.Log.Info("no link to the relay", "relay", l.url, "error", err)
		l.setAll(qa.RelayOffline, explainLink(err))
		if l.wait(ctx, attempt) {
			attempt = 0
		} else {
			attempt++
		}
	}
}

// connect has one connection, from dialling to its end.
func (l *link) connect(ctx context.Context) error {
	dialling, cancel := context.WithTimeout(ctx, dialWithin)
	conn, err := l.node.cfg.Dial.Dial(dialling, l.url)
	cancel()
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.clockOff = ClockOff(conn, l.node.cfg.Now())
	l.mu.Unlock()
	return newSession(l, conn).run(ctx)
}

// wait waits a random time before the next attempt: between nothing and a bound
// that doubles with each attempt ("full jitter"), so that the devices that lost a
// relay together do not come back together. It returns true when woken.
func (l *link) wait(ctx context.Context, attempt int) bool {
	bound := l.node.cfg.RetryMax
	if isLocal(l.url) {
		bound = min(bound, localRetryMax)
	}
	if shifted := l.node.cfg.RetryMin << min(attempt, 20); shifted>>min(attempt, 20) == l.node.cfg.RetryMin {
		bound = min(bound, shifted)
	}
	share := float64(binary.LittleEndian.Uint32(l.node.random(4))) / (1 << 32)
	t := time.NewTimer(time.Duration(share * float64(bound)))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-l.wake:
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

// explainLink says why there is no connection, in a sentence for a person.
func explainLink(err error) string {
	var said *relayError
	if errors.As(err, &said) {
		return said.Error()
	}
	return ExplainDial(err)
}

// relayStatus returns the state of the link to an event's relay.
func (n *Node) relayStatus(ctx context.Context, id qa.EventID) (qa.RelayStatus, error) {
	url, err := n.relayURL(ctx, id)
	if err != nil {
		return qa.RelayStatus{}, err
	}
	if url == "" {
		return qa.RelayStatus{State: qa.RelayNone, Why: "this event has no relay; what is written stays on this device"}, nil
	}
	n.mu.Lock()
	l := n.linkOf[id]
	n.mu.Unlock()
	if l != nil && l.url == url {
		l.mu.Lock()
		defer l.mu.Unlock()
		if on := l.events[id]; on != nil {
			status := on.status
			status.ClockOffMillis = l.clockOff
			return status, nil
		}
	}
	if resting, ok := n.resting(ctx, id, url); ok {
		return resting, nil
	}
	why := "no link to the relay was opened"
	if n.cfg.Offline {
		why = "this device is set to stay offline"
	}
	return qa.RelayStatus{URL: url, State: qa.RelayOffline, Why: why}, nil
}

// NotSyncedError is returned by Sync when relay and device do not hold the same
// heads. Everything written is safe on this device.
type NotSyncedError struct {
	Event   qa.EventID
	Relay   qa.RelayStatus
	Pending int       // own changes that no relay holds
	Refused []Refusal // by the relay or by this device
	Err     error     // why waiting ended; nil when there was nothing to wait for
}

// Error says what is not done, what is safe, and what to do next.
func (e *NotSyncedError) Error() string {
	var b strings.Builder
	if isDeadEnd(e.Err) {
		b.WriteString(e.Err.Error())
	} else {
		b.WriteString("not synced with the relay")
	}
	if e.Relay.Why != "" {
		b.WriteString(": " + e.Relay.Why)
	} else if e.Relay.State != "" {
		b.WriteString(" (" + e.Relay.State + ")")
	}
	switch e.Pending {
	case 0:
		b.WriteString(". Nothing of yours waits to be sent")
	case 1:
		b.WriteString(". 1 change of yours is safe on this device and waits to be sent")
	default:
		fmt.Fprintf(&b, ". %d changes of yours are safe on this device and wait to be sent", e.Pending)
	}
	if e.Relay.State != qa.RelayNone && !isDeadEnd(e.Err) {
		b.WriteString("; the exchange goes on by itself when the relay can be reached")
	}
	return b.String()
}

// Unwrap returns why waiting ended.
func (e *NotSyncedError) Unwrap() error { return e.Err }

// Sync returns nil once relay and device hold the same heads of an event, by what
// the relay says after the call began, opening a link if there is none; what this
// device answers by itself to what has come, a claim of an invitation say, included.
// *NotSyncedError is returned when ctx ends before, when the event has no relay,
// and at once when waiting is of no use: then Disagrees is true.
func (n *Node) Sync(ctx context.Context, id qa.EventID) error {
	doc, err := n.document(id)
	if err != nil {
		return err
	}
	n.looked(id)
	l := n.link(id)
	if l != nil {
		l.ask(id)
	}
	for {
		changed := n.waitChannel()
		status, err := n.relayStatus(ctx, id)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if status.State == qa.RelaySynced {
			// What this device says to what has come, it says before the caller goes: a
			// program that syncs and ends would else never give anybody their role.
			if err := doc.tend(ctx); err != nil {
				return n.notSynced(doc, status, err)
			}
			if status, err = n.relayStatus(ctx, id); err != nil && ctx.Err() == nil {
				return err
			}
			if status.State == qa.RelaySynced {
				return nil
			}
		}
		if l == nil {
			return n.notSynced(doc, status, nil)
		}
		if stuck := l.stuckOn(id); stuck != nil {
			return n.notSynced(doc, status, stuck)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return n.notSynced(doc, status, ctx.Err())
		case <-n.ctx.Done():
			return ErrClosed
		}
	}
}

func (n *Node) notSynced(doc *document, status qa.RelayStatus, why error) error {
	out := &NotSyncedError{Event: doc.id, Relay: status, Err: why}
	// ctx has ended; the count is wanted all the same.
	if counts, err := n.store.Counts(context.WithoutCancel(n.ctx), doc.id); err == nil {
		out.Pending = counts.Pending
	}
	out.Refused = doc.refusals()
	return out
}

// Refused returns the changes of an event that its relay, or this device, did not
// take since the node was opened, ascending by hash.
func (n *Node) Refused(id qa.EventID) ([]Refusal, error) {
	doc, err := n.document(id)
	if err != nil {
		return nil, err
	}
	return doc.refusals(), nil
}

func (doc *document) refusals() []Refusal {
	var out []Refusal
	doc.side.mu.Lock()
	for _, r := range doc.side.relayRefused {
		out = append(out, r)
	}
	doc.side.mu.Unlock()
	doc.mu.Lock()
	for _, r := range doc.refused {
		out = append(out, r)
	}
	doc.mu.Unlock()
	slices.SortFunc(out, func(a, b Refusal) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	return out
}
