package node

import (
	"context"

	"flyleaf/feed"
	"flyleaf/qa"
	"flyleaf/storage"
)

// ChangeFeeds returns the change feeds of all events that this device follows. It checks no
// access rights; the server of the feeds has to.
func (d *Device) ChangeFeeds() feed.Source { return changeFeeds{d} }

type changeFeeds struct{ d *Device }

func (f changeFeeds) Entries(ctx context.Context, event qa.EventID, after int64, fn func(storage.Entry) error) error {
	return f.d.store.Entries(ctx, event, after, fn)
}

func (f changeFeeds) Allowed(ctx context.Context, event qa.EventID) error {
	_, err := f.d.replica.StatusOf(ctx, event)
	if KindOf(err) == NotFound {
		return feed.ErrNoEvent
	}
	return err
}

func (f changeFeeds) Watch(event qa.EventID) (<-chan struct{}, func()) {
	updates, end := f.d.replica.Subscribe(event)
	grown := make(chan struct{}, 1)
	go func() {
		defer close(grown)
		for range updates {
			select {
			case grown <- struct{}{}:
			default:
			}
		}
	}()
	return grown, end
}
