package slack

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

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

func namesABook(words string) bool {
	_, _, ok := titleAndWriters(words)
	return ok
}

func announcesBook(words string) bool { return bookOf.MatchString(words) }

// announcement says what kind of announcement a message is, "" for none.
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

// The announcement names the book: "The book of this week is TITLE by AUTHORS".
var (
	beforeTitle = regexp.MustCompile(`(?i)\bbook of (?:this|the) week\b[*_~]{0,3}\s*(?:is|:)?\s*[:—–-]*\s*`)
	by          = regexp.MustCompile(`(?i)\s+by\s+`)
	// What is done by somebody who is no author.
	doneBy = regexp.MustCompile(`(?i)\b(?:translated|edited|published|illustrated|narrated|read|foreword|preface|introduction|recommended|suggested|chosen|sponsored|provided|hosted|organi[sz]ed)$`)
	// The signs around a title, and what closes each.
	titleSigns = []struct{ open, closing string }{
		{"**", "**"}, {"__", "__"}, {"_", "_"}, {"“", "”"}, {"\"", "\""}, {"«", "»"}, {"„", "“"}, {"‘", "’"}, {"'", "'"}, {"*", "*"},
	}
)

// Bounds of what is looked at, in bytes.
const (
	maxTitle   = 300
	maxWriters = 300
)

// titleAndWriters splits an announcement into the title and who wrote the book. A title
// that stands in quotes or is emphasised ends where they end; else it ends at the last "by"
// of its sentence that is the author's: "Design by Contract by Ilse Marrow".
func titleAndWriters(words string) (title, writers string, ok bool) {
	at := beforeTitle.FindStringIndex(words)
	if at == nil {
		return "", "", false
	}
	rest := words[at[1]:]
	rest = rest[:len(head(rest, maxTitle+maxWriters))]
	for _, s := range titleSigns {
		inside, found := strings.CutPrefix(rest, s.open)
		if !found {
			continue
		}
		end := strings.Index(inside, s.closing)
		if end < 1 || end > maxTitle {
			continue
		}
		after := inside[end:]
		if m := by.FindStringIndex(after); m != nil && !strings.ContainsAny(after[:m[0]], "\n.!?") {
			return inside[:end], firstLine(after[m[1]:]), true
		}
	}
	end := -1
	for _, m := range by.FindAllStringIndex(rest, -1) {
		if m[0] > maxTitle || end >= 0 && (sentenceEnd(rest[:m[0]]) > end || strings.Contains(rest[end:m[0]], "\n")) {
			break
		}
		if m[0] > 0 && !doneBy.MatchString(rest[:m[0]]) {
			end = m[0]
			title, writers, ok = rest[:m[0]], firstLine(rest[m[1]:]), true
		}
	}
	return title, writers, ok
}

// sentenceEnd returns where the last sentence of s ends that ends in it, -1 for nowhere.
func sentenceEnd(s string) int {
	last := -1
	for i := 0; ; {
		end := endOfSentence(s[i:])
		if end < 0 {
			return last
		}
		last = i + end
		i = last + 1
	}
}

// endOfSentence returns where the first sentence of s ends: at its sign, but not at the
// full stop of an initial, as in "S. K. Marrow" or "Dr. Marrow". -1 is returned for one that does not end.
func endOfSentence(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '!', '?', '\n':
			return i
		case '.':
			if i+1 < len(s) && s[i+1] != ' ' && s[i+1] != '\n' {
				continue
			}
			before := s[strings.LastIndexAny(s[:i], " .\n*_")+1 : i]
			if n := utf8.RuneCountInString(before); i+1 < len(s) && (n == 1 || short[strings.ToLower(before)]) {
				continue
			}
			return i
		}
	}
	return -1
}

// short are words of names that are written with a full stop.
var short = map[string]bool{"dr": true, "prof": true, "st": true, "mr": true, "mrs": true, "ms": true}

func firstLine(s string) string {
	line, _, _ := strings.Cut(head(s, maxWriters), "\n")
	return line
}

// head returns about the first n bytes of s, as a whole number of characters.
func head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// What goes on with the sentence behind a list of authors.
var endOfAuthors = regexp.MustCompile(`[;:(]|,?\s+(?:who|which|from|will|is|are|has|have|joins?|and (?:translated|edited|illustrated|published)|(?:translated|edited|illustrated|published) by)\s`)

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
		first, names, ok := titleAndWriters(markdownLink.ReplaceAllString(m.words, "$1"))
		if !ok {
			continue
		}
		title = strings.Trim(oneLine(marks.Replace(first)), " '‘’,.:–—-")
		if end := endOfSentence(names); end >= 0 {
			names = names[:end]
		}
		if end := endOfAuthors.FindStringIndex(names); end != nil {
			names = names[:end[0]]
		}
		names = strings.NewReplacer(" and ", ", ", " & ", ", ", "@", "").Replace(oneLine(marks.Replace(names)))
		var list []string
		for n := range strings.SplitSeq(names, ",") {
			if n = strings.Trim(n, " '’"); n != "" && !slices.Contains(list, n) {
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
