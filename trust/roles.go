package trust

import (
	"strings"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// authority holds the rulings of an event: the changes that bear on what others may
// do, because they grant or revoke roles, block somebody, or close the event. There
// are few. For each it keeps which others it has seen, so that what somebody may do
// follows from a set of rulings alone, whatever arrived in which order.
type authority struct {
	founder person
	people  []person
	peopleX map[person]int32
	rulings []ruling
	grants  map[int32][]act // by who it is about, in the order of arrival
	blocks  map[int32][]act
	closes  []act
	now     map[person]roles // what people hold now, as far as it was asked for
}

// ruling is a change that bears on what others may do.
type ruling struct {
	place  int32 // in the graph
	writer person
	actor  wire.ActorID
	seen   rulingSet // the rulings in its past
}

// act is what a ruling says of one role of somebody, of somebody's block, or of the
// event's end.
type act struct {
	ruling  int32
	counter uint32
	role    roles // of a grant
	on      bool
}

// rulingSet is a set of rulings, one bit each.
type rulingSet []uint64

func (s rulingSet) has(i int32) bool { return int(i>>6) < len(s) && s[i>>6]&(1<<(i&63)) != 0 }

func (s rulingSet) with(t rulingSet) rulingSet {
	for len(s) < len(t) {
		s = append(s, 0)
	}
	for i, w := range t {
		s[i] |= w
	}
	return s
}

// view is which rulings somebody knows of: those in a past, those another ruling has
// seen, or all.
type view struct {
	past *graph.Past
	seen rulingSet
	all  bool
}

var everything = view{all: true}

func (a *authority) in(v view, r int32) bool {
	switch {
	case v.all:
		return true
	case v.past != nil:
		return v.past.Has(int(a.rulings[r].place))
	}
	return v.seen.has(r)
}

func (a *authority) init() {
	a.peopleX = map[person]int32{}
	a.grants = map[int32][]act{}
	a.blocks = map[int32][]act{}
	a.now = map[person]roles{}
}

// person returns the number of somebody a ruling is about.
func (a *authority) person(p person) int32 {
	if i, ok := a.peopleX[p]; ok {
		return i
	}
	i := int32(len(a.people))
	a.people = append(a.people, p)
	a.peopleX[p] = i
	return i
}

// named reports whether any ruling is about somebody.
func (a *authority) named(p person) bool {
	_, ok := a.peopleX[p]
	return ok
}

// rule returns the ruling that a change is, a new one for its first act.
func (g *Gate) rule(c *wire.Change, at int32) int32 {
	a := &g.authority
	if n := len(a.rulings); n > 0 && a.rulings[n-1].place == at {
		return int32(n - 1)
	}
	r := ruling{place: at, actor: wire.ActorID(strings.Clone(string(c.Actor)))}
	copy(r.writer[:], c.Actor)
	past := g.graph.Past(c.Deps)
	for i := range a.rulings {
		if past.Has(int(a.rulings[i].place)) {
			for len(r.seen) <= i>>6 {
				r.seen = append(r.seen, 0)
			}
			r.seen[i>>6] |= 1 << (i & 63)
		}
	}
	a.rulings = append(a.rulings, r)
	clear(a.now)
	return int32(len(a.rulings) - 1)
}

// note adds an act. Of several that one change does to one thing the last counts.
func note(acts []act, n act) []act {
	for i := len(acts) - 1; i >= 0 && acts[i].ruling == n.ruling; i-- {
		if acts[i].role == n.role {
			acts[i] = n
			return acts
		}
	}
	return append(acts, n)
}

// latest reports whether one act comes after another as Automerge orders them.
func (a *authority) latest(x, y *act) bool {
	if x.counter != y.counter {
		return x.counter > y.counter
	}
	return a.rulings[x.ruling].actor > a.rulings[y.ruling].actor
}

// standing returns the act that stands among those of a role (0: of any) that count
// and that v knows of: of those that none of these has seen, the one of the highest
// rank, then of the highest operation.
func (a *authority) standing(of []act, role roles, v view, rank func(*act) int) *act {
	var best *act
	bestRank := 0
	var seen rulingSet
	for i := len(of) - 1; i >= 0; i-- { // what has seen others came after them
		x := &of[i]
		if x.role != role || !a.in(v, x.ruling) || seen.has(x.ruling) {
			continue
		}
		r := rank(x)
		if r == 0 {
			continue
		}
		if best == nil || r > bestRank || r == bestRank && a.latest(x, best) {
			best, bestRank = x, r
		}
		seen = seen.with(a.rulings[x.ruling].seen)
	}
	return best
}

// The ranks of acts, by the role that bears them; 0 does not count.
const (
	byModerator = iota + 1
	byOrganiser
	byFounder
)

// rank returns by what an act counts for whoever knows v: the highest of the roles
// in some that bears it.
func (a *authority) rank(ruling int32, some roles, v view) int {
	r := &a.rulings[ruling]
	switch {
	case r.writer == a.founder:
		return byFounder
	case some&organiser != 0 && a.bears(r, ruling, organiser, v):
		return byOrganiser
	case some&moderator != 0 && a.bears(r, ruling, moderator, v):
		return byModerator
	}
	return 0
}

// bears reports whether a role bears what its holder did in a ruling: the writer
// held it in the ruling's past, by grants that count, and no revocation that counts
// is concurrent with the ruling. So the act is in the past of each revocation, or
// after a later grant.
func (a *authority) bears(r *ruling, n int32, role roles, v view) bool {
	about, ok := a.peopleX[r.writer]
	if !ok {
		return false
	}
	of := a.grants[about]
	rank := func(x *act) int { return a.grantRank(x, v) }
	if held := a.standing(of, role, view{seen: r.seen}, rank); held == nil || !held.on {
		return false
	}
	for i := range of {
		x := &of[i]
		if !x.on && x.role == role && a.in(v, x.ruling) && !r.seen.has(x.ruling) &&
			!a.rulings[x.ruling].seen.has(n) && a.grantRank(x, v) > 0 {
			return false
		}
	}
	return true
}

// grantRank is rank for grants and revocations: the organiser's role is the
// founder's to give, the others are any organiser's.
func (a *authority) grantRank(x *act, v view) int {
	if x.role == organiser {
		return a.rank(x.ruling, 0, v)
	}
	return a.rank(x.ruling, organiser, v)
}

// held returns the roles that somebody holds for whoever knows v.
func (a *authority) held(p person, v view) roles {
	var out roles
	if p == a.founder {
		out = founder | organiser
	}
	about, ok := a.peopleX[p]
	if !ok {
		return out
	}
	of := a.grants[about]
	var done roles
	for i := range of {
		role := of[i].role
		if done&role != 0 {
			continue
		}
		done |= role
		if x := a.standing(of, role, v, func(x *act) int { return a.grantRank(x, v) }); x != nil && x.on {
			out |= role
		}
	}
	return out
}

// heldNow is held for whoever knows everything.
func (a *authority) heldNow(p person) roles {
	if !a.named(p) { // strangers who ask leave nothing behind
		return a.held(p, everything)
	}
	r, ok := a.now[p]
	if !ok {
		r = a.held(p, everything)
		a.now[p] = r
	}
	return r
}

// heldIn is held for whoever has a past, which mostly holds all rulings.
func (a *authority) heldIn(p person, past *graph.Past) roles {
	for i := len(a.rulings) - 1; i >= 0; i-- {
		place := int(a.rulings[i].place)
		if past.Whole(place) {
			break
		}
		if !past.Has(place) {
			return a.held(p, view{past: past})
		}
	}
	return a.heldNow(p)
}

// everInvited reports whether somebody was ever made an invitation's key.
func (a *authority) everInvited(about int32, v view) bool {
	for i := range a.grants[about] {
		if x := &a.grants[about][i]; x.role&invites != 0 && x.on && a.in(v, x.ruling) {
			return true
		}
	}
	return false
}

// closed reports whether the event is closed for whoever knows v.
func (a *authority) closed(v view) bool {
	x := a.standing(a.closes, 0, v, func(x *act) int { return min(a.rank(x.ruling, organiser, v), 1) })
	return x != nil && x.on
}

// blocked reports whether somebody is blocked.
func (a *authority) blocked(p person, v view) bool {
	about, ok := a.peopleX[p]
	if !ok || p == a.founder {
		return false
	}
	x := a.standing(a.blocks[about], 0, v, func(x *act) int { return a.rank(x.ruling, organiser|moderator, v) })
	return x != nil && x.on
}

// Closed reports whether the event is closed, from all that is known.
func (g *Gate) Closed() bool { return len(g.authority.closes) > 0 && g.authority.closed(everything) }

// Closings returns how many operations have ever closed the event or opened it again.
func (g *Gate) Closings() int { return len(g.authority.closes) }

// Posts reports whether a change makes a post, or would. It costs a look at each
// operation, and says nothing about whether the change is valid.
func (g *Gate) Posts(c *wire.Change) bool {
	for k := range c.Ops {
		if op := &c.Ops[k]; op.Action == wire.MakeMap && op.Obj != (wire.OpID{}) {
			if i, ok := g.object(op.Obj); ok && g.objects[i].slot == slotPosts {
				return true
			}
		}
	}
	return false
}

// Rulings returns how many changes bear on what others may do. What the gate takes
// of time and memory grows with the square of it, in the worst event that somebody
// can make on purpose; so a relay takes only so many.
func (g *Gate) Rulings() int { return len(g.authority.rulings) }

// Rules reports whether a change would be a ruling. It costs a look at each operation,
// and says nothing about whether the change is valid.
func (g *Gate) Rules(c *wire.Change) bool {
	for k := range c.Ops {
		op := &c.Ops[k]
		in := op.Obj
		if in.Actor == c.Actor && in.Counter >= c.StartOp {
			if at := in.Counter - c.StartOp; at < uint64(k) { // a map of its own: of somebody's roles?
				in = c.Ops[at].Obj
			}
		}
		i, ok := g.object(in)
		if !ok {
			continue
		}
		switch s := g.objects[i].slot; {
		case s == slotRoles, s == slotRolesOf, s == slotBlocks, s == slotEvent && op.Key.Prop == "closed":
			return true
		}
	}
	return false
}

// HoldsRole reports whether somebody holds one of the roles now, in effect.
func (g *Gate) HoldsRole(id qa.Identity, some ...qa.Role) bool {
	p, ok := personOf(string(id))
	if !ok || !g.genesis {
		return false
	}
	var want roles
	for _, r := range some {
		want |= roleKeys[string(r)]
	}
	return g.authority.heldNow(p)&want != 0
}

// AnyRole reports whether somebody is the founder, holds a role now, or is the key
// of an invitation that is not revoked: who may read an invited event. A key that
// has made its claim still reads, to learn that the claim was answered.
func (g *Gate) AnyRole(id qa.Identity) bool {
	p, ok := personOf(string(id))
	return ok && g.genesis && g.authority.heldNow(p) != 0
}

// Blocked reports whether somebody is blocked now, in effect. The founder cannot be.
func (g *Gate) Blocked(id qa.Identity) bool {
	p, ok := personOf(string(id))
	return ok && g.authority.blocked(p, everything)
}
