// Code generated from node.Node by go generate ./node/socket. DO NOT EDIT.

package socket

import (
	"context"
	"time"

	"flyleaf/feed"
	"flyleaf/node"
	"flyleaf/qa"
)

func (c *Client) Announce(ctx context.Context, a0 qa.EventID, a1 string, a2 qa.PostID) (err error) {
	err = c.call(ctx, "Announce", []any{a0, a1, a2})
	return
}

func (c *Client) Blob(ctx context.Context, a0 qa.EventID, a1 string) (r0 []byte, err error) {
	err = c.call(ctx, "Blob", []any{a0, a1}, &r0)
	return
}

func (c *Client) Bundle(ctx context.Context, a0 qa.EventID) (r0 []byte, err error) {
	err = c.call(ctx, "Bundle", []any{a0}, &r0)
	return
}

func (c *Client) Changes(ctx context.Context, a0 qa.EventID, a1 int64, a2 bool, fn func(feed.Entry) error) error {
	return stream(ctx, c, "Changes", []any{a0, a1, a2}, fn)
}

func (c *Client) CheckRelay(ctx context.Context, a0 string) (r0 qa.RelayStatus, err error) {
	err = c.call(ctx, "CheckRelay", []any{a0}, &r0)
	return
}

func (c *Client) ClaimPrize(ctx context.Context, a0 qa.EventID, a1 string) (r0 []qa.Identity, err error) {
	err = c.call(ctx, "ClaimPrize", []any{a0, a1}, &r0)
	return
}

func (c *Client) Clubs(ctx context.Context) (r0 []qa.Event, err error) {
	err = c.call(ctx, "Clubs", nil, &r0)
	return
}

func (c *Client) CommitDraw(ctx context.Context, a0 qa.EventID) (err error) {
	err = c.call(ctx, "CommitDraw", []any{a0})
	return
}

func (c *Client) CreateEvent(ctx context.Context, a0 qa.Event, a1 string) (r0 qa.Invitation, err error) {
	err = c.call(ctx, "CreateEvent", []any{a0, a1}, &r0)
	return
}

func (c *Client) DigestState(ctx context.Context) (r0 node.DigestState, err error) {
	err = c.call(ctx, "DigestState", nil, &r0)
	return
}

func (c *Client) DiscardRefusal(ctx context.Context, a0 qa.EventID, a1 string) (err error) {
	err = c.call(ctx, "DiscardRefusal", []any{a0, a1})
	return
}

func (c *Client) Do(ctx context.Context, a0 qa.EventID, a1 qa.Act) (r0 qa.PostID, err error) {
	err = c.call(ctx, "Do", []any{a0, a1}, &r0)
	return
}

func (c *Client) DoAll(ctx context.Context, a0 qa.EventID, a1 []qa.Act) (err error) {
	err = c.call(ctx, "DoAll", []any{a0, a1})
	return
}

func (c *Client) Drafts(ctx context.Context, a0 qa.EventID) (r0 map[string]node.Draft, err error) {
	err = c.call(ctx, "Drafts", []any{a0}, &r0)
	return
}

func (c *Client) Events(ctx context.Context) (r0 []qa.Event, err error) {
	err = c.call(ctx, "Events", nil, &r0)
	return
}

func (c *Client) Find(ctx context.Context, a0 node.Query) (r0 node.Found, err error) {
	err = c.call(ctx, "Find", []any{a0}, &r0)
	return
}

func (c *Client) Identity(ctx context.Context) (r0 qa.Identity, err error) {
	err = c.call(ctx, "Identity", nil, &r0)
	return
}

func (c *Client) Import(ctx context.Context, a0 qa.EventID, a1 qa.Imported, a2 string) (r0 node.ImportResult, err error) {
	err = c.call(ctx, "Import", []any{a0, a1, a2}, &r0)
	return
}

func (c *Client) ImportListed(ctx context.Context, a0 qa.Imported, a1 string) (r0 node.ImportResult, err error) {
	err = c.call(ctx, "ImportListed", []any{a0, a1}, &r0)
	return
}

func (c *Client) Invitation(ctx context.Context, a0 qa.EventID) (r0 qa.Invitation, err error) {
	err = c.call(ctx, "Invitation", []any{a0}, &r0)
	return
}

