package storage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"flyleaf/internal/casefold"
	"flyleaf/internal/smallsort"
	"flyleaf/picture"
	"flyleaf/qa"
)

// MaxQuery and MaxQueryWords bound a search; the rest of the query is ignored.
const (
	MaxQuery      = 1000 // bytes
	MaxQueryWords = 20   // words, or runs of a script without spaces
)

// Words splits text into the words that search compares: runs of letters, digits and their
// marks, without case and accents, in one spelling of each character (NFKD). Each character
// of a script without spaces is a word, and so is each pictograph, under a name made of
// letters. Plus and hash signs at the end of a word are part of it (C++, C#). All other
// characters separate words.
//
// After these words follow alternative ones under which the text is also found: words joined
// by a hyphen, dot or apostrophe as one word (e-mail: email), and the parts of names as
// programmers write them (NewWeek: new, week).
func Words(text string) []string {
	var words, alternatives []string
	tokens := tokenize(text)
	for i := 0; i < len(tokens); {
		n := i + 1
		for n < len(tokens) && tokens[n].link == linkJoins {
			n++
		}
		if n > i+1 {
			alternatives = append(alternatives, joinWords(tokens[i:n]))
		}
		for ; i < n; i++ {
			words = append(words, tokens[i].word)
			alternatives = append(alternatives, tokens[i].parts...)
		}
	}
	return append(words, alternatives...)
}

// Phrase is a sequence of words; the last one matches as a prefix.
type Phrase []string

// Term is a list of alternatives: a text matches if it contains any of the phrases.
type Term []Phrase

// Terms returns the terms of a query. A text has to match all of them. At most MaxQuery bytes
// of the query are read, and at most MaxQueryWords terms are returned.
func Terms(query string) []Term {
	if len(query) > MaxQuery {
		query = strings.ToValidUTF8(query[:MaxQuery], "")
	}
	var terms []Term
	tokens := tokenize(query)
	for i := 0; i < len(tokens) && len(terms) < MaxQueryWords; {
		var p Phrase
		joins := true
		n := i
		for ; n < len(tokens) && (n == i || tokens[n].link != linkNone); n++ {
			p = append(p, tokens[n].word)
			joins = joins && (n == i || tokens[n].link == linkJoins)
		}
		t := Term{p}
		if joins && len(p) > 1 {
			t = append(t, Phrase{joinWords(tokens[i:n])})
		}
		terms = append(terms, t)
		i = n
	}
	return terms
}

// How a word is connected to the previous word.
const (
	linkNone  = iota
	linkNext  // it follows directly: the next character of a script without spaces, or after _ / @
	linkJoins // it is joined by a hyphen, dot or apostrophe
)

type token struct {
	word  string
	link  int
	parts []string // of a name such as NewWeek
}

func joinWords(tokens []token) string {
	var b strings.Builder
	for i := range tokens {
		b.WriteString(tokens[i].word)
	}
	return b.String()
}

// isWordByItself reports whether a character counts as a word: its script has no spaces
// between words, so a match may begin at any character.
func isWordByItself(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan)
}

// plainLetters replaces letters that NFKD does not decompose but that people type without
// their mark.
var plainLetters = strings.NewReplacer("ł", "l", "đ", "d", "ø", "o", "ħ", "h", "ŧ", "t", "ı", "i", "æ", "ae", "œ", "oe")

// Private-use characters, which texts do not normally contain.
const (
	plusSign   = "\ue000"
	hashSign   = "\ue001"
	pictograph = "\ue002" // followed by the pictograph's code point in hex
)

