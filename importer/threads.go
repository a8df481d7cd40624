package importer

import (
	"regexp"
	"strings"

	"flyleaf/qa"
)

// Which messages of a page open a thread.
//
// The first message opens a thread. A message by one of the week's authors never does, because
// authors answer. Any other message is scored, and opens a thread if its points add up to at
// least 0:
//
//	-3   to begin with
//	+3   it greets ("Hi", "Hello", "Good morning" …)
//	+3   it has a question mark; +1 more with two or more of them
//	+2   it begins as questions do ("What", "In your book", "I have" …); +1 more with a question mark
//	+4   it continues an earlier question ("And", "Also", "Another", "2." …)
//	-2   it begins with thanks
//	+1   it is longer than 100 bytes; -1 when longer than 300
//	-3   its writer has already written in the thread; -2 more if it also greets
//	+1   its writer has not written on the page before
//	+1   it names an author at its beginning
//	-3   it begins with the name of somebody else in the thread
//	+1   an author's message follows; +1 more when it has a question mark
//
// The points are rounded weights of a logistic regression over pages whose threads are known. On
// these pages the rule classifies 91 % of the messages correctly.
const (
	pointsStart        = -3
	pointsGreets       = 3
	pointsAsks         = 3
	pointsAsksTwice    = 1
	pointsOpensAsk     = 2
	pointsOpensAndAsks = 1
	pointsContinues    = 4
	pointsThanks       = -2
	pointsLong         = 1
	pointsVeryLong     = -1
	pointsInThread     = -3
	pointsGreetsAgain  = -2
	pointsNewcomer     = 1
	pointsToAuthor     = 1
	pointsToOther      = -3
	pointsAnswered     = 1
	pointsAsksAnswered = 1
)

// All but thanks match at the beginning of a message, after any characters other than letters and
// digits.
var (
	greets    = regexp.MustCompile(`(?i)^[^\pL\pN]*(hi|hello|hey|hola|good (morning|afternoon|evening|day)|dear|greetings|welcome)\b`)
	thanks    = regexp.MustCompile(`(?i)\b(thank|thanks|thx|thanx|ty|appreciate)`)
	continues = regexp.MustCompile(`(?i)^[^\pL\pN]*(and|also|another|second|one more|my|other|next|last|first|(\d+)[.)]|follow)`)
	opensAsk  = regexp.MustCompile(`(?i)^[^\pL\pN]*(what|how|why|which|who|when|where|do|does|did|is|are|can|could|would|should|will|have|has|in your|from your|any|i have|i was|i wonder|i've|i’ve|as a|with|given|for)\b`)
)

// thread is the current thread of the page being read.
type thread struct {
	at      int                        // index of its question
	writers map[string]bool            // names
	byFirst map[string]map[string]bool // first name → names of writers who are not authors
}

func (t *thread) join(name string, author bool) {
	if t.writers[name] {
		return
	}
	t.writers[name] = true
	if first := firstName(name); first != "" && !author {
		if t.byFirst[first] == nil {
			t.byFirst[first] = map[string]bool{}
		}
		t.byFirst[first][name] = true
	}
}

// points scores message i, by a writer who is not an author, while t is the open thread.
func points(posts []qa.ImportedPost, i int, t *thread, firstNames map[string]bool, isAuthor func(string) bool, newcomer bool) int {
	p := &posts[i]
	n := pointsStart
	add := func(when bool, points int) {
		if when {
			n += points
		}
	}
	asks := strings.Contains(p.Text, "?")
	greeting := greets.MatchString(p.Text)
	opens := opensAsk.MatchString(p.Text)
	inThread := t.writers[p.Name]
	answered := i+1 < len(posts) && isAuthor(posts[i+1].Name)
	add(greeting, pointsGreets)
	add(asks, pointsAsks)
	add(strings.Count(p.Text, "?") > 1, pointsAsksTwice)
	add(opens, pointsOpensAsk)
	add(opens && asks, pointsOpensAndAsks)
	add(continues.MatchString(p.Text), pointsContinues)
	add(thanks.MatchString(head(p.Text, 60)), pointsThanks)
	add(len(p.Text) > 100, pointsLong)
	add(len(p.Text) > 300, pointsVeryLong)
	add(inThread, pointsInThread)
	add(inThread && greeting, pointsGreetsAgain)
	add(newcomer, pointsNewcomer)
	add(answered, pointsAnswered)
	add(answered && asks, pointsAsksAnswered)
	for _, w := range words(head(p.Text, 70)) {
		if firstNames[w] {
			n += pointsToAuthor
			break
		}
	}
	for _, w := range words(head(p.Text, 30)) {
		if others := t.byFirst[w]; len(others) > 1 || len(others) == 1 && !others[p.Name] {
			n += pointsToOther
			break
		}
	}
	return n
}

// head returns about the first n bytes of s, as a whole number of characters.
func head(s string, n int) string {
	for i := range s {
		if i >= n {
			return s[:i]
		}
	}
	return s
}

// firstName returns the first word of a name, "" if the word is too short to be distinctive.
func firstName(name string) string {
	if w := words(name); len(w) > 0 && len(w[0]) > 2 {
		return w[0]
	}
	return ""
}

// guessThreads sets Parent and Guessed of messages that all open threads. It returns how certain
// each decision is: how many points away the opposite decision was, or a large number where the
// message was not scored.
func guessThreads(authors []author, posts []qa.ImportedPost) []int {
	const sure = 100
	byAuthor := isAuthor(authors, posts)
	firstNames := map[string]bool{} // the authors'
	for _, a := range authors {
		if first := firstName(a.name); first != "" {
			firstNames[first] = true
		}
	}
	distance := make([]int, len(posts))
	wrote := map[string]bool{}
	var open thread
	for i := range posts {
		p := &posts[i]
		n := -sure
		switch {
		case i == 0:
			n = sure
		case !byAuthor(p.Name):
			n = points(posts, i, &open, firstNames, byAuthor, !wrote[p.Name])
		}
		p.Guessed = i > 0
		wrote[p.Name] = true
		if n >= 0 {
			p.Parent = -1
			open = thread{at: i, writers: map[string]bool{}, byFirst: map[string]map[string]bool{}}
			open.join(p.Name, byAuthor(p.Name))
			distance[i] = n + 1
			continue
		}
		p.Parent = open.at
		open.join(p.Name, byAuthor(p.Name))
		distance[i] = -n
	}
	return distance
}
