package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/adrg/xdg"
	"github.com/gofrs/flock"

	"flyleaf/feed"
	"flyleaf/internal/listen"
	"flyleaf/relay"
	"flyleaf/relay/quota"
	"flyleaf/storage/sqlite"
	"flyleaf/webapp"
)

const (
	// dataName is the directory in the user's data directory.
	dataName = "flyleaf-relay"
	// stopWithin is how long a graceful stop may take.
	stopWithin = 10 * time.Second
	// headerWithin is how long a client may take to send its HTTP header, and likewise
	// a body.
	headerWithin = 10 * time.Second
	idleWithin   = time.Minute
	maxHeader    = 16 << 10 // bytes
)

// Main is the program. Its fields are what the flags say.
type Main struct {
	Listen string // host:port
	Data   string // directory; "" for the default
	Open   bool
	Quotas quota.Quotas
	// BehindProxy: X-Forwarded-For says where connections come from.
	BehindProxy bool
	// Addresses are the URLs by which devices reach the relay.
	Addresses   []string
	DiskMax     int64  // bytes that the data may take; 0 or less: any number
	DiskReserve int64  // bytes that are left free; 0: relay.DiskReserve, less: none
	Web         bool   // serve Flyleaf for the browser
	WebDir      string // from this directory; "": from inside this program
	API         bool   // answer other programs with the logs of open events
	Log         *slog.Logger
	Stdout      io.Writer // gets the one line that says where the relay listens
}

// Run serves until ctx ends, then stops gracefully and returns nil. The error of
// a start that fails says what to do about it.
func (m *Main) Run(ctx context.Context) (err error) {
	dir := m.Data
	if dir == "" {
		dir = filepath.Join(xdg.DataHome, dataName)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the data directory cannot be made: %w; choose another with --data", err)
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	ok, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("the data directory %s cannot be locked: %w; choose another with --data", dir, err)
	}
	if !ok {
		return fmt.Errorf("another syncserver is running on the data directory %s; nothing was changed: stop that one first, or give this one a directory of its own with --data", dir)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()

	store, err := sqlite.Open(ctx, filepath.Join(dir, "relay.db"), sqlite.Options{})
	if err != nil {
		return fmt.Errorf("the events in %s cannot be opened: %w", dir, err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	watchers := &feed.Watchers{}
	r, err := relay.New(relay.Config{
		Store: store, Disk: relay.Disk{Measure: func() (int64, int64, error) { return diskOf(dir) }, Max: m.DiskMax, Reserve: cmp.Or(m.DiskReserve, relay.DiskReserve)},
		Open: m.Open, Quotas: m.Quotas, BehindProxy: m.BehindProxy, Addresses: m.Addresses, Log: m.Log, Committed: watchers.Grown,
		ServesApp: m.Web && webapp.Available(m.WebDir),
	})
	if err != nil {
		return err
	}
	var handler http.Handler = r
	if m.API {
		handler = withAPI(r, openFeeds{store, watchers}, ctx.Done())
	}
	if m.Web {
		if handler, err = webapp.Site(handler, store, m.WebDir); err != nil {
			return fmt.Errorf("%w (--web)", err)
		}
	}
	listener, err := listen.TCP(ctx, m.Listen)
	if err != nil {
		stopCtx, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		return errors.Join(fmt.Errorf("%w (--listen)", err), r.Shutdown(stopCtx))
	}
	server := &http.Server{
		Handler:           bodiesWithin(headerWithin, handler),
		ReadHeaderTimeout: headerWithin,
		IdleTimeout:       idleWithin,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(m.Log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintf(m.Stdout, "relay listening on ws://%s\n", listener.Addr())
	m.Log.Info("relay started", "address", listener.Addr().String(), "data", dir, "open", m.Open)

	select {
	case err = <-served:
	case <-ctx.Done():
	}
	m.Log.Info("relay stops")
	stopCtx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	// The relay first: its connections are no longer the HTTP server's. Upgrades
	// that still come are refused.
	stopErr := r.Shutdown(stopCtx)
	if e := server.Shutdown(stopCtx); e != nil {
		stopErr = errors.Join(stopErr, e, server.Close())
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, stopErr)
}

// bodiesWithin limits the time in which a request may send its body. No handler reads a
// body, but the HTTP server waits for it before it answers, and would otherwise wait
// for ever.
func bodiesWithin(d time.Duration, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 { // -1: it does not say how long
			w.Header().Set("Connection", "close")
			if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(d)); err != nil {
				http.Error(w, "No request with a body is taken.", http.StatusBadRequest)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}
