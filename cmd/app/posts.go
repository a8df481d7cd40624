package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/yuin/goldmark-emoji/definition"

	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/qa/people"
)

// The commands about posts: ask, reply, list, show, search, and of the group post: edit,
// withdraw, react.

func (a *app) askCmd() *cobra.Command {
	var event, behalf string
	var tags []string
	var anonymous bool
	c := &cobra.Command{
		Use:   "ask [flags] TEXT|-",
		Short: "Ask a question",
		Long: `Ask a question; prints its post ID. The question is saved on this device first, with or
without a network. It is sent with the next ` + "`flyleaf sync`" + `, or while ` + "`flyleaf serve`" + ` runs.

--anonymous asks with a key that is made for this one question and kept on this device only:
nobody in the event can tell who asked, and only this device can edit the question or win
with it. Everything that you wrote before must have been sent, because a question shows what
its writer had seen. The relay can still see which address the question came from, and people
may recognise your style.`,
		Example: `  flyleaf ask "May nothing ever be changed?"
  flyleaf ask --on-behalf-of "Maren Holt" --tag bookkeeping "How do I begin?"
  flyleaf ask - < question.md`,
		Args: atLeast(1),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := a.textArg(args)
			if err != nil {
				return err
			}
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				return a.post(ctx, b, id, qa.Act{Kind: qa.ActPost, Text: text, OnBehalfOf: behalf, Tags: tags, Anonymous: anonymous})
			})
		},
	}
	c.Flags().StringVar(&behalf, "on-behalf-of", "", "ask for somebody else, whose `name` is shown")
	c.Flags().StringArrayVar(&tags, "tag", nil, "a `tag`; can be repeated")
	c.Flags().BoolVar(&anonymous, "anonymous", false, "ask without your name")
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) replyCmd() *cobra.Command {
	var event, behalf string
	var anonymous bool
	c := &cobra.Command{
		Use:     "reply [flags] POST TEXT|-",
		Short:   "Reply to a post",
		Long:    "Reply to a question or to another reply; prints the reply's post ID.",
		Example: `  flyleaf reply 0b1c2d3e4f5a6b7c-abcdefghijklm-24 "With two people and one cash box."`,
		Args:    atLeast(2),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := a.textArg(args[1:])
			if err != nil {
				return err
			}
			return a.withPost(c.Context(), event, args[0], func(ctx context.Context, b backend, id qa.EventID, post qa.PostID) error {
				return a.post(ctx, b, id, qa.Act{Kind: qa.ActPost, Parent: post, Text: text, OnBehalfOf: behalf, Anonymous: anonymous})
			})
		},
	}
	c.Flags().StringVar(&behalf, "on-behalf-of", "", "reply for somebody else, whose `name` is shown")
	c.Flags().BoolVar(&anonymous, "anonymous", false, "reply as the unnamed asker, under an anonymous question of yours")
	return a.jsonFlag(eventFlag(c, &event))
}

// post does the act and prints the new post's ID.
func (a *app) post(ctx context.Context, b backend, event qa.EventID, act qa.Act) error {
	id, err := b.Do(ctx, event, act)
	if err != nil {
		return a.explain(err)
	}
	if a.json {
		return a.printJSON(map[string]qa.PostID{"post": id})
	}
	a.printf("%s\n", id)
	return nil
}

// withPost is withEvent for a command about one post.
func (a *app) withPost(ctx context.Context, event, typed string, fn func(context.Context, backend, qa.EventID, qa.PostID) error) error {
	return a.withEvent(ctx, event, func(ctx context.Context, b backend, id qa.EventID) error {
		post, err := resolvePost(ctx, b, id, typed)
		if err != nil {
			return err
		}
		return fn(ctx, b, id, post)
	})
}

// act does an act about a post and prints what was done.
func (a *app) act(ctx context.Context, b backend, event qa.EventID, act qa.Act, done string) error {
	why, err := a.doOrNot(ctx, b, event, act)
	if err != nil {
		return err
	}
	return a.donePost(act.Post, why == "", cmp.Or(why, done))
}

// donePost prints what was done about a post, or why nothing was changed.
func (a *app) donePost(post qa.PostID, changed bool, said string) error {
	if a.json {
		return a.printJSON(struct {
			Post    qa.PostID `json:"post"`
			Changed bool      `json:"changed"`
		}{post, changed})
	}
	a.printf("%s\n", said)
	return nil
}

// doOrNot does an act, unless there is nothing to undo: then it says why not.
func (a *app) doOrNot(ctx context.Context, b backend, event qa.EventID, act qa.Act) (why string, err error) {
	why, err = node.NothingToUndo(ctx, b, event, &act)
	if err != nil {
		return "", a.explain(err)
	}
	if why != "" {
		return why + ", as far as this device knows; nothing was changed.", nil
	}
	_, err = b.Do(ctx, event, act)
	return "", a.explain(err)
}

