package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"flyleaf/feed"
	"flyleaf/qa"
)

// The log of changes, for people and for other programs: log, api-token, and where
// a served device answers other programs.

func (a *app) logCmd() *cobra.Command {
	var event string
	var after int64
	var follow bool
	c := &cobra.Command{
		Use:   "log [flags]",
		Short: "What was done in an event, change by change",
		Long: `Print what was done in an event, in the order in which it came to this device.

With --json each line is one entry, with the rows that it touched as they are after it:
whoever applies them in order has an exact copy. The cursor of the last entry is where
--after goes on, for ever. ` + "`flyleaf serve`" + ` answers other programs with the same at
/api/v1/events/EVENT/changes; see ` + "`flyleaf api-token`" + `.

--follow goes through a running ` + "`flyleaf serve`" + `. Where there is none it keeps the link to
the relays itself, and has the data directory to itself until it ends.`,
		Example: `  flyleaf log
  flyleaf log --json --follow --after 120`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if after < 0 {
				return codedf(exitUsage, "--after takes a cursor, which is 0 or more")
			}
			err := a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				return b.Changes(ctx, id, after, follow, a.printEntry)
			})
			if follow && c.Context().Err() != nil {
				return nil // Ctrl-C is how following ends, and no failure
			}
			return err
		},
	}
	c.Flags().Int64Var(&after, "after", 0, "begin after this `cursor`")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what happens from now on, until Ctrl-C")
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
		_, err := fmt.Fprintf(a.std.out, "%6d  %s  %s  some changes left the event; what follows is all there is\n", e.Cursor, at, e.By.Short())
		return err
	}
	for _, d := range e.Did {
		if _, err := fmt.Fprintf(a.std.out, "%6d  %s  %s  %s\n", e.Cursor, at, e.By.Short(), deedLine(d)); err != nil {
			return err
		}
	}
	return nil
}

// deedLine says a deed in one line.
func deedLine(d feed.ChangeDescription) string {
	words := []string{d.Kind}
	if d.Post != "" {
		words = append(words, string(d.Post))
	}
	if d.Parent != "" {
		words = append(words, "to "+string(d.Parent))
	}
	if d.Person != "" {
		words = append(words, d.Person.Short())
	}
	if d.Key != "" {
		words = append(words, d.Key)
	}
	switch d.Kind {
	case feed.KindWithdraw, feed.KindReact, feed.KindRole:
		if !d.On {
			words = append(words, "off")
		}
	case feed.KindMark:
		switch {
		case d.Text != "":
		case d.On:
			words = append(words, "on")
		default:
			words = append(words, "off")
		}
	}
	if text, ok := d.Value.(string); ok {
		words = append(words, oneLine(text))
	} else if d.Value != nil {
		words = append(words, fmt.Sprint(d.Value))
	}
	if d.Text != "" {
		words = append(words, oneLine(d.Text))
	}
	return plainLine(strings.Join(words, " "))
}

// oneLine shortens a text to the beginning of its first words, in quotes.
func oneLine(text string) string {
	const most = 60
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > most {
		runes = append(runes[:most-1], '…')
	}
	return strconv.Quote(string(runes))
}

func (a *app) apiTokenCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "api-token",
		Short: "Print the token with which other programs may read this device's events",
		Long: `Print the token with which other programs on this machine may read this device's
events while ` + "`flyleaf serve`" + ` runs, as "Authorization: Bearer TOKEN". Whoever has it can
read everything here, and change nothing. /api/v1/openapi.yaml describes what there is.`,
		Args: cobra.NoArgs,
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

// feedCmd prints the address of an event's feed on this device.
func (a *app) feedCmd() *cobra.Command {
	var event string
	var json bool
	c := &cobra.Command{
		Use:   "feed",
		Short: "Print the address of an event's feed, for a feed reader on this machine",
		Long: `Print the address at which a feed reader on this machine finds an event's new questions
and answers while ` + "`flyleaf serve`" + ` runs. Whoever has the address can read this event's feed
and nothing else. Feeds for everybody are part of what ` + "`flyleaf publish --base-url`" + ` writes.`,
		Args: cobra.NoArgs,
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
	c.Flags().BoolVar(&json, "json-feed", false, "the JSON Feed instead of the Atom one")
	return eventFlag(c, &event)
}
