package replica

import (
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"slices"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// outdated is the version of whereabouts that do not know what the relay has now.
const outdated = -1

// whereabouts is what is known about where this person's posts are, as of a version of the cached summary.
type whereabouts struct {
	version int
	known   qa.Whereabouts
	texts   map[qa.PostID][]wire.Hash // the changes that have the newest text of each post: several if it was edited concurrently
}

// Whereabouts returns what the document and the relay prove about where this person's posts are. It says nothing
// about imported posts, nor about a week that is idle and not in memory. ErrUnknownEvent is returned for an event that is
// not followed.
func (n *Node) Whereabouts(ctx context.Context, id qa.EventID) (qa.Whereabouts, error) {
	doc, err := n.document(id)
	if err != nil {
		return qa.Whereabouts{}, err
	}
	relay, err := n.relayStatus(ctx, id)
	if err != nil {
		return qa.Whereabouts{}, err
	}
	version := doc.cached.currentVersion() // before reading the week, which may be newer then
	week, err := n.Week(ctx, id)
	if err != nil {
		return qa.Whereabouts{}, err
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if relay.State == qa.RelayIdle && doc.contents == nil {
		return qa.Whereabouts{}, nil
	}
	if err := doc.load(ctx); err != nil {
		return qa.Whereabouts{}, err
	}
	if doc.where == nil || doc.where.version < version {
		if doc.where, err = doc.findWhereabouts(ctx, &week, version); err != nil {
			return qa.Whereabouts{}, err
		}
	}
	known := doc.where.known
	known.Seen = maps.Clone(known.Seen) // noteSeen adds to it
	return known, nil
}

// findWhereabouts computes Whereabouts. mu is held and the document is loaded.
func (doc *document) findWhereabouts(ctx context.Context, week *qa.Week, version int) (*whereabouts, error) {
	g := doc.contents.Graph()
	out := &whereabouts{version: version, texts: map[qa.PostID][]wire.Hash{}}
	out.known = qa.Whereabouts{Seen: map[qa.PostID]qa.Identity{}, Elsewhere: map[qa.RevisionID]bool{}, OnRelay: map[qa.PostID]bool{}}
	relayHas := g.Ancestors(doc.relayHeads)
	all := g.LazyPast(g.Heads())
	var failed error
	week.EachPost(func(p *qa.PostView) {
		if failed != nil || p.IsImported() || !doc.isOwnIdentity(p.By) {
			return
		}
		onRelay := true
		for _, r := range p.Revisions {
			h, ok := changeOf(g, r.Op, &all)
			if !ok {
				return // the post is void
			}
			m, _ := g.Node(h)
			here, err := doc.madeHere(ctx, m.Actor)
			if err != nil {
				failed = err
				return
			}
			out.known.Elsewhere[r.ID] = !here
			if !r.Superseded {
				out.texts[p.ID] = append(out.texts[p.ID], h)
				onRelay = onRelay && relayHas.Has(h)
			}
		}
		if onRelay {
			out.known.OnRelay[p.ID] = true
		}
	})
	if failed != nil {
		return nil, failed
	}
	doc.findSeen(out)
	var err error
	out.known.Device, err = doc.otherDevice(ctx)
	return out, err
}

// findSeen adds to w the posts that an author's device is now known to have, and returns them: all changes with
// the newest text are in the past of a change that was made with the author's key. mu is held and the document
// is loaded.
func (doc *document) findSeen(w *whereabouts) (found []qa.PostID) {
	if len(w.known.Seen) == len(w.texts) {
		return nil
	}
	g := doc.contents.Graph()
	last := map[qa.Identity][]wire.Hash{} // of each author: the last change of each run of their program
	for actor := range g.Actors() {
		by := qa.IdentityOfActor([]byte(actor))
		if h, ok := g.BySeq(actor, g.SeqOf(actor)); ok && !doc.isOwn(actor) && doc.showsPresence(by) {
			last[by] = append(last[by], h)
		}
	}
	for _, by := range slices.Sorted(maps.Keys(last)) {
		past := g.Ancestors(last[by])
		for post, texts := range w.texts {
			if w.known.Seen[post] == "" && !slices.ContainsFunc(texts, func(h wire.Hash) bool { return !past.Has(h) }) {
				w.known.Seen[post] = by
				found = append(found, post)
			}
		}
	}
	return found
}

// noteSeen returns the posts of this person that an author's device is known to have only since changes arrived, if
// a page has asked for that. mu is held and the document is loaded.
func (doc *document) noteSeen() []qa.PostID {
	if doc.where == nil {
		return nil
	}
	return doc.findSeen(doc.where)
}

// noteRelayHeads records what the relay has, as far as it is known here. mu is held and the document is loaded.
func (doc *document) noteRelayHeads(theirs []wire.Hash) {
	heads := slices.DeleteFunc(slices.Clone(theirs), func(h wire.Hash) bool { return !doc.contents.Graph().Has(h) })
	if slices.Equal(heads, doc.relayHeads) {
		return
	}
	doc.relayHeads = heads
	if doc.where != nil {
		doc.where.version = outdated // it is still good for noticing what authors have seen
	}
}

// otherDevice describes the device of this person that wrote last, apart from this one; nil for none. mu is
// held and the document is loaded.
func (doc *document) otherDevice(ctx context.Context) (*qa.OtherDevice, error) {
	g := doc.contents.Graph()
	var out *qa.OtherDevice
	var last wire.Hash
	for actor := range g.Actors() {
		if qa.IdentityOfActor([]byte(actor)) != doc.node.Identity() {
			continue
		}
		if here, err := doc.madeHere(ctx, actor); err != nil {
			return nil, err
		} else if here {
			continue
		}
		h, _ := g.BySeq(actor, g.SeqOf(actor))
		en, err := doc.node.store.Entry(ctx, doc.id, h)
		if err != nil && !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrDamaged) {
			return nil, err
		}
		if err == nil && (out == nil || en.ReceivedAtMillis > out.LastMillis) {
			out, last = &qa.OtherDevice{LastMillis: en.ReceivedAtMillis}, h
		}
	}
	if out == nil {
		return nil, nil
	}
	for _, h := range g.NotAncestorsOf([]wire.Hash{last}) {
		m, _ := g.Node(h)
		if !doc.isOwn(m.Actor) {
			continue
		}
		here, err := doc.madeHere(ctx, m.Actor)
		if err != nil {
			return nil, err
		}
		if here {
			out.Missing++
		}
	}
	return out, nil
}

// madeHere reports whether this device made the changes of an actor of this person. An actor writes on one
// device only. mu is held and the document is loaded.
func (doc *document) madeHere(ctx context.Context, actor wire.ActorID) (bool, error) {
	if here, known := doc.actorsHere[actor]; known {
		return here, nil
	}
	h, _ := doc.contents.Graph().BySeq(actor, 1)
	en, err := doc.node.store.Entry(ctx, doc.id, h)
	if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrDamaged) {
		return true, nil // so that nothing is said about another device
	}
	if err != nil {
		return false, err
	}
	if doc.actorsHere == nil {
		doc.actorsHere = map[wire.ActorID]bool{}
	}
	doc.actorsHere[actor] = en.Own
	return en.Own, nil
}

// isOwnIdentity reports whether an identity is this person, or the key of one of their anonymous questions. The
// keys are loaded.
func (doc *document) isOwnIdentity(id qa.Identity) bool {
	k, held := doc.keys[id]
	return id == doc.node.Identity() || held && k.kind == keyQuestion
}

// changeOf returns the change that made an operation.
func changeOf(g *graph.Graph, op qa.OpID, past *graph.LazyPast) (wire.Hash, bool) {
	actor, err := hex.DecodeString(op.Actor)
	if err != nil {
		return wire.Hash{}, false
	}
	at, ok := g.Resolve(wire.OpID{Counter: op.Counter, Actor: wire.ActorID(actor)}, past)
	if !ok {
		return wire.Hash{}, false
	}
	return g.HashAt(int(at.Place)), true
}
