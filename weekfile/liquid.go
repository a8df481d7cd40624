package weekfile

import "strings"

// Jekyll runs the text after the front matter through Liquid, in code and quotations too, so
// "{{x}}" in a description would vanish and "{% include x %}" would stop the whole site. Values of
// the front matter are not run.
//
// Escaped is the first brace of each "{{" and "{%", as an output of Liquid: all versions
// of Jekyll and of Liquid write it as a brace. Neither "render_with_liquid: false", which
// Jekyll 3 (and so GitHub Pages) does not know, nor one {% raw %} around the text, which a
// text with {% endraw %} would end, does that.
const LiquidBrace = `{{ "{" }}`

// EscapeLiquid escapes s so that Jekyll outputs it unchanged. UnescapeLiquid undoes it.
func EscapeLiquid(s string) string {
	if !strings.Contains(s, "{{") && !strings.Contains(s, "{%") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if s[i] == '{' && i+1 < len(s) && (s[i+1] == '{' || s[i+1] == '%') {
			b.WriteString(LiquidBrace)
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func UnescapeLiquid(s string) string { return strings.ReplaceAll(s, LiquidBrace, "{") }
