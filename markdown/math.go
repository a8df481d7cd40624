package markdown

import (
	"bytes"
	"html/template"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Formula turns a formula in the notation of TeX into MathML, as package mathml does. display says whether the formula has a
// line of its own. The error says that there is none now.
type Formula func(tex string, display bool) (mathml string, err error)

// maxFormula is the maximum length of a formula in bytes, with its dollar signs.
const maxFormula = 2000

// PostHTML is HTML, and shows what is between dollar signs as a formula: $a^2$ in a line, $$a^2$$ on lines of its own.
// A formula for which f has an error is shown as it was typed, as code. If f is nil, there are no formulas.
func PostHTML(source string, f Formula) template.HTML {
	if f == nil || !strings.Contains(source, "$") {
		return HTML(source)
	}
	c := parser.NewContext()
	c.Set(formulaKey, f)
	return renderWith(mathParser(), source, parser.WithContext(c))
}

var (
	formulaKey  = parser.NewContextKey()
	formulaHTML = []byte("formula") // the attribute of a block that has the HTML of a formula
)

// formulaParsers find formulas. They need no nodes and no renderer of their own, which would make the program in a browser larger:
// a formula in a line becomes a string that is HTML, and one with lines of its own a block of code with an attribute.
func formulaParsers() []parser.Option {
	return []parser.Option{
		parser.WithInlineParsers(util.Prioritized(inlineFormulas{}, 150)),
		parser.WithBlockParsers(util.Prioritized(blockFormulas{}, 650)), // before fenced code
	}
}

// renderFormula returns the HTML of a formula with dollar signs on both sides.
func renderFormula(c parser.Context, shown []byte, dollars int, begin, end string) []byte {
	f, _ := c.Get(formulaKey).(Formula)
	if tex, ok := bytes.CutSuffix(shown, []byte("$$")[:dollars]); ok && len(tex) >= dollars && len(shown) <= maxFormula {
		if mathml, err := f(string(tex[dollars:]), dollars == 2); err == nil {
			return []byte(mathml)
		}
	}
	return append(append([]byte(begin), util.EscapeHTML(shown)...), end...)
}

type inlineFormulas struct{}

// Trigger implements parser.InlineParser.
func (inlineFormulas) Trigger() []byte { return []byte{'$'} }

// Parse implements parser.InlineParser. Prices are no formulas: there is no space inside of the dollar signs, and no
// letter or digit outside of them.
func (inlineFormulas) Parse(_ ast.Node, block text.Reader, c parser.Context) ast.Node {
	line, _ := block.PeekLine()
	dollars := 1
	if bytes.HasPrefix(line, []byte("$$")) {
		dollars = 2
	}
	if joinsFormula(block.PrecendingCharacter()) {
		return nil
	}
	end := formulaEnd(line, dollars)
	if end < 0 {
		return nil
	}
	block.Advance(end)
	html := ast.NewString(renderFormula(c, line[:end], dollars, "<code>", "</code>"))
	html.SetCode(true)
	return html
}

// formulaEnd returns the length of the formula at the beginning of a line; -1 if there is none.
func formulaEnd(line []byte, dollars int) int {
	line = line[:min(len(line), maxFormula)]
	first, _ := utf8.DecodeRune(line[dollars:])
	if dollars == 1 && unicode.IsSpace(first) || first == '$' {
		return -1
	}
	for i := dollars; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '`': // code begins
			return -1
		case '$':
			end := i + dollars
			before, _ := utf8.DecodeLastRune(line[:i])
			after, size := utf8.DecodeRune(line[min(end, len(line)):])
			if dollars == 2 && bytes.HasPrefix(line[i:], []byte("$$")) || dollars == 1 && !unicode.IsSpace(before) && (size == 0 || !joinsFormula(after)) {
				return end
			}
			return -1
		}
	}
	return -1
}

func joinsFormula(r rune) bool {
	return r == '$' || r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

type blockFormulas struct{}

// Trigger implements parser.BlockParser.
func (blockFormulas) Trigger() []byte { return []byte{'$'} }

// Open implements parser.BlockParser.
func (blockFormulas) Open(_ ast.Node, reader text.Reader, _ parser.Context) (ast.Node, parser.State) {
	line, segment := reader.PeekLine()
	rest := bytes.TrimSpace(line)
	if !bytes.HasPrefix(rest, []byte("$$")) {
		return nil, parser.NoChildren
	}
	if at := bytes.Index(rest[2:], []byte("$$")); at >= 0 {
		if at+4 != len(rest) || at == 0 {
			return nil, parser.NoChildren // a formula in a line of words
		}
	} else {
		// It ends before the next empty line, or it is none.
		after := reader.Source()[segment.Stop:]
		after = after[:min(len(after), maxFormula)]
		if empty := bytes.Index(after, []byte("\n\n")); empty >= 0 {
			after = after[:empty]
		}
		if !bytes.Contains(after, []byte("$$")) {
			return nil, parser.NoChildren
		}
	}
	block := ast.NewFencedCodeBlock(nil)
	block.Lines().Append(segment)
	reader.AdvanceToEOL()
	return block, parser.NoChildren
}

// Continue implements parser.BlockParser.
func (blockFormulas) Continue(block ast.Node, reader text.Reader, _ parser.Context) parser.State {
	line, segment := reader.PeekLine()
	if sofar := block.Lines().Value(reader.Source()); util.IsBlank(line) || bytes.Contains(bytes.TrimSpace(sofar)[2:], []byte("$$")) || len(sofar) > maxFormula {
		return parser.Close
	}
	block.Lines().Append(segment)
	reader.AdvanceToEOL()
	return parser.Continue | parser.NoChildren
}

// Close implements parser.BlockParser.
func (blockFormulas) Close(block ast.Node, reader text.Reader, c parser.Context) {
	shown := bytes.TrimSpace(block.Lines().Value(reader.Source()))
	block.SetAttribute(formulaHTML, renderFormula(c, shown, 2, "<pre><code>", "</code></pre>\n"))
}

// CanInterruptParagraph implements parser.BlockParser.
func (blockFormulas) CanInterruptParagraph() bool { return true }

// CanAcceptIndentedLine implements parser.BlockParser.
func (blockFormulas) CanAcceptIndentedLine() bool { return false }

// allowMath lets what a Formula returns through a sanitiser, if it is MathML that loads and runs nothing.
func allowMath(p *bluemonday.Policy) {
	elements := []string{
		"math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup",
		"munder", "mover", "munderover", "mtable", "mtr", "mtd",
	}
	p.AllowElements(elements...)
	p.AllowNoAttrs().OnElements(elements...)
	p.AllowAttrs("alttext").OnElements("math")
	p.AllowAttrs("display", "mathvariant", "fence", "stretchy", "movablelimits", "accent", "accentunder", "form", "minsize", "maxsize", "width", "linethickness", "class").
		Matching(regexp.MustCompile(`^(block|normal|true|false|prefix|postfix|math-left|math-right|0|-?[0-9.]{1,6}em)$`)).
		OnElements("math", "mi", "mo", "mover", "munder", "mspace", "mfrac", "mtd")
}
