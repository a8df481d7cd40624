package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"flyleaf/qa"
	"flyleaf/qa/people"
)

// The commands list and show, and how posts are printed.

// jsonPost is a post in the output of `list --json` and `show --json`. Its field names must not
// change.
type jsonPost struct {
	ID         qa.PostID      `json:"id"`
	Name       string         `json:"name"` // display name
	OnBehalfOf string         `json:"onBehalfOf"`
	By         qa.Identity    `json:"by"`
	Text       string         `json:"text"`
	At         int64          `json:"at"`              // ms since 1970 UTC by the writer's clock; time of receipt if that clock was wrong
	Clock      *int64         `json:"clock,omitempty"` // time by the writer's clock, if that was wrong
	Author     bool           `json:"author"`
	Withdrawn  bool           `json:"withdrawn,omitempty"`
	Void       bool           `json:"void,omitempty"`   // its writer signed two versions of a change
	Hidden     string         `json:"hidden,omitempty"` // the reason; "" if it is not hidden
	HiddenBy   qa.Identity    `json:"hiddenBy,omitempty"`
	Awaiting   bool           `json:"awaiting,omitempty"` // not approved yet
	Pinned     bool           `json:"pinned,omitempty"`
	Blocked    bool           `json:"blocked,omitempty"` // its writer is blocked
	Late       bool           `json:"late,omitempty"`
	Tags       []string       `json:"tags,omitempty"`
	Versions   []qa.Revision  `json:"versions,omitempty"` // only when edited concurrently
	Reactions  []jsonReaction `json:"reactions,omitempty"`
	Parent     qa.PostID      `json:"parent,omitempty"`
	Source     string         `json:"source,omitempty"`
	Revisions  int            `json:"revisions"`
	Answered   *bool          `json:"answered,omitempty"` // questions only
	Wants      int            `json:"wants,omitempty"`
	Duplicate  qa.PostID      `json:"duplicateOf,omitempty"`
	Replies    *[]jsonPost    `json:"replies,omitempty"` // questions only
	// NotTheirs warns of a name that looks like somebody else's: "not the author …".
	NotTheirs string `json:"notTheirs,omitempty"`

	badge string // the writer's role, set by annotate; "" for a reader
	hider string // the name of the moderator who hid the post, set by annotate
}

// annotate sets badge, hider and NotTheirs of the post and its replies.
func (j *jsonPost) annotate(w *qa.Week, l *people.Lookalikes) {
	view := qa.PostView{Post: qa.Post{By: j.By, OnBehalfOf: j.OnBehalfOf}, Name: j.Name, ByAuthor: j.Author}
	j.NotTheirs = l.Post(&view).String()
	switch {
	case j.Author:
		j.badge = "author"
	case j.OnBehalfOf != "": // its writer only imported it
	case w.Event.HasRole(j.By, qa.RoleOrganiser):
		j.badge = "organiser"
	case w.Event.HasRole(j.By, qa.RoleModerator):
		j.badge = "moderator"
	}
	if j.HiddenBy != "" {
		j.hider = l.Call(j.HiddenBy)
	}
	if j.Replies != nil {
		for i := range *j.Replies {
			(*j.Replies)[i].annotate(w, l)
		}
	}
}

type jsonReaction struct {
	Emoji string `json:"emoji"`
	Count int    `json:"count"`
}

func newJSONPost(p *qa.PostView) jsonPost {
	j := jsonPost{
		ID: p.ID, Name: p.Name, OnBehalfOf: p.OnBehalfOf, By: p.By, Text: p.Text(), At: p.AtMillis,
		Author: p.ByAuthor, Withdrawn: p.Withdrawn, Void: p.Void, Hidden: p.Marks.Hidden, HiddenBy: p.Marks.HiddenBy, Tags: p.Tags,
		Awaiting: p.NeedsApproval, Pinned: p.Marks.Pinned, Blocked: p.Blocked, Late: p.Late,
		Parent: p.Parent, Source: p.Source, Revisions: len(p.Revisions),
	}
	if p.ClockWrong() {
		j.Clock = &p.ClockMillis
	}
	if p.OnBehalfOf != "" {
		j.OnBehalfOf = p.Name // cleaned
	}
	if v := p.Versions(); len(v) > 1 && p.Shown() {
		j.Versions = v
	}
	for _, r := range p.Reactions { // ascending by emoji
		if n := len(j.Reactions); n > 0 && j.Reactions[n-1].Emoji == r.Emoji {
			j.Reactions[n-1].Count++
		} else {
			j.Reactions = append(j.Reactions, jsonReaction{r.Emoji, 1})
		}
	}
	if !p.Shown() {
		j.Text = "" // show prints the history of hidden posts
	}
	return j
}

func newJSONThread(t *qa.Thread) jsonPost {
	j := newJSONPost(&t.Question)
	replies := make([]jsonPost, len(t.Replies))
	for i := range t.Replies {
		replies[i] = newJSONPost(&t.Replies[i])
	}
	j.Replies, j.Answered, j.Wants, j.Duplicate = &replies, &t.Answered, t.Wants, t.DuplicateOf
	return j
}

