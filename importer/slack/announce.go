package slack

import (
	"regexp"
	"slices"
	"strings"

	"flyleaf/importer"
	"flyleaf/schema"
)

// What announcements look like, in Markdown. A greeting alone does not make an announcement,
// because readers also greet and then ask.
var (
	bookOf  = regexp.MustCompile(`(?i)\bbook of (?:this|the) week\b(?:\W{0,4}(?:is|:)|\W{0,4}(?:on|for) )`)
	winners = regexp.MustCompile(`(?i)\b(?:the )?lucky winners?\b|\bsend (?:me|us) your e-?mails? (?:in|by|via) (?:a )?(?:dm|direct message)|\bwinners? (?:of|for) (?:this|the) week(?:['’]s)? (?:book|event)?|\bcongratulations to (?:the|our) winners\b`)
	hello   = regexp.MustCompile(`(?i)^\W*(?:hello|hi|hey|good (?:morning|afternoon|evening)),? (?:everyone|everybody|all|folks|team)\b`)
	toAll   = regexp.MustCompile(`(?:^|\s)@(?:channel|here|everyone)\b`)
)

// namesABook reports whether the title of a book can be read from words.
func namesABook(words string) bool {
	_, _, ok := titleAndAuthors(words)
	return ok
}

// announcesBook reports whether words are the announcement of a book.
func announcesBook(words string) bool { return bookOf.MatchString(words) }

// announcement says which kind of announcement a message looks like, "" for none.
func announcement(words string) string {
	switch {
	case winners.MatchString(words):
		return "it looks like an announcement of winners"
	case announcesBook(words) && (namesABook(words) || !strings.Contains(words, "?")):
		return "it looks like an announcement of a book"
	case toAll.MatchString(words), hello.MatchString(words) && !strings.Contains(words, "?"):
		return "it looks like an announcement to everybody"
	}
	return ""
}

// beforeTitle matches what is before the title in "The book of this week is TITLE by AUTHORS".
var beforeTitle = regexp.MustCompile(`(?i)\bbook of (?:this|the) week\b[*_~]{0,3}\s*(?:is|:)?\s*[:—–-]*\s*`)

var (
	markdownLink = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	marks        = strings.NewReplacer("*", "", "_", "", "~", "", "`", "", "“", "", "”", "", `"`, "", "«", "", "»", "", "„", "", "\\", "")
)

// titleAndAuthors reads the book's title and authors from an announcement in Markdown.
// authors is nil when no name of a person follows the "by". ok is false without a title.
func titleAndAuthors(words string) (title string, authors []string, ok bool) {
	at := beforeTitle.FindStringIndex(words)
	if at == nil {
		return "", nil, false
	}
	title, names, _, ok := importer.SplitByline(markdownLink.ReplaceAllString(words[at[1]:], "$1"))
	if !ok || len(title) > schema.MaxShort || strings.Contains(title, "\n") {
		return "", nil, false
	}
	for _, n := range names {
		if n = strings.Trim(oneLine(marks.Replace(n)), " '’@"); n != "" && !slices.Contains(authors, n) {
			authors = append(authors, n)
		}
	}
	title = strings.Trim(oneLine(marks.Replace(title)), " '‘’,.:–—-")
	return title, authors, title != ""
}

// book finds title and authors in a week's announcements. from is the announcement that names them.
func (r *reader) book(threads []*thread) (title, authors string, from Outcome) {
	for _, t := range threads {
		m := t.lead
		if m == nil || !m.included() || !announcesBook(m.words) {
			continue
		}
		book, names, ok := titleAndAuthors(m.words)
		if !ok {
			continue
		}
		title, authors = book, strings.Join(names, ", ")
		if len(title) > schema.MaxShort || len(authors) > schema.MaxShort {
			title, authors = "", ""
			continue
		}
		return title, authors, Outcome{File: m.file, Index: m.index}
	}
	return "", "", Outcome{}
}
