package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"flyleaf/qa"
	"flyleaf/qa/people"
)

// The commands event roles and event grant.

func (a *app) eventRolesCmd() *cobra.Command {
	var event string
	c := &cobra.Command{
		Use:   "roles [flags]",
		Short: "Show who has which role",
		Long: `Show the organisers, authors, moderators and members of an event, with their identities.
` + "`flyleaf event grant`" + ` gives somebody a role; ` + "`flyleaf event invite --role`" + ` invites somebody.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withWeek(c.Context(), event, func(ctx context.Context, b backend, week *qa.Week) error {
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
					a.printf("%-10s  %s  %s\n", g.Role, g.ID, plainName(week.PersonName(g.ID)))
				}
				own, err := b.OwnInvitation(ctx, week.Event.ID)
				if words := invitationState(own); words != "" && own.State != qa.InviteGranted {
					a.printf("%s\n", words)
				}
				return err
			})
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) eventGrantCmd() *cobra.Command {
	var event string
	var yes, undo bool
	c := &cobra.Command{
		Use:   "grant [flags] PERSON ROLE",
		Short: "Give somebody a role, or remove it",
		Long: `Give somebody a role: author, moderator or member; the founder can also make organisers.
With --undo the role is removed. What the person did with it stays in effect if this device
had already received it. A winner chosen by hand stays in any case.

` + personHelp,
		Example: "  flyleaf event grant \"Ilse Marrow\" author\n  flyleaf event grant --undo \"Ilse Marrow\" author",
		Args:    exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				question, done := "Give this person the role "+args[1], "Granted. `flyleaf event grant --undo` removes the role again."
				if undo {
					question, done = "Remove the role "+args[1]+" from this person", "The role is removed."
				}
				who, err := a.resolvePerson(ctx, b, id, args[0], question, yes)
				if err != nil {
					return err
				}
				return a.actOn(ctx, b, id, qa.Act{Kind: qa.ActRole, Identity: who, Role: qa.Role(args[1]), On: !undo}, done)
			})
		},
	}
	return a.jsonFlag(yesFlag(eventFlag(undoFlag(c, &undo, "remove the role"), &event), &yes))
}

// nameOf returns a person's name for use in a sentence, see people.Lookalikes.Call.
func nameOf(w qa.Week, id qa.Identity) string { return people.NewLookalikes(&w).Call(id) }
