package policy

import (
	"flyleaf/crdt/authority"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// Authority returns who holds which role and who is blocked, by the changes that were
// added.
func (p *Policy) Authority() *authority.Authority { return p.authority }

// Closed reports whether the event is closed, by all known changes.
func (p *Policy) Closed() bool { return p.authority.Closed() }

// Closings returns how many operations have closed or reopened the event.
func (p *Policy) Closings() int { return p.authority.Closings() }

// CreatesPost reports whether a change creates a post, or would if it were valid. It
// looks at each operation once and does not check validity.
func (p *Policy) CreatesPost(c *wire.Change) bool {
	past := p.graph.LazyPast(c.Deps)
	for k := range c.Ops {
		if op := &c.Ops[k]; op.Action == wire.MakeMap && op.Obj != (wire.OpID{}) {
			if i, ok := p.object(op.Obj, &past); ok && p.objects[i].slot == schema.MapPosts {
				return true
			}
		}
	}
	return false
}

// AuthorityChanges returns the number of authority changes. In the worst event that an
// attacker can make, time and memory grow with the square of it, so a relay limits it.
func (p *Policy) AuthorityChanges() int { return p.authority.Len() }

// ChangesAuthority reports whether a change would be an authority change. It looks at
// each operation once and does not check validity.
func (p *Policy) ChangesAuthority(c *wire.Change) bool { return p.authority.IsAuthorityChange(c) }

// HoldsRole reports whether a person holds one of the roles now.
func (p *Policy) HoldsRole(id qa.Identity, roles ...qa.Role) bool {
	return p.HoldsAny(id, authority.RolesOf(roles...))
}

// HoldsAny is HoldsRole for a set of roles.
func (p *Policy) HoldsAny(id qa.Identity, roles schema.Roles) bool {
	who, ok := authority.ParsePerson(string(id))
	return ok && p.authority.Roles(who)&roles != 0
}

// NeededRoles returns the roles of which the writer of a valid change needed one in the
// change's past, 0 if none.
func (p *Policy) NeededRoles(c *wire.Change) (need schema.Roles) {
	if p.HasNewerRules() || len(c.Deps) == 0 {
		return 0
	}
	v := &p.validation
	v.begin(p, c)
	defer v.reset()
	for k := range c.Ops {
		s, in, err := v.object(k)
		if err != nil {
			continue
		}
		if r := lookup(s, c.Ops[k].Key.Prop); r != nil {
			need |= r.NeededRoles(in.owner == v.who)
			v.noteMap(k, r, in)
		}
	}
	if need == 0 && v.needsRole() {
		return schema.PersonRoles
	}
	return need
}

// MayRead reports whether a person may read an invitation-only event: the founder, a person who
// holds a role now, or the key of an invitation that is not revoked. A key that has made its claim
// may still read, to learn the answer to the claim.
func (p *Policy) MayRead(id qa.Identity) bool {
	who, ok := authority.ParsePerson(string(id))
	return ok && p.authority.Roles(who) != 0
}

// Blocked reports whether a person is blocked now. The founder cannot be blocked.
func (p *Policy) Blocked(id qa.Identity) bool {
	who, ok := authority.ParsePerson(string(id))
	if !ok {
		return false
	}
	_, blocked := p.authority.Block(who)
	return blocked
}
