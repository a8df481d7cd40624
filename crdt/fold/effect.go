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

// touchEffect notes what may count differently now that somebody's roles changed:
// what they did themselves, and what those did whom they gave a role. A first grant
// takes nothing out of effect, so in the ordinary case nothing is looked at.
func (f *Fold) touchEffect(id qa.Identity) {
	if !f.unsettled(id) {
		return
	}
	f.touchActs(id)
	for other, of := range f.roleOps {
		for _, ops := range of {
			if other != id && slices.ContainsFunc(ops, func(r roleOp) bool { return f.who[r.id.actor] == id }) {
				f.touchActs(other)
				break
			}
		}
	}
}

// unsettled reports whether somebody's roles are more than grants that count.
func (f *Fold) unsettled(id qa.Identity) bool {
	for role, ops := range f.roleOps[id] {
		for i := range ops {
			if !ops[i].on || f.now().roleRank(&ops[i], role) == rankNone {
				return true
			}
		}
	}
	return false
}

// touchActs notes what somebody did in a role.
func (f *Fold) touchActs(id qa.Identity) {
	f.eachPost(func(key string, o *object) {
		if f.who[o.id.actor] == id {
			f.touched.posts[key] = struct{}{}
		}
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
	f.touchClosing(id)
}

// touchClosing notes all posts when somebody has closed or opened the event: which
// of them are late depends on it.
func (f *Fold) touchClosing(id qa.Identity) {
	about := child(&f.root, "event")
	if about == nil {
		return
	}
	p := about.find("closed")
	if p == nil {
		return
	}
	for _, es := range [][]entry{p.live, f.ended[place{in: about, key: p.key}]} {
		if slices.ContainsFunc(es, func(e entry) bool { return f.who[e.id.actor] == id }) {
			f.touchLate()
			return
		}
	}
}

func (f *Fold) before(a, b uint32) bool {
	if a == 0 && f.roots == 1 {
		return b != 0 // the genesis comes before all else
	}
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

// The ranks of acts, by the role that bears them.
const (
	rankNone = iota // it does not count
	rankOther
	rankModerator
	rankOrganiser
	rankFounder
)

// counts reports whether a privileged act is in effect: its writer is the founder
// or the owner, or one of the roles bears it.
func (f *Fold) counts(id opID, change uint32, owner qa.Identity, roles ...qa.Role) bool {
	return owner != "" && f.who[id.actor] == owner || f.rank(f.who[id.actor], change, roles...) != rankNone
}

// scope is what is known when it is asked which acts count: everything, or, when
// bounded, no more than a change and its past. What was asked of a past is answered
// the same for ever, whatever becomes known later.
type scope struct {
	f       *Fold
	until   uint32 // the change
	bounded bool
}

func (f *Fold) now() scope               { return scope{f: f} }
func (f *Fold) asKnownTo(c uint32) scope { return scope{f: f, until: c, bounded: true} }

// known returns the grants and revocations in scope.
func (s scope) known(ops []roleOp) []roleOp {
	if !s.bounded {
		return ops
	}
	var out []roleOp
	for i := range ops {
		if s.f.inPast(ops[i].change, s.until) {
			out = append(out, ops[i])
		}
	}
	return out
}

func (f *Fold) rank(who qa.Identity, change uint32, roles ...qa.Role) int {
	return f.now().rank(who, change, roles...)
}

// rank returns by what somebody's act counts: the highest of the roles that bears
// it. That a role was held in the act's causal past is the gate's to say: a writer
// who never had any of them is not asked here.
func (s scope) rank(who qa.Identity, change uint32, roles ...qa.Role) int {
	f := s.f
	if who == f.founder {
		return rankFounder
	}
	of := f.roleOps[who]
	had, best := 0, rankNone
	for _, role := range roles {
		if len(of[role]) > 0 {
			had++
		}
	}
	if had == 0 {
		return rankOther
	}
	bears := s.bears
	if had > 1 { // the gate has made sure of one of them, and does not say of which
		bears = s.held
	}
	for _, role := range roles {
		ops := s.known(of[role])
		if rank := rankOf(role); len(ops) > 0 && rank > best && bears(ops, role, change) {
			best = rank
		}
	}
	return best
}

func rankOf(role qa.Role) int {
	switch role {
	case qa.RoleOrganiser:
		return rankOrganiser
	case qa.RoleModerator:
		return rankModerator
	}
	return rankOther
}

// bears reports whether a role, which the gate has made sure was held, bears what
// its holder did in a change: it was held in the change's past by grants that count, and no revocation that counts is
// concurrent with the change. So the act is in the past of every revocation, or
// after a later grant.
func (s scope) bears(ops []roleOp, role qa.Role, change uint32) bool {
	plain := true
	for i := range ops {
		plain = plain && ops[i].on && s.roleRank(&ops[i], role) != rankNone
	}
	return plain || s.held(ops, role, change)
}

// held is bears for what needs no role, so that nobody has made sure that it was held.
func (s scope) held(ops []roleOp, role qa.Role, change uint32) bool {
	f := s.f
	held := s.standingRole(ops, role, func(r *roleOp) bool { return f.before(r.change, change) })
	if held == nil || !held.on {
		return false
	}
	for i := range ops {
		v := &ops[i]
		if !v.on && v.change != change && !f.before(v.change, change) && !f.before(change, v.change) && s.roleRank(v, role) != rankNone {
			return false
		}
	}
	return true
}

// authorThen reports whether a post is an author's by a role that counts; as says
// that an organiser carried an author's words over.
func (f *Fold) authorThen(who qa.Identity, change uint32, as bool) bool {
	role := qa.RoleAuthor
	if as {
		role = qa.RoleOrganiser
		if who == f.founder {
			return true
		}
	}
	ops := f.roleOps[who][role]
	return len(ops) > 0 && f.now().held(ops, role, change)
}

// roleRank is rank for a grant or revocation: the organiser's role is the founder's
// to give, the others are any organiser's. So this ends after one step.
func (s scope) roleRank(r *roleOp, role qa.Role) int {
	who := s.f.who[r.id.actor]
	switch {
	case who == s.f.founder:
		return rankFounder
	case role == qa.RoleOrganiser:
		return rankNone
	}
	return s.rank(who, r.change, qa.RoleOrganiser)
}

// standingRole returns the grant or revocation that stands among those that are
// known and count: of those that none of these has seen, the one of the highest
// rank, then of the highest operation. What is written about one person counts in
// whichever of the maps that were made for them it stands: else whoever makes one
// with a higher operation could hide the others.
func (s scope) standingRole(ops []roleOp, role qa.Role, known func(*roleOp) bool) *roleOp {
	f := s.f
	var last []*roleOp // that none has seen
	for i := len(ops) - 1; i >= 0; i-- {
		r := &ops[i]
		if s.roleRank(r, role) == rankNone || !known(r) || slices.ContainsFunc(last, func(l *roleOp) bool {
			return l.change == r.change && f.less(r.id, l.id) || f.before(r.change, l.change)
		}) {
			continue
		}
		last = append(last, r)
	}
	var best *roleOp
	for _, r := range last {
		if best == nil || s.roleRank(r, role) > s.roleRank(best, role) ||
			s.roleRank(r, role) == s.roleRank(best, role) && f.less(best.id, r.id) {
			best = r
		}
	}
	return best
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
	return highest(es, func(e *entry) int {
		return f.rank(f.who[e.id.actor], e.change, qa.RoleOrganiser, qa.RoleModerator)
	})
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
		eachSaid(child(o, "reactions"), id, func(emoji string) {
			f.touched.reactions[reactionKey{post: key, by: id, emoji: emoji}] = struct{}{}
		})
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
