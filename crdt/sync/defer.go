package sync

import (
	"slices"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
)

// maxUnheard is how many messages of a peer that bring nothing of what was asked for
// again end the asking.
const maxUnheard = 3

// Defer makes the peer not be asked for these changes until Ask names them (rule
// 20): they were offered and not taken now. What waits for them stays where it
// is. It is to be called before the next Generate.
func (p *Peer) Defer(hashes ...wire.Hash) {
	for _, h := range hashes {
		if len(p.deferred) > MaxRefused {
			return // Generate reports it
		}
		if p.deferred == nil {
			p.deferred = map[wire.Hash]struct{}{}
		}
		p.deferred[h] = struct{}{}
		delete(p.again, h)
	}
}

// Ask ends the deferral of those changes that were deferred, and asks for them
// with the next message, which Generate makes even if one is under way already.
// Changes that this peer never offered are passed over. It reports whether there
// is anything to ask for.
func (p *Peer) Ask(hashes ...wire.Hash) bool {
	if len(p.deferred) == 0 {
		hashes = nil
	}
	for _, h := range hashes {
		if _, ok := p.deferred[h]; !ok {
			continue
		}
		delete(p.deferred, h)
		if p.again == nil {
			p.again = map[wire.Hash]struct{}{}
		}
		p.again[h] = struct{}{}
		p.askNow, p.unheard = true, 0
	}
	return len(p.again) > 0
}

// Asking reports whether something that was deferred is asked for and has not come.
func (p *Peer) Asking() bool { return len(p.again) > 0 }

// RefusedBy makes the peer ask f, too, whether a change was refused for good, so
// that what a whole document refuses is held once and not for each peer (rule
// 21). f is called while Receive and Generate run.
func (p *Peer) RefusedBy(f func(wire.Hash) bool) { p.refusedBy = f }

// unwanted reports whether a change that we lack is not to be asked for.
func (p *Peer) unwanted(h wire.Hash) bool {
	if _, no := p.refused[h]; no {
		return true
	}
	if _, no := p.deferred[h]; no {
		return true
	}
	return p.refusedBy != nil && p.refusedBy(h)
}

// withAgain adds to need what was deferred and is wanted now.
func (p *Peer) withAgain(g *graph.Graph, need []wire.Hash) []wire.Hash {
	for h := range p.again {
		if g.Has(h) || g.Waiting(h) || p.unwanted(h) {
			delete(p.again, h)
			continue
		}
		need = append(need, h)
	}
	return sortedSet(need)
}

// noteAnswered looks whether a message brings any of what was asked for again. It
// may come in several messages; a peer that brings nothing of it in a few no longer
// holds it.
func (p *Peer) noteAnswered(m *wire.Message) {
	if len(p.again) == 0 || p.askNow {
		return
	}
	p.unheard++
	for _, b := range m.Changes {
		if h, err := wire.ReadHash(b); err == nil {
			if _, ok := p.again[h]; ok {
				p.unheard = 0
				delete(p.again, h)
			}
		}
	}
	if p.unheard > maxUnheard {
		clear(p.again)
	}
}

// Restart begins the conversation anew, on the same connection: the peer may read now what
// it could not before, or changes were excluded from the graph, which RefusedBy's
// function knows (rule 22). shared are heads of the new graph that the peer is known to hold; they
// only save work. What was deferred stays so.
func (p *Peer) Restart(shared []wire.Hash) {
	fresh := newPeer(shared)
	fresh.refused, fresh.deferred, fresh.refusedBy = p.refused, p.deferred, p.refusedBy
	fresh.limit, fresh.stock, fresh.looked = p.limit, p.stock, p.looked
	*p = *fresh
}

// Deferred returns what was deferred and not asked for since, ascending.
func (p *Peer) Deferred() []wire.Hash {
	r := make([]wire.Hash, 0, len(p.deferred))
	for h := range p.deferred {
		r = append(r, h)
	}
	slices.SortFunc(r, compare)
	return r
}
