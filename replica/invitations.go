package replica

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"flyleaf/crdt"
	"flyleaf/internal/smallsort"
	"flyleaf/keys"
	"flyleaf/qa"
	"flyleaf/replica/invitation"
	"flyleaf/schema"
)

// ErrNoInvitation is returned for an invitation that the event does not have.
var ErrNoInvitation = errors.New("the event has no such invitation; nothing was changed")

// ErrInviteGranted is returned for an invitation that has granted its role: revoking it would not take
// the role away.
var ErrInviteGranted = errors.New("this invitation was used and the role has been granted; nothing was changed. Take the role away instead")

// Invite creates an invitation that grants a role (author, moderator or member) to the
// first person who joins with it. label says whom it is for, in at most schema.MaxName
// bytes; it stays on this device. ErrNotAllowed is returned to anybody who is not an
// organiser.
func (n *Node) Invite(ctx context.Context, id qa.EventID, role qa.Role, label string) (qa.InviteInfo, error) {
	if _, ok := role.InvitedAs(); !ok {
		return qa.InviteInfo{}, &qa.FieldError{Field: "role", Err: fmt.Errorf("%w: nobody is invited as %.40q", qa.ErrBadValue, role)}
	}
	if len(label) > schema.MaxName {
		return qa.InviteInfo{}, &qa.FieldError{Field: "label", Got: len(label), Max: schema.MaxName, Err: qa.ErrTooLong}
	}
	if _, err := n.document(id); err != nil {
		return qa.InviteInfo{}, err
	}
	key, err := n.newKey()
	if err != nil {
		return qa.InviteInfo{}, err
	}
	secret := invitation.Secret{Role: role, Label: label, Seed: key.Seed(), AtMillis: n.cfg.Now().UnixMilli()}
	kept, err := secret.Encode()
	if err != nil {
		return qa.InviteInfo{}, err
	}
	// Store the secret first: an invitation in the event without its secret could never
	// be used.
	setting := invitation.SettingsPrefix(id) + string(key.Identity())
	if err := n.store.SetSetting(ctx, setting, kept); err != nil {
		return qa.InviteInfo{}, fmt.Errorf("%w: %w", ErrNotSaved, err)
	}
	if _, err := n.Do(ctx, id, qa.Act{Kind: qa.ActInvite, Identity: key.Identity(), Role: role, On: true}); err != nil {
		return qa.InviteInfo{}, errors.Join(err, n.store.DeleteSetting(context.WithoutCancel(ctx), setting))
	}
	url, err := n.relayURL(ctx, id)
	made := qa.InviteInfo{Key: key.Identity(), Role: role, State: qa.InviteOpen}
	addSecret(&made, secret, n.invitationAt(ctx, id, url))
	return made, err
}

// addSecret sets what only the device that made an invitation knows. link is the event's.
func addSecret(info *qa.InviteInfo, s invitation.Secret, link qa.Invitation) {
	info.Label, info.AtMillis, info.Link = s.Label, s.AtMillis, link
	info.Link.Secret = s.Seed
}

// appPrefix, followed by a relay's URL, names the setting which says that the relay serves
// Flyleaf for the browser. It is stored so that links can be shown offline too.
const appPrefix = "app/"

// noteApp stores whether a relay serves Flyleaf for the browser.
func (n *Node) noteApp(ctx context.Context, url string, serves bool) {
	var err error
	switch known := n.servesApp(ctx, url); {
	case serves && !known:
		err = n.store.SetSetting(ctx, appPrefix+url, "yes")
	case !serves && known:
		err = n.store.DeleteSetting(ctx, appPrefix+url)
	}
	if err != nil {
		n.cfg.Log.Warn("whether the relay serves the app was not saved", "relay", url, "error", err)
	}
}

// servesApp reports whether the relay at url said, when it was last dialled, that it serves
// Flyleaf for the browser. It returns false if the setting cannot be read.
func (n *Node) servesApp(ctx context.Context, url string) bool {
	_, err := n.store.Setting(ctx, appPrefix+url)
	return err == nil
}

// invitationAt returns the invitation to an event at a relay, without a secret.
func (n *Node) invitationAt(ctx context.Context, id qa.EventID, url string) qa.Invitation {
	return qa.Invitation{Event: id, Relay: url, Web: url != "" && n.servesApp(ctx, url)}
}

// Invitations returns all role invitations that were ever made in the event, the newest
// last. Those made on this device have their label and link.
func (n *Node) Invitations(ctx context.Context, id qa.EventID) ([]qa.InviteInfo, error) {
	doc, err := n.document(id)
	if err != nil {
		return nil, err
	}
	kept, err := n.store.Settings(ctx, invitation.SettingsPrefix(id))
	if err != nil {
		return nil, err
	}
	url, err := n.relayURL(ctx, id)
	if err != nil {
		return nil, err
	}
	all, err := doc.invitations(ctx)
	if err != nil {
		return nil, err
	}
	link := n.invitationAt(ctx, id, url)
	var out []qa.InviteInfo
	for _, i := range all {
		info := qa.InviteInfo{Key: i.Key, Role: i.Role, Claimer: i.Claimer, State: i.State}
		if s, ok := invitation.DecodeSecret(kept[invitation.SettingsPrefix(id)+string(i.Key)]); ok {
			addSecret(&info, s, link)
		}
		out = append(out, info)
	}
	smallsort.Func(out, func(a, b qa.InviteInfo) int {
		return cmp.Or(cmp.Compare(a.AtMillis, b.AtMillis), cmp.Compare(a.Key, b.Key))
	})
	return out, nil
}

