// Package invitation lists the role invitations of an event and their states, and decides
// which acts a device has to carry out for them: claims and admissions.
//
// An invitation is a key pair. The organiser who makes it gives the key a role whose only
// right is to name a successor; the secret key is in the invitation link. The device that
// opens the link signs a claim with this key, which names its person as the successor. The
// organiser's device answers the first claim by granting that person the role: the
// admission.
//
// The package only reads the event: its functions return acts, and the caller carries them
// out.
package invitation

import (
	"slices"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/schema"
)

// Invitation is an invitation to a role, as recorded in the event.
type Invitation struct {
	Key     qa.Identity
	Role    qa.Role
	By      qa.Identity // who made it
	Claimer qa.Identity // the person to admit, or who was admitted; "" for nobody
	State   string      // a qa.Invite state, not one that is shown only to who opened it
}

// View gives this package read access to an event. Policy and Projection must contain the
// same changes.
type View struct {
	Policy     *policy.Policy
	Projection *projection.Projection
}

// All returns the event's invitations, in no particular order.
func (v View) All() []Invitation {
	object, ok := v.Projection.Object(schema.KeyRoles)
	if !ok {
		return nil
	}
	var out []Invitation
	for _, id := range v.Projection.Keys(object) {
		of, ok := v.Projection.Object(schema.KeyRoles, id)
		if !ok {
			continue
		}
		for _, role := range qa.InvitedRoles() {
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

// invitation returns the invitation with a key, made by the organiser by. as is the role
// that the key itself has.
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

// claimers returns the people who claimed an invitation. Of concurrent claims, the one with
// the lowest operation ID comes first: only that claimer is admitted.
func (v View) claimers(key qa.Identity) []qa.Identity {
	claims, ok := v.Projection.Object(schema.KeyClaims)
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

// NextClaim returns an act that claims an invitation for me. keys are the keys of the
// invitations that this device joined with; the act has to be signed with the key in its
// Identity. Keys for which skip returns true are not tried. It returns false when there is
// nothing to claim.
func (v View) NextClaim(me qa.Identity, keys []qa.Identity, skip func(qa.Identity) bool) (qa.Act, bool) {
	if v.Policy.HasNewerRules() || !v.needsInvitation(me) {
		return qa.Act{}, false
	}
	for _, key := range keys {
		for _, role := range qa.InvitedRoles() {
			as, _ := role.InvitedAs()
			if !skip(key) && v.Policy.HoldsRole(key, as) && len(v.claimers(key)) == 0 && !v.Policy.HoldsRole(me, role) {
				return qa.Act{Kind: qa.ActClaim, Identity: key, Successor: me}, true
			}
		}
	}
	return qa.Act{}, false
}

// needsInvitation reports whether a person needs an invitation for a role. Organisers give
// themselves roles, so an organiser who opens a link, perhaps to try it, does not use it up.
func (v View) needsInvitation(id qa.Identity) bool { return !v.Policy.HoldsRole(id, qa.RoleOrganiser) }

// NextAdmission returns an act that grants the role of a claimed invitation to its first
// claimer. It considers all invitations that the person me made, on any device, except
// those for which skip returns true. It returns false when there is nothing to answer.
func (v View) NextAdmission(me qa.Identity, skip func(qa.Identity) bool) (qa.Act, bool) {
	if v.Policy.HasNewerRules() || !v.Policy.HoldsRole(me, qa.RoleOrganiser) {
		return qa.Act{}, false
	}
	claims, ok := v.Projection.Object(schema.KeyClaims)
	isActive := func(key string) bool {
		return v.Policy.HoldsRole(qa.Identity(key), qa.RoleInviteAuthor, qa.RoleInviteModerator, qa.RoleInviteMember)
	}
	if !ok || !slices.ContainsFunc(v.Projection.Keys(claims), isActive) {
		return qa.Act{}, false // the usual case; listing all invitations costs more
	}
	for _, i := range v.All() {
		if i.State == qa.InviteClaimed && i.By == me && !skip(i.Key) && !v.Policy.Blocked(i.Claimer) {
			return qa.Act{Kind: qa.ActAdmit, Invite: i.Key, Identity: i.Claimer, Role: i.Role}, true
		}
	}
	return qa.Act{}, false
}

// ClaimState returns the role and the state of the invitation that is closest to being
// granted, among those that the person me joined with. keys are the invitations' keys. The
// role is "" while the event is not on this device. fetched says whether any change of the
// event is on this device.
func (v View) ClaimState(me qa.Identity, keys []qa.Identity, fetched bool) (role qa.Role, state string) {
	// From the furthest from being granted to granted.
	order := []string{"", qa.InviteRevoked, qa.InviteUsedByOther, qa.InviteNotNeeded, qa.InviteOpen, qa.InviteClaimed, qa.InviteGranted}
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
		case all[at].State == qa.InviteOpen && !v.needsInvitation(me):
			as, s = all[at].Role, qa.InviteNotNeeded
		default:
			as, s = all[at].Role, all[at].State
		}
		if slices.Index(order, s) > slices.Index(order, state) {
			role, state = as, s
		}
	}
	return role, state
}
