package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"flyleaf/qa"
	"flyleaf/qa/people"
)

// The commands of moderators and organisers about posts: hide, unhide, pin, unpin,
// approve, answered, duplicate, and the log of what they did.

// markCmd is a command that sets one mark of a post.
func (a *app) markCmd(use, short, done string, act qa.Act) *cobra.Command {
	var event string
	c := &cobra.Command{
		Use: use + " POST", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.mark(c.Context(), event, args[0], act, done)
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

// mark carries out a mark of one post.
func (a *app) mark(ctx context.Context, event, post string, act qa.Act, done string) error {
	return a.withPost(ctx, event, post, func(ctx context.Context, b backend, id qa.EventID, post qa.PostID) error {
		act.Kind, act.AtMillis, act.Post = qa.ActMark, nowMillis(), post
		return a.act(ctx, b, id, act, done)
	})
}

func (a *app) hideCmd() *cobra.Command {
	var event string
	c := &cobra.Command{
		Use:   "hide [flags] POST REASON…",
		Short: "Hide a post; everybody sees that it was hidden and by whom, its writer also why",
		Long: `Hide a post, with a reason. It keeps its place without its words; the reason and who
hid it stand in the log that everybody can read (` + "`flyleaf moderation`" + `). Devices that have the
post keep it: hiding is not deleting.`,
		Example: `  flyleaf hide 0b1c2d3e4f5a6b7c-abcdefghijklm-24 "names a person who did not agree to it"`,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			reason := strings.TrimSpace(strings.Join(args[1:], " "))
			if reason == "" {
				return codedf(exitUsage, "say why: the writer is shown the reason")
			}
			return a.mark(c.Context(), event, args[0], qa.Act{Mark: "hidden", Text: reason}, "Hidden. `flyleaf unhide` shows it again.")
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) unhideCmd() *cobra.Command {
	return a.markCmd("unhide", "Show a hidden post again", "It is shown again.", qa.Act{Mark: "hidden"})
}

func (a *app) pinCmd() *cobra.Command {
	return a.markCmd("pin", "Pin a question to the top of the page", "Pinned.", qa.Act{Mark: "pinned", On: true})
}

func (a *app) unpinCmd() *cobra.Command {
	return a.markCmd("unpin", "Take a question from the top of the page", "Unpinned.", qa.Act{Mark: "pinned"})
}

// undoCmd is markCmd for a mark that --undo takes back.
func (a *app) undoCmd(use, short, long, mark, done, undone string) *cobra.Command {
	var event string
	var undo bool
	c := &cobra.Command{
		Use: use + " POST", Short: short, Long: long, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			said := done
			if undo {
				said = undone
			}
			return a.mark(c.Context(), event, args[0], qa.Act{Mark: mark, On: !undo}, said)
		},
	}
	c.Flags().BoolVar(&undo, "undo", false, "take that back")
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) approveCmd() *cobra.Command {
	return a.undoCmd("approve [flags]", "Let others see a post that waits for approval",
		`Let others see a post, in an event whose posts wait for approval
(`+"`flyleaf event set --approve on`"+`). Also shows what somebody wrote before others knew
that they are blocked.`,
		"approved", "Approved.", "It waits for approval again.")
}

func (a *app) answeredCmd() *cobra.Command {
	return a.undoCmd("answered [flags]", "Mark a question as answered, one of your own too",
		"", "answered", "Marked as answered.", "It counts as answered no more, unless an author has replied.")
}

func (a *app) duplicateCmd() *cobra.Command {
	var event string
	var undo bool
	c := &cobra.Command{
		Use:   "duplicate [flags] POST OF",
		Short: "Mark a question as asked before; who wants it answered is added to the other",
		Example: `  flyleaf duplicate 0b1c2d3e4f5a6b7c-abcdefghijklm-24 9f8e7d6c5b4a3928-abcdefghijklm-7
  flyleaf duplicate --undo 0b1c2d3e4f5a6b7c-abcdefghijklm-24`,
		Args: func(c *cobra.Command, args []string) error {
			if undo {
				return cobra.ExactArgs(1)(c, args)
			}
			return cobra.ExactArgs(2)(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if undo {
				return a.mark(c.Context(), event, args[0], qa.Act{Mark: "duplicateOf"}, "It is a question of its own again.")
			}
			return a.withPost(c.Context(), event, args[0], func(ctx context.Context, b backend, id qa.EventID, post qa.PostID) error {
				of, err := resolvePost(ctx, b, id, args[1])
				if err != nil {
					return err
				}
				if of == post {
					return codedf(exitUsage, "a question is no duplicate of itself")
				}
				act := qa.Act{Kind: qa.ActMark, AtMillis: nowMillis(), Post: post, Mark: "duplicateOf", Text: string(of)}
				return a.act(ctx, b, id, act, "Marked as a duplicate.")
			})
		},
	}
	c.Flags().BoolVar(&undo, "undo", false, "take that back")
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) moderationCmd() *cobra.Command {
	var event string
	c := &cobra.Command{
		Use:   "moderation",
		Short: "Who hid, pinned, approved, blocked, gave or took a role, and when",
		Args:  cobra.NoArgs,
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
					a.printf("Nobody has moderated anything here.\n")
				}
				for _, l := range lines {
					note := ""
					if !l.InEffect {
						note = "  (not in effect: their role had been taken back)"
					}
					a.printf("%s  %s %s%s\n", stamp(l.AtMillis), plainName(look.Call(l.By)), plainLine(logLine(look, &l)), note)
				}
				return nil
			})
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

// logLine says what a line of the moderation log tells, after who did it.
func logLine(look *people.Lookalikes, l *qa.LogEntry) string {
	either := func(on, off string) string {
		if l.On {
			return on
		}
		return off
	}
	switch l.Kind {
	case qa.LogHidden:
		if l.On {
			return "hid " + string(l.Post) + ": " + l.Text
		}
		return "showed " + string(l.Post) + " again"
	case qa.LogPinned:
		return either("pinned ", "unpinned ") + string(l.Post)
	case qa.LogApproved:
		return either("approved ", "took back the approval of ") + string(l.Post)
	case qa.LogAnswered:
		return "marked " + string(l.Post) + either(" as answered", " as not answered")
	case qa.LogDuplicate:
		if l.On {
			return "marked " + string(l.Post) + " as a duplicate of " + string(l.Of)
		}
		return "marked " + string(l.Post) + " as no duplicate"
	case qa.LogRole:
		return either("gave ", "took from ") + look.Call(l.Identity) + " the role " + string(l.Role)
	case qa.LogBlock:
		if l.On {
			return "blocked " + look.Call(l.Identity) + ": " + l.Text
		}
		return "lifted the block of " + look.Call(l.Identity)
	case qa.LogClosed:
		return either("closed the event", "opened the event again")
	case qa.LogApprove:
		return either("made posts wait for approval", "ended that posts wait for approval")
	}
	return string(l.Kind)
}
