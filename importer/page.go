package importer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/weekfile"
)

// The plain text of a week's web page:
//
//	is used as the heading
//	Title
//	by Author, Author and Author
//	The book of the week from 08 Mar 2021 to 12 Mar 2021
//	the description, in paragraphs
//	Questions and Answers
//	Name                                      one line
//	the message, in paragraphs and lists
//	Name
//	…
//	To take part in the book of the week …    skipped, to the end
//
// The heading may be in another language (see looseHeading), and the lines above it may have no
// blank lines between them. If no heading is found, a short line above a name is used as the heading
// (guessHeading), and the import says so.
//
// Paragraphs have blank lines around them; lists do not. The line after a list may be the next
// name. A message without text leaves two names on adjacent lines.
//
// The text is imported unchanged: bullets stay •, and only the common indentation of a list is
// removed.

var (
	headingLine = regexp.MustCompile(`(?i)^(questions\s*(and|&)\s*answers|q\s*&\s*a):?$`)
	listLine    = regexp.MustCompile(`^\s+([•◦▪‣·*+–-]|\d{1,3}[.)]|[a-z][.)])\s`)
)

// footers are the beginnings of site text below the messages, most reliable first.
var footers = []string{
	"to take part in the book of the week",
	"to see other books, check",
	"subscribe to our weekly newsletter",
}

func looksLikePage(s string) bool {
	for line := range strings.SplitSeq(s, "\n") {
		if line = qa.PlainSpaces(line); headingLine.MatchString(line) || looseHeading(line) {
			return true
		}
		if _, _, ok := readDates(line); ok {
			return true
		}
	}
	return false
}

// unit is one paragraph or one list of the page: either a writer's name or part of a message.
type unit struct {
	line  int  // 1-based, of its first line
	blank bool // a blank line comes before it
	list  bool
	lines []string
}

func (u *unit) text() string {
	if !u.list {
		return strings.Join(u.lines, "\n")
	}
	indent := len(u.lines[0])
	for _, l := range u.lines {
		indent = min(indent, len(l)-len(strings.TrimLeft(l, " \t")))
	}
	out := make([]string, len(u.lines))
	for i, l := range u.lines {
		out[i] = l[indent:]
	}
	return strings.Join(out, "\n")
}

// single returns the unit's line if it has exactly one, "" otherwise.
func (u *unit) single() string {
	if len(u.lines) != 1 || u.list {
		return ""
	}
	return qa.PlainSpaces(u.lines[0])
}

// cutUnits cuts a page into units. Lines whose number is in separate are units of their own. Between
// blank lines, a list is a unit, and so are the lines before and after the list. Indented lines after
// a list belong to the list.
func cutUnits(s string, separate map[int]bool) []unit {
	var out []unit
	blank := true
	n := 0
	for line := range strings.SplitSeq(s, "\n") {
		n++
		line = strings.TrimRightFunc(line, unicode.IsSpace)
		if qa.PlainSpaces(line) == "" {
			blank = true
			continue
		}
		if indent := len(line) - len(strings.TrimLeftFunc(line, unicode.IsSpace)); indent > 0 && line[0] >= utf8.RuneSelf {
			line = strings.Repeat(" ", utf8.RuneCountInString(line[:indent])) + line[indent:]
		}
		list := listLine.MatchString(line)
		if !blank && !separate[n] && !separate[n-1] {
			last := &out[len(out)-1]
			indented := line[0] == ' ' || line[0] == '\t'
			if last.list == list || last.list && indented {
				last.lines = append(last.lines, line)
				continue
			}
		}
		out = append(out, unit{line: n, blank: blank, list: list, lines: []string{line}})
		blank = false
	}
	return out
}

// maxUnits bounds the work of findNames: ten paragraphs per message.
const maxUnits = 10 * MaxMessages

