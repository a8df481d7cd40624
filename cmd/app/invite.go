package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"flyleaf/node"
	"flyleaf/qa"
)

// The commands about invitations: invite, invite list, invite revoke, invitation.

// linkFlags say in which ways a link is handed out.
type linkFlags struct {
	qr     bool
	qrFile string
}

func (l *linkFlags) add(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVar(&l.qr, "qr", false, "also draw it as a QR code")
	c.Flags().StringVar(&l.qrFile, "qr-file", "", "also write it as a QR code into this PNG `file`")
	return c
}

// printLink prints an invitation, as text and as a QR code if asked for.
func (a *app) printLink(l *linkFlags, inv qa.Invitation, fields map[string]string) error {
	text := inv.String()
	code, err := newQR(text)
	if err != nil {
		return err
	}
	if l.qrFile != "" {
		b, err := code.png()
		if err == nil && len(inv.Secret) > 0 {
			err = writeFileSynced(l.qrFile, b, 0o600) // whoever can read it can take the role
		} else if err == nil {
			err = writeOutput(l.qrFile, b)
		}
		if err != nil {
			return fmt.Errorf("writing the QR code: %w; the invitation is %s", err, text)
		}
	}
	if a.json {
		fields["event"], fields["invitation"] = string(inv.Event), text
		return a.printJSON(fields)
	}
	a.printf("%s\n", text)
	if l.qr {
		a.printf("\n%s", code.text(a.std.colours()))
	}
	return nil
}

func (a *app) inviteCmd() *cobra.Command {
	var event, role, label string
	var link linkFlags
	c := &cobra.Command{
		Use:   "invite [flags]",
		Short: "Invite somebody: with --role once, to be an author, a moderator or a member",
		Long: `Print an invitation. Without --role it is the event's own, for everybody.

With --role it is for one person, and only the first who opens it gets the role: hand it
to nobody else, whoever has the link can take the role. The role is granted by your device
by itself, when it is in touch with the relay the next time; until then the other side
says that it waits for that. ` + "`flyleaf invite list`" + ` shows how far each has come, and
` + "`flyleaf invite revoke`" + ` takes one back.`,
		Example: `  flyleaf invite --qr
  flyleaf invite --role author --label "Ilse Marrow" --qr-file ilse.png`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				if role == "" {
					return a.inviteAll(ctx, b, id, &link)
				}
				if _, ok := qa.Role(role).InvitedAs(); !ok {
					return codedf(exitUsage, "--role is author, moderator or member, not %q", role)
				}
				inv, err := b.Invite(ctx, id, qa.Role(role), label)
				if err != nil {
					return a.explain(err)
				}
				if err := a.printLink(&link, inv, map[string]string{"role": role}); err != nil {
					return err
				}
				why, err := node.Deliver(ctx, b, inv)
				if err != nil {
					return err
				}
				if why != "" {
					fmt.Fprintf(a.std.err, "The link works once the relay has heard of it, with `flyleaf sync` or while `flyleaf serve` runs (%s).\n", why)
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&role, "role", "", "the `role` of whoever opens it first: author, moderator or member")
	c.Flags().StringVar(&label, "label", "", "for whom it is: a `name` that only this device keeps")
	c.AddCommand(a.inviteListCmd(), a.inviteRevokeCmd())
	return a.jsonFlag(eventFlag(link.add(c), &event))
}

// inviteAll prints the invitation that anybody may have.
func (a *app) inviteAll(ctx context.Context, b backend, event qa.EventID, link *linkFlags) error {
	week, err := b.Week(ctx, event)
	if err != nil {
		return err
	}
	if week.Event.Access == "invited" {
		return codedf(exitUsage, "in this event only people with a role read and write, so an invitation needs one: --role author, moderator or member")
	}
	inv, err := b.Invitation(ctx, event)
	if err != nil {
		return err
	}
	return a.printLink(link, inv, map[string]string{})
}

func (a *app) invitationCmd() *cobra.Command {
	var event string
	var link linkFlags
	c := &cobra.Command{
		Use:   "invitation",
		Short: "Print an event's invitation, which anybody may have",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				inv, err := b.Invitation(ctx, id)
				if err != nil {
					return err
				}
				return a.printLink(&link, inv, map[string]string{})
			})
		},
	}
	return a.jsonFlag(eventFlag(link.add(c), &event))
}

