package replica

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"flyleaf/internal/smallsort"
	"flyleaf/qa"
	"flyleaf/replica/relayclient"
)

// ErrDisagree ends Sync early when relay and device differ only by refused changes: each has
// changes that the other refuses, so waiting does not help. NotSyncedError.Refused names the
// changes.
var ErrDisagree = relayclient.ErrDisagree

// Refusal is a change that was not accepted, and why.
type Refusal = relayclient.Refusal

// Start keeps connections to the relays of all followed events, including events joined
// later, until Close. It returns at once.
func (n *Node) Start(context.Context) {
	n.mu.Lock()
	if n.closed || n.running || n.cfg.Offline {
		n.mu.Unlock()
		return
	}
	n.running = true
	n.work.Add(2)
	events := n.followed()
	n.mu.Unlock()
	n.client.WatchNetwork()
	for _, id := range events {
		n.scheduler.Attach(id)
	}
	go func() {
		defer n.work.Done()
		n.scheduler.Run(n.ctx, n.client.NextChange)
	}()
	go func() {
		defer n.work.Done()
		n.summarizeAll()
	}()
}

// Running reports whether Start was called.
func (n *Node) Running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.running
}

// Wake makes all connections that wait before their next attempt retry now: the network
// is back, or a person asked for it.
func (n *Node) Wake() { n.client.Wake() }

// followed returns the followed events, in no particular order. n.mu is held.
func (n *Node) followed() []qa.EventID {
	ids := make([]qa.EventID, 0, len(n.documents))
	for id := range n.documents {
		ids = append(ids, id)
	}
	return ids
}

// attach starts syncing an event with its relay. It returns false for an event without
// a relay, for one that is not followed, and while the device is offline.
func (n *Node) attach(id qa.EventID) bool {
	url, err := n.relayURL(n.ctx, id)
	if err != nil || url == "" || n.cfg.Offline {
		return false
	}
	doc, err := n.document(id)
	if err != nil {
		return false
	}
	n.client.Attach(relayDocument{doc}, url)
	if now, err := n.document(id); err != nil || now != doc { // unfollowed meanwhile
		n.client.Detach(id)
		return false
	}
	return true
}

// updated tells the connection that an event has a new change. It is called before the
// writer is told that the change is saved, so that the status never shows the event as
// synced without the change. An event that is not attached is attached when the archive
// scheduler allows it.
func (n *Node) updated(id qa.EventID) {
	if n.client.Updated(id) {
		return
	}
	n.mu.Lock()
	running := n.running && n.documents[id] != nil
	n.mu.Unlock()
	if running {
		n.scheduler.Attach(id)
	}
}

// relayStatus returns the sync status of an event.
func (n *Node) relayStatus(ctx context.Context, id qa.EventID) (qa.RelayStatus, error) {
	url, err := n.relayURL(ctx, id)
	if err != nil {
		return qa.RelayStatus{}, err
	}
	if url == "" {
		return qa.RelayStatus{State: qa.RelayNone, Why: "this event has no relay; what is written stays on this device"}, nil
	}
	if status, ok := n.client.Status(id); ok && status.URL == url {
		return status, nil
	}
	if status, ok := n.scheduler.Status(ctx, id, url); ok {
		return status, nil
	}
	why := "no connection to the relay was opened"
	if n.cfg.Offline {
		why = "this device is set to stay offline"
	}
	return qa.RelayStatus{URL: url, State: qa.RelayOffline, Why: why}, nil
}

// NotSyncedError is returned by Sync when relay and device do not have the same heads.
// Everything written is safe on this device.
type NotSyncedError struct {
	Event   qa.EventID
	Relay   qa.RelayStatus
	Pending int       // local changes that no relay has
	Refused []Refusal // changes refused by the relay or by this device
	Err     error     // why waiting ended; nil when there was nothing to wait for
}

// Error says what was not done, what is safe, and what happens next.
func (e *NotSyncedError) Error() string {
	var b strings.Builder
	if relayclient.IsDeadEnd(e.Err) {
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
		b.WriteString(". None of your changes are waiting to be sent")
	case 1:
		b.WriteString(". 1 change of yours is safe on this device and waits to be sent")
	default:
		fmt.Fprintf(&b, ". %d changes of yours are safe on this device and wait to be sent", e.Pending)
	}
	if e.Relay.State != qa.RelayNone && !relayclient.IsDeadEnd(e.Err) {
		b.WriteString("; syncing continues automatically when the relay can be reached")
	}
	return b.String()
}

// Unwrap returns why waiting ended.
func (e *NotSyncedError) Unwrap() error { return e.Err }

// Disagrees reports whether refused changes, or a conversation without progress, are why
// relay and device differ, so that neither time nor a better network would help.
func (e *NotSyncedError) Disagrees() bool {
	return relayclient.IsDeadEnd(e.Err) || e.Relay.State == qa.RelaySyncing && len(e.Refused) > 0
}

// Sync returns nil once relay and device have the same heads of an event, according to
// messages that the relay sent after the call began. It opens a connection if there is none.
// It also carries out and syncs this device's automatic acts, such as granting a claimed
// role. *NotSyncedError is returned when ctx ends before that, when the event has no relay,
// and, with Disagrees true, when waiting does not help.
func (n *Node) Sync(ctx context.Context, id qa.EventID) error {
	doc, err := n.document(id)
	if err != nil {
		return err
	}
	n.scheduler.VisitedIfOver(id)
	attached := n.attach(id)
	if attached {
		n.client.Ask(id)
	}
	for {
		changed := n.client.NextChange()
		status, err := n.relayStatus(ctx, id)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if status.State == qa.RelaySynced {
			// Carry out the automatic acts before the caller ends: otherwise a program
			// that only syncs would never grant anybody a claimed role.
			if err := doc.runAutomatic(ctx); err != nil {
				return n.notSyncedError(doc, status, err)
			}
			if status, err = n.relayStatus(ctx, id); err != nil && ctx.Err() == nil {
				return err
			}
			if status.State == qa.RelaySynced {
				return nil
			}
		}
		if !attached {
			return n.notSyncedError(doc, status, nil)
		}
		if why := n.client.DeadEnd(id); why != nil {
			return n.notSyncedError(doc, status, why)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return n.notSyncedError(doc, status, ctx.Err())
		case <-n.ctx.Done():
			return ErrClosed
		}
	}
}

func (n *Node) notSyncedError(doc *document, status qa.RelayStatus, why error) error {
	out := &NotSyncedError{Event: doc.id, Relay: status, Err: why}
	// The caller's context has ended; the count is needed anyway.
	if counts, err := n.store.Counts(context.WithoutCancel(n.ctx), doc.id); err == nil {
		out.Pending = counts.Undelivered
	}
	out.Refused = doc.refusals()
	return out
}

// Refused returns the changes of an event that its relay or this device has refused since
// the node was opened, ascending by hash.
func (n *Node) Refused(id qa.EventID) ([]Refusal, error) {
	doc, err := n.document(id)
	if err != nil {
		return nil, err
	}
	return doc.refusals(), nil
}

func (doc *document) refusals() []Refusal {
	out := doc.cached.relayRefusals()
	doc.mu.Lock()
	for h, why := range doc.refused.All() {
		out = append(out, refusalOf(h, why))
	}
	doc.mu.Unlock()
	smallsort.Func(out, func(a, b Refusal) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	return out
}
