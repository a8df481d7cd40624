package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
)

// The commands of the group mod.

// markCmd completes a command that sets a mark on a post, or removes it with --undo.
func (a *app) markCmd(c *cobra.Command, mark, undoes, done, undone string) *cobra.Command {
	var event string
	var undo bool
	c.Args = exactly(1)
	c.RunE = func(c *cobra.Command, args []string) error {
		return a.onPost(c.Context(), event, args[0], qa.Act{Kind: qa.ActMark, Mark: mark, On: !undo}, chooseMessage(undo, done, undone))
	}
	return a.jsonFlag(eventFlag(undoFlag(c, &undo, undoes), &event))
}

func (a *app) modHideCmd() *cobra.Command {
	var event string
	var undo bool
	c := &cobra.Command{
		Use:   "hide [flags] POST REASON…",
		Short: "Hide a post, with a reason",
		Long: `Hide a post, with a reason. Everybody sees that the post was hidden, by whom, and the
reason. The reason is also in the moderation log (` + "`flyleaf mod log`" + `). Devices that have the
post keep it: hiding is not deleting.`,
		Example: `  flyleaf mod hide 0b1c2d3e4f5a6b7c-abcdefghijklm-24 "names a person who did not agree to it"
  flyleaf mod hide --undo 0b1c2d3e4f5a6b7c-abcdefghijklm-24`,
		Args: unlessUndo(&undo, atLeast(2), exactly(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if undo {
				return a.onPost(c.Context(), event, args[0], qa.Act{Kind: qa.ActMark, Mark: schema.KeyHidden}, "The post is shown again.")
			}
			reason := strings.TrimSpace(strings.Join(args[1:], " "))
			if reason == "" {
				return codedf(exitUsage, "give a reason; everybody can read it")
			}
			return a.onPost(c.Context(), event, args[0], qa.Act{Kind: qa.ActMark, Mark: schema.KeyHidden, Text: reason}, "Hidden. `flyleaf mod hide --undo` shows the post again.")
		},
	}
	return a.jsonFlag(eventFlag(undoFlag(c, &undo, "show the post again; no reason is needed"), &event))
}

func (a *app) modPinCmd() *cobra.Command {
	return a.markCmd(&cobra.Command{
		Use: "pin [flags] POST", Short: "Pin a question to the top of the page",
		Example: "  flyleaf mod pin 0b1c2d3e4f5a6b7c-abcdefghijklm-24",
	}, schema.KeyPinned, "unpin it", "Pinned.", "Unpinned.")
}

func (a *app) modApproveCmd() *cobra.Command {
	return a.markCmd(&cobra.Command{
		Use: "approve [flags] POST", Short: "Approve a post, so that everybody sees it",
		Long: `Approve a post, so that everybody sees it, in an event whose posts need approval
(` + "`flyleaf event set --approve on`" + `). This also shows a post that a blocked person wrote
before their device knew of the block, and publishes a post that arrived after the event closed.`,
		Example: "  flyleaf mod approve 0b1c2d3e4f5a6b7c-abcdefghijklm-24",
	}, schema.KeyApproved, "withdraw the approval", "Approved.", "The approval is withdrawn.")
}

func (a *app) modDuplicateCmd() *cobra.Command {
	var event string
	var undo bool
	c := &cobra.Command{
		Use:   "duplicate [flags] POST ORIGINAL",
		Short: "Mark a question as a duplicate of another",
		Long: `Mark a question as a duplicate of another, the original. A person who wants either of them
answered is counted once, for the original.`,
		Example: `  flyleaf mod duplicate 0b1c2d3e4f5a6b7c-abcdefghijklm-24 9f8e7d6c5b4a3928-abcdefghijklm-7
  flyleaf mod duplicate --undo 0b1c2d3e4f5a6b7c-abcdefghijklm-24`,
		Args: unlessUndo(&undo, exactly(2), exactly(1)),
		RunE: func(c *cobra.Command, args []string) error {
			if undo {
				return a.onPost(c.Context(), event, args[0], qa.Act{Kind: qa.ActMark, Mark: schema.KeyDuplicateOf}, "No longer marked as a duplicate.")
			}
			return a.withPost(c.Context(), event, args[0], func(ctx context.Context, b backend, id qa.EventID, post qa.PostID) error {
				of, err := resolvePost(ctx, b, id, args[1])
				if err != nil {
					return err
				}
				return a.act(ctx, b, id, qa.Act{Kind: qa.ActMark, Post: post, Mark: schema.KeyDuplicateOf, Text: string(of)}, "Marked as a duplicate.")
			})
		},
	}
	return a.jsonFlag(eventFlag(undoFlag(c, &undo, "remove the mark"), &event))
}

func (a *app) modLogCmd() *cobra.Command {
	var event string
	c := &cobra.Command{
		Use:   "log [flags]",
		Short: "Show the moderation log: who did what, and when",
		Long: `Show the moderation log: who hid, pinned, approved or marked a post, blocked a person, gave or
removed a role, or closed the event, and when. Everybody can read this log.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				lines, err := b.Log(ctx, id)
				if err != nil {
					return a.explain(err)
				}
				if a.json {
					return a.printJSON(append([]qa.LogEntry{}, lines...))
				}
				week, err := b.Week(ctx, id)
				if err != nil {
					return err
				}
				look := people.NewLookalikes(&week)
				if len(lines) == 0 {
					a.printf("The moderation log is empty.\n")
				}
				for _, l := range lines {
					note := ""
					switch {
					case l.Void:
						note = "  (void: two versions were signed)"
					case !l.InEffect:
						note = "  (not applied: the role had been removed)"
					}
					a.printf("%s  %s %s%s\n", stamp(l.AtMillis), plainName(look.Call(l.By)), plainLine(describeChange(look, l.Did())), note)
				}
				return nil
			})
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

// describeChange returns a sentence about a change, with people's names.
func describeChange(look *people.Lookalikes, d qa.ChangeDescription) string {
	var b strings.Builder
	for _, p := range d.Phrases() {
		switch {
		case p.Post != "":
			b.WriteString(string(p.Post))
		case p.Person != "":
			b.WriteString(look.Call(p.Person))
		case p.Quote != "":
			b.WriteString(p.Quote)
		case p.Millis != 0:
			b.WriteString(stamp(p.Millis))
		default:
			b.WriteString(p.Words)
		}
	}
	return b.String()
}

func (a *app) modBlockCmd() *cobra.Command {
	var event string
	var yes, undo bool
	c := &cobra.Command{
		Use:   "block [flags] PERSON REASON…",
		Short: "Block somebody, with a reason",
		Long: `Block somebody, with a reason that everybody can read. Their earlier posts stay. New posts are
not shown, and the relay does not pass them on; a moderator can approve posts that they wrote
before their device knew of the block. With --undo they are unblocked, and what they wrote in
the meantime is shown.

` + personHelp,
		Example: `  flyleaf mod block "A. Nonymous" "sells watches"
  flyleaf mod block --undo "A. Nonymous"`,
		Args: unlessUndo(&undo, atLeast(2), exactly(1)),
		RunE: func(c *cobra.Command, args []string) error {
			reason, question, done := "", "Unblock this person", "Unblocked."
			if !undo {
				reason = strings.TrimSpace(strings.Join(args[1:], " "))
				question, done = "Block this person", "Blocked. `flyleaf mod block --undo` unblocks them."
				if reason == "" {
					return codedf(exitUsage, "give a reason; everybody can read it")
				}
			}
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				who, err := a.resolvePerson(ctx, b, id, args[0], question, yes)
				if err != nil {
					return err
				}
				return a.actOn(ctx, b, id, qa.Act{Kind: qa.ActBlock, Identity: who, Text: reason}, done)
			})
		},
	}
	return a.jsonFlag(yesFlag(eventFlag(undoFlag(c, &undo, "unblock the person; no reason is needed"), &event), &yes))
}