// onPost is act for the post that a person named.
func (a *app) onPost(ctx context.Context, event, typed string, act qa.Act, done string) error {
	return a.withPost(ctx, event, typed, func(ctx context.Context, b backend, id qa.EventID, post qa.PostID) error {
		act.Post = post
		return a.act(ctx, b, id, act, done)
	})
}

// unless chooses what is said of a command, or of its undoing.
func unless(undo bool, done, undone string) string {
	if undo {
		return undone
	}
	return done
}

func (a *app) postEditCmd() *cobra.Command {
	var event string
	c := &cobra.Command{
		Use:   "edit [flags] POST TEXT|-",
		Short: "Edit one of your posts",
		Long: `Edit one of your posts. The new text is shown, the old text is kept in the post's history
(` + "`flyleaf show`" + `). If two of your devices edit a post while offline, both texts are shown.`,
		Example: `  flyleaf post edit 0b1c2d3e4f5a6b7c-abcdefghijklm-24 "May nothing ever be changed, really?"`,
		Args:    atLeast(2),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := a.textArg(args[1:])
			if err != nil {
				return err
			}
			return a.onPost(c.Context(), event, args[0], qa.Act{Kind: qa.ActEdit, Text: text}, "Edited.")
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) postWithdrawCmd() *cobra.Command {
	var event string
	var undo bool
	c := &cobra.Command{
		Use:   "withdraw [flags] POST",
		Short: "Withdraw one of your posts",
		Long: `Withdraw one of your posts. It keeps its place, without its words, because others may have
replied. Devices that have the post keep the words in their copy.`,
		Example: `  flyleaf post withdraw 0b1c2d3e4f5a6b7c-abcdefghijklm-24
  flyleaf post withdraw --undo 0b1c2d3e4f5a6b7c-abcdefghijklm-24`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.onPost(c.Context(), event, args[0], qa.Act{Kind: qa.ActWithdraw, On: !undo},
				unless(undo, "Withdrawn. `flyleaf post withdraw --undo` shows the post again.", "The post is shown again."))
		},
	}
	return a.jsonFlag(eventFlag(undoFlag(c, &undo, "show the post again"), &event))
}

func (a *app) postReactCmd() *cobra.Command {
	var event string
	var undo bool
	c := &cobra.Command{
		Use:   "react [flags] POST [EMOJI]",
		Short: "React to a post, or say that you want it answered",
		Long: `React to a post with an emoji, given as itself or by its short code (:pray:). Without an emoji
it says "me too": you want this question answered as well.`,
		Example: `  flyleaf post react 0b1c2d3e4f5a6b7c-abcdefghijklm-24
  flyleaf post react 0b1c2d3e4f5a6b7c-abcdefghijklm-24 🙏
  flyleaf post react --undo 0b1c2d3e4f5a6b7c-abcdefghijklm-24 🙏`,
		Args: between(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			emoji := qa.WantEmoji
			if len(args) == 2 {
				var err error
				if emoji, err = readEmoji(args[1]); err != nil {
					return err
				}
			}
			return a.onPost(c.Context(), event, args[0], qa.Act{Kind: qa.ActReact, Emoji: emoji, On: !undo}, unless(undo, "Reaction saved.", "Reaction removed."))
		},
	}
	undoFlag(c, &undo, "remove the reaction")
	oldFlag(c, "off", "undo")
	return a.jsonFlag(eventFlag(c, &event))
}

// readEmoji takes an emoji or its short code; either way the same is counted.
func readEmoji(s string) (string, error) {
	if code, ok := strings.CutPrefix(s, ":"); ok {
		if e, ok := definition.Github().Get(strings.TrimSuffix(code, ":")); ok && len(e.Unicode) > 0 {
			return string(e.Unicode), nil
		}
		return "", codedf(exitUsage, "no emoji has the short code %s", s)
	}
	if s == qa.WantEmoji {
		return s, nil
	}
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return "", codedf(exitUsage, "%q is not an emoji; give one such as 🙏, or its short code such as :pray:", s)
	}
	return s, nil
}

// jsonPost is a post as `list` and `show` print it. The names are a contract.
type jsonPost struct {
	ID         qa.PostID      `json:"id"`
	Name       string         `json:"name"` // what is shown
	OnBehalfOf string         `json:"onBehalfOf"`
	By         qa.Identity    `json:"by"`
	Text       string         `json:"text"`
	At         int64          `json:"at"`              // ms since 1970 UTC: the writer's clock, or when it was received
	Clock      *int64         `json:"clock,omitempty"` // what the writer's clock said, when it was wrong
	Author     bool           `json:"author"`
	Withdrawn  bool           `json:"withdrawn,omitempty"`
	Hidden     string         `json:"hidden,omitempty"`
	HiddenBy   qa.Identity    `json:"hiddenBy,omitempty"`
	Awaiting   bool           `json:"awaiting,omitempty"` // approval
	Pinned     bool           `json:"pinned,omitempty"`
	Blocked    bool           `json:"blocked,omitempty"`
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
	// NotTheirs says whose name this is not, though it looks so: "not the author …".
	NotTheirs string `json:"notTheirs,omitempty"`

	badge string // what the writer is, where tell looked it up; a reader has none
	hider string // the name of who hid it, as badge
}