func (a *app) listCmd() *cobra.Command {
	var event string
	var unanswered bool
	c := &cobra.Command{
		Use:   "list [flags]",
		Short: "List the questions and replies of an event",
		Long: `List the questions of an event with their replies, in the same order as on the event's page.
Each post begins with the writer's role in this event, then name, time and post ID.`,
		Example: "  flyleaf list\n  flyleaf list --unanswered",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withWeek(c.Context(), event, func(ctx context.Context, b backend, week *qa.Week) error {
				threads, look := []jsonPost{}, people.NewLookalikes(week)
				for i := range week.Threads {
					t := &week.Threads[i]
					if unanswered && !t.Open() {
						continue
					}
					j := newJSONThread(t)
					j.annotate(week, look)
					threads = append(threads, j)
				}
				a.noteContradictions(&week.Event)
				if a.json {
					return a.printJSON(threads)
				}
				switch {
				case len(threads) > 0:
				case week.Event.Founder == "":
					a.printf("%s\n", notFetched)
				case len(week.Threads) > 0:
					a.printf("No open questions.\n")
				default:
					a.printf("No questions yet. `flyleaf ask` asks the first one.\n")
				}
				for i := range threads {
					a.printThread(&threads[i])
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&unanswered, "unanswered", false, "only open questions: not answered, not hidden, not a duplicate")
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) printThread(t *jsonPost) {
	a.printPost(t, "")
	if t.Replies != nil {
		for i := range *t.Replies {
			a.printPost(&(*t.Replies)[i], "  ")
		}
	}
	a.printf("\n")
}

// printPost prints a post, indented by up to two columns. Its text is indented by at least four,
// so that no line of it can look like the head line of a reply.
func (a *app) printPost(p *jsonPost, indent string) {
	// The role is a column of its own before the name, and never empty, so that no name can
	// look like a role.
	badge := p.badge
	if badge == "" {
		badge = "reader"
	}
	state := ""
	if p.NotTheirs != "" {
		state = "  [" + p.NotTheirs + "]"
	}
	if p.Answered != nil && *p.Answered {
		state += "  answered"
	}
	if p.Wants > 0 {
		state += fmt.Sprintf("  wanted by %d", p.Wants)
	}
	for _, note := range []struct {
		set  bool
		text string
	}{
		{p.Pinned, "pinned"},
		{p.Awaiting, "waiting for approval"},
		{p.Late, "late"},
		{p.Duplicate != "", "duplicate of " + string(p.Duplicate)},
		{p.Clock != nil, "clock was wrong: time of receipt"},
	} {
		if note.set {
			state += "  " + note.text
		}
	}
	a.printf("%s%-9s  %s  %s  %s%s\n", indent, badge, plainName(p.Name), stamp(p.At), p.ID, state)
	text := p.Text
	switch {
	case p.Void:
		text = "(void: two versions were signed)"
	case p.Withdrawn:
		text = "(withdrawn)"
	case p.Hidden != "" && p.hider != "":
		text = "(hidden by " + p.hider + ": " + p.Hidden + ")"
	case p.Hidden != "":
		text = "(hidden: " + p.Hidden + ")"
	case p.Blocked:
		text = "(its writer is blocked)"
	}
	for line := range strings.SplitSeq(plain(text), "\n") {
		a.printf("%s    %s\n", indent, line)
	}
	if len(p.Versions) > 1 {
		a.printf("%s    (edited on %d devices while offline; `flyleaf show %s` shows all texts)\n", indent, len(p.Versions), p.ID)
	}
}

// stamp formats a time in this device's time zone, with the year unless it is the current one.
func stamp(millis int64) string { return stampAt(millis, time.Now()) }

func stampAt(millis int64, now time.Time) string {
	t := time.UnixMilli(millis).In(now.Location())
	switch y := t.Year(); {
	case y < 1 || y > 9999:
		return "(no valid time)"
	case y != now.Year():
		return t.Format("Mon 2 Jan 2006 15:04")
	}
	return t.Format("Mon 2 Jan 15:04")
}

func (a *app) showCmd() *cobra.Command {
	var event string
	c := &cobra.Command{
		Use:     "show [flags] POST",
		Short:   "Show a post with its replies and its history",
		Example: "  flyleaf show 0b1c2d3e4f5a6b7c-abcdefghijklm-24",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withPost(c.Context(), event, args[0], func(ctx context.Context, b backend, id qa.EventID, post qa.PostID) error {
				week, err := b.Week(ctx, id)
				if err != nil {
					return err
				}
				look := people.NewLookalikes(&week)
				for i := range week.Threads {
					t := &week.Threads[i]
					if t.Question.ID == post {
						j := newJSONThread(t)
						j.annotate(&week, look)
						return a.show(j, &t.Question)
					}
					for k := range t.Replies {
						if t.Replies[k].ID == post {
							j := newJSONPost(&t.Replies[k])
							j.annotate(&week, look)
							return a.show(j, &t.Replies[k])
						}
					}
				}
				return codedf(exitNotFound, "no post %q in this event", post)
			})
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) show(p jsonPost, view *qa.PostView) error {
	revisions := view.Revisions
	if a.json {
		history := revisions
		if p.Withdrawn || p.Void {
			history = []qa.Revision{}
		}
		return a.printJSON(struct {
			jsonPost
			Appeal  string        `json:"appeal,omitempty"` // what the writer answers to the reason for hiding it
			History []qa.Revision `json:"history"`
		}{p, view.Appeal(), history})
	}
	a.printThread(&p)
	concealed := p.Hidden != "" || p.Blocked
	if (len(revisions) > 1 || concealed) && !p.Withdrawn && !p.Void {
		a.printf("Texts, the oldest first:\n")
		for _, r := range revisions {
			note := ""
			if !r.Superseded && !concealed {
				note = "  (shown)"
			}
			a.printf("  %s  %s%s\n", r.ID, stamp(r.AtMillis), note)
			for line := range strings.SplitSeq(plain(r.Text), "\n") {
				a.printf("    %s\n", line)
			}
		}
	}
	if appeal := view.Appeal(); appeal != "" {
		a.printf("Its writer asks for it to be shown again:\n")
		for line := range strings.SplitSeq(plain(appeal), "\n") {
			a.printf("    %s\n", line)
		}
	}
	return nil
}
