package storage

import (
	"strings"
	"unicode"

	"flyleaf/qa"
)

// MaxQuery and MaxQueryWords bound a search; what is beyond them is not read.
const (
	MaxQuery      = 1000 // bytes
	MaxQueryWords = 20
)

// Words cuts text into the words that search compares: runs of letters, digits
// and the marks on them, in lower case. A character of a script that writes
// without spaces is a word of its own. Everything else separates.
func Words(text string) []string {
	var words []string
	start := -1
	flush := func(end int) {
		if start >= 0 {
			words = append(words, text[start:end])
			start = -1
		}
	}
	text = strings.ToLower(text)
	for i, r := range text {
		switch {
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana):
			flush(i)
			words = append(words, string(r))
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			if start < 0 {
				start = i
			}
		case unicode.IsMark(r) && start >= 0:
		default:
			flush(i)
		}
	}
	flush(len(text))
	return words
}

// QueryWords is Words of a query, within MaxQuery and MaxQueryWords.
func QueryWords(query string) []string {
	if len(query) > MaxQuery {
		query = strings.ToValidUTF8(query[:MaxQuery], "")
	}
	words := Words(query)
	return words[:min(len(words), MaxQueryWords)]
}

// SearchText returns what search looks through for a post: all texts that are
// shown, so that neither of two concurrent edits is lost to it.
func SearchText(p *qa.Post) string {
	versions := p.Versions()
	if len(versions) == 0 {
		return p.Text()
	}
	texts := make([]string, len(versions))
	for i, r := range versions {
		texts[i] = r.Text
	}
	return strings.Join(texts, "\n")
}
