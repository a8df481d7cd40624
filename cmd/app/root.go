package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"flyleaf/qa"
)

// app is what every command shares.
type app struct {
	accept  qa.ImportChoice // flags of import: what an earlier import is brought up to date in
	std     streams
	dataDir string // as given by --data; "" means the default
	json    bool
	verbose bool
	// passphraseFile, as given by --passphrase-file, holds that of the key file.
	passphraseFile string
	// asksNothing: nobody is asked on the terminal, who is typing a command there.
	asksNothing bool
}

const longHelp = `Flyleaf keeps the questions and answers of a "book of the week" on this device,
works without a network, and merges with everybody else's through a relay.

A first round, on one machine:

  syncserver --listen 127.0.0.1:3030 --data relay-data &
  flyleaf new --title "The Patient Ledger" --by "Ilse Marrow" --relay ws://127.0.0.1:3030
  flyleaf ask "At what size does a ledger begin to pay?"
  flyleaf sync
  flyleaf serve

Events are named by their ID or any beginning of it that fits only one; with a
single event --event can be left out. Text given as - is read from standard input.`

const exitCodesHelp = `Exit codes of flyleaf:

  0  done
  1  something went wrong; the message says what, and what is safe
  2  the command's words are off
  3  relay and device do not hold the same yet
  4  no such event or post
  5  input that was not taken: an import, a text over a limit
  6  another flyleaf holds the data directory and does not answer
  7  relay and device do not agree: some changes were refused; the message lists them
  8  verify: a signature or a permission does not hold, or cannot be proven`

func newRoot(std streams) *cobra.Command {
	a := &app{std: std}
	root := &cobra.Command{
		Use:           "flyleaf",
		Short:         "Questions and answers for a book of the week, on your own device",
		Long:          longHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
	}
	root.SetOut(std.out)
	root.SetErr(std.err)
	root.SetIn(std.in)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return codedf(exitUsage, "%w\nSee `%s --help`", flagError(err), c.CommandPath())
	})
	pf := root.PersistentFlags()
	pf.StringVar(&a.dataDir, "data", "", "the data `directory` (default $FLYLEAF_DATA, else flyleaf in the user's data directory)")
	pf.StringVar(&a.passphraseFile, "passphrase-file", "", "a `file` whose first line is the passphrase of the key file (else $FLYLEAF_PASSPHRASE, else it is asked for)")
	pf.BoolVarP(&a.verbose, "verbose", "v", false, "say on standard error what happens underneath")

	serve := a.serveCmd()
	root.Flags().AddFlagSet(serve.Flags())
	root.RunE = serve.RunE // plain `flyleaf` serves

	for _, g := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"Events", []*cobra.Command{
			a.newCmd(), a.joinCmd(), a.inviteCmd(), a.invitationCmd(), a.eventsCmd(), a.eventCmd(), a.closeCmd(), a.reopenCmd(),
		}},
		{"Reading and writing", []*cobra.Command{
			a.listCmd(), a.showCmd(), a.searchCmd(), a.askCmd(), a.replyCmd(), a.editCmd(), a.withdrawCmd(), a.reactCmd(), a.answeredCmd(),
		}},
		{"For authors", []*cobra.Command{
			a.inboxCmd(), a.answerCmd(), a.takeCmd(), a.laterCmd(), a.candidateCmd(), a.winnersCmd(), a.clubCmd(),
		}},
		{"Publishing and staying in touch", []*cobra.Command{a.publishCmd(), a.digestCmd(), a.icsCmd(), a.feedCmd()}},
		{"Roles and moderation", []*cobra.Command{
			a.rolesCmd(), a.blockCmd(), a.unblockCmd(), a.hideCmd(), a.unhideCmd(), a.pinCmd(), a.unpinCmd(),
			a.approveCmd(), a.duplicateCmd(), a.moderationCmd(), a.verifyCmd(),
		}},
		{"This device", []*cobra.Command{
			serve, a.syncCmd(), a.statusCmd(), a.refusedCmd(), a.nameCmd(), a.identityCmd(), a.importCmd(), a.exportCmd(),
			a.logCmd(), a.apiTokenCmd(), a.doctorCmd(), a.demoCmd(),
		}},
	} {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title + ":"})
		for _, c := range g.commands {
			c.GroupID = g.title
			root.AddCommand(c)
		}
	}
	root.AddCommand(
		a.readDocumentCmd(),
		&cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: exitCodesHelp},
	)
	a.completions(root)
	wrapArgs(root)
	return root
}

// wrapArgs gives wrong arguments the usage exit code, in a command and below it.
func wrapArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return codedf(exitUsage, "%w\nUsage: %s", err, c.UseLine())
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
}

// jsonFlag adds --json to a command that prints data.
func (a *app) jsonFlag(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return c
}

// eventFlag adds --event.
func eventFlag(c *cobra.Command, event *string) *cobra.Command {
	c.Flags().StringVarP(event, "event", "e", "", "the event's `ID`, or a beginning of it that fits only one")
	return c
}

