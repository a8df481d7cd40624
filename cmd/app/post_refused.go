package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"flyleaf/node"
	"flyleaf/qa"
)

// maxListed is how many changes or files a message lists. --json lists all.
const maxListed = 20

// refusedError is the error of a sync in which changes were refused. Its text lists them.
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
			b.WriteString(" (it may be accepted later)")
		}
	}
	return b.String()
}

func (e *refusedError) Unwrap() error { return e.err }

func (a *app) postRefusedCmd() *cobra.Command {
	var event, discard string
	c := &cobra.Command{
		Use:   "refused [flags]",
		Short: "List your changes that were not accepted, and why",
		Long: `List the changes you made on this device that were not accepted: the relay refused them, or they
depended on a change that was later removed. Their texts are kept on this device. --discard
deletes one of them, after printing it so that you can copy it.`,
		Example: "  flyleaf post refused\n  flyleaf post refused --discard 5e1f",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				all, err := node.RefreshRefusals(ctx, b, id)
				if err != nil {
					return a.explain(err)
				}
				if discard != "" {
					return a.discard(ctx, b, id, all, discard)
				}
				if a.json {
					return a.printJSON(append([]qa.NotAccepted{}, all...))
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
	c.Flags().StringVar(&discard, "discard", "", "print and delete the change with this `hash`, or a beginning of it")
	oldFlag(c, "take-back", "discard")
	return a.jsonFlag(eventFlag(c, &event))
}

// nothingRefused explains an empty list of refusals: changes that the relay has not confirmed
// yet may still be refused.
func (a *app) nothingRefused(ctx context.Context, b backend, event qa.EventID) error {
	s, err := b.Status(ctx, event)
	if err != nil {
		return a.explain(err)
	}
	switch {
	case s.Pending == 0:
		a.printf("Everything you wrote in this event was accepted.\n")
	case s.Relay.URL == "":
		a.printf("Nothing was refused. The event has no relay: %s only on this device.\n", countedPending(s.Pending))
	default:
		a.printf("Nothing was refused so far. %s only on this device, and the relay has not answered yet.\n", countedPending(s.Pending))
	}
	return nil
}

func countedPending(changes int) string {
	if changes == 1 {
		return "1 change of yours is"
	}
	return fmt.Sprintf("%d changes of yours are", changes)
}

func (a *app) printNotTaken(n *qa.NotAccepted) {
	a.printf("%s  %s  change %.12s\n", stamp(n.AtMillis), plain(describeAct(&n.Act)), n.Hash)
	by := "this device"
	if n.ByRelay {
		by = "the relay"
	}
	later := ""
	if n.Deferred {
		later = "  It may be accepted later, and is sent again automatically."
	}
	a.printf("  not accepted by %s, %s: %s%s\n", by, plain(n.Code), plain(n.Reason), later)
	if n.Act.Text != "" {
		for line := range strings.SplitSeq(plain(n.Act.Text), "\n") {
			a.printf("    %s\n", line)
		}
	}
}

// describeAct describes an act in a few words.
func describeAct(act *qa.Act) string {
	switch act.Kind {
	case qa.ActPost:
		if act.Parent == "" {
			return "a question"
		}
		return "a reply to " + string(act.Parent)
	case qa.ActEdit:
		return "an edit of " + string(act.Post)
	case qa.ActWithdraw:
		return "a withdrawal of " + string(act.Post)
	case qa.ActReact:
		return "a reaction " + act.Emoji + " to " + string(act.Post)
	case qa.ActMark:
		return "the mark " + act.Mark + " on " + string(act.Post)
	case qa.ActPerson:
		return "your profile"
	case qa.ActRole, qa.ActInvite, qa.ActAdmit:
		return "the role " + string(act.Role) + " of " + act.Identity.Short()
	case qa.ActBlock:
		return "the block of " + act.Identity.Short()
	case qa.ActEvent:
		return "a change of the event"
	}
	return string(act.Kind)
}

func (a *app) discard(ctx context.Context, b backend, event qa.EventID, all []qa.NotAccepted, typed string) error {
	var found []*qa.NotAccepted
	for i := range all {
		if strings.HasPrefix(all[i].Hash, typed) {
			found = append(found, &all[i])
		}
	}
	switch {
	case len(found) == 0:
		return codedf(exitNotFound, "no refused change has a hash that begins with %q; nothing was discarded. `flyleaf post refused` lists all", typed)
	case len(found) > 1:
		return codedf(exitNotFound, "%q matches %d changes; nothing was discarded. Type more of the hash", typed, len(found))
	}
	// Print first, so that the text is on the screen even if discarding fails halfway.
	if a.json {
		if err := a.printJSON(found[0]); err != nil {
			return err
		}
	} else {
		a.printNotTaken(found[0])
	}
	if err := b.DiscardRefusal(ctx, event, found[0].Hash); err != nil {
		return a.explain(err)
	}
	if !a.json {
		a.printf("Discarded.\n")
	}
	return nil
}
