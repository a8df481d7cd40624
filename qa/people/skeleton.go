// Package people finds people of a week by what somebody typed, and tells names that
// look like another's.
//
// Anybody can call themselves anything, so a name is never enough to act upon: Find
// compares what names look like, not their bytes, and whoever acts does so on the one
// identity that was found, or on none. Nothing here decides whether a change is
// valid; what looks alike may change with the tables of Unicode.
package people

import (
	"strings"
	"unicode"

	"github.com/mtibben/confusables"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"flyleaf/qa"
)

// maxTyped bounds what of a text is compared, in bytes: five times the longest name.
const maxTyped = 5 * qa.MaxName

// Skeleton returns what is left of a name when all is taken away that a reader may
// overlook: two names with one skeleton can be taken for each other. It is NFKC, without
// what cannot be seen, without case, accents, spaces and punctuation, and with the
// characters that Unicode TS 39 lists as confusable replaced by one of them. i, l, 1
// and | are one letter, since a capital i is drawn like an l, and case does not count.
//
// It is for comparing, never for showing. It is "" only for a name that shows nothing.
func Skeleton(name string) string {
	if len(name) > maxTyped {
		name = strings.ToValidUTF8(name[:maxTyped], "")
	}
	fold := cases.Fold()
	s := qa.HideInvisible(norm.NFKC.String(name))
	// Twice: capitals have other doubles than small letters.
	s = fold.String(confusables.Skeleton(s))
	s = fold.String(confusables.Skeleton(s))
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 0x300 && r <= 0x36f: // accents, which NFD has set apart
			return -1
		case r == 'i':
			return 'l'
		}
		return r
	}, qa.HideInvisible(s))
	words := strings.Map(func(r rune) rune {
		if unicode.IsPunct(r) {
			return -1
		}
		return r
	}, s)
	if words == "" {
		return s // a name of nothing but punctuation, which is somebody's too
	}
	return words
}
