package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"flyleaf/feed"
	"flyleaf/qa"
)

// The commands event log and event feed.

func (a *app) eventLogCmd() *cobra.Command {
	var event string
	var after int64
	var follow bool
	c := &cobra.Command{
		Use:   "log [flags]",
		Short: "Show all changes of an event, for other programs",
		Long: `Show all changes of an event, in the order in which they reached this device.

With --json each line is one entry, with the rows that it changed in their new state: a
program that applies them in order has an exact copy. Store the cursor of the last entry:
--after continues from there at any later time. ` + "`flyleaf serve`" + ` serves the same
to other programs over HTTP, at /api/v1/events/EVENT/changes; see ` + "`flyleaf serve token`" + `.

--follow uses a running ` + "`flyleaf serve`" + `. If none is running it connects to the
relays itself, and no other command can use the data directory until it ends.`,
		Example: `  flyleaf event log
  flyleaf event log --json --follow --after 120`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if after < 0 {
				return codedf(exitUsage, "--after takes a cursor, which is 0 or more")
			}
			err := a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				return b.Changes(ctx, id, after, follow, a.printEntry)
			})
			if follow && c.Context().Err() != nil {
				return nil // Ctrl-C is the normal end of --follow
			}
			return err
		},
	}
	c.Flags().Int64Var(&after, "after", 0, "start after this `cursor`")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "keep printing new changes, until Ctrl-C")
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) printEntry(e feed.Entry) error {
	if a.json {
		b, err := json.Marshal(e)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.std.out, "%s\n", escapeJSON(b))
		return err
	}
	at := time.UnixMilli(e.At).Format("2006-01-02 15:04:05")
	if e.Reset {
		_, err := fmt.Fprintf(a.std.out, "%6d  %s  %s  some changes were removed from the event; the complete remaining state follows\n", e.Cursor, at, e.By.Short())
		return err
	}
	for _, d := range e.Did {
		if _, err := fmt.Fprintf(a.std.out, "%6d  %s  %s  %s\n", e.Cursor, at, e.By.Short(), plainLine(d.String())); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) eventFeedCmd() *cobra.Command {
	var event string
	var json bool
	c := &cobra.Command{
		Use:   "feed [flags]",
		Short: "Print the address of an event's feed, for your feed reader",
		Long: `Print the address at which a feed reader on this machine finds new questions and answers of
an event, while ` + "`flyleaf serve`" + ` runs. Anybody who has the address can read the feed of this
event, and nothing else. ` + "`flyleaf publish --base-url`" + ` writes feeds for everybody.`,
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
			at := "http://" + defaultListen
			if s, err := h.serving(); err == nil {
				if u, err := url.Parse(s.URL); err == nil && u.Host != "" {
					at = u.Scheme + "://" + u.Host
				}
			}
			return a.withEvent(c.Context(), event, func(_ context.Context, _ backend, id qa.EventID) error {
				a.printf("%s%s\n", at, feed.SubscriptionPath(feed.TokenFrom(secret), id, json))
				return nil
			})
		},
	}
	c.Flags().BoolVar(&json, "json-feed", false, "a JSON Feed instead of an Atom feed")
	return eventFlag(c, &event)
}
