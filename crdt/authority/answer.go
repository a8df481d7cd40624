package authority

import (
	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// view selects authority changes: those in a past, those that another authority change
// has seen, or, as the zero value, all. An authority change is "in v" when v selects
// it.
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

// isVoid reports whether an authority change is void in v: v has another change of its
// actor with its sequence number, or with an earlier one.
func (a *Authority) isVoid(c int32, v view) bool {
	place := int(a.changes[c].place)
	if v.past != nil {
		return a.graph.ForkedIn(place, v.past)
	}
	return a.graph.Forked(place)
}

// refreshVoid reports whether any authority change may be void by all known changes.
// When an actor that made an authority change turns out to equivocate, it clears the
// caches.
func (a *Authority) refreshVoid() bool {
	for actor := range a.graph.ForksSince(a.forks) {
		a.steps++
		if a.makers[actor] {
			a.mayBeVoid = true
			a.clearCaches()
		}
	}
	a.forks = a.graph.Forks()
	return a.mayBeVoid
}

// later reports whether one act's operation comes after another's.
func (a *Authority) later(x, y *act) bool { return a.graph.CompareOps(a.opOf(x), a.opOf(y)) > 0 }

func (a *Authority) opOf(x *act) graph.Op {
	return graph.Op{Place: a.changes[x.change].place, Counter: x.counter}
}

// current returns the act that decides in v about a role (role 0: about a block or the
// closing), nil when there is none. Of the acts that count and are in v, it considers
// those that no other of these acts has seen, and picks the highest rank, then the
// highest operation ID.
func (a *Authority) current(of []act, role Roles, v view, rank func(*act) Rank) *act {
	var best *act
	var bestRank Rank
	var seen set
	a.steps += int64(len(of))
	for i := len(of) - 1; i >= 0; i-- { // an act arrived after the acts that it has seen
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

// causalPosition is the position of a change relative to the authority changes.
type causalPosition interface {
	inPast(c int32) bool   // c is in the past of the change
	notAfter(c int32) bool // the change is c, or is in c's past
}

// authorityPosition is the causalPosition of an authority change.
type authorityPosition struct {
	a *Authority
	n int32
}

func (m authorityPosition) inPast(c int32) bool   { return m.a.changes[m.n].seen.has(c) }
func (m authorityPosition) notAfter(c int32) bool { return c == m.n || m.a.changes[c].seen.has(m.n) }

// changePosition is the causalPosition of any change.
type changePosition struct {
	a    *Authority
	hash wire.Hash
	past graph.Set // with the change itself
}

func (m changePosition) inPast(c int32) bool {
	h := m.a.changes[c].hash
	return h != m.hash && m.past.Has(h)
}

func (m changePosition) notAfter(c int32) bool {
	h := m.a.changes[c].hash
	return h == m.hash || m.a.graph.IsAncestor(m.hash, h)
}

// authorizes reports whether a role authorizes what its holder did at a position, in v:
// the writer held the role in the past of the position, by grants that count, and no
// revocation that counts is concurrent with the position. So for each revocation the
// change is either in its past, or after a later grant.
func (a *Authority) authorizes(of []act, role Roles, at causalPosition, v view) bool {
	held := a.current(of, role, v, func(x *act) Rank {
		if !at.inPast(x.change) {
			return NotCounted
		}
		return a.grantRank(x, v)
	})
	if held == nil || !held.granted {
		return false
	}
	a.steps += int64(len(of))
	for i := range of {
		x := &of[i]
		if !x.granted && x.role == role && a.in(v, x.change) && !at.inPast(x.change) &&
			!at.notAfter(x.change) && a.grantRank(x, v) != NotCounted {
			return false
		}
	}
	return true
}

// rankOf returns the rank of an authority change in v: the highest of these roles that
// authorizes it.
func (a *Authority) rankOf(c int32, roles Roles, v view) Rank {
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
	return highest(roles, func(role Roles) bool { return a.authorizes(r.grants, role, authorityPosition{a, c}, v) })
}

// highest returns the rank of the highest of these roles for which authorizes returns
// true.
func highest(roles Roles, authorizes func(Roles) bool) Rank {
	for i := range byHeight {
		if h := &byHeight[i]; roles&h.role != 0 && authorizes(h.role) {
			return h.rank
		}
	}
	return NotCounted
}

// grantedBy has for each role the roles of which the writer of a grant or revocation needs one.
var grantedBy = func() map[Roles]Roles {
	by := map[Roles]Roles{}
	for _, r := range schema.MapRolesOf.Values() {
		by[r.Grants] = r.By
	}
	return by
}()

// grantRank is rankOf for a grant or revocation: only the founder gives the organiser's
// role, and any organiser gives the others. So the recursion is at most one level deep.
func (a *Authority) grantRank(x *act, v view) Rank { return a.rankOf(x.change, grantedBy[x.role], v) }

func (a *Authority) roles(p Person, v view) Roles {
	out := a.given(p, v)
	if a.founded && p == a.founder {
		out |= Founder | Organiser
	}
	return out
}

// given returns the roles that a person was given and holds in v.
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
		if x := a.currentGrant(r, role, v); x != nil && x.granted {
			out |= role
		}
	}
	return out
}

func (a *Authority) currentGrant(r *record, role Roles, v view) *act {
	return a.current(r.grants, role, v, func(x *act) Rank { return a.grantRank(x, v) })
}

// Mentions reports whether any authority change is about a person.
func (a *Authority) Mentions(p Person) bool { return a.people[p] != nil }

// Roles returns the roles that a person holds now.
func (a *Authority) Roles(p Person) Roles {
	a.refreshVoid()
	if !a.Mentions(p) { // people about whom nothing is known are not cached: there may be any number of them
		return a.roles(p, everything)
	}
	r, ok := a.now[p]
	if !ok {
		r = a.roles(p, everything)
		a.now[p] = r
	}
	return r
}

// RolesAt returns the roles that a person holds as of a past.
func (a *Authority) RolesAt(p Person, past *graph.Past) Roles {
	if a.knowsAll(past) && (!a.refreshVoid() || past.ContainsAllBefore(a.graph.Len()-1)) {
		return a.Roles(p)
	}
	return a.roles(p, view{past: past})
}

// knowsAll reports whether a past contains every authority change, as most do.
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

func (a *Authority) place(change wire.Hash) int32 {
	if place, ok := a.graph.Place(change); ok {
		return int32(place)
	}
	return -1
}

// RankAt returns the rank of an added change by its writer's roles, given all known
// changes: the highest of these roles that authorizes the change.
func (a *Authority) RankAt(writer Person, change wire.Hash, roles Roles) Rank {
	return a.rankAt(writer, change, roles, everything)
}

// RankIn is RankAt as of a past that contains the change. The answer never changes,
// whatever becomes known later.
func (a *Authority) RankIn(past *graph.Past, writer Person, change wire.Hash, roles Roles) Rank {
	return a.rankAt(writer, change, roles, view{past: past})
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

// Authorizes reports whether a single role authorizes what its writer did in an added
// change, by all known changes. What the founder may do without any role does not count
// here.
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
	case a.isSettled(writer, r, role): // then the answer as of the change's past is final, and it is known
		return a.heldAt[a.place(change)]&role != 0
	}
	return a.authorizes(r.grants, role, changePosition{a, change, a.pastOf(change)}, v)
}

