// Package people finds people of a week by what somebody typed, and detects look-alike names.
//
// Anybody can call themselves anything, so commands act on identities, never on names. Nothing here
// decides whether a change is valid; what looks alike may change with the tables of Unicode.
package people

import (
	"strings"
	"unicode"

	"github.com/mtibben/confusables"
	"golang.org/x/text/unicode/norm"

	"flyleaf/internal/casefold"
	"flyleaf/qa"
	"flyleaf/schema"
)

// maxTyped bounds what of a text is compared, in bytes: five times the longest name.
const maxTyped = 5 * schema.MaxName

// Skeleton returns a name without the details that a reader may overlook: two names with
// the same skeleton can be mistaken for each other. It is NFKC, without invisible characters,
// case, accents, spaces and punctuation. Characters that Unicode TS 39 lists as confusable
// are replaced by one of them, and so are some that the list does not have: letters in boxes
// and circles, small capitals, and vv, which looks like w. i, l, 1 and | are one letter, since a capital i is drawn like an l, and
// case does not count.
//
// It is for comparing, never for showing. It is "" only for a name that shows nothing.
func Skeleton(name string) string {
	if len(name) > maxTyped {
		name = strings.ToValidUTF8(name[:maxTyped], "")
	}
	s := withoutAccents(unboxed(qa.HideInvisible(name)))
	for _, folded := range []func(string) string{
		// Capitals have other doubles than small letters, so both are looked up.
		lookUp, smallCapitals.Replace, strings.ToUpper, lookUp, lookUp,
	} {
		s = folded(s)
	}
	s = strings.ReplaceAll(strings.ReplaceAll(withoutAccents(qa.HideInvisible(s)), "i", "l"), "vv", "w")
	words := strings.Map(func(r rune) rune {
		if unicode.IsPunct(r) {
			return -1
		}
		return r
	}, s)
	if words == "" {
		return s // a name may consist of punctuation only
	}
	return words
}

func lookUp(s string) string { return casefold.String(confusables.Skeleton(s)) }

// unboxed is NFKC, with ordinary letters also for those in boxes and circles for which
// NFKC has none, flags among them.
func unboxed(name string) string {
	return norm.NFKC.String(strings.Map(func(r rune) rune {
		for _, a := range [...]rune{0x1f150, 0x1f170, 0x1f1e6} { // negative circled, negative squared, regional indicators
			if r >= a && r < a+26 {
				return 'A' + r - a
			}
		}
		return r
	}, name))
}

// smallCapitals are letters for the small capitals, which TS 39 also puts in place of
// Cyrillic letters of that look.
var smallCapitals = func() *strings.Replacer {
	var pairs []string
	plain := []rune("abcdefghijklmnopqrstuvwyzm")
	for i, r := range []rune("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢʍ") {
		pairs = append(pairs, string(r), string(plain[i]))
	}
	return strings.NewReplacer(pairs...)
}()

// withoutAccents removes accents and enclosing marks: script-neutral marks everywhere, and all
// marks on Latin letters. Elsewhere a mark can be a vowel, or make another letter.
func withoutAccents(s string) string {
	latin, out := false, strings.Builder{}
	for _, r := range norm.NFD.String(s) {
		switch {
		case !unicode.IsMark(r):
			latin = unicode.Is(unicode.Latin, r)
		case latin, unicode.Is(unicode.Me, r), unicode.Is(unicode.Inherited, r) && r != 0x3099 && r != 0x309a: // the voicing marks of kana
			continue
		}
		out.WriteRune(r)
	}
	if out.Len() == 0 {
		return s
	}
	return out.String()
}
