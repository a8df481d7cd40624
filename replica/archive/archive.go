// Package archive decides which weeks of the followed clubs a device downloads, and when a week
// that is over is synced, so that a club can have a thousand weeks.
//
// Clubs stores which weeks the followed clubs list. It follows weeks automatically while
// they are upcoming, running or only just over (qa.Club.Followed, which bounds their
// number). All other weeks are only listed, and followed once a person opens them.
//
// Scheduler keeps weeks that are over idle: they are in the ledger and in the views, but
// use neither a connection nor memory. A week that is over is attached to its relay only
//
//   - while it has changes to send, or none of its changes have arrived yet; at most
//     MaxAttached such weeks for each relay are attached at the same time; and
//   - for ten minutes after a person looked at it.
//
// So posts that other people write in an old week arrive when it is opened. A week that no
// club lists is never idle.
//
// The package guarantees that no club can make a device follow more than qa.MaxFollowed
// weeks, and that every change that a device wrote into an old week is sent.
package archive

import (
	"context"
	"time"

	"flyleaf/qa"
)

// Host is the part of the node that this package uses. Its methods are called without any
// lock of this package; the document of an event may be locked.
type Host interface {
	Now() time.Time
	// Followed reports whether the device follows an event.
	Followed(id qa.EventID) bool
	// Follow starts following an event, without a relay chosen on this device.
	Follow(ctx context.Context, id qa.EventID) error
	// Unfollow stops following an event.
	Unfollow(ctx context.Context, id qa.EventID) error
	// Relay returns the URL of the relay that an event is synced with; "" for none.
	Relay(ctx context.Context, id qa.EventID) (string, error)
	// Attach starts syncing an event with its relay.
	Attach(id qa.EventID)
	// Reattach attaches an event to its relay again if the relay's URL has changed.
	Reattach(ctx context.Context, id qa.EventID)
	// Detach stops syncing an event, and frees its memory.
	Detach(ctx context.Context, id qa.EventID)
	// Attached returns the attached events, each with the URL of its relay.
	Attached() map[qa.EventID]string
	// Synced reports whether relay and device are known to have the same changes of an
	// event, or the event is not attached.
	Synced(id qa.EventID) bool
	// Unfinished reports whether an event has changes to send, or none of its changes have
	// arrived yet.
	Unfinished(ctx context.Context, id qa.EventID) (bool, error)
}
