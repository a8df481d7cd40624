package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"flyleaf/qa"
)

// Arguments and flags shared by several commands, and the errors about them.

// onlyCommands is the Args of a group of commands: an argument is an unknown command. The error
// suggests similar commands of the group; if there are none, of the whole program.
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

// similarCommands returns the paths of the commands below c whose name is similar to typed.
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

// wrapArgs gives errors about arguments the exit code for usage, in c and all commands below.
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

// between checks that there are at least least and at most most arguments.
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
			return fmt.Errorf("no arguments expected, but %q was given", args[0])
		default:
			return fmt.Errorf("at most %s expected, %s given; put quotes around text with spaces", countedIs(most, "argument"), countedWas(n, ""))
		}
	}
}

func noArgs(c *cobra.Command, args []string) error { return between(0, 0)(c, args) }

func exactly(n int) cobra.PositionalArgs { return between(n, n) }

func atLeast(n int) cobra.PositionalArgs { return between(n, math.MaxInt) }

// undoFlag adds --undo to a command.
func undoFlag(c *cobra.Command, undo *bool, what string) *cobra.Command {
	c.Flags().BoolVar(undo, "undo", false, what)
	return c
}

// unlessUndo checks the arguments of a command that takes other arguments with --undo.
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
	c.Flags().StringVarP(event, "event", "e", "", "the event: its `ID`, or a unique beginning of it")
	return c
}

// flagError says in plain words what value a flag takes, instead of a parser's error text.
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

// counted formats a number with its noun.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}

// oneOf joins two or more words: "a, b or c".
func oneOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// countedIs formats a number with its noun and "is" or "are".
func countedIs(n int, noun string) string { return counted(n, noun+" is", noun+"s are") }

// countedWas formats a number with its noun, which may be empty, and "was" or "were".
func countedWas(n int, noun string) string {
	if noun == "" {
		return counted(n, "was", "were")
	}
	return counted(n, noun+" was", noun+"s were")
}

// textArg returns the text of a post: the arguments, joined by spaces, or standard input if the
// only argument is "-".
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

// clubFlag adds --club.
func clubFlag(c *cobra.Command, club *string) *cobra.Command {
	c.Flags().StringVar(club, "club", "", "the club's `ID`, or a unique beginning of its ID or its name")
	return c
}

// yesFlag adds --yes to a command that asks for confirmation.
func yesFlag(c *cobra.Command, yes *bool) *cobra.Command {
	c.Flags().BoolVar(yes, "yes", false, "do not ask for confirmation")
	return c
}
