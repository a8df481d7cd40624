package exchange

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"flyleaf/qa"
)

// The plain text of a week's web page:
//
//	lines of the site itself                  skipped
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
// Blank lines stand around paragraphs, not around lists: after a list the next
// name follows at once, and a message that is a list follows its name at once. A
// message without text leaves two names on adjacent lines.
//
// The page's text has lost its Markdown; what is left is taken as it stands,
// bullets as •, with a list's common indentation taken off.

// heading opens the messages.
const heading = "Questions and Answers"

var (
	headingLine = regexp.MustCompile(`(?i)^(questions\s*(and|&)\s*answers|q\s*&\s*a):?$`)
	datesLine   = regexp.MustCompile(`(?i)(?:\bfrom|:)\s+(.{6,20}?)\s+(?:to|till|until|–|—|-)\s+(.{6,20}?)\.?$`)
	byLine      = regexp.MustCompile(`(?i)^by\s+(\S.*)$`)
	listLine    = regexp.MustCompile(`^\s+([•◦▪‣·*+–-]|\d{1,3}[.)]|[a-z][.)])\s`)
)

// footers begin what the site says under the messages, the surest first.
var footers = []string{
	"to take part in the book of the week",
	"to see other books, check",
	"subscribe to our weekly newsletter",
}

func looksLikePage(s string) bool {
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.TrimSpace(line)
		if headingLine.MatchString(line) {
			return true
		}
		if _, _, ok := readDates(line); ok {
			return true
		}
	}
	return false
}

func readDates(line string) (from, to int64, ok bool) {
	if len(line) > 200 {
		return 0, 0, false
	}
	m := datesLine.FindStringSubmatch(line)
	if m == nil {
		return 0, 0, false
	}
	from, ok1 := parseTime(m[1], false)
	to, ok2 := parseTime(m[2], true)
	return from, to, ok1 && ok2 && from <= to
}

