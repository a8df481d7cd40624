package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
)

// The commands of the group winners.

// drawReport lists the winners, and the draw for copies without a chosen winner.
type drawReport struct {
	Prizes []namedPrize `json:"prizes"`
	Copies uint64       `json:"copies"` // 0: not set
	Draw   qa.Drawn     `json:"draw"`
	// Commitments are all commitments, including those that do not count.
	Commitments []qa.Commitment `json:"commitments,omitempty"`
	Rule        string          `json:"rule"`
	Passed      []qa.Ineligible `json:"passed,omitempty"`
}

type namedPrize struct {
	qa.Prize
	Name string `json:"name"`
}

// newDrawReport runs the draw of a week and lists the winners.
func newDrawReport(w *qa.Week) (drawReport, error) {
	result, err := w.RunDraw()
	if err != nil {
		return drawReport{}, err
	}
	out := drawReport{Copies: w.Event.Prizes, Draw: result, Rule: qa.DrawAll, Prizes: []namedPrize{}}
	if d := w.Event.Draw; d != nil {
		out.Commitments, out.Rule = d.Commitments, cmp.Or(d.Rule, qa.DrawAll)
	}
	out.Passed = w.Ineligible(result)
	for _, p := range w.Prizes(result) {
		out.Prizes = append(out.Prizes, namedPrize{p, w.EntrantName(p.Entrant)})
	}
	return out, nil
}

// entrantLabel returns the name of an entrant for a line that does not show the identity, see
// people.Lookalikes.Call.
func entrantLabel(w *qa.Week, look *people.Lookalikes, e qa.Entrant) string {
	switch name := plainName(w.EntrantName(e)); {
	case e.OnBehalfOf == "":
		return plainName(look.Call(e.By))
	case w.Event.HasRole(e.By, qa.RoleOrganiser):
		return name
	default: // anybody can write on behalf of any name, so show who wrote
		return name + " (" + e.By.Short() + ")"
	}
}

func (a *app) winnersCandidateCmd() *cobra.Command {
	var event string
	var undo bool
	c := &cobra.Command{
		Use:   "candidate [flags] POST",
		Short: "Mark a question as a candidate for the draw (authors)",
		Long: `Mark a question as a candidate, so that its asker can win in the draw. Authors of the event mark
candidates before the event is closed.`,
		Example: "  flyleaf winners candidate 0b1c2d3e4f5a6b7c-abcdefghijklm-24",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.onPost(c.Context(), event, args[0], qa.Act{Kind: qa.ActMark, Mark: schema.KeyCandidate, On: !undo},
				chooseMessage(undo, "Marked as a candidate.", "No longer marked as a candidate by you."))
		},
	}
	return a.jsonFlag(eventFlag(undoFlag(c, &undo, "remove your mark"), &event))
}

func (a *app) winnersGroup() *cobra.Command {
	return a.group("winners", "Choose who gets a copy, and hold the draw", `Authors choose winners by hand with `+"`pick`"+`. Remaining copies are drawn at random among the
questions that they marked with `+"`candidate`"+`:

  before the event is closed   the organiser and the authors each `+"`commit`"+` to a secret
  flyleaf event close          fixes the commitments and the candidates
  afterwards                   each of them runs `+"`draw`"+`, which reveals their secret

The secrets and the list of candidates determine the order in which copies go out. Nobody
can know that order before all secrets are revealed, and anybody can check it with
`+"`verify`"+`. Organisers and authors cannot win, and nobody wins twice.

If the event is reopened and closed again, there is a draw only if all secrets were revealed for
the same closing. Once there is a draw, closing the event again or changing the rule does not
affect it. The person who reveals last can compute the result beforehand, and can prevent the
draw by not revealing; `+"`verify`"+` says who that is.

If a secret is never revealed, there is no draw, and the authors choose by hand. The organiser
can avoid this by setting `+"`rule founder-last`"+` before closing: then secrets that the founder's
device does not have when the founder reveals are left out.`,
		a.winnersListCmd(), a.winnersCandidateCmd(), a.winnersPickCmd(), a.winnersCommitCmd(), a.winnersDrawCmd(),
		a.winnersVerifyCmd(), a.winnersRuleCmd(), a.winnersAnnounceCmd(), a.winnersClaimCmd(), a.winnersContactsCmd())
}

