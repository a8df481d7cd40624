package projection

import (
	"bytes"
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
	type line struct {
		qa.LogEntry
		change uint32
	}
	var lines []line
	add := func(e *entry, l qa.LogEntry, roles authority.Roles) {
		l.By, l.AtMillis, l.Op = f.by(e.change), f.when(e.change, false), f.qaID(e.opID)
		l.InEffect, l.Void = f.counts(e.change, "", roles), f.isVoid(e.change)
		lines = append(lines, line{l, e.change})
	}
	f.eachPost(func(key string, o *object) {
		marks := child(o, "marks")
		if marks == nil {
			return
		}
		owner := f.by(o.change)
		for i := range marks.props {
			kind, ok := logged[marks.props[i].key]
			if !ok {
				continue
			}
			for e := range f.ever(&marks.props[i]) {
				l := qa.LogEntry{Kind: kind, Post: qa.PostID(key), On: e.isTrue()}
				roles := organiser | moderator
				switch kind {
				case qa.LogHidden:
					l.On, l.Text = e.str() != "", qa.CleanReason(e.str())
				case qa.LogDuplicate:
					l.On, l.Of = e.str() != "", qa.PostID(e.str())
				case qa.LogAnswered:
					if f.by(e.change) == owner {
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
		change, _ := f.applied(place)
		lines = append(lines, line{qa.LogEntry{
			Kind: qa.LogRole, Identity: g.To.Identity(), Role: g.Role, On: g.On, By: g.By.Identity(),
			AtMillis: f.when(change, false), Op: qa.OpID{Counter: g.Op.Counter, Actor: g.Op.Actor.String()},
			InEffect: g.InEffect, Void: f.isVoid(change),
		}, change})
	})
	if blocks := child(&f.root, "blocks"); blocks != nil {
		for i := range blocks.props {
			p := &blocks.props[i]
			for e := range f.ever(p) {
				l := qa.LogEntry{Kind: qa.LogBlock, Identity: qa.Identity(p.key), On: e.str() != "", Text: qa.CleanReason(e.str())}
				add(e, l, organiser|moderator)
			}
		}
	}
	if about := child(&f.root, "event"); about != nil {
		for key, kind := range map[string]qa.LogKind{"closed": qa.LogClosed, "approve": qa.LogApprove} {
			if p := about.find(key); p != nil {
				for e := range f.ever(p) {
					add(e, qa.LogEntry{Kind: kind, On: e.isTrue()}, organiser)
				}
			}
		}
	}
	slices.SortFunc(lines, func(a, b line) int {
		switch {
		case a.Op.Less(b.Op):
			return -1
		case b.Op.Less(a.Op):
			return 1
		}
		x, y := f.changes[a.change].hash, f.changes[b.change].hash // of an actor that equivocates
		return bytes.Compare(x[:], y[:])
	})
	out := make([]qa.LogEntry, len(lines))
	for i := range lines {
		out[i] = lines[i].LogEntry
	}
	return out
}

// ever yields all values that a key ever had, void ones included, in no order.
func (f *Projection) ever(p *prop) func(func(*entry) bool) {
	all := p.live
	if p.history != nil {
		all = p.history.all
	}
	return func(yield func(*entry) bool) {
		for i := range all {
			if e := &all[i]; !e.made && !e.none && !yield(e) {
				return
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
