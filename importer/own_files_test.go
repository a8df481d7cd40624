package importer

import (
	"bytes"
	"strings"
	"testing"

	"flyleaf/internal/testfixture"
	"flyleaf/publish"
)

// TestCSVAndMarkdownExportsAreRefused: a CSV or Markdown export is recognised, and the error says what to import
// instead.
func TestCSVAndMarkdownExportsAreRefused(t *testing.T) {
	week, err := ReadJekyll("week.md", []byte("---\ntitle: The Patient Ledger\nauthors: [Ilse Marrow]\nstart: 2026-03-09\nend: 2026-03-13\narchive:\n- name: Tino\n  text: When?\n- name: Ada\n  text: Where?\n---\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var csv, md bytes.Buffer
	w := testfixture.AsWeek(week)
	if err := publish.WriteCSV(&csv, w); err != nil {
		t.Fatal(err)
	}
	if err := publish.WriteMarkdown(&md, w); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"week.csv": csv.Bytes(), "week.md": md.Bytes()} {
		if _, err := Read(name, b, nil); err == nil || !strings.Contains(err.Error(), "cannot be imported") || !strings.Contains(err.Error(), "Jekyll page") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read("page", []byte("# The Patient Ledger\n\nby Ilse Marrow\n\n## Questions and Answers\n\nTino\n\n> **Note** she asks:\n\nWhen?\n"), nil); err != nil {
		t.Errorf("a page with a quotation: %v", err)
	}
}

// TestFrontMatterAsPeopleTypeIt: no-break spaces instead of plain ones, a single author, a day without
// leading zeros.
func TestFrontMatterAsPeopleTypeIt(t *testing.T) {
	im, err := ReadJekyll("week.md", []byte("---\ntitle:\u00a0The\u00a0Patient Ledger\nstart: 9.3.2026\nend: 2026-03-13\nauthor: Ilse Marrow\narchive:\n-\u00a0name: Tino\n\u00a0\u00a0text: When\u00a0?\n  replies: {}\n---\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := summary(im), "The\u00a0Patient Ledger | Ilse Marrow | 0309-0313 | Tino: When ?"; got != want || im.Posts[0].Text != "When\u00a0?" || len(im.Skipped) != 0 {
		t.Errorf("got %q, want %q; skipped %v", got, want, im.Skipped)
	}
	im, err = ReadJekyll("week.md", []byte("---\ntitle: T\narchive:\n- name: Tino\n  text: one\u2028two\u0085three\n---\n"), nil)
	if err != nil || strings.Join(strings.Fields(im.Posts[0].Text), " ") != "one two three" {
		t.Errorf("line separators: %+v, %v", im.Posts, err)
	}
	im, err = ReadJekyll("week.md", []byte("---\ntitle: T\nauthor: Ilse Marrow\nauthors: [Teodor Anand]\n---\n"), nil)
	if err != nil || im.Event.Authors != "Teodor Anand" || len(im.Skipped) != 1 {
		t.Errorf("%q, %v, %v", im.Event.Authors, im.Skipped, err)
	}
}