func (a *app) winnersListCmd() *cobra.Command {
	var event string
	c := &cobra.Command{
		Use:   "list [flags]",
		Short: "List the winners, and how each was chosen",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withWeek(c.Context(), event, func(_ context.Context, _ backend, w *qa.Week) error {
				d, err := newDrawReport(w)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(d)
				}
				a.printPrizes(w, &d)
				return nil
			})
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) printPrizes(w *qa.Week, d *drawReport) {
	if len(d.Prizes) == 0 {
		a.printf("Nobody has been chosen yet.\n")
	}
	look := people.NewLookalikes(w)
	for _, p := range d.Prizes {
		how := "drawn"
		if len(p.ChosenBy) > 0 {
			names := make([]string, len(p.ChosenBy))
			for i, id := range p.ChosenBy {
				names[i] = look.Call(id)
			}
			how = "chosen by " + strings.Join(names, " and ")
		}
		a.printf("%s  %s\n", entrantLabel(w, look, p.Entrant), plain(how))
	}
	for _, p := range d.Passed {
		a.printf("%s  not eligible: %s\n", entrantLabel(w, look, p.Entrant), plain(p.Why))
	}
	if left := int(d.Copies) - len(d.Prizes); left > 0 {
		a.printf("%s left. %s\n", copiesAre(left), drawSentence(w, d))
	}
}

func copiesAre(n int) string {
	if n == 1 {
		return "1 copy is"
	}
	return fmt.Sprintf("%d copies are", n)
}

// drawSentence describes the state of the draw.
func drawSentence(w *qa.Week, d *drawReport) string {
	switch d.Draw.State {
	case qa.DrawOpen:
		return fmt.Sprintf("The draw is open: %s so far, with %s. `flyleaf event close` fixes both.", counted(len(d.Commitments), "organiser or author takes part", "organisers and authors take part"), counted(len(d.Draw.Entrants), "candidate", "candidates"))
	case qa.DrawWaiting:
		names := make([]string, len(d.Draw.Unrevealed))
		for i, id := range d.Draw.Unrevealed {
			names[i] = w.PersonName(id)
		}
		return "The draw is waiting for " + strings.Join(names, " and ") + " to run `flyleaf winners draw`. " + w.LastRevealWarning(d.Draw)
	case qa.DrawDone:
		return "Nobody else was a candidate."
	}
	switch why := w.WhyNoDraw(d.Draw); {
	case why != "":
		return why
	case len(d.Commitments) == 0:
		return "Nobody takes part in the draw yet. Organisers and authors join it with `flyleaf winners commit` before the event is closed."
	}
	return "No question is a candidate yet. Authors mark candidates with `flyleaf winners candidate` before the event is closed."
}

