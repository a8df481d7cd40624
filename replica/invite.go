package replica

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"flyleaf/crdt"
	"flyleaf/crdt/wire"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/schema"
)

// ErrNoInvitation is returned for an invitation that the event does not have.
var ErrNoInvitation = errors.New("the event has no such invitation; nothing was changed")

// storedInvite is what the device that made an invitation keeps of it. The seed is
// the link's secret.
type storedInvite struct {
	Role     qa.Role `json:"role"`
	Label    string  `json:"label,omitempty"`
	Seed     string  `json:"seed"` // hex
	AtMillis int64   `json:"at"`
}

func invitesPrefix(event qa.EventID) string { return "invite/" + string(event) + "/" }

// Invite makes an invitation that grants a role (author, moderator or member) to
// the first who joins with it. label says for whom it is, at most schema.MaxName bytes;
// it stays on this device. ErrNotAllowed is returned to who is no organiser.
func (n *Node) Invite(ctx context.Context, id qa.EventID, role qa.Role, label string) (qa.Invitation, error) {
	if _, ok := role.InvitedAs(); !ok {
		return qa.Invitation{}, &qa.FieldError{Field: "role", Err: fmt.Errorf("%w: nobody is invited as %.40q", qa.ErrBadValue, role)}
	}
	if len(label) > schema.MaxName {
		return qa.Invitation{}, &qa.FieldError{Field: "label", Got: len(label), Max: schema.MaxName, Err: qa.ErrTooLong}
	}
	if _, err := n.document(id); err != nil {
		return qa.Invitation{}, err
	}
	key, err := n.newKey()
	if err != nil {
		return qa.Invitation{}, err
	}
	kept, err := json.Marshal(storedInvite{
		Role: role, Label: label, Seed: hex.EncodeToString(key.Seed()), AtMillis: n.cfg.Now().UnixMilli(),
	})
	if err != nil {
		return qa.Invitation{}, err
	}
	// The secret first: an invitation in the event without it could never be used.
	setting := invitesPrefix(id) + string(key.Identity())
	if err := n.store.SetSetting(ctx, setting, string(kept)); err != nil {
		return qa.Invitation{}, fmt.Errorf("%w: %w", ErrNotSaved, err)
	}
	if _, err := n.Do(ctx, id, qa.Act{Kind: qa.ActInvite, Identity: key.Identity(), Role: role, On: true}); err != nil {
		return qa.Invitation{}, errors.Join(err, n.store.DeleteSetting(context.WithoutCancel(ctx), setting))
	}
	url, err := n.relayURL(ctx, id)
	return qa.Invitation{Event: id, Relay: url, Secret: key.Seed()}, err
}

