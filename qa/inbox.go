package qa

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"flyleaf/internal/smallsort"
)

// InboxOrder is how an author's inbox is sorted.
type InboxOrder string

// The orders of an inbox.
const (
	InboxWanted InboxOrder = "wanted" // most wanted first, then the older
	InboxAge    InboxOrder = "age"    // the oldest first
	InboxAsker  InboxOrder = "asker"  // people without any answer first, then by name
)

// Postponed has the questions that an author saved for later on this device, each with the time, in ms, at which it
// comes back to the inbox; 0: when the author moves it back.
type Postponed map[PostID]int64

// Next returns the first time after now at which a question comes back, in ms; 0 for none.
func (p Postponed) Next(nowMillis int64) (next int64) {
	for _, until := range p {
		if until > nowMillis && (next == 0 || until < next) {
			next = until
		}
	}
	return next
}

// InboxItem is a question in an author's inbox.
type InboxItem struct {
	Thread *Thread `json:"thread"`
	// AskerUnanswered: none of this person's questions is answered yet.
	AskerUnanswered bool `json:"firstOfAsker"`
	// AssignedTo are the authors to whom the question is assigned, ascending.
	AssignedTo []Identity `json:"takenBy,omitempty"`
	// UntilMillis is until when the question was saved for later; 0 for no time.
	UntilMillis int64 `json:"until,omitempty"`
	// Back: it was saved for later until a time that has passed.
	Back bool `json:"back,omitempty"`
}

// Parts returns the parts of a question that asks several things; nil for other questions.
func (i *InboxItem) Parts() []QuestionPart { return i.Thread.Parts() }

// Inbox is an author's list of questions, answered ones included.
type Inbox struct {
	// Waiting: not (completely) answered, not postponed, and not assigned only to others. Mine is
	// the subset of Waiting assigned to this author.
	Waiting  []InboxItem `json:"waiting"`
	Mine     []InboxItem `json:"mine"`   // unanswered and assigned to this author
	Others   []InboxItem `json:"others"` // unanswered and assigned only to others
	Later    []InboxItem `json:"later"`  // unanswered and postponed on this device
	Answered []InboxItem `json:"answered"`
}

// All returns the lists in which together every question is once.
func (in *Inbox) All() [][]InboxItem {
	return [][]InboxItem{in.Waiting, in.Others, in.Later, in.Answered}
}

// NewInbox sorts a week's questions for one author, those first that have come back from being saved for later. Questions
// that are not shown, and duplicates, are left out.
func (w *Week) NewInbox(me Identity, later Postponed, nowMillis int64, order InboxOrder) Inbox {
	heard := map[Entrant]bool{} // askers with an answer
	for i := range w.Threads {
		t := &w.Threads[i]
		if t.Answered {
			heard[EntrantOf(&t.Question.Post)] = true
		}
	}
	var in Inbox
	for i := range w.Threads {
		t := &w.Threads[i]
		if !t.Original() {
			continue
		}
		item := InboxItem{
			Thread: t, AssignedTo: t.Question.Marks.Assigned,
			AskerUnanswered: !heard[EntrantOf(&t.Question.Post)],
		}
		until, saved := later[t.Question.ID]
		item.UntilMillis, item.Back = until, until != 0 && until <= nowMillis
		mine := slices.Contains(item.AssignedTo, me)
		switch {
		case t.Answered && !item.open(): // only answered questions need their parts here
			in.Answered = append(in.Answered, item)
		case saved && !item.Back:
			in.Later = append(in.Later, item)
		case len(item.AssignedTo) > 0 && !mine:
			in.Others = append(in.Others, item)
		default:
			in.Waiting = append(in.Waiting, item)
			if mine {
				in.Mine = append(in.Mine, item)
			}
		}
	}
	for _, list := range []*[]InboxItem{&in.Waiting, &in.Mine, &in.Others, &in.Later, &in.Answered} {
		smallsort.StableFunc(*list, order.compare)
	}
	return in
}

// open reports whether parts of a question that asks several things are unanswered.
func (i *InboxItem) open() bool {
	return slices.ContainsFunc(i.Parts(), func(p QuestionPart) bool { return !p.Answered })
}

