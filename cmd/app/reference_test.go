package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var updateDocs = flag.Bool("update", false, "write docs/commands.md instead of checking it")

const referenceFile = "../../docs/commands.md"

// docs/commands.md is what the commands say about themselves. `make docs` writes it.
func TestCommandReference(t *testing.T) {
	want := reference(tree())
	if *updateDocs {
		if err := os.WriteFile(referenceFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != want {
		t.Error("docs/commands.md is not what the commands say of themselves: run `make docs`")
	}
}

const grammar = `# Commands

<!-- Written by make docs from the commands themselves. To change it, change cmd/app. -->

All commands of ` + "`flyleaf`" + `, as ` + "`--help`" + ` describes them. What they are good for, step by step, stands in
the pages [for participants](participants.md), [for authors](authors.md) and
[for organisers](organisers.md).

## How commands are built

- **Everyday verbs stand on their own**: ` + "`flyleaf ask`, `flyleaf list`, `flyleaf sync`" + `.
- **Everything else is a group and a verb**: ` + "`flyleaf event new`, `flyleaf mod hide`" + `. A group by itself prints
  its help.
- **` + "`--undo`" + ` takes back** what the same command did: ` + "`flyleaf mod pin --undo POST`" + `. There are no
  commands such as unpin.
- **The same word means the same everywhere.** ` + "`new`" + ` makes something, ` + "`list`" + ` prints many, ` + "`show`" + ` prints
  one whole, ` + "`log`" + ` prints what was done in order. ` + "`--event`" + ` names the event, ` + "`--club`" + ` the club,
  ` + "`-o`" + ` the file to write, ` + "`--json`" + ` asks for JSON, and ` + "`-`" + ` in the place of text or a file is standard
  input or output.
- **IDs can be shortened** to any beginning that fits only one; those of posts also to any end.
- **Data goes to standard output, notes and errors to standard error.** An error says what happened, whether
  anything was changed, and what to do.

Spellings of the release before this one still work. They print one line with the new spelling.
`

// reference is the text of docs/commands.md.
func reference(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString(grammar)
	for _, g := range root.Groups() {
		fmt.Fprintf(&b, "\n## %s\n\n| | |\n|---|---|\n", strings.TrimSuffix(g.Title, ":"))
		var of []*cobra.Command
		for _, c := range root.Commands() {
			if c.GroupID == g.ID && (c.IsAvailableCommand() || c.Name() == "help") {
				of = append(of, c)
				fmt.Fprintf(&b, "| %s | %s |\n", linkTo(c), c.Short)
			}
		}
		for _, c := range of {
			if g.ID != aboutGroup {
				describe(&b, c, "###")
			}
		}
	}
	b.WriteString("\n## Flags of every command\n\n```\n" + root.PersistentFlags().FlagUsages() + "```\n")
	codes := strings.SplitN(exitCodesHelp, "\n\n", 2)[1]
	b.WriteString("\n## Exit codes\n\n| | |\n|---|---|\n")
	for line := range strings.Lines(codes) {
		code, meaning, _ := strings.Cut(strings.TrimSpace(line), "  ")
		fmt.Fprintf(&b, "| %s | %s |\n", code, meaning)
	}
	return b.String()
}

func linkTo(c *cobra.Command) string {
	anchor := strings.ReplaceAll(c.CommandPath(), " ", "-")
	if c.GroupID == aboutGroup {
		return "`" + c.CommandPath() + "`"
	}
	return "[`" + c.CommandPath() + "`](#" + anchor + ")"
}

func describe(b *strings.Builder, c *cobra.Command, heading string) {
	fmt.Fprintf(b, "\n%s %s\n\n", heading, c.CommandPath())
	long := c.Long
	if long == "" {
		long = c.Short + "."
	}
	fmt.Fprintf(b, "%s\n", markdownOf(long))
	if c.HasAvailableSubCommands() {
		b.WriteString("\n| | |\n|---|---|\n")
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				fmt.Fprintf(b, "| %s | %s |\n", linkTo(sub), sub.Short)
			}
		}
	}
	if c.Annotations["is"] != "group" {
		fmt.Fprintf(b, "\n```\n%s\n", c.UseLine())
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" {
				flags.AddFlag(f)
			}
		})
		if usages := flags.FlagUsages(); usages != "" {
			fmt.Fprintf(b, "\n%s", usages)
		}
		b.WriteString("```\n")
	}
	if c.Example != "" {
		b.WriteString("\nFor example:\n\n")
		for line := range strings.Lines(c.Example + "\n") {
			b.WriteString("  " + line)
		}
	}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			describe(b, sub, "####")
		}
	}
}

// markdownOf indents the lines of a help text that are indented already: as Markdown they are
// then shown literally.
func markdownOf(help string) string {
	var b strings.Builder
	for line := range strings.Lines(help) {
		if strings.HasPrefix(line, "  ") {
			b.WriteString("  ")
		}
		b.WriteString(line)
	}
	return b.String()
}
