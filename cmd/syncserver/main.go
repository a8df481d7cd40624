// Syncserver is Flyleaf's relay: it keeps events in one SQLite database and
// passes them between the devices that are connected. It is flags, signals and
// wiring; the relay itself is package relay.
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

	"flyleaf/keys"
	"flyleaf/relay"
	"flyleaf/relay/quota"
)

const usage = `Syncserver passes Flyleaf events between devices, and keeps them.

  syncserver                                          on this machine only, for a first try
  syncserver --listen 0.0.0.0:3030 --data /srv/relay  for others, behind a proxy that speaks TLS

Devices are given its address, as ws://HOST:PORT, or wss:// through the proxy:

  flyleaf event new --title "A week" --by "An Author" --relay ws://127.0.0.1:3030

It speaks the automerge-repo WebSocket protocol, so a stock automerge-repo client
can open an event by its document ID. A change is passed on, and said to be here,
only once it is on disk; killing the relay at any time loses nothing of that. Stop
it with Ctrl-C or SIGTERM. Its data can also be deleted: any device that has an
event brings it back.

Flags, each also as an environment variable:

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

// run is main without the process. It returns the exit code.
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

// parse reads flags, whose defaults come from the environment.
func parse(args []string, env func(string) string, stdout, stderr io.Writer) (*Main, error) {
	or := func(name, fallback string) string {
		if v := env(name); v != "" {
			return v
		}
		return fallback
	}
	m := &Main{Stdout: stdout}
	var open, programs, proxy, level string
	fs := flag.NewFlagSet("syncserver", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&m.Listen, "listen", or("SYNCSERVER_LISTEN", "127.0.0.1:3030"), "`address` to listen on; port 0 takes a free one (SYNCSERVER_LISTEN)")
	fs.StringVar(&m.Data, "data", env("SYNCSERVER_DATA"), "`directory` that keeps the events; made if need be\n(SYNCSERVER_DATA; default flyleaf-relay in the user's data directory)")
	fs.BoolFunc("open", "serve any Automerge document, with looser limits (SYNCSERVER_OPEN)", func(s string) error { open = s; return nil })
	fs.BoolFunc("api", "answer GET /api/v1/events/EVENT/changes with the log of open events, to anybody\nwho knows the ID (SYNCSERVER_API)", func(s string) error { programs = s; return nil })
	fs.Func("quota", "`NAME=NUMBER`: a quota other than its default; off for none. May be repeated\n(SYNCSERVER_QUOTAS, separated by commas); the names stand below", m.Quotas.Set)
	fs.Func("address", "the ws:// or wss:// `URL` by which devices reach the relay; needed for events by\ninvitation when that is a name, or a proxy's. May be repeated (SYNCSERVER_ADDRESSES,\nseparated by commas)", func(s string) error { return m.address(s) })
	fs.Func("disk-max", "`bytes` that the data may take, such as 20G; off: as much as there is\n(SYNCSERVER_DISK_MAX; default off)", func(v string) (err error) { m.DiskMax, err = quota.ParseBytes(v); return err })
	fs.Func("disk-reserve", "`bytes` that are left free on the disk, such as 1G, or off; below three times as much\nno events are begun, below two times nobody without a role is let write\n(SYNCSERVER_DISK_RESERVE; default 256M)", func(v string) (err error) { m.DiskReserve, err = quota.ParseBytes(v); return err })
	fs.BoolFunc("behind-proxy", "all connections come through a proxy that says in X-Forwarded-For from where;\nwithout it, quotas of an address do not hold for what comes from this machine\n(SYNCSERVER_BEHIND_PROXY)", func(s string) error { proxy = s; return nil })
	fs.StringVar(&level, "log-level", or("SYNCSERVER_LOG_LEVEL", "info"), "debug, info, warn or error, to standard error (SYNCSERVER_LOG_LEVEL)")
	open = or("SYNCSERVER_OPEN", "false")
	programs = or("SYNCSERVER_API", "false")
	proxy = or("SYNCSERVER_BEHIND_PROXY", "false")
	if urls := env("SYNCSERVER_ADDRESSES"); urls != "" {
		for url := range strings.SplitSeq(urls, ",") {
			if err := m.address(strings.TrimSpace(url)); err != nil {
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
		fmt.Fprint(stdout, "\nQuotas of what people write, with their defaults:\n\n")
		for _, n := range quota.Settings {
			fmt.Fprintf(stdout, "  %-19s %11d  %s\n", n.Name, n.Default(), n.Help)
		}
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("%q is not a flag; nothing else is expected", fs.Arg(0))
	}
	if m.Open, err = yes("open", open); err != nil {
		return nil, err
	}
	if m.API, err = yes("api", programs); err != nil {
		return nil, err
	}
	if m.BehindProxy, err = yes("behind-proxy", proxy); err != nil {
		return nil, err
	}
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q is none of debug, info, warn, error", level)
	}
	m.Log = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: l}))
	return m, nil
}

// address takes a URL by which devices reach the relay.
func (m *Main) address(url string) error {
	if _, err := keys.RelayAddress(url); err != nil {
		return err
	}
	if m.Addresses = append(m.Addresses, url); len(m.Addresses) > relay.MaxOwnAddresses {
		return fmt.Errorf("%d addresses; at most %d are known", len(m.Addresses), relay.MaxOwnAddresses)
	}
	return nil
}

func yes(name, s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "1", "yes":
		return true, nil
	case "false", "0", "no":
		return false, nil
	}
	return false, fmt.Errorf("%s is %q, should be true or false", name, s)
}
