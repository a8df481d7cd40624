package main

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// All commands of the previous release still exist with all their flags: under the same name, or
// hidden, as an old spelling of another command.
func TestCommandsOfThePreviousReleaseExist(t *testing.T) {
	root := newRoot(streams{strings.NewReader(""), io.Discard, io.Discard})
	b, err := os.ReadFile("testdata/earlier-commands.txt")
	if err != nil {
		t.Fatal(err)
	}
	renamed := map[string]string{}
	for _, s := range oldSpellings {
		renamed[s.old] = s.now
	}
	seen := 0
	for line := range strings.Lines(string(b)) {
		path, flags, _ := strings.Cut(strings.TrimSpace(line), ":")
		c, rest, err := root.Find(strings.Fields(path))
		if err != nil || len(rest) > 0 {
			t.Errorf("%s is no longer a command", path)
			continue
		}
		for flag := range strings.FieldsSeq(flags) {
			if c.Flags().Lookup(flag) == nil {
				t.Errorf("%s no longer has --%s", path, flag)
			}
		}
		now, moved := renamed[path]
		if !moved {
			if c.Hidden {
				t.Errorf("%s is hidden, but is not an old spelling of another command", path)
			}
			continue
		}
		seen++
		words, set, _ := strings.Cut(now, " --")
		target, rest, err := root.Find(strings.Fields(words))
		switch {
		case err != nil || len(rest) > 0 || target.Hidden || target.Annotations["is"] == "group":
			t.Errorf("%s is now %s, which is no command", path, words)
		case set != "" && target.Flags().Lookup(set) == nil:
			t.Errorf("%s is now %s, which has no --%s", path, words, set)
		case strings.Contains(set, " "):
			t.Errorf("%s sets more than one flag", path)
		}
	}
	if seen != len(oldSpellings) {
		t.Errorf("%d of %d old spellings were commands", seen, len(oldSpellings))
	}
}

// A script runs every old spelling and checks the note.
func TestOldSpellingsAreRun(t *testing.T) {
	b, err := os.ReadFile("testdata/script/oldspellings.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range oldSpellings {
		if !strings.Contains(string(b), "flyleaf "+s.old+" ") && !strings.Contains(string(b), "flyleaf "+s.old+"\n") {
			t.Errorf("the script does not run flyleaf %s", s.old)
		}
		if !strings.Contains(string(b), "is now `flyleaf "+s.now+"`") {
			t.Errorf("the script does not check the note about %s", s.now)
		}
	}
}

// Old spellings appear neither in help nor in completion.
func TestOldSpellingsAreHidden(t *testing.T) {
	for _, s := range oldSpellings {
		words := strings.Fields(s.old)
		parent := words[:len(words)-1]
		if mustFind(newRoot(streams{}), parent).Hidden {
			continue // prints the help of the new command
		}
		for _, args := range [][]string{append(append([]string{}, parent...), "--help"), append(append([]string{"__complete"}, parent...), "")} {
			var out strings.Builder
			root := newRoot(streams{strings.NewReader(""), &out, io.Discard})
			root.SetArgs(args)
			if err := root.Execute(); err != nil {
				t.Fatal(err)
			}
			c := mustFind(root, words)
			for line := range strings.Lines(out.String()) {
				line = strings.ReplaceAll(line, "\t", " ")
				if c.Hidden && strings.HasPrefix(strings.TrimSpace(line), words[len(words)-1]+" ") {
					t.Errorf("%v prints %s", args, line)
				}
			}
		}
	}
}

// eachCommand calls fn with c and every command below that help lists.
func eachCommand(c *cobra.Command, fn func(*cobra.Command)) {
	fn(c)
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			eachCommand(sub, fn)
		}
	}
}
