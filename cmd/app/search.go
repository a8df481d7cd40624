package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/qa/people"
)

// foundPost is a post as `search --json` prints it. The names are a contract.
type foundPost struct {
	Event qa.EventID `json:"event"`
	Week  string     `json:"week"` // its title
	jsonPost
}

// maxFound is how many posts a search prints unless --limit says otherwise.
const maxFound = 50

func (a *app) searchCmd() *cobra.Command {
	var event, by string
	var limit int
	c := &cobra.Command{
		Use:   "search [flags] WORDS…",
		Short: "Search the posts of all weeks on this device",
		Long: `Search the posts of all weeks on this device for posts that contain all the words, best matches
first. With --event, search one week only. With --by, find only what one person wrote,
whatever name it is shown under; without words, everything they wrote.

PERSON is an identity, a beginning of one, or a name, as for ` + "`flyleaf event grant`" + `.`,
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
				s := search{words: strings.Join(args, " "), by: by, limit: limit}
				if event != "" {
					id, err := resolveEvent(ctx, b, event)
					if err != nil {
						return err
					}
					s.only = id
				}
				found, more, err := a.search(ctx, b, &s)
				if err != nil {
					return explain(err)
				}
				if more {
					fmt.Fprintf(a.std.err, "Note: there are more than %d; use more words, --event or --limit.\n", limit)
				}
				if a.json {
					return a.printJSON(found)
				}
				a.printFound(found, s.only != "")
				return nil
			})
		},
	}
	c.Flags().StringVar(&by, "by", "", "only what this `person` wrote")
	c.Flags().IntVar(&limit, "limit", maxFound, "print at most this `number` of posts")
	return a.jsonFlag(eventFlag(c, &event))
}

// search is what is searched for.
type search struct {
	only  qa.EventID // "": in all weeks
	words string     // "": everything that somebody wrote
	by    string     // a person as they were typed; "": anybody
	limit int
}

// search returns the posts that are found, and whether there are more. Only posts that are
// shown are.
func (a *app) search(ctx context.Context, b backend, s *search) (found []foundPost, more bool, err error) {
	weeks := weeks{b: b, all: map[qa.EventID]*qa.Week{}}
	var who qa.Identity
	if s.by != "" {
		if who, err = a.author(ctx, &weeks, s); err != nil {
			return nil, false, err
		}
	}
	hits, err := s.hits(ctx, &weeks, who)
	if err != nil {
		return nil, false, err
	}
	found = []foundPost{}
	looks := map[qa.EventID]*people.Lookalikes{}
	for _, hit := range hits {
		week, err := weeks.get(ctx, hit.Event)
		if err != nil {
			return nil, false, err
		}
		p := week.Post(hit.Post)
		if p == nil || !p.Shown() || who != "" && p.By != who {
			continue
		}
		if len(found) == s.limit {
			return found, true, nil
		}
		if looks[hit.Event] == nil {
			looks[hit.Event] = people.NewLookalikes(week)
		}
		j := newJSONPost(p)
		j.tell(week, looks[hit.Event])
		found = append(found, foundPost{hit.Event, week.Event.Title, j})
	}
	return found, false, nil
}

// hits lists the posts that may be meant: those with the words, best first, or all of one
// person.
func (s *search) hits(ctx context.Context, weeks *weeks, who qa.Identity) (hits []node.FoundPost, err error) {
	most := s.limit + 1 + notShown
	if who != "" {
		most = math.MaxInt32 // theirs may be the last
	}
	switch {
	case s.words != "" && s.only == "":
		return weeks.b.SearchAll(ctx, s.words, most)
	case s.words != "":
		posts, err := weeks.b.Search(ctx, s.only, s.words, most)
		for _, p := range posts {
			hits = append(hits, node.FoundPost{Event: s.only, Post: p})
		}
		return hits, err
	}
	events, err := weeks.searched(ctx, s.only)
	for _, id := range events {
		week, err := weeks.get(ctx, id)
		if err != nil {
			return nil, err
		}
		week.EachPost(func(p *qa.PostView) {
			if p.By == who {
				hits = append(hits, node.FoundPost{Event: id, Post: p.ID})
			}
		})
	}
	return hits, err
}

// notShown is how many more posts a search asks for than it prints, because some of them
// may be hidden or withdrawn.
const notShown = 1000

// author finds the person that --by names. A name may be that of several people in
// different weeks; then nobody is meant.
func (a *app) author(ctx context.Context, weeks *weeks, s *search) (qa.Identity, error) {
	events, err := weeks.searched(ctx, s.only)
	if err != nil {
		return "", err
	}
	var fits []people.Found
	var lines []string
	for _, id := range events {
		week, err := weeks.get(ctx, id)
		if err != nil {
			return "", err
		}
		who, err := people.Resolve(week, s.by)
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
		return "", codedf(exitNotFound, "nobody in these weeks is called %q, and no identity begins with that", s.by)
	case 1:
		fmt.Fprintf(a.std.err, "%s\n", plainLine(fits[0].String()))
		return fits[0].ID, nil
	}
	return "", codedf(exitNotFound, "%q is the name of %d people in different weeks. Give the identity of the one you mean, or name the week with --event:\n  %s", s.by, len(fits), strings.Join(lines, "\n  "))
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

// weeks are the weeks that were looked at, each loaded once.
type weeks struct {
	b   backend
	all map[qa.EventID]*qa.Week
}

func (w *weeks) get(ctx context.Context, id qa.EventID) (*qa.Week, error) {
	if w.all[id] == nil {
		week, err := w.b.Week(ctx, id)
		if err != nil {
			return nil, err
		}
		w.all[id] = &week
	}
	return w.all[id], nil
}

// searched lists the one event that is named, or all weeks that have been fetched.
func (w *weeks) searched(ctx context.Context, only qa.EventID) (ids []qa.EventID, err error) {
	if only != "" {
		return []qa.EventID{only}, nil
	}
	events, err := w.b.Events(ctx)
	for i := range events {
		if events[i].Founder != "" && events[i].Kind != "club" {
			ids = append(ids, events[i].ID)
		}
	}
	return ids, err
}
