package projection

import (
	"slices"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// touchEffect touches what may have come into or out of effect because a person's roles
// changed: the person's own acts, and the acts of people to whom the person gave a role. A
// first grant puts nothing out of effect, so usually there is nothing to do.
func (f *Projection) touchEffect(id qa.Identity) {
	p, ok := authority.ParsePerson(string(id))
	if !ok || f.authority.Settled(p) {
		return
	}
	touched := map[authority.Person]bool{p: true}
	f.authority.Grants(func(g authority.Grant) {
		if g.By == p {
			touched[g.To] = true
		}
	})
	for other := range touched {
		f.touchActs(other.Identity())
	}
}

// touchActs touches what a person did in a role.
func (f *Projection) touchActs(id qa.Identity) {
	f.eachPost(func(key string, o *object) {
		if f.by(o.Place) == id || f.wroteIn(child(o, schema.KeyMarks), id) {
			f.touched.posts[key] = struct{}{}
		}
	})
	// Blocks that the person made or lifted may have come into or out of effect, and so may
	// values that the person replaced.
	blocked := map[string]bool{}
	if blocks := child(&f.root, schema.KeyBlocks); blocks != nil {
		for i := range blocks.props {
			if f.wroteCurrent(&blocks.props[i], id) {
				blocked[blocks.props[i].key] = true
			}
		}
	}
	for _, at := range f.rewritten {
		if !slices.ContainsFunc(at.in.props[at.key].history.all, func(e write) bool { return f.by(e.Place) == id }) {
			continue
		}
		switch at.in.slot.Act() {
		case schema.ActMark:
			f.touched.posts[postOf(at.in)] = struct{}{}
		case schema.ActBlock:
			blocked[at.in.props[at.key].key] = true
		}
	}
	for who := range blocked {
		f.touchBlock(who)
	}
	f.touchSwitches(id)
}

// wroteCurrent reports whether a person wrote a current value of a key.
func (f *Projection) wroteCurrent(p *prop, id qa.Identity) bool {
	return slices.ContainsFunc(p.current, func(e write) bool { return f.by(e.Place) == id })
}

// wroteIn reports whether a person wrote a current value in a map, or in a map in it.
func (f *Projection) wroteIn(o *object, id qa.Identity) bool {
	if o == nil {
		return false
	}
	for i := range o.props {
		if p := &o.props[i]; f.wroteCurrent(p, id) || f.wroteIn(p.obj, id) {
			return true
		}
	}
	return false
}

// touchSwitches touches all posts if a person has closed or reopened the event, or turned
// approval on or off, because these changes decide which posts are late or need approval.
func (f *Projection) touchSwitches(id qa.Identity) {
	about := child(&f.root, schema.KeyEvent)
	if about == nil {
		return
	}
	for _, key := range []string{schema.KeyClosed, schema.KeyApprove} {
		p := about.find(key)
		if p == nil {
			continue
		}
		for e := range f.allWrites(p) {
			if f.by(e.Place) == id {
				f.touchPosts()
				return
			}
		}
	}
}

// inEffect reports whether a write of a key is in effect: the key needs no role of the
// writer, or one of the roles that it needs authorizes the write. owner is who created the
// map that the key is in; only rows with OwnerExempt need it.
func (f *Projection) inEffect(change int32, r *schema.Row, owner qa.Identity) bool {
	need := r.NeededRoles(owner != "" && f.by(change) == owner)
	return need == 0 || f.authority.RankAt(f.personOf(change), f.hash(change), need) != authority.NotCounted
}

// authorizedAsAuthor reports whether the writer of a post held the author's role; or, if as
// is set, the organiser's role, in which people import an author's words.
func (f *Projection) authorizedAsAuthor(change int32, as bool) bool {
	role := authority.Author
	if as {
		role = authority.Organiser
	}
	return f.authority.Authorizes(f.personOf(change), f.hash(change), role)
}

// effective returns the value in effect with the highest operation, nil if there is none. A
// value is in effect if one of the roles in its row of the schema authorizes it, or if the row
// names no role. It is in effect again if the acts that replaced it are not.
func (f *Projection) effective(o *object, key string) *write { return f.effectiveFor(o, key, "") }

// effectiveFor is effective for a key of a map with an owner, who may need no role
// (schema.Row.OwnerExempt).
func (f *Projection) effectiveFor(o *object, key string, owner qa.Identity) *write {
	if o == nil {
		return nil
	}
	p, r := o.find(key), o.slot.Row(key)
	if p == nil || r == nil {
		return nil
	}
	counts := func(e *write) bool { return f.inEffect(e.Place, r, owner) }
	all := true
	for i := range p.current {
		all = all && counts(&p.current[i])
	}
	if all {
		return p.highest()
	}
	if es := f.currentIf(p, counts); len(es) > 0 {
		return es[len(es)-1]
	}
	return nil
}

// hiddenByBlock reports whether a change is not shown because its writer is blocked: the
// change is not in the past of the block. The founder cannot be blocked.
func (f *Projection) hiddenByBlock(who qa.Identity, change int32) bool {
	block, blocked := f.block(who)
	return blocked && !f.authority.InPast(f.hash(change), block)
}

// block returns the change that blocked a person, and false if the person is not blocked.
func (f *Projection) block(id qa.Identity) (wire.Hash, bool) {
	p, ok := authority.ParsePerson(string(id))
	if !ok {
		return wire.Hash{}, false
	}
	return f.authority.Block(p)
}

// touchBlock touches what a person wrote who was blocked or unblocked.
func (f *Projection) touchBlock(id string) {
	f.touched.people[id] = struct{}{}
	f.eachPost(func(key string, o *object) {
		if string(f.by(o.Place)) == id {
			f.touched.posts[key] = struct{}{}
		}
		for emoji := range keys(child(child(o, schema.KeyReactions), id)) {
			f.touched.reactions[reactionKey{post: key, by: id, emoji: emoji}] = struct{}{}
		}
	})
}

// touchPosts touches all posts, because the event was closed or reopened, or approval was
// turned on or off.
func (f *Projection) touchPosts() {
	f.eachPost(func(key string, _ *object) { f.touched.posts[key] = struct{}{} })
}

// markSuperseded marks the revisions that a new revision supersedes: those in its past. It
// looks only at revisions that no other has superseded yet, usually one.
func (f *Projection) markSuperseded(revisions *object, p *prop, e *write) {
	n := len(revisions.props)
	if n == 1 && len(p.current) == 1 {
		return // the post's first revision, the common case
	}
	newest := int32(n - 1)
	open, known := f.unsuperseded[revisions]
	if again := p.key != revisions.props[newest].key; again || !known {
		open = nil
		for i := range int32(n) {
			if revisions.props[i].key == p.key {
				newest = i // a revision was written again, which only the rules of a later version may allow
			} else {
				open = append(open, i)
			}
		}
	}
	var past *graph.Past
	kept := open[:0]
	for _, i := range open {
		f.steps++
		live := revisions.props[i].current
		all := true // also if none is current, because it is void
		for k := range live {
			old := &live[k]
			switch {
			case old.superseded || old.Op == e.Op:
			case old.Place == e.Place:
				old.superseded = true
			default:
				if past == nil {
					past = f.pastOf(e.Place)
				}
				old.superseded = past.Has(int(old.Place))
			}
			all = all && old.superseded
		}
		if !all {
			kept = append(kept, i)
		}
	}
	f.unsuperseded[revisions] = append(kept, newest)
}

// recomputeSuperseded computes which revisions of a post are superseded: those in the past
// of another current revision. It walks the graph once.
func (f *Projection) recomputeSuperseded(revisions *object) {
	var deps []wire.Hash
	last := map[int32]graph.Op{} // by change, its last revision
	for i := range revisions.props {
		for _, e := range revisions.props[i].current {
			f.steps++
			deps = f.graph.Deps(deps, f.hash(e.Place))
			if l, ok := last[e.Place]; !ok || f.less(l, e.Op) {
				last[e.Place] = e.Op
			}
		}
	}
	past := f.graph.Past(deps)
	var open []int32
	for i := range revisions.props {
		live := revisions.props[i].current
		all := true
		for k := range live {
			e := &live[k]
			e.superseded = past.Has(int(e.Place)) || last[e.Place] != e.Op
			all = all && e.superseded
		}
		if !all {
			open = append(open, int32(i))
		}
	}
	f.unsuperseded[revisions] = open
}
