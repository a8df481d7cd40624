// Package archive lets a device follow clubs of a thousand weeks.
//
// Clubs knows what the followed clubs list, and follows their weeks by itself as long as
// they are upcoming, running or only just over (qa.Club.Followed, which bounds them). All
// others are listed, and followed from the moment somebody opens them.
//
// Scheduler keeps weeks that are over idle: they stand in the ledger and in the views,
// and neither a connection nor memory is spent on them, but
//
//   - while something of them waits to be sent, or nothing of them has arrived yet; then
//     at most MaxAttached of them for each relay are attached at the same time; and
//   - for ten minutes after somebody looked at them.
//
// So what others write in an old week arrives when somebody opens it. A week that no
// club lists is never idle.
//
// It guarantees that no club can make a device follow more than qa.MaxFollowed weeks, and
// that whatever a device wrote into an old week is sent.
package archive

import (
	"context"
	"time"

	"flyleaf/qa"
)

// Host is the node, as far as this package needs it. Its methods are called without any
// lock of this package; the document of an event may be locked.
type Host interface {
	Now() time.Time
	// Followed reports whether the device follows an event.
	Followed(id qa.EventID) bool
	// Follow begins to follow an event, which has no relay chosen on this device.
	Follow(ctx context.Context, id qa.EventID) error
	// Unfollow forgets an event.
	Unfollow(ctx context.Context, id qa.EventID) error
	// Relay returns the URL of the relay that an event is exchanged with; "" for none.
	Relay(ctx context.Context, id qa.EventID) (string, error)
	// Attach begins to exchange an event with its relay.
	Attach(id qa.EventID)
	// Reattach does so where the event's relay is now another one.
	Reattach(ctx context.Context, id qa.EventID)
	// Detach ends the exchange of an event, and frees the memory spent on it.
	Detach(ctx context.Context, id qa.EventID)
	// Attached returns the events that are exchanged, each with the URL of its relay.
	Attached() map[qa.EventID]string
	// Synced reports whether relay and device hold the same of an event, as far as is known.
	Synced(id qa.EventID) bool
	// Unfinished reports whether something of an event waits to be sent, or nothing of it
	// has arrived.
	Unfinished(ctx context.Context, id qa.EventID) (bool, error)
}
