package main

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"flyleaf/publish/ical"
	"flyleaf/qa"
)

// maxCalendar bounds what is read of a calendar that was written before.
const maxCalendar = 16 << 20

func (a *app) icsCmd() *cobra.Command {
	var event, out, url string
	var authors bool
	c := &cobra.Command{
		Use:   "ics [flags]",
		Short: "The days of a week as a calendar file",
		Long: `Write the days of a week as a calendar file (iCalendar), which calendar programs take in:
for readers, or with --authors for the authors, with reminders. Written again over the same
file, entries that have changed get a higher number, so that calendars take the new ones,
and the others stay as they were.`,
		Example: "  flyleaf ics -o the-patient-ledger.ics\n  flyleaf ics --authors -o for-ilse.ics",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				week, err := b.Week(ctx, id)
				if err != nil {
					return err
				}
				if week.Event.Founder == "" {
					return codedf(exitNotFound, "this event has not been fetched yet; try `flyleaf sync`")
				}
				a.warnOdd(&week.Event)
				entries := ical.Readers(&week.Event, string(id), url)
				if authors {
					entries = ical.Authors(&week.Event, string(id), url)
				}
				if len(entries) == 0 {
					return codedf(exitRefused, "this event has no days yet, so there is nothing for a calendar; `flyleaf event set --starts` sets them")
				}
				var previous []byte
				if out != "" && out != "-" {
					if previous, err = readBounded(out, maxCalendar); err != nil && !errors.Is(err, fs.ErrNotExist) {
						return coded(exitRefused, err)
					}
				}
				for i := range entries {
					if previous == nil { // which would say what number an entry had
						entries[i].Sequence = week.Event.Edits
					}
				}
				return a.writeExport(out, ical.Update(previous, ical.Calendar{Name: week.Event.Title, Entries: entries}, time.Now()))
			})
		},
	}
	f := c.Flags()
	f.StringVarP(&out, "output", "o", "", "the `file` to write; standard output without it")
	f.StringVar(&url, "url", "", "the `address` at which the week is read")
	f.BoolVar(&authors, "authors", false, "for the authors: when answers are due, when to choose")
	return eventFlag(c, &event)
}