// changeIsVoid is like isVoid, for any added change.
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

// isSettled reports whether a person's role was only ever granted, by grants that all
// count.
func (a *Authority) isSettled(p Person, r *record, role Roles) bool {
	a.refreshVoid()
	key := settledKey{p, role}
	is, ok := a.settled[key]
	if !ok {
		is = true
		for i := range r.grants {
			if x := &r.grants[i]; x.role == role {
				is = is && x.granted && a.grantRank(x, everything) != NotCounted
			}
		}
		a.settled[key] = is
	}
	return is
}

// Settled reports whether a person's roles were only ever granted, by grants that all
// count. Then everything that the person did in a role is in effect.
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

// SettledAll reports whether Settled is true for everybody but the keys of invitations.
func (a *Authority) SettledAll() bool {
	for p, r := range a.people {
		for i := range r.grants {
			if role := r.grants[i].role; role&Ordinary != 0 && !a.isSettled(p, r, role) {
				return false
			}
		}
	}
	return true
}

// pastOf returns the set of a change and its past. It is cached, because it is needed
// for every act of a person whose role was revoked.
func (a *Authority) pastOf(change wire.Hash) graph.Set {
	s, ok := a.pasts[change]
	if !ok {
		const keep = 512 // sets with one bit for each change
		if len(a.pasts) >= keep {
			clear(a.pasts)
		}
		s = a.graph.Ancestors([]wire.Hash{change})
		a.pasts[change] = s
	}
	return s
}

