package qa

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// This file decides what a valid text is.
//
// There are two kinds. A text can have line breaks: posts, descriptions, reasons, people's descriptions of
// themselves. A line cannot: names, titles, authors, tags, addresses, the texts of links. Both are valid
// UTF-8 without control characters, bidirectional control characters and noncharacters. Both are either
// empty or have a visible character.
//
// The result depends only on the bytes and on the tables in this file, because the policy uses it to decide
// which changes are valid. The tables may never change for existing events. So no library is used, which
// might follow a later version of Unicode.

// The reasons why a text is refused; FieldError says in which field.
var (
	// ErrCharacter is returned for a character that no text, or no line, may hold.
	ErrCharacter = errors.New("contains a character that is not allowed")
	// ErrInvisible is returned for a text that is not empty and shows nothing.
	ErrInvisible = errors.New("has no visible characters")
)

// IsText reports whether s is valid multi-line text.
func IsText(s string) bool { return CheckText(s) == nil }

// IsLine reports whether s is a valid single line.
func IsLine(s string) bool { return CheckLine(s) == nil }

// CheckText says why s is not a valid multi-line text: an error that wraps ErrNotUTF8, ErrCharacter or
// ErrInvisible; nil when it is one.
func CheckText(s string) error { return check(s, false) }

// CheckLine says why s is not a valid single line: an error that wraps ErrNotUTF8, ErrCharacter or
// ErrInvisible; nil when it is one.
func CheckLine(s string) error { return check(s, true) }

func check(s string, line bool) error {
	if isVisibleASCII(s, line) {
		return nil
	}
	visible := s == ""
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return ErrNotUTF8
			}
		}
		if !allowed(r, line) {
			return fmt.Errorf("%w: %s, character %d. Take it out, or paste the text without its formatting", ErrCharacter, characterName(r), utf8.RuneCountInString(s[:i])+1)
		}
		visible = visible || !invisible(r) && !attached(r)
	}
	if !visible {
		return ErrInvisible
	}
	return nil
}

// LineEnds replaces the line ends of web forms and of other systems' files (\r\n and \r) by \n.
func LineEnds(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// CleanText turns any string into a valid text, for display and for imports. It replaces line breaks by
// \n and invalid UTF-8 by U+FFFD, and removes characters that are not allowed. A string without visible
// characters becomes "". Valid text is returned unchanged.
func CleanText(s string) string { return clean(s, false) }

// CleanLine turns any string into a valid line, like CleanText. Line breaks and tabs become spaces. A
// valid line is returned unchanged.
func CleanLine(s string) string { return clean(s, true) }

func clean(s string, line bool) string {
	if check(s, line) == nil {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	visible := false
	for i, r := range s {
		switch r {
		case '\r':
			if i+1 < len(s) && s[i+1] == '\n' {
				continue // the \n comes next
			}
			r = '\n'
		case '\v', '\f', 0x85:
			r = '\n'
		}
		if line && (r == '\n' || r == '\t' || r == 0x2028 || r == 0x2029) {
			r = ' '
		}
		if !allowed(r, line) {
			continue
		}
		visible = visible || !invisible(r) && !attached(r)
		b.WriteRune(r) // of a byte that is not UTF-8: U+FFFD
	}
	if !visible {
		return ""
	}
	return b.String()
}

// isVisibleASCII reports whether s is valid ASCII text, and empty or with a visible character. Most texts
// are, and need no further check.
func isVisibleASCII(s string, line bool) bool {
	visible := s == ""
	for i := range len(s) {
		c := s[i]
		if c < ' ' && (line || c != '\n' && c != '\t') || c >= 0x7f {
			return false
		}
		visible = visible || c > ' '
	}
	return visible
}

// allowed reports whether a text, or a line, may contain a character.
func allowed(r rune, line bool) bool {
	switch {
	case r < 0x20:
		return !line && (r == '\n' || r == '\t')
	case r < 0x7f:
		return true
	case r < 0xa0: // DEL and C1
		return false
	case r == 0x200e, r == 0x200f, r == 0x061c:
		// Marks of a direction act like an invisible letter. Hebrew and Arabic prose
		// needs them, and there they reach no further than their paragraph.
		return !line
	case r == 0x2028, r == 0x2029: // line and paragraph separator
		return !line
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x206f:
		return false // embeddings, overrides, isolates, and the deprecated controls
	case r >= 0xfdd0 && r <= 0xfdef, r&0xfffe == 0xfffe:
		return false // noncharacters
	}
	return true
}

// invisibleRanges are the characters that show nothing by themselves, ascending: white
// space, what Unicode 17 calls default ignorable, and the blanks that are neither.
var invisibleRanges = [...][2]rune{
	{0x00, 0x20},
	{0x7f, 0xa0},
	{0xad, 0xad},
	{0x034f, 0x034f},
	{0x061c, 0x061c},
	{0x115f, 0x1160},
	{0x1680, 0x1680},
	{0x17b4, 0x17b5},
	{0x180b, 0x180f},
	{0x2000, 0x200f},
	{0x2028, 0x202f},
	{0x205f, 0x206f},
	{0x2800, 0x2800},
	{0x3000, 0x3000},
	{0x3164, 0x3164},
	{0xfe00, 0xfe0f},
	{0xfeff, 0xfeff},
	{0xffa0, 0xffa0},
	{0xfff0, 0xfffb},
	{0x13430, 0x1345f},
	{0x1bca0, 0x1bca3},
	{0x1d159, 0x1d159},
	{0x1d173, 0x1d17a},
	{0xe0000, 0xe0fff},
}

// invisible reports whether a character shows nothing by itself.
func invisible(r rune) bool {
	if r > ' ' && r < 0x7f {
		return false
	}
	return inRanges(invisibleRanges[:], r)
}

// attachedRanges are the blocks, ascending, of marks that belong to no script and are drawn on
// the character before. Alone they would be drawn on what the page has before the text.
var attachedRanges = [...][2]rune{
	{0x0300, 0x036f},
	{0x0483, 0x0489},
	{0x1ab0, 0x1aff},
	{0x1dc0, 0x1dff},
	{0x20d0, 0x20ff},
	{0x302a, 0x302f},
	{0x3099, 0x309a},
	{0xfe20, 0xfe2f},
}

// attached reports whether a character is drawn on the preceding character.
func attached(r rune) bool { return inRanges(attachedRanges[:], r) }

// inRanges reports whether r is in one of the ranges, which ascend.
func inRanges(ranges [][2]rune, r rune) bool {
	for _, of := range ranges {
		if r <= of[1] {
			return r >= of[0]
		}
	}
	return false
}

// HideInvisible returns s without the characters that show nothing by themselves,
// ordinary spaces included.
func HideInvisible(s string) string {
	return strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, s)
}

// characterName names a character for a person who cannot see it.
func characterName(r rune) string {
	name := ""
	switch {
	case r == 0:
		name = "NUL"
	case r == '\n', r == '\r', r == 0x85, r == 0x2028, r == 0x2029:
		name = "a line break"
	case r == '\t':
		name = "a tab"
	case r < 0x20, r >= 0x7f && r < 0xa0:
		name = "a control character"
	case r >= 0xfdd0 && r <= 0xfdef, r&0xfffe == 0xfffe:
		name = "a code point that stands for no character"
	default:
		name = "an invisible character that turns the direction of the text around it"
	}
	return fmt.Sprintf("%s (U+%04X)", name, r)
}
