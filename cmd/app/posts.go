package main

import (
	"context"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/yuin/goldmark-emoji/definition"

	"flyleaf/qa"
	"flyleaf/schema"
)

// The commands ask and reply, and the group post except for post refused.

func (a *app) askCmd() *cobra.Command {
	var event, behalf string
	var pic pictureFlags
	var tags []string
	var anonymous bool
	c := &cobra.Command{
		Use:   "ask [flags] TEXT|-",
		Short: "Ask a question",
		Long: `Ask a question; prints its post ID. The question is saved on this device first, with or
without a network. It is sent with the next ` + "`flyleaf sync`" + `, or while ` + "`flyleaf serve`" + ` runs.

--anonymous asks with a key that is created for this one question and kept on this device only:
nobody in the event can tell who asked, and only this device can edit the question or win
with it. All your earlier changes must have been sent first: a question lists the newest changes
that its writer had seen, so unsent ones among them would show who asked. The relay can still see
which address the question came from, and people may recognise your style.`,
		Example: `  flyleaf ask "May nothing ever be changed?"
  flyleaf ask --on-behalf-of "Maren Holt" --tag bookkeeping "How do I begin?"
  flyleaf ask --picture map.jpg --alt "A map of the river" "Which ford is meant?"
  flyleaf ask - < question.md`,
		Args: atLeast(1),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := a.textArg(args)
			if err != nil {
				return err
			}
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				text, err := pic.addTo(ctx, b, id, text, "")
				if err != nil {
					return err
				}
				if err := a.post(ctx, b, id, qa.Act{Kind: qa.ActPost, Text: text, OnBehalfOf: behalf, Tags: tags, Anonymous: anonymous}); err != nil || anonymous {
					return err
				}
				return a.noteNameless(ctx, b)
			})
		},
	}
	c.Flags().StringVar(&behalf, "on-behalf-of", "", "ask for somebody else; their `name` is shown")
	c.Flags().StringArrayVar(&tags, "tag", nil, "a `tag`; can be repeated")
	c.Flags().BoolVar(&anonymous, "anonymous", false, "ask without your name")
	pic.add(c.Flags())
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) replyCmd() *cobra.Command {
	var event, behalf string
	var pic pictureFlags
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
				text, err := pic.addTo(ctx, b, id, text, "")
				if err != nil {
					return err
				}
				return a.post(ctx, b, id, qa.Act{Kind: qa.ActPost, Parent: post, Text: text, OnBehalfOf: behalf, Anonymous: anonymous})
			})
		},
	}
	c.Flags().StringVar(&behalf, "on-behalf-of", "", "reply for somebody else; their `name` is shown")
	pic.add(c.Flags())
	c.Flags().BoolVar(&anonymous, "anonymous", false, "reply as the anonymous asker, under your anonymous question")
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) postEditCmd() *cobra.Command {
	var event string
	var pic pictureFlags
	var noPicture bool
	c := &cobra.Command{
		Use:   "edit [flags] POST TEXT|-",
		Short: "Edit one of your posts",
		Long: `Edit one of your posts. The new text is shown, the old text is kept in the post's history
(` + "`flyleaf show`" + `). If two of your devices edit a post while offline, both texts are shown.
The picture of the post stays, unless you replace or remove it.`,
		Example: `  flyleaf post edit 0b1c2d3e4f5a6b7c-abcdefghijklm-24 "May nothing ever be changed, really?"`,
		Args:    atLeast(2),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := a.textArg(args[1:])
			if err != nil {
				return err
			}
			return a.withPost(c.Context(), event, args[0], func(ctx context.Context, b backend, id qa.EventID, post qa.PostID) error {
				old := ""
				if !noPicture {
					p, err := b.Post(ctx, id, post)
					if err != nil {
						return a.explain(err)
					}
					old = p.Text()
				}
				text, err := pic.addTo(ctx, b, id, text, old)
				if err != nil {
					return err
				}
				return a.act(ctx, b, id, qa.Act{Kind: qa.ActEdit, Post: post, Text: text}, "Edited.")
			})
		},
	}
	pic.add(c.Flags())
	c.Flags().BoolVar(&noPicture, "no-picture", false, "remove the picture")
	c.MarkFlagsMutuallyExclusive("picture", "no-picture")
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) postWithdrawCmd() *cobra.Command {
	var event string
	var undo bool
	c := &cobra.Command{
		Use:   "withdraw [flags] POST",
		Short: "Withdraw one of your posts",
		Long: `Withdraw one of your posts. Its place remains, without the text, because others may have
replied. Devices that have the post keep the text in their copy.`,
		Example: `  flyleaf post withdraw 0b1c2d3e4f5a6b7c-abcdefghijklm-24
  flyleaf post withdraw --undo 0b1c2d3e4f5a6b7c-abcdefghijklm-24`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.onPost(c.Context(), event, args[0], qa.Act{Kind: qa.ActWithdraw, On: !undo},
				chooseMessage(undo, "Withdrawn. `flyleaf post withdraw --undo` shows the post again.", "The post is shown again."))
		},
	}
	return a.jsonFlag(eventFlag(undoFlag(c, &undo, "show the post again"), &event))
}