// InPast reports whether change is descendant or in its past. It is a look-up as long
// as descendant has few different values, such as closings and blocks.
func (a *Authority) InPast(change, descendant wire.Hash) bool {
	return a.pastOf(descendant).Has(change)
}

// EverInvited reports whether, as of a past, a person was ever the key of an
// invitation.
func (a *Authority) EverInvited(p Person, past *graph.Past) bool {
	r := a.people[p]
	if r == nil {
		return false
	}
	for i := range r.grants {
		x, v := &r.grants[i], view{past: past}
		if x.role&Invites != 0 && x.granted && a.in(v, x.change) && !a.isVoid(x.change, v) {
			return true
		}
	}
	return false
}

// ClosedAt reports whether the event is closed as of a past.
func (a *Authority) ClosedAt(past *graph.Past) bool {
	_, closed := a.ClosingAt(past)
	return closed
}

// ClosingAt returns the change that closed the event as of a past, and false when the
// event is open there. The answer never changes, whatever becomes known later.
func (a *Authority) ClosingAt(past *graph.Past) (wire.Hash, bool) {
	return a.closingIn(view{past: past})
}

// Closed reports whether the event is closed, by all known changes.
func (a *Authority) Closed() bool {
	_, closed := a.Closing()
	return closed
}

// Closing returns the change that closed the event, by all known changes, and false when
// the event is open.
func (a *Authority) Closing() (wire.Hash, bool) {
	a.refreshVoid()
	if a.closing == nil {
		h, closed := a.closingIn(everything)
		a.closing = &closing{h, closed}
	}
	return a.closing.change, a.closing.closed
}

// Late reports whether the event is closed and a change, which must be in the graph, is
// not in the past of the closing: it is concurrent with the closing, or later.
func (a *Authority) Late(change wire.Hash) bool {
	by, closed := a.Closing()
	return closed && !a.InPast(change, by)
}

// Closings returns how many operations have closed or reopened the event, whether they
// count or not.
func (a *Authority) Closings() int { return len(a.closings) }

func (a *Authority) closingIn(v view) (wire.Hash, bool) {
	if len(a.closings) == 0 {
		return wire.Hash{}, false
	}
	x := a.current(a.closings, 0, v, func(x *act) Rank {
		return min(a.rankOf(x.change, schema.MapEvent.Row(schema.KeyClosed).By, v), ByOther)
	})
	if x == nil || !x.granted {
		return wire.Hash{}, false
	}
	return a.changes[x.change].hash, true
}

// Block returns the change that blocked a person, and false when the person is not
// blocked now. The founder cannot be blocked.
func (a *Authority) Block(p Person) (wire.Hash, bool) {
	r := a.people[p]
	if r == nil || len(r.blocks) == 0 || a.founded && p == a.founder {
		return wire.Hash{}, false
	}
	x := a.current(r.blocks, 0, everything, func(x *act) Rank { return a.rankOf(x.change, schema.MapBlocks.Keyed().By, everything) })
	if x == nil || !x.granted {
		return wire.Hash{}, false
	}
	return a.changes[x.change].hash, true
}

// Grant is one grant or revocation of a role.
type Grant struct {
	To       Person
	Role     qa.Role
	On       bool
	By       Person
	Change   wire.Hash
	AtMillis int64 // by the clock of the person who made it, since 1970 UTC
	Op       wire.OpID
	InEffect bool // it counts, by all known changes
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
		To: to, Role: Names(x.role)[0], On: x.granted, By: c.writer, Change: c.hash, AtMillis: c.millis,
		Op: a.graph.ID(a.opOf(x)), InEffect: a.grantRank(x, everything) != NotCounted,
	}
}

// GrantAt returns the grant by which a person holds a role as of a past; false when the
// person does not hold it by a grant.
func (a *Authority) GrantAt(p Person, role qa.Role, past *graph.Past) (Grant, bool) {
	r := a.people[p]
	if r == nil {
		return Grant{}, false
	}
	x := a.currentGrant(r, RolesOf(role), view{past: past})
	if x == nil || !x.granted {
		return Grant{}, false
	}
	return a.grant(p, x), true
}

// Holders calls fn for every person about whom there is an authority change, with the
// roles that the person was given and holds now, in no order. The founder's role by
// having made the event is not included.
func (a *Authority) Holders(fn func(Person, Roles)) {
	for p := range a.people {
		fn(p, a.given(p, everything))
	}
}

// EverClosed reports whether anybody ever closed or opened the event. Where not,
// ClosedAt is false for every past.
func (a *Authority) EverClosed() bool { return len(a.closings) > 0 }
