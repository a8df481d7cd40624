package webui

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"flyleaf/qa"
)

// logPage is the body of the moderation log, which everybody may read.
type logPage struct {
	Event qa.Event
	Path  string
	Lines []logLine
	Older string // where the page before this one is
	Newer string
}

// logLine is one act of moderation as a sentence: who did what, to whom, why.
type logLine struct {
	Who, Verb string
	After     string   // the rest of the verb, after the post
	Post      *postRef // of the post it is about
	Whose     string
	Of        *postRef // the question it repeats
	Whom      string
	Reason    string
	When      moment
	NoEffect  bool
}

// linesOnPage is how many lines of the log one page shows.
const linesOnPage = 100

// log returns the moderation log; the page must open all the same without it.
func (s *server) log(ctx context.Context, event qa.EventID) []qa.LogEntry {
	all, err := s.node.Log(ctx, event)
	if err != nil {
		return nil
	}
	return all
}

func (s *server) showLog(w http.ResponseWriter, r *http.Request) {
	v, ok := s.load(w, r)
	if !ok {
		return
	}
	all, err := s.node.Log(r.Context(), v.Event.ID)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	slices.Reverse(all)
	page := logPage{Event: v.Event, Path: eventPath(v.Event.ID)}
	number, err := strconv.Atoi(r.URL.Query().Get("page"))
	last := max(1, (len(all)+linesOnPage-1)/linesOnPage)
	if err != nil {
		number = 1
	}
	number = min(max(number, 1), last)
	at := func(n int) string { return page.Path + "/log?" + url.Values{"page": {strconv.Itoa(n)}}.Encode() }
	if number < last {
		page.Older = at(number + 1)
	}
	if number > 1 {
		page.Newer = at(number - 1)
	}
	for _, e := range all[(number-1)*linesOnPage : min(number*linesOnPage, len(all))] {
		page.Lines = append(page.Lines, v.logLine(e))
	}
	l := s.layout(r, "What moderators did", "week", nil)
	v.nav(&l)
	l.Body, l.Event, l.Stream, l.Whole = page, page.Path, page.Path+"/stream", true
	s.page(w, r, http.StatusOK, "log", l)
}

// logVerbs says what was done: on, and taken back. What stands after the bar
// follows the post.
var logVerbs = map[qa.LogKind][2]string{
	qa.LogHidden:    {"hid", "showed again"},
	qa.LogPinned:    {"pinned", "unpinned"},
	qa.LogApproved:  {"approved", "took back the approval of"},
	qa.LogAnswered:  {"marked|as answered", "marked|as not answered"},
	qa.LogDuplicate: {"marked|as asked before", "marked|as not asked before"},
	qa.LogBlock:     {"blocked", "lifted the block of"},
	qa.LogClosed:    {"closed the week", "opened the week again"},
	qa.LogApprove:   {"switched on that posts wait for approval", "switched off that posts wait for approval"},
}

func (v *weekView) logLine(e qa.LogEntry) logLine {
	verbs, known := logVerbs[e.Kind]
	verb := verbs[0]
	if !e.On {
		verb = verbs[1]
	}
	if !known {
		verb = "did something this version does not know"
	}
	verb, after, _ := strings.Cut(verb, "|")
	line := logLine{Who: upperFirst(v.named(e.By)), Verb: verb, After: after, Reason: e.Text, When: v.cal.moment(e.AtMillis), NoEffect: !e.InEffect}
	if e.Post != "" {
		line.Post = &postRef{}
		if t, i, ok := v.find(e.Post); ok {
			line.Post = v.ref(e.Post)
			if p := at(t, i); p.Shown() && !v.anonymous(p) { // the name of who is hidden is not held up here
				line.Whose = v.named(p.By)
			}
		}
	}
	if e.Of != "" {
		line.Of = v.ref(e.Of)
	}
	if e.Kind == qa.LogRole {
		line.Verb = v.roleLine(e)
	} else if e.Identity != "" {
		line.Whom = v.named(e.Identity)
	}
	return line
}

// roleLine says which role was given to whom, or taken back. An invitation's key
// is nobody yet.
func (v *weekView) roleLine(e qa.LogEntry) string {
	who := v.named(e.Identity)
	role, invited := strings.CutPrefix(string(e.Role), "invite-")
	as := roleWords(qa.Role(role))
	switch {
	case invited && e.On:
		return "made an invitation for " + as
	case invited:
		return "withdrew or answered an invitation for " + as
	case e.On:
		return "made " + who + " " + as
	}
	return "took back the role of " + role + " from " + who
}

// named is what a person is called in a sentence; "you" for the reader.
func (v *weekView) named(id qa.Identity) string {
	if slices.Contains(v.keys, id) {
		return "you"
	}
	return v.person(id)
}

// roleWords names a role with its article.
func roleWords(r qa.Role) string {
	switch r {
	case qa.RoleOrganiser, qa.RoleAuthor:
		return "an " + string(r)
	}
	return "a " + string(r)
}
