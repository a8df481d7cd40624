package slack

import (
	"regexp"
	"slices"
	"strings"

	"flyleaf/qa"
)

// What announcements of a channel look like, in Markdown. A greeting alone makes
// none: readers greet too, and then ask.
var (
	bookOf  = regexp.MustCompile(`(?i)\bbook of (?:this|the) week\b(?:\W{0,4}(?:is|:)|\W{0,4}(?:on|for) )`)
	winners = regexp.MustCompile(`(?i)\b(?:the )?lucky winners?\b|\bsend (?:me|us) your e-?mails? (?:in|by|via) (?:a )?(?:dm|direct message)|\bwinners? (?:of|for) (?:this|the) week(?:['’]s)? (?:book|event)?|\bcongratulations to (?:the|our) winners\b`)
	hello   = regexp.MustCompile(`(?i)^\W*(?:hello|hi|hey|good (?:morning|afternoon|evening)),? (?:everyone|everybody|all|folks|team)\b`)
	toAll   = regexp.MustCompile(`(?:^|\s)@(?:channel|here|everyone)\b`)
)

func announcesBook(words string) bool { return bookOf.MatchString(words) }

// announcement says what kind of announcement a message is, "" for none.
func announcement(words string) string {
	switch {
	case winners.MatchString(words):
		return "it looks like an announcement of winners"
	case announcesBook(words) && (titleBy.MatchString(words) || !strings.Contains(words, "?")):
		return "it looks like an announcement of a book"
	case toAll.MatchString(words), hello.MatchString(words) && !strings.Contains(words, "?"):
		return "it looks like an announcement to everybody"
	}
	return ""
}

// The announcement names the book: "The book of this week is TITLE by AUTHORS".
var titleBy = regexp.MustCompile(`(?is)\bbook of (?:this|the) week\b\W{0,4}(?:is|:)?\s*[:—–-]*\s*(.{2,300}?)\s+by\s+([^\n]{2,300})`)

// End of a list of authors: a sentence's end, or what goes on with the sentence.
var endOfAuthors = regexp.MustCompile(`[!?;:(\n]|\.(?:\s|$)|,?\s+(?:who|which|from|will|is|are|has|have|joins?)\s`)

var (
	markdownLink = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	marks        = strings.NewReplacer("*", "", "_", "", "~", "", "`", "", "“", "", "”", "", `"`, "", "«", "", "»", "", "„", "", "\\", "")
)

// book finds title and authors in a week's announcement; from is where.
func (r *reader) book(threads []*thread) (title, authors string, from Outcome) {
	for _, t := range threads {
		m := t.lead
		if m == nil || !m.taken() || !announcesBook(m.words) {
			continue
		}
		found := titleBy.FindStringSubmatch(markdownLink.ReplaceAllString(m.words, "$1"))
		if found == nil {
			continue
		}
		title = strings.Trim(oneLine(marks.Replace(found[1])), " '‘’,.:–—-")
		names := found[2]
		if end := endOfAuthors.FindStringIndex(names); end != nil {
			names = names[:end[0]]
		}
		names = strings.NewReplacer(" and ", ", ", " & ", ", ", "@", "").Replace(oneLine(marks.Replace(names)))
		var list []string
		for n := range strings.SplitSeq(names, ",") {
			if n = strings.Trim(n, " .'’"); n != "" && !slices.Contains(list, n) {
				list = append(list, n)
			}
		}
		authors = strings.Join(list, ", ")
		if title == "" || len(title) > qa.MaxShort || len(authors) > qa.MaxShort {
			title, authors = "", ""
			continue
		}
		return title, authors, Outcome{File: m.file, Index: m.index}
	}
	return "", "", Outcome{}
}
