package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"flyleaf/node"
)

func tree() *cobra.Command {
	root := newRoot(streams{strings.NewReader(""), io.Discard, io.Discard})
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	return root
}

// pathOf returns the path of a command without the program's name.
func pathOf(c *cobra.Command) string {
	_, p, _ := strings.Cut(c.CommandPath(), " ")
	return p
}

// Every command has a short description, checks its arguments, is in a section of the help, and
// shows an example if it takes arguments.
func TestEveryCommandIsDescribed(t *testing.T) {
	const widest = 60 // characters, so that help fits a terminal
	root := tree()
	eachCommand(root, func(c *cobra.Command) {
		p := pathOf(c)
		if c == root || p == "exit-codes" || p == "help" || strings.HasPrefix(p, "completion") {
			return
		}
		first, _ := utf8.DecodeRuneInString(c.Short)
		switch {
		case c.Short == "" || !unicode.IsUpper(first) || strings.HasSuffix(c.Short, "."):
			t.Errorf("%s: the short description must begin with a capital and end without a full stop: %q", p, c.Short)
		case utf8.RuneCountInString(c.Short) > widest:
			t.Errorf("%s: %q is longer than %d characters", p, c.Short, widest)
		}
		if c.Args == nil || c.RunE == nil {
			t.Errorf("%s does not check its arguments", p)
		}
		if !c.HasParent() || c.Parent() != root {
			if c.GroupID != "" {
				t.Errorf("%s is in a group and in a section", p)
			}
		} else if c.GroupID == "" {
			t.Errorf("%s is in no section of the help", p)
		}
		if c.Annotations["is"] == "group" {
			if c.Long == "" || !c.HasAvailableSubCommands() {
				t.Errorf("the group %s has no commands, or no description", p)
			}
			return
		}
		if len(strings.Fields(strings.ReplaceAll(c.Use, "[flags]", ""))) > 1 && c.Example == "" {
			t.Errorf("%s takes arguments, but shows no example", p)
		}
		if !strings.Contains(c.Use, "[flags]") && c.HasAvailableLocalFlags() {
			t.Errorf("%s has flags, but its usage does not say so: %s", p, c.Use)
		}
		for line := range strings.Lines(c.Long + "\n" + c.Example) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 110 {
				t.Errorf("%s: a line of the help has %d characters: %s", p, n, line)
			}
		}
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if _, old := f.Annotations[oldFlagOf]; f.Hidden && !old {
				t.Errorf("%s --%s is hidden, but not an old spelling", p, f.Name)
			}
			if f.Usage == "" || strings.HasSuffix(f.Usage, ".") {
				t.Errorf("%s --%s: %q", p, f.Name, f.Usage)
			}
		})
	})
}

// Every command only reads, or can be undone with --undo, or cannot be undone. The test fails for
// a new command that is in none of these lists.
var (
	onlyReads = []string{
		"list", "show", "search", "status", "serve", "serve token", "demo", "verify", "version",
		"event list", "event roles", "event invite list", "event calendar", "event feed", "event log", "club show",
		"mod log", "author inbox", "winners list", "winners verify", "winners contacts",
		"identity show", "identity export", "export", "publish", "digest",
	}
	cannotBeUndone = map[string]string{
		"ask":             "`post withdraw`",
		"reply":           "`post withdraw`",
		"author answer":   "`post withdraw`",
		"post refused":    "--discard prints the text that it deletes",
		"post edit":       "every text of a post is kept; edit it again",
		"post appeal":     "a second answer replaces the first",
		"join":            "a device keeps what it has joined",
		"sync":            "what others have been told cannot be taken from them",
		"doctor":          "it changes nothing that anybody wrote",
		"event new":       "an event stays; `event close` ends it",
		"event set":       "set it again",
		"club new":        "a club stays",
		"winners commit":  "others rely on it",
		"winners draw":    "a secret that was revealed is known",
		"winners rule":    "set it again, before closing",
		"winners claim":   "claim again with another address",
		"identity name":   "set it again",
		"identity import": "the key of before is kept, and can be imported",
		"import":          "posts can be withdrawn",
		"import slack":    "posts can be withdrawn",
	}
)

