// Package mathml turns formulas in the notation of TeX into MathML, which browsers show without a script or a font.
//
// It knows the common commands of LaTeX's mathematics, and no macros. The time and the length of the result are
// proportional to the length of the formula, which the caller bounds. The result has only elements and attributes of MathML Core that
// load and run nothing.
package mathml

import (
	"errors"
	"fmt"
	"html"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// maxDepth is how deep groups, fractions and the like can be nested.
const maxDepth = 40

// FromTeX returns the element <math> of a formula. display says whether it has a line of its own. The error says why
// the formula could not be read.
func FromTeX(tex string, display bool) (string, error) {
	if i := strings.IndexFunc(tex, notInXML); i >= 0 || !utf8.ValidString(tex) {
		return "", errors.New("it has a character that is not allowed")
	}
	p := &parser{s: tex}
	xml, n, err := p.row()
	switch {
	case err != nil:
		return "", err
	case p.at < len(p.s):
		return "", fmt.Errorf("%.20q has no beginning", p.s[p.at:])
	case n == 0:
		return "", errors.New("the formula is empty")
	}
	attr := ""
	if display {
		attr = ` display="block"`
	}
	return "<math" + attr + ` alttext="` + html.EscapeString(strings.TrimSpace(tex)) + `">` + wrap(xml, n) + "</math>", nil
}

func notInXML(r rune) bool {
	return unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r' || r&0xfffe == 0xfffe
}

// parser reads a formula from left to right.
type parser struct {
	s     string
	at    int
	depth int
	font  string // command of the alphabet for letters and digits, such as mathbb; "" is the usual one
}

// node is a part of a formula.
type node struct {
	xml  string
	n    int // number of elements in xml
	kind kind
}

type kind int

const (
	ordinary kind = iota
	limits        // sub- and superscripts are below and above it
	function      // a space follows
)

func wrap(xml string, n int) string {
	if n == 1 {
		return xml
	}
	return "<mrow>" + xml + "</mrow>"
}

func element(name, text string) string {
	return "<" + name + ">" + html.EscapeString(text) + "</" + name + ">"
}

func one(xml string) node { return node{xml: xml, n: 1} }

func (p *parser) skipSpace() {
	for p.at < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.at]) >= 0 {
		p.at++
	}
}