// separateLines returns the numbers of the lines at the top of a page that are not part of a
// paragraph, even without blank lines around them: the byline, the dates, the title above these,
// the heading.
func separateLines(s string) map[int]bool {
	separate := map[int]bool{}
	dates, by, before := 0, 0, ""
	n := 0
	for line := range strings.SplitSeq(s, "\n") {
		n++
		line = qa.PlainSpaces(line)
		if headingLine.MatchString(line) || n > 1 && looseHeading(line) && (dates > 0 || by > 0) {
			separate[n] = true
			break
		}
		if _, _, ok := readDates(line); ok && dates == 0 {
			dates, separate[n] = n, true
			// The line above the dates, in the same paragraph, has the title and the authors.
			if before != "" && by != n-1 {
				separate[n-1] = true
				if byOtherLanguage.MatchString(before) {
					by = n - 1
				}
			}
		} else if byLine.MatchString(line) && dates == 0 && len(line) <= schema.MaxShort && before != "" {
			by, separate[n] = n, true
		}
		before = line
	}
	return separate
}

// ReadPage reads the plain text of a week's web page. The page does not say which messages open a
// thread, so guessThreads guesses. The site's text above and below the week is skipped and reported. An
// *InputError is returned when the page is refused.
func ReadPage(name string, b []byte) (qa.Imported, error) {
	s, err := clean(name, b)
	if err != nil {
		return qa.Imported{}, err
	}
	units := cutUnits(s, separateLines(s))
	if len(units) > maxUnits {
		return qa.Imported{}, refuse(name, 0, ErrTooBig, "%d paragraphs, at most %d are read", len(units), maxUnits)
	}
	im := qa.Imported{Format: string(weekfile.FormatPage)}
	skip := func(units []unit, reason string) {
		for i := range units {
			im.Skipped = append(im.Skipped, qa.Skipped{Line: units[i].line, Reason: reason, Text: beginning(units[i].text())})
		}
	}
	h := readHead(units)
	end := footerAt(units, max(h.heading, h.title, 0))
	skip(units[end:], "site text below the week")
	top := units[:end]
	var below []unit
	if h.heading >= 0 && h.heading < end {
		top, below = units[:h.heading], units[h.heading+1:end]
		if h.guessed {
			im.Remarks = append(im.Remarks, qa.Remark{Line: units[h.heading].line, Text: fmt.Sprintf(
				"%q was used as the heading above the messages. If that is wrong, put a line %q above the first message and import again.", beginning(units[h.heading].single()), weekfile.Heading)})
		}
	}
	if h.title < 0 || h.title >= len(top) {
		return qa.Imported{}, refuse(name, 1, ErrNoTitle, "the title must be above a line \"by …\" or above the week's dates, and the page has neither")
	}
	im.Event.Title = strings.TrimLeft(strings.Join(strings.Fields(top[h.title].text()), " "), "# ")
	authors := h.authors
	if authors == nil {
		// "The Patient Ledger by Ilse Marrow" in one line.
		if title, names, _, ok := SplitByline(im.Event.Title); ok && names != nil {
			im.Event.Title = title
			for _, n := range names {
				authors = append(authors, author{name: n})
			}
		}
	}
	if t := im.Event.Title; len(t) > 2 && strings.Contains("*_", t[:1]) && t[len(t)-1] == t[0] {
		im.Event.Title = strings.Trim(t, t[:1]+" ") // remove Markdown emphasis
	}
	im.Event.StartsAtMillis, im.Event.EndsAtMillis = h.from, h.to
	if h.dates >= 0 {
		if err := checkDates(name, units[h.dates].line, &im.Event); err != nil {
			return qa.Imported{}, err
		}
	}
	im.Event.Authors = joinAuthors(authors)
	if h.title+1 < len(top) {
		im.Event.Description = joinUnits(top[min(max(h.title, h.by, h.dates)+1, len(top)):])
	}
	skip(top[:h.title-h.authorsAbove], "site text above the week")

	posts, unattributed := messages(below, authors)
	im.Posts = posts
	skip(unattributed, "no writer's name above this text")
	if len(posts) == 0 {
		im.Remarks = append(im.Remarks, noMessages(h, unattributed))
		if n := len(im.Event.Description); n > schema.MaxDescription {
			return qa.Imported{}, refuse(name, 0, ErrLimit, "no message was found, and the text under the title is too long for a description (%d bytes, at most %d); put a line %q above the first message", n, schema.MaxDescription, weekfile.Heading)
		}
	}
	if len(im.Posts) > MaxMessages {
		return qa.Imported{}, refuse(name, 0, ErrTooBig, "%d messages, at most %d are read", len(im.Posts), MaxMessages)
	}
	guessThreads(authors, im.Posts)
	markAuthors(authors, im.Posts)
	if err := finish(name, &im); err != nil {
		return qa.Imported{}, err
	}
	return im, nil
}