func (a *app) postAppealCmd() *cobra.Command {
	var event string
	c := &cobra.Command{
		Use:   "appeal [flags] POST TEXT|-",
		Short: "Ask for a hidden post of yours to be shown again",
		Long: `Ask for a hidden post of yours to be shown again: answer the reason for which it is hidden.
Moderators and organisers see the answer beside the post, and ` + "`flyleaf show`" + ` prints it. It is stored
on all devices of the event. A second answer replaces the first.`,
		Example: `  flyleaf post appeal 0b1c2d3e4f5a6b7c-abcdefghijklm-24 "She agreed to be named."`,
		Args:    atLeast(2),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := a.textArg(args[1:])
			if err != nil {
				return err
			}
			return a.withPost(c.Context(), event, args[0], func(ctx context.Context, b backend, id qa.EventID, post qa.PostID) error {
				p, err := b.Post(ctx, id, post)
				if err != nil {
					return err
				}
				if p.Marks.Hidden == "" {
					return codedf(exitRefused, "this post is not hidden; nothing was changed")
				}
				return a.act(ctx, b, id, p.AppealAct(text), "Sent to the moderators and organisers.")
			})
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) postReactCmd() *cobra.Command {
	var event string
	var undo bool
	c := &cobra.Command{
		Use:   "react [flags] POST [EMOJI]",
		Short: "React to a post, or say that you want it answered",
		Long: `React to a post with an emoji, typed directly or as a short code (:pray:). Without an emoji the
reaction is "me too": you want this question answered as well.`,
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
			return a.onPost(c.Context(), event, args[0], qa.Act{Kind: qa.ActReact, Emoji: emoji, On: !undo}, chooseMessage(undo, "Reaction saved.", "Reaction removed."))
		},
	}
	undoFlag(c, &undo, "remove the reaction")
	oldFlag(c, "off", "undo")
	return a.jsonFlag(eventFlag(c, &event))
}

// readEmoji accepts an emoji or a short code such as :pray:, and returns the emoji.
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

func (a *app) postAnsweredCmd() *cobra.Command {
	return a.markCmd(&cobra.Command{
		Use: "answered [flags] POST", Short: "Mark a question as answered",
		Long: `Mark a question as answered: one of your own, or any question if you are an author, a
moderator or an organiser. A question that an author has replied to counts as answered
without this.`,
		Example: "  flyleaf post answered 0b1c2d3e4f5a6b7c-abcdefghijklm-24",
	}, schema.KeyAnswered, "remove the mark", "Marked as answered.", "No longer marked as answered. It still counts as answered if an author has replied.")
}
