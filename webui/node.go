package webui

import (
	"context"

	"flyleaf/qa"
)

// Node is what the pages need of this device. Every method may be called from
// many goroutines at once. Errors are shown to the reader as they are, after a
// sentence of ours, so they say what happened and what is safe.
type Node interface {
	// Identity is who writes on this device.
	Identity() qa.Identity

	// Events lists the events this device follows, those that have not arrived
	// yet (only their ID is known) included.
	Events(ctx context.Context) ([]qa.Event, error)
	// Shelf lists them as a list of many shows them, without reading each whole.
	Shelf(ctx context.Context) ([]qa.Shelved, error)
	// Clubs lists those that are clubs, with the weeks they list.
	Clubs(ctx context.Context) ([]qa.Event, error)
	// Numbers counts an event's questions.
	Numbers(ctx context.Context, event qa.EventID) (qa.Numbers, error)
	// Week returns one event, arranged.
	Week(ctx context.Context, event qa.EventID) (qa.Week, error)
	// Found makes a new event; relay may be "".
	Found(ctx context.Context, event qa.Event, relay string) (qa.EventID, qa.Invitation, error)
	// Join follows an event from now on. The event may arrive later.
	Join(ctx context.Context, invitation qa.Invitation) error
	// Invitation is what somebody else needs to join.
	Invitation(ctx context.Context, event qa.EventID) (qa.Invitation, error)

	// Do makes one act a change. When it returns without an error the change is
	// on this device's disk. The post ID is that of a new post.
	Do(ctx context.Context, event qa.EventID, act qa.Act) (qa.PostID, error)
	// Delivery tells of own posts whether anything of them is only on this
	// device: true when it is. Posts of others are absent or false.
	Delivery(ctx context.Context, event qa.EventID) (map[qa.PostID]bool, error)
	// Status tells for every event how far it is delivered.
	Status(ctx context.Context) ([]qa.Status, error)

	// Subscribe returns a channel of updates of one event, or of all with "",
	// and a function that ends it. The channel is closed when the node closes.
	Subscribe(event qa.EventID) (<-chan qa.Update, func())

	// Setting returns what SetSetting stored under the key, "" when it was
	// never set. Settings stay on this device.
	Setting(ctx context.Context, key string) (string, error)
	SetSetting(ctx context.Context, key, value string) error
}

// Waker is a Node that can be asked to try its relays again at once.
type Waker interface{ Wake() }

// The interfaces below are what the pages about trust need. A Node that lacks
// one shows the pages without that part: a browser tab has no key file to show.

// Keyring is a Node that may write with more than one key in an event.
type Keyring interface {
	// Keys lists the identities this device can write as in the event: the
	// person's own first, then the keys of its anonymous questions.
	Keys(ctx context.Context, event qa.EventID) ([]qa.Identity, error)
}

// Logger is a Node that knows what moderators and organisers did.
type Logger interface {
	// Log lists acts of moderation, the newest last.
	Log(ctx context.Context, event qa.EventID) ([]qa.LogEntry, error)
}

// Inviter is a Node that makes and uses invitations which grant a role.
type Inviter interface {
	// Invite makes a link that grants the role to the first who opens it. The
	// label is kept on this device only.
	Invite(ctx context.Context, event qa.EventID, role qa.Role, label string) (qa.Invitation, error)
	// Invitations lists those made on this device, and what is known of others.
	Invitations(ctx context.Context, event qa.EventID) ([]qa.InviteInfo, error)
	RevokeInvite(ctx context.Context, event qa.EventID, key qa.Identity) error
	// Claims tells how far the invitation is with which this device joined: the
	// role and one of the states of qa.InviteInfo; "" when there is none.
	Claims(ctx context.Context, event qa.EventID) (role qa.Role, state string, err error)
}

// Refuser is a Node that keeps what of this device's words was not taken.
type Refuser interface {
	Refusals(ctx context.Context, event qa.EventID) ([]qa.NotTaken, error)
	// TakeBack gives one of them up: it is not offered again, nor listed.
	TakeBack(ctx context.Context, event qa.EventID, hash string) error
}

// Verifier is a Node that can check a post from the signed changes alone.
type Verifier interface {
	// VerifyPost checks every change that made the post or changed it, the newest last.
	VerifyPost(ctx context.Context, event qa.EventID, post qa.PostID) (qa.Verification, error)
}

// Attendant is a Node that exchanges signed presence with the others'.
type Attendant interface {
	// Presence lists what is known and not yet out of date.
	Presence(ctx context.Context, event qa.EventID) ([]qa.Presence, error)
	// Announce tells the others, if they can be reached; nothing is kept.
	Announce(ctx context.Context, event qa.EventID, kind string, post qa.PostID) error
}

// Phraser is a Node that can show the recovery phrase of this device's key.
type Phraser interface {
	Phrase(ctx context.Context) ([]string, error)
}

// The settings that pages read and write.
const (
	SettingName      = "name"      // the name others see
	SettingAbout     = "about"     // a line about oneself
	SettingLink      = "link"      // where else to find the person
	SettingPublishAs = "publishAs" // "", "name", "initials" or "none"
	SettingTheme     = "theme"     // "", "light" or "dark"
	// SettingDrafts with the event ID after it holds this event's drafts.
	SettingDrafts = "drafts/"
)
