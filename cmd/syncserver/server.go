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
	// dataName is the relay's directory in the user's data directory.
	dataName = "flyleaf-relay"
	// stopWithin bounds a graceful stop.
	stopWithin = 10 * time.Second
	// headerWithin bounds how long a client may take to send its HTTP header, and then a body.
	headerWithin = 10 * time.Second
	idleWithin   = time.Minute
	maxHeader    = 16 << 10 // bytes
)

// Main is the program. Its fields are the values of the flags.
type Main struct {
	Listen string // host:port
	Data   string // directory; "" for the default
	Open   bool
	Quotas quota.Quotas
	// BehindProxy means that X-Forwarded-For has the client's address.
	BehindProxy bool
	// Addresses are the URLs by which devices reach the relay.
	Addresses   []string
	DiskMax     int64  // maximum size of the data in bytes; 0 or less: no limit
	DiskReserve int64  // bytes to leave free; 0: relay.DiskReserve; negative: none
	Web         bool   // serve Flyleaf for the browser
	WebDir      string // serve it from this directory; "": from the embedded files
	API         bool   // serve the change feeds of open events
	Log         *slog.Logger
	Stdout      io.Writer // gets one line with the address on which the relay listens
}

// Run serves until ctx ends, then stops gracefully and returns nil. If it cannot start, the
// error says what to do.
func (m *Main) Run(ctx context.Context) (err error) {
	dir := m.Data
	if dir == "" {
		dir = filepath.Join(xdg.DataHome, dataName)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the data directory cannot be created: %w; choose another with --data", err)
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	ok, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("the data directory %s cannot be locked: %w; choose another with --data", dir, err)
	}
	if !ok {
		return fmt.Errorf("another syncserver uses the data directory %s; nothing was changed. Stop it first, or choose another directory with --data", dir)
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
	m.Log.Info("relay stopping")
	stopCtx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	// The relay stops first, because the HTTP server no longer controls upgraded connections. The
	// relay refuses upgrades from now on.
	stopErr := r.Shutdown(stopCtx)
	if e := server.Shutdown(stopCtx); e != nil {
		stopErr = errors.Join(stopErr, e, server.Close())
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, stopErr)
}

// bodiesWithin limits how long a request may take to send its body. No handler reads a body,
// but the HTTP server waits for it before answering, without a limit of its own.
func bodiesWithin(d time.Duration, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 { // -1 if the length is unknown
			w.Header().Set("Connection", "close")
			if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(d)); err != nil {
				http.Error(w, "Requests with a body are not accepted.", http.StatusBadRequest)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}
