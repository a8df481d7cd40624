package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"flyleaf/node"
	"flyleaf/qa"
)

// maxListed bounds the refused changes that a message lists; --json has all.
const maxListed = 20

// refusedError is an exchange that cannot end well, with the changes at fault.
type refusedError struct {
	err     error
	refused []node.Refusal
}

func (e *refusedError) Error() string {
	var b strings.Builder
	b.WriteString(e.err.Error())
	for i, r := range e.refused {
		if i == maxListed {
			fmt.Fprintf(&b, "\n  and %d more; --json lists all", len(e.refused)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s  %s: %s", r.Hash, plain(r.Code), plain(r.Reason))
		if r.Deferred {
			b.WriteString(" (it may be taken later)")
		}
	}
	return b.String()
}

func (e *refusedError) Unwrap() error { return e.err }

func (a *app) refusedCmd() *cobra.Command {
	var event, takeBack string
	c := &cobra.Command{
		Use:   "refused",
		Short: "What you wrote and was not taken, and why",
		Long: `List what this device wrote in an event and was not taken: by the relay, or because it
hung on something that turned out not to be part of the event. The words are kept.
--take-back gives one of them up, after printing it, so that it can be copied.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				all, err := node.AskRefusals(ctx, b, id)
				if err != nil {
					return a.explain(err)
				}
				if takeBack != "" {
					return a.takeBack(ctx, b, id, all, takeBack)
				}
				if a.json {
					return a.printJSON(append([]qa.NotTaken{}, all...))
				}
				if len(all) == 0 {
					return a.nothingRefused(ctx, b, id)
				}
				for i := range all {
					a.printNotTaken(&all[i])
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&takeBack, "take-back", "", "give up the change with this `hash`, or beginning of it, and print its words")
	return a.jsonFlag(eventFlag(c, &event))
}

// nothingRefused says what follows from an empty list of refusals: what no relay is
// known to hold may be refused yet.
func (a *app) nothingRefused(ctx context.Context, b backend, event qa.EventID) error {
	s, err := b.Status(ctx, event)
	if err != nil {
		return a.explain(err)
	}
	switch {
	case s.Pending == 0:
		a.printf("Everything that you wrote here was taken.\n")
	case s.Relay.URL == "":
		a.printf("Nothing is refused. The event has no relay: %s only on this device.\n", are(s.Pending))
	default:
		a.printf("Nothing is known to be refused. %s only on this device, and the relay has not said yet whether it takes that.\n", are(s.Pending))
	}
	return nil
}

func are(changes int) string {
	if changes == 1 {
		return "1 change of yours is"
	}
	return fmt.Sprintf("%d changes of yours are", changes)
}

func (a *app) printNotTaken(n *qa.NotTaken) {
	a.printf("%s  %s  change %.12s\n", stamp(n.AtMillis), plain(actWords(&n.Act)), n.Hash)
	by := "this device"
	if n.ByRelay {
		by = "the relay"
	}
	later := ""
	if n.Deferred {
		later = "  It may be taken later, and is sent again by itself."
	}
	a.printf("  not taken by %s, %s: %s%s\n", by, plain(n.Code), plain(n.Reason), later)
	if n.Act.Text != "" {
		for line := range strings.SplitSeq(plain(n.Act.Text), "\n") {
			a.printf("    %s\n", line)
		}
	}
}

// actWords says what somebody did, in a few words.
func actWords(act *qa.Act) string {
	switch act.Kind {
	case qa.ActPost:
		if act.Parent == "" {
			return "a question"
		}
		return "a reply to " + string(act.Parent)
	case qa.ActEdit:
		return "a new text of " + string(act.Post)
	case qa.ActWithdraw:
		return "a withdrawal of " + string(act.Post)
	case qa.ActReact:
		return "a reaction " + act.Emoji + " to " + string(act.Post)
	case qa.ActMark:
		return "the mark " + act.Mark + " on " + string(act.Post)
	case qa.ActPerson:
		return "what you say of yourself"
	case qa.ActRole, qa.ActInvite, qa.ActAdmit:
		return "the role " + string(act.Role) + " of " + act.Identity.Short()
	case qa.ActBlock:
		return "a block of " + act.Identity.Short()
	case qa.ActEvent:
		return "a change of the event"
	}
	return string(act.Kind)
}

func (a *app) takeBack(ctx context.Context, b backend, event qa.EventID, all []qa.NotTaken, typed string) error {
	var found []*qa.NotTaken
	for i := range all {
		if strings.HasPrefix(all[i].Hash, typed) {
			found = append(found, &all[i])
		}
	}
	switch {
	case len(found) == 0:
		return codedf(exitNotFound, "nothing that was not taken has a hash that begins with %q; `flyleaf refused` lists all", typed)
	case len(found) > 1:
		return codedf(exitNotFound, "%q fits %d changes; type more of the hash", typed, len(found))
	}
	// Printed first: whatever happens next, the words are on the screen.
	if a.json {
		if err := a.printJSON(found[0]); err != nil {
			return err
		}
	} else {
		a.printNotTaken(found[0])
	}
	if err := b.TakeBack(ctx, event, found[0].Hash); err != nil {
		return a.explain(err)
	}
	if !a.json {
		a.printf("Taken back.\n")
	}
	return nil
}
