package markdown

import (
	"regexp"
	"strings"
	"testing"

	"flyleaf/schema"
)

// marked returns code with its highlighted parts in brackets: «c comment», «s string», «n number», «k keyword».
func marked(html string) string {
	html = regexp.MustCompile(`<span class="hl-(.)[a-z]*">`).ReplaceAllString(html, "«$1 ")
	html = strings.ReplaceAll(html, "</span>", "»")
	html = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(html, "")
	return strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(strings.TrimSpace(html))
}

func TestCodeIsHighlighted(t *testing.T) {
	for _, c := range []struct{ language, code, want string }{
		{"go", "func f() string { return \"a \\\" // b\" } // why 1", "«k func» f() «k string» { «k return» «s \"a \\\" // b\"» } «c // why 1»"},
		{"Go", "x := `two\nlines` + 0x1F", "x := «s `two\nlines`» + «n 0x1F»"},
		{"python", "def f(a=1.5): # don't\n  return None", "«k def» f(a=«n 1.5»): «c # don't»\n  «k return» «k None»"},
		{"sh", "echo $# \"it's\" # all", "echo $# «s \"it's\"» «c # all»"},
		{"c", "/* a\nb */ int x = 'c'; #x <y>", "«c /* a\nb */» «k int» x = «s 'c'»; #x <y>"},
		{"c", "/* never ends", "«c /* never ends\n»"},
		{"sql", "SELECT a FROM t -- all", "«k SELECT» a «k FROM» t «c -- all»"},
		{"js", "const left = by(1) // x", "«k const» left = by(«n 1») «c // x»"},
		{"html", `<a href="x">if 1</a> <!-- y -->`, `<a href=«s "x"»>if «n 1»</a> «c <!-- y -->»`},
		{"css", "a { color: #fff } /* x */", "a { color: #fff } «c /* x */»"},
		{"rust", "fn f<'a>(x: &'a str) {}", "«k fn» f<'a>(x: &'a str) {}"},
		{"yaml", "a: \"b\" # c\nurl: x#y", "a: «s \"b\"» «c # c»\nurl: x#y"},
		{"unheard-of", "if 1 // x", "if 1 // x"},
		{"", "if 1 // x", "if 1 // x"},
		{"go", "größe := 1e3", "größe := «n 1e3»"},
	} {
		if got := marked(string(HTML("```" + c.language + "\n" + c.code + "\n```"))); got != c.want {
			t.Errorf("%s: %q\nis    %q\nwant  %q", c.language, c.code, got, c.want)
		}
	}
}

// TestHighlightingKeepsEveryWord: what is shown is the code, for every language and any bytes.
func TestHighlightingKeepsEveryWord(t *testing.T) {
	code := strings.Repeat("if (x == 'a' && y < \"b\\\"c\") { /* <script> */ # \u2028 ;-- {- `q` 1.2.3 0xZ // é\n} '", 20)
	for language := range syntaxes {
		if got, want := Text("```"+language+"\n"+code+"\n```"), Text("```\n"+code+"\n```"); got != want {
			t.Errorf("%s:\n%q\n%q", language, got, want)
		}
	}
}

// BenchmarkHighlight renders the longest post, with quotes that never end.
func BenchmarkHighlight(b *testing.B) {
	text := "```c\n" + strings.Repeat(`\"`, schema.MaxText/2-20)
	for b.Loop() {
		render(text)
	}
}
