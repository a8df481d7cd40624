// Package authority computes who held which role when a change was made, who is
// blocked, whether the event is closed, and which role authorizes a change. The policy
// asks what follows from a change's causal past; the projection asks what follows from
// all known changes. Neither has a role algorithm of its own.
//
// An answer depends on the set of authority changes asked about, never on the order
// in which they arrived. The rules are numbered in crdt/policy/DESIGN.md, under Roles.
//
// It does not validate changes: it counts the authority changes of people who held the
// required role, and ignores the others.
package authority

import (
	"bytes"
	"encoding/hex"
	"strings"

	"flyleaf/crdt/graph"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// Person is an identity as its 32 bytes, which is how every actor ID begins.
type Person [32]byte

// Identity returns the person's 64 characters.
func (p Person) Identity() qa.Identity { return qa.Identity(hex.EncodeToString(p[:])) }

// ParsePerson reads an identity from its 64 lower-case hex characters.
func ParsePerson(s string) (p Person, ok bool) {
	if len(s) != 2*len(p) {
		return p, false
	}
	for i := range p {
		hi, lo := unhex(s[2*i]), unhex(s[2*i+1])
		if hi|lo > 15 {
			return p, false
		}
		p[i] = hi<<4 | lo
	}
	return p, true
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// PersonOf returns the person to whom an actor belongs.
func PersonOf(a wire.ActorID) (p Person) {
	copy(p[:], a)
	return p
}

// Roles is a set of roles.
type Roles = schema.Roles

// The roles, and two sets of them, by short names.
const (
	Founder         = schema.Founder
	Organiser       = schema.Organiser
	Author          = schema.Author
	Moderator       = schema.Moderator
	Member          = schema.Member
	InviteAuthor    = schema.InviteAuthor
	InviteModerator = schema.InviteModerator
	InviteMember    = schema.InviteMember

	Ordinary = schema.PersonRoles
	Invites  = schema.InvitationRoles
)

// byHeight lists the roles that can be given, the highest first.
var byHeight = []struct {
	role Roles
	name qa.Role
	rank Rank
}{
	{Organiser, qa.RoleOrganiser, ByOrganiser},
	{Moderator, qa.RoleModerator, ByModerator},
	{Author, qa.RoleAuthor, ByOther},
	{Member, qa.RoleMember, ByOther},
	{InviteAuthor, qa.RoleInviteAuthor, ByOther},
	{InviteModerator, qa.RoleInviteModerator, ByOther},
	{InviteMember, qa.RoleInviteMember, ByOther},
}

// RolesOf returns the set of the given roles; it ignores names that are not roles.
func RolesOf(names ...qa.Role) (r Roles) {
	for _, name := range names {
		for i := range byHeight {
			if byHeight[i].name == name {
				r |= byHeight[i].role
			}
		}
	}
	return r
}

// Names returns the roles of a set, the highest first. A founder is an organiser.
func Names(r Roles) (names []qa.Role) {
	if r&Founder != 0 {
		r |= Organiser
	}
	for i := range byHeight {
		if r&byHeight[i].role != 0 {
			names = append(names, byHeight[i].name)
		}
	}
	return names
}

// Rank orders authority changes by the role that authorized them. Of concurrent ones
// the higher rank wins.
type Rank uint8

// The ranks, ascending.
const (
	NotCounted Rank = iota
	ByOther         // author, member, an invitation's key
	ByModerator
	ByOrganiser
	ByFounder
)

// Authority holds an event's authority changes: those that grant or revoke a role,
// block somebody, or close the event. There are few. For R of them it takes R²/8 bytes,
// and about 20 bytes for each change of a person who holds a role.
//
// It is not safe for concurrent use, not even for concurrent reads: reads fill caches.
type Authority struct {
	graph   *graph.Graph
	founder Person
	genesis wire.Hash
	founded bool

	added    []uint64            // by place in the graph, one bit each
	maps     map[graph.Op]within // the maps in which authority changes are written
	changes  []change            // the authority changes, in the order of arrival
	people   map[Person]*record  // by person, what authority changes say about them
	closings []act

	steps  int64           // acts that were examined
	heldAt map[int32]Roles // by a change's place, the roles that its writer held in its past; no entry: no role

	// Caches of what follows from all known changes; cleared by every authority change.
	now       map[Person]Roles
	settled   map[settledKey]bool
	closing   *closing // nil: not computed
	pasts     map[wire.Hash]graph.Set
	makers    map[wire.ActorID]bool // who made authority changes
	forks     int                   // Graph.Forks when mayBeVoid was computed
	mayBeVoid bool                  // some actor that made an authority change equivocates; the change itself may be valid
}

// change is an authority change.
type change struct {
	hash   wire.Hash
	place  int32 // in the graph
	millis int64 // the writer's clock, since 1970 UTC
	writer Person
	actor  wire.ActorID
	seen   set // the authority changes in its past
}

// act is one statement of an authority change: about one role of a person, a person's
// block, or the event's closing.
type act struct {
	change  int32 // index into Authority.changes
	counter uint32
	role    Roles // of a grant or revocation
	granted bool
}

// record holds everything that was ever said about one person, in the order of arrival.
type record struct {
	grants []act
	blocks []act
}

// closing is the answer of Closing.
type closing struct {
	change wire.Hash
	closed bool
}

type settledKey struct {
	who  Person
	role Roles
}

// within describes a map in which authority changes are written.
type within struct {
	kind  uint8
	about Person // of inRolesOf
}

const (
	inRoles uint8 = iota + 1
	inRolesOf
	inBlocks
	inEvent
)

// set is a set of authority changes, one bit each.
type set []uint64

func (s set) has(i int32) bool { return int(i>>6) < len(s) && s[i>>6]&(1<<(i&63)) != 0 }

func (s set) with(t set) set {
	for len(s) < len(t) {
		s = append(s, 0)
	}
	for i, w := range t {
		s[i] |= w
	}
	return s
}

// New returns the authority of an event without any change. g is the event's graph.
func New(g *graph.Graph) *Authority {
	return &Authority{
		graph: g, maps: map[graph.Op]within{}, people: map[Person]*record{}, heldAt: map[int32]Roles{},
		makers: map[wire.ActorID]bool{}, now: map[Person]Roles{}, settled: map[settledKey]bool{}, pasts: map[wire.Hash]graph.Set{},
	}
}

// Founder returns the person who made the event, and false before its first change.
func (a *Authority) Founder() (Person, bool) { return a.founder, a.founded }

// Genesis returns the first change of the event, zero before it was added.
func (a *Authority) Genesis() wire.Hash { return a.genesis }

// Len returns the number of authority changes. Memory grows with its square, so a relay
// limits it.
func (a *Authority) Len() int { return len(a.changes) }

// Steps returns how many acts were examined so far. Tests check it against bounds.
func (a *Authority) Steps() int64 { return a.steps }

// Add adds a change of the event. The change must be in the graph, or be the next one
// that the graph applies, and its dependencies must have been added. Adding it again
// changes nothing.
func (a *Authority) Add(c *wire.Change) {
	place, ok := a.graph.Place(c.Hash)
	if !ok {
		place = a.graph.Len()
	}
	for len(a.added) <= place/64 {
		a.added = append(a.added, 0)
	}
	if a.added[place/64]&(1<<(place%64)) != 0 {
		return
	}
	a.added[place/64] |= 1 << (place % 64)
	writer := PersonOf(c.Actor)
	if len(c.Deps) == 0 && (!a.founded || bytes.Compare(c.Hash[:], a.genesis[:]) < 0) {
		// A valid event has one first change. If there were two, every device picks the
		// same one.
		a.founded, a.founder, a.genesis = true, writer, c.Hash
	}
	if a.Mentions(writer) {
		past := a.graph.Past(c.Deps)
		if held := a.RolesAt(writer, &past); held != 0 {
			a.heldAt[int32(place)] = held
		}
	}
	for k := range c.Ops {
		a.op(c, k, int32(place))
	}
}

func (a *Authority) op(c *wire.Change, k int, place int32) {
	op := &c.Ops[k]
	id := graph.Op{Place: place, Counter: uint32(c.StartOp) + uint32(k)}
	if op.Obj == (wire.OpID{}) {
		if kind := rootMaps[op.Key.Prop]; kind != 0 && op.Action == wire.MakeMap {
			a.maps[id] = within{kind: kind}
		}
		return
	}
	in, ok := a.mapOf(c, op.Obj, place)
	switch {
	case !ok:
	case in.kind == inRoles:
		if about, ok := ParsePerson(op.Key.Prop); ok && op.Action == wire.MakeMap {
			a.maps[id] = within{kind: inRolesOf, about: about}
		}
	case op.Action != wire.Set:
	case in.kind == inRolesOf:
		if role := RolesOf(qa.Role(op.Key.Prop)); role != 0 {
			r := a.record(in.about)
			r.grants = note(r.grants, act{a.changeOf(c, place), id.Counter, role, op.Value.Kind == wire.True})
		}
	case in.kind == inBlocks:
		if about, ok := ParsePerson(op.Key.Prop); ok {
			r := a.record(about)
			r.blocks = note(r.blocks, act{a.changeOf(c, place), id.Counter, 0, op.Value.Kind == wire.String && len(op.Value.Raw) > 0})
		}
	case in.kind == inEvent && op.Key.Prop == schema.KeyClosed:
		a.closings = note(a.closings, act{a.changeOf(c, place), id.Counter, 0, op.Value.Kind == wire.True})
	}
}

// rootMaps are the maps at the root in which authority changes are written.
var rootMaps = map[string]uint8{schema.KeyRoles: inRoles, schema.KeyBlocks: inBlocks, schema.KeyEvent: inEvent}

// mapOf describes the map into which a change at a place writes; false when that map
// cannot contain authority changes.
func (a *Authority) mapOf(c *wire.Change, obj wire.OpID, place int32) (in within, ok bool) {
	if c.IsOwn(obj) {
		in, ok = a.maps[graph.Op{Place: place, Counter: uint32(obj.Counter)}]
		return in, ok
	}
	past := a.graph.LazyPast(c.Deps)
	id, ok := a.graph.Resolve(obj, &past)
	if ok {
		in, ok = a.maps[id]
	}
	return in, ok
}

func (a *Authority) record(p Person) *record {
	r := a.people[p]
	if r == nil {
		r = &record{}
		a.people[p] = r
	}
	return r
}

// changeOf returns the index of an authority change, and adds the change at its first
// act.
func (a *Authority) changeOf(c *wire.Change, place int32) int32 {
	if n := len(a.changes); n > 0 && a.changes[n-1].place == place {
		return int32(n - 1)
	}
	n := change{hash: c.Hash, place: place, millis: qa.ClampMillis(c.TimeMillis), writer: PersonOf(c.Actor), actor: wire.ActorID(strings.Clone(string(c.Actor)))}
	past := a.graph.Past(c.Deps)
	for i := range a.changes {
		if past.Has(int(a.changes[i].place)) {
			for len(n.seen) <= i>>6 {
				n.seen = append(n.seen, 0)
			}
			n.seen[i>>6] |= 1 << (i & 63)
		}
	}
	a.changes = append(a.changes, n)
	a.clearCaches()
	a.mayBeVoid = a.mayBeVoid || a.graph.Fork(n.actor) != 0
	a.makers[n.actor] = true
	return int32(len(a.changes) - 1)
}

// clearCaches clears what follows from all known authority changes.
func (a *Authority) clearCaches() {
	clear(a.now)
	clear(a.settled)
	a.closing = nil
}

// note adds an act. When one change says several things about one subject, the last
// wins.
func note(acts []act, n act) []act {
	for i := len(acts) - 1; i >= 0 && acts[i].change == n.change; i-- {
		if acts[i].role == n.role {
			acts[i] = n
			return acts
		}
	}
	return append(acts, n)
}

// IsAuthorityChange reports whether a change would be an authority change, or makes a
// map for authority changes. It looks at each operation once and does not check
// validity.
func (a *Authority) IsAuthorityChange(c *wire.Change) bool {
	for k := range c.Ops {
		op := &c.Ops[k]
		in := op.Obj
		if c.IsOwn(in) {
			if at := in.Counter - c.StartOp; at < uint64(k) { // the change made this map itself; it may be the map of a person's roles
				in = c.Ops[at].Obj
			}
		}
		if m, ok := a.mapOf(c, in, -1); ok && (m.kind != inEvent || op.Key.Prop == schema.KeyClosed) {
			return true
		}
	}
	return false
}
