// Syncserver is Flyleaf's relay: it stores events in one SQLite database and passes them between
// connected devices. This package has only flags, signals and wiring; the relay is package relay.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"flyleaf/internal/version"
	"flyleaf/keys"
	"flyleaf/relay"
	"flyleaf/relay/quota"
)

const usage = `Syncserver is a Flyleaf relay: it stores events and passes them between devices.

  syncserver                                          for this machine only, to try it
  syncserver --listen 0.0.0.0:3030 --data /srv/relay  for others, behind a TLS proxy

Give devices its address, ws://HOST:PORT, or wss://HOST through the proxy:

  flyleaf event new --title "A week" --by "An Author" --relay ws://127.0.0.1:3030

It speaks the automerge-repo WebSocket protocol, so a stock automerge-repo client
can open an event by its document ID. The relay announces and forwards a change only
after writing it to disk, so killing the relay at any time loses nothing. Stop it with
Ctrl-C or SIGTERM. You can even delete its data: devices upload their events again.

Flags, also available as environment variables:

`

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal during the graceful stop ends the process at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without exiting. It returns the exit code.
func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) int {
	m, err := parse(args, env, stdout, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "syncserver: %v\nSee syncserver --help\n", err)
		return exitUsage
	}
	if err := m.Run(ctx); err != nil {
		fmt.Fprintf(stderr, "syncserver: %v\n", err)
		return exitFailed
	}
	return 0
}

// parse reads the environment and the flags. A flag overrides its environment variable; --address adds
// to SYNCSERVER_ADDRESSES, and --quota overrides the quota of the same name. It returns flag.ErrHelp if it
// has printed the help or the version and there is nothing to run.
func parse(args []string, env func(string) string, stdout, stderr io.Writer) (*Main, error) {
	envOr := func(name, fallback string) string {
		if v := env(name); v != "" {
			return v
		}
		return fallback
	}
	m := &Main{Stdout: stdout}
	var open, api, web, proxy, level string
	fs := flag.NewFlagSet("syncserver", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&m.Listen, "listen", envOr("SYNCSERVER_LISTEN", "127.0.0.1:3030"), "`address` to listen on; port 0 picks a free port (SYNCSERVER_LISTEN)")
	fs.StringVar(&m.Data, "data", env("SYNCSERVER_DATA"), "`directory` for the events; created if missing\n(SYNCSERVER_DATA; default flyleaf-relay in the user's data directory)")
	fs.BoolFunc("open", "serve any Automerge document, with looser limits (SYNCSERVER_OPEN)", func(s string) error { open = s; return nil })
	fs.BoolFunc("api", "serve the change feed of events that are not invitation-only at /api/v1/events/EVENT/changes, to anybody\nwho knows the ID (SYNCSERVER_API)", func(s string) error { api = s; return nil })
	fs.BoolFunc("web", "serve Flyleaf for the browser at /, so that a reader needs only a link; --web=false\nserves only the relay; --web=DIRECTORY serves what make web wrote there (SYNCSERVER_WEB; default true)", func(s string) error { web = s; return nil })
	fs.Func("quota", "`NAME=NUMBER`: set a quota; off for no limit. May be repeated (SYNCSERVER_QUOTAS,\nseparated by commas); the names are listed below", m.Quotas.Set)
	fs.Func("address", "the ws:// or wss:// `URL` by which devices reach the relay; required for\ninvitation-only events if devices use a host name or a proxy. May be repeated (SYNCSERVER_ADDRESSES,\nseparated by commas)", func(s string) error { return m.addAddress(s) })
	fs.Func("disk-max", "maximum size of the data in `bytes`, such as 20G; off: no limit\n(SYNCSERVER_DISK_MAX; default off)", func(v string) (err error) { m.DiskMax, err = quota.ParseBytes(v); return err })
	fs.Func("disk-reserve", "`bytes` to leave free on the disk, such as 1G, or off; while less than three times this is\nfree, no new events are accepted; while less than twice this is, only changes by people with a role\n(SYNCSERVER_DISK_RESERVE; default 256M)", func(v string) (err error) { m.DiskReserve, err = quota.ParseBytes(v); return err })
	fs.BoolFunc("behind-proxy", "all connections come through a proxy that sets X-Forwarded-For; without this flag,\nper-address quotas do not apply to connections from this machine\n(SYNCSERVER_BEHIND_PROXY)", func(s string) error { proxy = s; return nil })
	fs.StringVar(&level, "log-level", envOr("SYNCSERVER_LOG_LEVEL", "info"), "debug, info, warn or error, to standard error (SYNCSERVER_LOG_LEVEL)")
	printVersion := fs.Bool("version", false, "print the version of this program")
	open = envOr("SYNCSERVER_OPEN", "false")
	api = envOr("SYNCSERVER_API", "false")
	web = envOr("SYNCSERVER_WEB", "true")
	proxy = envOr("SYNCSERVER_BEHIND_PROXY", "false")
	if urls := env("SYNCSERVER_ADDRESSES"); urls != "" {
		for url := range strings.SplitSeq(urls, ",") {
			if err := m.addAddress(strings.TrimSpace(url)); err != nil {
				return nil, fmt.Errorf("SYNCSERVER_ADDRESSES: %w", err)
			}
		}
	}
	if settings := env("SYNCSERVER_QUOTAS"); settings != "" {
		for setting := range strings.SplitSeq(settings, ",") {
			if err := m.Quotas.Set(strings.TrimSpace(setting)); err != nil {
				return nil, fmt.Errorf("SYNCSERVER_QUOTAS: %w", err)
			}
		}
	}
	for name, into := range map[string]*int64{"SYNCSERVER_DISK_MAX": &m.DiskMax, "SYNCSERVER_DISK_RESERVE": &m.DiskReserve} {
		if v := env(name); v != "" {
			var err error
			if *into, err = quota.ParseBytes(v); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		fmt.Fprint(stdout, "\nQuotas and their defaults:\n\n")
		for _, n := range quota.Settings {
			fmt.Fprintf(stdout, "  %-19s %11d  %s\n", n.Name, n.Default(), n.Help)
		}
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	if *printVersion {
		fmt.Fprintf(stdout, "syncserver %s\n", version.Read())
		return nil, flag.ErrHelp
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if m.Open, err = parseBool("open", open); err != nil {
		return nil, err
	}
	if m.API, err = parseBool("api", api); err != nil {
		return nil, err
	}
	if m.Web, err = parseBool("web", web); err != nil {
		m.Web, m.WebDir = true, web
	}
	if m.BehindProxy, err = parseBool("behind-proxy", proxy); err != nil {
		return nil, err
	}
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q must be one of debug, info, warn, error", level)
	}
	m.Log = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: l}))
	return m, nil
}

// addAddress adds a URL by which devices reach the relay.
func (m *Main) addAddress(url string) error {
	if _, err := keys.RelayAddress(url); err != nil {
		return err
	}
	if m.Addresses = append(m.Addresses, url); len(m.Addresses) > relay.MaxOwnAddresses {
		return fmt.Errorf("%d addresses; at most %d are supported", len(m.Addresses), relay.MaxOwnAddresses)
	}
	return nil
}

func parseBool(name, s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "1", "yes":
		return true, nil
	case "false", "0", "no":
		return false, nil
	}
	return false, fmt.Errorf("%s must be true or false, not %q", name, s)
}
