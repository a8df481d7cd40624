package markdown

import (
	"fmt"
	"html/template"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"flyleaf/internal/testfixture"
	"flyleaf/schema"
)

func TestHTML(t *testing.T) {
	link := func(url, words string) string {
		return `<a href="` + url + `" rel="noopener nofollow noreferrer">` + words + `</a>`
	}
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"one\ntwo", "<p>one<br>\ntwo</p>\n"},
		{"*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <del>c</del> <code>d</code></p>\n"},
		{":smile: :+1: :nosuch: 10:30:45", "<p>😄 👍 :nosuch: 10:30:45</p>\n"},
		{"a List<String> & <b>bold</b>", "<p>a List&lt;String&gt; &amp; &lt;b&gt;bold&lt;/b&gt;</p>\n"},
		{"<div>\nwords *here*\n</div>", "<p>&lt;div&gt;<br>\nwords <em>here</em><br>\n&lt;/div&gt;</p>\n"},
		{"&amp; &lt;b&gt; &copy;", "<p>&amp; &lt;b&gt; ©</p>\n"},
		{"see https://example.org/a_b?c=d&e=f.", "<p>see " + link("https://example.org/a_b?c=d&amp;e=f", "https://example.org/a_b?c=d&amp;e=f") + ".</p>\n"},
		{"www.example.org", "<p>" + link("http://www.example.org", "www.example.org") + "</p>\n"},
		{"me@example.org", "<p>" + link("mailto:me@example.org", "me@example.org") + "</p>\n"},
		{"[words](https://example.org \"title\")", "<p>" + link("https://example.org", "words") + "</p>\n"},
		{"![a *cat*](https://example.org/c.png)", "<p>" + link("https://example.org/c.png", "a <em>cat</em>") + "</p>\n"},
		{"![](https://example.org/c.png)", "<p>" + link("https://example.org/c.png", "https://example.org/c.png") + "</p>\n"},
		{"[![cat](https://example.org/c.png)](https://example.org/big)", "<p>" + link("https://example.org/big", "cat") + "</p>\n"},
		{"# Heading", "<p><strong>Heading</strong></p>\n"},
		{"```go\nx := \"<y>\"\n```", "<pre tabindex=\"0\"><code class=\"language-go\">x := <span class=\"hl-string\">&#34;&lt;y&gt;&#34;</span>\n</code></pre>\n"},
		{"3. c\n4. d", "<ol start=\"3\">\n<li>c</li>\n<li>d</li>\n</ol>\n"},
		{"> said\n\n---", "<blockquote>\n<p>said</p>\n</blockquote>\n<hr>\n"},
		{"| a | b |\n|---|--:|\n| 1 | 2 |", "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>1</td>\n<td>2</td>\n</tr>\n</tbody>\n</table>\n"},
		{"bad \xff bytes", "<p>bad \uFFFD bytes</p>\n"},
	} {
		if got := string(HTML(c.in)); got != c.want {
			t.Errorf("%q\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

func TestProse(t *testing.T) {
	for in, want := range map[string]string{
		"one\ntwo\n\nthree":        "<p>one\ntwo</p>\n<p>three</p>\n",
		"one  \ntwo":               "<p>one<br>\ntwo</p>\n",
		"<b>x</b> # y\n- [a](b:c)": "<p>&lt;b&gt;x&lt;/b&gt; # y</p>\n<ul>\n<li><a rel=\"noopener nofollow noreferrer\">a</a></li>\n</ul>\n",
	} {
		if got := string(Prose(in)); got != want {
			t.Errorf("%q\n got %q\nwant %q", in, got, want)
		}
	}
}

// Texts of the maximum length that make parsers slow, or nest deeply, are rendered with bounded
// memory into HTML of bounded size and depth. Those for which a parser would need quadratic time
// are shown as they were typed.
func TestHTMLOfHostileTextIsBounded(t *testing.T) {
	n := schema.MaxText
	fill := func(s string) string { return strings.Repeat(s, n/len(s)) }
	var stairs strings.Builder
	for i := 0; stairs.Len() < n-400; i++ {
		stairs.WriteString(strings.Repeat(" ", 2*i) + "- x\n")
	}
	shownAsTyped := []string{"quotes", "spaced quotes", "bullets", "stars", "mixed", "links", "closing"}
	for name, text := range map[string]string{
		"quotes": fill(">"), "spaced quotes": fill("> "), "bullets": fill("- "), "stars": fill("* "), "mixed": fill("> - "), "brackets": fill("["), "images": fill("!["),
		"links": fill("[a]("), "closing": fill("]("), "emphasis": fill("*a **b "), "underscores": fill("_a __b "), "stars alone": fill("*"), "ticks": fill("`a``"), "ticks rising": risingTicks(n),
		"tables": fill("|a"), "table": "|" + fill("a|")[:1000] + "\n|" + strings.Repeat("-|", 500) + "\n" + fill("|x")[:20000], "entities": fill("&amp;"), "emoji": fill(":smile:"), "colons": fill(":"), "stairs": stairs.String(),
		"urls": fill("http://a.b "), "one url": "http://" + fill("a."), "angles": fill("<"), "autolinks": fill("<http://a>"), "lines": fill("\n"), "setext": fill("a\n=\n"), "refs": fill("[a]: b\n"), "nul": fill("\x00"), "strikes": fill("~~a "), "mails": fill("a@b.c"), "at": fill("a@"), "www": fill("www."),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		out := render(text)
		runtime.ReadMemStats(&after)
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 1024*uint64(n) {
			t.Errorf("%s allocates %d bytes", name, allocated)
		}
		if asTyped := strings.HasPrefix(string(out), "<pre"); asTyped != slices.Contains(shownAsTyped, name) {
			t.Errorf("%s is shown as it was typed: %v", name, asTyped)
		}
		if len(out) > 100*n {
			t.Errorf("%s gives %d bytes", name, len(out))
		}
		if d := depth(string(out)); d > 400 {
			t.Errorf("%s gives elements %d deep", name, d)
		}
	}
}

func risingTicks(n int) string {
	var b strings.Builder
	for i := 1; b.Len()+i+1 < n; i++ {
		b.WriteString(strings.Repeat("`", i) + "a")
	}
	return b.String()
}

func depth(html string) int {
	now, most := 0, 0
	for _, m := range element.FindAllStringSubmatch(html, -1) {
		switch {
		case m[2] == "br" || m[2] == "hr":
		case m[1] == "/":
			now--
		default:
			now++
			most = max(most, now)
		}
	}
	return most
}

func TestRenderCacheIsBoundedAndCorrect(t *testing.T) {
	c := renderCache{limit: 2000}
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			for i := range 300 {
				text := fmt.Sprintf("*%d*", (i*7+g)%90)
				if got, want := c.get(text), template.HTML("<p><em>"+strings.Trim(text, "*")+"</em></p>\n"); got != want {
					t.Errorf("%q gives %q", text, got)
				}
			}
		})
	}
	wait.Wait()
	size := 0
	for _, gen := range []map[string]template.HTML{c.young, c.old} {
		for text, html := range gen {
			size += len(text) + len(html)
		}
	}
	if size > 2*c.limit || size == 0 {
		t.Errorf("the cache has %d bytes", size)
	}
}

