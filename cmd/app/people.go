package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"flyleaf/qa"
	"flyleaf/qa/people"
)

// The commands about people: who holds which role, giving roles, blocking.

func (a *app) eventRolesCmd() *cobra.Command {
	var event string
	c := &cobra.Command{
		Use:   "roles [flags]",
		Short: "Show who holds which role",
		Long: `Show the organisers, authors, moderators and members of an event, with their identities.
` + "`flyleaf event grant`" + ` gives a role, ` + "`flyleaf event invite --role`" + ` invites somebody to one.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				week, err := b.Week(ctx, id)
				if err != nil {
					return err
				}
				grants := []qa.Grant{}
				if week.Event.Founder != "" {
					grants = append(grants, qa.Grant{ID: week.Event.Founder, Role: qa.RoleOrganiser})
				}
				for _, g := range week.Event.Roles {
					if !strings.HasPrefix(string(g.Role), "invite-") { // see `flyleaf event invite list`
						grants = append(grants, g)
					}
				}
				if a.json {
					return a.printJSON(grants)
				}
				if len(grants) == 0 {
					a.printf("%s\n", notFetched)
				}
				for _, g := range grants {
					a.printf("%-10s  %s  %s\n", g.Role, g.ID, plainName(week.People[g.ID].Name))
				}
				own, err := b.OwnInvitation(ctx, id)
				if words := invitationState(own); words != "" && own.State != qa.InviteGranted {
					a.printf("%s\n", words)
				}
				return err
			})
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

// personHelp says how a command takes a person.
const personHelp = `PERSON is an identity (` + "`flyleaf identity show`" + ` prints yours), any beginning of one that fits
only one person of the event, or somebody's name there. Names are compared by what they look
like: where two names look alike nothing is done, and both people are listed with their
identities. The person that was found is shown first; on a terminal you are asked to confirm.`

func (a *app) eventGrantCmd() *cobra.Command {
	var event string
	var yes, undo bool
	c := &cobra.Command{
		Use:   "grant [flags] PERSON ROLE",
		Short: "Give somebody a role, or take it away",
		Long: `Give somebody a role: author, moderator or member; the founder can also make organisers.
With --undo the role is taken away again. What was done with it before stays in effect.

` + personHelp,
		Example: "  flyleaf event grant \"Ilse Marrow\" author\n  flyleaf event grant --undo \"Ilse Marrow\" author",
		Args:    exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				question, done := "Give this person the role "+args[1], "Granted. `flyleaf event grant --undo` takes the role away again."
				if undo {
					question, done = "Take the role "+args[1]+" from this person", "The role is taken away."
				}
				who, err := a.resolvePerson(ctx, b, id, args[0], question, yes)
				if err != nil {
					return err
				}
				return a.actOn(ctx, b, id, qa.Act{Kind: qa.ActRole, Identity: who, Role: qa.Role(args[1]), On: !undo}, done)
			})
		},
	}
	return a.jsonFlag(yesFlag(eventFlag(undoFlag(c, &undo, "take the role away"), &event), &yes))
}

// actOn does an act about somebody or about the event and prints what was done.
func (a *app) actOn(ctx context.Context, b backend, event qa.EventID, act qa.Act, done string) error {
	why, err := a.doOrNot(ctx, b, event, act)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(struct {
			Event    qa.EventID  `json:"event"`
			Identity qa.Identity `json:"identity,omitempty"`
			Changed  bool        `json:"changed"`
		}{event, act.Identity, why == ""})
	}
	a.printf("%s\n", cmp.Or(why, done))
	return nil
}

// resolvePerson finds the one whom a person means, and shows who that is: identity, role
// and first post. On a terminal it asks whether to go on, unless yes is set; an
// identity typed in full needs no question.
func (a *app) resolvePerson(ctx context.Context, b backend, event qa.EventID, typed, what string, yes bool) (qa.Identity, error) {
	week, err := b.Week(ctx, event)
	if err != nil {
		return "", err
	}
	who, err := people.Resolve(&week, typed)
	if errors.Is(err, people.ErrNobody) {
		return "", codedf(exitNotFound, "nobody in this event is called %q, and no identity begins with that; nothing was changed. Give the 64 characters that `flyleaf identity show` prints on their device", typed)
	}
	if err != nil {
		return "", coded(exitNotFound, err)
	}
	fmt.Fprintf(a.std.err, "%s\n", plainLine(who.String()))
	if yes || typed == string(who.ID) || !a.std.isTerminal() {
		return who.ID, nil
	}
	fmt.Fprintf(a.std.err, "%s? [y/N] ", what)
	if answer := a.readLine(); answer != "y" && answer != "yes" {
		return "", codedf(exitUsage, "not confirmed, so nothing was changed. If you meant somebody else, give their identity")
	}
	return who.ID, nil
}

// readLine reads one line of an answer, in small letters.
func (a *app) readLine() string {
	var b []byte
	one := make([]byte, 1)
	for len(b) < 100 {
		n, err := a.std.in.Read(one)
		if n == 1 && one[0] != '\n' {
			b = append(b, one[0])
		}
		if err != nil || n == 1 && one[0] == '\n' {
			break
		}
	}
	return strings.ToLower(strings.TrimSpace(string(b)))
}

// yesFlag adds --yes to a command that asks.
func yesFlag(c *cobra.Command, yes *bool) *cobra.Command {
	c.Flags().BoolVar(yes, "yes", false, "do not ask for confirmation")
	return c
}

// nameOf is somebody's name in a sentence, see people.Lookalikes.Call.
func nameOf(w qa.Week, id qa.Identity) string { return people.NewLookalikes(&w).Call(id) }

func (a *app) modBlockCmd() *cobra.Command {
	var event string
	var yes, undo bool
	c := &cobra.Command{
		Use:   "block [flags] PERSON REASON…",
		Short: "Block somebody, with a reason",
		Long: `Block somebody, with a reason that everybody can read. What they wrote before stays. What
they write from now on is not shown, and the relay does not pass it on; a moderator can
approve single posts that they wrote before hearing of the block. With --undo they are
unblocked, and what they wrote meanwhile is shown.

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
					return codedf(exitUsage, "give a reason: everybody can read it")
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
