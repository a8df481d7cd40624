// Package weekfile defines the file formats of a week for importer and publish: layouts, IDs of
// weeks and posts, and time formats.
package weekfile

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"flyleaf/qa"
)

// Format names a format that can be read.
type Format string

// The formats that Detect tells apart.
const (
	FormatJekyll  Format = "jekyll"  // YAML front matter, then Markdown
	FormatPage    Format = "page"    // the plain text of a week's web page
	FormatOutline Format = "outline" // an import as text, for correcting by hand
	FormatJSON    Format = "json"    // Flyleaf's own, see JSONFormat
)

// Placeholder texts of questions that are not shown but have replies.
const (
	WithdrawnQuestion = "(This question was withdrawn.)"
	HiddenQuestion    = "(This question was hidden.)"
	VoidQuestion      = "(This question was withdrawn: two versions of it were signed.)"
)

// Heading is the heading above the posts.
const Heading = "Questions and Answers"

// CSVHeader names the columns of WriteCSV.
var CSVHeader = []string{"week", "id", "thread", "kind", "name", "author", "time", "text", "answered", "wants"}

// ByteOrderMark tells spreadsheets that a file is UTF-8: without it Excel reads an é as
// two other letters. Text readers skip it.
const ByteOrderMark = "\xef\xbb\xbf"

// markdownPost matches the first post that publish.WriteMarkdown writes under its heading;
// no page's text has it.
var markdownPost = regexp.MustCompile(`(?m)^## ` + Heading + `\n\n> (?:\*\*.*\*\* .*asks.*:|\(This question was .*)$`)

// IsCSV reports whether s begins as publish.WriteCSV writes a week, after the byte order mark.
func IsCSV(s string) bool { return strings.HasPrefix(s, strings.Join(CSVHeader, ",")) }

// IsMarkdown reports whether publish.WriteMarkdown wrote s.
func IsMarkdown(s string) bool { return strings.HasPrefix(s, "# ") && markdownPost.MatchString(s) }

// Source names a week by what it is, its first day and title, not by the name
// its file happens to have: a copy called "page (1).md" is the same week.
func Source(format string, e *qa.Event) string {
	const limit = MaxSource
	var b strings.Builder
	if e.StartsAtMillis != 0 {
		b.WriteString(UTC(e.StartsAtMillis).Format("20060102") + "-")
	}
	b.WriteString(Hyphenated(e.Title))
	s := b.String()
	if len(s) > limit {
		sum := sha256.Sum256([]byte(s))
		cut := limit - 17
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "-" + hex.EncodeToString(sum[:8])
	}
	return format + ":" + s
}

// Hyphenated returns the letters and digits of s in lower case, with one hyphen for
// each run of anything else.
func Hyphenated(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(s) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			gap = false
			b.WriteRune(r)
			continue
		}
		gap = true
	}
	return b.String()
}

// MaxSource bounds a week's source, so that a post's source (week source + "#" + ID) fits
// schema.MaxShort.
const MaxSource = 200

// IsLocalID reports whether id identifies a post only within its week. An ID with a colon is a
// complete source.
func IsLocalID(id string) bool { return id != "" && !strings.Contains(id, ":") }

// Anchor returns the URL fragment of a post: "p-"+ID, or "p-"+hash if the ID has other characters
// than.
func Anchor(id string) string {
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' && c != '.' {
			sum := sha256.Sum256([]byte(id))
			return "p-" + hex.EncodeToString(sum[:8])
		}
	}
	return "p-" + id
}