// tokenize splits a text into words, with the way in which each is connected to the last.
func tokenize(text string) []token {
	var out []token
	var word, sep []rune               // the current word, and the characters between it and the last
	single, lastSingle := false, false // whether the current and the last word are characters that are words
	link := func() int {
		switch {
		case len(out) == 0 || len(sep) > 1:
		case len(sep) == 0:
			return linkNext
		case strings.ContainsRune("-.'’‐‑", sep[0]):
			if single || lastSingle {
				return linkNext
			}
			return linkJoins
		case strings.ContainsRune("_/@", sep[0]):
			return linkNext
		}
		return linkNone
	}
	add := func(s string, parts ...string) {
		out = append(out, token{s, link(), parts})
		sep = sep[:0]
		lastSingle, single = single, false
	}
	flush := func() {
		if len(word) == 0 {
			return
		}
		s := fold(word)
		var parts []string
		begin := 0
		for i := 1; i < len(word); i++ {
			if unicode.IsUpper(word[i]) && unicode.Is(unicode.Latin, word[i]) && (unicode.IsLower(word[i-1]) || i+1 < len(word) && unicode.IsUpper(word[i-1]) && unicode.IsLower(word[i+1])) {
				parts = append(parts, fold(word[begin:i]))
				begin = i
			}
		}
		if begin > 0 {
			parts = append(parts, fold(word[begin:]))
		}
		word = word[:0]
		if s != "" {
			add(s, parts...)
		}
	}
	runes := []rune(norm.NFKD.String(text))
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case r <= unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsNumber(r)): // most are; the tables of the other cases are slow
			word = append(word, r)
		case unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Sk, r): // invisible, or a modifier
		case isWordByItself(r) && !unicode.IsMark(r) && (unicode.IsLetter(r) || unicode.IsNumber(r)):
			flush()
			one := []rune{r}
			for i+1 < len(runes) && unicode.IsMark(runes[i+1]) {
				i++
				one = append(one, runes[i])
			}
			single = true
			add(fold(one))
		case unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Co, r):
			word = append(word, r)
		case unicode.IsMark(r):
			if len(word) > 0 {
				word = append(word, r)
			}
		case (r == '+' || r == '#') && len(word) > 0:
			n := i
			for n < len(runes) && runes[n] == r {
				n++
			}
			if n == len(runes) || !unicode.IsLetter(runes[n]) && !unicode.IsNumber(runes[n]) {
				sign := []rune(map[rune]string{'+': plusSign, '#': hashSign}[r])
				for ; i < n; i++ {
					word = append(word, sign...)
				}
				i--
				continue
			}
			flush()
			sep = append(sep, r)
		case unicode.Is(unicode.So, r) && r != unicode.ReplacementChar:
			flush()
			sep = append(sep, ' ') // two spaces: a pictograph is connected to no other word
			sep = append(sep, ' ')
			single = true
			add(fmt.Sprintf("%s%06x", pictograph, r))
			sep = append(sep, ' ')
			sep = append(sep, ' ')
		default:
			flush()
			if len(sep) < 2 {
				sep = append(sep, r)
			}
		}
	}
	flush()
	return out
}

// fold removes case and accents from a decomposed word. It keeps marks that are more than
// accents, such as vowel signs in Indian scripts.
func fold(word []rune) string {
	s := string(word)
	if !slices.ContainsFunc(word, func(r rune) bool { return r > unicode.MaxASCII }) {
		return strings.ToLower(s)
	}
	s = norm.NFKD.String(strings.ToLower(casefold.String(s))) // folding may compose characters, so decompose again
	return plainLetters.Replace(strings.Map(func(r rune) rune {
		if r >= 0x300 && r <= 0x36f {
			return -1
		}
		return r
	}, s))
}

// SearchText returns the text under which a post is found: all versions that are shown, so both
// of two concurrent edits are found.
func SearchText(p *qa.Post) string {
	versions := p.Versions()
	if len(versions) == 0 {
		return p.Words()
	}
	texts := make([]string, len(versions))
	for i, r := range versions {
		texts[i] = picture.Words(r.Text)
	}
	return strings.Join(texts, "\n")
}

// Score rates a match: number of hits divided by the number of words. It is 0 when a term is
// missing, or when there are no terms.
func Score(words []string, terms []Term) float64 {
	total := 0
	for _, term := range terms {
		n := 0
		for at := range words {
			for _, phrase := range term {
				if startsWith(words[at:], phrase) {
					n++
				}
			}
		}
		if n == 0 {
			return 0
		}
		total += n
	}
	if total == 0 {
		return 0
	}
	return float64(total) / float64(len(words))
}

// Hits collects the matches of a search, for stores without an index that ranks them.
type Hits []scoredHit

type scoredHit struct {
	SearchHit
	score float64
}

// Add adds a post, unless its Score is 0.
func (h *Hits) Add(hit SearchHit, score float64) {
	if score > 0 {
		*h = append(*h, scoredHit{hit, score})
	}
}

// Best returns the posts with the highest scores, the best first, at most limit.
func (h Hits) Best(limit int) (found []SearchHit) {
	smallsort.Func(h, func(a, b scoredHit) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.Post, b.Post), cmp.Compare(a.Event, b.Event))
	})
	for _, hit := range h[:max(0, min(limit, len(h)))] {
		found = append(found, hit.SearchHit)
	}
	return found
}

// startsWith reports whether words begin with a phrase. The last word of the phrase may be a
// prefix.
func startsWith(words []string, phrase Phrase) bool {
	last := len(phrase) - 1
	return len(words) > last && slices.Equal(words[:last], phrase[:last]) && strings.HasPrefix(words[last], phrase[last])
}