// invitations returns the event's invitations, in no particular order.
func (doc *document) invitations(ctx context.Context) ([]invitation.Invitation, error) {
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.load(ctx); err != nil {
		return nil, err
	}
	return doc.invitationView().All(), nil
}

// invitationView returns the event as package invitation reads it. mu is held and the
// document is loaded; the view is valid while both are so.
func (doc *document) invitationView() invitation.View {
	return invitation.View{Policy: doc.contents.Policy(), Projection: doc.contents.Projection()}
}

// RevokeInvite revokes an invitation: from then on it grants nobody the role.
// ErrNoInvitation is returned for a key that is not an invitation's, ErrInviteGranted for one that
// has been used.
func (n *Node) RevokeInvite(ctx context.Context, id qa.EventID, key qa.Identity) error {
	doc, err := n.document(id)
	if err != nil {
		return err
	}
	all, err := doc.invitations(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(all, func(i invitation.Invitation) bool { return i.Key == key })
	switch {
	case at < 0:
		return ErrNoInvitation
	case all[at].State == qa.InviteGranted:
		return ErrInviteGranted
	}
	_, err = n.Do(ctx, id, qa.Act{Kind: qa.ActInvite, Identity: key, Role: all[at].Role})
	return err
}

// OwnInvitation returns the state of the invitation with which this device joined an event:
// its role ("" while the event is not here) and one of the qa.Invite states, "" when
// there is none.
func (n *Node) OwnInvitation(ctx context.Context, id qa.EventID) (qa.Role, string, error) {
	doc, err := n.document(id)
	if err != nil {
		return "", "", err
	}
	held, err := doc.readKeys(ctx)
	if err != nil {
		return "", "", err
	}
	if len(held.invitations()) == 0 { // OwnInvitation is called for every page, so do not load the event without need
		return "", "", nil
	}
	doc.mu.Lock()
	defer doc.mu.Unlock()
	if err := doc.load(ctx); err != nil {
		return "", "", err
	}
	role, state := doc.invitationView().ClaimState(n.Identity(), doc.keys.invitations(), doc.contents.Graph().Len() > 0)
	return role, state, nil
}

// claimInvitations claims the invitations with which this device joined, once they have
// arrived: a change signed with the invitation's key names this person as its successor. mu
// is held, and unlocked while the engine works; the document is loaded before and after.
func (doc *document) claimInvitations(ctx context.Context) error {
	return doc.followUp(ctx, func(skip func(qa.Identity) bool) (about qa.Identity, key keys.Key, act qa.Act, ok bool) {
		act, ok = doc.invitationView().NextClaim(doc.node.Identity(), doc.keys.invitations(), skip)
		return act.Identity, doc.keys[act.Identity].key, act, ok
	})
}

// answerClaims grants the roles of claimed invitations that this person created. mu is
// held as in claimInvitations.
func (doc *document) answerClaims(ctx context.Context) error {
	return doc.followUp(ctx, func(skip func(qa.Identity) bool) (about qa.Identity, key keys.Key, act qa.Act, ok bool) {
		act, ok = doc.invitationView().NextAdmission(doc.node.Identity(), skip)
		return act.Invite, doc.node.cfg.Key, act, ok
	})
}

// followUp carries out the acts that next returns, one after the other. next returns each
// act with the key that signs it and the invitation that it is about, and leaves out the
// invitations for which skip returns true. An act that the rules do not allow is tried only
// once in a run, because the reason does not go away. An error is returned when the disk
// failed.
func (doc *document) followUp(ctx context.Context, next func(skip func(qa.Identity) bool) (about qa.Identity, key keys.Key, act qa.Act, ok bool)) error {
	done := map[qa.Identity]bool{} // next would return an act again if it changed nothing
	for {
		about, key, act, ok := next(func(id qa.Identity) bool { return doc.failedInvitations[id] || done[id] })
		if !ok {
			return nil
		}
		done[about] = true
		if err := doc.engine.open(ctx); errors.Is(err, crdt.ErrNewerRules) {
			return nil
		} else if err != nil {
			return err
		}
		d := &draft{doc: doc}
		_, err := d.doAs(key, act)
		if err == nil {
			if err := d.save(ctx); err != nil {
				return err
			}
			continue
		}
		d.drop()
		doc.node.cfg.Log.Warn("an invitation could not be claimed or answered", "event", doc.id, "act", act.Kind, "error", err)
		doc.failedInvitations[about] = true
		if err := doc.load(ctx); err != nil {
			return err
		}
	}
}

// accessKeys returns the keys that may prove to a relay that this device may read the
// event, the most likely first.
func (doc *document) accessKeys() []keys.Key {
	own := []keys.Key{doc.node.cfg.Key}
	var invited []keys.Key
	for _, id := range doc.keys.invitations() {
		invited = append(invited, doc.keys[id].key)
	}
	if doc.contents.Policy().MayRead(doc.node.Identity()) {
		return append(own, invited...)
	}
	return append(invited, own...)
}
