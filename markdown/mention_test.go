package markdown

import (
	"html/template"
	"strings"
	"testing"
)

const anIdentity = "af06a3e3291714e4aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// TestMentions: a mention names an identity, whatever is in the name, and its words are shown where nobody replaces it.
func TestMentions(t *testing.T) {
	if got := Mention("Maren Holt", anIdentity); got != "[@Maren Holt](person:af06a3e3291714e4)" {
		t.Errorf("%s", got)
	}
	for _, name := range []string{"Maren Holt", "a]b[c", `back\slash`, "*star* _line_ `tick`", "<b>&amp;", "https://example.org/x", "שלום", "a\nb", "x@example.org", ":smile:", "![x](y)"} {
		text := "Thank you, " + Mention(name, anIdentity) + "!"
		shown := strings.Join(strings.Fields(name), " ")
		if got := Line(text, 200); got != "Thank you, @"+shown+"!" {
			t.Errorf("%q is shown as %q", name, got)
		}
		var keys, words []string
		html := ReplaceMentions(HTML(text), func(key, w string) template.HTML {
			keys, words = append(keys, key), append(words, w)
			return "<a>who</a>"
		})
		if string(html) != "<p>Thank you, <a>who</a>!</p>\n" || len(keys) != 1 || keys[0] != MentionKey(anIdentity) {
			t.Errorf("%q: %s %q %q", name, html, keys, words)
		}
	}
	for _, text := range []string{
		"[@x](person:af06)", "[@x](person:AF06A3E3291714E4)", "[@x](person:af06a3e3291714e4/x)", "person:af06a3e3291714e4", `<span data-person="af06a3e3291714e4">x</span>`,
		"`[@x](person:af06a3e3291714e4)`", "![@x](person:af06a3e3291714e4)",
	} {
		ReplaceMentions(HTML(text), func(string, string) template.HTML { t.Errorf("%s mentions somebody", text); return "" })
	}
}
