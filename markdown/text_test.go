package markdown

import (
	"strings"
	"testing"
	"unicode/utf8"

	"flyleaf/internal/testfixture"
)

func TestText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"one\ntwo", "one\ntwo"},
		{"*a* **b** ~~c~~ `d`\n\ne", "a b c d\n\ne"},
		{"see [this page](https://example.org/x) and https://example.org.", "see this page (https://example.org/x) and https://example.org."},
		{"www.example.org and me@example.org", "www.example.org and me@example.org"},
		{"First:\n\n- a\n- b\n  - c\n\nlast", "First:\n\n- a\n- b\n  - c\n\nlast"},
		{"3. c\n4. d", "3. c\n4. d"},
		{"> said\n> again\n\nno", "> said\n> again\n\nno"},
		{"```go\nif x {\n\ty()\n}\n```", "if x {\n\ty()\n}"},
		{"| a | b |\n|---|---|\n| 1 | *2* |", "a | b\n1 | 2"},
		{"a List<String> &amp; <b>", "a List<String> & <b>"},
		{"# Heading\ntext :+1:", "Heading\n\ntext 👍"},
		{"a\n\n---\n\nb", "a\n\n* * *\n\nb"},
	} {
		if got := Text(c.in); got != c.want {
			t.Errorf("%q\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

func TestLine(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"one\n\n*two*", 100, "one two"},
		{"a sentence that goes on", 15, "a sentence…"},
		{"unbreakablewordthatgoeson", 6, "unbre…"},
		{"äöüß", 4, "äöüß"},
		{"äöüßé", 4, "äöü…"},
		{"x y", 0, ""},
	} {
		if got := Line(c.in, c.limit); got != c.want {
			t.Errorf("%q in %d: got %q, want %q", c.in, c.limit, got, c.want)
		}
	}
	for _, text := range testfixture.XSS {
		if got := Line(text, 40); utf8.RuneCountInString(got) > 40 || strings.Contains(got, "\n") || !utf8.ValidString(got) {
			t.Errorf("%q gives %q", text, got)
		}
	}
}
