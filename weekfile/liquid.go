package weekfile

import "strings"

// LiquidBrace replaces the first brace of each "{{" and "{%" in a description. All versions of
// Jekyll and Liquid output it as a brace.
//
// Jekyll processes the text after the front matter with Liquid, also inside code and quotations.
// Without escaping, "{{x}}" in a description would disappear, and "{% include x %}" would make the
// build of the whole site fail. Values in the front matter are not processed. The alternatives do
// not work everywhere: Jekyll 3 (and so GitHub Pages) does not know "render_with_liquid: false",
// and {% raw %} around the text ends at an {% endraw %} in it.
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

// UnescapeLiquid reverses EscapeLiquid.
func UnescapeLiquid(s string) string { return strings.ReplaceAll(s, LiquidBrace, "{") }
