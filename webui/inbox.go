package webui

import (
	"cmp"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"flyleaf/markdown"
	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/schema"
)

// inboxPage is the body of an author's inbox.
type inboxPage struct {
	Event           qa.Event
	Path, Inbox     string
	CSRF, Here      string
	Heading         string
	Lede            string
	OthersAnswering []string // which questions the other authors are answering
	Filters         []filter
	Orders          []filter
	Entries         []entryView
	SavedForLater   []entryView // listed below the questions to answer
	Empty           string
}

// entryView is one question in the inbox. One question at a time is open and has the
// form for an answer.
type entryView struct {
	ID                 qa.PostID
	Elem               string
	Path, Week         string // of the post's forms, and the post's address on the page of the week
	URL                string // address of the inbox with this question open
	Who, LookalikeNote string
	Label              string // names the post in the labels of buttons and links, for screen readers
	Excerpt            string
	Open               bool
	Words              template.HTML
	Parts              []partView
	PartlyAnswered     bool // some parts are answered
	Wants              int
	When               moment
	AskerUnanswered    bool // its asker has no answer yet
	Mine               bool // taken by the reader
	TakenBy            string
	Presence           string
	Versions           bool
	Late               bool
	Later              bool
	Answered           bool
	AssignTo           []choice // authors to whom the question can be assigned
	Draft              node.Draft
	Key, Field         string
	Me                 string
	Error              string
	CSRF, Back         string
}

type partView struct {
	N        int
	Text     string
	Excerpt  string
	Answered bool
	Chosen   bool // in a form that could not be saved
}

var inboxShows = []string{"waiting", "mine", "others", "later", "answered"}

func (s *server) inbox(w http.ResponseWriter, r *http.Request) {
	if v, ok := s.loadAsAuthor(w, r); ok {
		s.showInbox(w, r, http.StatusOK, v, "", "", node.Draft{})
	}
}

// loadAsAuthor loads a week for one of its authors. It refuses everybody else.
func (s *server) loadAsAuthor(w http.ResponseWriter, r *http.Request) (*weekView, bool) {
	v, ok := s.load(w, r)
	if ok && !v.can.Answer {
		s.notAllowed(w, r, "authors")
		return nil, false
	}
	return v, ok
}

// showInbox renders the inbox. failed is a question whose answer could not be saved, why
// is the reason, and answer is its text; failed is "" when there is none.
func (s *server) showInbox(w http.ResponseWriter, r *http.Request, status int, v *weekView, failed qa.PostID, why string, answer node.Draft) {
	q := r.URL.Query()
	if r.Method != http.MethodGet {
		if back, err := url.Parse(localPath(r.PostForm.Get("back"))); err == nil {
			q = back.Query()
		}
	}
	later, err := s.node.SavedForLater(r.Context(), v.Event.ID)
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	show, order := q.Get("show"), qa.InboxOrder(q.Get("sort"))
	if !slices.Contains(inboxShows, show) {
		show = inboxShows[0]
	}
	if order != qa.InboxAge && order != qa.InboxAsker {
		order = qa.InboxWanted
	}
	in := v.NewInbox(v.me, later, order)
	lists := map[string][]qa.InboxItem{"waiting": in.Waiting, "mine": in.Mine, "others": in.Others, "later": in.Later, "answered": in.Answered}

	path := eventPath(v.Event.ID)
	p := inboxPage{Event: v.Event, Path: path, Inbox: path + "/inbox", CSRF: v.csrf, OthersAnswering: v.othersAnswering()}
	p.Heading = toAnswerWords(len(in.Waiting))
	p.Lede = v.progress(&in)
	address := func(show string, order qa.InboxOrder, open qa.PostID) string {
		to := url.Values{}
		if show != "waiting" {
			to.Set("show", show)
		}
		if order != qa.InboxWanted {
			to.Set("sort", string(order))
		}
		if open != "" {
			to.Set("open", string(open))
		}
		if len(to) == 0 {
			return p.Inbox
		}
		return p.Inbox + "?" + to.Encode()
	}
	for i, name := range []string{"To answer", "Taken by you", "Taken by others", "Saved for later", "Answered"} {
		p.Filters = append(p.Filters, filter{
			Name: name, URL: address(inboxShows[i], order, ""), Count: len(lists[inboxShows[i]]), Counted: true, Here: show == inboxShows[i],
		})
	}
	for _, o := range []struct {
		order qa.InboxOrder
		name  string
	}{{qa.InboxWanted, "most wanted first"}, {qa.InboxAge, "oldest first"}, {qa.InboxAsker, "people without an answer first"}} {
		p.Orders = append(p.Orders, filter{Name: o.name, URL: address(show, o.order, ""), Here: o.order == order})
	}
	open := qa.PostID(q.Get("open"))
	if failed != "" {
		open = failed
	}
	items := lists[show]
	if open == "" && len(items) > 0 && show != "answered" {
		open = items[0].Thread.Question.ID
	}
	p.Here = address(show, order, qa.PostID(q.Get("open")))
	for i := range items {
		e := v.entry(&items[i], address, show, order, open, later)
		e.Back = p.Here
		if e.ID == failed {
			e.Error = why
			e.Draft = answer
			for k := range e.Parts {
				e.Parts[k].Chosen = r.PostForm.Get("part") == strconv.Itoa(e.Parts[k].N)
			}
		}
		p.Entries = append(p.Entries, e)
	}
	if show == "waiting" {
		for i := range in.Later {
			p.SavedForLater = append(p.SavedForLater, v.entry(&in.Later[i], address, "later", order, "", later))
		}
	}
	if len(p.Entries) == 0 {
		p.Empty = map[string]string{
			"waiting": "No questions to answer.", "mine": "You have not taken any questions.",
			"others": "Other authors have not taken any questions.", "later": "Nothing saved for later.", "answered": "No questions are answered yet.",
		}[show]
	}
	l := s.layout(r, "Inbox, "+v.Event.Title, "inbox", p)
	v.nav(&l)
	l.Event, l.Stream = path, path+"/stream"
	s.page(w, r, status, "inbox", l)
}

