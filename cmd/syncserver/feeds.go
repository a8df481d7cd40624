package main

import (
	"context"
	"net/http"
	"strings"

	"flyleaf/feed"
	"flyleaf/qa"
	"flyleaf/relay"
	"flyleaf/schema"
	"flyleaf/storage"
)

// openFeeds serves the change feeds of open events to everybody. A person who knows an event's
// ID can also read the event through the relay.
type openFeeds struct {
	storage.Ledger
	*feed.Watchers
}

// Allowed implements feed.Source.
func (f openFeeds) Allowed(ctx context.Context, event qa.EventID) error {
	access, err := feed.Access(ctx, f, event)
	switch {
	case err != nil:
		return err
	case access != schema.AccessOpen:
		return feed.ErrNoEvent // do not reveal that the relay has it
	}
	return nil
}

// withAPI sends requests below feed.APIPrefix to the API and all others to the relay.
func withAPI(relay *relay.Relay, feeds openFeeds, stop <-chan struct{}) http.Handler {
	programs := feed.NewAPI(feed.APIConfig{Source: feeds, Stop: stop, Client: relay.AddressOf})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, feed.APIPrefix) && r.Header.Get("Upgrade") == "" {
			programs.ServeHTTP(w, r)
			return
		}
		relay.ServeHTTP(w, r)
	})
}
