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

// The settings that pages read and write.
const (
	SettingName  = "name"  // the name others see
	SettingTheme = "theme" // "", "light" or "dark"
	// SettingDrafts with the event ID after it holds this event's drafts.
	SettingDrafts = "drafts/"
)
