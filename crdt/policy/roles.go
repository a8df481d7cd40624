package policy

import (
	"flyleaf/crdt/authority"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// Authority says who holds which role, and who is blocked, by the changes that the
// gate was given.
func (g *Policy) Authority() *authority.Authority { return g.authority }

// Closed reports whether the event is closed, from all that is known.
func (g *Policy) Closed() bool { return g.authority.Closed() }

// Closings returns how many operations have ever closed the event or opened it again.
func (g *Policy) Closings() int { return g.authority.Closings() }

// Posts reports whether a change makes a post, or would. It costs a look at each
// operation, and says nothing about whether the change is valid.
func (g *Policy) Posts(c *wire.Change) bool {
	past := g.graph.LazyPast(c.Deps)
	for k := range c.Ops {
		if op := &c.Ops[k]; op.Action == wire.MakeMap && op.Obj != (wire.OpID{}) {
			if i, ok := g.object(op.Obj, &past); ok && g.objects[i].slot == schema.MapPosts {
				return true
			}
		}
	}
	return false
}

// AuthorityChanges returns how many changes bear on what others may do. What the policy takes
// of time and memory grows with the square of it, in the worst event that somebody
// can make on purpose; so a relay takes only so many.
func (g *Policy) AuthorityChanges() int { return g.authority.Len() }

// ChangesAuthority reports whether a change would be an authority change. It costs a look at each operation,
// and says nothing about whether the change is valid.
func (g *Policy) ChangesAuthority(c *wire.Change) bool { return g.authority.Concerns(c) }

// HoldsRole reports whether somebody holds one of the roles now, in effect.
func (g *Policy) HoldsRole(id qa.Identity, some ...qa.Role) bool {
	p, ok := authority.ParsePerson(string(id))
	return ok && g.genesis && g.authority.Roles(p)&authority.RolesOf(some...) != 0
}

// AnyRole reports whether somebody is the founder, holds a role now, or is the key
// of an invitation that is not revoked: who may read an invited event. A key that
// has made its claim still reads, to learn that the claim was answered.
func (g *Policy) AnyRole(id qa.Identity) bool {
	p, ok := authority.ParsePerson(string(id))
	return ok && g.genesis && g.authority.Roles(p) != 0
}

// Blocked reports whether somebody is blocked now, in effect. The founder cannot be.
func (g *Policy) Blocked(id qa.Identity) bool {
	p, ok := authority.ParsePerson(string(id))
	if !ok {
		return false
	}
	_, blocked := g.authority.Block(p)
	return blocked
}
