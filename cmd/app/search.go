package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/qa/people"
)

// foundPost is a post in the output of `search --json`. Its field names must not change.
type foundPost struct {
	Event qa.EventID `json:"event"`
	Week  string     `json:"week"` // its title
	jsonPost
}

// defaultLimit is the default of --limit.
const defaultLimit = 50

func (a *app) searchCmd() *cobra.Command {
	var event, by string
	var limit int
	c := &cobra.Command{
		Use:   "search [flags] WORDS…",
		Short: "Search the posts of all weeks on this device",
		Long: `Search all weeks on this device for posts that contain all the words, best matches first. With
--event, search one week only. With --by, find only posts that one person wrote, under any
name. With --by and no WORDS, find all posts of that person.

The person is given as an identity, a beginning of one, or a name, as for ` + "`flyleaf event grant`" + `.`,
		Example: "  flyleaf search double entry\n  flyleaf search --event 4rk9 double entry\n  flyleaf search --by \"Tino\"",
		Args: func(c *cobra.Command, args []string) error {
			if by != "" {
				return nil
			}
			return atLeast(1)(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if limit < 1 {
				return codedf(exitUsage, "--limit takes a number of posts, 1 or more, not %d", limit)
			}
			return a.with(c.Context(), func(ctx context.Context, b backend) error {
				q := node.Query{Words: strings.Join(args, " "), Limit: limit}
				if event != "" {
					id, err := resolveEvent(ctx, b, event)
					if err != nil {
						return err
					}
					q.Event = id
				}
				weeks := node.NewWeekCache(b)
				if by != "" {
					who, err := a.resolveWriter(ctx, weeks, q.Event, by)
					if err != nil {
						return explain(err)
					}
					q.By = who
				}
				hits, total, err := weeks.Search(ctx, q)
				if err != nil {
					return explain(err)
				}
				found, looks := make([]foundPost, len(hits)), map[*qa.Week]*people.Lookalikes{}
				for i, hit := range hits {
					if looks[hit.Week] == nil {
						looks[hit.Week] = people.NewLookalikes(hit.Week)
					}
					j := newJSONPost(hit.Post)
					j.annotate(hit.Week, looks[hit.Week])
					found[i] = foundPost{hit.Week.Event.ID, hit.Week.Event.Title, j}
				}
				if total > limit {
					fmt.Fprintf(a.std.err, "Note: there are more than %d matches; use more words, --event or --limit.\n", limit)
				}
				if a.json {
					return a.printJSON(found)
				}
				a.printFound(found, q.Event != "")
				return nil
			})
		},
	}
	c.Flags().StringVar(&by, "by", "", "only posts that this `person` wrote")
	c.Flags().IntVar(&limit, "limit", defaultLimit, "print at most this `number` of posts")
	return a.jsonFlag(eventFlag(c, &event))
}

// resolveWriter returns the person given by --by. It is an error if different people have that
// name in different weeks.
func (a *app) resolveWriter(ctx context.Context, weeks *node.WeekCache, only qa.EventID, typed string) (qa.Identity, error) {
	events, err := weeks.Fetched(ctx, only)
	if err != nil {
		return "", err
	}
	var fits []people.Found
	var lines []string
	for _, id := range events {
		week, err := weeks.Get(ctx, id)
		if err != nil {
			return "", err
		}
		who, err := people.Resolve(week, typed)
		switch {
		case errors.Is(err, people.ErrNobody):
			continue
		case err != nil:
			return "", coded(exitNotFound, err)
		}
		if !slices.ContainsFunc(fits, func(f people.Found) bool { return f.ID == who.ID }) {
			fits = append(fits, who)
			lines = append(lines, fmt.Sprintf("%s  (in %s)", plainLine(who.String()), plainLine(week.Event.Title)))
		}
	}
	switch len(fits) {
	case 0:
		return "", codedf(exitNotFound, "nobody in these weeks has the name %q or an identity that begins with it", typed)
	case 1:
		fmt.Fprintf(a.std.err, "%s\n", plainLine(fits[0].String()))
		return fits[0].ID, nil
	}
	return "", codedf(exitNotFound, "%q is the name of %d people in different weeks. Give the identity of the person you mean, or choose a week with --event:\n  %s", typed, len(fits), strings.Join(lines, "\n  "))
}

func (a *app) printFound(found []foundPost, oneWeek bool) {
	if len(found) == 0 {
		a.printf("Nothing found.\n")
	}
	for i := range found {
		if !oneWeek && (i == 0 || found[i-1].Event != found[i].Event) {
			if i > 0 {
				a.printf("\n")
			}
			a.printf("%s  %s\n", found[i].Event, plain(found[i].Week))
		}
		a.printPost(&found[i].jsonPost, "")
	}
}
