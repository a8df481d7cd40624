package crdt

import (
	"fmt"

	"flyleaf/qa"
	"flyleaf/schema"
)

// planClaim plans the claim of an invitation: the invitation's key names the person who gets
// the role. It can do so only once.
func (d *Document) planClaim(a *qa.Act) (*plan, error) {
	if a.Identity != d.me {
		return nil, fmt.Errorf("claim an invitation: %w", ErrNotYours)
	}
	claims, err := d.rootMap(schema.KeyClaims)
	if err != nil {
		return nil, err
	}
	p := &plan{}
	switch now, err := d.scalar(claims, string(d.me)); {
	case err != nil:
		return nil, err
	case now == string(a.Successor):
	case now != nil:
		return nil, ErrClaimed
	default:
		p.set(claims, string(d.me), string(a.Successor))
	}
	return p, nil
}

// planAdmit plans the answer to a claim: the person gets the role, and the invitation ends.
func (d *Document) planAdmit(a *qa.Act) (*plan, error) {
	p, err := d.planFlag(schema.KeyRoles, string(a.Identity), string(a.Role), true)
	if err != nil {
		return nil, err
	}
	invited, missing, err := d.descend(schema.KeyRoles, string(a.Invite))
	if err != nil || missing {
		return p, err
	}
	role, _ := a.Role.InvitedAs()
	return p, d.setUnlessAbsent(p, invited, string(role), false, false)
}

func (d *Document) planBlock(a *qa.Act) (*plan, error) {
	if a.Identity == d.me && a.Text != "" {
		return nil, &qa.FieldError{Field: schema.KeyBlocks, Err: fmt.Errorf("%w: people cannot block themselves", qa.ErrBadValue)}
	}
	blocks, err := d.rootMap(schema.KeyBlocks)
	if err != nil {
		return nil, err
	}
	p := &plan{}
	return p, d.setUnlessAbsent(p, blocks, string(a.Identity), a.Text, "")
}