// FuzzHTML searches for texts whose HTML has other elements or attributes than the allowed ones.
func FuzzHTML(f *testing.F) {
	for _, text := range testfixture.XSS {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2000 {
			return
		}
		out := string(render(text))
		for _, m := range element.FindAllStringSubmatch(out, -1) {
			if !allowed[strings.ToLower(m[2])] || !attributes.MatchString(m[3]) {
				t.Errorf("%q gives %s in %q", text, m[0], out)
			}
		}
		if i := strings.Count(out, "<") - len(element.FindAllString(out, -1)); i != 0 {
			t.Errorf("%q leaves a bare < in %q", text, out)
		}
	})
}

var (
	element = regexp.MustCompile(`<(/?)([A-Za-z!?][^\s/>]*)([^>]*)>`)
	allowed = map[string]bool{
		"p": true, "br": true, "hr": true, "strong": true, "em": true, "del": true, "code": true, "pre": true, "ul": true, "ol": true, "li": true,
		"blockquote": true, "table": true, "thead": true, "tbody": true, "tr": true, "th": true, "td": true, "a": true,
	}
	attributes = regexp.MustCompile(`^( (href="(https?://|mailto:)[^"]*"|rel="noopener nofollow noreferrer"|class="language-[A-Za-z0-9_+#-]+"|class="hl-[a-z]+"|data-person="[0-9a-f]{16}"|start="[0-9]+"|tabindex="0"))*\s*/?$`)
)

func TestHTMLHasOnlyAllowedElements(t *testing.T) {
	for _, text := range testfixture.XSS {
		out := string(HTML(text))
		for _, m := range element.FindAllStringSubmatch(out, -1) {
			if !allowed[strings.ToLower(m[2])] {
				t.Errorf("%q gives the element %s", text, m[0])
			}
			if !attributes.MatchString(m[3]) {
				t.Errorf("%q gives the attributes of %s", text, m[0])
			}
		}
		for _, a := range regexp.MustCompile(`<a[^>]*>`).FindAllString(out, -1) {
			if !strings.Contains(a, `rel="`+LinkRel+`"`) {
				t.Errorf("%q gives a link without its rel: %s", text, a)
			}
		}
	}
}
