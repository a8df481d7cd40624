package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
)

// The commands of the group author: inbox, answer, take, later.

func (a *app) authorInboxCmd() *cobra.Command {
	var event, order string
	var all bool
	c := &cobra.Command{
		Use:   "inbox [flags]",
		Short: "List the open questions, most wanted first",
		Long: `List the open questions, most wanted first. Questions that other authors have taken, and those
that you saved for later, are listed separately. This works without a network: answers are sent
when the relay can be reached.`,
		Example: `  flyleaf author inbox
  flyleaf author inbox --sort asker
  flyleaf author answer 0b1c2d3e4f5a6b7c-abcdefghijklm-24 "With two people and one cash box."`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			by := qa.InboxOrder(order)
			switch by {
			case qa.InboxWanted, qa.InboxAge, qa.InboxAsker:
			default:
				return codedf(exitUsage, "--sort takes wanted, age or asker, not %q", order)
			}
			return a.withWeek(c.Context(), event, func(ctx context.Context, b backend, week *qa.Week) error {
				me, err := b.Identity(ctx)
				if err != nil {
					return err
				}
				later, err := b.SavedForLater(ctx, week.Event.ID)
				if err != nil {
					return err
				}
				in := week.NewInbox(me, later, time.Now().UnixMilli(), by)
				if a.json {
					return a.printJSON(newJSONInbox(&in))
				}
				a.printInbox(week, &in, me, all)
				return nil
			})
		},
	}
	c.Flags().StringVar(&order, "sort", string(qa.InboxWanted), "the `order`: wanted, age, or asker (people without any answer first)")
	c.Flags().BoolVar(&all, "all", false, "list answered questions too")
	return a.jsonFlag(eventFlag(c, &event))
}

// jsonInbox is the output of `author inbox --json`. Its field names must not change.
type jsonInbox struct {
	Waiting  []jsonInboxItem `json:"waiting"`
	Others   []jsonInboxItem `json:"others"`
	Later    []jsonInboxItem `json:"later"`
	Answered []jsonInboxItem `json:"answered"`
}

type jsonInboxItem struct {
	jsonPost
	TakenBy      []qa.Identity     `json:"takenBy,omitempty"`
	FirstOfAsker bool              `json:"firstOfAsker"`
	Parts        []qa.QuestionPart `json:"parts,omitempty"`
	UntilMillis  int64             `json:"until,omitempty"` // saved for later until then, in ms
}

func newJSONInbox(in *qa.Inbox) jsonInbox {
	list := func(items []qa.InboxItem) []jsonInboxItem {
		out := make([]jsonInboxItem, len(items))
		for i, item := range items {
			out[i] = jsonInboxItem{newJSONThread(item.Thread), item.AssignedTo, item.AskerUnanswered, item.Parts(), item.UntilMillis}
		}
		return out
	}
	return jsonInbox{list(in.Waiting), list(in.Others), list(in.Later), list(in.Answered)}
}

func (a *app) printInbox(w *qa.Week, in *qa.Inbox, me qa.Identity, all bool) {
	if len(in.Waiting) == 0 {
		a.printf("No open questions.\n")
	}
	look := people.NewLookalikes(w)
	section := func(title string, items []qa.InboxItem) {
		if len(items) == 0 {
			return
		}
		if title != "" {
			a.printf("\n%s\n", title)
		}
		for _, item := range items {
			a.printInboxItem(w, look, &item, me)
		}
	}
	section("", in.Waiting)
	section("Taken by other authors", in.Others)
	section("Later", in.Later)
	if all {
		section("Answered", in.Answered)
	}
}

func (a *app) printInboxItem(w *qa.Week, look *people.Lookalikes, item *qa.InboxItem, me qa.Identity) {
	q := &item.Thread.Question
	var notes []string
	if said := look.Post(q).String(); said != "" {
		notes = append(notes, said)
	}
	if n := item.Thread.Wants; n > 0 {
		notes = append(notes, fmt.Sprintf("wanted by %d", n))
	}
	if item.AskerUnanswered {
		notes = append(notes, "no answer yet")
	}
	for _, by := range item.AssignedTo {
		if by == me {
			notes = append(notes, "taken by you")
		} else {
			notes = append(notes, "taken by "+look.Call(by))
		}
	}
	if item.UntilMillis != 0 {
		saved := "saved for later until " + stamp(item.UntilMillis)
		if item.Back {
			saved = "was " + saved
		}
		notes = append(notes, saved)
	}
	a.printf("%s  %s  %s  %s\n", plainName(q.Name), stamp(q.AtMillis), q.ID, plain(strings.Join(notes, ", ")))
	for line := range strings.SplitSeq(plain(q.Words()), "\n") {
		a.printf("  %s\n", line)
	}
	for i, p := range item.Parts() {
		mark := " "
		if p.Answered {
			mark = "✓"
		}
		a.printf("  %s part %d: %s\n", mark, i+1, plain(p.Text))
	}
}