func (a *app) winnersPickCmd() *cobra.Command {
	var event string
	var note string
	var undo bool
	c := &cobra.Command{
		Use:   "pick [flags] POST",
		Short: "Choose a question whose asker gets a copy",
		Example: `  flyleaf winners pick 0b1c2d3e4f5a6b7c-abcdefghijklm-24
  flyleaf winners pick --undo 0b1c2d3e4f5a6b7c-abcdefghijklm-24`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			if undo {
				note = ""
			} else if strings.TrimSpace(note) == "" {
				return codedf(exitUsage, "--note must not be empty, because it says what was won; nothing was changed")
			}
			return a.onPost(c.Context(), event, args[0], qa.Act{Kind: qa.ActWinner, Text: note}, chooseMessage(undo, "Chosen.", "No longer chosen by you."))
		},
	}
	c.Flags().StringVar(&note, "note", qa.DefaultPrize, "what is won, or why, in a few `words`")
	undoFlag(c, &undo, "withdraw your choice")
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) winnersCommitCmd() *cobra.Command {
	var event string
	c := &cobra.Command{
		Use:   "commit [flags]",
		Short: "Take part in the draw, before the event is closed",
		Long: `Take part in the draw: write the hash of your secret into the event before it is closed. The
secret is computed from your key and the event, so there is nothing to write down.
` + "`flyleaf winners draw`" + ` reveals it when the event is closed.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withWeek(c.Context(), event, func(ctx context.Context, b backend, w *qa.Week) error {
				if err := b.CommitDraw(ctx, w.Event.ID); err != nil {
					return a.explain(err)
				}
				return a.done(w.Event.ID, "You take part in the draw. When the event is closed, `flyleaf winners draw` reveals your secret.")
			})
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) winnersDrawCmd() *cobra.Command {
	var event string
	c := &cobra.Command{
		Use:   "draw [flags]",
		Short: "Reveal your secret after closing, and print the draw",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withWeek(c.Context(), event, func(ctx context.Context, b backend, w *qa.Week) error {
				me, err := b.Identity(ctx)
				if err != nil {
					return err
				}
				err = w.MayReveal(me)
				if errors.Is(err, qa.ErrDrawNotFixed) {
					return codedf(exitRefused, "%w, so no secret may be revealed. Nothing was changed; `flyleaf event close` closes the event", err)
				}
				mine := err == nil
				if mine {
					if err := b.RevealDraw(ctx, w.Event.ID); err != nil {
						return a.explain(err)
					}
					if *w, err = b.Week(ctx, w.Event.ID); err != nil {
						return err
					}
				}
				d, err := newDrawReport(w)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(d)
				}
				if mine {
					a.printf("Your secret is revealed.\n")
				}
				a.printPrizes(w, &d)
				return nil
			})
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) winnersVerifyCmd() *cobra.Command {
	var event string
	c := &cobra.Command{
		Use:   "verify [flags]",
		Short: "Check the draw, and print all its inputs",
		Long:  `Run the draw again and print all its inputs, so that it can also be checked with another program.`,
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withWeek(c.Context(), event, func(_ context.Context, _ backend, w *qa.Week) error {
				d, err := newDrawReport(w)
				if err != nil {
					return err
				}
				if a.json {
					err = a.printJSON(d)
				} else {
					a.printDraw(w, &d)
				}
				if err == nil && d.Draw.State != qa.DrawDone {
					err = codedf(exitNotFound, "no draw has been held: %s", drawSentence(w, &d))
				}
				return err
			})
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

// printDraw prints all inputs of a draw, so that another program can check it.
func (a *app) printDraw(w *qa.Week, d *drawReport) {
	a.printf("event       %s\nrule        %s\n", w.Event.ID, d.Rule)
	if e := w.Event.Draw; e != nil && e.Closing != "" {
		a.printf("closing     %s\n", e.Closing)
		for _, r := range e.Reveals {
			a.printf("reveal      %s  for %s  %s\n", r.By, r.Closing, plainName(w.PersonName(r.By)))
		}
	}
	for _, c := range d.Commitments {
		state := "revealed, and it matches"
		switch {
		case c.TooEarly:
			state = "left out: revealed before the event was closed"
		case slices.Contains(d.Draw.Excluded, c.By):
			state = "left out: the founder's device did not have it when the founder revealed"
		case d.Draw.State == qa.DrawVoid && c.Revealed():
		case slices.Contains(d.Draw.Unrevealed, c.By):
			state = "not revealed, or it does not match"
		}
		a.printf("commitment  %s  %s  %s  %s\n", c.By, c.Hash, plainName(w.PersonName(c.By)), state)
		if c.Secret != "" {
			a.printf("secret      %s  %s\n", c.By, c.Secret)
		}
	}
	for _, e := range d.Draw.Entrants {
		a.printf("candidate   %s  %s\n", e.By, plainName(w.EntrantName(e)))
	}
	if d.Draw.State != qa.DrawDone {
		return
	}
	a.printf("seed        %s\n", d.Draw.Seed)
	for i, e := range d.Draw.Order {
		a.printf("place %-4d  %s  %s\n", i+1, e.By, plainName(w.EntrantName(e)))
	}
	if words := w.LastRevealWarning(d.Draw); words != "" {
		a.printf("%s\n", plain(words))
	}
	a.printPrizes(w, d)
}

func (a *app) winnersRuleCmd() *cobra.Command {
	var event string
	c := &cobra.Command{
		Use:   "rule [flags] all|founder-last",
		Short: "Set what happens if a secret is never revealed (organisers)",
		Long: `Set, before closing, what happens if a secret is never revealed:

  all           every secret has to be revealed, or there is no draw (the default)
  founder-last  the founder reveals last; secrets that have not been revealed to the founder by
                then are left out. The founder decides how long to wait, and everybody sees
                who was left out.`,
		Example: "  flyleaf winners rule founder-last",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] != qa.DrawAll && args[0] != qa.DrawFounderLast {
				return codedf(exitUsage, "the rule must be all or founder-last, not %q", args[0])
			}
			return a.withWeek(c.Context(), event, func(ctx context.Context, b backend, w *qa.Week) error {
				if _, err := b.Do(ctx, w.Event.ID, qa.Act{Kind: qa.ActDraw, Mark: schema.KeyRule, Text: args[0]}); err != nil {
					return a.explain(err)
				}
				return a.done(w.Event.ID, "The rule is set.")
			})
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) winnersAnnounceCmd() *cobra.Command {
	var event string
	var undo bool
	c := &cobra.Command{
		Use:   "announce [flags] [TEXT|-]",
		Short: "Announce the winners to everybody (organisers)",
		Long: `Show a text on the page of the week, on the list of weeks and in digests, also in a closed
event. Without TEXT, it says who won. Announcing again replaces the text.`,
		Example: "  flyleaf winners announce\n  flyleaf winners announce \"Thank you all. Copies go to Ann and Bob.\"",
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			return a.withWeek(c.Context(), event, func(ctx context.Context, b backend, w *qa.Week) error {
				text, done := "", "The announcement is removed."
				if !undo {
					text = w.SuggestedAnnouncement()
					if len(args) > 0 {
						var err error
						if text, err = a.textArg(args); err != nil {
							return err
						}
					}
					if strings.TrimSpace(text) == "" {
						return codedf(exitNotFound, "nobody has won yet, so write what to announce; nothing was changed")
					}
					done = "Announced:\n" + text
				}
				return a.actOn(ctx, b, w.Event.ID, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{schema.KeyAnnouncement: strings.TrimSpace(text)}}, done)
			})
		},
	}
	return a.jsonFlag(eventFlag(undoFlag(c, &undo, "remove the announcement"), &event))
}

func (a *app) winnersClaimCmd() *cobra.Command {
	var event string
	c := &cobra.Command{
		Use:   "claim [flags] TEXT|-",
		Short: "Send the founder your address privately, if you won",
		Long: `If you won a copy, send the founder of the event your address, or how to reach you. The text is
encrypted for the founder: every device stores the encrypted text, but only the founder can read
it.`,
		Example: `  flyleaf winners claim "Zoë, zoe@example.org"`,
		Args:    atLeast(1),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := a.textArg(args)
			if err != nil {
				return err
			}
			return a.withWeek(c.Context(), event, func(ctx context.Context, b backend, w *qa.Week) error {
				ids, err := b.ClaimPrize(ctx, w.Event.ID, text)
				if err != nil {
					return a.explain(err)
				}
				if a.json {
					return a.printJSON(map[string]any{"event": w.Event.ID, "as": ids})
				}
				a.printf("Encrypted for %s. It is sent with the next sync.\n", plainName(w.PersonName(w.Event.Founder)))
				return nil
			})
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) winnersContactsCmd() *cobra.Command {
	var event string
	c := &cobra.Command{
		Use:   "contacts [flags]",
		Short: "Read the addresses that winners sent you (founder)",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withWeek(c.Context(), event, func(ctx context.Context, b backend, w *qa.Week) error {
				claims, err := b.PrizeClaims(ctx, w.Event.ID)
				if err != nil {
					return a.explain(err)
				}
				if a.json {
					return a.printJSON(claims)
				}
				if len(claims) == 0 {
					a.printf("No winner has sent an address yet.\n")
				}
				for _, c := range claims {
					text := c.Contact
					if c.Problem != "" {
						text = "(" + c.Problem + ")"
					}
					if !c.Won {
						text += "  (not a winner, as far as this device knows)"
					}
					a.printf("%s  %s\n", plain(c.Name), plain(text))
				}
				return nil
			})
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}
