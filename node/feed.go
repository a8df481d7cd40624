package node

import (
	"context"
	"net/http"

	"flyleaf/feed"
	"flyleaf/qa"
	"flyleaf/storage"
)

// ChangeLogs gives other programs the logs of all events that are followed here. Who may ask
// is for whoever serves them to decide.
func (d *Device) ChangeLogs() feed.Source { return changeLogs{d} }

type changeLogs struct{ d *Device }

func (l changeLogs) Entries(ctx context.Context, event qa.EventID, after int64, fn func(storage.Entry) error) error {
	return l.d.store.Entries(ctx, event, after, fn)
}

func (l changeLogs) Allowed(r *http.Request, event qa.EventID) error {
	_, err := l.d.replica.StatusOf(r.Context(), event)
	if KindOf(err) == NotFound {
		return feed.ErrNoEvent
	}
	return err
}

func (l changeLogs) Watch(event qa.EventID) (<-chan struct{}, func()) {
	updates, end := l.d.replica.Subscribe(event)
	more := make(chan struct{}, 1)
	go func() {
		for range updates {
			select {
			case more <- struct{}{}:
			default:
			}
		}
	}()
	return more, end
}