func (o InboxOrder) compare(a, b InboxItem) int {
	if late := compareBool(a.Thread.Question.AfterClosing, b.Thread.Question.AfterClosing); late != 0 {
		return late
	}
	if back := compareBool(b.Back, a.Back); back != 0 {
		return back
	}
	age := cmp.Or(cmp.Compare(a.Thread.Question.AtMillis, b.Thread.Question.AtMillis), a.Thread.Question.Op.Compare(b.Thread.Question.Op))
	switch o {
	case InboxAge:
		return age
	case InboxAsker:
		first := 0
		if a.AskerUnanswered != b.AskerUnanswered {
			first = 1
			if a.AskerUnanswered {
				first = -1
			}
		}
		return cmp.Or(first, cmp.Compare(strings.ToLower(a.Thread.Question.Name), strings.ToLower(b.Thread.Question.Name)), age)
	}
	return cmp.Or(cmp.Compare(b.Thread.Wants, a.Thread.Wants), age)
}

// QuestionPart is one of several things that a question asks.
type QuestionPart struct {
	Text string `json:"text"`
	// Answered: an author's reply quotes it, alone or with the words around it, or answers without quoting anything.
	Answered bool `json:"answered"`
}

// maxParts bounds the number of parts of a question.
const maxParts = 20

var numbered = regexp.MustCompile(`^\s{0,3}(?:\d{1,2}[.)]|[-*+])\s+(\S.*)$`)

// SplitQuestion returns the parts of a question that asks several things: the items of its list if
// there are at least two; otherwise its sentences that end in a question mark, if there are at least two.
// nil is returned for a question that asks one thing. Code and quotations are ignored. The lines of a part
// are joined by spaces.
func SplitQuestion(text string) []string {
	var out []string
	for _, p := range partsOf(text) {
		var lines []string
		for line := range strings.Lines(text[p.begin:p.end]) {
			lines = append(lines, strings.TrimSpace(line))
		}
		out = append(out, strings.Join(lines, " "))
	}
	return out
}

// textPart is where a part of a text is, in bytes.
type textPart struct{ begin, end int }

// partsOf implements SplitQuestion.
func partsOf(text string) []textPart {
	var items, asked []textPart
	var paragraph textPart // empty outside of one
	fenced, inItem := false, false
	flush := func() {
		for _, p := range questions(text[paragraph.begin:paragraph.end]) {
			asked = append(asked, textPart{paragraph.begin + p.begin, paragraph.begin + p.end})
		}
		paragraph = textPart{}
	}
	at := 0
	for line := range strings.Lines(text) {
		first := at
		at += len(line)
		line = strings.TrimRight(line, " \t\r\n")
		words := strings.TrimSpace(line)
		begin := first + strings.Index(line, words)
		if strings.HasPrefix(words, "```") {
			fenced = !fenced
			flush()
			inItem = false
			continue
		}
		if fenced {
			continue
		}
		if m := numbered.FindStringSubmatchIndex(line); m != nil {
			flush()
			items = append(items, textPart{first + m[2], first + m[3]})
			inItem = true
			continue
		}
		switch {
		case words == "", strings.HasPrefix(words, ">"):
			flush()
			inItem = false
		case inItem: // an item's next line
			items[len(items)-1].end = begin + len(words)
		case paragraph.end == 0:
			paragraph = textPart{begin, begin + len(words)}
		default:
			paragraph.end = begin + len(words)
		}
	}
	flush()
	parts := items
	if len(parts) < 2 || !slices.ContainsFunc(parts, func(p textPart) bool { return strings.ContainsAny(text[p.begin:p.end], questionMarks) }) {
		parts = asked
	}
	if len(parts) < 2 {
		return nil
	}
	return parts[:min(len(parts), maxParts)]
}

const (
	questionMarks = "?？؟\u037e" // the last is the Greek one, which looks like a semicolon
	wideMarks     = "？。！"       // end a sentence even if no space follows
	// closers may stand between the end of a sentence and the space after it.
	closers = "\"'”’»)]}*_~"
)