// --undo is the only way to undo, and every command that can be undone has it.
func TestOneWayToUndo(t *testing.T) {
	known := map[string]bool{}
	eachCommand(tree(), func(c *cobra.Command) {
		p := pathOf(c)
		if p == "" || p == "exit-codes" || strings.HasPrefix(p, "completion") || p == "help" || c.Annotations["is"] == "group" {
			return
		}
		known[p] = true
		reads, why := slices.Contains(onlyReads, p), cannotBeUndone[p]
		undo := c.Flags().Lookup("undo") != nil
		if n := map[bool]int{true: 1}; n[reads]+n[why != ""]+n[undo] != 1 {
			t.Errorf("%s must be exactly one of: only reads (%t), has --undo (%t), cannot be undone (%q)", p, reads, undo, why)
		}
		for _, flag := range []string{"off", "remove", "revoke", "delete", "take-back", "un" + c.Name()} {
			if f := c.Flags().Lookup(flag); f != nil && !f.Hidden {
				t.Errorf("%s --%s is another way to undo", p, flag)
			}
		}
	})
	for _, p := range onlyReads {
		if !known[p] {
			t.Errorf("there is no command %s", p)
		}
	}
	for p := range cannotBeUndone {
		if !known[p] {
			t.Errorf("there is no command %s", p)
		}
	}
}

// meanings has the command names that several groups share, with their one meaning.
var meanings = map[string]string{
	"new":    "make one",
	"list":   "print many, a line or a few each",
	"show":   "print one, whole",
	"log":    "print what was done, in order",
	"verify": "check what others say",
	"import": "bring in from elsewhere",
	"export": "take out to elsewhere",
}

// No name has two meanings, no command undoes another, and no two names differ only by a final s.
func TestNoNameHasTwoMeanings(t *testing.T) {
	places := map[string][]string{}
	eachCommand(tree(), func(c *cobra.Command) {
		if p := pathOf(c); p != "" && !strings.HasPrefix(p, "completion") {
			places[c.Name()] = append(places[c.Name()], p)
		}
	})
	for name, paths := range places {
		if len(paths) > 1 && meanings[name] == "" {
			t.Errorf("%s is the name of %v: add its one meaning", name, paths)
		}
		for _, pair := range []string{"un", "re", "de", "remove-", "no-"} {
			if places[pair+name] != nil {
				t.Errorf("%s and %s undo each other: use --undo", paths, places[pair+name])
			}
		}
		if strings.HasSuffix(name, "s") && places[strings.TrimSuffix(name, "s")] != nil {
			t.Errorf("%v and %v differ by one letter", paths, places[strings.TrimSuffix(name, "s")])
		}
	}
}

// A flag has the same type and the same short form in all commands.
func TestFlagsAreTheSameEverywhere(t *testing.T) {
	type kind struct{ value, short, at string }
	seen := map[string]kind{}
	eachCommand(tree(), func(c *cobra.Command) {
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Hidden || strings.HasPrefix(pathOf(c), "completion") {
				return
			}
			k := kind{f.Value.Type(), f.Shorthand, pathOf(c)}
			was, ok := seen[f.Name]
			if !ok {
				seen[f.Name] = k
			} else if was.value != k.value || was.short != k.short {
				t.Errorf("--%s takes %s (-%s) at %q and %s (-%s) at %q", f.Name, was.value, was.short, was.at, k.value, k.short, k.at)
			}
		})
	})
}

// resolve returns the command that words name. problem describes an unknown or old command, or
// an unknown flag.
func resolve(root *cobra.Command, words []string) (c *cobra.Command, problem string) {
	c = root
	if len(words) > 0 && words[0] == cobra.ShellCompRequestCmd {
		return c, "" // called by shells
	}
	for len(words) > 0 {
		sub := child(c, words[0])
		if sub == nil || !sub.IsAvailableCommand() && sub.Name() != "exit-codes" && sub.Name() != "help" {
			break
		}
		c, words = sub, words[1:]
	}
	for i, w := range words {
		name, isFlag := strings.CutPrefix(w, "--")
		name, _, _ = strings.Cut(name, "=")
		if isFlag && name != "help" && name != "" && c.Flags().Lookup(name) == nil && c.InheritedFlags().Lookup(name) == nil {
			return c, c.CommandPath() + " has no --" + name
		}
		if i == 0 && !isFlag && (c == root || c.Annotations["is"] == "group") && strings.IndexFunc(w, unicode.IsLower) == 0 {
			return c, w + " is no command of " + c.CommandPath()
		}
	}
	return c, ""
}