// command returns the command at the place, such as \frac, and its length; "" for none.
func (p *parser) command() string {
	rest := p.s[p.at:]
	if len(rest) < 2 || rest[0] != '\\' {
		return ""
	}
	n := 1
	for n < len(rest) && isLetter(rest[n]) {
		n++
	}
	if n == 1 {
		_, size := utf8.DecodeRuneInString(rest[1:])
		n += size
	}
	return rest[:n]
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// row reads until something that ends a row: }, &, \\, \right, \end, or the end of the formula.
func (p *parser) row() (xml string, n int, err error) {
	if p.depth++; p.depth > maxDepth {
		return "", 0, errors.New("it is nested too deep")
	}
	defer func() { p.depth-- }()
	var b strings.Builder
	for {
		p.skipSpace()
		if p.at == len(p.s) || p.s[p.at] == '}' || p.s[p.at] == '&' {
			break
		}
		if c := p.command(); c == `\\` || c == `\right` || c == `\end` || c == `\cr` {
			break
		}
		x, err := p.scripted()
		if err != nil {
			return "", 0, err
		}
		b.WriteString(x.xml)
		n += x.n
	}
	return b.String(), n, nil
}

// scripted reads a part with its sub- and superscripts.
func (p *parser) scripted() (node, error) {
	var base node
	var err error
	if c := p.s[p.at]; c != '^' && c != '_' && c != '\'' {
		if base, err = p.part(); err != nil {
			return base, err
		}
	}
	sub, super, primes := "", "", ""
	for {
		p.skipSpace()
		if p.at == len(p.s) {
			break
		}
		c := p.s[p.at]
		if name := p.command(); name == `\limits` || name == `\nolimits` {
			p.at += len(name)
			base.kind = map[bool]kind{true: limits, false: ordinary}[name == `\limits`]
			continue
		}
		if c == '\'' && super == "" {
			primes += "′"
			p.at++
			continue
		}
		if c != '^' && c != '_' {
			break
		}
		p.at++
		script, err := p.argument()
		if err != nil {
			return base, err
		}
		switch {
		case c == '^' && super == "":
			super = script
		case c == '_' && sub == "":
			sub = script
		default:
			return base, errors.New("there are two scripts in one place")
		}
	}
	if primes != "" {
		mark := element("mo", primes)
		if super != "" {
			mark = "<mrow>" + mark + super + "</mrow>"
		}
		super = mark
	}
	if sub == "" && super == "" {
		if base.kind == function && !strings.HasPrefix(p.s[p.at:], "(") {
			base.xml += space("0.1667em")
			base.n++
		}
		return base, nil
	}
	below, above, both := "msub", "msup", "msubsup"
	if base.kind == limits {
		below, above, both = "munder", "mover", "munderover"
	}
	inner := wrap(base.xml, base.n)
	var xml string
	switch {
	case super == "":
		xml = "<" + below + ">" + inner + sub + "</" + below + ">"
	case sub == "":
		xml = "<" + above + ">" + inner + super + "</" + above + ">"
	default:
		xml = "<" + both + ">" + inner + sub + super + "</" + both + ">"
	}
	out := one(xml)
	if base.kind == function {
		out = node{xml: xml + space("0.1667em"), n: 2}
	}
	return out, nil
}

func space(width string) string { return `<mspace width="` + width + `"></mspace>` }

// argument reads what a command or a script applies to: a group or one part. It returns one element.
func (p *parser) argument() (string, error) {
	if p.depth++; p.depth > maxDepth {
		return "", errors.New("it is nested too deep")
	}
	defer func() { p.depth-- }()
	p.skipSpace()
	if p.at == len(p.s) || strings.IndexByte("}&^_'", p.s[p.at]) >= 0 {
		return "", errors.New("something is missing after a command")
	}
	if c := p.s[p.at]; c >= '0' && c <= '9' { // x^12 is x to the first, and 2
		p.at++
		return p.letters("mn", string(c)), nil
	}
	x, err := p.part()
	return wrap(x.xml, x.n), err
}

// braced reads the text of a group in braces.
func (p *parser) braced() (string, error) {
	p.skipSpace()
	if !strings.HasPrefix(p.s[p.at:], "{") {
		return "", errors.New("a brace is missing")
	}
	depth := 0
	for i := p.at; i < len(p.s); i++ {
		switch p.s[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				text := p.s[p.at+1 : i]
				p.at = i + 1
				return text, nil
			}
		}
	}
	return "", errors.New("a brace is not closed")
}