// noMessages explains why no message was found and what to do.
func noMessages(h pageTop, unattributed []unit) qa.Remark {
	switch {
	case h.heading < 0:
		return qa.Remark{Text: fmt.Sprintf("No message was found: no line of the page is a heading such as %q, so the whole page was used as the description. "+
			"If there are messages, put that line above the first message and import the page again.", weekfile.Heading)}
	case len(unattributed) > 0:
		return qa.Remark{Line: unattributed[0].line, Text: "No message was found: under the heading no line looks like a writer's name. Put each name on a line of its own, with a blank line before and after it, and import the page again."}
	}
	return qa.Remark{Text: "No message was found: there is nothing below the heading."}
}

// pageTop holds the unit indices of the lines at the top of a page, -1 if missing.
type pageTop struct {
	title, by, dates, heading int
	guessed                   bool // heading is a guess
	authorsAbove              int  // units directly above the title that name the authors: 0 or 1
	from, to                  int64
	authors                   []author
}

func readHead(units []unit) pageTop {
	h := pageTop{title: -1, by: -1, dates: -1, heading: -1}
	h.heading = slices.IndexFunc(units, func(u unit) bool { return headingLine.MatchString(u.single()) })
	top := units
	if h.heading >= 0 {
		top = units[:h.heading]
	}
	h.readTop(top)
	if h.heading >= 0 {
		return h
	}
	// Look for a heading in another language below the title.
	from := max(h.title, h.by, h.dates) + 1
	if h.title < 0 {
		from = 1
	}
	for i := from; i < len(units); i++ {
		if looseHeading(units[i].single()) {
			h.heading = i
			h.readTop(units[:i])
			return h
		}
	}
	if h.title >= 0 {
		if i := guessHeading(units, from, h.authors); i >= 0 {
			h.heading, h.guessed = i, true
		}
	}
	return h
}

// guessHeading returns the index of the unit that probably is the heading above the messages: the last short line that is followed by a name and a text, and that comes before the
// first certain name (an author's name, or a line that occurs twice). It returns -1 when there is
// no such line.
func guessHeading(units []unit, from int, authors []author) int {
	index := indexAuthors(authors)
	seen := map[string]int{}
	for i := from; i < len(units); i++ {
		if nameCost(&units[i]) <= 1 {
			seen[units[i].single()]++
		}
	}
	first := -1
	for i := from; i < len(units); i++ {
		if s := units[i].single(); s != "" && nameCost(&units[i]) < unlikely && (len(index.find(s)) > 0 || seen[s] > 1) {
			first = i
			break
		}
	}
	for i := first - 1; i >= from; i-- {
		short := nameCost(&units[i]) <= 3
		named := i+2 < len(units) && nameCost(&units[i+1]) <= 1 && units[i+1].blank && units[i+1].single() != units[i].single()
		if short && named && (i+1 == first || nameCost(&units[i+2]) > 1) {
			return i
		}
	}
	return -1
}

// footerAt returns the index of the first unit of the site's footer, or len(units). If several
// units look like a footer, the last counts, because messages may quote the site.
func footerAt(units []unit, from int) int {
	for _, f := range footers {
		for i := len(units) - 1; i > from; i-- {
			if strings.HasPrefix(strings.ToLower(strings.TrimSpace(units[i].lines[0])), f) {
				return i
			}
		}
	}
	return len(units)
}

// readTop finds title, authors and dates in the units above the messages.
func (h *pageTop) readTop(top []unit) {
	h.dates, h.by, h.authors = -1, -1, nil
	for i := range top {
		if from, to, ok := readDates(top[i].single()); ok {
			h.from, h.to, h.dates = from, to, i
			break
		}
	}
	last := len(top)
	if h.dates >= 0 {
		last = h.dates
	}
	for i := last - 1; i > 0; i-- {
		line := top[i].single()
		m := byLine.FindStringSubmatch(line)
		if m == nil && (i == h.dates-1 || byColon.MatchString(line)) {
			m = byOtherLanguage.FindStringSubmatch(line)
		}
		if m != nil && len(m[1]) <= schema.MaxShort {
			h.by, h.authors = i, splitAuthors(m[1])
			if h.dates >= 0 {
				break // the one next to the dates; without dates the first on the page
			}
		}
	}
	h.title = h.by - 1
	if h.by < 0 {
		h.title = h.dates - 1
	}
	h.title = max(h.title, -1)
	h.authorsAbove = 0
	if h.by < 0 && h.title > 0 {
		// "By: Ilse Marrow" above the title.
		if m := byLine.FindStringSubmatch(top[h.title-1].single()); m != nil && len(m[1]) <= schema.MaxShort {
			h.authorsAbove, h.authors = 1, splitAuthors(m[1])
		}
	}
}

