package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"flyleaf/qa"
	"flyleaf/trust"
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
				a.printf("%-10s  %s  %s\n", g.Role, g.ID, plain(week.People[g.ID].Name))
			}
			role, state, err := b.Invited(ctx, id)
			if words := claimWords(role, state); words != "" && state != qa.InviteGranted {
				a.printf("%s\n", words)
			}
			return err
		})
	}
	change := func(use, short string, on bool) *cobra.Command {
		return a.jsonFlag(&cobra.Command{
			Use: use + " PERSON ROLE", Short: short, Args: cobra.ExactArgs(2),
			Long: short + `.

PERSON is an identity (` + "`flyleaf identity show`" + ` prints one's own), a beginning of it that
fits only one person of the event, or the name of somebody there that nobody else has.`,
			RunE: func(c *cobra.Command, args []string) error {
				return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
					who, err := resolvePerson(ctx, b, id, args[0])
					if err != nil {
						return err
					}
					return a.actOn(ctx, b, id, qa.Act{Kind: qa.ActRole, Identity: who, Role: qa.Role(args[1]), On: on}, "Done.")
				})
			},
		})
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

// resolvePerson finds whom a person means: an identity, the one person of the event
// whose identity begins so, or the one who has this name.
func resolvePerson(ctx context.Context, b backend, event qa.EventID, typed string) (qa.Identity, error) {
	if id, err := qa.ParseIdentity(typed); err == nil {
		return id, nil
	}
	week, err := b.Week(ctx, event)
	if err != nil {
		return "", err
	}
	people := map[qa.Identity]bool{week.Event.Founder: true}
	for id := range week.People {
		people[id] = true
	}
	for _, g := range week.Event.Roles {
		people[g.ID] = true
	}
	for i := range week.Threads {
		people[week.Threads[i].Question.By] = true
		for k := range week.Threads[i].Replies {
			people[week.Threads[i].Replies[k].By] = true
		}
	}
	var found []qa.Identity
	const least = 4 // characters of an identity that are not a name
	for id := range people {
		if week.People[id].Name == typed || len(typed) >= least && strings.HasPrefix(string(id), typed) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", codedf(exitNotFound, "nobody in this event is called %q, and no identity begins so; give the 64 characters that `flyleaf identity show` prints on their device", typed)
	}
	slices.Sort(found)
	var list strings.Builder
	for _, id := range found {
		fmt.Fprintf(&list, "\n  %s  %s", id, plain(week.People[id].Name))
	}
	return "", codedf(exitNotFound, "%q fits %d people; give the identity:%s", typed, len(found), list.String())
}

// nameOf is somebody's name in an event, else the beginning of their identity.
func nameOf(w qa.Week, id qa.Identity) string {
	if n := w.People[id].Name; n != "" {
		return n
	}
	return id.Short()
}

func (a *app) blockCmd() *cobra.Command {
	var event string
	c := &cobra.Command{
		Use:   "block [flags] PERSON REASON…",
		Short: "Block somebody: what they write from now on is not shown, and the relay holds it back",
		Long: `Block somebody, with a reason that everybody can read. What they wrote before stays;
what they write without knowing of the block is kept and not shown, unless a moderator
approves it. PERSON is as for ` + "`flyleaf roles grant`" + `.`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			reason := strings.TrimSpace(strings.Join(args[1:], " "))
			if reason == "" {
				return codedf(exitUsage, "say why: everybody can read the reason")
			}
			return a.block(c.Context(), event, args[0], reason, "Blocked. `flyleaf unblock` lifts it.")
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) unblockCmd() *cobra.Command {
	var event string
	c := &cobra.Command{
		Use: "unblock [flags] PERSON", Short: "Lift a block; what they wrote meanwhile is shown", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.block(c.Context(), event, args[0], "", "The block is lifted.")
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) block(ctx context.Context, event, person, reason, done string) error {
	return a.withEvent(ctx, event, func(ctx context.Context, b backend, id qa.EventID) error {
		who, err := resolvePerson(ctx, b, id, person)
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

// explainAct says in the words of the command what a rule has refused.
func explainAct(act *qa.Act, err error) error {
	var r *trust.Refusal
	if !errors.As(err, &r) {
		return err
	}
	if r.Code != trust.CodeRole {
		return codedf(exitRefused, "%s Nothing was changed.", r.Reason)
	}
	who := "an organiser"
	switch act.Kind {
	case qa.ActMark:
		who = "a moderator or an organiser"
		switch act.Mark {
		case "answered":
			who = "the one who asked, an author, a moderator or an organiser"
		case "assigned", "candidate":
			who = "an author"
		}
	case qa.ActBlock:
		who = "a moderator or an organiser"
	case qa.ActWinner, qa.ActDraw:
		who = "an author or an organiser"
	case qa.ActRole:
		if act.Role == qa.RoleOrganiser {
			who = "the founder"
		}
	case qa.ActPost, qa.ActEdit, qa.ActReact, qa.ActPerson, qa.ActWithdraw:
		if act.AsAuthor {
			break
		}
		return codedf(exitRefused, "only people who were invited can write in this event, and you hold no role in it yet; nothing was changed. `flyleaf join` an invitation with a role, or wait for the organiser's device to answer yours")
	}
	return codedf(exitRefused, "only %s can do this, and you are not; nothing was changed. `flyleaf roles` shows who is", who)
}
