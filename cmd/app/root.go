package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
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

const longHelp = `Flyleaf keeps the questions and answers of a "book of the week" on this device.
It works without a network, and merges with everybody else's copy through a relay.

A first round, on one machine:

  syncserver --listen 127.0.0.1:3030 --data relay-data &
  flyleaf event new --title "The Patient Ledger" --by "Ilse Marrow" --relay ws://127.0.0.1:3030
  flyleaf ask "At what size does a ledger begin to pay?"
  flyleaf sync
  flyleaf serve

Everyday commands stand on their own; all others are in groups, such as ` + "`flyleaf event new`" + `.
To take back what a command did, give the same command with --undo.

An event is named by its ID, or by any beginning of the ID that fits only one event. With
a single event on this device --event can be left out. Text given as - is read from
standard input.`

const exitCodesHelp = `Exit codes of flyleaf:

  0  done
  1  something went wrong; the message says what, and what is safe
  2  the command is mistyped: an unknown command or flag, or a wrong value
  3  not in sync with the relay yet; what you wrote is saved on this device
  4  not found: no such event, post or person
  5  not accepted: input that cannot be imported, text over a limit, something you may not do
  6  another flyleaf has the data directory open and does not answer
  7  relay and device disagree: some changes were refused; the message lists them
  8  verify: a signature or a permission does not hold, or cannot be proven`

func newRoot(std streams) *cobra.Command {
	cobra.EnableCommandSorting = false // commands are listed in the order in which they are added
	a := &app{std: std}
	root := &cobra.Command{
		Use:           "flyleaf",
		Short:         "Questions and answers for a book of the week, on your own device",
		Long:          longHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          a.onlyCommands,
	}
	root.SetOut(std.out)
	root.SetErr(std.err)
	root.SetIn(std.in)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return codedf(exitUsage, "%w\nSee `%s --help`", flagError(err), c.CommandPath())
	})
	pf := root.PersistentFlags()
	pf.StringVar(&a.dataDir, "data", "", "the data `directory` (default $FLYLEAF_DATA, else flyleaf in the user's data directory)")
	pf.StringVar(&a.passphraseFile, "passphrase-file", "", "a `file` whose first line is the passphrase of the key file (else $FLYLEAF_PASSPHRASE, else you are asked)")
	pf.BoolVarP(&a.verbose, "verbose", "v", false, "report details on standard error")

	serve := a.serveCmd()
	root.Flags().AddFlagSet(serve.Flags())
	root.RunE = serve.RunE // plain `flyleaf` serves

	for _, g := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"Read and write", []*cobra.Command{a.askCmd(), a.replyCmd(), a.listCmd(), a.showCmd(), a.searchCmd()}},
		{"Connect", []*cobra.Command{a.joinCmd(), a.syncCmd(), a.statusCmd(), serve, a.demoCmd()}},
		{"Groups of commands", []*cobra.Command{
			a.eventGroup(), a.clubGroup(), a.postGroup(), a.modGroup(), a.authorGroup(), a.winnersGroup(), a.identityGroup(),
		}},
		{"Import, export and publish", []*cobra.Command{a.importCmd(), a.exportCmd(), a.publishCmd(), a.digestCmd()}},
		{"Check and repair", []*cobra.Command{a.verifyCmd(), a.doctorCmd()}},
		{aboutGroup, []*cobra.Command{a.versionCmd()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title + ":"})
		for _, c := range g.commands {
			c.GroupID = g.title
			root.AddCommand(c)
		}
	}
	// A group is called with one of its commands, not by itself.
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", `{{if and .Runnable (ne (index .Annotations "is") "group")}}`, 1))
	root.SetHelpCommandGroupID(aboutGroup)
	root.SetCompletionCommandGroupID(aboutGroup)
	root.AddCommand(
		a.readDocumentCmd(),
		&cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: exitCodesHelp},
	)
	a.wrapArgs(root)
	a.completions(root)
	a.addOldSpellings(root)
	return root
}

// aboutGroup is the group of the commands about the program itself.
const aboutGroup = "About this program"

