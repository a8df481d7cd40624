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

// Format is the name of a format that can be imported.
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

// ByteOrderMark tells spreadsheets that a file is UTF-8. Without it Excel shows other characters
// for an é. Text readers skip it.
const ByteOrderMark = "\xef\xbb\xbf"

// markdownPost matches the first post under the heading in a file that publish.WriteMarkdown
// wrote. The plain text of a web page does not match.
var markdownPost = regexp.MustCompile(`(?m)^## ` + Heading + `\n\n> (?:\*\*.*\*\* .*asks.*:|\(This question was .*)$`)

// IsCSV reports whether s, without its byte order mark, begins like a file that publish.WriteCSV
// wrote.
func IsCSV(s string) bool { return strings.HasPrefix(s, strings.Join(CSVHeader, ",")) }

// IsMarkdown reports whether publish.WriteMarkdown wrote s.
func IsMarkdown(s string) bool { return strings.HasPrefix(s, "# ") && markdownPost.MatchString(s) }

// Source returns the source of a week, derived from its first day and title. It does not depend on
// the file's name, so a copy called "page (1).md" has the same source.
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

// Hyphenated returns the letters and digits of s in lower case, with one hyphen for each run of
// other characters between them.
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

// Anchor returns the URL fragment of a post: "p-"+ID, or "p-"+hash if the ID has characters other
// than ASCII letters, digits, "-", "_" and ".".
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
