package authority

import (
	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// view is which authority changes somebody knows of: those in a past, those that
// another authority change has seen, or, as its zero value, all.
type view struct {
	past *graph.Past
	seen *set
}

var everything view

func (a *Authority) in(v view, c int32) bool {
	switch {
	case v.past != nil:
		return v.past.Has(int(a.changes[c].place))
	case v.seen != nil:
		return v.seen.has(c)
	}
	return true
}

// isVoid reports whether an authority change is void for whoever knows v: its actor
// has written another change with its sequence number, or with an earlier one.
func (a *Authority) isVoid(c int32, v view) bool {
	place := int(a.changes[c].place)
	if v.past != nil {
		return a.graph.ForkedIn(place, v.past)
	}
	return a.graph.Forked(place)
}

// anyVoid reports whether any authority change is void by all that is known. When
// somebody equivocates who made one, it forgets what was worked out before.
func (a *Authority) anyVoid() bool {
	for actor := range a.graph.ForksSince(a.forks) {
		a.steps++
		if a.makers[actor] {
			a.void = true
			clear(a.now)
			clear(a.settled)
		}
	}
	a.forks = a.graph.Forks()
	return a.void
}

// later reports whether one act comes after another as Automerge orders operations.
func (a *Authority) later(x, y *act) bool {
	if x.counter != y.counter {
		return x.counter > y.counter
	}
	return a.changes[x.change].actor > a.changes[y.change].actor
}

// current returns, of the acts on a role (0: on any) that count and that v knows of,
// the one that stands: of those that none of these has seen, the one of the highest
// rank, then of the highest operation. nil is returned when there is none.
func (a *Authority) current(of []act, role Roles, v view, rank func(*act) Rank) *act {
	var best *act
	var bestRank Rank
	var seen set
	a.steps += int64(len(of))
	for i := len(of) - 1; i >= 0; i-- { // what has seen others came after them
		x := &of[i]
		if x.role != role || !a.in(v, x.change) || seen.has(x.change) {
			continue
		}
		r := rank(x)
		if r == NotCounted {
			continue
		}
		if best == nil || r > bestRank || r == bestRank && a.later(x, best) {
			best, bestRank = x, r
		}
		seen = seen.with(a.changes[x.change].seen)
	}
	return best
}

// moment is where a change stands among the authority changes.
type moment interface {
	knows(c int32) bool   // c is in its past
	knownBy(c int32) bool // it is c, or in c's past
}

// authorityMoment is the moment of an authority change.
type authorityMoment struct {
	a *Authority
	n int32
}

func (m authorityMoment) knows(c int32) bool   { return m.a.changes[m.n].seen.has(c) }
func (m authorityMoment) knownBy(c int32) bool { return c == m.n || m.a.changes[c].seen.has(m.n) }

// changeMoment is the moment of any change.
type changeMoment struct {
	a    *Authority
	hash wire.Hash
	past graph.Set // with the change itself
}

func (m changeMoment) knows(c int32) bool {
	h := m.a.changes[c].hash
	return h != m.hash && m.past.Has(h)
}

func (m changeMoment) knownBy(c int32) bool {
	h := m.a.changes[c].hash
	return h == m.hash || m.a.graph.IsAncestor(m.hash, h)
}

// authorizes reports whether a role authorizes what its holder did at a moment, for
// whoever knows v: the writer held it in the past of the moment, by grants that
// count, and no revocation that counts is concurrent with the moment. So the act is
// in the past of each revocation, or after a later grant.
func (a *Authority) authorizes(of []act, role Roles, at moment, v view) bool {
	held := a.current(of, role, v, func(x *act) Rank {
		if !at.knows(x.change) {
			return NotCounted
		}
		return a.grantRank(x, v)
	})
	if held == nil || !held.on {
		return false
	}
	a.steps += int64(len(of))
	for i := range of {
		x := &of[i]
		if !x.on && x.role == role && a.in(v, x.change) && !at.knows(x.change) &&
			!at.knownBy(x.change) && a.grantRank(x, v) != NotCounted {
			return false
		}
	}
	return true
}

// rankOf returns by what an authority change counts for whoever knows v: by the
// highest of the roles in some that authorizes it.
func (a *Authority) rankOf(c int32, some Roles, v view) Rank {
	writer := a.changes[c].writer
	if a.isVoid(c, v) {
		return NotCounted
	}
	if writer == a.founder {
		return ByFounder
	}
	r := a.people[writer]
	if r == nil {
		return NotCounted
	}
	return highest(some, func(role Roles) bool { return a.authorizes(r.grants, role, authorityMoment{a, c}, v) })
}

// highest returns the rank of the highest of some roles that authorizes.
func highest(some Roles, authorizes func(Roles) bool) Rank {
	for i := range byHeight {
		if h := &byHeight[i]; some&h.role != 0 && authorizes(h.role) {
			return h.rank
		}
	}
	return NotCounted
}

// grantRank is rankOf for a grant or revocation: the organiser's role is the
// founder's to give, the others are any organiser's. So this ends after one step.
func (a *Authority) grantRank(x *act, v view) Rank {
	if x.role == Organiser {
		return a.rankOf(x.change, 0, v)
	}
	return a.rankOf(x.change, Organiser, v)
}

func (a *Authority) roles(p Person, v view) Roles {
	out := a.given(p, v)
	if a.founded && p == a.founder {
		out |= Founder | Organiser
	}
	return out
}

// given returns the roles that somebody was given and holds for whoever knows v.
func (a *Authority) given(p Person, v view) Roles {
	var out, done Roles
	r := a.people[p]
	if r == nil {
		return out
	}
	for i := range r.grants {
		role := r.grants[i].role
		if done&role != 0 {
			continue
		}
		done |= role
		if x := a.currentGrant(r, role, v); x != nil && x.on {
			out |= role
		}
	}
	return out
}

func (a *Authority) currentGrant(r *record, role Roles, v view) *act {
	return a.current(r.grants, role, v, func(x *act) Rank { return a.grantRank(x, v) })
}

// Named reports whether any authority change is about somebody.
func (a *Authority) Named(p Person) bool { return a.people[p] != nil }

// Roles returns what somebody holds now.
func (a *Authority) Roles(p Person) Roles {
	a.anyVoid()
	if !a.Named(p) { // strangers who ask leave nothing behind
		return a.roles(p, everything)
	}
	r, ok := a.now[p]
	if !ok {
		r = a.roles(p, everything)
		a.now[p] = r
	}
	return r
}

// RolesAt returns what somebody holds for whoever knows a past.
func (a *Authority) RolesAt(p Person, past *graph.Past) Roles {
	if a.knowsAll(past) && (!a.anyVoid() || past.ContainsAllBefore(a.graph.Len()-1)) {
		return a.Roles(p)
	}
	return a.roles(p, view{past: past})
}

// knowsAll reports whether a past has every authority change, as most have.
func (a *Authority) knowsAll(past *graph.Past) bool {
	for i := len(a.changes) - 1; i >= 0; i-- {
		place := int(a.changes[i].place)
		if past.ContainsAllBefore(place) {
			return true
		}
		if !past.Has(place) {
			return false
		}
	}
	return true
}

// HeldAt returns what the writer of a change that was added held in its past, by
// that past alone: what the policy went by when it validated the change.
func (a *Authority) HeldAt(writer Person, change wire.Hash) Roles {
	if a.founded && writer == a.founder {
		return Founder | Organiser | a.heldAt[a.place(change)]
	}
	return a.heldAt[a.place(change)]
}

func (a *Authority) place(change wire.Hash) int32 {
	if place, ok := a.graph.Place(change); ok {
		return int32(place)
	}
	return -1
}

// RankAt returns by what an act counts, by all that is known: by the highest of the
// roles in some that authorizes what its writer did in a change that was added.
func (a *Authority) RankAt(writer Person, change wire.Hash, some Roles) Rank {
	return a.rankAt(writer, change, some, everything)
}

// RankKnownTo is RankAt by what is known to a past, which the change is in: the
// answer is the same for good, whatever becomes known later.
func (a *Authority) RankKnownTo(past *graph.Past, writer Person, change wire.Hash, some Roles) Rank {
	return a.rankAt(writer, change, some, view{past: past})
}

func (a *Authority) rankAt(writer Person, change wire.Hash, some Roles, v view) Rank {
	if a.changeIsVoid(change, v) {
		return NotCounted
	}
	if a.founded && writer == a.founder {
		return ByFounder
	}
	return highest(some, func(role Roles) bool { return a.authorizesChange(writer, change, role, v) })
}

// Authorizes reports whether a role, one alone, authorizes what its writer did in a
// change that was added, by all that is known. What the founder may do without any
// role does not count here.
func (a *Authority) Authorizes(writer Person, change wire.Hash, role Roles) bool {
	return !a.changeIsVoid(change, everything) && a.authorizesChange(writer, change, role, everything)
}

func (a *Authority) authorizesChange(writer Person, change wire.Hash, role Roles, v view) bool {
	if role == Organiser && a.founded && writer == a.founder {
		return true
	}
	r := a.people[writer]
	switch {
	case r == nil:
		return false
	case a.isSettled(writer, r, role): // then what the past says stands, and is known
		return a.heldAt[a.place(change)]&role != 0
	}
	return a.authorizes(r.grants, role, changeMoment{a, change, a.pastOf(change)}, v)
}

// changeIsVoid is isVoid for any change that was added.
func (a *Authority) changeIsVoid(change wire.Hash, v view) bool {
	place := int(a.place(change))
	switch {
	case place < 0:
		return false
	case v.past != nil:
		return a.graph.ForkedIn(place, v.past)
	}
	return a.graph.Forked(place)
}

// isSettled reports whether a role of somebody was only ever granted, by grants that
// all count.
func (a *Authority) isSettled(p Person, r *record, role Roles) bool {
	a.anyVoid()
	key := settledKey{p, role}
	is, ok := a.settled[key]
	if !ok {
		is = true
		for i := range r.grants {
			if x := &r.grants[i]; x.role == role {
				is = is && x.on && a.grantRank(x, everything) != NotCounted
			}
		}
		a.settled[key] = is
	}
	return is
}

// Settled reports whether somebody's roles were only ever granted, by grants that
// all count. Then nothing that they did in a role is out of effect.
func (a *Authority) Settled(p Person) bool {
	r := a.people[p]
	if r == nil {
		return true
	}
	for i := range r.grants {
		if !a.isSettled(p, r, r.grants[i].role) {
			return false
		}
	}
	return true
}

// pastOf returns a change and what is in its past. It is kept, because every act of
// somebody whose role was revoked is asked about.
func (a *Authority) pastOf(change wire.Hash) graph.Set {
	s, ok := a.pasts[change]
	if !ok {
		const keep = 512 // sets of one bit a change
		if len(a.pasts) >= keep {
			clear(a.pasts)
		}
		s = a.graph.Ancestors([]wire.Hash{change})
		a.pasts[change] = s
	}
	return s
}

// InPast reports whether a change is another one or in its past. For few different
// values of of, such as closings and blocks, it costs a look-up.
func (a *Authority) InPast(change, of wire.Hash) bool { return a.pastOf(of).Has(change) }

// EverInvited reports whether somebody was made an invitation's key in a past.
func (a *Authority) EverInvited(p Person, past *graph.Past) bool {
	r := a.people[p]
	if r == nil {
		return false
	}
	for i := range r.grants {
		x, v := &r.grants[i], view{past: past}
		if x.role&Invites != 0 && x.on && a.in(v, x.change) && !a.isVoid(x.change, v) {
			return true
		}
	}
	return false
}

// ClosedAt reports whether the event is closed for whoever knows a past.
func (a *Authority) ClosedAt(past *graph.Past) bool { return a.closed(view{past: past}) }

// Closed reports whether the event is closed, by all that is known.
func (a *Authority) Closed() bool { return a.closed(view{}) }

// Closings returns how many operations have closed the event or opened it again,
// whether they count or not.
func (a *Authority) Closings() int { return len(a.closings) }

func (a *Authority) closed(v view) bool {
	if len(a.closings) == 0 {
		return false
	}
	x := a.current(a.closings, 0, v, func(x *act) Rank { return min(a.rankOf(x.change, Organiser, v), ByOther) })
	return x != nil && x.on
}

// Block returns the change that blocked somebody, false when they are not blocked
// now. The founder cannot be.
func (a *Authority) Block(p Person) (wire.Hash, bool) {
	r := a.people[p]
	if r == nil || len(r.blocks) == 0 || a.founded && p == a.founder {
		return wire.Hash{}, false
	}
	x := a.current(r.blocks, 0, everything, func(x *act) Rank { return a.rankOf(x.change, Organiser|Moderator, everything) })
	if x == nil || !x.on {
		return wire.Hash{}, false
	}
	return a.changes[x.change].hash, true
}

// Grant is a grant or revocation of a role that was ever made.
type Grant struct {
	To       Person
	Role     qa.Role
	On       bool
	By       Person
	Change   wire.Hash
	AtMillis int64 // by the clock of who made it, since 1970 UTC
	Op       wire.OpID
	InEffect bool // it counts, by all that is known
}

// Grants calls fn for every grant and revocation, in no order.
func (a *Authority) Grants(fn func(Grant)) {
	for p, r := range a.people {
		for i := range r.grants {
			fn(a.grant(p, &r.grants[i]))
		}
	}
}

func (a *Authority) grant(to Person, x *act) Grant {
	c := &a.changes[x.change]
	return Grant{
		To: to, Role: Names(x.role)[0], On: x.on, By: c.writer, Change: c.hash, AtMillis: c.millis,
		Op: wire.OpID{Counter: uint64(x.counter), Actor: c.actor}, InEffect: a.grantRank(x, everything) != NotCounted,
	}
}

// GrantAt returns the grant by which somebody holds one role for whoever knows a
// past; false when they do not hold it by a grant.
func (a *Authority) GrantAt(p Person, role qa.Role, past *graph.Past) (Grant, bool) {
	r := a.people[p]
	if r == nil {
		return Grant{}, false
	}
	x := a.currentGrant(r, RolesOf(role), view{past: past})
	if x == nil || !x.on {
		return Grant{}, false
	}
	return a.grant(p, x), true
}

// Holders calls fn for everybody about whom there is an authority change, with the
// roles that they were given and hold now, in no order. What the founder holds by
// having made the event is not among them.
func (a *Authority) Holders(fn func(Person, Roles)) {
	for p := range a.people {
		fn(p, a.given(p, everything))
	}
}

// EverClosed reports whether anybody ever closed or opened the event. Where not,
// ClosedAt is false for every past.
func (a *Authority) EverClosed() bool { return len(a.closings) > 0 }