func joinUnits(units []unit) string {
	var b strings.Builder
	for i := range units {
		if i > 0 {
			b.WriteByte('\n')
			if units[i].blank {
				b.WriteByte('\n')
			}
		}
		b.WriteString(units[i].text())
	}
	return strings.TrimSpace(b.String())
}

// messages separates names from text and returns the messages, all as questions, and the units
// before the first name.
func messages(units []unit, authors []author) (posts []qa.ImportedPost, unattributed []unit) {
	index := indexAuthors(authors)
	units = splitEmpty(splitNamed(units), index)
	is := findNames(units, index)
	first := slices.Index(is, true)
	if first < 0 {
		return nil, units
	}
	for i := first; i < len(units); {
		end := i + 1
		for end < len(units) && !is[end] {
			end++
		}
		posts = append(posts, qa.ImportedPost{Parent: -1, Name: units[i].single(), Text: joinUnits(units[i+1 : end]), Line: units[i].line})
		i = end
	}
	return posts, units[:first]
}

// unlikely is the cost of a line that cannot be a name.
const unlikely = 1000.0

// nameCost rates how unlikely it is that a unit is a name: 0 for "Ada Lovelace". A name is one
// short line without sentence punctuation that does not begin as messages do, with capitalised
// words or a single word.
func nameCost(u *unit) float64 {
	s := u.single()
	if s == "" || len(s) > schema.MaxName || utf8.RuneCountInString(s) > 80 || u.lines[0][0] == ' ' || u.lines[0][0] == '\t' {
		return unlikely
	}
	w := strings.Fields(s)
	if len(w) > 10 || strings.Contains(s, "://") {
		return unlikely
	}
	cost := 0.0
	if strings.ContainsAny(s, "?!;=<>{}[]\"“”`") || emojiCode.MatchString(s) {
		cost += 4
	}
	if strings.HasSuffix(s, ".") {
		// "Denis L." and "Ennio M.A." are names, "It works." is not.
		if last := w[len(w)-1]; utf8.RuneCountInString(last) > 4 {
			cost += 4
		}
	} else if strings.ContainsAny(s[len(s)-1:], ",:") || strings.HasSuffix(s, "…") {
		cost += 4
	}
	if strings.Contains(s, ", ") {
		cost++
	}
	if notAName.MatchString(s) {
		cost += 6
	}
	for i, word := range w {
		r, _ := utf8.DecodeRuneInString(word)
		switch {
		case unicode.IsLower(r) && i == 0 && len(w) > 1:
			cost++
		case unicode.IsLower(r) && i > 0 && !particles[word]:
			cost += 1.5
		}
	}
	return cost + float64(max(0, len(w)-4))
}

var (
	emojiCode = regexp.MustCompile(`:[a-z0-9_+-]+:`)
	notAName  = regexp.MustCompile(`(?i)^(thank|thanks|thx|hi|hello|hey|yes|no|ok|okay|best|regards|kind regards|cheers|great|cool|nice|also|and|but|so|what|how|why|which|is|are|do|does|can|could|would|i|it|we|you|the|this|that|in|for|or|if)\b`)
	particles = map[string]bool{
		"von": true, "van": true, "der": true, "den": true, "de": true, "da": true, "di": true, "do": true, "dos": true,
		"del": true, "la": true, "le": true, "el": true, "al": true, "bin": true, "ibn": true, "e": true, "y": true, "zu": true, "ten": true, "ter": true,
	}
)

// Costs for findNames (dynamic programming over the page). The reading of the whole page with the
// lowest cost is used. The numbers were tuned on known pages (TestPagesFromTheArchive).
const (
	costName      = 1.0  // a name seen once
	costAgain     = 3.0  // subtracted for a name that occurs more than once
	costOwnName   = 6.0  // an author's name read as text
	costParagraph = 3.0  // a further paragraph of a message
	costList      = 0.25 // a list in a message
	costEmpty     = 5.0  // a message without text
	costAdjacent  = 0.5  // a message without text, where splitEmpty found the names on adjacent lines
)

