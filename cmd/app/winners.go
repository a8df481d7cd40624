package main

import (
	"cmp"
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

// The commands for winners: candidate, and winners with what is below it.

// drawn is a week's prizes, and the draw behind those that nobody chose.
type drawn struct {
	Prizes []namedPrize `json:"prizes"`
	Copies uint64       `json:"copies"` // 0: the event does not say
	Draw   qa.Drawn     `json:"draw"`
	// Commitments are all of them, those that do not count included.
	Commitments []qa.Commitment `json:"commitments,omitempty"`
	Rule        string          `json:"rule"`
	Passed      []qa.Passed     `json:"passed,omitempty"`
}

type namedPrize struct {
	qa.Prize
	Name string `json:"name"`
}

// runDraw runs the draw of a week and says who gets a copy.
func runDraw(w *qa.Week) (drawn, error) {
	result, err := w.RunDraw()
	if err != nil {
		return drawn{}, err
	}
	out := drawn{Copies: w.Event.Prizes, Draw: result, Rule: qa.DrawAll, Prizes: []namedPrize{}}
	if d := w.Event.Draw; d != nil {
		out.Commitments, out.Rule = d.Commitments, cmp.Or(d.Rule, qa.DrawAll)
	}
	out.Passed = w.PassedOver(result)
	for _, p := range w.Prizes(result) {
		out.Prizes = append(out.Prizes, namedPrize{p, node.EntrantName(w, p.Entrant)})
	}
	return out, nil
}

// callEntrant is what an entrant is called where the identity does not stand beside it,
// see people.Lookalikes.Call.
func callEntrant(w *qa.Week, look *people.Lookalikes, e qa.Entrant) string {
	switch name := plainName(node.EntrantName(w, e)); {
	case e.OnBehalfOf == "":
		return plainName(look.Call(e.By))
	case w.Event.HasRole(e.By, qa.RoleOrganiser):
		return name
	default: // anybody can write on behalf of any name
		return name + " (" + e.By.Short() + ")"
	}
}

func (a *app) candidateCmd() *cobra.Command {
	var event string
	var undo bool
	c := &cobra.Command{
		Use:   "candidate [flags] POST",
		Short: "Mark a question whose asker should be able to win; for authors",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withPost(c.Context(), event, args[0], func(ctx context.Context, b backend, id qa.EventID, post qa.PostID) error {
				me, err := b.Identity(ctx)
				if err != nil {
					return err
				}
				done := "Marked."
				if undo {
					done = "Not a candidate of yours any more."
				}
				return a.act(ctx, b, id, qa.Act{Kind: qa.ActMark, AtMillis: nowMillis(), Post: post, Mark: "candidate", Identity: me, On: !undo}, done)
			})
		},
	}
	c.Flags().BoolVar(&undo, "undo", false, "take the mark back")
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) winnersCmd() *cobra.Command {
	var event string
	parent := &cobra.Command{
		Use:   "winners",
		Short: "Who gets a copy: chosen by hand, or drawn so that anybody can check it",
		Long: `Who gets a copy. Authors choose by hand with ` + "`pick`" + `; copies that are left are drawn
among the questions they marked with ` + "`flyleaf candidate`" + `:

  before the event is closed   the organiser and the authors ` + "`commit`" + ` to a secret each
  flyleaf close                fixes the commitments and the candidates
  afterwards                   each of them runs ` + "`draw`" + `, which opens the secret

From the secrets and the list of candidates follows the order in which copies go out.
Nobody could know it before all secrets were open, and anybody can run it again:
` + "`verify`" + ` does. Organisers and authors win nothing, and nobody wins twice.

An opening is for one closing, and the draw for the closing that all openings are for:
closing the event again, or changing the rule afterwards, changes nothing in it. Whoever
opens last knows the end before, and can keep the draw from being held by not opening;
` + "`verify`" + ` says who that is.

If a secret is never opened there is no draw, and the authors choose by hand; unless the
organiser has said, before closing, with ` + "`rule founder-last`" + `, that what the founder's own
opening does not know of is left out.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withWeek(c.Context(), event, func(_ context.Context, _ backend, w *qa.Week) error {
				d, err := runDraw(w)
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
	parent.PersistentFlags().StringVarP(&event, "event", "e", "", "the event's `ID`, or a beginning of it that fits only one")
	parent.AddCommand(
		a.pickCmd(&event), a.commitCmd(&event), a.drawCmd(&event), a.verifyDrawCmd(&event),
		a.drawRuleCmd(&event), a.claimCmd(&event), a.claimsCmd(&event),
	)
	return a.jsonFlag(parent)
}

// withWeek is withEvent with the event's week.
func (a *app) withWeek(ctx context.Context, event string, fn func(context.Context, backend, *qa.Week) error) error {
	return a.withEvent(ctx, event, func(ctx context.Context, b backend, id qa.EventID) error {
		w, err := b.Week(ctx, id)
		if err != nil {
			return err
		}
		return fn(ctx, b, &w)
	})
}

func (a *app) printPrizes(w *qa.Week, d *drawn) {
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
		a.printf("%s  %s\n", callEntrant(w, look, p.Entrant), plain(how))
	}
	for _, p := range d.Passed {
		a.printf("%s  passed over: %s\n", callEntrant(w, look, p.Entrant), plain(p.Why))
	}
	if left := int(d.Copies) - len(d.Prizes); left > 0 {
		a.printf("%s left. %s\n", copies(left), drawSentence(w, d))
	}
}

func copies(n int) string {
	if n == 1 {
		return "1 copy is"
	}
	return fmt.Sprintf("%d copies are", n)
}

// drawSentence says how far the draw has come.
func drawSentence(w *qa.Week, d *drawn) string {
	switch d.Draw.State {
	case qa.DrawOpen:
		return fmt.Sprintf("The draw is open: %d of %s so far, among %d candidates. `flyleaf close` fixes both.", len(d.Commitments), "organisers and authors take part", len(d.Draw.Entrants))
	case qa.DrawWaiting:
		names := make([]string, len(d.Draw.Waiting))
		for i, id := range d.Draw.Waiting {
			names[i] = node.PersonName(w, id)
		}
		return "The draw waits for " + strings.Join(names, " and ") + ", with `flyleaf winners draw`. " + w.LastWords(d.Draw)
	case qa.DrawVoid:
		return w.VoidWords()
	case qa.DrawDone:
		return "Nobody else was a candidate."
	}
	if len(d.Commitments) == 0 && !w.Event.Closed {
		return "Nobody takes part in the draw yet: organisers and authors do with `flyleaf winners commit`, before the event is closed."
	}
	if len(d.Commitments) == 0 {
		return "There is no draw: nobody ran `flyleaf winners commit` before the event was closed."
	}
	return "There is no draw: no question was marked with `flyleaf candidate` in time."
}

func (a *app) pickCmd(event *string) *cobra.Command {
	var note string
	var undo bool
	c := &cobra.Command{
		Use:   "pick [flags] POST",
		Short: "Choose a question whose asker gets a copy",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withPost(c.Context(), *event, args[0], func(ctx context.Context, b backend, id qa.EventID, post qa.PostID) error {
				done := "Chosen."
				if undo {
					note, done = "", "Not chosen by you any more."
				} else if strings.TrimSpace(note) == "" {
					return codedf(exitUsage, "--note says what is won; it cannot be empty")
				}
				return a.act(ctx, b, id, qa.Act{Kind: qa.ActWinner, AtMillis: nowMillis(), Post: post, Text: note}, done)
			})
		},
	}
	c.Flags().StringVar(&note, "note", "a copy of the book", "what is won, or why, in a few `words`")
	c.Flags().BoolVar(&undo, "undo", false, "take the choice back")
	return a.jsonFlag(c)
}

func (a *app) commitCmd(event *string) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "commit",
		Short: "Take part in the draw with a secret, before the event is closed",
		Long: `Write the hash of your secret into the event. The secret follows from your key and the
event, so there is nothing to keep; ` + "`flyleaf winners draw`" + ` opens it when the event is closed.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withWeek(c.Context(), *event, func(ctx context.Context, b backend, w *qa.Week) error {
				if err := b.CommitDraw(ctx, w.Event.ID); err != nil {
					return a.explain(err)
				}
				return a.done(w.Event.ID, "You take part in the draw. When the event is closed, `flyleaf winners draw` opens your secret.")
			})
		},
	})
}

