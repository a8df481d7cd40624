package webui

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"flyleaf/node"

	"flyleaf/qa"
)

// The parts of the fake node that the pages about trust use.

// trustLocked does the acts that are about people and the week, not about a post.
func (f *fakeNode) trustLocked(w *fakeWeek, act qa.Act) bool {
	entry := qa.LogEntry{By: f.me, AtMillis: act.AtMillis, Op: f.op(), Identity: act.Identity, InEffect: true}
	switch act.Kind {
	case qa.ActRole:
		g := qa.Grant{ID: act.Identity, Role: act.Role}
		w.event.Roles = slices.DeleteFunc(slices.Clone(w.event.Roles), func(x qa.Grant) bool { return x == g })
		if act.On {
			w.event.Roles = append(w.event.Roles, g)
		}
		entry.Kind, entry.On, entry.Role = qa.LogRole, act.On, act.Role
	case qa.ActBlock:
		for i := range w.posts {
			if w.posts[i].By == act.Identity {
				w.posts[i].Blocked = act.Text != ""
			}
		}
		entry.Kind, entry.On, entry.Text = qa.LogBlock, act.Text != "", act.Text
	case qa.ActEvent:
		if on, ok := act.Fields["closed"].(bool); ok {
			w.event.Closed, entry.Kind, entry.On = on, qa.LogClosed, on
		}
		if on, ok := act.Fields["approve"].(bool); ok {
			w.event.Approve, entry.Kind, entry.On = on, qa.LogApprove, on
		}
	default:
		return false
	}
	w.log = append(w.log, entry)
	return true
}

func (f *fakeNode) markLocked(w *fakeWeek, p *qa.Post, act qa.Act) {
	entry := qa.LogEntry{By: f.me, AtMillis: act.AtMillis, Op: f.op(), Kind: qa.LogKind(act.Mark), Post: p.ID, On: act.On, InEffect: true}
	switch act.Mark {
	case "hidden":
		p.Marks.Hidden, p.Marks.HiddenBy, p.Marks.HiddenAtMillis = act.Text, f.me, act.AtMillis
		entry.On, entry.Text = act.Text != "", act.Text
	case "pinned":
		p.Marks.Pinned = act.On
	case "approved":
		p.Marks.Approved = act.On
	case "answered":
		p.Marks.Answered = act.On
	case "duplicateOf":
		p.Marks.DuplicateOf, p.Marks.DuplicateBy = qa.PostID(act.Text), f.me
		entry.On, entry.Of = act.Text != "", qa.PostID(act.Text)
	}
	w.log = append(w.log, entry)
}

func (f *fakeNode) Keys(_ context.Context, event qa.EventID) ([]qa.Identity, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.keysLocked(event), nil
}

func (f *fakeNode) keysLocked(event qa.EventID) []qa.Identity {
	out := []qa.Identity{f.me}
	if w := f.weeks[event]; w != nil {
		for i := range w.posts {
			if key, ok := f.anon[w.posts[i].ID]; ok {
				out = append(out, key)
			}
		}
	}
	return out
}

func (f *fakeNode) Log(_ context.Context, event qa.EventID) ([]qa.LogEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.weeks[event].log), nil
}

// fakeKey is the public key of the nth invitation.
func fakeKey(n int) qa.Identity { return qa.Identity(fmt.Sprintf("%064x", 0x1f00+n)) }

func (f *fakeNode) Invite(_ context.Context, event qa.EventID, role qa.Role, label string) (qa.Invitation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return qa.Invitation{}, f.fail
	}
	w := f.weeks[event]
	secret := make([]byte, qa.SecretSize)
	secret[0] = byte(len(w.invites) + 1)
	inv := qa.Invitation{Event: event, Relay: "ws://relay.example:3030", Secret: secret}
	w.invites = append(w.invites, qa.InviteInfo{
		Key: fakeKey(len(w.invites)), Role: role, Label: label, State: qa.InviteOpen, Link: inv, AtMillis: fakeNow.UnixMilli(),
	})
	return inv, nil
}

func (f *fakeNode) Invitations(_ context.Context, event qa.EventID) ([]qa.InviteInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.weeks[event].invites), nil
}

func (f *fakeNode) RevokeInvite(_ context.Context, event qa.EventID, key qa.Identity) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.weeks[event].invites {
		if in := &f.weeks[event].invites[i]; in.Key == key {
			in.State = qa.InviteRevoked
			return nil
		}
	}
	return errors.New("no such invitation")
}

func (f *fakeNode) OwnInvitation(_ context.Context, event qa.EventID) (node.OwnInvitation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.weeks[event]; w != nil {
		return node.OwnInvitation{Role: qa.Role(w.claim[0]), State: w.claim[1]}, nil
	}
	return node.OwnInvitation{}, nil
}

func (f *fakeNode) Refusals(_ context.Context, event qa.EventID) ([]qa.NotTaken, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.weeks[event]; w != nil {
		return slices.Clone(w.refusals), nil
	}
	return nil, nil
}

func (f *fakeNode) TakeBack(_ context.Context, event qa.EventID, hash string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.weeks[event]
	if w == nil {
		return errors.New("no such event")
	}
	n := len(w.refusals)
	w.refusals = slices.DeleteFunc(w.refusals, func(r qa.NotTaken) bool { return r.Hash == hash })
	if len(w.refusals) == n {
		return errors.New("there is no such refusal")
	}
	return nil
}

func (f *fakeNode) VerifyPost(_ context.Context, event qa.EventID, post qa.PostID) (qa.Verification, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.weeks[event].verified[post], nil
}

func (f *fakeNode) Presence(_ context.Context, event qa.EventID) ([]qa.Presence, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.weeks[event].presence), nil
}

func (f *fakeNode) Announce(_ context.Context, _ qa.EventID, kind string, post qa.PostID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spoken = append(f.spoken, qa.Presence{Kind: kind, By: f.me, Post: post})
	return nil
}

func (f *fakeNode) Phrase(context.Context) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return nil, f.fail
	}
	return slices.Clone(f.phrase), nil
}

// give makes the reader hold a role in the sample week.
func (f *fakeNode) give(event qa.EventID, role qa.Role) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.weeks[event]; role == qa.RoleOrganiser {
		w.event.Founder = f.me
	} else {
		w.event.Roles = append(w.event.Roles, qa.Grant{ID: f.me, Role: role})
	}
}

// edit changes the sample week under the lock.
func (f *fakeNode) edit(event qa.EventID, change func(w *fakeWeek)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f.weeks[event])
}
