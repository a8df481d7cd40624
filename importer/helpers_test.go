package importer

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"flyleaf/internal/testfiles"
	"flyleaf/qa"
	"flyleaf/weekfile"
)

// corpusFiles returns the Jekyll pages of the archive by name.
func corpusFiles(t testing.TB) map[string][]byte {
	t.Helper()
	return readAll(t, filepath.Join(testfiles.Shared(t, "corpus", "books"), "*.md"))
}

func corpusPeople(t testing.TB) map[string]string {
	t.Helper()
	return PeopleFromFiles(readAll(t, filepath.Join(testfiles.Shared(t, "corpus", "people"), "*.md")))
}

func readAll(t testing.TB, glob string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(glob)
	if err != nil || len(names) == 0 {
		t.Fatalf("nothing at %s: %v", glob, err)
	}
	out := map[string][]byte{}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(n)] = b
	}
	return out
}

// entry is a message of an archive, as read by another reader than this package's.
type entry struct {
	Name    string  `yaml:"name"`
	Text    string  `yaml:"text"`
	Replies []entry `yaml:"replies"`
}

type rawPage struct {
	front   map[string]any
	archive []entry
	body    string
}

// parsePage reads a Jekyll page without any of this package's code.
func parsePage(t testing.TB, b []byte) rawPage {
	t.Helper()
	s := string(b)
	if !strings.HasPrefix(s, "---\n") {
		t.Fatalf("the page begins with %.40q", s)
	}
	front, body, ok := strings.Cut(s[4:], "\n---\n")
	if !ok {
		t.Fatal("the front matter does not end")
	}
	var p rawPage
	if err := yaml.Unmarshal([]byte(front), &p.front); err != nil {
		t.Fatal(err)
	}
	var a struct {
		Archive []entry `yaml:"archive"`
	}
	if err := yaml.Unmarshal([]byte(front), &a); err != nil {
		t.Fatal(err)
	}
	delete(p.front, "archive")
	p.archive, p.body = a.Archive, body
	return p
}

// site makes the plain text of a week's page from its threads, like the site and a text browser: without
// Markdown, with typographic quotes, and with indented lists without blank lines around them.
func site(im qa.Imported) string {
	var b strings.Builder
	b.WriteString("An announcement of the site. Register here!\n\nThe Site\n\n")
	b.WriteString(im.Event.Title + "\n\nby " + im.Event.Authors + "\n\n")
	fmt.Fprintf(&b, "The book of the week from %s to %s\n\n", weekfile.UTC(im.Event.StartsAtMillis).Format("02 Jan 2006"), weekfile.UTC(im.Event.EndsAtMillis).Format("02 Jan 2006"))
	b.WriteString("What the book is about.\n\nQuestions and Answers\n\n")
	for i := range im.Posts {
		b.WriteString(im.Posts[i].Name + "\n")
		b.WriteString(siteText(im.Posts[i].Text))
	}
	b.WriteString("\nTo take part in the book of the week event:\n\n  • Register in our Slack\n  • Ask as many questions as you'd like\n\nSubscribe to our weekly newsletter and join our Slack.\n")
	// No more than one blank line in a row.
	s := b.String()
	for strings.Contains(s, "\n\n\n") {
		s = strings.ReplaceAll(s, "\n\n\n", "\n\n")
	}
	return s
}

func siteText(text string) string {
	text = strings.NewReplacer("...", "…", "'", "’", "**", "", "`", "", "__", "").Replace(text)
	var b strings.Builder
	list := false
	para := false
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		item := strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "* ")
		switch {
		case line == "":
			if para {
				b.WriteString("\n")
				para = false
			}
			list = false
		case item:
			if para {
				b.WriteString("\n")
				para = false
			}
			b.WriteString("  • " + line[2:] + "\n")
			list = true
		case list:
			b.WriteString("    " + line + "\n")
		default:
			if !para {
				b.WriteString("\n")
			}
			b.WriteString(line + "\n")
			para = true
		}
	}
	if para {
		b.WriteString("\n")
	}
	return b.String()
}