// done prints that something about an event was done.
func (a *app) done(event qa.EventID, words string) error {
	if a.json {
		return a.printJSON(map[string]qa.EventID{"event": event})
	}
	a.printf("%s\n", words)
	return nil
}

func (a *app) drawCmd(event *string) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "draw",
		Short: "Open your secret, once the event is closed, and print the draw",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withWeek(c.Context(), *event, func(ctx context.Context, b backend, w *qa.Week) error {
				me, err := b.Identity(ctx)
				if err != nil {
					return err
				}
				err = w.MayOpen(me)
				if errors.Is(err, qa.ErrDrawNotFixed) {
					return codedf(exitRefused, "%w, so no secret may be opened. Nothing was changed; `flyleaf close` closes the event", err)
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
				d, err := runDraw(w)
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(d)
				}
				if mine {
					a.printf("Your secret is open.\n")
				}
				a.printPrizes(w, &d)
				return nil
			})
		},
	})
}

func (a *app) verifyDrawCmd(event *string) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "verify",
		Short: "Run the draw again from what the event holds, and print everything it is made of",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withWeek(c.Context(), *event, func(_ context.Context, _ backend, w *qa.Week) error {
				d, err := runDraw(w)
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
	})
}

// printDraw prints a draw so that somebody with another program can follow it.
func (a *app) printDraw(w *qa.Week, d *drawn) {
	a.printf("event       %s\nrule        %s\n", w.Event.ID, d.Rule)
	if e := w.Event.Draw; e != nil && e.Closing != "" {
		a.printf("closing     %s\n", e.Closing)
		for _, o := range e.Openings {
			a.printf("opening     %s  for %s  %s\n", o.By, o.Closing, plainName(node.PersonName(w, o.By)))
		}
	}
	for _, c := range d.Commitments {
		state := "opened, and it fits"
		switch {
		case c.TooEarly:
			state = "left out: opened before the event was closed"
		case slices.Contains(d.Draw.LeftOut, c.By):
			state = "left out: the founder opened without knowing it"
		case d.Draw.State == qa.DrawVoid && c.Opened():
		case slices.Contains(d.Draw.Waiting, c.By):
			state = "not opened, or it does not fit"
		}
		a.printf("commitment  %s  %s  %s  %s\n", c.By, c.Hash, plainName(node.PersonName(w, c.By)), state)
		if c.Secret != "" {
			a.printf("secret      %s  %s\n", c.By, c.Secret)
		}
	}
	for _, e := range d.Draw.Entrants {
		a.printf("candidate   %s  %s\n", e.By, plainName(node.EntrantName(w, e)))
	}
	if d.Draw.State != qa.DrawDone {
		return
	}
	a.printf("seed        %s\n", d.Draw.Seed)
	for i, e := range d.Draw.Order {
		a.printf("place %-4d  %s  %s\n", i+1, e.By, plainName(node.EntrantName(w, e)))
	}
	if words := w.LastWords(d.Draw); words != "" {
		a.printf("%s\n", plain(words))
	}
	a.printPrizes(w, d)
}

