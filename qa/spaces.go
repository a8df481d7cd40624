package qa

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// PlainSpaces replaces each kind of space that a browser copies (no-break, thin, of fixed width) with
// an ASCII space, and removes zero-width characters, soft hyphens, and spaces at both ends. It is for one
// line: in text that is not ASCII, a line break becomes a space, too.
func PlainSpaces(s string) string {
	ascii := true
	for i := range len(s) {
		ascii = ascii && s[i] < utf8.RuneSelf
	}
	if ascii {
		return strings.TrimSpace(s)
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\u200b' || r == '\u2060' || r == '\ufeff' || r == '\u00ad':
			return -1
		case r == '\t':
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, s))
}
