package main

import (
	"net/http"
	"strings"

	"flyleaf/api"
	"flyleaf/journal"
	"flyleaf/qa"
	"flyleaf/relay"
	"flyleaf/storage"
)

// openLog is the relay's ledger as the source of logs: of open events, to anybody,
// since whoever has an event's ID can read it through the relay anyhow.
type openLog struct {
	storage.Ledger
	*journal.Watchers
}

// Allowed implements journal.Source.
func (l openLog) Allowed(r *http.Request, event qa.EventID) error {
	access, err := journal.Access(r.Context(), l, event)
	switch {
	case err != nil:
		return err
	case access != "open":
		return journal.ErrNoEvent // whether there is one is not for everybody to know
	}
	return nil
}

// withAPI sends what is for other programs to the API, and all else to the relay.
func withAPI(relay *relay.Relay, log openLog, stop <-chan struct{}) http.Handler {
	programs := api.New(api.Config{Log: log, Stop: stop, From: relay.AddressOf})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, api.Prefix) && r.Header.Get("Upgrade") == "" {
			programs.ServeHTTP(w, r)
			return
		}
		relay.ServeHTTP(w, r)
	})
}
