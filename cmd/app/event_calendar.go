package main

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"flyleaf/node"
	"flyleaf/publish/ical"
	"flyleaf/qa"
)

// maxCalendar is the maximum size of an earlier calendar file, in bytes.
const maxCalendar = 16 << 20

func (a *app) eventCalendarCmd() *cobra.Command {
	var event, out, url string
	var authors bool
	c := &cobra.Command{
		Use:   "calendar [flags]",
		Short: "Write the days of a week as a calendar file (.ics)",
		Long: `Write the days of a week as a calendar file (iCalendar, .ics) for calendar programs: for
readers, or with --authors for the authors, with reminders. If you overwrite an earlier file,
changed entries get a higher sequence number, so that calendar programs update them.`,
		Example: "  flyleaf event calendar -o the-patient-ledger.ics\n  flyleaf event calendar --authors -o for-ilse.ics",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				week, err := node.FetchedWeek(ctx, b, id)
				if err != nil {
					return a.explain(err)
				}
				a.noteContradictions(&week.Event)
				var previous []byte
				if out != "" && out != "-" {
					if previous, err = readBounded(out, maxCalendar); err != nil && !errors.Is(err, fs.ErrNotExist) {
						return coded(exitRefused, err)
					}
				}
				calendar := ical.OfWeek(&week.Event, authors, url, previous, time.Now())
				if calendar == nil {
					return codedf(exitRefused, "this event has no dates yet, so no calendar was written. `flyleaf event set --starts` sets them")
				}
				return a.writeExport(out, calendar)
			})
		},
	}
	f := c.Flags()
	f.StringVarP(&out, "output", "o", "", "the `file` to write; standard output without it")
	f.StringVar(&url, "url", "", "the web `address` of the week, added to the entries")
	f.BoolVar(&authors, "authors", false, "for the authors: when answers are due, when to choose the winners")
	return eventFlag(c, &event)
}