// findNames decides which units are names, by minimising the total cost: every message begins with
// a name and usually has one paragraph, and most writers write more than once.
func findNames(units []unit, authors authorIndex) []bool {
	n := len(units)
	is := make([]bool, n)
	if n == 0 {
		return is
	}
	seen := map[string]int{}
	for i := range units {
		if nameCost(&units[i]) < unlikely {
			seen[units[i].single()]++
		}
	}
	type cell struct {
		cost float64
		from bool // the unit before is a name
	}
	asName, asText := make([]cell, n), make([]cell, n)
	for i := range units {
		u := &units[i]
		own := nameCost(u)
		text := 0.0
		if own < unlikely {
			own += costName
			s := u.single()
			if seen[s] > 1 {
				own -= costAgain
			}
			if len(authors.find(s)) > 0 {
				own -= costAgain
				text += costOwnName
			}
		}
		if i == 0 {
			asName[0], asText[0] = cell{cost: own}, cell{cost: 2 * unlikely}
			continue
		}
		empty := costEmpty
		if !u.blank && !units[i-1].list {
			empty = costAdjacent
		}
		if a, t := asName[i-1].cost+empty, asText[i-1].cost; a < t {
			asName[i] = cell{a + own, true}
		} else {
			asName[i] = cell{t + own, false}
		}
		more := costParagraph
		if u.list || units[i-1].list && !u.blank {
			more = costList
		}
		if a, t := asName[i-1].cost, asText[i-1].cost+more; a <= t {
			asText[i] = cell{a + text, true}
		} else {
			asText[i] = cell{t + text, false}
		}
	}
	name := asName[n-1].cost+costEmpty < asText[n-1].cost
	for i := n - 1; i >= 0; i-- {
		is[i] = name
		if name {
			name = asName[i].from
		} else {
			name = asText[i].from
		}
	}
	// The first unit is a name, whatever it looks like, unless it cannot be one; then the text
	// before the first name is unattributed.
	if nameCost(&units[0]) >= unlikely {
		is[0] = false
	}
	return is
}

// splitNamed splits a paragraph whose first line is a name. It does so only if at least two
// paragraphs, and at least half of all, begin with a name.
func splitNamed(units []unit) []unit {
	named := func(u *unit) bool {
		if u.list || len(u.lines) < 2 {
			return false
		}
		first := unit{lines: u.lines[:1]}
		next := unit{lines: u.lines[1:2]}
		return nameCost(&first) <= 0 && nameCost(&next) > 0
	}
	n, paragraphs := 0, 0
	for i := range units {
		if !units[i].list {
			paragraphs++
		}
		if named(&units[i]) {
			n++
		}
	}
	if n < 2 || 2*n < paragraphs {
		return units
	}
	var out []unit
	for _, u := range units {
		if !named(&u) {
			out = append(out, u)
			continue
		}
		out = append(out, unit{line: u.line, blank: u.blank, lines: u.lines[:1]}, unit{line: u.line + 1, blank: true, lines: u.lines[1:]})
	}
	return out
}

// splitEmpty splits a paragraph whose lines are all names (messages without text). All lines must
// look like names, and the last must be an author's name or occur alone elsewhere.
func splitEmpty(units []unit, authors authorIndex) []unit {
	known := map[string]bool{}
	for i := range units {
		if s := units[i].single(); s != "" && nameCost(&units[i]) <= 1 {
			known[s] = true
		}
	}
	var out []unit
	for _, u := range units {
		last := strings.TrimSpace(u.lines[len(u.lines)-1])
		split := len(u.lines) > 1 && !u.list &&
			(known[last] || len(authors.find(last)) > 0)
		for i := range u.lines {
			one := unit{lines: u.lines[i : i+1]}
			split = split && nameCost(&one) <= 1
		}
		if !split {
			out = append(out, u)
			continue
		}
		for i := range u.lines {
			out = append(out, unit{line: u.line + i, blank: u.blank && i == 0, lines: u.lines[i : i+1]})
		}
	}
	return out
}
