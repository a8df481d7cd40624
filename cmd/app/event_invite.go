package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/schema"
)

// The commands event invite and event invite list.

// linkFlags are the flags for printing a link as a QR code.
type linkFlags struct {
	qr     bool
	qrFile string
}

func (l *linkFlags) add(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVar(&l.qr, "qr", false, "also print the link as a QR code")
	c.Flags().StringVar(&l.qrFile, "qr-file", "", "also save the link as a QR code, in this PNG `file`")
	return c
}

// printLink prints an invitation's links, the one that opens in a browser first. The QR code, if a
// flag asks for one, is of the first link.
func (a *app) printLink(l *linkFlags, inv qa.Invitation, fields map[string]string) error {
	links := inv.Links()
	code, err := l.code(inv, links[0])
	if err != nil {
		return fmt.Errorf("writing the QR code: %w; the invitation is %s", err, links[0])
	}
	if a.json {
		fields["event"] = string(inv.Event)
		return a.printJSON(addLinks(fields, inv))
	}
	for _, link := range links {
		a.printf("%s\n", link)
	}
	if l.qr {
		a.printf("\n%s", code.text(a.std.colours()))
	}
	return nil
}

// code returns the QR code of an invitation's link, and saves it, as the flags ask.
func (l *linkFlags) code(inv qa.Invitation, link string) (code qrCode, err error) {
	if !l.qr && l.qrFile == "" {
		return code, nil
	}
	if code, err = newQR(link); err != nil || l.qrFile == "" {
		return code, err
	}
	b, err := code.png()
	switch {
	case err != nil:
		return code, err
	case len(inv.Secret) > 0:
		return code, writeFileSynced(l.qrFile, b, 0o600) // anybody who can read it can take the role
	}
	return code, writeOutput(l.qrFile, b)
}

// addLinks adds an invitation's links to the fields of a JSON object, and returns them.
func addLinks(fields map[string]string, inv qa.Invitation) map[string]string {
	fields["invitation"] = inv.String()
	if links := inv.Links(); len(links) > 1 {
		fields["web"] = links[0]
	}
	return fields
}

// printNew prints the ID and the links of a new event or club; what says which it is.
func (a *app) printNew(what string, inv qa.Invitation) error {
	if a.json {
		return a.printJSON(addLinks(map[string]string{what: string(inv.Event)}, inv))
	}
	a.printf("%-12s%s\n", what, inv.Event)
	for _, link := range inv.Links() {
		a.printf("%-12s%s\n", "invitation", link)
	}
	return nil
}