func (c *Client) Invitations(ctx context.Context, a0 qa.EventID) (r0 []qa.InviteInfo, err error) {
	err = c.call(ctx, "Invitations", []any{a0}, &r0)
	return
}

func (c *Client) Invite(ctx context.Context, a0 qa.EventID, a1 qa.Role, a2 string) (r0 qa.InviteInfo, err error) {
	err = c.call(ctx, "Invite", []any{a0, a1, a2}, &r0)
	return
}

func (c *Client) Join(ctx context.Context, a0 qa.Invitation) (err error) {
	err = c.call(ctx, "Join", []any{a0})
	return
}

func (c *Client) Keys(ctx context.Context, a0 qa.EventID) (r0 []qa.Identity, err error) {
	err = c.call(ctx, "Keys", []any{a0}, &r0)
	return
}

func (c *Client) Library(ctx context.Context) (r0 []qa.LibraryEntry, err error) {
	err = c.call(ctx, "Library", nil, &r0)
	return
}

func (c *Client) ListWeeks(ctx context.Context, a0 qa.EventID, a1 []qa.ListedWeek) (err error) {
	err = c.call(ctx, "ListWeeks", []any{a0, a1})
	return
}

func (c *Client) Log(ctx context.Context, a0 qa.EventID) (r0 []qa.LogEntry, err error) {
	err = c.call(ctx, "Log", []any{a0}, &r0)
	return
}

func (c *Client) MarkRead(ctx context.Context, a0 qa.EventID, a1 []qa.PostID, a2 int64) (err error) {
	err = c.call(ctx, "MarkRead", []any{a0, a1, a2})
	return
}

func (c *Client) Merge(ctx context.Context, a0 []byte) (r0 node.Merged, err error) {
	err = c.call(ctx, "Merge", []any{a0}, &r0)
	return
}

func (c *Client) News(ctx context.Context) (r0 map[qa.EventID]qa.NewsCounts, err error) {
	err = c.call(ctx, "News", nil, &r0)
	return
}

func (c *Client) Numbers(ctx context.Context, a0 qa.EventID) (r0 qa.QuestionCounts, err error) {
	err = c.call(ctx, "Numbers", []any{a0}, &r0)
	return
}

func (c *Client) Overview(ctx context.Context) (r0 []qa.Status, err error) {
	err = c.call(ctx, "Overview", nil, &r0)
	return
}

func (c *Client) OwnInvitation(ctx context.Context, a0 qa.EventID) (r0 node.OwnInvitation, err error) {
	err = c.call(ctx, "OwnInvitation", []any{a0}, &r0)
	return
}

func (c *Client) Person(ctx context.Context) (r0 qa.Person, err error) {
	err = c.call(ctx, "Person", nil, &r0)
	return
}

func (c *Client) Post(ctx context.Context, a0 qa.EventID, a1 qa.PostID) (r0 qa.Post, err error) {
	err = c.call(ctx, "Post", []any{a0, a1}, &r0)
	return
}

func (c *Client) Presence(ctx context.Context, a0 qa.EventID) (r0 []qa.Presence, err error) {
	err = c.call(ctx, "Presence", []any{a0}, &r0)
	return
}

func (c *Client) PrizeClaims(ctx context.Context, a0 qa.EventID) (r0 []qa.Claim, err error) {
	err = c.call(ctx, "PrizeClaims", []any{a0}, &r0)
	return
}

func (c *Client) ReadState(ctx context.Context, a0 qa.EventID) (r0 qa.ReadState, err error) {
	err = c.call(ctx, "ReadState", []any{a0}, &r0)
	return
}

func (c *Client) Rebuild(ctx context.Context, a0 qa.EventID) (err error) {
	err = c.call(ctx, "Rebuild", []any{a0})
	return
}

func (c *Client) ReconnectNow(ctx context.Context) (err error) {
	err = c.call(ctx, "ReconnectNow", nil)
	return
}

func (c *Client) RecoveryPhrase(ctx context.Context) (r0 []string, err error) {
	err = c.call(ctx, "RecoveryPhrase", nil, &r0)
	return
}

