package mathml

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
)

func TestFormulas(t *testing.T) {
	for tex, want := range map[string]string{
		`x`:                               `<mi>x</mi>`,
		`e^{i\pi}+1=0`:                    `<mrow><msup><mi>e</mi><mrow><mi>i</mi><mi>π</mi></mrow></msup><mo>+</mo><mn>1</mn><mo>=</mo><mn>0</mn></mrow>`,
		`\frac{-b}{2a}`:                   `<mfrac><mrow><mo>−</mo><mi>b</mi></mrow><mrow><mn>2</mn><mi>a</mi></mrow></mfrac>`,
		`\frac12`:                         `<mfrac><mn>1</mn><mn>2</mn></mfrac>`,
		`x_1^2`:                           `<msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup>`,
		`x^12`:                            `<mrow><msup><mi>x</mi><mn>1</mn></msup><mn>2</mn></mrow>`,
		`f''(3.14)`:                       `<mrow><msup><mi>f</mi><mo>′′</mo></msup><mo stretchy="false">(</mo><mn>3.14</mn><mo stretchy="false">)</mo></mrow>`,
		`\sum_{i=1}^n i`:                  `<mrow><munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover><mi>i</mi></mrow>`,
		`\sqrt[3]{x}`:                     `<mroot><mi>x</mi><mn>3</mn></mroot>`,
		`\sin x`:                          `<mrow><mi>sin</mi><mspace width="0.1667em"></mspace><mi>x</mi></mrow>`,
		`\mathbb{R}`:                      `<mi>ℝ</mi>`,
		`\text{if } x<1`:                  "<mrow><mtext>if\u00a0</mtext><mi>x</mi><mo>&lt;</mo><mn>1</mn></mrow>",
		`\hat x`:                          `<mover accent="true"><mi>x</mi><mo stretchy="false">^</mo></mover>`,
		`\left(x\right.`:                  `<mrow><mo fence="true" form="prefix" stretchy="true">(</mo><mi>x</mi></mrow>`,
		`\begin{matrix}a&b\\\end{matrix}`: `<mrow><mtable><mtr><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr></mtable></mrow>`,
		`\not=`:                           "<mo>=\u0338</mo>",
		`5\,\%`:                           `<mrow><mn>5</mn><mspace width="0.1667em"></mspace><mi mathvariant="normal">%</mi></mrow>`,
	} {
		got, err := FromTeX(tex, false)
		_, got, _ = strings.Cut(strings.TrimSuffix(got, "</math>"), ">")
		if err != nil || got != want {
			t.Errorf("%s: %v\n%s, want\n%s", tex, err, got, want)
		}
	}
	if got, err := FromTeX(`a<"b"`, true); err != nil || !strings.HasPrefix(got, `<math display="block" alttext="a&lt;&#34;b&#34;">`) {
		t.Errorf("%v %s", err, got)
	}
}

// TestFormulasThatCannotBeRead have an error.
func TestFormulasThatCannotBeRead(t *testing.T) {
	for _, tex := range []string{
		``, ` `, `{`, `}`, `{}}`, `\`, `a^`, `a^b^c`, `a_b_c`, `\frac1`, `\frac`, `\foo`, `\href{javascript:x}{y}`, `\left(x`, `\left x`, `\right)`, `\begin{matrix}a`, `\begin{matrix}a\end{cases}`,
		`\begin{foo}a\end{foo}`, `\begin`, `a&b`, `a\\b`, `\sqrt[3`, `\text{a\b}`, `\text`, `a # b`, `a % b`, "a\x00b", "\xff",
		strings.Repeat("{", 100) + strings.Repeat("}", 100), strings.Repeat(`\hat`, 300), strings.Repeat(`\sqrt[`, 100) + strings.Repeat("x]", 100), strings.Repeat("x^", 300), `\not`, `\def\a{\a\a}\a`,
	} {
		if got, err := FromTeX(tex, false); err == nil {
			t.Errorf("%.60s: %s", tex, got)
		}
	}
}

var allowed = regexp.MustCompile(`^(math|mrow|mi|mn|mo|mtext|mspace|mfrac|msqrt|mroot|msub|msup|msubsup|munder|mover|munderover|mtable|mtr|mtd)$`)

// checkElements fails unless the elements are allowed ones, closed and not many.
func checkElements(t *testing.T, tex, got string) {
	t.Helper()
	if len(got) > 1000+200*len(tex) {
		t.Errorf("%q gives %d bytes", tex, len(got))
	}
	for d := xml.NewDecoder(strings.NewReader(got)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%q: %v\n%s", tex, err, got)
		}
		if start, ok := token.(xml.StartElement); ok && !allowed.MatchString(start.Name.Local) {
			t.Errorf("%q has <%s>", tex, start.Name.Local)
		}
	}
}

// FuzzFromTeX searches for formulas that crash, or give other elements, or too many.
func FuzzFromTeX(f *testing.F) {
	for _, tex := range []string{`\frac{a}{b}`, `\left(\begin{cases}1&x\\2\end{cases}\right]`, `\sqrt[n]{\mathbb R}`, `\underbrace{a'}_b^c`, `\text{a}\Big|\not\in`, `x_{y_{z^{'}}}`} {
		f.Add(tex)
	}
	f.Fuzz(func(t *testing.T, tex string) {
		if got, err := FromTeX(tex, true); err == nil {
			checkElements(t, tex, got)
		}
	})
}