func (a *app) eventInviteCmd() *cobra.Command {
	var event, role, label string
	var noRole, undo bool
	var link linkFlags
	c := &cobra.Command{
		Use:   "invite [flags] [INVITATION]",
		Short: "Print an invitation link, or revoke one",
		Long: `Print an invitation link. Without --role it is the link of the event itself, for everybody.
If the relay serves Flyleaf for the browser, two forms of the link are printed: the first
opens in a browser; the flyleaf: link is for the program.

With --role the link is for one person. The first person who opens it gets the role, so do not
share it with anybody else. Your device grants the role automatically the next time it is
connected to the relay; until then the other device shows that the role is being granted.
` + "`flyleaf event invite list`" + ` shows the state of each link.

With --undo an invitation to a role is revoked: INVITATION is its label, or the beginning of
its key. A person who already has the role keeps it; ` + "`flyleaf event grant --undo`" + ` takes
the role away.`,
		Example: `  flyleaf event invite --qr
  flyleaf event invite --role author --label "Ilse Marrow" --qr-file ilse.png
  flyleaf event invite --undo "Ilse Marrow"`,
		Args: unlessUndo(&undo, noArgs, exactly(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				switch {
				case undo:
					return a.revokeInvitation(ctx, b, id, args[0])
				case role == "" && label != "":
					return codedf(exitUsage, "--label is for an invitation to a role; add --role")
				case role == "":
					return a.printEventInvitation(ctx, b, id, &link, noRole)
				}
				if _, ok := qa.Role(role).InvitedAs(); !ok {
					return codedf(exitUsage, "--role must be author, moderator or member, not %q", role)
				}
				made, err := b.Invite(ctx, id, qa.Role(role), label)
				if err != nil {
					return a.explain(err)
				}
				if err := a.printLink(&link, made.Link, map[string]string{"role": role}); err != nil {
					return err
				}
				why, err := node.SyncWithRelay(ctx, b, made.Link)
				if err != nil {
					return err
				}
				if why != "" {
					fmt.Fprintf(a.std.err, "The link will work once the relay has it: run `flyleaf sync`, or keep `flyleaf serve` running (%s).\n", why)
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&role, "role", "", "the `role` of the first person who opens the link: author, moderator or member")
	c.Flags().StringVar(&label, "label", "", "a note of who the link is for: a `name` that stays on this device")
	c.Flags().BoolVar(&noRole, "no-role", false, "print the event's own link even if only people with a role can use it")
	undoFlag(c, &undo, "revoke this invitation")
	for _, flag := range []string{"role", "label", "no-role"} {
		c.MarkFlagsMutuallyExclusive("undo", flag)
	}
	c.MarkFlagsMutuallyExclusive("role", "no-role")
	c.AddCommand(a.eventInviteListCmd())
	return a.jsonFlag(eventFlag(link.add(c), &event))
}

// printEventInvitation prints the event's own invitation, for everybody.
func (a *app) printEventInvitation(ctx context.Context, b backend, event qa.EventID, link *linkFlags, noRole bool) error {
	week, err := b.Week(ctx, event)
	if err != nil {
		return err
	}
	if week.Event.Access == schema.AccessInvited && !noRole {
		return codedf(exitUsage, "this event is open only to people with a role. Add --role author, moderator or member to invite somebody. For somebody who has a role already, --no-role prints the event's link")
	}
	inv, err := b.Invitation(ctx, event)
	if err != nil {
		return err
	}
	return a.printLink(link, inv, map[string]string{})
}

func (a *app) eventInviteListCmd() *cobra.Command {
	var event string
	var links bool
	c := &cobra.Command{
		Use:   "list [flags]",
		Short: "List the invitations to roles, with their state",
		Long: `List the invitations to roles: open (nobody has opened the link yet), opened (the role is
being granted), granted, or revoked.`,
		Args: noArgs,
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
					a.printf("No invitation to a role yet. `flyleaf event invite --role author` makes one.\n")
					return nil
				}
				week, err := b.Week(ctx, id)
				if err != nil {
					return err
				}
				for _, i := range all {
					state := i.State
					if state == qa.InviteClaimed {
						state = "opened"
					}
					if i.Claimer != "" {
						state += " by " + nameOf(week, i.Claimer)
					}
					a.printf("%s  %-9s  %-8s  %s  %s\n", i.Key.Short(), i.Role, plain(state), stampOrNone(i.AtMillis), plain(i.Label))
					if links && len(i.Link.Secret) > 0 && i.State == qa.InviteOpen {
						for _, link := range i.Link.Links() {
							a.printf("  %s\n", link)
						}
					}
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&links, "links", false, "also print the links of open invitations that were made on this device")
	return a.jsonFlag(eventFlag(c, &event))
}

func stampOrNone(millis int64) string {
	if millis == 0 {
		return ""
	}
	return stamp(millis)
}

// printInviteJSON prints links only if asked for, because they are secrets.
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

// revokeInvitation revokes the invitation with this label or beginning of its key.
func (a *app) revokeInvitation(ctx context.Context, b backend, event qa.EventID, named string) error {
	all, err := b.Invitations(ctx, event)
	if err != nil {
		return a.explain(err)
	}
	var found []qa.InviteInfo
	for _, i := range all {
		if named != "" && (strings.HasPrefix(string(i.Key), named) || i.Label == named) {
			found = append(found, i)
		}
	}
	switch {
	case len(found) == 0:
		return codedf(exitNotFound, "there is no invitation %q; nothing was changed. `flyleaf event invite list` shows all", named)
	case len(found) > 1:
		return codedf(exitNotFound, "%q matches %d invitations; nothing was changed. Use the key", named, len(found))
	}
	changed := found[0].State != qa.InviteRevoked
	if changed {
		if err := b.RevokeInvite(ctx, event, found[0].Key); err != nil {
			return a.explain(err)
		}
	}
	switch {
	case a.json:
		return a.printJSON(struct {
			Key     qa.Identity `json:"key"`
			Changed bool        `json:"changed"`
		}{found[0].Key, changed})
	case changed:
		a.printf("Revoked.\n")
	default:
		a.printf("It was revoked already; nothing was changed.\n")
	}
	return nil
}

// invitationState describes the state of the invitation with which this device joined the
// event.
func invitationState(own node.OwnInvitation) string {
	as := "the role " + string(own.Role)
	if own.Role == "" {
		as = "the role that you were invited to"
	}
	switch own.State {
	case qa.InviteOpen, qa.InviteClaimed:
		return "Waiting for the organiser's device to grant you " + as + ". This happens automatically the next time it is connected to the relay."
	case qa.InviteGranted:
		if own.Role == qa.RoleAuthor {
			as += ". `flyleaf author inbox` lists the questions that wait for an answer"
		}
		return "You have " + as + "."
	case qa.InviteRevoked:
		return "This invitation was revoked. Ask the organiser for another."
	case qa.InviteNotNeeded:
		return "You are an organiser, so this invitation stays unused, for the person it is meant for. To have " + as + " yourself, use `flyleaf event grant`."
	case qa.InviteUsedByOther:
		return "Somebody else used this invitation first. Ask the organiser for another."
	}
	return ""
}