// unit is a piece of the page that is a name or a part of one message: the lines
// of one paragraph or of one list.
type unit struct {
	line  int  // 1-based, of its first line
	blank bool // a blank line stands before it
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

// single returns the unit's line if it has but one, "" otherwise.
func (u *unit) single() string {
	if len(u.lines) != 1 || u.list {
		return ""
	}
	return strings.TrimSpace(u.lines[0])
}

// cutUnits cuts the page. Between blank lines, a list is a unit, and so are the
// lines before and after it; indented lines after a list belong to it.
func cutUnits(s string) []unit {
	var out []unit
	blank := true
	n := 0
	for line := range strings.SplitSeq(s, "\n") {
		n++
		line = strings.TrimRight(line, " \t\u00a0")
		if line == "" {
			blank = true
			continue
		}
		list := listLine.MatchString(line)
		if !blank {
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

// maxUnits bounds what is weighed: some paragraphs for each message there may be.
const maxUnits = 10 * MaxMessages

// ReadPage reads the plain text of a week's web page. Each message is taken with
// its writer's name and its whole text, in order; which messages open a thread is
// not written in the page and is guessed (see guessThreads). What the site says
// around the week is skipped and reported. An *InputError is returned when the
// page is refused.
func ReadPage(name string, b []byte) (qa.Imported, error) {
	s, err := clean(name, b)
	if err != nil {
		return qa.Imported{}, err
	}
	units := cutUnits(s)
	if len(units) > maxUnits {
		return qa.Imported{}, refuse(name, 0, ErrTooBig, "%d paragraphs, at most %d are read", len(units), maxUnits)
	}
	im := qa.Imported{Format: string(FormatPage)}
	skip := func(units []unit, reason string) {
		for i := range units {
			im.Skipped = append(im.Skipped, qa.Skipped{Line: units[i].line, Reason: reason, Text: beginning(units[i].text())})
		}
	}
	start := slices.IndexFunc(units, func(u unit) bool { return headingLine.MatchString(u.single()) })
	end := footerAt(units, max(start, 0))
	skip(units[end:], "the site's own lines under the week")
	top := units[:end]
	var below []unit
	if start >= 0 && start < end {
		top, below = units[:start], units[start+1:end]
	}

	title, authors, description := readTop(top, &im.Event)
	if title < 0 {
		return qa.Imported{}, refuse(name, 1, ErrNoTitle, "the title is looked for over a line \"by …\" or over the week's dates, and there is neither")
	}
	im.Event.Title = strings.Join(strings.Fields(top[title].text()), " ")
	im.Event.Authors = joinAuthors(authors)
	im.Event.Description = joinUnits(top[description:])
	skip(top[:title], "the site's own lines over the week")

	posts, nobodys := messages(below, authors)
	im.Posts = posts
	skip(nobodys, "no writer's name was found over it")
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

// footerAt returns the index of the unit from which on the site speaks, or
// len(units). Of several it is the last, as messages may quote the site.
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

// readTop finds title, authors and dates in what stands over the messages. It
// returns the index of the title, or -1, and that of the description's first unit.
func readTop(top []unit, e *qa.Event) (title int, authors []author, description int) {
	dates, by := -1, -1
	for i := range top {
		if from, to, ok := readDates(top[i].single()); ok {
			e.StartsAtMillis, e.EndsAtMillis, dates = from, to, i
			break
		}
	}
	last := len(top)
	if dates >= 0 {
		last = dates
	}
	for i := last - 1; i > 0; i-- {
		if m := byLine.FindStringSubmatch(top[i].single()); m != nil && len(m[1]) <= qa.MaxShort {
			by, authors = i, splitAuthors(m[1])
			if dates >= 0 {
				break // the one next to the dates; without dates the first on the page
			}
		}
	}
	title = by - 1
	if by < 0 {
		title = dates - 1
	}
	if title < 0 {
		return -1, nil, 0
	}
	return title, authors, max(by, dates) + 1
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

// messages tells names from text and returns the messages, all opening threads,
// and what stands before the first name.
func messages(units []unit, authors []author) (posts []qa.ImportedPost, nobodys []unit) {
	index := indexAuthors(authors)
	units = splitEmpty(units, index)
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

// nameCost says how unlike a name a unit is; 0 is a line such as "Ada Lovelace".
// A name is one line that is no sentence: short, without sentence punctuation, not
// opening as messages do, its words capitalised or only one.
func nameCost(u *unit) float64 {
	s := u.single()
	if s == "" || len(s) > qa.MaxName || utf8.RuneCountInString(s) > 80 || u.lines[0][0] == ' ' || u.lines[0][0] == '\t' {
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

// What the pieces cost when a page is read as names and texts; the cheapest
// reading of the whole page is taken. The numbers were set on pages made from
// the archive: see TestPagesFromTheArchive.
const (
	costName      = 1.0  // a name seen once
	costAgain     = 3.0  // taken off for a name that stands on the page again
	costOwnName   = 6.0  // an author's name read as text
	costParagraph = 3.0  // a further paragraph of a message
	costList      = 0.25 // a list in a message
	costEmpty     = 5.0  // a message without text
	costAdjacent  = 0.5  // the same, where splitEmpty found the names on adjacent lines
)

// findNames marks the units that are names, by the cheapest reading of all of
// them: every message begins with a name, mostly has one paragraph, and most
// writers write more than once.
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
	// The first unit opens the first message, whatever it looks like; a unit that
	// no name can be has a message before it that has none.
	if nameCost(&units[0]) >= unlikely {
		is[0] = false
	}
	return is
}

// splitEmpty takes lines apart that stand together because a message between
// them has no text: all of them look like names and the last is known to be one,
// as an author or because it stands alone elsewhere.
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
		apart := len(u.lines) > 1 && !u.list &&
			(known[last] || len(authors.find(last)) > 0)
		for i := range u.lines {
			one := unit{lines: u.lines[i : i+1]}
			apart = apart && nameCost(&one) <= 1
		}
		if !apart {
			out = append(out, u)
			continue
		}
		for i := range u.lines {
			out = append(out, unit{line: u.line + i, blank: u.blank && i == 0, lines: u.lines[i : i+1]})
		}
	}
	return out
}