// part reads one part of a formula, without its scripts.
func (p *parser) part() (node, error) {
	c, size := utf8.DecodeRuneInString(p.s[p.at:])
	switch {
	case c == '\\':
		return p.commanded()
	case c == '{':
		p.at++
		xml, n, err := p.row()
		if err == nil && !strings.HasPrefix(p.s[p.at:], "}") {
			err = errors.New("a brace is not closed")
		}
		p.at++
		return node{xml: wrap(xml, n), n: 1}, err
	case c >= '0' && c <= '9':
		end := p.at + 1
		for end < len(p.s) && (isDigit(p.s[end]) || (p.s[end] == '.' || p.s[end] == ',') && end+1 < len(p.s) && isDigit(p.s[end+1])) {
			end++
		}
		number := p.s[p.at:end]
		p.at = end
		return one(p.letters("mn", number)), nil
	case strings.ContainsRune("#$%&}^_", c):
		return node{}, fmt.Errorf("%q has no meaning here", c)
	}
	p.at += size
	switch {
	case unicode.IsLetter(c):
		return one(p.letters("mi", string(c))), nil
	case c == '~':
		return one(element("mtext", "\u00a0")), nil
	case c == '-':
		c = '−'
	case c == '*':
		c = '∗'
	}
	if strings.ContainsRune("()[]|/", c) {
		return one(`<mo stretchy="false">` + string(c) + "</mo>"), nil
	}
	return one(element("mo", string(c))), nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// commanded reads a command and what it applies to.
func (p *parser) commanded() (node, error) {
	full := p.command()
	if full == "" {
		return node{}, errors.New("a backslash has no command")
	}
	p.at += len(full)
	name := full[1:]
	if s, ok := symbols()[name]; ok {
		return s, nil
	}
	if width, ok := spaces[name]; ok {
		return one(space(width)), nil
	}
	if mark, ok := accents[name]; ok {
		x, err := p.argument()
		if strings.HasPrefix(name, "under") {
			return node{xml: `<munder accentunder="true">` + x + element("mo", mark) + "</munder>", n: 1, kind: ifBrace(name)}, err
		}
		stretchy := ""
		if strings.IndexByte("how", name[0]) < 0 || name == "hat" {
			stretchy = ` stretchy="false"`
		}
		return node{xml: `<mover accent="true">` + x + "<mo" + stretchy + ">" + mark + "</mo></mover>", n: 1, kind: ifBrace(name)}, err
	}
	if size, ok := sizes[strings.TrimRight(name, "lrm")]; ok {
		d, err := p.delimiter()
		return one(`<mo stretchy="true" minsize="` + size + `" maxsize="` + size + `">` + d + "</mo>"), err
	}
	if _, ok := alphabets[name]; ok {
		before := p.font
		p.font = name
		x, err := p.argument()
		p.font = before
		return one(x), err
	}
	switch name {
	case "frac", "dfrac", "tfrac", "cfrac":
		return p.pair("<mfrac>", "</mfrac>", false)
	case "binom", "dbinom", "tbinom":
		x, err := p.pair(`<mfrac linethickness="0">`, "</mfrac>", false)
		return one("<mrow><mo>(</mo>" + x.xml + "<mo>)</mo></mrow>"), err
	case "overset", "stackrel":
		return p.pair("<mover>", "</mover>", true)
	case "underset":
		return p.pair("<munder>", "</munder>", true)
	case "sqrt":
		return p.root()
	case "text", "textrm", "textbf", "textit", "mbox", "textsf", "texttt":
		text, err := p.braced()
		if strings.ContainsAny(text, `\${}`) {
			return node{}, errors.New("a text has a command")
		}
		return one(element("mtext", strings.ReplaceAll(text, " ", "\u00a0"))), err
	case "operatorname":
		text, err := p.braced()
		if strings.ContainsAny(text, `\${}`) {
			return node{}, errors.New("a name has a command")
		}
		return node{xml: `<mi mathvariant="normal">` + html.EscapeString(text) + "</mi>", n: 1, kind: function}, err
	case "mathop", "mathrel", "mathbin", "mathord", "mathopen", "mathclose", "mathpunct", "mathinner":
		x, err := p.argument()
		out := one(x)
		if name == "mathop" {
			out.kind = limits
		}
		return out, err
	case "displaystyle", "textstyle", "scriptstyle":
		return node{}, nil
	case "not":
		p.skipSpace()
		if p.at == len(p.s) {
			return node{}, errors.New(`something is missing after \not`)
		}
		x, err := p.part()
		return one(strings.Replace(x.xml, "</mo>", "\u0338</mo>", 1)), err
	case "pmod":
		x, err := p.argument()
		return one(`<mrow><mo stretchy="false">(</mo><mi>mod</mi>` + space("0.3333em") + x + `<mo stretchy="false">)</mo></mrow>`), err
	case "left":
		return p.fenced()
	case "middle":
		d, err := p.delimiter()
		return one("<mo>" + d + "</mo>"), err
	case "begin":
		return p.environment()
	}
	return node{}, fmt.Errorf("%.40q is not known", full)
}

func ifBrace(name string) kind {
	if strings.HasSuffix(name, "brace") {
		return limits
	}
	return ordinary
}

// pair reads two arguments and puts them between two tags. swapped says that the first one comes second.
func (p *parser) pair(begin, end string, swapped bool) (node, error) {
	a, err := p.argument()
	if err != nil {
		return node{}, err
	}
	b, err := p.argument()
	if swapped {
		a, b = b, a
	}
	return one(begin + a + b + end), err
}

func (p *parser) root() (node, error) {
	p.skipSpace()
	if !strings.HasPrefix(p.s[p.at:], "[") {
		x, err := p.argument()
		return one("<msqrt>" + x + "</msqrt>"), err
	}
	end := strings.IndexByte(p.s[p.at:], ']')
	if end < 0 {
		return node{}, errors.New("a bracket is not closed")
	}
	degree := &parser{s: p.s[p.at+1 : p.at+end], depth: p.depth}
	xml, n, err := degree.row()
	if err == nil && degree.at < len(degree.s) {
		err = errors.New("the degree of a root cannot be read")
	}
	if err != nil {
		return node{}, err
	}
	p.at += end + 1
	x, err := p.argument()
	return one("<mroot>" + x + wrap(xml, n) + "</mroot>"), err
}

// delimiter reads what follows \left, \right or \big, as escaped text; "" for the full stop, which is none.
func (p *parser) delimiter() (string, error) {
	p.skipSpace()
	if c := p.command(); c != "" {
		if d, ok := delimiters[c[1:]]; ok {
			p.at += len(c)
			return d, nil
		}
	} else if p.at < len(p.s) && strings.IndexByte("()[]|/.<>", p.s[p.at]) >= 0 {
		p.at++
		switch c := p.s[p.at-1]; c {
		case '.':
			return "", nil
		case '<':
			return "⟨", nil
		case '>':
			return "⟩", nil
		default:
			return string(c), nil
		}
	}
	return "", errors.New("a delimiter is missing")
}

func (p *parser) fenced() (node, error) {
	open, err := p.delimiter()
	if err != nil {
		return node{}, err
	}
	xml, _, err := p.row()
	if err != nil {
		return node{}, err
	}
	if p.command() != `\right` {
		return node{}, errors.New(`\left has no \right`)
	}
	p.at += len(`\right`)
	closing, err := p.delimiter()
	return one(fence(open, "prefix", xml, closing)), err
}

// fence puts a row between two delimiters that are as high as it is.
func fence(open, form, xml, closing string) string {
	out := "<mrow>"
	if open != "" {
		out += `<mo fence="true" form="` + form + `" stretchy="true">` + open + "</mo>"
	}
	out += xml
	if closing != "" {
		out += `<mo fence="true" form="postfix" stretchy="true">` + closing + "</mo>"
	}
	return out + "</mrow>"
}

// environment reads the rows of a table until its \end.
func (p *parser) environment() (node, error) {
	name, err := p.braced()
	if err != nil {
		return node{}, err
	}
	fences, ok := environments[strings.TrimSuffix(name, "*")]
	if !ok {
		return node{}, fmt.Errorf("%.40q is not known", name)
	}
	if name == "array" { // the alignment of its columns
		if _, err := p.braced(); err != nil {
			return node{}, err
		}
	}
	align := strings.HasPrefix(name, "align") || name == "split"
	var table, cells strings.Builder
	column := 0
	for {
		xml, n, err := p.row()
		if err != nil {
			return node{}, err
		}
		class := ""
		switch {
		case name == "cases", align && column%2 == 1:
			class = ` class="math-left"`
		case align:
			class = ` class="math-right"`
		}
		cells.WriteString("<mtd" + class + ">" + wrap(xml, n) + "</mtd>")
		if strings.HasPrefix(p.s[p.at:], "&") {
			p.at++
			column++
			continue
		}
		if column > 0 || n > 0 || p.command() != `\end` { // the last row may be followed by \\
			table.WriteString("<mtr>" + cells.String() + "</mtr>")
		}
		cells.Reset()
		column = 0
		c := p.command()
		if c == `\\` || c == `\cr` {
			p.at += len(c)
			continue
		}
		if c != `\end` {
			return node{}, fmt.Errorf(`\begin{%.40s} has no \end`, name)
		}
		p.at += len(c)
		ended, err := p.braced()
		if err == nil && ended != name {
			err = fmt.Errorf(`\begin{%.40s} ends with \end{%.40s}`, name, ended)
		}
		return one(fence(fences[0], "prefix", "<mtable>"+table.String()+"</mtable>", fences[1])), err
	}
}

// letters returns an element with letters or digits in the current alphabet.
func (p *parser) letters(name, text string) string {
	a, ok := alphabets[p.font]
	if !ok {
		return element(name, text)
	}
	if p.font == "mathrm" {
		if name == "mi" {
			return `<mi mathvariant="normal">` + html.EscapeString(text) + "</mi>"
		}
		return element(name, text)
	}
	return element(name, strings.Map(func(r rune) rune {
		if i := strings.IndexRune(a.except, r); i >= 0 && r < utf8.RuneSelf {
			other, _ := utf8.DecodeRuneInString(a.except[i+1:])
			return other
		}
		switch {
		case r >= 'A' && r <= 'Z' && a.letters != 0:
			return a.letters + r - 'A'
		case r >= 'a' && r <= 'z' && a.letters != 0:
			return a.letters + 26 + r - 'a'
		case r >= '0' && r <= '9' && a.digits != 0:
			return a.digits + r - '0'
		}
		return r
	}, text))
}

// alphabet is where Unicode has the letters and digits of an alphabet for mathematics.
type alphabet struct {
	letters, digits rune   // A and 0; 0 for the usual ones
	except          string // pairs: a letter, and what stands for it
}

var alphabets = map[string]alphabet{
	"mathrm": {}, "mathit": {letters: 0x1d434, except: "hℎ"}, "mathbf": {letters: 0x1d400, digits: 0x1d7ce}, "boldsymbol": {letters: 0x1d400, digits: 0x1d7ce},
	"mathsf": {letters: 0x1d5a0, digits: 0x1d7e2}, "mathtt": {letters: 0x1d670, digits: 0x1d7f6},
	"mathbb":   {letters: 0x1d538, digits: 0x1d7d8, except: "CℂHℍNℕPℙQℚRℝZℤ"},
	"mathcal":  script,
	"mathscr":  script,
	"mathfrak": {letters: 0x1d504, except: "CℭHℌIℑRℜZℨ"},
}

var script = alphabet{letters: 0x1d49c, except: "BℬEℰFℱHℋIℐLℒMℳRℛeℯgℊoℴ"}

var spaces = map[string]string{
	",": "0.1667em", ":": "0.2222em", ">": "0.2222em", ";": "0.2778em", "!": "-0.1667em", " ": "0.25em", "\n": "0.25em", "quad": "1em", "qquad": "2em",
}

var sizes = map[string]string{"big": "1.2em", "Big": "1.8em", "bigg": "2.4em", "Bigg": "3em"}

var accents = map[string]string{
	"hat": "^", "widehat": "^", "bar": "¯", "overline": "‾", "vec": "→", "overrightarrow": "→", "dot": "˙", "ddot": "¨", "tilde": "~", "widetilde": "~",
	"check": "ˇ", "breve": "˘", "acute": "´", "grave": "`", "overbrace": "⏞", "underbrace": "⏟", "underline": "_",
}

var delimiters = map[string]string{
	"{": "{", "}": "}", "|": "‖", "lbrace": "{", "rbrace": "}", "langle": "⟨", "rangle": "⟩", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉",
	"vert": "|", "Vert": "‖", "lvert": "|", "rvert": "|", "lVert": "‖", "rVert": "‖", "backslash": `\`, "uparrow": "↑", "downarrow": "↓",
}

// environments have the delimiters around their tables.
var environments = map[string][2]string{
	"matrix": {}, "smallmatrix": {}, "array": {}, "aligned": {}, "align": {}, "alignat": {}, "split": {}, "gathered": {}, "gather": {}, "equation": {},
	"pmatrix": {"(", ")"}, "bmatrix": {"[", "]"}, "Bmatrix": {"{", "}"}, "vmatrix": {"|", "|"}, "Vmatrix": {"‖", "‖"}, "cases": {"{", ""},
}

var (
	symbolsOnce sync.Once
	allSymbols  map[string]node
)

// symbols are the commands that stand for one sign or name. They are no variable with a value, because every program that
// imports the package would have them.
func symbols() map[string]node {
	symbolsOnce.Do(func() { allSymbols = makeSymbols() })
	return allSymbols
}

func makeSymbols() map[string]node {
	all := map[string]node{}
	add := func(list, begin, end string, k kind) {
		words := strings.Fields(list)
		for i := 0; i+1 < len(words); i += 2 {
			all[words[i]] = node{xml: begin + html.EscapeString(words[i+1]) + end, n: 1, kind: k}
		}
	}
	add(letterSigns, "<mi>", "</mi>", ordinary)
	add(uprightSigns, `<mi mathvariant="normal">`, "</mi>", ordinary)
	add(operatorSigns, "<mo>", "</mo>", ordinary)
	add(largeSigns, "<mo>", "</mo>", limits)
	add(integralSigns, "<mo>", "</mo>", ordinary)
	for name, sign := range delimiters {
		all[name] = one(`<mo stretchy="false">` + sign + "</mo>")
	}
	for _, name := range strings.Fields(functions) {
		all[name] = node{xml: element("mi", name), n: 1, kind: function}
	}
	for _, name := range strings.Fields(limitFunctions) {
		all[name] = node{xml: `<mo movablelimits="true">` + name + "</mo>", n: 1, kind: limits}
	}
	return all
}

const (
	letterSigns = `alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι kappa κ lambda λ mu μ nu ν xi ξ
		omicron ο pi π varpi ϖ rho ρ varrho ϱ sigma σ varsigma ς tau τ upsilon υ phi ϕ varphi φ chi χ psi ψ omega ω ell ℓ hbar ℏ imath ı jmath ȷ wp ℘`
	uprightSigns = `Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω infty ∞ partial ∂ emptyset ∅ varnothing ∅
		Re ℜ Im ℑ aleph ℵ nabla ∇ angle ∠ degree ° ldots … dots … dotsc … triangle △ square □ blacksquare ■ top ⊤ bot ⊥ % % # # _ _ $ $`
	operatorSigns = `cdot ⋅ times × div ÷ pm ± mp ∓ ast ∗ star ⋆ circ ∘ bullet ∙ oplus ⊕ ominus ⊖ otimes ⊗ odot ⊙ wedge ∧ land ∧ vee ∨ lor ∨ cap ∩ cup ∪
		setminus ∖ le ≤ leq ≤ ge ≥ geq ≥ lt < gt > ne ≠ neq ≠ equiv ≡ approx ≈ sim ∼ simeq ≃ cong ≅ propto ∝ ll ≪ gg ≫ prec ≺ succ ≻ mid ∣ parallel ∥ perp ⊥
		in ∈ notin ∉ ni ∋ subset ⊂ supset ⊃ subseteq ⊆ supseteq ⊇ subsetneq ⊊ to → rightarrow → gets ← leftarrow ← leftrightarrow ↔ Rightarrow ⇒ implies ⟹
		Leftarrow ⇐ Leftrightarrow ⇔ iff ⟺ mapsto ↦ longrightarrow ⟶ hookrightarrow ↪ nearrow ↗ searrow ↘ forall ∀ exists ∃ nexists ∄ neg ¬ lnot ¬ vdash ⊢
		models ⊨ therefore ∴ because ∵ cdots ⋯ dotsb ⋯ vdots ⋮ ddots ⋱ colon : & & prime ′ dagger † doteq ≐ asymp ≍ lesssim ≲ gtrsim ≳ coloneqq ≔ bmod mod`
	largeSigns     = `sum ∑ prod ∏ coprod ∐ bigcup ⋃ bigcap ⋂ bigoplus ⨁ bigotimes ⨂ bigvee ⋁ bigwedge ⋀`
	integralSigns  = `int ∫ iint ∬ iiint ∭ oint ∮`
	functions      = `sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth log ln lg exp deg dim ker hom arg`
	limitFunctions = `lim max min sup inf det gcd Pr`
)
