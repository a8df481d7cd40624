package replica

import (
	"errors"
	"slices"

	"flyleaf/crdt/sync"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// ErrDisagree ends Sync early when nothing but refused changes keeps relay and
// device apart: each has what the other will not take, so waiting is of no use.
// NotSyncedError.Refused names the changes.
var ErrDisagree = errors.New("relay and device do not agree: some changes were refused")

// Disagrees reports whether refused changes, or a conversation that gets nowhere,
// keep relay and device apart, and not merely distance or time.
func (e *NotSyncedError) Disagrees() bool {
	return isDeadEnd(e.Err) || e.Relay.State == qa.RelaySyncing && len(e.Refused) > 0
}

func isDeadEnd(err error) bool {
	return errors.Is(err, ErrDisagree) || errors.Is(err, ErrTooManyRefused) ||
		errors.Is(err, sync.ErrNoProgress) || errors.Is(err, sync.ErrTooManyRefused)
}

// disagreement returns ErrDisagree when all that this device lacks of the relay's
// changes was refused here, and all that the relay lacks was refused there or
// depends on what was. What a relay has put off may yet be taken, so it does not
// count. The event's mu is held.
func (s *session) disagreement(p *peer) error {
	doc := p.doc
	theirs, heard := p.state.TheirHeads()
	if !heard || !p.answered || p.unavailable || p.state.Probing() || s.link.isAsked(doc.id) || p.state.InSync(doc.graph) {
		return nil
	}
	no := map[wire.Hash]bool{}
	doc.side.mu.Lock()
	for h, r := range doc.side.relayRefused {
		if !r.Deferred {
			no[h] = true
		}
	}
	doc.side.mu.Unlock()
	missing := doc.graph.MissingFrom(theirs)
	wanted := func(h wire.Hash) bool { return !doc.unwanted(h) }
	if len(no)+len(missing) == 0 || slices.ContainsFunc(missing, wanted) {
		return nil
	}
	var deps []wire.Hash
	for _, h := range doc.graph.NotAncestorsOf(p.state.Holds()) { // deps come first
		if no[h] {
			continue
		}
		deps = doc.graph.Deps(deps[:0], h)
		for _, d := range deps {
			no[h] = no[h] || no[d]
		}
		if !no[h] {
			return nil
		}
	}
	return ErrDisagree
}

// stick notes why waiting for an event is of no use; with nil, that it is of use
// as far as one can see. A conversation that got nowhere stays noted over the next
// connections, which would only have it again, until all is well or somebody asks.
func (l *link) stick(id qa.EventID, why error) {
	l.mu.Lock()
	on := l.events[id]
	if on == nil || why == nil && on.stuck != ErrDisagree && on.status.State != qa.RelaySynced {
		l.mu.Unlock()
		return
	}
	changed := (on.stuck == nil) != (why == nil)
	on.stuck = why
	l.mu.Unlock()
	if changed {
		l.node.broadcast()
	}
}

// stuckOn returns why waiting for an event is of no use.
func (l *link) stuckOn(id qa.EventID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if on := l.events[id]; on != nil && !l.asked[id] {
		return on.stuck
	}
	return nil
}
