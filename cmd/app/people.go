package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"flyleaf/qa"
	"flyleaf/qa/people"
)

// The commands about who may do what: roles, block, unblock, close, reopen, event.

func (a *app) rolesCmd() *cobra.Command {
	var event string
	list := func(c *cobra.Command, _ []string) error {
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
				if !strings.HasPrefix(string(g.Role), "invite-") { // see `flyleaf invite list`
					grants = append(grants, g)
				}
			}
			if a.json {
				return a.printJSON(grants)
			}
			if len(grants) == 0 {
				a.printf("This event has not been fetched from its relay yet. `flyleaf sync` fetches it.\n")
			}
			for _, g := range grants {
				a.printf("%-10s  %s  %s\n", g.Role, g.ID, plainName(week.People[g.ID].Name))
			}
			own, err := b.OwnInvitation(ctx, id)
			if words := claimWords(own); words != "" && own.State != qa.InviteGranted {
				a.printf("%s\n", words)
			}
			return err
		})
	}
	change := func(use, short string, on bool) *cobra.Command {
		var yes bool
		return a.jsonFlag(yesFlag(&cobra.Command{
			Use: use + " PERSON ROLE", Short: short, Args: cobra.ExactArgs(2),
			Long: short + `.

PERSON is an identity (` + "`flyleaf identity show`" + ` prints one's own), a beginning of it that
fits only one person of the event, or the name of somebody there. Names are compared by what
they look like, so that nobody is taken for another: where two names look alike, nothing is
done, and both are listed with their identities. Whom it is about is shown first.`,
			RunE: func(c *cobra.Command, args []string) error {
				return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
					what := "Give this person the role " + args[1]
					if !on {
						what = "Take the role " + args[1] + " from this person"
					}
					who, err := a.resolvePerson(ctx, b, id, args[0], what, yes)
					if err != nil {
						return err
					}
					return a.actOn(ctx, b, id, qa.Act{Kind: qa.ActRole, Identity: who, Role: qa.Role(args[1]), On: on}, "Done.")
				})
			},
		}, &yes))
	}
	parent := &cobra.Command{Use: "roles", Short: "Who may do what in an event", Args: cobra.NoArgs, RunE: list}
	parent.PersistentFlags().StringVarP(&event, "event", "e", "", "the event's `ID`, or a beginning of it that fits only one")
	parent.AddCommand(
		change("grant", "Give somebody a role: author, moderator or member; the founder also organiser", true),
		change("revoke", "Take a role back", false),
	)
	return a.jsonFlag(parent)
}

// actOn does an act about somebody or about the event and prints what was done.
func (a *app) actOn(ctx context.Context, b backend, event qa.EventID, act qa.Act, done string) error {
	act.AtMillis = nowMillis()
	if _, err := b.Do(ctx, event, act); err != nil {
		return a.explain(err)
	}
	if a.json {
		return a.printJSON(struct {
			Event    qa.EventID  `json:"event"`
			Identity qa.Identity `json:"identity,omitempty"`
		}{event, act.Identity})
	}
	a.printf("%s\n", done)
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
		return "", codedf(exitNotFound, "nobody in this event is called %q, and no identity begins so; give the 64 characters that `flyleaf identity show` prints on their device", typed)
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
		return "", codedf(exitUsage, "nothing was changed. If you meant somebody else, give their identity")
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
	c.Flags().BoolVar(yes, "yes", false, "do not ask whether it is the right person")
	return c
}

// nameOf is somebody's name in a sentence, see people.Lookalikes.Call.
func nameOf(w qa.Week, id qa.Identity) string { return people.NewLookalikes(&w).Call(id) }

func (a *app) blockCmd() *cobra.Command {
	var event string
	var yes bool
	c := &cobra.Command{
		Use:   "block [flags] PERSON REASON…",
		Short: "Block somebody: what they write from now on is not shown, and the relay holds it back",
		Long: `Block somebody, with a reason that everybody can read. What they wrote before stays;
what they write without knowing of the block is kept and not shown, unless a moderator
approves it. Whom it is about is shown first, with their role and first post. PERSON is as for ` + "`flyleaf roles grant`" + `.`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			reason := strings.TrimSpace(strings.Join(args[1:], " "))
			if reason == "" {
				return codedf(exitUsage, "say why: everybody can read the reason")
			}
			return a.block(c.Context(), event, args[0], reason, "Blocked. `flyleaf unblock` lifts it.", yes)
		},
	}
	return a.jsonFlag(yesFlag(eventFlag(c, &event), &yes))
}

func (a *app) unblockCmd() *cobra.Command {
	var event string
	var yes bool
	c := &cobra.Command{
		Use: "unblock [flags] PERSON", Short: "Lift a block; what they wrote meanwhile is shown", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.block(c.Context(), event, args[0], "", "The block is lifted.", yes)
		},
	}
	return a.jsonFlag(yesFlag(eventFlag(c, &event), &yes))
}

func (a *app) block(ctx context.Context, event, person, reason, done string, yes bool) error {
	return a.withEvent(ctx, event, func(ctx context.Context, b backend, id qa.EventID) error {
		what := "Block this person"
		if reason == "" {
			what = "Lift the block of this person"
		}
		who, err := a.resolvePerson(ctx, b, id, person, what, yes)
		if err != nil {
			return err
		}
		return a.actOn(ctx, b, id, qa.Act{Kind: qa.ActBlock, Identity: who, Text: reason}, done)
	})
}

// switchCmd is a command that sets a field of the event.
func (a *app) switchCmd(use, short, long, done, field string, value any) *cobra.Command {
	var event string
	c := &cobra.Command{
		Use: use, Short: short, Long: long, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				return a.actOn(ctx, b, id, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{field: value}}, done)
			})
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) closeCmd() *cobra.Command {
	return a.switchCmd("close", "Close an event: it takes no more questions and replies",
		`Close an event: it takes no more questions and replies. Posts that were written
elsewhere before that was known are shown as late. Editing, reacting and moderating go on.`,
		"Closed. `flyleaf reopen` opens it again.", "closed", true)
}

func (a *app) reopenCmd() *cobra.Command {
	return a.switchCmd("reopen", "Open a closed event again", "", "It is open again.", "closed", false)
}