func (a *app) authorAnswerCmd() *cobra.Command {
	var event string
	var pic pictureFlags
	var part int
	c := &cobra.Command{
		Use:   "answer [flags] POST TEXT|-",
		Short: "Answer a question, or one part of it",
		Long: `Answer a question; prints the answer's post ID. The answer carries the author's badge if you
are an author of the event.

A question that asks several things can be answered part by part: --part quotes the part,
and the inbox shows which parts are still open.`,
		Example: `  flyleaf author answer 0b1c2d3e4f5a6b7c-abcdefghijklm-24 "With two people and one cash box."
  flyleaf author answer --part 2 0b1c2d3e4f5a6b7c-abcdefghijklm-24 "Never."`,
		Args: atLeast(2),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := a.textArg(args[1:])
			if err != nil {
				return err
			}
			return a.withPost(c.Context(), event, args[0], func(ctx context.Context, b backend, id qa.EventID, post qa.PostID) error {
				p, err := b.Post(ctx, id, post)
				if err != nil {
					return a.explain(err)
				}
				text, err := qa.AnswerPart(p.Words(), part, text)
				if err != nil {
					return codedf(exitUsage, "%w. `flyleaf author inbox` lists them", err)
				}
				if text, err = pic.addTo(ctx, b, id, text, ""); err != nil {
					return err
				}
				return a.post(ctx, b, id, qa.Act{Kind: qa.ActPost, Parent: post, Text: text})
			})
		},
	}
	pic.add(c.Flags())
	c.Flags().IntVar(&part, "part", 0, "answer this `part` of the question: its number in flyleaf author inbox")
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) authorTakeCmd() *cobra.Command {
	var event string
	var undo bool
	c := &cobra.Command{
		Use:     "take [flags] POST",
		Short:   "Tell the other authors that you will answer a question",
		Example: "  flyleaf author take 0b1c2d3e4f5a6b7c-abcdefghijklm-24\n  flyleaf author take --undo 0b1c2d3e4f5a6b7c-abcdefghijklm-24",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.onPost(c.Context(), event, args[0], qa.Act{Kind: qa.ActMark, Mark: schema.KeyAssigned, On: !undo},
				chooseMessage(undo, "Taken. The other authors see that you will answer.", "No longer taken by you."))
		},
	}
	return a.jsonFlag(eventFlag(undoFlag(c, &undo, "leave the question to the others"), &event))
}

func (a *app) authorLaterCmd() *cobra.Command {
	var event, until string
	var undo bool
	c := &cobra.Command{
		Use:   "later [flags] POST",
		Short: "Save a question for later, on this device only",
		Long: `Save a question for later, on this device only. With --until it comes back to the inbox at that
time by itself, before the other questions.`,
		Example: `  flyleaf author later 0b1c2d3e4f5a6b7c-abcdefghijklm-24
  flyleaf author later --until 2026-11-30T09:00 0b1c2d3e4f5a6b7c-abcdefghijklm-24`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			if undo && until != "" {
				return codedf(exitUsage, "--undo moves the question back now, so it takes no --until; nothing was changed")
			}
			at, err := readUntil(until, time.Now())
			if err != nil {
				return err
			}
			return a.withPost(c.Context(), event, args[0], func(ctx context.Context, b backend, id qa.EventID, post qa.PostID) error {
				later, err := b.SavedForLater(ctx, id)
				if err != nil {
					return err
				}
				was, saved := later[post]
				changed := saved == undo || !undo && was != at
				if changed {
					if err := b.SaveForLater(ctx, id, post, !undo, at); err != nil {
						return err
					}
				}
				done := "Saved for later. `flyleaf author inbox` lists it under Later, on this device only."
				if at != 0 {
					done = "Saved for later, until " + stamp(at) + ". Until then `flyleaf author inbox` lists it under Later, on this device only."
				}
				message := chooseMessage(undo, done, "Back in the inbox.")
				if undo && !changed {
					message = "The question is not saved for later; nothing was changed."
				}
				return a.printDone(post, changed, message)
			})
		},
	}
	c.Flags().StringVar(&until, "until", "", "the `time` when it comes back, like 2026-11-30T09:00, in your time zone")
	return a.jsonFlag(eventFlag(undoFlag(c, &undo, "put the question back into the inbox"), &event))
}

// readUntil reads a time after now, in ms; 0 for "".
func readUntil(typed string, now time.Time) (int64, error) {
	if typed == "" {
		return 0, nil
	}
	at, err := qa.ParseWallClock(typed, time.Local)
	if err == nil && at <= now.UnixMilli() {
		err = errors.New("this time is over")
	}
	if err != nil {
		return 0, codedf(exitUsage, "--until: %w; nothing was changed", err)
	}
	return at, nil
}
