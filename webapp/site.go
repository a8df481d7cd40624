package webapp

import (
	"context"
	_ "embed"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"flyleaf/feed"
	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/storage"
)

const (
	// cachedFor is how long the description of an event is cached.
	cachedFor = time.Minute
	// maxCached is the maximum number of cached descriptions.
	maxCached = 256
	// maxRead is the maximum number of changes that are read to describe an event. There
	// must be a limit, because anybody can ask.
	maxRead = 20_000
)

// Site serves Flyleaf for the browser and its relay at one address. WebSocket connections,
// and paths that the app does not have, go to relay. The app's files are read from the
// directory dir; if dir is "", they are those inside this program. If the program was built
// without the app, the app's pages say so.
func Site(relay http.Handler, ledger storage.Ledger, dir string) (http.Handler, error) {
	var files fs.FS
	switch {
	case dir != "":
		files = os.DirFS(dir)
	case Built():
		files = built()
	default:
		return withWebSockets(relay, notBuilt(relay)), nil
	}
	e := &events{ledger: ledger, now: time.Now, cached: map[qa.EventID]cachedEvent{}}
	app, err := Handler(files, e.about, relay)
	if err != nil {
		return nil, fmt.Errorf("the files of Flyleaf for the browser cannot be read: %w", err)
	}
	return withWebSockets(relay, app), nil
}

// withWebSockets returns a handler that passes WebSocket connections to relay and all other
// requests to app.
func withWebSockets(relay, app http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			relay.ServeHTTP(w, r)
			return
		}
		app.ServeHTTP(w, r)
	})
}

//go:embed not_built.html
var notBuiltPage []byte

// notBuilt serves, at the addresses of the app, a page that says that the app is missing.
// All other requests go to relay.
func notBuilt(relay http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		get := r.Method == http.MethodGet || r.Method == http.MethodHead
		if !get || r.URL.Path != "/" && !strings.HasPrefix(r.URL.Path, "/join/") {
			relay.ServeHTTP(w, r)
			return
		}
		setHeaders(w.Header())
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write(notBuiltPage)
	})
}

// events describes open events for the page of somebody who has only a link.
type events struct {
	ledger storage.Ledger
	now    func() time.Time

	mu     sync.Mutex // locked while an event is read, so that only one is read at a time
	cached map[qa.EventID]cachedEvent
}

type cachedEvent struct {
	event qa.Event
	open  bool
	until time.Time
}

func (e *events) about(ctx context.Context, id qa.EventID) (qa.Event, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	if c, ok := e.cached[id]; ok && now.Before(c.until) {
		return c.event, c.open
	}
	event, err := feed.About(ctx, e.ledger, id, maxRead)
	if ctx.Err() != nil {
		return qa.Event{}, false // an interrupted read must not be cached
	}
	if len(e.cached) >= maxCached {
		clear(e.cached)
	}
	e.cached[id] = cachedEvent{event, err == nil && event.Access == schema.AccessOpen, now.Add(cachedFor)}
	return event, e.cached[id].open
}
