package markdown

import (
	"bytes"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/util"
)

// Highlighting of code whose language is named ("```go"). It knows comments, strings, numbers and keywords of most
// languages, not their grammar, and needs time in proportion to the text.

// maxString is the length of the longest string that is highlighted, in bytes. Without a bound, a text of quotes that never
// end would be read again from each of them.
const maxString = 4096

// syntax says how a language writes comments and strings.
type syntax struct {
	line   []string  // begin a comment that ends with the line
	block  [2]string // begin and end a longer comment; "" for none
	quotes string    // delimit strings
	spans  string    // of quotes: their strings may have several lines
	upper  bool      // keywords may be in upper case
	noted  bool      // has keywords
}

var (
	likeC   = syntax{line: []string{"//"}, block: [2]string{"/*", "*/"}, quotes: `"'`, noted: true}
	likeGo  = syntax{line: []string{"//"}, block: [2]string{"/*", "*/"}, quotes: "\"'`", spans: "`", noted: true}
	likeSh  = syntax{line: []string{"#"}, quotes: `"'`, spans: `"'`, noted: true}
	likePy  = syntax{line: []string{"#"}, quotes: `"'`, noted: true}
	likeSQL = syntax{line: []string{"--"}, block: [2]string{"/*", "*/"}, quotes: `"'`, upper: true, noted: true}
	likeXML = syntax{block: [2]string{"<!--", "-->"}, quotes: `"`, spans: `"`}
	likeCSS = syntax{block: [2]string{"/*", "*/"}, quotes: `"'`}
	likeTeX = syntax{line: []string{"%"}}
	likeML  = syntax{line: []string{"--"}, block: [2]string{"{-", "-}"}, quotes: `"`, noted: true}
	likeLsp = syntax{line: []string{";"}, quotes: `"`, spans: `"`, noted: true}
	likeINI = syntax{line: []string{"#", ";"}, quotes: `"'`, noted: true}
	likeRs  = syntax{line: []string{"//"}, block: [2]string{"/*", "*/"}, quotes: `"`, spans: `"`, noted: true} // ' begins a lifetime
	likePHP = syntax{line: []string{"//", "#"}, block: [2]string{"/*", "*/"}, quotes: `"'`, spans: `"'`, noted: true}
)

// syntaxes are the languages by the names that people write after "```".
var syntaxes = func() map[string]*syntax {
	out := map[string]*syntax{}
	for names, s := range map[string]*syntax{
		"c h cc cpp c++ cxx hpp cs csharp c# java kotlin kt scala swift dart zig groovy proto protobuf objc solidity json json5 jsonc": &likeC,
		"go golang js javascript jsx mjs ts typescript tsx":                                                                            &likeGo,
		"sh bash zsh shell console fish make makefile dockerfile docker perl pl":                                                       &likeSh,
		"py python python3 rb ruby r julia jl elixir ex nim awk graphql gd":                                                            &likePy,
		"sql psql mysql sqlite plsql ada vhdl":                                                                                         &likeSQL,
		"html xml svg xhtml vue svelte":                                                                                                &likeXML,
		"css scss less":                                                                                                                &likeCSS,
		"tex latex erlang erl matlab octave prolog":                                                                                    &likeTeX,
		"haskell hs elm purescript lua":                                                                                                &likeML,
		"lisp clj clojure scheme racket el elisp asm nasm":                                                                             &likeLsp,
		"yaml yml toml ini conf cfg properties nix hcl terraform tf":                                                                   &likeINI,
		"rust rs": &likeRs,
		"php":     &likePHP,
	} {
		for name := range strings.FieldsSeq(names) {
			out[name] = s
		}
	}
	return out
}()

// keywords of all languages together: a word that one of them has is rarely used in another for something else.
var keywords = func() map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(`
		abstract and as assert async await begin bool boolean break byte case catch chan char class const continue
		def default defer del delete do done double elif else elsif end enum esac except export extends extern
		false final finally float fn for foreach from func function global go goto if impl implements import in
		include inline instanceof int interface is lambda let local long loop match mod module move mut namespace
		new nil not null object of or override package pass private protected pub public raise range ref require
		return self short signed sizeof static string struct super switch template then this throw throws trait
		true try type typedef typeof undefined union unless unsigned until use using val var virtual void volatile
		when where while with yield None True False
		select insert update into values create table drop alter join left right inner outer on group order by
		having limit offset distinct set primary key references index view exists between like count`) {
		out[w] = true
	}
	return out
}()

