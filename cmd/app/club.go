package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"flyleaf/node"
	"flyleaf/qa"
)

// The commands of the group club.

func (a *app) clubNewCmd() *cobra.Command {
	var title, about, language, relay string
	c := &cobra.Command{
		Use:     "new --title TITLE [flags]",
		Short:   "Create a club",
		Long:    "Create a club; prints its ID and the invitation links to share.",
		Example: `  flyleaf club new --title "The Lamplight Readers" --relay ws://127.0.0.1:3030`,
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if strings.TrimSpace(title) == "" {
				return codedf(exitUsage, "a club needs a --title; nothing was created")
			}
			e := qa.Event{Title: title, Description: about, Language: language}
			if relay != "" {
				if err := qa.CheckRelay(relay); err != nil {
					return coded(exitUsage, err)
				}
			}
			return a.with(c.Context(), func(ctx context.Context, b backend) error {
				inv, err := node.CreateClub(ctx, b, e, relay, true)
				if err != nil {
					return a.explain(err)
				}
				return a.printNew("club", inv)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&title, "title", "", "the club's `name`")
	f.StringVar(&about, "about", "", "a description, in Markdown")
	f.StringVar(&language, "language", "", "the `language` spoken, such as en")
	f.StringVar(&relay, "relay", "", "the relay's `address`, ws:// or wss://")
	return a.jsonFlag(c)
}

func (a *app) clubAddCmd() *cobra.Command {
	var club string
	var undo bool
	c := &cobra.Command{
		Use:   "add [flags] EVENT…",
		Short: "Add weeks to a club's list, or remove them",
		Long: `Add weeks to a club's list, or update their entries. With --undo they are removed from
the list; the weeks themselves stay on the devices that have them.`,
		Example: "  flyleaf club add 4rk9\n  flyleaf club add --undo 4rk9",
		Args:    atLeast(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(ctx context.Context, b backend) error {
				to, err := resolveClub(ctx, b, club)
				if err != nil {
					return err
				}
				resolve, list, done := eventsNamed, node.ListInClub, "Added to the list of "+plain(to.Title)+"."
				if undo {
					resolve, list, done = listedWeeksNamed, node.RemoveFromClub, "Removed from the list of "+plain(to.Title)+"."
				}
				weeks, err := resolve(ctx, b, &to, args)
				if err != nil {
					return err
				}
				if err := list(ctx, b, to.ID, weeks); err != nil {
					return a.explain(err)
				}
				return a.done(to.ID, done)
			})
		},
	}
	return a.jsonFlag(clubFlag(undoFlag(c, &undo, "remove the weeks from the list"), &club))
}

// eventsNamed returns the named events on this device.
func eventsNamed(ctx context.Context, b backend, _ *qa.Event, named []string) ([]qa.EventID, error) {
	var ids []qa.EventID
	for _, name := range named {
		id, err := resolveEvent(ctx, b, name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// listedWeeksNamed returns the named weeks of a club's list.
func listedWeeksNamed(_ context.Context, _ backend, club *qa.Event, named []string) ([]qa.EventID, error) {
	var ids []qa.EventID
	for _, name := range named {
		var found []qa.EventID
		for _, w := range club.Weeks {
			if strings.HasPrefix(string(w.ID), name) {
				found = append(found, w.ID)
			}
		}
		if len(found) != 1 {
			return nil, codedf(exitNotFound, "the IDs of %d weeks in the list of %s begin with %q; nothing was changed. `flyleaf club show` lists them", len(found), plain(club.Title), name)
		}
		ids = append(ids, found...)
	}
	return ids, nil
}

// jsonClub is the output of `club show --json`. Its field names must not change.
type jsonClub struct {
	Club     qa.EventID      `json:"club"`
	Title    string          `json:"title"`
	Now      []qa.ListedWeek `json:"now"`
	Upcoming []qa.ListedWeek `json:"upcoming"`
	Archive  []qa.ListedWeek `json:"archive"`
	Fetched  []qa.EventID    `json:"fetched"` // weeks that have been fetched
}

func (a *app) clubShowCmd() *cobra.Command {
	var club string
	c := &cobra.Command{
		Use:   "show [flags]",
		Short: "Show a club's weeks: now, upcoming, past",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(ctx context.Context, b backend) error {
				e, err := resolveClub(ctx, b, club)
				if err != nil {
					return err
				}
				events, err := b.Events(ctx)
				if err != nil {
					return err
				}
				fetched := map[qa.EventID]qa.Event{}
				for _, o := range events {
					if o.Founder != "" {
						fetched[o.ID] = o
					}
				}
				now := time.Now().UnixMilli()
				sorted := qa.NewClub(e, now)
				if a.json {
					j := jsonClub{Club: e.ID, Title: e.Title, Now: nonNil(sorted.Now), Upcoming: nonNil(sorted.Upcoming), Archive: nonNil(sorted.Archive), Fetched: []qa.EventID{}}
					for _, w := range e.Weeks {
						if _, ok := fetched[w.ID]; ok {
							j.Fetched = append(j.Fetched, w.ID)
						}
					}
					slices.Sort(j.Fetched)
					return a.printJSON(j)
				}
				a.printClub(&sorted, fetched, now)
				return nil
			})
		},
	}
	return a.jsonFlag(clubFlag(c, &club))
}

// nonNil turns nil into [], because the JSON output must not contain null.
func nonNil(weeks []qa.ListedWeek) []qa.ListedWeek { return append([]qa.ListedWeek{}, weeks...) }

// printClub prints a club's weeks. The first day of a week that has not been fetched, so that its time
// zone is not known, is in the device's time zone.
func (a *app) printClub(c *qa.Club, fetched map[qa.EventID]qa.Event, nowMillis int64) {
	a.printf("%s  %s\n", c.Event.ID, plain(c.Event.Title))
	if len(c.Event.Weeks) == 0 {
		a.printf("No weeks yet. `flyleaf club add EVENT` adds one.\n")
	}
	section := func(title string, weeks []qa.ListedWeek) {
		if len(weeks) == 0 {
			return
		}
		a.printf("\n%s\n", title)
		for _, w := range weeks {
			day, state, zone := "          ", "", time.Local
			switch e, ok := fetched[w.ID]; {
			case ok:
				zone = e.Location()
			case w.Archived(nowMillis):
				state = "  (fetched when it is opened)"
			default:
				state = "  (not fetched yet)"
			}
			if w.StartsAtMillis != 0 {
				day = time.UnixMilli(w.StartsAtMillis).In(zone).Format(time.DateOnly)
			}
			by := ""
			if w.Authors != "" {
				by = ", " + w.Authors
			}
			a.printf("  %s  %s  %s%s%s\n", day, w.ID, plain(w.Title), plain(by), state)
		}
	}
	section("Now", c.Now)
	section("Upcoming", c.Upcoming)
	section("Past weeks", c.Archive)
}