func (c *Client) Refusals(ctx context.Context, a0 qa.EventID) (r0 []qa.NotAccepted, err error) {
	err = c.call(ctx, "Refusals", []any{a0}, &r0)
	return
}

func (c *Client) RevealDraw(ctx context.Context, a0 qa.EventID) (err error) {
	err = c.call(ctx, "RevealDraw", []any{a0})
	return
}

func (c *Client) RevokeInvite(ctx context.Context, a0 qa.EventID, a1 qa.Identity) (err error) {
	err = c.call(ctx, "RevokeInvite", []any{a0, a1})
	return
}

func (c *Client) SaveForLater(ctx context.Context, a0 qa.EventID, a1 qa.PostID, a2 bool, a3 int64) (err error) {
	err = c.call(ctx, "SaveForLater", []any{a0, a1, a2, a3})
	return
}

func (c *Client) SavedForLater(ctx context.Context, a0 qa.EventID) (r0 qa.Postponed, err error) {
	err = c.call(ctx, "SavedForLater", []any{a0}, &r0)
	return
}

func (c *Client) Search(ctx context.Context, a0 qa.EventID, a1 string, a2 int) (r0 []qa.PostID, err error) {
	err = c.call(ctx, "Search", []any{a0, a1, a2}, &r0)
	return
}

func (c *Client) SetDigestState(ctx context.Context, a0 node.DigestState) (err error) {
	err = c.call(ctx, "SetDigestState", []any{a0})
	return
}

func (c *Client) SetDraft(ctx context.Context, a0 qa.EventID, a1 string, a2 node.Draft) (err error) {
	err = c.call(ctx, "SetDraft", []any{a0, a1, a2})
	return
}

func (c *Client) SetPerson(ctx context.Context, a0 qa.Person) (err error) {
	err = c.call(ctx, "SetPerson", []any{a0})
	return
}

func (c *Client) SetSetting(ctx context.Context, a0 string, a1 string) (err error) {
	err = c.call(ctx, "SetSetting", []any{a0, a1})
	return
}

func (c *Client) Setting(ctx context.Context, a0 string) (r0 string, err error) {
	err = c.call(ctx, "Setting", []any{a0}, &r0)
	return
}

func (c *Client) Status(ctx context.Context, a0 qa.EventID) (r0 qa.Status, err error) {
	err = c.call(ctx, "Status", []any{a0}, &r0)
	return
}

func (c *Client) Statuses(ctx context.Context) (r0 []qa.Status, err error) {
	err = c.call(ctx, "Statuses", nil, &r0)
	return
}

func (c *Client) Summary(ctx context.Context) (r0 node.Summary, err error) {
	err = c.call(ctx, "Summary", nil, &r0)
	return
}

func (c *Client) Sync(ctx context.Context, a0 qa.EventID, a1 time.Duration) (err error) {
	err = c.call(ctx, "Sync", []any{a0, a1})
	return
}

func (c *Client) Undelivered(ctx context.Context, a0 qa.EventID) (r0 map[qa.PostID]qa.Unsent, err error) {
	err = c.call(ctx, "Undelivered", []any{a0}, &r0)
	return
}

func (c *Client) VerifyPost(ctx context.Context, a0 qa.EventID, a1 qa.PostID) (r0 qa.Verification, err error) {
	err = c.call(ctx, "VerifyPost", []any{a0, a1}, &r0)
	return
}

func (c *Client) Visit(ctx context.Context, a0 qa.EventID) (err error) {
	err = c.call(ctx, "Visit", []any{a0})
	return
}

func (c *Client) Watch(ctx context.Context, a0 qa.EventID, fn func(qa.Update) error) error {
	return stream(ctx, c, "Watch", []any{a0}, fn)
}

func (c *Client) Week(ctx context.Context, a0 qa.EventID) (r0 qa.Week, err error) {
	err = c.call(ctx, "Week", []any{a0}, &r0)
	return
}

func (c *Client) Whereabouts(ctx context.Context, a0 qa.EventID) (r0 qa.Whereabouts, err error) {
	err = c.call(ctx, "Whereabouts", []any{a0}, &r0)
	return
}
