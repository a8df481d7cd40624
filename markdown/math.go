package markdown

import (
	"bytes"
	"html/template"
	"regexp"
	"unicode"
	"unicode/utf8"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"flyleaf/markdown/mathml"
)

// PostHTML is HTML. If math is set, what is between dollar signs is a formula in the notation of TeX, and shown as MathML:
// $a^2$ in a line, $$a^2$$ on a line of its own. A formula that cannot be read is shown as it was typed.
func PostHTML(source string, math bool) template.HTML {
	if !math {
		return htmlCache.get(source)
	}
	return mathCache.get(source)
}

// mathCache is htmlCache for texts with formulas.
var mathCache = renderCache{limit: 8 << 20, render: func(source string) template.HTML { return renderWith(mathParser(), source) }}

// formulas finds and renders formulas.
type formulas struct{}

// Extend is called by goldmark.
func (f formulas) Extend(m goldmark.Markdown) {
	m.Parser().AddOptions(
		parser.WithInlineParsers(util.Prioritized(inlineFormulas{}, 150)),
		parser.WithBlockParsers(util.Prioritized(blockFormulas{}, 650)), // before fenced code
	)
	m.Renderer().AddOptions(renderer.WithNodeRenderers(util.Prioritized(f, 10)))
}

// RegisterFuncs is called by goldmark.
func (formulas) RegisterFuncs(reg renderer.NodeRendererFuncRegisterer) {
	reg.Register(kindFormula, renderFormula)
	reg.Register(kindFormulaBlock, renderFormula)
}

var (
	kindFormula      = ast.NewNodeKind("Formula")
	kindFormulaBlock = ast.NewNodeKind("FormulaBlock")
)

// formula is a formula in a line.
type formula struct {
	ast.BaseInline
	source  []byte // with its dollar signs
	dollars int    // on each side
}

// Kind implements ast.Node.
func (*formula) Kind() ast.NodeKind { return kindFormula }

// Dump implements ast.Node.
func (f *formula) Dump(source []byte, level int) { ast.DumpHelper(f, source, level, nil, nil) }

// formulaBlock is a formula with lines of its own. Its Lines have its dollar signs.
type formulaBlock struct {
	ast.BaseBlock
	closed bool
}

// Kind implements ast.Node.
func (*formulaBlock) Kind() ast.NodeKind { return kindFormulaBlock }

// IsRaw implements ast.Node: there is no Markdown in it.
func (*formulaBlock) IsRaw() bool { return true }

// Dump implements ast.Node.
func (f *formulaBlock) Dump(source []byte, level int) { ast.DumpHelper(f, source, level, nil, nil) }

type inlineFormulas struct{}

// Trigger implements parser.InlineParser.
func (inlineFormulas) Trigger() []byte { return []byte{'$'} }

// Parse implements parser.InlineParser. Prices are no formulas: there is no space inside of the dollar signs, and no
// letter or digit outside of them.
func (inlineFormulas) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
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
	return &formula{source: line[:end], dollars: dollars}
}

// formulaEnd returns the length of the formula at the beginning of a line; -1 if there is none.
func formulaEnd(line []byte, dollars int) int {
	if len(line) > mathml.MaxSource {
		line = line[:mathml.MaxSource]
	}
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
			if dollars == 2 && !bytes.HasPrefix(line[i:], []byte("$$")) {
				return -1
			}
			end := i + dollars
			before, _ := utf8.DecodeLastRune(line[:i])
			after, size := utf8.DecodeRune(line[end:])
			if dollars == 2 || !unicode.IsSpace(before) && (size == 0 || !joinsFormula(after)) {
				return end
			}
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
	f := &formulaBlock{}
	if at := bytes.Index(rest[2:], []byte("$$")); at >= 0 {
		if at+4 != len(rest) || at == 0 {
			return nil, parser.NoChildren // a formula in a line of words
		}
		f.closed = true
	} else {
		// It ends before the next empty line, or it is none.
		after := reader.Source()[segment.Stop:]
		if empty := bytes.Index(after, []byte("\n\n")); empty >= 0 {
			after = after[:empty]
		}
		if !bytes.Contains(after[:min(len(after), mathml.MaxSource)], []byte("$$")) {
			return nil, parser.NoChildren
		}
	}
	f.Lines().Append(segment)
	reader.AdvanceToEOL()
	return f, parser.NoChildren
}

// Continue implements parser.BlockParser.
func (blockFormulas) Continue(node ast.Node, reader text.Reader, _ parser.Context) parser.State {
	f := node.(*formulaBlock)
	line, segment := reader.PeekLine()
	if f.closed || util.IsBlank(line) {
		return parser.Close
	}
	f.closed = bytes.Contains(line, []byte("$$"))
	f.Lines().Append(segment)
	reader.AdvanceToEOL()
	return parser.Continue | parser.NoChildren
}

// Close implements parser.BlockParser.
func (blockFormulas) Close(ast.Node, text.Reader, parser.Context) {}

// CanInterruptParagraph implements parser.BlockParser.
func (blockFormulas) CanInterruptParagraph() bool { return true }

// CanAcceptIndentedLine implements parser.BlockParser.
func (blockFormulas) CanAcceptIndentedLine() bool { return false }

// renderFormula renders a formula as MathML, or as code if it cannot be read.
func renderFormula(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	shown, dollars, begin, end := []byte(nil), 2, "<pre><code>", "</code></pre>\n"
	switch f := n.(type) {
	case *formula:
		shown, dollars, begin, end = f.source, f.dollars, "<code>", "</code>"
	case *formulaBlock:
		shown = bytes.TrimSpace(f.Lines().Value(source))
	}
	if tex, ok := bytes.CutSuffix(shown, []byte("$$")[:dollars]); ok && len(tex) >= dollars {
		if xml, err := mathml.FromTeX(string(tex[dollars:]), dollars == 2); err == nil {
			_, _ = w.WriteString(xml)
			return ast.WalkSkipChildren, nil
		}
	}
	_, _ = w.WriteString(begin)
	_, _ = w.Write(util.EscapeHTML(shown))
	_, _ = w.WriteString(end)
	return ast.WalkSkipChildren, nil
}

// allowMath lets what package mathml writes through a sanitiser.
func allowMath(p *bluemonday.Policy) {
	p.AllowElements("math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup",
		"munder", "mover", "munderover", "mtable", "mtr", "mtd")
	p.AllowAttrs("alttext").OnElements("math")
	p.AllowAttrs("display").Matching(regexp.MustCompile(`^block$`)).OnElements("math")
	p.AllowAttrs("mathvariant").Matching(regexp.MustCompile(`^normal$`)).OnElements("mi")
	p.AllowAttrs("fence", "stretchy", "movablelimits", "accent", "accentunder").Matching(regexp.MustCompile(`^(true|false)$`)).OnElements("mo", "mover", "munder")
	p.AllowAttrs("form").Matching(regexp.MustCompile(`^(prefix|postfix)$`)).OnElements("mo")
	p.AllowAttrs("minsize", "maxsize", "width", "linethickness").Matching(regexp.MustCompile(`^(0|-?[0-9.]{1,6}em)$`)).OnElements("mo", "mspace", "mfrac")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^math-(left|right)$`)).OnElements("mtd")
}
