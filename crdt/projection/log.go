package projection

import (
	"slices"

	"flyleaf/crdt/authority"
	"flyleaf/qa"
)

// logged are the marks that the log of moderation tells of, by their keys.
var logged = map[string]qa.LogKind{
	"hidden": qa.LogHidden, "pinned": qa.LogPinned, "approved": qa.LogApproved,
	"answered": qa.LogAnswered, "duplicateOf": qa.LogDuplicate,
}

// Log returns the log of moderation, the newest last by operation: who hid, pinned,
// approved, marked, blocked, granted, revoked or closed what, and whether it counts.
// What was overwritten since stays in it. What writers mark of their own questions
// is none of it. It costs a look at every post.
func (f *Projection) Log() []qa.LogEntry {
	var out []qa.LogEntry
	add := func(e *entry, l qa.LogEntry, roles authority.Roles) {
		l.By, l.AtMillis, l.Op = f.who[e.id.actor], f.when(e.change, false), f.opID(e.id)
		l.InEffect = f.counts(e.id, e.change, "", roles)
		out = append(out, l)
	}
	f.eachPost(func(key string, o *object) {
		marks := child(o, "marks")
		if marks == nil {
			return
		}
		owner := f.who[o.id.actor]
		for i := range marks.props {
			kind, ok := logged[marks.props[i].key]
			if !ok {
				continue
			}
			for e := range f.ever(marks, &marks.props[i]) {
				l := qa.LogEntry{Kind: kind, Post: qa.PostID(key), On: e.isTrue()}
				roles := organiser | moderator
				switch kind {
				case qa.LogHidden:
					l.On, l.Text = e.str() != "", qa.CleanReason(e.str())
				case qa.LogDuplicate:
					l.On, l.Of = e.str() != "", qa.PostID(e.str())
				case qa.LogAnswered:
					if f.who[e.id.actor] == owner {
						continue
					}
					roles |= author
				}
				add(e, l, roles)
			}
		}
	})
	f.authority.Grants(func(g authority.Grant) {
		place, _ := f.graph.Place(g.Change)
		out = append(out, qa.LogEntry{
			Kind: qa.LogRole, Identity: g.To.Identity(), Role: g.Role, On: g.On, By: g.By.Identity(),
			AtMillis: f.when(f.at[place], false), Op: qa.OpID{Counter: g.Op.Counter, Actor: g.Op.Actor.String()}, InEffect: g.InEffect,
		})
	})
	if blocks := child(&f.root, "blocks"); blocks != nil {
		for i := range blocks.props {
			p := &blocks.props[i]
			for e := range f.ever(blocks, p) {
				l := qa.LogEntry{Kind: qa.LogBlock, Identity: qa.Identity(p.key), On: e.str() != "", Text: qa.CleanReason(e.str())}
				add(e, l, organiser|moderator)
			}
		}
	}
	if about := child(&f.root, "event"); about != nil {
		for key, kind := range map[string]qa.LogKind{"closed": qa.LogClosed, "approve": qa.LogApprove} {
			if p := about.find(key); p != nil {
				for e := range f.ever(about, p) {
					add(e, qa.LogEntry{Kind: kind, On: e.isTrue()}, organiser)
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b qa.LogEntry) int {
		switch {
		case a.Op.Less(b.Op):
			return -1
		case b.Op.Less(a.Op):
			return 1
		}
		return 0
	})
	return out
}

// ever yields all values that a key which needs a role ever had, in no order.
func (f *Projection) ever(o *object, p *prop) func(func(*entry) bool) {
	return func(yield func(*entry) bool) {
		for _, es := range [][]entry{p.live, f.ended[place{in: o, key: p.key}]} {
			for i := range es {
				if !es[i].made && !yield(&es[i]) {
					return
				}
			}
		}
	}
}

// Blocked reports whether somebody is blocked.
func (f *Projection) Blocked(id qa.Identity) bool {
	p, ok := authority.ParsePerson(string(id))
	if !ok {
		return false
	}
	_, blocked := f.authority.Block(p)
	return blocked
}
