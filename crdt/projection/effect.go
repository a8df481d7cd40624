package projection

import (
	"slices"

	"flyleaf/crdt/authority"
	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// touchEffect notes what may count differently now that somebody's roles changed:
// what they did themselves, and what those did whom they gave a role. A first grant
// takes nothing out of effect, so in the ordinary case nothing is looked at.
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

// touchActs notes what somebody did in a role.
func (f *Projection) touchActs(id qa.Identity) {
	f.eachPost(func(key string, o *object) {
		if f.by(o.change) == id {
			f.touched.posts[key] = struct{}{}
		}
		marks := child(o, "marks")
		for _, m := range []*object{marks, child(marks, "assigned"), child(marks, "candidate")} {
			if m == nil {
				continue
			}
			for i := range m.props {
				for k := range m.props[i].live {
					if f.by(m.props[i].live[k].change) == id {
						f.touched.posts[key] = struct{}{}
					}
				}
			}
		}
	})
	// What this identity granted, revoked or blocked may count differently now, and
	// so may what it overwrote.
	blocked := map[string]bool{}
	if blocks := child(&f.root, "blocks"); blocks != nil {
		for i := range blocks.props {
			for k := range blocks.props[i].live {
				if f.by(blocks.props[i].live[k].change) == id {
					blocked[blocks.props[i].key] = true
				}
			}
		}
	}
	for _, at := range f.rewritten {
		if !slices.ContainsFunc(at.in.props[at.key].history.all, func(e entry) bool { return f.by(e.change) == id }) {
			continue
		}
		switch at.in.slot {
		case schema.MapMarks, schema.MapAssigned, schema.MapCandidate:
			f.touched.posts[postOf(at.in)] = struct{}{}
		case schema.MapBlocks:
			blocked[at.in.props[at.key].key] = true
		}
	}
	for who := range blocked {
		f.touchBlock(who)
	}
	f.touchClosing(id)
}

// touchClosing notes all posts when somebody has closed or opened the event: which
// of them are late depends on it.
func (f *Projection) touchClosing(id qa.Identity) {
	about := child(&f.root, "event")
	if about == nil {
		return
	}
	p := about.find("closed")
	if p == nil {
		return
	}
	for e := range f.ever(p) {
		if f.by(e.change) == id {
			f.touchLate()
			return
		}
	}
}

func (f *Projection) before(a, b uint32) bool {
	if a == 0 && f.roots == 1 {
		return b != 0 // the genesis comes before all else
	}
	return f.graph.IsAncestor(f.changes[a].hash, f.changes[b].hash)
}

// inPast reports whether change a is b or in b's past.
func (f *Projection) inPast(a, b uint32) bool {
	return f.authority.InPast(f.changes[a].hash, f.changes[b].hash)
}

// counts reports whether a privileged act is in effect: its writer is the founder
// or the owner, or one of the roles authorizes it.
func (f *Projection) counts(change uint32, owner qa.Identity, roles authority.Roles) bool {
	return owner != "" && f.by(change) == owner || f.rank(change, roles) != authority.NotCounted
}

// rank returns by what an act counts: the highest of the roles that authorizes it.
func (f *Projection) rank(change uint32, roles authority.Roles) authority.Rank {
	return f.authority.RankAt(f.personOf(change), f.changes[change].hash, roles)
}

// authorThen reports whether a post is an author's by a role that counts; as says
// that an organiser carried an author's words over.
func (f *Projection) authorThen(change uint32, as bool) bool {
	role := author
	if as {
		role = organiser
	}
	return f.authority.Authorizes(f.personOf(change), f.changes[change].hash, role)
}

// The roles that acts need, by short names.
const (
	organiser = authority.Organiser
	moderator = authority.Moderator
	author    = authority.Author
)

// effective returns the value with the highest operation among those in effect, nil
// when there is none. Should the acts that overwrote a value not count, it stands.
func (f *Projection) effective(o *object, key string, owner qa.Identity, roles authority.Roles) *entry {
	if o == nil {
		return nil
	}
	p := o.find(key)
	if p == nil {
		return nil
	}
	counts := func(e *entry) bool { return f.counts(e.change, owner, roles) }
	all := true
	for i := range p.live {
		all = all && counts(&p.live[i])
	}
	if all {
		return p.last()
	}
	if es := f.standing(p, counts); len(es) > 0 {
		return es[len(es)-1]
	}
	return nil
}

// blockedOut reports whether what somebody wrote in a change is not shown because
// they are blocked and the block did not know of it. The founder cannot be blocked.
func (f *Projection) blockedOut(who qa.Identity, change uint32) bool {
	p, ok := authority.ParsePerson(string(who))
	if !ok {
		return false
	}
	block, blocked := f.authority.Block(p)
	return blocked && !f.authority.InPast(f.changes[change].hash, block)
}

// touchBlock notes what somebody wrote who was blocked, or whose block was lifted.
func (f *Projection) touchBlock(id string) {
	f.touched.people[id] = struct{}{}
	f.eachPost(func(key string, o *object) {
		if string(f.by(o.change)) == id {
			f.touched.posts[key] = struct{}{}
		}
		for emoji := range keys(child(child(o, "reactions"), id)) {
			f.touched.reactions[reactionKey{post: key, by: id, emoji: emoji}] = struct{}{}
		}
	})
}

// touchLate notes the posts that do not know of a closing of the event.
func (f *Projection) touchLate() {
	f.eachPost(func(key string, _ *object) { f.touched.posts[key] = struct{}{} })
}

// supersede notes that a new revision was written in sight of earlier ones. Only those
// are looked at that no other has superseded yet: one, but for concurrent ones.
func (f *Projection) supersede(revisions *object, p *prop, e *entry) {
	n := len(revisions.props)
	if n == 1 && len(p.live) == 1 {
		return // the post's first, as ever so often
	}
	newest := int32(n - 1)
	open, known := f.unsuperseded[revisions]
	if again := p.key != revisions.props[newest].key; again || !known {
		open = nil
		for i := range int32(n) {
			if revisions.props[i].key == p.key {
				newest = i // written again, as only the rules of a later version may allow
			} else {
				open = append(open, i)
			}
		}
	}
	var past *graph.Past
	kept := open[:0]
	for _, i := range open {
		f.steps++
		live := revisions.props[i].live
		all := true // also of one that is void
		for k := range live {
			old := &live[k]
			switch {
			case old.superseded || old.opID == e.opID:
			case old.change == e.change:
				old.superseded = true
			default:
				if past == nil {
					past = f.pastOf(e.change)
				}
				old.superseded = f.has(past, old.change)
			}
			all = all && old.superseded
		}
		if !all {
			kept = append(kept, i)
		}
	}
	f.unsuperseded[revisions] = append(kept, newest)
}

// superseded works out again which revisions of a post are superseded: those that
// another one which stands has in its past. It takes one way through the graph.
func (f *Projection) superseded(revisions *object) {
	var deps []wire.Hash
	last := map[uint32]opID{} // of a change that wrote several
	for i := range revisions.props {
		for _, e := range revisions.props[i].live {
			f.steps++
			deps = f.graph.Deps(deps, f.changes[e.change].hash)
			if l, ok := last[e.change]; !ok || f.less(l, e.opID) {
				last[e.change] = e.opID
			}
		}
	}
	past := f.graph.Past(deps)
	var open []int32
	for i := range revisions.props {
		live := revisions.props[i].live
		all := true
		for k := range live {
			e := &live[k]
			e.superseded = f.has(&past, e.change) || last[e.change] != e.opID
			all = all && e.superseded
		}
		if !all {
			open = append(open, int32(i))
		}
	}
	f.unsuperseded[revisions] = open
}

// has reports whether a change is in a past.
func (f *Projection) has(past *graph.Past, change uint32) bool {
	place, ok := f.graph.Place(f.changes[change].hash)
	return ok && past.Has(place)
}

// pastOf returns what a change has before it.
func (f *Projection) pastOf(change uint32) *graph.Past {
	past := f.graph.Past(f.graph.Deps(nil, f.changes[change].hash))
	return &past
}
