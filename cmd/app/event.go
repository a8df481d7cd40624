package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"flyleaf/qa"
)

// The command event list.

func (a *app) eventListCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "list [flags]",
		Short: "List the events and clubs on this device",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(ctx context.Context, b backend) error {
				events, err := b.Events(ctx)
				if err != nil {
					return err
				}
				if a.json {
					type jsonEvent struct {
						Event    qa.EventID  `json:"event"`
						Title    string      `json:"title"`
						Subtitle string      `json:"subtitle,omitempty"`
						Authors  string      `json:"authors"`
						StartsAt int64       `json:"startsAt,omitempty"`
						EndsAt   int64       `json:"endsAt,omitempty"`
						Founder  qa.Identity `json:"founder,omitempty"`
						Fetched  bool        `json:"fetched"`
					}
					out := []jsonEvent{}
					for _, e := range events {
						out = append(out, jsonEvent{e.ID, e.Title, e.Subtitle, e.Authors, e.StartsAtMillis, e.EndsAtMillis, e.Founder, e.Founder != ""})
					}
					return a.printJSON(out)
				}
				if len(events) == 0 {
					a.printf("No events yet. `flyleaf event new` creates one, `flyleaf join INVITATION` fetches one.\n")
				}
				for _, e := range events {
					a.printf("%s  %s\n", e.ID, plain(describeEvent(e)))
				}
				return nil
			})
		},
	}
	return a.jsonFlag(c)
}

func describeEvent(e qa.Event) string {
	if e.Founder == "" {
		return "(not fetched yet)"
	}
	e = e.Consistent()
	s := e.Title
	if e.Subtitle != "" {
		s += ": " + e.Subtitle
	}
	if e.Authors != "" {
		s += ", by " + e.Authors
	}
	if e.StartsAtMillis != 0 {
		s += ", from " + time.UnixMilli(e.StartsAtMillis).Format("Mon 2 Jan 2006")
	}
	return s
}

// notFetched is printed for an event of which this device has only the ID.
const notFetched = "This event has not been fetched from its relay yet. `flyleaf sync` fetches it."
