package projection

import (
	"bytes"
	"cmp"

	"flyleaf/crdt/authority"
	"flyleaf/internal/smallsort"
	"flyleaf/qa"
	"flyleaf/schema"
)

// Log returns the moderation log, ascending by operation: who hid, pinned, approved,
// marked, blocked, granted, revoked or closed what, and whether it is in effect. It contains
// values that were replaced since. It does not contain what writers mark on their own
// questions. It reads every post.
func (f *Projection) Log() []qa.LogEntry {
	type line struct {
		qa.LogEntry
		change int32
	}
	var lines []line
	add := func(e *write, l qa.LogEntry, r *schema.Row) {
		l.By, l.AtMillis, l.Op = f.by(e.Place), f.when(e.Place, false), f.qaID(e.Op)
		l.InEffect, l.Void = f.inEffect(e.Place, r, ""), f.isVoid(e.Place)
		lines = append(lines, line{l, e.Place})
	}
	f.eachPost(func(key string, o *object) {
		marks := child(o, schema.KeyMarks)
		if marks == nil {
			return
		}
		owner := f.by(o.Place)
		for i := range marks.props {
			r := schema.MapMarks.Row(marks.props[i].key)
			if r == nil || r.Map != schema.NoMap {
				continue
			}
			for e := range f.allWrites(&marks.props[i]) {
				if r.OwnerExempt && f.by(e.Place) == owner {
					continue
				}
				l := qa.LogEntry{Kind: qa.LogKind(r.Key), Post: qa.PostID(key), On: e.isTrue() || e.str() != ""}
				switch r.Type {
				case schema.Text:
					l.Text = qa.CleanReason(e.str())
				case schema.PostID:
					l.Of = qa.PostID(e.str())
				}
				add(e, l, r)
			}
		}
	})
	f.authority.Grants(func(g authority.Grant) {
		place, _ := f.graph.Place(g.Change)
		change, _ := f.change(place)
		lines = append(lines, line{qa.LogEntry{
			Kind: qa.LogRole, Identity: g.To.Identity(), Role: g.Role, On: g.On, By: g.By.Identity(),
			AtMillis: f.when(change, false), Op: asQA(g.Op),
			InEffect: g.InEffect, Void: f.isVoid(change),
		}, change})
	})
	if blocks := child(&f.root, schema.KeyBlocks); blocks != nil {
		for i := range blocks.props {
			p := &blocks.props[i]
			block, blocked := f.block(qa.Identity(p.key))
			for e := range f.allWrites(p) {
				l := qa.LogEntry{Kind: qa.LogBlock, Identity: qa.Identity(p.key), On: e.str() != "", Text: qa.CleanReason(e.str())}
				l.Blocks = blocked && f.hash(e.Place) == block
				add(e, l, schema.MapBlocks.Keyed())
			}
		}
	}
	if about := child(&f.root, schema.KeyEvent); about != nil {
		for _, r := range schema.MapEvent.Values() {
			if p := about.find(r.Key); r.Type == schema.Flag && p != nil {
				for e := range f.allWrites(p) {
					add(e, qa.LogEntry{Kind: qa.LogKind(r.Key), On: e.isTrue()}, r)
				}
			}
		}
	}
	smallsort.Func(lines, func(a, b line) int {
		x, y := f.hash(a.change), f.hash(b.change) // an equivocating actor has two operations with one ID
		return cmp.Or(a.Op.Compare(b.Op), bytes.Compare(x[:], y[:]))
	})
	out := make([]qa.LogEntry, len(lines))
	for i := range lines {
		out[i] = lines[i].LogEntry
	}
	return out
}
