package node

import (
	"context"

	"flyleaf/qa"
)

func (d *Device) Events(ctx context.Context) ([]qa.Event, error) { return d.replica.Events(ctx) }

func (d *Device) Library(ctx context.Context) ([]qa.LibraryEntry, error) {
	return d.replica.Library(ctx)
}

func (d *Device) Clubs(ctx context.Context) ([]qa.Event, error) { return d.replica.Clubs(ctx) }

func (d *Device) Numbers(ctx context.Context, event qa.EventID) (qa.QuestionCounts, error) {
	return d.replica.Numbers(ctx, event)
}

func (d *Device) Week(ctx context.Context, event qa.EventID) (qa.Week, error) {
	week, err := d.replica.Week(ctx, event)
	if err != nil {
		return week, err
	}
	keys, err := d.replica.Keys(ctx, event)
	return week.VisibleTo(keys...), err
}

func (d *Device) Post(ctx context.Context, event qa.EventID, post qa.PostID) (qa.Post, error) {
	return d.replica.Post(ctx, event, post)
}

func (d *Device) Search(ctx context.Context, event qa.EventID, query string, limit int) ([]qa.PostID, error) {
	return d.store.Search(ctx, event, query, limit)
}

func (d *Device) Log(ctx context.Context, event qa.EventID) ([]qa.LogEntry, error) {
	return d.replica.Log(ctx, event)
}

func (d *Device) Blob(ctx context.Context, event qa.EventID, key string) ([]byte, error) {
	return d.replica.Blob(ctx, event, key)
}

func (d *Device) CreateEvent(ctx context.Context, e qa.Event, relay string) (qa.Invitation, error) {
	id, inv, err := d.replica.CreateEvent(ctx, e, relay)
	if err != nil {
		return inv, err
	}
	return inv, d.shareProfile(ctx, id)
}

func (d *Device) Join(ctx context.Context, inv qa.Invitation) error { return d.replica.Join(ctx, inv) }

func (d *Device) Visit(ctx context.Context, event qa.EventID) error {
	if err := d.replica.Visit(ctx, event); err != nil {
		return err
	}
	return d.beginReading(ctx, event)
}

func (d *Device) Invitation(ctx context.Context, event qa.EventID) (qa.Invitation, error) {
	return d.replica.Invitation(ctx, event)
}

func (d *Device) Invite(ctx context.Context, event qa.EventID, role qa.Role, label string) (qa.InviteInfo, error) {
	made, err := d.replica.Invite(ctx, event, role, label)
	return made, explainAct(&qa.Act{Kind: qa.ActInvite}, err)
}

func (d *Device) Invitations(ctx context.Context, event qa.EventID) ([]qa.InviteInfo, error) {
	return d.replica.Invitations(ctx, event)
}

func (d *Device) RevokeInvite(ctx context.Context, event qa.EventID, key qa.Identity) error {
	return explainAct(&qa.Act{Kind: qa.ActInvite}, d.replica.RevokeInvite(ctx, event, key))
}

func (d *Device) OwnInvitation(ctx context.Context, event qa.EventID) (OwnInvitation, error) {
	role, state, err := d.replica.OwnInvitation(ctx, event)
	return OwnInvitation{role, state}, err
}

// FetchedWeek is Node.Week with an error of kind NotFetched for an event of which nothing has arrived
// yet.
func FetchedWeek(ctx context.Context, n Node, event qa.EventID) (qa.Week, error) {
	week, err := n.Week(ctx, event)
	if err == nil && week.Event.Founder == "" {
		err = Errorf(NotFetched, "%s has not been fetched from its relay yet; nothing was changed", event)
	}
	return week, err
}
