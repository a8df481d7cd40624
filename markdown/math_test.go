package markdown

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"flyleaf/markdown/mathml"
	"flyleaf/schema"
)

var mathElement = regexp.MustCompile(`<math(?: tabindex="0" display="block")? alttext="([^"]*)">`)

// TestFormulasAreFound: what is a formula, what is a price, what is code.
func TestFormulasAreFound(t *testing.T) {
	for text, want := range map[string][]string{
		"$a^2$":                               {"a^2"},
		"Is $a+b$ or $c$ right?":              {"a+b", "c"},
		"$5 and $6":                           nil,
		"from $5 to $6, or $7 each":           nil,
		"$5 or $6, and $a$":                   {"a"},
		"US$5 and NZ$6":                       nil,
		"It costs 5$. Or 6$?":                 nil,
		"$20,000 and $30,000":                 nil,
		"a $ b $ c":                           nil,
		"$ a$ and $a $":                       nil,
		"$a":                                  nil,
		"a$b$c":                               nil,
		"`$a$`":                               nil,
		"```\n$a$\n$$b$$\n```":                nil,
		"    $a$":                             nil,
		"$a `b$` c":                           nil,
		`\$a$ and $b\$`:                       nil,
		`$a\$b$`:                              {`a\$b`},
		"$$\\frac12$$":                        {`\frac12`},
		"so $$x$$ it is":                      {"x"},
		"$$\na\n- b\n$$\nafter":               {"a - b"},
		"before\n$$\na\n$$":                   {"a"},
		"> $$\n> a\n> $$\n\nafter":            {"a"},
		"$$\na\n\nb":                          nil,
		"- $a$\n- **$b$**":                    {"a", "b"},
		"| $a$ |\n|---|\n| $b$ |":             {"a", "b"},
		"$a_1$ and $b_2$, *really*":           {"a_1", "b_2"},
		"$x<y$":                               {"x&lt;y"},
		"$\\foo$ and $a$":                     {"a"},
		"[a $b$](https://example.org)":        {"b"},
		"$" + strings.Repeat("a", 3000) + "$": nil,
		"($a$), “$b$”; $c$.":                  {"a", "b", "c"},
	} {
		out := string(PostHTML(text, mathml.FromTeX))
		var got []string
		for _, m := range mathElement.FindAllStringSubmatch(out, -1) {
			got = append(got, strings.ReplaceAll(m[1], "\n", " "))
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%.60q has the formulas %q, want %q\n%.300s", text, got, want, out)
		}
		if out := string(PostHTML(text, nil)); strings.Contains(out, "<math") {
			t.Errorf("%.60q has a formula although the week has none: %s", text, out)
		}
	}
}

// TestNothingOfAFormulaIsLost: what cannot be read is shown as it was typed, as code.
func TestNothingOfAFormulaIsLost(t *testing.T) {
	for text, want := range map[string]string{
		`say $\foo{a<b}$ here`:            `<p>say <code>$\foo{a&lt;b}$</code> here</p>` + "\n",
		"$$\n\\foo & b\n$$\nafter":        "<pre tabindex=\"0\"><code>$$\n\\foo &amp; b\n$$</code></pre>\n<p>after</p>\n",
		"> $$\n> a\n> b $$ c":             "<blockquote>\n<pre tabindex=\"0\"><code>$$\na\nb $$ c</code></pre>\n</blockquote>\n",
		`$\href{javascript:alert(1)}{x}$`: `<p><code>$\href{javascript:alert(1)}{x}$</code></p>` + "\n",
	} {
		if got := string(PostHTML(text, mathml.FromTeX)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestHostileFormulasAreBounded: the work for any text of the maximum length is.
func TestHostileFormulasAreBounded(t *testing.T) {
	n := schema.MaxText
	for _, s := range []string{"$", "$$", "$a", "$a$ ", "$$\n", "$$a\n", "$$ $", `$\frac`, "$a`", `$\`, "$x^{", "> $$\n> a\n", "- $$\n"} {
		out := PostHTML(strings.Repeat(s, n/len(s)), mathml.FromTeX)
		if len(out) > 100*n {
			t.Errorf("%q gives %d bytes", s, len(out))
		}
	}
}

// FuzzPostHTML searches for texts with formulas whose HTML has other elements or attributes than the allowed ones.
func FuzzPostHTML(f *testing.F) {
	for _, text := range []string{"$a$", "$$\n\\frac{1}{2}\n$$", "> - $x_1$ $5", "$\\text{<b>}$", "`$a$` $\\begin{cases}a&b\\end{cases}$"} {
		f.Add(text)
	}
	mathAttributes := regexp.MustCompile(`^( ([a-z]+="[A-Za-z0-9.-]+"|alttext="[^"<]*"))*$`)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2000 {
			return
		}
		out := string(PostHTML(text, mathml.FromTeX))
		for _, m := range element.FindAllStringSubmatch(out, -1) {
			math := strings.HasPrefix(m[2], "m") && mathAttributes.MatchString(m[3]) && !strings.Contains(m[3], " on")
			if !math && (!allowed[m[2]] || !attributes.MatchString(m[3])) {
				t.Errorf("%q gives %s in %q", text, m[0], out)
			}
		}
	})
}

// TestFormulasThatAreNotThere are shown as they were typed: the program that knows them may be missing.
func TestFormulasThatAreNotThere(t *testing.T) {
	none := func(string, bool) (string, error) { return "", errors.New("offline") }
	want := "<p>so <code>$a&lt;b$</code></p>\n<pre tabindex=\"0\"><code>$$c$$</code></pre>\n"
	if got := string(PostHTML("so $a<b$\n\n$$c$$", none)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	hostile := func(string, bool) (string, error) {
		return `<math href="https://x.example" onclick="x"><mi style="x">a</mi><maction>b</maction></math><script>c</script>`, nil
	}
	if got := string(PostHTML("$a$", hostile)); got != "<p><math><mi>a</mi>b</math></p>\n" {
		t.Errorf("%q", got)
	}
}