// onlySQL are the keywords that are common words in other languages.
var onlySQL = func() map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(`select insert update into values create table drop alter join left right inner outer on group
		order by having limit offset distinct set primary key references index view exists between like count`) {
		out[w] = true
	}
	return out
}()

// renderFenced renders a block of code between fences.
func renderFenced(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	block := n.(*ast.FencedCodeBlock)
	if html, ok := block.Attribute(formulaHTML); ok {
		if b, ok := html.([]byte); ok && entering {
			_, _ = w.Write(b)
		}
		return ast.WalkSkipChildren, nil
	}
	if !entering {
		_, _ = w.WriteString("</code></pre>\n")
		return ast.WalkContinue, nil
	}
	language := block.Language(source)
	_, _ = w.WriteString("<pre><code")
	if language != nil {
		_, _ = w.WriteString(` class="language-`)
		_, _ = w.Write(util.EscapeHTML(language))
		_, _ = w.WriteString(`"`)
	}
	_, _ = w.WriteString(">")
	code := block.Lines().Value(source)
	if s := syntaxes[strings.ToLower(string(language))]; s != nil {
		s.highlight(w, code)
	} else {
		_, _ = w.Write(util.EscapeHTML(code))
	}
	return ast.WalkContinue, nil
}

// highlight writes code as HTML.
func (s *syntax) highlight(w util.BufWriter, code []byte) {
	plain := 0 // where what is not highlighted begins
	span := func(class string, from, to int) {
		_, _ = w.Write(util.EscapeHTML(code[plain:from]))
		_, _ = w.WriteString(`<span class="hl-` + class + `">`)
		_, _ = w.Write(util.EscapeHTML(code[from:to]))
		_, _ = w.WriteString("</span>")
		plain = to
	}
	for i := 0; i < len(code); {
		class, end := s.token(code, i)
		if class != "" {
			span(class, i, end)
		}
		i = end
	}
	_, _ = w.Write(util.EscapeHTML(code[plain:]))
}

// token returns the class of what begins at i, "" for plain text, and where that ends.
func (s *syntax) token(code []byte, i int) (class string, end int) {
	rest, c := code[i:], code[i]
	switch {
	case s.block[0] != "" && bytes.HasPrefix(rest, []byte(s.block[0])):
		n := bytes.Index(rest[len(s.block[0]):], []byte(s.block[1]))
		if n < 0 {
			return "comment", len(code)
		}
		return "comment", i + len(s.block[0]) + n + len(s.block[1])
	case s.startsLine(code, i):
		return "comment", i + lineLength(rest)
	case strings.IndexByte(s.quotes, c) >= 0:
		if n := s.stringLength(rest); n > 0 && (c != '\'' || i == 0 || !isWord(code[i-1])) {
			return "string", i + n
		}
		return "", i + 1
	case '0' <= c && c <= '9':
		n := 1
		for n < len(rest) && (isWord(rest[n]) || rest[n] == '.' && n+1 < len(rest) && isDigit(rest[n+1])) {
			n++
		}
		return "number", i + n
	case isWord(c):
		n := 1
		for n < len(rest) && isWord(rest[n]) {
			n++
		}
		if s.isKeyword(string(rest[:n])) {
			return "keyword", i + n
		}
		return "", i + n
	}
	return "", i + 1
}

// startsLine reports whether a comment that ends with the line begins at i. A "#" or ";" within a word begins none.
func (s *syntax) startsLine(code []byte, i int) bool {
	for _, mark := range s.line {
		if bytes.HasPrefix(code[i:], []byte(mark)) && (len(mark) > 1 || i == 0 || code[i-1] == ' ' || code[i-1] == '\t' || code[i-1] == '\n') {
			return true
		}
	}
	return false
}

func lineLength(b []byte) int {
	if n := bytes.IndexByte(b, '\n'); n >= 0 {
		return n
	}
	return len(b)
}

// stringLength returns the length of the string that b begins with, 0 if it does not end where it must.
func (s *syntax) stringLength(b []byte) int {
	quote, lines := b[0], strings.IndexByte(s.spans, b[0]) >= 0
	for i := 1; i < min(len(b), maxString); i++ {
		switch {
		case b[i] == '\\' && quote != '`':
			i++
		case b[i] == quote:
			return i + 1
		case b[i] == '\n' && !lines:
			return 0
		}
	}
	return 0
}

func (s *syntax) isKeyword(word string) bool {
	switch {
	case !s.noted:
		return false
	case s.upper:
		return keywords[strings.ToLower(word)]
	}
	return keywords[word] && !onlySQL[word]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWord(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}
