package sync

import (
	"slices"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
)

// maxUnanswered is after how many messages of a peer without any re-requested change we
// stop requesting those changes.
const maxUnanswered = 3

// Defer stops requesting these changes, which the peer offered and we did not accept
// now, until Ask is called for them (rule 20). Pending changes that depend on them stay
// pending. Call it before the next Generate.
func (p *Peer) Defer(hashes ...wire.Hash) {
	for _, h := range hashes {
		if len(p.deferred) > MaxRefused {
			return // Generate reports it
		}
		if p.deferred == nil {
			p.deferred = map[wire.Hash]struct{}{}
		}
		p.deferred[h] = struct{}{}
		delete(p.rerequested, h)
	}
}

// Ask ends the deferral of these changes and requests them with the next message, which
// Generate makes even if another message is unanswered. It ignores changes that this
// peer never offered. It reports whether there is anything to request.
func (p *Peer) Ask(hashes ...wire.Hash) bool {
	if len(p.deferred) == 0 {
		hashes = nil
	}
	for _, h := range hashes {
		if _, ok := p.deferred[h]; !ok {
			continue
		}
		delete(p.deferred, h)
		if p.rerequested == nil {
			p.rerequested = map[wire.Hash]struct{}{}
		}
		p.rerequested[h] = struct{}{}
		p.askNow, p.unansweredRequests = true, 0
	}
	return len(p.rerequested) > 0
}

// Asking reports whether a change that was deferred has been requested again and has
// not arrived.
func (p *Peer) Asking() bool { return len(p.rerequested) > 0 }

// RefusedBy sets a function that reports whether the document refused a change for
// good, so that such changes are stored once and not for each peer (rule 21). f is
// called during Receive and Generate.
func (p *Peer) RefusedBy(f func(wire.Hash) bool) { p.refusedBy = f }

// unwanted reports whether a change that we lack must not be requested.
func (p *Peer) unwanted(h wire.Hash) bool {
	if _, no := p.refused[h]; no {
		return true
	}
	if _, no := p.deferred[h]; no {
		return true
	}
	return p.refusedBy != nil && p.refusedBy(h)
}

// withRerequested adds to need the deferred changes that are wanted now.
func (p *Peer) withRerequested(g *graph.Graph, need []wire.Hash) []wire.Hash {
	for h := range p.rerequested {
		if g.Has(h) || g.IsPending(h) || p.unwanted(h) {
			delete(p.rerequested, h)
			continue
		}
		need = append(need, h)
	}
	return sortedSet(need)
}

// noteRerequested checks whether a message with these changes contains any re-requested change. They may
// arrive in several messages; after a few messages without any of them we
// assume that the peer no longer has them.
func (p *Peer) noteRerequested(changes []wire.Hash) {
	if len(p.rerequested) == 0 || p.askNow {
		return
	}
	p.unansweredRequests++
	for _, h := range changes {
		if _, ok := p.rerequested[h]; ok {
			p.unansweredRequests = 0
			delete(p.rerequested, h)
		}
	}
	if p.unansweredRequests > maxUnanswered {
		clear(p.rerequested)
	}
}

// Restart starts the conversation again on the same connection, because the peer may
// now read what it could not before, or because changes were excluded from the graph;
// RefusedBy's function knows these (rule 22). shared are heads of the new graph that
// the peer is known to hold; they only save work. Deferred changes stay deferred.
func (p *Peer) Restart(shared []wire.Hash) {
	fresh := newPeer(shared)
	fresh.refused, fresh.deferred, fresh.refusedBy = p.refused, p.deferred, p.refusedBy
	fresh.limit, fresh.stock, fresh.scanned = p.limit, p.stock, p.scanned
	*p = *fresh
}

// Deferred returns the changes that were deferred and not requested since, ascending.
func (p *Peer) Deferred() []wire.Hash {
	r := make([]wire.Hash, 0, len(p.deferred))
	for h := range p.deferred {
		r = append(r, h)
	}
	slices.SortFunc(r, compare)
	return r
}
