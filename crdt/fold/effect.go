package fold

import (
	"slices"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// roleOp is one grant or revocation that was ever made.
type roleOp struct {
	id     opID
	change uint32
	on     bool
}

var knownRoles = map[qa.Role]bool{
	qa.RoleOrganiser: true, qa.RoleAuthor: true, qa.RoleModerator: true, qa.RoleMember: true,
	qa.RoleInviteAuthor: true, qa.RoleInviteModerator: true, qa.RoleInviteMember: true,
}

// roleOp notes a grant or revocation, and what it may take out of effect or back in.
func (f *Fold) roleOp(o *object, p *prop, e *entry) {
	role := qa.Role(p.key)
	if e == nil || e.made || !knownRoles[role] {
		return
	}
	id := qa.Identity(o.key)
	of := f.roleOps[id]
	if of == nil {
		of = map[qa.Role][]roleOp{}
		f.roleOps[id] = of
	}
	of[role] = append(of[role], roleOp{id: e.id, change: e.change, on: e.isTrue()})
	f.touchEffect(id)
}

// touchEffect notes the posts with marks by somebody whose roles changed. A first
// grant takes nothing out of effect, so in the ordinary case nothing is looked at.
func (f *Fold) touchEffect(id qa.Identity) {
	revoked := false
	for _, ops := range f.roleOps[id] {
		for i := range ops {
			revoked = revoked || !ops[i].on
		}
	}
	if !revoked {
		return
	}
	f.eachPost(func(key string, o *object) {
		marks := child(o, "marks")
		for _, m := range []*object{marks, child(marks, "assigned"), child(marks, "candidate")} {
			if m == nil {
				continue
			}
			for i := range m.props {
				for k := range m.props[i].live {
					if f.who[m.props[i].live[k].id.actor] == id {
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
				if f.who[blocks.props[i].live[k].id.actor] == id {
					blocked[blocks.props[i].key] = true
				}
			}
		}
	}
	for at, es := range f.ended {
		for i := range es {
			if f.who[es[i].id.actor] != id {
				continue
			}
			switch at.in.slot {
			case slotMarks, slotMarked:
				f.touched.posts[postOf(at.in)] = struct{}{}
			case slotBlocks:
				blocked[at.key] = true
			}
		}
	}
	for who := range blocked {
		f.touchBlock(who)
	}
}

func (f *Fold) before(a, b uint32) bool {
	return f.graph.IsAncestor(f.changes[a].hash, f.changes[b].hash)
}

// inPast reports whether change a is b or in b's past. Past sets are kept, because
// every post is asked about the same few changes.
func (f *Fold) inPast(a, b uint32) bool {
	if a == b {
		return true
	}
	set, ok := f.pasts[b]
	if !ok {
		const keep = 512 // sets of one bit a change
		if len(f.pasts) >= keep {
			clear(f.pasts)
		}
		set = f.graph.Ancestors([]wire.Hash{f.changes[b].hash})
		f.pasts[b] = set
	}
	return set.Has(f.changes[a].hash)
}

// counts reports whether a privileged act is in effect: its writer is the founder
// or the owner, or held one of the roles and it is in the past of every revocation
// of that role, or after a later grant. That the role was held in the act's causal
// past is the gate's to say: a writer who never had any is not asked here.
func (f *Fold) counts(id opID, change uint32, owner qa.Identity, roles ...qa.Role) bool {
	who := f.who[id.actor]
	if who == f.founder || (owner != "" && who == owner) {
		return true
	}
	of := f.roleOps[who]
	if of == nil {
		return true
	}
	granted := false
	for _, role := range roles {
		ops := of[role]
		if len(ops) == 0 {
			continue
		}
		granted = true
		if f.held(ops, role, change) {
			return true
		}
	}
	return !granted
}

func (f *Fold) held(ops []roleOp, role qa.Role, change uint32) bool {
	for i := range ops {
		v := &ops[i]
		if v.on || !f.roleOpCounts(v, role) || f.before(change, v.change) {
			continue
		}
		again := false
		for k := range ops {
			g := &ops[k]
			if g.on && f.before(v.change, g.change) && f.before(g.change, change) && f.roleOpCounts(g, role) {
				again = true
				break
			}
		}
		if !again {
			return false
		}
	}
	return true
}

// roleOpCounts reports whether a grant or revocation is in effect. Only the founder
// names organisers, so this ends after one step.
func (f *Fold) roleOpCounts(r *roleOp, role qa.Role) bool {
	if f.who[r.id.actor] == f.founder {
		return true
	}
	return role != qa.RoleOrganiser && f.counts(r.id, r.change, "", qa.RoleOrganiser)
}

// standing returns the values of a key that count and that nothing that counts has
// overwritten, ascending. Ordinarily these are the live ones.
func (f *Fold) standing(o *object, key string, counts func(*entry) bool) []*entry {
	if o == nil {
		return nil
	}
	p := o.find(key)
	if p == nil {
		return nil
	}
	out := make([]*entry, 0, 1)
	for i := range p.live {
		if counts(&p.live[i]) {
			out = append(out, &p.live[i])
		}
	}
	if len(out) == len(p.live) {
		return out
	}
	ended := f.ended[place{in: o, key: p.key}]
	for i := range ended {
		if counts(&ended[i]) {
			out = append(out, &ended[i])
		}
	}
	all := slices.Clone(out)
	out = slices.DeleteFunc(out, func(e *entry) bool {
		return slices.ContainsFunc(all, func(x *entry) bool {
			return e.change == x.change && f.less(e.id, x.id) || f.before(e.change, x.change)
		})
	})
	slices.SortFunc(out, func(a, b *entry) int {
		if f.less(a.id, b.id) {
			return -1
		}
		return 1
	})
	return out
}

// effective returns the value with the highest operation among those in effect.
func (f *Fold) effective(o *object, key string, owner qa.Identity, roles ...qa.Role) *entry {
	es := f.standing(o, key, func(e *entry) bool { return f.counts(e.id, e.change, owner, roles...) })
	if len(es) == 0 {
		return nil
	}
	return es[len(es)-1]
}

// The ranks: where roles and blocks conflict, the higher one's word stands.
const (
	rankNone = iota
	rankModerator
	rankOrganiser
	rankFounder
)

func (f *Fold) rank(who qa.Identity) int {
	switch {
	case who == f.founder:
		return rankFounder
	case f.holds(who, qa.RoleOrganiser):
		return rankOrganiser
	case f.holds(who, qa.RoleModerator):
		return rankModerator
	}
	return rankNone
}

// holds reports whether somebody holds a role now.
func (f *Fold) holds(who qa.Identity, role qa.Role) bool {
	if who == "" {
		return false
	}
	if role == qa.RoleOrganiser && who == f.founder {
		return true
	}
	return f.roleValue(child(child(&f.root, "roles"), string(who)), role).isTrue()
}

// roleValue returns the value of roles/<id>/<role> that stands. Organisers are
// named by the founder alone; other roles by the founder before an organiser.
func (f *Fold) roleValue(of *object, role qa.Role) *entry {
	es := f.standing(of, string(role), func(e *entry) bool {
		return f.who[e.id.actor] == f.founder ||
			role != qa.RoleOrganiser && f.counts(e.id, e.change, "", qa.RoleOrganiser)
	})
	return highest(es, func(e *entry) int {
		who := f.who[e.id.actor]
		switch {
		case who == f.founder:
			return rankFounder
		case role != qa.RoleOrganiser && f.holds(who, qa.RoleOrganiser):
			return rankOrganiser
		}
		return rankNone
	})
}

// highest returns the last of those with the highest rank, nil when there are none.
func highest(es []*entry, rank func(*entry) int) *entry {
	var best *entry
	bestRank := -1
	for _, e := range es {
		if r := rank(e); r >= bestRank {
			best, bestRank = e, r
		}
	}
	return best
}

// block returns the value of blocks/<id> that stands, nil when the identity was
// never blocked.
func (f *Fold) block(id string) *entry {
	es := f.standing(child(&f.root, "blocks"), id, func(e *entry) bool {
		return f.counts(e.id, e.change, "", qa.RoleOrganiser, qa.RoleModerator)
	})
	return highest(es, func(e *entry) int { return f.rank(f.who[e.id.actor]) })
}

// blockedOut reports whether what somebody wrote in a change is not shown because
// they are blocked and the block did not know of it. The founder cannot be blocked.
func (f *Fold) blockedOut(who qa.Identity, change uint32) bool {
	if who == f.founder {
		return false
	}
	b := f.block(string(who))
	return b.str() != "" && !f.inPast(change, b.change)
}

// touchBlock notes what somebody wrote who was blocked, or whose block was lifted.
func (f *Fold) touchBlock(id string) {
	f.touched.people[id] = struct{}{}
	f.eachPost(func(key string, o *object) {
		if string(f.who[o.id.actor]) == id {
			f.touched.posts[key] = struct{}{}
		}
		if of := child(child(o, "reactions"), id); of != nil {
			for i := range of.props {
				f.touched.reactions[reactionKey{post: key, by: id, emoji: of.props[i].key}] = struct{}{}
			}
		}
	})
}

// touchLate notes the posts that do not know of a closing of the event.
func (f *Fold) touchLate() {
	f.eachPost(func(key string, _ *object) { f.touched.posts[key] = struct{}{} })
}

// supersede notes that a new revision was written in sight of earlier ones.
func (f *Fold) supersede(revisions *object, e *entry) {
	for i := range revisions.props {
		live := revisions.props[i].live
		for k := range live {
			old := &live[k]
			if old.superseded || old.id == e.id {
				continue
			}
			if old.change == e.change || f.before(old.change, e.change) {
				old.superseded = true
			}
		}
	}
}