func (a *app) drawRuleCmd(event *string) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "rule all|founder-last",
		Short: "Say, before closing, what becomes of a secret that is never opened; for organisers",
		Long: `all           every secret has to be opened; else there is no draw (this is so from the start)
founder-last  secrets that the founder's own opening does not know of are left out. The
              founder opens last then, and could have waited or not: who was left out is shown.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] != qa.DrawAll && args[0] != qa.DrawFounderLast {
				return codedf(exitUsage, "the rule is all or founder-last, not %q", args[0])
			}
			return a.withWeek(c.Context(), *event, func(ctx context.Context, b backend, w *qa.Week) error {
				if w.DrawFixed() {
					return codedf(exitRefused, "the event was closed, so its draw's rule is fixed; nothing was changed")
				}
				if _, err := b.Do(ctx, w.Event.ID, qa.Act{Kind: qa.ActDraw, AtMillis: nowMillis(), Mark: "rule", Text: args[0]}); err != nil {
					return a.explain(err)
				}
				return a.done(w.Event.ID, "The rule is set.")
			})
		},
	})
}

func (a *app) claimCmd(event *string) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "claim TEXT|-",
		Short: "Tell the organiser where your copy goes; nobody else can read it",
		Long: `Write how you can be reached into the event, encrypted to its founder's key. Everybody
holds the encrypted text, and only the founder can read it.`,
		Example: `  flyleaf winners claim "Zoë, zoe@example.org"`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := a.textArg(args)
			if err != nil {
				return err
			}
			return a.withWeek(c.Context(), *event, func(ctx context.Context, b backend, w *qa.Week) error {
				ids, err := b.ClaimPrize(ctx, w.Event.ID, text)
				if err != nil {
					return a.explain(err)
				}
				if a.json {
					return a.printJSON(map[string]any{"event": w.Event.ID, "as": ids})
				}
				a.printf("Sealed to %s. It goes out with the next exchange.\n", plainName(node.PersonName(w, w.Event.Founder)))
				return nil
			})
		},
	})
}

func (a *app) claimsCmd(event *string) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "claims",
		Short: "What the winners wrote to you; for the event's founder",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withWeek(c.Context(), *event, func(ctx context.Context, b backend, w *qa.Week) error {
				claims, err := b.PrizeClaims(ctx, w.Event.ID)
				if err != nil {
					return a.explain(err)
				}
				if a.json {
					return a.printJSON(claims)
				}
				if len(claims) == 0 {
					a.printf("Nobody has written yet.\n")
				}
				for _, c := range claims {
					text := c.Contact
					if c.Problem != "" {
						text = "(" + c.Problem + ")"
					}
					if !c.Won {
						text += "  (gets no copy, as far as this device knows)"
					}
					a.printf("%s  %s\n", plain(c.Name), plain(text))
				}
				return nil
			})
		},
	})
}
