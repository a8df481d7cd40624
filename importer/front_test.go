package importer

import (
	"bytes"
	"strings"
	"testing"

	"flyleaf/internal/testfixture"
	"flyleaf/publish"
	"flyleaf/weekfile"

	"pgregory.net/rapid"
)

func TestMergeKeys(t *testing.T) {
	im, err := ReadJekyll("week.md", []byte(`---
<<: {title: The Patient Ledger, start: 2026-03-09}
end: 2026-03-13
defaults:
- &reader {name: Tino, time: 2026-03-09 10:00:00}
- &author
  <<: *reader
  name: Ilse Marrow
authors: [Ilse Marrow]
archive:
- <<: *reader
  text: When?
  replies:
  - <<: *author
    text: Now.
- text: Where?
  name: Orla
  <<: *reader
- <<: [*author, *reader]
  text: Here.
- "<<": not a merge
  <<: *reader
  text: Why?
---
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "The Patient Ledger | Ilse Marrow | 0309-0313 | Tino: When? | Ilse Marrow: Now. | Orla: Where? | Ilse Marrow: Here. | Tino: Why?"
	if got := summary(im); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if im.Posts[1].AtMillis == 0 || !im.Posts[1].AsAuthor {
		t.Errorf("a merge into what is merged: %+v", im.Posts[1])
	}
}

// TestPeopleInBothUnicodeForms: a person is found in both Unicode forms of "jörg", with ö as one character or as
// two.
func TestPeopleInBothUnicodeForms(t *testing.T) {
	for _, file := range []string{"j\u00f6rg.md", "jo\u0308rg.md"} {
		people := PeopleFromFiles(map[string][]byte{file: []byte("---\ntitle: Jörg Quist\n---\n")})
		for _, id := range []string{"j\u00f6rg", "jo\u0308rg"} {
			im, err := ReadJekyll("week.md", []byte("---\ntitle: T\nauthors: ["+id+"]\n---\n"), people)
			if err != nil || im.Event.Authors != "Jörg Quist" {
				t.Errorf("%q in %q: %q, %v", id, file, im.Event.Authors, err)
			}
		}
	}
}

// liquid evaluates the only Liquid that an exported page may contain: the output of a quoted brace. Jekyll
// would run any other tag or output, so that fails the test.
func liquid(t interface{ Fatalf(string, ...any) }, s string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, "{")
		for i >= 0 && i+1 < len(s) && s[i+1] != '{' && s[i+1] != '%' {
			next := strings.Index(s[i+1:], "{")
			if next < 0 {
				i = -1
				break
			}
			i += 1 + next
		}
		if i < 0 || i+1 >= len(s) {
			return b.String() + s
		}
		rest, ok := strings.CutPrefix(s[i:], `{{ "{" }}`)
		if !ok {
			t.Fatalf("Liquid would run %.20q", s[i:])
		}
		b.WriteString(s[:i] + "{")
		s = rest
	}
}

func TestLiquidIsNotRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([{}%" a]|\{\{|\{%|%\}|raw|endraw|\{\{ "\{" \}\}){0,12}x`).Draw(t, "description")
		week := testfixture.Lamplight()
		week.Event.Description = text
		var b bytes.Buffer
		if err := publish.WriteJekyll(&b, week); err != nil {
			t.Fatal(err)
		}
		_, body, _, ok := splitFront(b.String())
		if !ok {
			t.Fatal("no front matter")
		}
		if got := strings.Trim(liquid(t, body), "\n"); got != text {
			t.Fatalf("Jekyll shows %q, it is %q", got, text)
		}
		im, err := ReadJekyll("week.md", b.Bytes(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if im.Event.Description != text {
			t.Fatalf("read back it is %q, it was %q", im.Event.Description, text)
		}
	})
	im, err := ReadJekyll("week.md", []byte("---\ntitle: T\nrender_with_liquid: false\npublished: false\n---\n"+weekfile.LiquidBrace), nil)
	if err != nil || im.Event.Description != weekfile.LiquidBrace || !im.Unpublished || len(im.Skipped) != 0 {
		t.Errorf("a page without Liquid: %+v, %v", im, err)
	}
}

// TestContradictoryDatesAreUnchanged: an event that ends before it begins, which earlier versions allowed, is
// the same after export and import.
func TestContradictoryDatesAreUnchanged(t *testing.T) {
	week := testfixture.Lamplight()
	week.Event.StartsAtMillis, week.Event.EndsAtMillis = 2e12, 1e12
	var b bytes.Buffer
	if err := publish.WriteJSON(&b, week); err != nil {
		t.Fatal(err)
	}
	im, err := ReadJSON("week.json", b.Bytes())
	if err != nil || im.Event.EndsAtMillis != 0 || im.Event.StartsAtMillis != 2e12 || len(im.Remarks) != 1 {
		t.Errorf("%+v, %v", im, err)
	}
	if len(im.Posts) == 0 || im.Posts[0].Text == "" || im.Event.Title != week.Event.Title {
		t.Errorf("%+v", im)
	}
	b.Reset()
	if err := publish.WriteJekyll(&b, week); err != nil {
		t.Fatal(err)
	}
	im, err = ReadJekyll("week.md", b.Bytes(), nil)
	if err != nil || im.Event.EndsAtMillis != 0 || im.Event.StartsAtMillis != 2e12 || len(im.Posts) == 0 {
		t.Errorf("the page: %+v, %v", im, err)
	}
}
