package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"flyleaf/qa"
	"flyleaf/replica"
)

// refusal is a change that the relay, or this device, did not take.
type refusal struct {
	Hash     string `json:"hash"`
	Code     string `json:"code"`
	Reason   string `json:"reason"`
	Deferred bool   `json:"deferred,omitempty"`
}

// maxListed bounds the refused changes that a message lists; --json has all.
const maxListed = 20

// refusedError is an exchange that cannot end well, with the changes at fault.
type refusedError struct {
	err     error
	refused []refusal
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

// explainSync is explain for an exchange with a relay.
func explainSync(err error) error {
	var n *replica.NotSyncedError
	switch {
	case !errors.As(err, &n):
		return err
	case !n.Disagrees():
		return coded(exitNotSynced, err)
	}
	out := &refusedError{err: fmt.Errorf("%w. What you wrote is safe on this device", err)}
	for _, r := range n.Refused {
		out.refused = append(out.refused, refusal{r.Hash.String(), r.Code, r.Reason, r.Deferred})
	}
	return coded(exitDisagree, out)
}

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
				all, err := b.Refusals(ctx, id)
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
	all, err := b.Status(ctx)
	if err != nil {
		return a.explain(err)
	}
	for i := range all {
		s := &all[i]
		switch {
		case s.Event != event || s.Pending == 0:
		case s.Relay.URL == "":
			a.printf("Nothing is refused. The event has no relay: %s only on this device.\n", are(s.Pending))
			return nil
		default:
			a.printf("Nothing is known to be refused. %s only on this device, and the relay has not said yet whether it takes that.\n", are(s.Pending))
			return nil
		}
	}
	a.printf("Everything that you wrote here was taken.\n")
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

// Refusals asks the relay about what it is not known to hold, unless it has refused
// something since this process began: what it refused an earlier command is not kept,
// because it may take it by now.
func (l *local) Refusals(ctx context.Context, event qa.EventID) ([]qa.NotTaken, error) {
	all, err := l.node.Refusals(ctx, event)
	if err != nil || slices.ContainsFunc(all, func(n qa.NotTaken) bool { return n.ByRelay }) {
		return all, err
	}
	counts, err := l.store.Counts(ctx, event)
	if err != nil || counts.Pending == 0 {
		return all, err
	}
	if err := l.Sync(ctx, event, lookFor); err != nil && ctx.Err() != nil {
		return nil, err
	}
	return l.node.Refusals(ctx, event)
}

func (l *local) TakeBack(ctx context.Context, event qa.EventID, hash string) error {
	return l.node.TakeBack(ctx, event, hash)
}

type rpcTakeBack struct {
	Event qa.EventID
	Hash  string
}

func refusedHandler(mux *http.ServeMux, b backend) {
	handle(mux, "refusals", func(ctx context.Context, e qa.EventID) ([]qa.NotTaken, error) { return b.Refusals(ctx, e) })
	handle(mux, "takeBack", func(ctx context.Context, r rpcTakeBack) (rpcNothing, error) {
		return rpcNothing{}, b.TakeBack(ctx, r.Event, r.Hash)
	})
}

func (r *remote) Refusals(ctx context.Context, event qa.EventID) ([]qa.NotTaken, error) {
	return call[[]qa.NotTaken](ctx, r, "refusals", event)
}

func (r *remote) TakeBack(ctx context.Context, event qa.EventID, hash string) error {
	_, err := call[rpcNothing](ctx, r, "takeBack", rpcTakeBack{event, hash})
	return err
}