func (a *app) inviteListCmd() *cobra.Command {
	var event string
	var links bool
	c := &cobra.Command{
		Use:   "list",
		Short: "The invitations to roles, and how far each has come",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				all, err := b.Invitations(ctx, id)
				if err != nil {
					return a.explain(err)
				}
				if a.json {
					return a.printInviteJSON(all, links)
				}
				if len(all) == 0 {
					a.printf("No invitation to a role yet: `flyleaf invite --role author` makes one.\n")
					return nil
				}
				week, err := b.Week(ctx, id)
				if err != nil {
					return err
				}
				for _, i := range all {
					state := i.State
					if i.Claimer != "" {
						state += " by " + nameOf(week, i.Claimer)
					}
					a.printf("%s  %-9s  %-8s  %s  %s\n", i.Key.Short(), i.Role, plain(state), madeAt(i.AtMillis), plain(i.Label))
					if links && len(i.Link.Secret) > 0 && i.State == qa.InviteOpen {
						a.printf("  %s\n", i.Link)
					}
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&links, "links", false, "also print the links that are still open and were made on this device")
	return a.jsonFlag(eventFlag(c, &event))
}

func madeAt(millis int64) string {
	if millis == 0 {
		return ""
	}
	return stamp(millis)
}

// printInviteJSON prints the secrets of links only where they were asked for.
func (a *app) printInviteJSON(all []qa.InviteInfo, links bool) error {
	type jsonInvite struct {
		Key        qa.Identity `json:"key"`
		Role       qa.Role     `json:"role"`
		Label      string      `json:"label"`
		State      string      `json:"state"`
		Claimer    qa.Identity `json:"claimer,omitempty"`
		At         int64       `json:"at"`
		Invitation string      `json:"invitation,omitempty"`
	}
	out := []jsonInvite{}
	for _, i := range all {
		j := jsonInvite{Key: i.Key, Role: i.Role, Label: i.Label, State: i.State, Claimer: i.Claimer, At: i.AtMillis}
		if links && len(i.Link.Secret) > 0 && i.State == qa.InviteOpen {
			j.Invitation = i.Link.String()
		}
		out = append(out, j)
	}
	return a.printJSON(out)
}

func (a *app) inviteRevokeCmd() *cobra.Command {
	var event string
	c := &cobra.Command{
		Use:   "revoke INVITATION",
		Short: "Take an invitation to a role back, named by its key or its label",
		Long: `Take an invitation to a role back, named by a beginning of its key or by its label, as
` + "`flyleaf invite list`" + ` prints them. Who was granted the role by it keeps it:
` + "`flyleaf roles revoke`" + ` takes that.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				all, err := b.Invitations(ctx, id)
				if err != nil {
					return a.explain(err)
				}
				var found []qa.InviteInfo
				for _, i := range all {
					if strings.HasPrefix(string(i.Key), args[0]) || i.Label == args[0] {
						found = append(found, i)
					}
				}
				switch {
				case len(found) == 0:
					return codedf(exitNotFound, "no invitation is called %q; `flyleaf invite list` shows all", args[0])
				case len(found) > 1:
					return codedf(exitNotFound, "%q fits %d invitations; give the key", args[0], len(found))
				case found[0].State == qa.InviteGranted:
					return codedf(exitRefused, "this invitation has been used, and the role was granted; nothing was changed. `flyleaf roles revoke` takes the role back")
				}
				if err := b.RevokeInvite(ctx, id, found[0].Key); err != nil {
					return a.explain(err)
				}
				if a.json {
					return a.printJSON(map[string]string{"key": string(found[0].Key)})
				}
				a.printf("Taken back.\n")
				return nil
			})
		},
	}
	return a.jsonFlag(eventFlag(c, &event))
}

// claimWords says how far the invitation is with which this device joined.
func claimWords(own node.OwnInvitation) string {
	as := "the role " + string(own.Role)
	if own.Role == "" {
		as = "the role that you were invited to"
	}
	switch own.State {
	case qa.InviteOpen, qa.InviteClaimed:
		return "Waiting for the organiser's device to give you " + as + "; that happens by itself when it is in touch with the relay."
	case qa.InviteGranted:
		return "You have " + as + "."
	case qa.InviteRevoked:
		return "This invitation has been taken back: ask the organiser for another."
	case qa.InviteTaken:
		return "Somebody else has used this invitation first: ask the organiser for another."
	}
	return ""
}
