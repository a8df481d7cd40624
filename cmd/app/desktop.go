package main

import (
	"context"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"flyleaf/internal/listen"
	"flyleaf/webui"
)

func (a *app) desktopCmd() *cobra.Command {
	var address string
	var install, undo bool
	c := &cobra.Command{
		Use:   "desktop [flags] [LINK]",
		Short: "Open Flyleaf in a window of its own",
		Long: `Open Flyleaf's pages in a window of their own, without tabs and address: a window of Chromium, Chrome,
Edge, Brave or Vivaldi, with a profile that is stored in the data directory. Like ` + "`flyleaf serve`" + `, it
stays connected to the relays of all events; it ends when you close the window (on macOS, when you
quit that browser). If Flyleaf runs already, it opens a window of the running one. Without such a
browser it opens a tab of your browser.

With an invitation, the window asks whether to join; nothing is joined before you say so.

--install adds Flyleaf to the applications of your desktop and lets it open flyleaf: links
(not on macOS and Windows). It prints which files it wrote; --install --undo removes them.`,
		Example: `  flyleaf desktop
  flyleaf desktop flyleaf:2kuc5yuMvWnkErdeNjRzMrhYyHRG@wss://relay.example.org
  flyleaf desktop --install`,
		Args: between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case undo && !install:
				return codedf(exitUsage, "--undo needs --install: without it there is nothing to undo")
			case install && len(args) > 0:
				return codedf(exitUsage, "--install takes no link; nothing was written")
			case install:
				return a.installEntry(c.Context(), undo)
			}
			path := "/"
			if len(args) > 0 {
				inv, err := parseInvitation(args[0])
				if err != nil {
					return err
				}
				path = webui.JoinPath(inv)
			}
			if !hasDesktop(runtime.GOOS, os.Getenv) {
				return codedf(exitError, "there is no desktop to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set). `flyleaf serve` prints an address for a browser")
			}
			home, err := a.home(c.Context())
			if err != nil {
				return err
			}
			return a.desktop(c.Context(), home, address, path)
		},
	}
	listenFlag(c, &address)
	c.Flags().BoolVar(&install, "install", false, "add Flyleaf to the desktop's applications, also for flyleaf: links")
	return undoFlag(c, &undo, "with --install: remove Flyleaf from the desktop's applications")
}

// desktop opens a window at a path of the pages: of the process that serves the data directory, or, if
// none does, of this one.
func (a *app) desktop(ctx context.Context, h home, address, path string) error {
	if err := listen.Check(address); err != nil {
		return codedf(exitUsage, "--listen: %w", err)
	}
	for deadline := time.Now().Add(lockTimeout); ; {
		lock, ok, err := h.lock()
		if err != nil {
			return err
		}
		if ok {
			return a.serveLocked(ctx, h, lock, address, func(ctx context.Context, base, token string) (<-chan error, error) {
				return a.openWindow(ctx, h, base, token, path)
			})
		}
		// The other process may be one that has just started, or a command that ends soon.
		if s, err := h.serving(); err == nil {
			if token, err := s.startToken(ctx); err == nil {
				_ = os.Unsetenv(envPassphrase)                                            // the browser does not need it
				_, err := a.openWindow(context.WithoutCancel(ctx), h, s.URL, token, path) // the window outlives this process
				if err == nil {
					a.printf("Opened a window of the Flyleaf that runs already (process %d).\n", s.PID)
				}
				return err
			}
		}
		if time.Now().After(deadline) {
			return alreadyRunningError(ctx, h)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}
