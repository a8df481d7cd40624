package storage

import (
	"slices"
	"strings"
	"unicode"
)

// Segment is a part of a text. Hit says that it is a word for which the text is found.
type Segment struct {
	Text string `json:"text"`
	Hit  bool   `json:"hit,omitempty"`
}

// Highlight splits a text into segments, so that each word that matches a query is a segment of its own, whole. Of a query for
// several words in a row, each of these words counts wherever it is.
func Highlight(text, query string) []Segment {
	var exact, prefixes []string
	for _, term := range Terms(query) {
		for _, phrase := range term {
			exact = append(exact, phrase[:len(phrase)-1]...)
			prefixes = append(prefixes, phrase[len(phrase)-1])
		}
	}
	isHit := func(run string) bool {
		return slices.ContainsFunc(Words(run), func(word string) bool {
			return slices.Contains(exact, word) || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(word, p) })
		})
	}
	var out []Segment
	add := func(s string, hit bool) {
		if n := len(out); n > 0 && out[n-1].Hit == hit && !hit {
			out[n-1].Text += s
		} else if s != "" {
			out = append(out, Segment{s, hit})
		}
	}
	runes := []rune(text)
	for i := 0; i < len(runes); {
		n := i + 1
		if inWord(runes[i]) && !isWordByItself(runes[i]) {
			for n < len(runes) && inWord(runes[n]) && !isWordByItself(runes[n]) {
				n++
			}
			for n < len(runes) && (runes[n] == '+' || runes[n] == '#') {
				n++
			}
		}
		for n < len(runes) && unicode.IsMark(runes[n]) {
			n++
		}
		run := string(runes[i:n])
		add(run, len(prefixes) > 0 && isHit(run))
		i = n
	}
	return out
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) }