func toAnswerWords(n int) string {
	if n == 0 {
		return "No questions to answer"
	}
	return plural(n, "question") + " to answer"
}

// progress says how many questions are answered, and until when authors are asked to answer.
func (v *weekView) progress(in *qa.Inbox) string {
	all := len(in.Answered) + len(in.Waiting) + len(in.Others) + len(in.Later)
	if all == 0 {
		return "No questions yet."
	}
	is := "are"
	if len(in.Answered) == 1 {
		is = "is"
	}
	words := fmt.Sprintf("%d of %s %s answered.", len(in.Answered), plural(all, "question"), is)
	switch until := v.Event.AnswersUntilMillis; {
	case v.Event.Closed:
		words += " The week is closed."
	case until != 0 && until > v.cal.now.UnixMilli():
		words += " Please answer by " + v.cal.deadline(until, v.cal.zone) + "."
	}
	return words
}

// othersAnswering lists which questions the other authors are answering now.
func (v *weekView) othersAnswering() []string {
	var out []string
	for post, list := range v.presence {
		t, _, ok := v.find(post)
		if !ok {
			continue
		}
		for _, p := range list {
			if p.Kind == qa.PresenceAnswering {
				out = append(out, v.personName(p.By)+" is answering "+v.possessive(&t.Question)+" question")
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (v *weekView) entry(item *qa.InboxItem, address func(string, qa.InboxOrder, qa.PostID) string, show string, order qa.InboxOrder, open qa.PostID, later map[qa.PostID]bool) entryView {
	t, q := item.Thread, &item.Thread.Question
	e := entryView{
		ID: q.ID, Elem: postElem(q.ID), Path: postPath(v.Event.ID, q.ID), Week: v.address(q.ID), URL: address(show, order, q.ID) + "#" + postElem(q.ID),
		Who: upperFirst(v.writerName(q)), LookalikeNote: upperFirstLetter(v.lookalikes().Post(q).String()), Excerpt: markdown.Line(q.Text(), 240), Open: q.ID == open, Wants: t.Wants, When: v.writtenAt(q), Label: v.label(q),
		AskerUnanswered: item.AskerUnanswered && !t.Answered, Mine: slices.Contains(item.AssignedTo, v.me), Presence: v.answering(q.ID),
		Versions: len(q.Versions()) > 1, Late: q.Late, Later: later[q.ID], Answered: t.Answered,
		Key: string(q.ID), Field: "a-" + string(q.ID), Draft: v.drafts[string(q.ID)], CSRF: v.csrf, Me: v.personName(v.me),
	}
	var others []string
	for _, id := range item.AssignedTo {
		if id != v.me {
			others = append(others, v.personName(id))
		}
	}
	if len(others) > 0 {
		e.TakenBy = and(others)
	}
	if e.Open {
		e.Words = markdown.HTML(q.Text())
		for i, part := range item.Parts {
			e.PartlyAnswered = e.PartlyAnswered || part.Answered
			e.Parts = append(e.Parts, partView{N: i + 1, Text: part.Text, Excerpt: markdown.Line(part.Text, 60), Answered: part.Answered})
		}
		for _, g := range v.Event.Roles {
			if g.Role == qa.RoleAuthor && g.ID != v.me && !slices.Contains(item.AssignedTo, g.ID) {
				e.AssignTo = append(e.AssignTo, choice{ID: string(g.ID), Words: v.lookalikes().Call(g.ID)})
			}
		}
	}
	return e
}

// answer posts an author's answer, saves it as a draft, or saves the question for later.
func (s *server) answer(w http.ResponseWriter, r *http.Request) {
	s.posting.Lock() // before the week is read, see postOnce
	defer s.posting.Unlock()
	v, t, i, ok := s.loadPost(w, r)
	if !ok {
		return
	}
	if !v.can.Answer {
		s.notAllowed(w, r, "authors")
		return
	}
	p, back := postAt(t, i), localPath(r.PostForm.Get("back"))
	ctx, key, d := r.Context(), string(p.ID), draftFrom(r)
	fail := func(status int, words string) {
		if wantsJSON(r) {
			refuseForm(w, status, words, d)
			return
		}
		s.showInbox(w, r, status, v, p.ID, words, d)
	}
	switch {
	case r.PostForm.Has("draft"):
		if err := s.node.SetDraft(ctx, v.Event.ID, key, d); err != nil {
			fail(statusOf(err), notSaved(err))
			return
		}
		formDone(w, r, back, "")
		return
	case r.PostForm.Has("later"):
		err := s.node.SetDraft(ctx, v.Event.ID, key, d)
		if err == nil {
			err = s.node.SaveForLater(ctx, v.Event.ID, p.ID, r.PostForm.Get("later") == "1")
		}
		if err != nil {
			fail(statusOf(err), notSaved(err))
			return
		}
		formDone(w, r, withoutOpen(back), "")
		return
	}
	if strings.TrimSpace(d.Text) == "" {
		fail(http.StatusUnprocessableEntity, "There is no text yet.")
		return
	}
	part, err := strconv.Atoi(cmp.Or(r.PostForm.Get("part"), "0"))
	var text string
	if err == nil {
		text, err = qa.AnswerPart(p.Text(), part, d.Text)
	}
	if err != nil {
		fail(http.StatusUnprocessableEntity, sentence(err.Error())+" Your text is still in the box.")
		return
	}
	if _, err := s.postOnce(r, v, qa.Act{Kind: qa.ActPost, Parent: p.ID, Text: text}); err != nil {
		fail(statusOf(err), notSavedWords(err, &d))
		return
	}
	// The answer is saved, so a draft that cannot be deleted loses nothing.
	_ = s.node.SetDraft(ctx, v.Event.ID, key, node.Draft{})
	formDone(w, r, withoutOpen(back), "")
}

// withoutOpen returns the address of the inbox without a chosen question, so that the
// first one is open.
func withoutOpen(back string) string {
	u, err := url.Parse(back)
	if err != nil {
		return back
	}
	q := u.Query()
	q.Del("open")
	u.RawQuery, u.Fragment = q.Encode(), ""
	return u.String()
}

// assign marks who will answer a question: the reader, another author, or nobody.
func (s *server) assign(w http.ResponseWriter, r *http.Request) {
	v, t, i, ok := s.loadPost(w, r)
	if !ok {
		return
	}
	if !v.can.Answer {
		s.notAllowed(w, r, "authors")
		return
	}
	p := postAt(t, i)
	var err error
	if r.PostForm.Has("give") {
		err = node.AssignQuestion(r.Context(), s.node, &v.Week, p, qa.Identity(r.PostForm.Get("give")))
	} else {
		_, err = s.node.Do(r.Context(), v.Event.ID, qa.Act{Kind: qa.ActMark, Post: p.ID, Mark: schema.KeyAssigned, On: r.PostForm.Get("take") == "1"})
	}
	if err != nil {
		s.problem(w, r, statusOf(err), "Not assigned", sentence(err.Error())+" Nothing was changed.")
		return
	}
	formDone(w, r, localPath(r.PostForm.Get("back")), p.ID)
}