// group is a command that only holds others. By itself it prints its help.
func (a *app) group(use, short, long string, commands ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{
		Use: use, Short: short, Long: long, Args: a.onlyCommands, Annotations: map[string]string{"is": "group"},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	g.AddCommand(commands...)
	return g
}

func (a *app) eventGroup() *cobra.Command {
	return a.group("event", "Set up an event, invite people, close it", `Set up an event (a week), change it, invite people and give them roles.`,
		a.eventNewCmd(), a.eventListCmd(), a.eventSetCmd(), a.eventInviteCmd(), a.eventRolesCmd(), a.eventGrantCmd(), a.eventCloseCmd(),
		a.eventCalendarCmd(), a.eventFeedCmd(), a.eventLogCmd())
}

func (a *app) clubGroup() *cobra.Command {
	return a.group("club", "Keep the list of a community's weeks", `A club is a list of weeks, kept by its organisers. Whoever joins the club once gets its
weeks from then on: upcoming weeks and the current one arrive by themselves, past weeks
are fetched when somebody opens them.`,
		a.clubNewCmd(), a.clubShowCmd(), a.clubAddCmd())
}

func (a *app) postGroup() *cobra.Command {
	return a.group("post", "Edit, withdraw or react to a post", `What you can do with a post besides asking and replying.`,
		a.postEditCmd(), a.postWithdrawCmd(), a.postReactCmd(), a.postAnsweredCmd(), a.postRefusedCmd())
}

func (a *app) modGroup() *cobra.Command {
	return a.group("mod", "Moderate: hide, pin, approve, block", `For moderators and organisers. Everybody can read who moderated what: `+"`flyleaf mod log`"+`.`,
		a.modHideCmd(), a.modPinCmd(), a.modApproveCmd(), a.modDuplicateCmd(), a.modBlockCmd(), a.modLogCmd())
}

func (a *app) authorGroup() *cobra.Command {
	return a.group("author", "For authors: the inbox of open questions", `For authors: see which questions are open, share them out, answer them.`,
		a.authorInboxCmd(), a.authorAnswerCmd(), a.authorTakeCmd(), a.authorLaterCmd())
}

func (a *app) identityGroup() *cobra.Command {
	return a.group("identity", "Your name and key, on this device and others", `Your identity is a key on this device. It signs everything you write.`,
		a.identityShowCmd(), a.identityNameCmd(), a.identityExportCmd(), a.identityImportCmd(), a.identityPassphraseCmd())
}

// onlyCommands refuses arguments where a command is expected, and names commands like it:
// those below c if there are any, else those of the whole tree.
func (a *app) onlyCommands(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q for %q", args[0], c.CommandPath())
	similar := similarCommands(c, args[0])
	if len(similar) == 0 {
		similar = similarCommands(c.Root(), args[0])
	}
	if len(similar) > 0 {
		err = fmt.Errorf("%w. Did you mean\n  %s", err, strings.Join(similar, "\n  "))
	}
	return err
}

// similarCommands returns the paths of the commands below c whose name is like the one
// that was typed.
func similarCommands(c *cobra.Command, typed string) (paths []string) {
	c.SuggestionsMinimumDistance = 1
	if len(typed) > 3 {
		c.SuggestionsMinimumDistance = 2
	}
	for _, name := range c.SuggestionsFor(typed) {
		paths = append(paths, c.CommandPath()+" "+name)
	}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			paths = append(paths, similarCommands(sub, typed)...)
		}
	}
	return paths
}

// between is a check that there are so many arguments.
func between(least, most int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch n := len(args); {
		case n >= least && n <= most:
			return nil
		case n < least && most > least:
			return fmt.Errorf("at least %s needed, %s given", countedIs(least, "argument"), countedWas(n, ""))
		case n < least:
			return fmt.Errorf("%s needed, %s given", countedIs(least, "argument"), countedWas(n, ""))
		case most == 0:
			return fmt.Errorf("no argument is expected, and %q was given", args[0])
		default:
			return fmt.Errorf("at most %s expected, %s given; quote text that holds spaces", countedIs(most, "argument"), countedWas(n, ""))
		}
	}
}

func noArgs(c *cobra.Command, args []string) error { return between(0, 0)(c, args) }

func exactly(n int) cobra.PositionalArgs { return between(n, n) }

func atLeast(n int) cobra.PositionalArgs { return between(n, math.MaxInt) }

// wrapArgs gives wrong arguments the usage exit code, in a command and below it.
func (a *app) wrapArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			a.noteOldFlags(c)
			err := check(c, args)
			switch {
			case err == nil:
				return nil
			case c.HasAvailableSubCommands() && len(args) > 0:
				return codedf(exitUsage, "%w\nSee `%s --help`", err, c.CommandPath())
			}
			return codedf(exitUsage, "%w\nUsage: %s", err, c.UseLine())
		}
	}
	for _, sub := range c.Commands() {
		a.wrapArgs(sub)
	}
}

// undoFlag adds --undo to a command whose act can be undone.
func undoFlag(c *cobra.Command, undo *bool, what string) *cobra.Command {
	c.Flags().BoolVar(undo, "undo", false, what)
	return c
}

// unlessUndo is for a command that takes other arguments with --undo than without.
func unlessUndo(undo *bool, do, undone cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if *undo {
			return undone(c, args)
		}
		return do(c, args)
	}
}

// jsonFlag adds --json to a command that prints data.
func (a *app) jsonFlag(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVar(&a.json, "json", false, "print JSON")
	return c
}

// eventFlag adds --event.
func eventFlag(c *cobra.Command, event *string) *cobra.Command {
	c.Flags().StringVarP(event, "event", "e", "", "the event: its `ID`, or a beginning that fits only one")
	return c
}

func (a *app) log() *slog.Logger {
	if !a.verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(a.std.err, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// countedIs is a number with its noun and "is" or "are".
func countedIs(n int, noun string) string { return counted(n, noun+" is", noun+"s are") }

// countedWas is a number with its noun, if it has one, and "was" or "were".
func countedWas(n int, noun string) string {
	if noun == "" {
		return counted(n, "was", "were")
	}
	return counted(n, noun+" was", noun+"s were")
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
		return "", codedf(exitRefused, "there is no text; nothing was saved. Write at least one word")
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
		return "", codedf(exitNotFound, "there is no event on this device yet. `flyleaf event new` makes one, `flyleaf join INVITATION` fetches one")
	case len(found) == 0 && prefix == "":
		return "", codedf(exitNotFound, "there is a club on this device, but no week yet. `flyleaf club show` lists its weeks; name one with --event ID")
	case len(found) == 0:
		return "", codedf(exitNotFound, "no event begins with %q; `flyleaf event list` lists all", prefix)
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
	week.EachPost(func(p *qa.PostView) {
		if typed != "" && (strings.HasPrefix(string(p.ID), typed) || strings.HasSuffix(string(p.ID), typed)) {
			found = append(found, p.ID)
		}
	})
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", codedf(exitNotFound, "there is no post %q in this event; `flyleaf list` shows the IDs", typed)
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
