package webui

import (
	"cmp"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"flyleaf/markdown"
	"flyleaf/picture"
	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
)

// stagePage is the body of the presenter view, which shows one question to a room.
type stagePage struct {
	Event      qa.Event
	Lang       string // see weekView.lang
	Week       string // address of the week
	N, Of      int    // the question's place in the list, which starts at 1, and the length of the list
	Question   *stageQuestion
	Next       string // address of the next question; "" if this is the last
	NextWords  string
	Previous   string // address of the question before; "" if this is the first
	Invitation string // without https://; "" if there is none that a browser opens
	QR         string // address of the invitation's QR code; "" if who opens it cannot ask
}

// stageQuestion is the question on stage, with the authors' answers.
type stageQuestion struct {
	ID       qa.PostID
	Who      string
	Words    template.HTML
	Long     bool // the letters are smaller
	Longest  bool // and smaller still
	Wants    int
	Presence string // names the authors who are answering it now
	Answers  []stageAnswer
}

type stageAnswer struct {
	Who   string
	Words template.HTML
}

// Texts longer than these, in bytes, have smaller letters on stage.
const (
	longOnStage    = 220
	longestOnStage = 600
)

// stage shows one question to a room, most wanted first, as it is published: the presenter may be a moderator, who also
// sees what waits for approval. The question on stage ("q" in the query) stays there when it is answered, or when
// others get more votes meanwhile.
func (s *server) stage(w http.ResponseWriter, r *http.Request) {
	v, ok := s.load(w, r)
	if !ok {
		return
	}
	here := qa.PostID(r.URL.Query().Get("q"))
	all := stageQuestions(v, here)
	p := stagePage{Event: v.Event, Lang: v.lang, Week: eventPath(v.Event.ID), Of: len(all)}
	inv, err := s.node.Invitation(r.Context(), v.Event.ID)
	if err == nil && !v.Event.Closed && v.Event.Access != schema.AccessInvited {
		link, _ := s.linksOf(inv)
		p.QR = p.Week + "/invite/all.svg"
		if scheme, rest, _ := strings.Cut(link, "://"); scheme == "https" || scheme == "http" {
			p.Invitation = rest
		}
	}
	at := max(0, slices.IndexFunc(all, func(t *qa.Thread) bool { return t.Question.ID == here }))
	address := func(t *qa.Thread) string { return p.Week + "/stage?q=" + url.QueryEscape(string(t.Question.ID)) }
	if len(all) > 0 {
		p.N, p.Question = at+1, v.onStage(all[at])
		if at > 0 {
			p.Previous = address(all[at-1])
		}
		if at+1 < len(all) {
			p.Next, p.NextWords = address(all[at+1]), markdown.Line(v.Event.PublishedText(&all[at+1].Question.Post), 90)
		}
	}
	l := s.layout(r, "Presenter view", "stage", p)
	if p.Question != nil {
		l.Here = address(all[at]) // so that it stays on stage, also if the address names none
	}
	l.Theme, l.RefreshWhole = "dark", true
	l.New = 0 // what the reader has read is not for the room
	l.Event, l.Stream = p.Week, p.Week+"/stream"
	s.page(w, r, http.StatusOK, "stage", l)
}

// stageQuestions returns the questions to answer, and the one that is on stage, most wanted first.
func stageQuestions(v *weekView, here qa.PostID) []*qa.Thread {
	var all []*qa.Thread
	for i := range v.Threads {
		t := &v.Threads[i]
		if v.Event.Published(&t.Question.Post) && (t.Open() || t.Question.ID == here) {
			all = append(all, t)
		}
	}
	slices.SortStableFunc(all, func(a, b *qa.Thread) int { return cmp.Compare(b.Wants, a.Wants) })
	return all
}

func (v *weekView) onStage(t *qa.Thread) *stageQuestion {
	p := &t.Question
	text := v.Event.PublishedText(&p.Post)
	words := len(picture.Words(text))
	out := &stageQuestion{ID: p.ID, Long: words > longOnStage, Longest: words > longestOnStage, Who: people.Isolate(p.Name), Words: v.wordsOf(p, text), Wants: t.Wants, Presence: v.answering(p.ID)}
	for i := range t.Replies {
		if a := &t.Replies[i]; a.ByAuthor && v.Event.Published(&a.Post) {
			out.Answers = append(out.Answers, stageAnswer{people.Isolate(a.Name), v.wordsOf(a, v.Event.PublishedText(&a.Post))})
		}
	}
	return out
}
