package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"flyleaf/node"
	"flyleaf/qa"
)

// The commands that connect this device to others: join, sync, status.

func (a *app) joinCmd() *cobra.Command {
	var move bool
	var name string
	c := &cobra.Command{
		Use:   "join [flags] INVITATION|-",
		Short: "Join an event or a club with an invitation",
		Long: `Join an event or a club, which is then kept on this device. It is fetched as soon as the
relay can be reached: now, with a later ` + "`flyleaf sync`" + `, or while ` + "`flyleaf serve`" + ` runs. If the
invitation is for a role, the organiser's device then grants the role automatically. With -
the invitation is read from standard input, which keeps it out of the shell's history.

You may paste the text that the invitation came in. If the event is on this device already
and the invitation names a relay that its organisers do not use, --move is needed, because that
relay would see what you read and write.

--name sets your name, as ` + "`flyleaf identity name`" + ` does before or after. It is optional. An event gets
your name with your first post there, or with an invitation to a role.`,
		Example: `  flyleaf join flyleaf:2kuc5yuMvWnkErdeNjRzMrhYyHRG@wss://relay.example.org
  flyleaf join --name "Tino" flyleaf:2kuc5yuMvWnkErdeNjRzMrhYyHRG@wss://relay.example.org`,
		Args: atLeast(1), // the words of the text that contains the invitation
		RunE: func(c *cobra.Command, args []string) error {
			link, err := a.textArg(args)
			if err != nil {
				return err
			}
			inv, err := parseInvitation(link)
			if err != nil {
				return err
			}
			inv.Move = move
			return a.with(c.Context(), func(ctx context.Context, b backend) error {
				if c.Flags().Changed("name") {
					if _, err := setName(ctx, b, name); err != nil {
						return a.explain(err)
					}
				}
				why, err := node.JoinAndFetch(ctx, b, inv)
				if err != nil {
					return a.explain(err)
				}
				own, err := b.OwnInvitation(ctx, inv.Event)
				if err != nil {
					return a.explain(err)
				}
				fetched := why == ""
				if a.json {
					return a.printJSON(struct {
						Event   qa.EventID `json:"event"`
						Fetched bool       `json:"fetched"`
						Why     string     `json:"why,omitempty"`
						Role    qa.Role    `json:"role,omitempty"`  // the role of the invitation
						State   string     `json:"state,omitempty"` // of the invitation
					}{inv.Event, fetched, why, own.Role, own.State})
				}
				if fetched {
					a.printf("Joined %s.\n", inv.Event)
				} else {
					a.printf("Joined %s. It will be fetched when the relay can be reached (%s).\n", inv.Event, why)
				}
				if words := invitationState(own); words != "" {
					a.printf("%s\n", words)
				}
				return a.noteNameless(ctx, b)
			})
		},
	}
	c.Flags().StringVar(&name, "name", "", "your `name`, as others see it")
	c.Flags().BoolVar(&move, "move", false, "move an event that is on this device to the relay of the invitation")
	return a.jsonFlag(c)
}

// parseInvitation finds the invitation in a text that the user typed or pasted.
func parseInvitation(text string) (qa.Invitation, error) {
	inv, err := qa.ParseInvitation(text)
	if err != nil {
		return inv, codedf(exitUsage, "%w\nAn invitation looks like flyleaf:EVENT@ws://relay:3030; `flyleaf event invite` prints it. Nothing was joined", err)
	}
	return inv, nil
}

func (a *app) syncCmd() *cobra.Command {
	var event string
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "sync [flags]",
		Short: "Send and fetch changes until relay and device are in sync",
		Long: `Send and fetch changes until the relay and this device are in sync. If they are not in sync
when the timeout ends, the exit code is 3; what you wrote stays on this device and is sent
later. If one side refuses changes of the other, the exit code is 7, and they are listed.`,
		Example: "  flyleaf sync\n  flyleaf sync --timeout 1m",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withEvent(c.Context(), event, func(ctx context.Context, b backend, id qa.EventID) error {
				if err := b.Sync(ctx, id, timeout); err != nil {
					if a.json && node.KindOf(err) == node.Disagree {
						err = errors.Join(err, a.printJSON(struct {
							Event   qa.EventID     `json:"event"`
							Synced  bool           `json:"synced"`
							Refused []node.Refusal `json:"refused"`
						}{id, false, node.RefusedBy(err)}))
					}
					return a.explain(err)
				}
				if a.json {
					return a.printJSON(struct {
						Event  qa.EventID `json:"event"`
						Synced bool       `json:"synced"`
					}{id, true})
				}
				a.printf("In sync with the relay.\n")
				words, err := node.RelayClockWarning(ctx, b, id)
				if err == nil && words != "" {
					fmt.Fprintf(a.std.err, "Note: %s.\n", words)
				}
				return nil
			})
		},
	}
	c.Flags().DurationVar(&timeout, "timeout", 10*time.Second, "how long to try, such as 30s")
	return a.jsonFlag(eventFlag(c, &event))
}

func (a *app) statusCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "status [flags]",
		Short: "Show what has been sent, and whether relays can be reached",
		Long: `Show for each event the number of posts, how many of your changes are only on this device,
and whether the relay can be reached.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(ctx context.Context, b backend) error {
				statuses, err := b.Statuses(ctx)
				if err != nil {
					return err
				}
				if a.json {
					if statuses == nil {
						statuses = []qa.Status{}
					}
					return a.printJSON(statuses)
				}
				if len(statuses) == 0 {
					a.printf("No events on this device.\n")
				}
				for _, s := range statuses {
					title := s.Title
					if title == "" {
						title = "(not fetched yet)"
					}
					a.printf("%s  %s\n", s.Event, plain(title))
					a.printf("  posts    %d, in %s\n", s.Posts, counted(s.Changes, "change", "changes"))
					switch {
					case s.Pending > 0 && s.Waiting() == 0:
						a.printf("  pending  nothing can be sent: the event has no relay and is only on this device\n")
					case s.Pending == 0:
						a.printf("  pending  none: all your changes have been sent\n")
					case s.Pending == 1:
						a.printf("  pending  1 change of yours is only on this device\n")
					default:
						a.printf("  pending  %d changes of yours are only on this device\n", s.Pending)
					}
					if s.Relay.URL == "" {
						a.printf("  relay    none\n")
					} else {
						a.printf("  relay    %s  %s", s.Relay.URL, s.Relay.State)
						if s.Relay.Why != "" {
							a.printf(": %s", s.Relay.Why)
						}
						a.printf("\n")
					}
					if words := s.Relay.ClockWarning(); words != "" {
						a.printf("  clock    %s\n", words)
					}
					for _, h := range s.Heads {
						a.printf("  head     %s\n", h)
					}
				}
				return nil
			})
		},
	}
	return a.jsonFlag(c)
}