// Invitations lists the event's invitations to roles, the newest last: all that
// were ever made, with label and link where this device made them.
func (n *Node) Invitations(ctx context.Context, id qa.EventID) ([]qa.InviteInfo, error) {
	doc, err := n.document(id)
	if err != nil {
		return nil, err
	}
	kept, err := n.store.Settings(ctx, invitesPrefix(id))
	if err != nil {
		return nil, err
	}
	url, err := n.relayURL(ctx, id)
	if err != nil {
		return nil, err
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.load(ctx); err != nil {
		return nil, err
	}
	var out []qa.InviteInfo
	for _, i := range doc.invites() {
		info := qa.InviteInfo{Key: i.key, Role: i.role, Claimer: i.claimer, State: i.state, AtMillis: i.atMillis}
		var s storedInvite
		if json.Unmarshal([]byte(kept[invitesPrefix(id)+string(i.key)]), &s) == nil {
			if seed, err := hex.DecodeString(s.Seed); err == nil && len(seed) == keys.SeedSize {
				info.Label, info.AtMillis = s.Label, s.AtMillis
				info.Link = qa.Invitation{Event: id, Relay: url, Secret: seed}
			}
		}
		out = append(out, info)
	}
	slices.SortFunc(out, func(a, b qa.InviteInfo) int {
		return cmp.Or(cmp.Compare(a.AtMillis, b.AtMillis), cmp.Compare(a.Key, b.Key))
	})
	return out, nil
}

// RevokeInvite takes back an invitation: who has not been granted the role by it
// yet will not be. ErrNoInvitation is returned for a key that is none.
func (n *Node) RevokeInvite(ctx context.Context, id qa.EventID, key qa.Identity) error {
	doc, err := n.document(id)
	if err != nil {
		return err
	}
	doc.mu.Lock()
	err = doc.load(ctx)
	var role qa.Role
	if err == nil {
		for _, i := range doc.invites() {
			if i.key == key {
				role = i.role
			}
		}
	}
	doc.mu.Unlock()
	if err != nil {
		return err
	}
	if role == "" {
		return ErrNoInvitation
	}
	_, err = n.Do(ctx, id, qa.Act{Kind: qa.ActInvite, Identity: key, Role: role})
	return err
}

// Claims returns how far the invitation has come that this device joined an event
// with: its role ("" while the event is not here) and one of the qa.Invite states,
// "" when there is none. qa.InviteTaken says that somebody else used it.
func (n *Node) Claims(ctx context.Context, id qa.EventID) (qa.Role, string, error) {
	doc, err := n.document(id)
	if err != nil {
		return "", "", err
	}
	keys, err := doc.readKeys(ctx)
	if err != nil {
		return "", "", err
	}
	invited := false
	for _, k := range keys {
		invited = invited || k.kind == keyInvitation
	}
	if !invited { // asked for every page, which is not to wait until the event is read
		return "", "", nil
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.load(ctx); err != nil {
		return "", "", err
	}
	var role qa.Role
	state := ""
	rank := []string{"", qa.InviteRevoked, qa.InviteTaken, qa.InviteOpen, qa.InviteClaimed, qa.InviteGranted}
	known := map[qa.Identity]invite{}
	for _, i := range doc.invites() {
		known[i.key] = i
	}
	for key, k := range doc.keys {
		if k.kind != keyInvitation {
			continue
		}
		i, here := known[key]
		s := qa.InviteOpen // the event, or the grant of the invitation, is not here yet
		switch {
		case !here && doc.contents.graph.Len() > 0:
			s = qa.InviteRevoked
		case here && doc.contents.policy.HoldsRole(n.Identity(), i.role):
			s = qa.InviteGranted
		case here && i.claimer != "" && i.claimer != n.Identity():
			s = qa.InviteTaken
		case here:
			s = i.state
		}
		if slices.Index(rank, s) > slices.Index(rank, state) {
			role, state = i.role, s
		}
	}
	return role, state, nil
}

// invite is an invitation to a role, as the event has it.
type invite struct {
	key      qa.Identity
	role     qa.Role
	by       qa.Identity // who made it
	claimer  qa.Identity // who is to be, or was, admitted; "" for nobody
	state    string
	atMillis int64 // of the change that made it, by its writer's clock; 0 when not known
}

var invitedRoles = []qa.Role{qa.RoleAuthor, qa.RoleModerator, qa.RoleMember}

// invites returns the event's invitations, in no order. mu is held and the event
// is loaded.
func (doc *document) invites() []invite {
	roles, ok := doc.contents.projection.Object("roles")
	if !ok {
		return nil
	}
	var out []invite
	for _, id := range doc.contents.projection.Keys(roles) {
		of, ok := doc.contents.projection.Object("roles", id)
		if !ok {
			continue
		}
		for _, role := range invitedRoles {
			as, _ := role.InvitedAs()
			values := doc.contents.projection.Values(of, string(as))
			if len(values) == 0 {
				continue
			}
			i := invite{key: qa.Identity(id), role: role, by: identityOf(values[0].Op)}
			claimers := doc.claimers(i.key)
			if len(claimers) > 0 {
				i.claimer = claimers[0]
			}
			admitted := slices.IndexFunc(claimers, func(c qa.Identity) bool { return doc.contents.policy.HoldsRole(c, role) })
			switch active := doc.contents.policy.HoldsRole(i.key, as); {
			case active && i.claimer == "":
				i.state = qa.InviteOpen
			case active:
				i.state = qa.InviteClaimed
			case admitted >= 0:
				i.state, i.claimer = qa.InviteGranted, claimers[admitted]
			default:
				i.state = qa.InviteRevoked
			}
			out = append(out, i)
		}
	}
	return out
}

// claimers returns who claimed an invitation. Where several did, knowing nothing of
// each other, the one with the lowest operation stands first: only that one is
// admitted.
func (doc *document) claimers(key qa.Identity) []qa.Identity {
	claims, ok := doc.contents.projection.Object("claims")
	if !ok {
		return nil
	}
	var out []qa.Identity
	for _, v := range doc.contents.projection.Values(claims, string(key)) {
		s, _ := v.Value.Str()
		if id, err := qa.ParseIdentity(s); err == nil && identityOf(v.Op) == key {
			out = append(out, id)
		}
	}
	return out
}

func identityOf(op wire.OpID) qa.Identity { return qa.IdentityOfActor([]byte(op.Actor)) }

// claimInvitations uses the invitations that this device joined with, once they are here: it
// says, with the invitation's key, who takes its place. mu is held and the event is
// loaded; it may not be when claimInvitations returns.
func (doc *document) claimInvitations(ctx context.Context) error {
	if doc.contents.policy.Newer() {
		return nil
	}
	me := doc.node.Identity()
	for id, k := range doc.keys {
		if k.kind != keyInvitation || doc.tried[id] || doc.contents.policy.HoldsRole(me, qa.RoleOrganiser) {
			continue
		}
		for _, role := range invitedRoles {
			as, _ := role.InvitedAs()
			if !doc.contents.policy.HoldsRole(id, as) || len(doc.claimers(id)) > 0 || doc.contents.policy.HoldsRole(me, role) {
				continue
			}
			if err := doc.byItself(ctx, id, k.key, qa.Act{Kind: qa.ActClaim, Identity: id, Successor: me}); err != nil {
				return err
			}
		}
	}
	return nil
}

// answerClaims answers the claims of invitations that this person made, also those
// made by another of their devices: whoever claimed first gets the role.
func (doc *document) answerClaims(ctx context.Context) error {
	me := doc.node.Identity()
	if doc.contents.policy.Newer() || !doc.contents.policy.HoldsRole(me, qa.RoleOrganiser) {
		return nil
	}
	claims, ok := doc.contents.projection.Object("claims")
	waits := func(key string) bool {
		return doc.contents.policy.HoldsRole(qa.Identity(key), qa.RoleInviteAuthor, qa.RoleInviteModerator, qa.RoleInviteMember)
	}
	if !ok || !slices.ContainsFunc(doc.contents.projection.Keys(claims), waits) {
		return nil // the ordinary case
	}
	for _, i := range doc.invites() {
		if i.state != qa.InviteClaimed || i.by != me || doc.tried[i.key] || doc.contents.policy.Blocked(i.claimer) {
			continue
		}
		act := qa.Act{Kind: qa.ActAdmit, Invite: i.key, Identity: i.claimer, Role: i.role}
		if err := doc.byItself(ctx, i.key, doc.node.cfg.Key, act); err != nil {
			return err
		}
	}
	return nil
}

// byItself carries out an act that nobody asked for. One that the rules do not
// allow is tried once in a run: nobody could be told, and the reason will stay. An
// error is returned when the disk did not take it.
func (doc *document) byItself(ctx context.Context, about qa.Identity, key keys.Key, act qa.Act) error {
	if err := doc.engine.open(ctx); errors.Is(err, crdt.ErrNewerGate) {
		return nil
	} else if err != nil {
		return err
	}
	d := &draft{doc: doc}
	_, err := d.doAs(key, act)
	if err == nil {
		return d.save(ctx)
	}
	d.drop()
	doc.node.cfg.Log.Warn("an act that follows from an invitation was not possible", "event", doc.id, "act", act.Kind, "error", err)
	doc.tried[about] = true
	return doc.load(ctx)
}

// accessKeys returns the keys that may prove to a relay that this device may read
// the event, the likeliest first.
func (doc *document) accessKeys() []keys.Key {
	own := []keys.Key{doc.node.cfg.Key}
	var invited []keys.Key
	for _, k := range doc.keys {
		if k.kind == keyInvitation {
			invited = append(invited, k.key)
		}
	}
	slices.SortFunc(invited, func(a, b keys.Key) int { return cmp.Compare(a.Identity(), b.Identity()) })
	if doc.contents.policy.AnyRole(doc.node.Identity()) {
		return append(own, invited...)
	}
	return append(invited, own...)
}
