package main

import (
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"flyleaf/qa"
)

// app is shared by all commands: the global flags and the standard streams.
type app struct {
	accept  qa.ImportChoice // flags of import: which changes since an earlier import to apply
	std     streams
	dataDir string // as given by --data; "" means the default
	json    bool
	verbose bool
	// passphraseFile is the file with the passphrase of the key file, from --passphrase-file.
	passphraseFile string
	// neverAsk forbids prompts on the terminal, during shell completion.
	neverAsk bool
}

const longHelp = `Flyleaf keeps the questions and answers of a "book of the week" on this device.
It works without a network, and syncs with everybody else's device through a relay.

A first round, on one machine:

  syncserver --listen 127.0.0.1:3030 --data relay-data &
  flyleaf event new --title "The Patient Ledger" --by "Ilse Marrow" --relay ws://127.0.0.1:3030
  flyleaf ask "At what size does a ledger begin to pay?"
  flyleaf sync
  flyleaf serve

Everyday commands are at the top level; all others are in groups, such as ` + "`flyleaf event new`" + `.
To undo what a command did, run the same command with --undo.

An event can be given by its ID or by a unique beginning of the ID. If there is only one event
on this device, --event can be left out. If the text is -, it is read from standard input.`

const exitCodesHelp = `Exit codes of flyleaf:

  0  done
  1  something went wrong; the message says what, and whether anything was lost
  2  the command is mistyped: an unknown command or flag, or a wrong value
  3  not in sync with the relay yet; what you wrote is saved on this device
  4  not found: no such event, post or person
  5  not accepted: input that cannot be imported, text over a limit, something you may not do
  6  another flyleaf has the data directory open and does not answer
  7  relay and device disagree: some changes were refused; the message lists them
  8  verify: a signature is invalid, a change was not permitted, or this cannot be proven`

func newRoot(std streams) *cobra.Command {
	cobra.EnableCommandSorting = false // help lists commands in the order in which they are added
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
		{"Connect", []*cobra.Command{a.joinCmd(), a.syncCmd(), a.statusCmd(), serve, a.desktopCmd(), a.demoCmd()}},
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
	// A group's usage lists only its subcommands.
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

// group returns a command that only has subcommands. Run by itself, it prints its help.
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
	return a.group("club", "Keep the list of a community's weeks", `A club is a list of weeks, kept by its organisers. A person who joins a club also gets
its weeks: the current and upcoming weeks are fetched automatically, past weeks when
they are opened.`,
		a.clubNewCmd(), a.clubShowCmd(), a.clubAddCmd())
}

func (a *app) postGroup() *cobra.Command {
	return a.group("post", "Edit, withdraw or react to a post", `Edit, withdraw, react to or mark a post.`,
		a.postEditCmd(), a.postWithdrawCmd(), a.postReactCmd(), a.postAnsweredCmd(), a.postAppealCmd(), a.postRefusedCmd())
}

func (a *app) modGroup() *cobra.Command {
	return a.group("mod", "Moderate: hide, pin, approve, block", `For moderators and organisers. Everybody can read the moderation log: `+"`flyleaf mod log`"+`.`,
		a.modHideCmd(), a.modPinCmd(), a.modApproveCmd(), a.modDuplicateCmd(), a.modBlockCmd(), a.modLogCmd())
}

func (a *app) authorGroup() *cobra.Command {
	return a.group("author", "For authors: the inbox of open questions", `For authors: list the open questions, divide them among the authors, and answer them.`,
		a.authorInboxCmd(), a.authorAnswerCmd(), a.authorTakeCmd(), a.authorLaterCmd())
}

func (a *app) identityGroup() *cobra.Command {
	return a.group("identity", "Your name and key, on this device and others", `Your identity is a key on this device. It signs everything you write.`,
		a.identityShowCmd(), a.identityNameCmd(), a.identityExportCmd(), a.identityImportCmd(), a.identityPassphraseCmd())
}

func (a *app) log() *slog.Logger {
	if !a.verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(a.std.err, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
