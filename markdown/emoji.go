package markdown

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	emoji "github.com/yuin/goldmark-emoji"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// maxEmojiCode is the maximum length in bytes of an emoji code, including its colons. The
// longest existing name has about 60 bytes.
const maxEmojiCode = 100

// Emoji codes as in chats: :tada:, :+1::skin-tone-3:.
var (
	emojiCodeHere   = regexp.MustCompile(`^:([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):`)
	emojiCodeBefore = regexp.MustCompile(`:[a-z0-9_+'-]+:$`)
)

// EmojiCode returns the length in bytes of the emoji code that begins with the colon at byte i
// of s. It returns 0 if there is no code, or if the text is part of a word, as in "1:100:5" and
// "key:x:value". A code may be next to punctuation, to another code, and to letters of a script
// without spaces. After any other letter or digit it counts as a code only if its name has
// several words (:thank_you:).
//
// The work is bounded. EmojiCode does not check whether the emoji exists.
func EmojiCode(s string, i int) int {
	m := emojiCodeHere.FindStringSubmatch(s[i:min(len(s), i+maxEmojiCode)])
	if m == nil {
		return 0
	}
	end := i + len(m[0])
	after, _ := utf8.DecodeRuneInString(s[end:])
	if end < len(s) && (joinsWord(after) || after == ':' && emojiCodeHere.FindString(s[end:min(len(s), end+maxEmojiCode)]) == "") {
		return 0
	}
	before, _ := utf8.DecodeLastRuneInString(s[:i])
	switch {
	case i == 0:
	case joinsWord(before):
		if !strings.ContainsAny(m[1], "_-") {
			return 0
		}
	case before == ':':
		// The colon ends another code, or belongs to a word.
		earlier := emojiCodeBefore.FindString(s[max(0, i-maxEmojiCode):i])
		if earlier == "" {
			return 0
		}
		if first, _ := utf8.DecodeLastRuneInString(s[:i-len(earlier)]); i > len(earlier) && joinsWord(first) && !strings.ContainsAny(earlier, "_-") {
			return 0
		}
	}
	return len(m[0])
}

// joinsWord reports whether r belongs to the same word as an adjacent letter.
func joinsWord(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsDigit(r)) &&
		!unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// emojiCodes shows emoji codes as emoji, where EmojiCode finds one.
type emojiCodes struct{}

// Extend is called by goldmark.
func (emojiCodes) Extend(m goldmark.Markdown) {
	var shown []emoji.RendererOption
	if o, ok := emoji.WithRenderingMethod(emoji.Unicode).(emoji.RendererOption); ok {
		shown = append(shown, o)
	}
	m.Renderer().AddOptions(renderer.WithNodeRenderers(util.Prioritized(emoji.NewHTMLRenderer(shown...), 200)))
	m.Parser().AddOptions(parser.WithInlineParsers(util.Prioritized(emojiParser{emoji.NewParser()}, 999)))
}

// emojiParser restricts the library's parser, which accepts a code anywhere, to the codes that
// EmojiCode accepts.
type emojiParser struct{ parser.InlineParser }

// Parse is called by goldmark at every colon.
func (p emojiParser) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	_, at := block.PeekLine()
	from, to := max(0, at.Start-2*maxEmojiCode), min(len(block.Source()), at.Start+2*maxEmojiCode)
	if EmojiCode(string(block.Source()[from:to]), at.Start-from) == 0 {
		return nil
	}
	return p.InlineParser.Parse(parent, block, pc)
}