func (a *app) log() *slog.Logger {
	if !a.verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(a.std.err, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// counted is a number with its noun.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}

// textArg returns the words of a post: the arguments joined, or standard input for "-".
func (a *app) textArg(args []string) (string, error) {
	if len(args) == 1 && args[0] == "-" {
		b, err := io.ReadAll(io.LimitReader(a.std.in, 1<<20))
		if err != nil {
			return "", fmt.Errorf("reading standard input: %w", err)
		}
		args = []string{strings.TrimRight(string(b), "\r\n")}
	}
	text := qa.LineEnds(strings.Join(args, " "))
	if strings.TrimSpace(text) == "" {
		return "", codedf(exitRefused, "there is no text: a post needs at least one word")
	}
	return text, nil
}

// with opens the data directory, or reaches the process that holds it, for the
// length of fn.
func (a *app) with(ctx context.Context, fn func(context.Context, backend) error) error {
	home, err := a.home(ctx)
	if err != nil {
		return err
	}
	c, err := connect(ctx, home, a.log())
	if err != nil {
		return err
	}
	if c.copied != "" {
		fmt.Fprintf(a.std.err, "Note: %s cannot be written, so this reads a copy of it. Nothing can be changed there.\n", plain(home.dir))
	}
	err = fn(ctx, c.Node)
	if cerr := c.close(); err == nil && cerr != nil {
		err = cerr
	}
	return err
}

// withEvent is with, for one event named by a prefix of its ID.
func (a *app) withEvent(ctx context.Context, prefix string, fn func(context.Context, backend, qa.EventID) error) error {
	return a.with(ctx, func(ctx context.Context, b backend) error {
		id, err := resolveEvent(ctx, b, prefix)
		if err != nil {
			return err
		}
		return fn(ctx, b, id)
	})
}

// resolveEvent finds the one event whose ID begins with prefix.
func resolveEvent(ctx context.Context, b backend, prefix string) (qa.EventID, error) {
	events, err := b.Events(ctx)
	if err != nil {
		return "", err
	}
	var found []qa.Event
	add := func(e qa.Event) {
		if !slices.ContainsFunc(found, func(f qa.Event) bool { return f.ID == e.ID }) {
			found = append(found, e)
		}
	}
	for _, e := range events {
		if string(e.ID) == prefix {
			return e.ID, b.Visit(ctx, e.ID)
		}
		// A club is an event that has to be named: its weeks are what is meant.
		if strings.HasPrefix(string(e.ID), prefix) && (prefix != "" || e.Kind != "club") {
			add(e)
		}
		for _, w := range e.Weeks {
			if prefix != "" && strings.HasPrefix(string(w.ID), prefix) {
				add(qa.Event{ID: w.ID, Title: w.Title})
			}
		}
	}
	switch {
	case len(found) == 1:
		// One that only a club lists is kept here from now on.
		if err := b.Visit(ctx, found[0].ID); err != nil {
			return "", err
		}
		return found[0].ID, nil
	case len(events) == 0:
		return "", codedf(exitNotFound, "this device keeps no event yet: `flyleaf new` makes one, `flyleaf join INVITATION` fetches one")
	case len(found) == 0 && prefix == "":
		return "", codedf(exitNotFound, "this device keeps a club and no week yet: `flyleaf club list` shows what it lists; name one with --event ID")
	case len(found) == 0:
		return "", codedf(exitNotFound, "no event begins with %q; `flyleaf events` lists them", prefix)
	}
	var list strings.Builder
	for _, e := range found {
		fmt.Fprintf(&list, "\n  %s  %s", e.ID, e.Title)
	}
	return "", codedf(exitNotFound, "which event? Name it with --event ID:%s", list.String())
}

// resolvePost finds the one post of an event whose ID is, or ends or begins
// uniquely with, what a person typed.
func resolvePost(ctx context.Context, b backend, event qa.EventID, typed string) (qa.PostID, error) {
	if _, err := b.Post(ctx, event, qa.PostID(typed)); err == nil {
		return qa.PostID(typed), nil
	}
	week, err := b.Week(ctx, event)
	if err != nil {
		return "", err
	}
	var found []qa.PostID
	consider := func(id qa.PostID) {
		if typed != "" && (strings.HasPrefix(string(id), typed) || strings.HasSuffix(string(id), typed)) {
			found = append(found, id)
		}
	}
	for _, t := range week.Threads {
		consider(t.Question.ID)
		for _, r := range t.Replies {
			consider(r.ID)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", codedf(exitNotFound, "no post %q in this event; `flyleaf list` shows the IDs", typed)
	}
	return "", codedf(exitNotFound, "%q fits %d posts; type more of the ID", typed, len(found))
}

// flagError says in words what a flag takes, where its library gives the text of a
// parser.
func flagError(err error) error {
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) || !errors.Is(err, strconv.ErrSyntax) && !errors.Is(err, strconv.ErrRange) {
		return err
	}
	wants := map[string]string{
		"uint64": "a whole number, 0 or more", "uint": "a whole number, 0 or more", "int": "a whole number", "int64": "a whole number",
		"bool": "true or false",
	}[bad.GetFlag().Value.Type()]
	if wants == "" {
		return err
	}
	return fmt.Errorf("--%s takes %s, not %q", bad.GetFlag().Name, wants, bad.GetValue())
}
