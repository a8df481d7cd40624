package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/pkg/browser"
	"github.com/spf13/cobra"

	"flyleaf/feed"
	"flyleaf/internal/listen"
	"flyleaf/node/convert"
	"flyleaf/qa"
	"flyleaf/webui"
)

// defaultListen is the default address of the pages.
const defaultListen = "127.0.0.1:7117"

// shutdownTimeout is how long a shutdown waits for pending requests.
const shutdownTimeout = 5 * time.Second

func (a *app) serveCmd() *cobra.Command {
	var address string
	var noOpen bool
	c := &cobra.Command{
		Use:   "serve [flags]",
		Short: "Open Flyleaf in the browser, and stay in sync",
		Long: `Serve Flyleaf's pages to the browser on this device, and stay connected to the relays of all
events. ` + "`flyleaf`" + ` without a command does the same. Other commands can be used at the same
time: they connect to this process.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			home, err := a.home(c.Context())
			if err != nil {
				return err
			}
			return a.serve(c.Context(), home, address, a.browserUnless(noOpen, home))
		},
	}
	listenFlag(c, &address)
	c.Flags().BoolVar(&noOpen, "no-open", false, "do not open the browser")
	c.AddCommand(a.serveTokenCmd())
	return c
}

// listenFlag adds --listen.
func listenFlag(c *cobra.Command, address *string) {
	c.Flags().StringVar(address, "listen", defaultListen, "the `address` to serve on; port 0 picks a free one")
}

// opener opens the pages at base for the user, and lets the browser in with a start token. When the
// user has closed them, ended has nil, or an error if the browser failed; then it is closed. ended is
// nil if it cannot be known when the user closes them. The end of ctx closes them.
type opener func(ctx context.Context, base, token string) (ended <-chan error, err error)

// browserUnless returns an opener that opens the default browser, or nil with --no-open.
func (a *app) browserUnless(noOpen bool, h home) opener {
	if noOpen {
		return nil
	}
	return func(_ context.Context, base, token string) (<-chan error, error) {
		if err := a.openBrowser(h, base, token, "/"); err != nil {
			a.log().Warn("the browser was not opened", "error", err) // the user has the printed link
		}
		return nil, nil
	}
}

// serve runs until ctx ends, or until the user closes the pages, if open, which may be nil, can know that.
func (a *app) serve(ctx context.Context, h home, address string, open opener) error {
	if err := listen.Check(address); err != nil {
		return codedf(exitUsage, "--listen: %w", err)
	}
	lock, ok, err := h.lock()
	if err != nil {
		return err
	}
	if !ok {
		return alreadyRunningError(ctx, h)
	}
	return a.serveLocked(ctx, h, lock, address, open)
}

// serveLocked is serve for a data directory that this process has locked. It unlocks it.
func (a *app) serveLocked(ctx context.Context, h home, lock *flock.Flock, address string, open opener) (err error) {
	l, err := openLocal(ctx, h, lock, a.log())
	if err != nil {
		_ = lock.Unlock()
		if cannotWrite(err) {
			err = fmt.Errorf("%w. `flyleaf serve` has to write to it; `flyleaf list`, show, search and export do not", err)
		}
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()

	ln, err := listen.TCP(ctx, address)
	if err != nil {
		return err
	}
	defer ln.Close()
	secret, err := h.secret()
	if err != nil {
		return err
	}
	base := "http://" + ln.Addr().String()
	starts := &webui.StartTokens{}

	// This process has the lock. If there is a serve.json, the process that wrote it was killed and
	// left its socket behind.
	if old, err := h.serving(); err == nil && strings.HasPrefix(filepath.Base(filepath.Dir(old.Socket)), "flyleaf-") {
		removeSocket(old.Socket)
	}
	commandsListener, socket, err := listenSocket()
	if err != nil {
		return err
	}
	defer removeSocket(socket)
	if err := h.setServing(serving{PID: os.Getpid(), Socket: socket, URL: base}); err != nil {
		return fmt.Errorf("saving the address of this process: %w", err)
	}
	defer func() { _ = os.Remove(h.path("serve.json")) }() // a leftover file is harmless: nothing answers at its socket

	// Shutting down cancels requests, because streams would delay it.
	requests, endRequests := context.WithCancel(context.WithoutCancel(ctx))
	defer endRequests()
	inRequests := func(net.Listener) context.Context { return requests }
	hosts := hostsOf(ln.Addr())
	pages := webui.New(webui.Config{Node: l.Device, Token: secret, Starts: starts, Hosts: hosts, Converter: convert.Direct{}, Feed: func(e qa.EventID) string { return feed.SubscriptionPath(feed.TokenFrom(secret), e, false) }})
	api := feed.NewAPI(feed.APIConfig{Node: l.Device, Source: l.ChangeFeeds(), Token: feed.TokenFrom(secret), Hosts: hosts})
	web := listen.Server(routeAPI(api, pages))
	web.BaseContext = inRequests
	commands := listen.Server(socketHandler(l.Device, starts))
	commands.BaseContext = inRequests
	failed := make(chan error, 2)
	go func() { failed <- web.Serve(ln) }()
	go func() { failed <- commands.Serve(commandsListener) }()
	l.Start(ctx)

	start := webui.StartURL(base, starts.New())
	a.printf("Flyleaf is on %s\n", start)
	_ = os.Unsetenv(envPassphrase)                      // programs that are started from here do not need it
	defer func() { _ = os.Remove(h.path(startFile)) }() // `flyleaf desktop` may have written it in another process
	opened, closeOpened := context.WithCancel(context.WithoutCancel(ctx))
	defer closeOpened()
	var ended <-chan error
	if open != nil {
		ended, err = open(opened, base, starts.New())
	}

	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-failed:
		case err = <-ended:
			if ctx.Err() != nil { // the terminal interrupts the browser, too
				err = nil
			}
		}
	}
	closeOpened() // first: while the server answers, pages can save what was typed last
	if ended != nil {
		<-ended
	}
	endRequests()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	return errors.Join(err, web.Shutdown(grace), commands.Shutdown(grace))
}

// alreadyRunningError is the error when another process has the data directory open. If that
// process serves the pages, the error includes a fresh start link.
func alreadyRunningError(ctx context.Context, h home) error {
	if s, serr := h.serving(); serr == nil && s.URL != "" {
		token, err := s.startToken(ctx)
		if err != nil {
			return codedf(exitBusy, "flyleaf already serves this data directory (process %d), but does not answer; its address is %s. Stop it and try again", s.PID, s.URL)
		}
		return codedf(exitBusy, "flyleaf already serves this data directory (process %d). This link opens it once, in one browser: %s", s.PID, webui.StartURL(s.URL, token))
	}
	return codedf(exitBusy, "another flyleaf has the data directory %s open; nothing was changed. Wait until it ends, and try again", h.dir)
}

// routeAPI sends API requests to api and all others to pages. Each checks access itself.
func routeAPI(api, pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, feed.APIPrefix) {
			api.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// openBrowser opens a path of the pages in the default browser, if there is a desktop.
func (a *app) openBrowser(h home, base, token, path string) error {
	if !hasDesktop(runtime.GOOS, os.Getenv) {
		return nil
	}
	file, err := h.writeStartPage(base, token, path)
	if err != nil {
		return err
	}
	browser.Stdout, browser.Stderr = a.std.err, a.std.err
	return browser.OpenFile(file)
}

// hasDesktop reports whether this process can open windows.
func hasDesktop(goos string, getenv func(string) string) bool {
	return goos == "darwin" || goos == "windows" || getenv("DISPLAY") != "" || getenv("WAYLAND_DISPLAY") != ""
}

// writeStartPage writes the file that leads a browser to a path of the pages, and returns its name. A
// browser gets this file and not the start link: all users can see the arguments of a running
// program, but only this user can read the file.
func (h home) writeStartPage(base, token, path string) (string, error) {
	var page bytes.Buffer
	if err := webui.WriteStartPage(&page, base, token, path); err != nil {
		return "", err
	}
	file := h.path(startFile)
	return file, writeFileSynced(file, page.Bytes(), 0o600)
}

// hostsOf lists the accepted Host headers of a listener. For a listener on all interfaces,
// these are only the loopback names, because other names cannot be known.
func hostsOf(addr net.Addr) []string {
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return nil
	}
	hosts := []string{"localhost:" + port, "127.0.0.1:" + port, "[::1]:" + port}
	if own := addr.String(); own != "127.0.0.1:"+port && own != "[::1]:"+port {
		hosts = append(hosts, own)
	}
	return hosts
}

func (a *app) serveTokenCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "token",
		Short: "Print the token that lets other programs read your events",
		Long: `Print the token that lets other programs on this machine read this device's events while
` + "`flyleaf serve`" + ` runs. They send it as "Authorization: Bearer TOKEN". A program with the token can read
all events on this device, but change nothing. /api/v1/openapi.yaml describes the API.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			h, err := a.home(c.Context())
			if err != nil {
				return err
			}
			secret, err := h.secret()
			if err != nil {
				return err
			}
			a.printf("%s\n", feed.TokenFrom(secret))
			return nil
		},
	}
}
