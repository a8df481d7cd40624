package node

import (
	"context"

	"flyleaf/feed"
	"flyleaf/qa"
)

// Changes opens the connections to the relays to follow a log: nothing new would come
// without them.
func (d *Device) Changes(ctx context.Context, event qa.EventID, after int64, follow bool, fn func(feed.Entry) error) error {
	updates, end := d.replica.Subscribe(event) // before the first look, so that nothing falls between
	defer end()
	if follow {
		d.replica.Start(ctx)
	}
	r := feed.NewReader(d.store, event, after)
	for {
		if err := r.Read(ctx, fn); err != nil {
			return err
		}
		if !follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case _, ok := <-updates:
			if !ok {
				return nil
			}
		}
	}
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