// tell looks up what the post, and each reply to it, says besides its words: what its
// writer is and is not, and who hid it.
func (j *jsonPost) tell(w *qa.Week, l *people.Lookalikes) {
	view := qa.PostView{Post: qa.Post{By: j.By, OnBehalfOf: j.OnBehalfOf}, Name: j.Name, ByAuthor: j.Author}
	j.NotTheirs = l.Post(&view).String()
	switch {
	case j.Author:
		j.badge = "author"
	case j.OnBehalfOf != "":
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
			(*j.Replies)[i].tell(w, l)
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
		Author: p.ByAuthor, Withdrawn: p.Withdrawn, Hidden: p.Marks.Hidden, HiddenBy: p.Marks.HiddenBy, Tags: p.Tags,
		Awaiting: p.Awaiting, Pinned: p.Marks.Pinned, Blocked: p.Blocked, Late: p.Late,
		Parent: p.Parent, Source: p.Source, Revisions: len(p.Revisions),
	}
	if p.ClockWrong() {
		j.Clock = &p.ClockMillis
	}
	if p.OnBehalfOf != "" {
		j.OnBehalfOf = p.Name // as it is shown
	}
	if v := p.Versions(); len(v) > 1 {
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
		j.Text = "" // the words are kept in the document; `show` prints hidden ones, to whoever looks for them
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
		Long: `List the questions of an event with their replies, in the order in which the page shows them.
Each post begins with the writer's role in this event, then name, time and post ID.`,
		Example: "  flyleaf list\n  flyleaf list --unanswered",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				week, err := b.Week(ctx, id)
				if err != nil {
					return err
				}
				threads, look := []jsonPost{}, people.NewLookalikes(&week)
				for i := range week.Threads {
					t := &week.Threads[i]
					if unanswered && (t.Answered || !t.Question.Shown()) {
						continue
					}
					j := newJSONThread(t)
					j.tell(&week, look)
					threads = append(threads, j)
				}
				a.warnOdd(&week.Event)
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
	c.Flags().BoolVar(&unanswered, "unanswered", false, "only questions that no author has answered")
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

// printPost prints a post after an indent of up to two columns. Words begin in the fifth
// column or later, so that no line of them looks like the head of a reply.
func (a *app) printPost(p *jsonPost, indent string) {
	// What somebody is stands before the name, in a column that is never empty: nothing
	// that a name says looks like it.
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
		is   bool
		text string
	}{
		{p.Pinned, "pinned"},
		{p.Awaiting, "waits for approval"},
		{p.Late, "late"},
		{p.Duplicate != "", "duplicate of " + string(p.Duplicate)},
		{p.Clock != nil, "clock was wrong: this is when it was received"},
	} {
		if note.is {
			state += "  " + note.text
		}
	}
	a.printf("%s%-9s  %s  %s  %s%s\n", indent, badge, plainName(p.Name), stamp(p.At), p.ID, state)
	text := p.Text
	switch {
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
		a.printf("%s    (edited at the same time on %d devices; `flyleaf show %s` shows all texts)\n", indent, len(p.Versions), p.ID)
	}
}

// stamp writes a moment in this device's zone, with the year when it is not this one.
func stamp(millis int64) string { return stampAt(millis, time.Now()) }

func stampAt(millis int64, now time.Time) string {
	t := time.UnixMilli(millis).In(now.Location())
	switch y := t.Year(); {
	case y < 1 || y > 9999:
		return "(no time that a calendar has)"
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
						j.tell(&week, look)
						return a.show(j, t.Question.Revisions)
					}
					for k := range t.Replies {
						if t.Replies[k].ID == post {
							j := newJSONPost(&t.Replies[k])
							j.tell(&week, look)
							return a.show(j, t.Replies[k].Revisions)
						}
					}
				}
				return codedf(exitNotFound, "no post %q in this event", post)
			})
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) show(p jsonPost, revisions []qa.Revision) error {
	if a.json {
		history := revisions
		if p.Withdrawn {
			history = []qa.Revision{}
		}
		return a.printJSON(struct {
			jsonPost
			History []qa.Revision `json:"history"`
		}{p, history})
	}
	a.printThread(&p)
	if (len(revisions) > 1 || p.Hidden != "") && !p.Withdrawn {
		a.printf("Texts, the oldest first:\n")
		for _, r := range revisions {
			note := ""
			if !r.Superseded && p.Hidden == "" {
				note = "  (shown)"
			}
			a.printf("  %s  %s%s\n", r.ID, stamp(r.AtMillis), note)
			for line := range strings.SplitSeq(plain(r.Text), "\n") {
				a.printf("    %s\n", line)
			}
		}
	}
	return nil
}
