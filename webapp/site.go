package webapp

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"flyleaf/feed"
	"flyleaf/qa"
	"flyleaf/storage"
)

const (
	// knownFor is how long an answer to "what is this event" is given again.
	knownFor = time.Minute
	// maxKnown bounds the answers that are kept.
	maxKnown = 256
	// maxRead bounds the changes that are read to find an answer: strangers ask.
	maxRead = 20_000
)

// Site serves Flyleaf for the browser and its relay at one address: WebSocket
// connections, and paths the app does not have, go to relay. The app's files come from
// dir or, with "", from inside this program. A program that was built without them says
// so on the app's pages.
func Site(relay http.Handler, ledger storage.Ledger, dir string) (http.Handler, error) {
	var files fs.FS
	switch {
	case dir != "":
		files = os.DirFS(dir)
	case Built():
		files = built()
	default:
		return beside(relay, notBuilt(relay)), nil
	}
	e := &events{ledger: ledger, now: time.Now, known: map[qa.EventID]knownEvent{}}
	app, err := Handler(files, e.about, relay)
	if err != nil {
		return nil, fmt.Errorf("the files of Flyleaf for the browser cannot be read: %w", err)
	}
	return beside(relay, app), nil
}

// beside serves what is no page (WebSocket connections) by relay.
func beside(relay, app http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			relay.ServeHTTP(w, r)
			return
		}
		app.ServeHTTP(w, r)
	})
}

const notBuiltPage = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Flyleaf</title>
<h1>This relay does not have Flyleaf for the browser</h1>
<p>The relay works. It was built without the app, so this link does not open anything in a browser.
Use the desktop program or the command line instead:</p>
<pre>flyleaf join LINK</pre>
<p>If you run this relay: <code>make web build</code> builds the app and puts it into the relay.</p>
</html>
`

// notBuilt serves a page that says the app is missing where the app would be.
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
		fmt.Fprint(w, notBuiltPage)
	})
}

// events says what open events are, for the page of somebody who has only a link.
type events struct {
	ledger storage.Ledger
	now    func() time.Time

	mu    sync.Mutex // held while an event is read, so that one is read at a time
	known map[qa.EventID]knownEvent
}

type knownEvent struct {
	event qa.Event
	open  bool
	until time.Time
}

func (e *events) about(ctx context.Context, id qa.EventID) (qa.Event, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	if k, ok := e.known[id]; ok && now.Before(k.until) {
		return k.event, k.open
	}
	event, err := feed.About(ctx, e.ledger, id, maxRead)
	if ctx.Err() != nil {
		return qa.Event{}, false // says nothing about the event
	}
	if len(e.known) >= maxKnown {
		clear(e.known)
	}
	e.known[id] = knownEvent{event, err == nil && event.Access == "open", now.Add(knownFor)}
	return event, e.known[id].open
}
