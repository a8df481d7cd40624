package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flyleaf/crdt/bundle"
	"flyleaf/crdt/policy/policytest"
	"flyleaf/qa"
)

// command runs a command on a data directory and checks its exit code.
func command(t *testing.T, dir string, code int, args ...string) (out, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if got := run(context.Background(), append([]string{"--data", dir}, args...), streams{strings.NewReader(""), &stdout, &stderr}); got != code {
		t.Fatalf("flyleaf %q ends with %d, not %d: %s", args, got, code, &stderr)
	}
	return stdout.String(), stderr.String()
}

// oldEvent writes a bundle of an event under version 1 of the rules that holds every string of
// trusttest.InvalidTexts wherever a text may be.
func oldEvent(t *testing.T) (file string) {
	t.Helper()
	title := "A week\x1b[31m\nof \u202elies"
	w := policytest.NewWorld(policytest.Options{RulesVersion: 1, More: func(d *policytest.Draft) {
		d.Str("event/title", title)
		d.Str("event/authors", "Ilse\x00 Marrow")
		d.Str("event/description", "About\x00 it\r\nand more\u009b31m")
		d.Path("event/links/0").Str("event/links/0/text", "A \u202elink")
		d.Str("event/links/0/url", "https://example.org/\x07")
		d.Str("event/source", "page\x00:1")
		d.Str("event/x/a\nb", "c\x00d")
	}})
	eve := w.Writer("eve")
	eve.Do(func(d *policytest.Draft) {
		me := "people/" + string(eve.ID())
		d.Path(me).Str(me+"/name", "Ilse\u202e\x1b[2J Marrow\n\n(author)")
		d.Str(me+"/about", "a\x00b")
	})
	var question qa.PostID
	eve.Do(func(d *policytest.Draft) { question = d.Post("", "one\x00 NUL\x1b]0;title\a") })
	for name, s := range policytest.InvalidTexts {
		eve.Do(func(d *policytest.Draft) {
			id := d.Post(question, name+" "+s+" end")
			d.Str("posts/"+string(id)+"/onBehalfOf", s)
			d.Str("posts/"+string(id)+"/tags", "a"+s+", b")
			d.Path("posts/"+string(id)+"/x").Str("posts/"+string(id)+"/x/key"+s, s)
			d.React(id, s, true)
		})
		eve.Do(func(d *policytest.Draft) { d.Post("", s) })
	}
	w.Founder.Do(func(d *policytest.Draft) {
		id := d.Post("", "hidden words")
		d.Str("posts/"+string(id)+"/marks/hidden", "\u200b")
	})
	w.Founder.Do(func(d *policytest.Draft) { d.Str("blocks/"+string(w.Writer("mallory").ID()), "re\x1bason") })
	file = filepath.Join(t.TempDir(), "old.bundle")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	out, err := bundle.NewWriter(f, w.Event)
	for _, s := range w.Changes {
		if err == nil {
			err = out.Add(bundle.Change{Bytes: s.Bytes, Signature: s.Signature})
		}
	}
	if err == nil {
		err = out.Close()
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// checkSafeForTerminal fails if the output contains characters that a terminal would obey.
func checkSafeForTerminal(t *testing.T, what, printed string) {
	t.Helper()
	for i, line := range strings.Split(printed, "\n") {
		if line != "" && !qa.IsText(line) && strings.TrimSpace(line) != "" {
			t.Errorf("%s prints, in line %d, %q", what, i+1, line)
		}
	}
}

// An event of an earlier version with control characters, NUL, direction overrides and invisible
// names opens. It is printed without characters that a terminal would obey, and its exports can be
// imported again.
func TestOldEventsWithInvalidTextsOpen(t *testing.T) {
	dir := t.TempDir()
	file := oldEvent(t)
	command(t, dir, exitOK, "import", file)
	for _, args := range [][]string{
		{"list"},
		{"list", "--json"},
		{"event", "list"},
		{"event", "list", "--json"},
		{"status"},
		{"verify"},
		{"verify", "--json"},
		{"verify", file},
		{"mod", "log"},
		{"mod", "log", "--json"},
		{"event", "roles"},
		{"event", "log"},
		{"event", "log", "--json"},
		{"author", "inbox"},
		{"winners", "list"},
		{"search", "NUL"},
		{"digest", "--since", "2000-01-01"},
		{"event"},
		{"event", "feed"},
		{"event", "calendar"},
		{"__complete", "show", ""},
		{"__complete", "event", "grant", ""},
		{"__complete", "list", "--event", ""},
	} {
		var out, said bytes.Buffer
		code := run(context.Background(), append([]string{"--data", dir}, args...), streams{strings.NewReader(""), &out, &said})
		if code == exitUsage {
			t.Errorf("flyleaf %q is not a command: %s", args, &said)
		}
		checkSafeForTerminal(t, strings.Join(args, " "), strings.ReplaceAll(out.String(), "\r\n", "\n")) // calendars have \r\n
		checkSafeForTerminal(t, strings.Join(args, " "), said.String())
	}
	out, _ := command(t, dir, exitOK, "list")
	if !strings.Contains(out, "one NUL]0;title") || !strings.Contains(out, "Ilse[2J Marrow (author)  ") || !strings.Contains(out, "(hidden by") {
		t.Errorf("the list: %s", out)
	}
	out, _ = command(t, dir, exitOK, "event", "list")
	if !strings.Contains(out, "A week[31m of lies") {
		t.Errorf("the events: %s", out)
	}
	posts := func(dir string) (n int, words string) {
		t.Helper()
		var threads []jsonPost
		out, _ := command(t, dir, exitOK, "list", "--json")
		if err := json.Unmarshal([]byte(out), &threads); err != nil {
			t.Fatal(err)
		}
		for _, q := range threads {
			if q.Hidden != "" {
				continue
			}
			n++
			words += fmt.Sprintf("%s\n%s\n", q.Name, q.Text)
			for _, r := range *q.Replies {
				n++
				words += fmt.Sprintf("%s\n%s\n", r.Name, r.Text)
			}
		}
		return n, words
	}
	n, words := posts(dir)
	if n < 2*len(policytest.InvalidTexts) {
		t.Fatalf("%d posts", n)
	}
	for _, format := range []string{"json", "jekyll"} {
		again, export := t.TempDir(), filepath.Join(t.TempDir(), "week."+format)
		command(t, dir, exitOK, "export", "--format", format, "-o", export)
		out, said := command(t, again, exitOK, "import", export)
		if strings.Contains(out, "control or invisible characters") {
			t.Errorf("%s had to be cleaned again: %s", format, out+said)
		}
		gotN, got := posts(again)
		if gotN != n {
			t.Errorf("of %d posts %d are imported from %s", n, gotN, format)
		}
		if format == "json" && got != words {
			t.Errorf("importing %s gives\n%s\nwant\n%s", format, got, words)
		}
	}
	// The event can still be written to.
	command(t, dir, exitOK, "ask", "A question of today")
}

// Exports of earlier versions that contain NUL are imported, and the report says that texts were
// cleaned.
func TestOldExportsWithInvalidTextsAreCleaned(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"week.json": `{"format":"flyleaf/week/1","event":{"title":"One\u0000 NUL"},"threads":[{"id":"1111111111111111-aaaaaaaaaaaaa-8","name":"Mina\u202e","text":"a\u0000b","at":1,"replies":[]}]}`,
		"week.md":   "---\ntitle: \"One\\0 NUL\"\narchive:\n- name: \"Mina\\u202e\"\n  text: \"a\\0b\"\n---\nAbout \x07it\n",
	} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		var report importReport
		out, _ := command(t, dir, exitOK, "import", "--json", file)
		if err := json.Unmarshal([]byte(out), &report); err != nil {
			t.Fatal(err)
		}
		if report.Title != "One NUL" || report.Questions != 1 || report.Cleaned < 3 {
			t.Errorf("%s: %+v", name, report)
		}
		out, _ = command(t, dir, exitOK, "list", "--event", string(report.Event))
		if !strings.Contains(out, "Mina  ") || !strings.Contains(out, "ab") {
			t.Errorf("%s: %s", name, out)
		}
		if out, _ = command(t, dir, exitOK, "import", file); !strings.Contains(out, "1 post was on this device already") || !strings.Contains(out, "control or invisible characters") {
			t.Errorf("%s again: %s", name, out)
		}
	}
}
