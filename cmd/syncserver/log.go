package main

import (
	"net/http"
	"strings"

	"flyleaf/feed"
	"flyleaf/qa"
	"flyleaf/relay"
	"flyleaf/storage"
)

// openLog is the relay's ledger as the source of logs: of open events, to anybody,
// since whoever has an event's ID can read it through the relay anyhow.
type openLog struct {
	storage.Ledger
	*feed.Watchers
}

// Allowed implements feed.Source.
func (l openLog) Allowed(r *http.Request, event qa.EventID) error {
	access, err := feed.Access(r.Context(), l, event)
	switch {
	case err != nil:
		return err
	case access != "open":
		return feed.ErrNoEvent // whether there is one is not for everybody to know
	}
	return nil
}

// withAPI sends what is for other programs to the API, and all else to the relay.
func withAPI(relay *relay.Relay, log openLog, stop <-chan struct{}) http.Handler {
	programs := feed.NewAPI(feed.APIConfig{Log: log, Stop: stop, From: relay.AddressOf})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, feed.APIPrefix) && r.Header.Get("Upgrade") == "" {
			programs.ServeHTTP(w, r)
			return
		}
		relay.ServeHTTP(w, r)
	})
}
