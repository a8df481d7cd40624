package slack

import (
	"regexp"
	"strings"
	"sync"

	"github.com/kyokomi/emoji/v2"
)

// codes maps the names of emoji, between colons, to emoji.
var codes = sync.OnceValue(emoji.CodeMap)

// extraEmoji maps Slack names that the library lacks.
var extraEmoji = map[string]string{
	"simple_smile": "🙂", "grinning_face_with_star_eyes": "🤩", "hand": "✋", "man-woman-boy": "👪", "flag-england": "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
}

var flagCode = regexp.MustCompile(`^flag-([a-z])([a-z])$`)

// tones are the skin tones with Slack's numbers 2 to 6.
var tones = []string{"🏻", "🏼", "🏽", "🏾", "🏿"}

// unicodeEmoji returns the emoji that Slack calls by a name, without the outer colons: thumbsup,
// +1::skin-tone-3, flag-de. It returns false for a custom emoji of the workspace.
func unicodeEmoji(name string) (string, bool) {
	base, tone, toned := strings.Cut(name, "::skin-tone-")
	e := extraEmoji[base]
	if m := flagCode.FindStringSubmatch(base); e == "" && m != nil {
		const a = '🇦'
		e = string([]rune{a + rune(m[1][0]-'a'), a + rune(m[2][0]-'a')})
	}
	for _, try := range []string{base, strings.ReplaceAll(base, "-", "_"), libraryName(base)} {
		if e == "" {
			e = strings.TrimSpace(codes()[":"+try+":"])
		}
	}
	if e == "" {
		return "", false
	}
	if toned {
		if len(tone) != 1 || tone[0] < '2' || tone[0] > '6' {
			return "", false
		}
		// The tone comes after the person, and before a joiner.
		r := []rune(e)
		rest := strings.TrimPrefix(string(r[1:]), "\ufe0f")
		e = string(r[0]) + tones[tone[0]-'2'] + rest
	}
	return e, true
}

// libraryName writes names such as male-teacher and female-teacher as the library does.
func libraryName(name string) string {
	for from, to := range map[string]string{"male-": "man_", "female-": "woman_"} {
		if rest, ok := strings.CutPrefix(name, from); ok {
			return to + strings.ReplaceAll(rest, "-", "_")
		}
	}
	return name
}

// emojiOr returns the emoji of a name, or the name between colons.
func emojiOr(name string) string {
	if e, ok := unicodeEmoji(name); ok {
		return e
	}
	return ":" + oneLine(name) + ":"
}