// questions returns the sentences of a paragraph that end in a question mark.
func questions(paragraph string) []textPart {
	runes := []rune(paragraph)
	places := make([]int, 0, len(runes)+1) // of the runes, in the paragraph
	for at := range paragraph {
		places = append(places, at)
	}
	places = append(places, len(paragraph))
	var out []textPart
	start, code := 0, false
	for i := 0; i < len(runes); i++ {
		if runes[i] == '`' {
			code = !code
		}
		if code || !isSentenceEnd(runes[i]) {
			continue
		}
		end, asks, wide := i, false, false
		for ; end < len(runes) && isSentenceEnd(runes[end]); end++ {
			asks = asks || strings.ContainsRune(questionMarks, runes[end])
			wide = wide || strings.ContainsRune(wideMarks, runes[end])
		}
		mark := i
		for ; end < len(runes) && strings.ContainsRune(closers, runes[end]); end++ {
		}
		i = end - 1
		switch {
		case end < len(runes) && !unicode.IsSpace(runes[end]) && !wide: // in an address or a link
			continue
		case !asks && runes[mark] == '.' && isAbbreviation(runes[start:mark]):
			continue
		}
		sentence := runes[start:end]
		if asks && slices.ContainsFunc(sentence, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) {
			for unicode.IsSpace(runes[start]) {
				start++
			}
			out = append(out, textPart{places[start], places[end]})
		}
		start = end
	}
	return out
}

func isSentenceEnd(r rune) bool { return strings.ContainsRune(".!…。！"+questionMarks, r) }

// isAbbreviation reports whether text ends in what a full stop probably shortens, such as a title or a number. A
// sentence that is cut too late only has more words.
func isAbbreviation(text []rune) bool {
	end := len(text)
	for end > 0 && unicode.IsSpace(text[end-1]) {
		end--
	}
	start := end
	for start > 0 && !unicode.IsSpace(text[start-1]) {
		start--
	}
	last := text[start:end]
	return len(last) <= 3 || string(last) == "Prof" || slices.ContainsFunc(last, unicode.IsNumber)
}

// Parts returns the parts of a question that asks several things, and which of them are answered; nil for
// other questions.
func (t *Thread) Parts() []QuestionPart {
	texts := SplitQuestion(t.Question.Words())
	if texts == nil {
		return nil
	}
	parts := make([]QuestionPart, len(texts))
	for i, text := range texts {
		parts[i] = QuestionPart{Text: text, Answered: t.Question.Marks.Answered}
	}
	for i := range t.Replies {
		r := &t.Replies[i]
		if !r.ByAuthor || !r.Shown() {
			continue
		}
		quoted := quotes(r.Text())
		for k := range parts {
			if len(quoted) == 0 || slices.ContainsFunc(quoted, func(q string) bool { return quotesPart(q, k, texts) }) {
				parts[k].Answered = true
			}
		}
	}
	return parts
}

// quotesPart reports whether a quotation quotes part k of a question: it is the part, or has the part among
// other words. Earlier versions quoted the whole paragraph of a part.
func quotesPart(quote string, k int, parts []string) bool {
	part := normalizeSpace(parts[k])
	if slices.ContainsFunc(parts, func(p string) bool { return quote == normalizeSpace(p) }) {
		return quote == part
	}
	return strings.Contains(quote, part)
}

// QuotePart puts a part of the question before its answer, as a Markdown quotation. The quotation says
// which part a reply answers.
func QuotePart(part, answer string) string {
	return "> " + strings.Join(strings.Fields(part), " ") + "\n\n" + answer
}

// AnswerPart is an answer to a part of a question, counted from 1; 0 is the whole question.
func AnswerPart(question string, part int, answer string) (string, error) {
	if part == 0 {
		return answer, nil
	}
	parts := SplitQuestion(question)
	if part < 1 || part > len(parts) {
		return "", fmt.Errorf("the question has %d parts, so there is no part %d; nothing was saved", len(parts), part)
	}
	return QuotePart(parts[part-1], answer), nil
}

// quotes returns the block quotes of a text, with normalized white space.
func quotes(text string) []string {
	var out []string
	var quote []string
	flush := func() {
		if len(quote) > 0 {
			out = append(out, normalizeSpace(strings.Join(quote, " ")))
			quote = nil
		}
	}
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), ">"); ok {
			quote = append(quote, rest)
			continue
		}
		flush()
	}
	flush()
	return out
}

// normalizeSpace replaces each sequence of white space by one space.
func normalizeSpace(text string) string { return strings.Join(strings.Fields(text), " ") }
