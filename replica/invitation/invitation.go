// Package invitation says which invitations to roles an event has, how far each has come,
// and which acts follow from them by themselves.
//
// An invitation is a key pair. Its maker gives the key a role that can do nothing but name
// a successor; the secret key travels in the link. The device that opens the link signs
// with it who takes the key's place, the claim, and the maker's device answers the first
// claim by giving that person the role, the admission.
//
// The package reads an event and writes nothing: its functions return the acts that the
// caller carries out.
package invitation

import (
	"slices"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// roles are those that somebody can be invited to.
var roles = []qa.Role{qa.RoleAuthor, qa.RoleModerator, qa.RoleMember}

// Invitation is an invitation to a role, as the event has it.
type Invitation struct {
	Key     qa.Identity
	Role    qa.Role
	By      qa.Identity // who made it
	Claimer qa.Identity // who is to be, or was, admitted; "" for nobody
	State   string      // one of the qa.Invite states but qa.InviteUsedByOther
}

// View is an event as this package reads it: what its changes add up to, and who may do
// what, both by the same changes.
type View struct {
	Policy     *policy.Policy
	Projection *projection.Projection
}

// All returns the event's invitations, in no order.
func (v View) All() []Invitation {
	object, ok := v.Projection.Object("roles")
	if !ok {
		return nil
	}
	var out []Invitation
	for _, id := range v.Projection.Keys(object) {
		of, ok := v.Projection.Object("roles", id)
		if !ok {
			continue
		}
		for _, role := range roles {
			as, _ := role.InvitedAs()
			values := v.Projection.Values(of, string(as))
			if len(values) == 0 {
				continue
			}
			out = append(out, v.invitation(qa.Identity(id), role, as, writer(values[0].Op)))
		}
	}
	return out
}

// invitation returns the invitation with a key, made by somebody. as is the role that the
// key has.
func (v View) invitation(key qa.Identity, role, as qa.Role, by qa.Identity) Invitation {
	i := Invitation{Key: key, Role: role, By: by}
	claimers := v.claimers(key)
	if len(claimers) > 0 {
		i.Claimer = claimers[0]
	}
	admitted := slices.IndexFunc(claimers, func(c qa.Identity) bool { return v.Policy.HoldsRole(c, role) })
	switch active := v.Policy.HoldsRole(key, as); {
	case active && i.Claimer == "":
		i.State = qa.InviteOpen
	case active:
		i.State = qa.InviteClaimed
	case admitted >= 0:
		i.State, i.Claimer = qa.InviteGranted, claimers[admitted]
	default:
		i.State = qa.InviteRevoked
	}
	return i
}

// claimers returns who claimed an invitation. Where several did, knowing nothing of each
// other, the claim with the lowest operation is first: only that claimer is admitted.
func (v View) claimers(key qa.Identity) []qa.Identity {
	claims, ok := v.Projection.Object("claims")
	if !ok {
		return nil
	}
	var out []qa.Identity
	for _, value := range v.Projection.Values(claims, string(key)) {
		s, _ := value.Value.Str()
		if id, err := qa.ParseIdentity(s); err == nil && writer(value.Op) == key {
			out = append(out, id)
		}
	}
	return out
}

func writer(op wire.OpID) qa.Identity { return qa.IdentityOfActor([]byte(op.Actor)) }

// NextClaim returns an act that claims an invitation for me, to be signed by one of keys,
// which are those of the invitations that this device joined with. skip says which keys
// are not to be tried. It returns false when there is nothing to claim.
func (v View) NextClaim(me qa.Identity, keys []qa.Identity, skip func(qa.Identity) bool) (qa.Act, bool) {
	if v.Policy.HasNewerRules() || v.Policy.HoldsRole(me, qa.RoleOrganiser) {
		return qa.Act{}, false
	}
	for _, key := range keys {
		for _, role := range roles {
			as, _ := role.InvitedAs()
			if !skip(key) && v.Policy.HoldsRole(key, as) && len(v.claimers(key)) == 0 && !v.Policy.HoldsRole(me, role) {
				return qa.Act{Kind: qa.ActClaim, Identity: key, Successor: me}, true
			}
		}
	}
	return qa.Act{}, false
}

// NextAdmission returns an act that answers a claim of an invitation that I made, also on
// another of my devices: whoever claimed first gets the role. skip says which invitations
// are not to be tried. It returns false when there is nothing to answer.
func (v View) NextAdmission(me qa.Identity, skip func(qa.Identity) bool) (qa.Act, bool) {
	if v.Policy.HasNewerRules() || !v.Policy.HoldsRole(me, qa.RoleOrganiser) {
		return qa.Act{}, false
	}
	claims, ok := v.Projection.Object("claims")
	waits := func(key string) bool {
		return v.Policy.HoldsRole(qa.Identity(key), qa.RoleInviteAuthor, qa.RoleInviteModerator, qa.RoleInviteMember)
	}
	if !ok || !slices.ContainsFunc(v.Projection.Keys(claims), waits) {
		return qa.Act{}, false // the ordinary case
	}
	for _, i := range v.All() {
		if i.State == qa.InviteClaimed && i.By == me && !skip(i.Key) && !v.Policy.Blocked(i.Claimer) {
			return qa.Act{Kind: qa.ActAdmit, Invite: i.Key, Identity: i.Claimer, Role: i.Role}, true
		}
	}
	return qa.Act{}, false
}

// ClaimState returns how far the invitations have come that I joined with, by their keys: the
// role and the state of the one that has come farthest. The role is "" while the event is
// not here. fetched says whether anything of it is here.
func (v View) ClaimState(me qa.Identity, keys []qa.Identity, fetched bool) (role qa.Role, state string) {
	rank := []string{"", qa.InviteRevoked, qa.InviteUsedByOther, qa.InviteOpen, qa.InviteClaimed, qa.InviteGranted}
	all := v.All()
	for _, key := range keys {
		s := qa.InviteOpen // the event, or the grant of the invitation, is not here yet
		at := slices.IndexFunc(all, func(i Invitation) bool { return i.Key == key })
		var as qa.Role
		switch {
		case at < 0 && fetched:
			s = qa.InviteRevoked
		case at < 0:
		case v.Policy.HoldsRole(me, all[at].Role):
			as, s = all[at].Role, qa.InviteGranted
		case all[at].Claimer != "" && all[at].Claimer != me:
			as, s = all[at].Role, qa.InviteUsedByOther
		default:
			as, s = all[at].Role, all[at].State
		}
		if slices.Index(rank, s) > slices.Index(rank, state) {
			role, state = as, s
		}
	}
	return role, state
}
