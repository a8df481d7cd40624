package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var shBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// untilAuthor waits until the organiser's device has granted the role to an author who opened the
// invitation.
const untilAuthor = `
for i in $(seq 300); do
  flyleaf sync >/dev/null 2>&1 || true
  flyleaf event roles --json | grep -q '"author"' && break
  sleep 0.1
done
`

// TestDocsCommands runs the commands of every page in docs/ in order, as a person would who
// copies them, with one shell, one home directory and one relay.
func TestDocsCommands(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root(t), "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var script strings.Builder
		script.WriteString("set -eu\n")
		for i, m := range shBlock.FindAllStringSubmatch(string(b), -1) {
			script.WriteString(m[1])
			if i == 0 && filepath.Base(file) == "authors.md" {
				script.WriteString(untilAuthor)
			}
		}
		if !strings.Contains(script.String(), "flyleaf") && !strings.Contains(script.String(), "syncserver") {
			continue
		}
		ran++
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			relay := newRelay(t).up()
			organiser, me := newDevice(t), newDevice(t)
			week := organiser.createWeek(relay.url())
			organiser.run("ask", "What comes first?")
			organiser.run("sync")
			site := filepath.Join(root(t), "e2e", "testdata", "site", "_books")
			pages, _ := filepath.Glob(filepath.Join(site, "*.md"))
			texts, _ := filepath.Glob(filepath.Join(root(t), "e2e", "testdata", "*.page.txt"))
			if len(pages) == 0 || len(texts) == 0 {
				t.Fatal("the sample pages are missing")
			}
			ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, "bash", "-c", script.String())
			cmd.Dir = t.TempDir()
			identity := organiser.run("identity", "show")
			if filepath.Base(file) == "authors.md" {
				week.Invitation = decode[struct{ Invitation string }](organiser, "event", "invite", "--role", "author").Invitation
				organiser.run("sync")
				organiser.serve() // so that the role is granted
			}
			cmd.Env = append(me.env(), "INVITATION="+week.Invitation, "RELAY="+relay.url(), "AUTHOR="+identity,
				"SITE="+filepath.Dir(site), "PAGE="+pages[0], "PAGE_TEXT="+texts[0],
				"SLACK="+filepath.Join(root(t), "e2e", "testdata", "slack-export"))
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Run(); err != nil {
				t.Errorf("%v\n%s\nafter\n%s", err, script.String(), out.String())
			}
			if strings.Contains(out.String(), "the old spelling goes away") {
				t.Errorf("the page has an old spelling:\n%s", out.String())
			}
		})
	}
	if ran < 4 {
		t.Errorf("only %d pages have commands", ran)
	}
}

// testsAll is the command that runs all tests.
var testsAll = regexp.MustCompile(`go test( -timeout \w+)? \./\.\.\.`)

// TestReadmeCommands: both make targets in the README exist and do what it says.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := shBlock.FindAllStringSubmatch(string(readme), -1)
	if len(commands) != 2 {
		t.Fatalf("the README has %d commands, not two", len(commands))
	}
	for _, c := range commands {
		cmd := exec.Command("bash", "-c", strings.TrimSpace(c[1])+" -n")
		cmd.Dir = root(t)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", c[1], err, out)
		}
		if !testsAll.Match(out) && !bytes.Contains(out, []byte("flyleaf demo")) {
			t.Errorf("%s would run\n%s", c[1], out)
		}
	}
}
