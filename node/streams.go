package node

import (
	"context"

	"flyleaf/feed"
	"flyleaf/qa"
)

// Changes starts the connections to relays if it follows an event: without them no new changes
// would arrive.
func (d *Device) Changes(ctx context.Context, event qa.EventID, after int64, follow bool, fn func(feed.Entry) error) error {
	if !follow {
		return feed.NewReader(d.store, event, after).Read(ctx, fn)
	}
	d.replica.Start(ctx)
	return feed.Follow(ctx, d.ChangeFeeds(), event, after, fn, nil)
}

func (d *Device) Watch(ctx context.Context, event qa.EventID, fn func(qa.Update) error) error {
	updates, end := d.replica.Subscribe(event)
	defer end()
	if err := fn(qa.Update{}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case u, ok := <-updates:
			if !ok {
				return nil
			}
			if err := fn(u); err != nil {
				return err
			}
		}
	}
}
