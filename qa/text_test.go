package qa_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"flyleaf/qa"
)

func TestCleanText(t *testing.T) {
	for _, c := range []struct{ in, text, line string }{
		{"", "", ""},
		{"Ilse Marrow", "Ilse Marrow", "Ilse Marrow"},
		{"a\x00b", "ab", "ab"},
		{"a\x1b[31mb", "a[31mb", "a[31mb"},
		{"a\r\nb\rc", "a\nb\nc", "a b c"},
		{"a\vb\fc\u0085d", "a\nb\nc\nd", "a b c d"},
		{"a\tb", "a\tb", "a b"},
		{"\u202ewor\u202cram", "worram", "worram"},
		{"\u2067a\u2069", "a", "a"},
		{"a\u200fb", "a\u200fb", "ab"},
		{"a\u2028b", "a\u2028b", "a b"},
		{"a\xffb", "a\ufffdb", "a\ufffdb"},
		{"\u200b", "", ""},
		{" \n ", "", ""},
		{"\u0301", "", ""},
		{"\u200b\u20dd \u0300", "", ""},
		{"1\u20e3 e\u0301", "1\u20e3 e\u0301", "1\u20e3 e\u0301"},
		{"\x00", "", ""},
		{"a\ufffe\U0010ffffb", "ab", "ab"},
		{"👩\u200d👧 می\u200cخواهم", "👩\u200d👧 می\u200cخواهم", "👩\u200d👧 می\u200cخواهم"},
	} {
		if got := qa.CleanText(c.in); got != c.text {
			t.Errorf("%q becomes the text %q, not %q", c.in, got, c.text)
		}
		if got := qa.CleanLine(c.in); got != c.line {
			t.Errorf("%q becomes the line %q, not %q", c.in, got, c.line)
		}
	}
}

// TestCleanIsText: cleaning is idempotent, its result is valid, valid text is unchanged, and the result is never
// longer.
func TestCleanIsText(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	odd := []rune{0, 7, '\t', '\n', '\r', '\v', 0x1b, ' ', 'a', 'é', 0x7f, 0x85, 0x9b, 0xad, 0x61c, 0x200b, 0x200d, 0x200e, 0x2028, 0x202e, 0x2066, 0x2069, 0x206f, 0x3164, 0xfdd0, 0xfeff, 0xfffe, 0x1f600, 0xe0067, 0x10ffff}
	for range 20_000 {
		var b strings.Builder
		for range r.IntN(8) {
			if r.IntN(12) == 0 {
				b.WriteByte(byte(0x80 + r.IntN(0x80)))
			} else {
				b.WriteRune(odd[r.IntN(len(odd))])
			}
		}
		s := b.String()
		text, line := qa.CleanText(s), qa.CleanLine(s)
		switch {
		case !qa.IsText(text), !qa.IsLine(line), !qa.IsText(line):
			t.Fatalf("seed %d: %q becomes %q and %q", seed, s, text, line)
		case qa.CleanText(text) != text, qa.CleanLine(line) != line:
			t.Fatalf("seed %d: %q is cleaned twice", seed, s)
		case qa.IsText(s) && text != s, qa.IsLine(s) && line != s:
			t.Fatalf("seed %d: %q was a text and is changed", seed, s)
		case utf8.ValidString(s) && max(len(text), len(line)) > len(s):
			t.Fatalf("seed %d: %q grew", seed, s)
		}
	}
}

// TestActsWithInvalidTextAreRefused: the error says which field has an invalid character, which character, and where.
func TestActsWithInvalidTextAreRefused(t *testing.T) {
	post := qa.MakePostID("0000000000000000000000000000000000000000000000000000000000000001", make([]byte, 40), 1)
	const bidi, nul, hidden = "a\u202eb", "a\x00b", "\u200b"
	who := qa.Identity(strings.Repeat("a", 64))
	for name, a := range map[string]qa.Act{
		"post/text":             {Kind: qa.ActPost, Text: nul},
		"post/onBehalfOf":       {Kind: qa.ActPost, Text: "a", OnBehalfOf: hidden},
		"post/tags":             {Kind: qa.ActPost, Text: "a", Tags: []string{"a\nb"}},
		"post/source":           {Kind: qa.ActPost, Text: "a", Source: nul},
		"post/x/a":              {Kind: qa.ActPost, Text: "a", X: map[string]string{"a": nul}},
		"post/x":                {Kind: qa.ActPost, Text: "a", X: map[string]string{"a\nb": "c"}},
		"post/reactions":        {Kind: qa.ActReact, Post: post, Emoji: hidden},
		"people/name":           {Kind: qa.ActPerson, Person: &qa.Person{Name: bidi}},
		"people/about":          {Kind: qa.ActPerson, Person: &qa.Person{About: bidi}},
		"people/link":           {Kind: qa.ActPerson, Person: &qa.Person{Link: "https://a/\nb"}},
		"event/title":           {Kind: qa.ActEvent, Fields: map[string]any{"title": "a\nb"}},
		"event/authors":         {Kind: qa.ActEvent, Fields: map[string]any{"authors": bidi}},
		"event/description":     {Kind: qa.ActEvent, Fields: map[string]any{"description": nul}},
		"event/links/text":      {Kind: qa.ActEvent, Links: []qa.Link{{Text: bidi, URL: "https://a"}}},
		"event/links/url":       {Kind: qa.ActEvent, Links: []qa.Link{{Text: "a", URL: "https://a\r\n"}}},
		"relay":                 {Kind: qa.ActEvent, Relays: []string{"ws://a\nb"}},
		"blocks":                {Kind: qa.ActBlock, Identity: who, Text: hidden},
		"post/marks/hidden":     {Kind: qa.ActMark, Mark: "hidden", Post: post, Text: nul},
		"winners":               {Kind: qa.ActWinner, Post: post, Text: "a\tb"},
		"weeks/title":           {Kind: qa.ActWeek, Event: &qa.Event{ID: qa.MakeEventID([16]byte{1}), Title: nul}},
		"event/title, founding": {Kind: qa.ActCreate, Event: &qa.Event{Title: hidden}},
	} {
		a.AtMillis = 1
		field, _, _ := strings.Cut(name, ",")
		var e *qa.FieldError
		if err := a.Validate(); !errors.As(err, &e) || e.Field != field || !errors.Is(err, qa.ErrCharacter) && !errors.Is(err, qa.ErrInvisible) {
			t.Errorf("%s: %v", name, err)
		}
	}
	a := qa.Act{Kind: qa.ActPost, AtMillis: 1, Text: "a question\x00"}
	if err := a.Validate(); err == nil || err.Error() != "the text contains a character that is not allowed: NUL (U+0000), character 11. Take it out, or paste the text without its formatting; nothing was changed" {
		t.Errorf("%v", err)
	}
	a.Text = "two\nlines\tand a tab, שלום\u200f!"
	if err := a.Validate(); err != nil {
		t.Error(err)
	}
}