var (
	quoted = regexp.MustCompile("`flyleaf( [^`]*)?`")
	marked = regexp.MustCompile(`<code>flyleaf( [^<]*)</code>`)
	typed  = regexp.MustCompile(`(?m)^(?:exec )?(?:[a-z]+=)?\s*(?:\$\()?flyleaf( [^|&;<>)\n]*)`)
)

// Commands mentioned in errors, help, pages, documents and scripts exist, in their current spelling.
func TestMentionedCommandsExist(t *testing.T) {
	root := tree()
	named := 0
	look := func(where, words string) {
		named++
		if _, problem := resolve(root, strings.Fields(strings.NewReplacer(`\"`, `"`, `\n`, " ").Replace(words))); problem != "" {
			t.Errorf("%s: `flyleaf%s`: %s", where, words, problem)
		}
	}
	err := filepath.WalkDir("../..", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules") {
				return filepath.SkipDir
			}
			return err
		}
		ext := filepath.Ext(file)
		if !slices.Contains([]string{".go", ".md", ".html", ".yaml", ".js", ".txtar"}, ext) || d.Name() == "decisions.md" || strings.Contains(d.Name(), "oldspellings") || d.Name() == "CHANGELOG.md" {
			return nil
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, m := range quoted.FindAllStringSubmatch(string(b), -1) {
			look(file, m[1])
		}
		for _, m := range marked.FindAllStringSubmatch(string(b), -1) {
			look(file, m[1])
		}
		if ext == ".md" || ext == ".txtar" {
			for _, m := range typed.FindAllStringSubmatch(string(b), -1) {
				look(file, m[1])
			}
		}
		return nil
	})
	if err != nil || named < 200 {
		t.Fatalf("%d commands were mentioned: %v", named, err)
	}
}

// The commands accept the flags and arguments of their examples.
func TestExamplesAreAccepted(t *testing.T) {
	ran := 0
	eachCommand(tree(), func(described *cobra.Command) {
		if strings.HasPrefix(pathOf(described), "completion") {
			return
		}
		text := strings.ReplaceAll(described.Example+"\n"+described.Long, "\\\n", " ")
		for line := range strings.Lines(text) {
			words, isExample := strings.CutPrefix(line, "  flyleaf ")
			if !isExample || strings.Contains(words, "   ") { // a table
				continue
			}
			ran++
			root := tree()
			words, _, _ = strings.Cut(words, " < ")
			args := splitWords(words)
			c, rest, err := root.Find(args)
			if err == nil {
				err = c.ParseFlags(rest)
			}
			if err == nil {
				err = c.ValidateArgs(c.Flags().Args())
			}
			if err == nil {
				err = c.ValidateFlagGroups()
			}
			if err != nil || c.Hidden {
				t.Errorf("%s shows %q: %v", pathOf(described), line, err)
			}
		}
	})
	if ran < 40 {
		t.Errorf("only %d examples", ran)
	}
}

// splitWords splits a line into words as a shell does, with double quotes only.
func splitWords(line string) (words []string) {
	word, quoted, open := "", false, false
	for _, r := range strings.TrimSpace(line) + " " {
		switch {
		case r == '"':
			quoted, open = !quoted, true
		case r == ' ' && !quoted:
			if word != "" || open {
				words = append(words, word)
			}
			word, open = "", false
		default:
			word += string(r)
		}
	}
	return words
}

// TestFormatsAreCompleted: each command offers its own formats.
func TestFormatsAreCompleted(t *testing.T) {
	for name, formats := range map[string][]string{"export": node.ExportFormatNames(), "publish": node.PublishFormatNames()} {
		out, _ := command(t, t.TempDir(), exitOK, "__complete", name, "--format", "")
		if want := strings.Join(formats, "\n") + "\n:"; !strings.HasPrefix(out, want) {
			t.Errorf("%s: %q, want %q", name, out, want)
		}
	}
}
