package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Command spellings of the previous release. They still work, but do not appear in help and
// completion, and print a note with the new spelling on standard error. The next release
// removes them: delete this file and the calls of oldFlag.

// oldSpellings maps the old spelling of each command to the new one, which may end with a flag
// that the old command implies. A parent comes before its subcommands.
var oldSpellings = []struct{ old, now string }{
	{"new", "event new"},
	{"events", "event list"},
	{"close", "event close"},
	{"reopen", "event close --undo"},
	{"invite", "event invite"},
	{"invite list", "event invite list"},
	{"invite revoke", "event invite --undo"},
	{"invitation", "event invite --no-role"},
	{"roles", "event roles"},
	{"roles grant", "event grant"},
	{"roles revoke", "event grant --undo"},
	{"ics", "event calendar"},
	{"feed", "event feed"},
	{"log", "event log"},
	{"club join", "join"},
	{"club list", "club show"},
	{"club remove", "club add --undo"},
	{"edit", "post edit"},
	{"withdraw", "post withdraw"},
	{"react", "post react"},
	{"answered", "post answered"},
	{"refused", "post refused"},
	{"hide", "mod hide"},
	{"unhide", "mod hide --undo"},
	{"pin", "mod pin"},
	{"unpin", "mod pin --undo"},
	{"approve", "mod approve"},
	{"duplicate", "mod duplicate"},
	{"block", "mod block"},
	{"unblock", "mod block --undo"},
	{"moderation", "mod log"},
	{"inbox", "author inbox"},
	{"answer", "author answer"},
	{"take", "author take"},
	{"later", "author later"},
	{"candidate", "winners candidate"},
	{"winners", "winners list"},
	{"winners claims", "winners contacts"},
	{"name", "identity name"},
	{"identity", "identity show"},
	{"api-token", "serve token"},
}

// addOldSpellings adds the commands of oldSpellings to the tree.
func (a *app) addOldSpellings(root *cobra.Command) {
	for _, s := range oldSpellings {
		words := strings.Fields(s.old)
		path, flags, _ := strings.Cut(s.now, " --")
		parent, now := mustFind(root, words[:len(words)-1]), mustFind(root, strings.Fields(path))
		name := words[len(words)-1]
		old := child(parent, name)
		if old == nil {
			old = &cobra.Command{Use: name, Hidden: true, Short: "Now `flyleaf " + s.now + "`"}
			parent.AddCommand(old)
		}
		a.addAlias(old, now, s.now, flags)
	}
}

// addAlias makes old print a note with the new spelling and then run now, with the flags of
// now. old is a hidden command, or a group that used to be a command itself.
func (a *app) addAlias(old, now *cobra.Command, spelling, set string) {
	note := func(c *cobra.Command) {
		fmt.Fprintf(a.std.err, "Note: `%s` is now `flyleaf %s`; the old spelling goes away in the next release.\n", c.CommandPath(), spelling)
	}
	onlyCommands := old.Args // nil unless old is a group
	if old.Hidden {
		old.ValidArgsFunction = now.ValidArgsFunction
		old.SetHelpFunc(func(c *cobra.Command, _ []string) {
			note(c)
			now.HelpFunc()(now, nil)
		})
	}
	now.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if !old.Hidden {
			hidden := *f // shares the value
			hidden.Hidden = true
			f = &hidden
		}
		old.Flags().AddFlag(f)
	})
	old.Args = func(c *cobra.Command, args []string) error {
		if onlyCommands != nil && len(args) > 0 {
			return onlyCommands(c, args)
		}
		note(c)
		if set != "" {
			if err := now.Flags().Set(set, "true"); err != nil {
				return err
			}
		}
		now.SetContext(c.Context())
		return now.Args(now, args)
	}
	old.RunE = func(_ *cobra.Command, args []string) error { return now.RunE(now, args) }
}

// mustFind returns the command at a path of names.
func mustFind(root *cobra.Command, path []string) *cobra.Command {
	c := root
	for _, name := range path {
		if c = child(c, name); c == nil {
			panic("there is no command " + strings.Join(path, " "))
		}
	}
	return c
}

// child returns the command of a name directly below c, or nil.
func child(c *cobra.Command, name string) *cobra.Command {
	for _, sub := range c.Commands() {
		if sub.Name() == name {
			return sub
		}
	}
	return nil
}

// oldFlagOf is the annotation of a flag that is an old spelling. Its value is the new spelling
// for the note, empty for a flag that is only used together with another such flag.
const oldFlagOf = "flyleaf-now"

// oldFlag adds old as a hidden name of the flag now.
func oldFlag(c *cobra.Command, old, now string) {
	f := *c.Flags().Lookup(now)
	f.Name, f.Shorthand, f.Hidden = old, "", true
	f.Annotations = map[string][]string{oldFlagOf: {"--" + now}}
	c.Flags().AddFlag(&f)
}

// noteOldFlags prints a note for each flag that is given under its old name.
func (a *app) noteOldFlags(c *cobra.Command) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if now := f.Annotations[oldFlagOf]; f.Changed && len(now) == 1 {
			fmt.Fprintf(a.std.err, "Note: --%s is now %s; the old spelling goes away in the next release.\n", f.Name, now[0])
		}
	})
}

// addOldSlackFlags adds the flags of `import slack` to `import`, which used to have them.
func addOldSlackFlags(c *cobra.Command, s *slackFlags) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.add(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		f.Hidden, f.Annotations = true, map[string][]string{oldFlagOf: {}}
		switch f.Name {
		case "channel":
			f.Annotations[oldFlagOf] = []string{"`flyleaf import slack --channel`"}
		case "by":
			f.Name = "authors"
		}
		c.Flags().AddFlag(f)
	})
}

// checkOldSlackFlags returns an error for these flags without --channel.
func checkOldSlackFlags(c *cobra.Command, s *slackFlags) (err error) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if _, old := f.Annotations[oldFlagOf]; old && f.Changed && s.channel == "" && f.Name != "channel" {
			err = codedf(exitUsage, "--%s is a flag of `flyleaf import slack`, for a Slack export", f.Name)
		}
	})
	return err
}
