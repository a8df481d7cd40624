//go:build !js

package webui

import (
	"testing"

	"github.com/chromedp/chromedp"

	"flyleaf/qa"
)

// TestBrowserFormulas: a browser lays MathML out, from left to right also in a Hebrew post, and a long formula does not
// make the page wider.
func TestBrowserFormulas(t *testing.T) {
	b := openBrowserOn(t)
	b.node.doAs(noor, b.event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"math": "tex"}})
	for _, text := range []string{
		`Why is $\frac{a}{b}$ not $a/b$?`, inHebrew("Is it ") + `$x < y$` + inHebrew(" or not?"),
		"$$\\frac{a}{b}$$", "Is this right?\n\n$$\n\\begin{aligned} f(x) &= \\sqrt{1 + x^2} \\\\ &= \\sum_{n=0}^\\infty \\begin{pmatrix} 1/2 & n \\\\ 3 & 4 \\end{pmatrix} x^{2n} + a + b + c + d + e + f + g + h + i + j + k + l + m \\end{aligned}\n$$",
	} {
		b.node.doAs(obi, b.event, qa.Act{Kind: qa.ActPost, Text: text, AtMillis: testNow.UnixMilli()})
	}
	b.enter("/")
	b.checkLooks("formulas", func() {
		b.run(chromedp.Navigate(b.url(b.week())), main())
		b.eval(`document.querySelector('math').scrollIntoView()`)
	})
	got := value[struct{ Fraction, Line float64 }](b, `(() => { const m = document.querySelector('math[display] mfrac'), p = m.closest('.words');
		return {Fraction: m.getBoundingClientRect().height, Line: parseFloat(getComputedStyle(p).fontSize)} })()`)
	if got.Fraction < 1.3*got.Line {
		t.Errorf("a fraction is %v px high, in letters of %v px", got.Fraction, got.Line)
	}
	if d := value[string](b, `getComputedStyle([...document.querySelectorAll('math')].find(m => m.getAttribute('alttext') === 'x < y')).direction`); d != "ltr" {
		t.Errorf("a formula in a Hebrew post is written %s", d)
	}
}
