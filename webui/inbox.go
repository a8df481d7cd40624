package webui

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"flyleaf/markdown"
	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
)

// inboxPage is the body of an author's inbox.
type inboxPage struct {
	Event           qa.Event
	Path, Inbox     string
	CSRF, Here      string
	Heading         string
	Lede            string
	Saved           bool     // the reader's answer was saved just now
	OthersAnswering []string // which questions the other authors are answering
	Filters         []filter
	Orders          []filter
	Entries         []entryView
	SavedForLater   []entryView // the first of them, listed below the questions to answer
	AllLater        string      // address of the rest; "" when all are listed
	Empty           string
	paging
	Show, Sort string      // fields of the search form; "" for the defaults
	Words      string      // searched for
	Everything string      // address of the inbox without the search
	Count      int         // number of questions in the list
	All        string      // number of questions in all lists, "" if it does not say how many are new in this one
	ComesBack  string      // when the next snoozed question comes back, in ms; "" for none
	Gone       []qa.PostID // of the entries that were asked for, those that are not in the list any more
}

// entryView is one question in the inbox. One question at a time is open and has the
// form for an answer.
type entryView struct {
	ID                 qa.PostID
	Elem, Lang         string // Lang: see weekView.lang
	Path, Week         string // of the post's forms, and the post's address on the page of the week
	URL                string // address of the inbox with this question open
	Who, LookalikeNote string
	Label              string // names the post in the labels of buttons and links, for screen readers
	Excerpt            string
	Version            string // changes when anything does that the entry shows
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
	Until              moment   // until when it is saved for later; without words for no time
	CameBack           bool     // that time has passed
	Snooze             []choice // until when it can be saved for later
	Answered           bool
	Answers            []answerLine // by authors, oldest first; only of the open question
	AssignTo           []choice     // authors to whom the question can be assigned
	Draft              node.Draft
	DraftSaved         string
	Key, Field         string
	Me                 string // the reader's name; "" if they have none
	Name               nameBox
	Picture            pictureBox
	Error              string
	CSRF, Back         string
}

// answerLine is an author's answer to the open question, so that nobody answers again without knowing it.
type answerLine struct {
	Who, Excerpt, URL string
	When              moment
}

type partView struct {
	N        int
	Text     string
	Excerpt  string
	Answered bool
	Chosen   bool // in a form that could not be saved
}

var inboxShows = []string{"waiting", "mine", "others", "later", "answered"}

// entriesOnPage is how many questions one page of the inbox shows.
const entriesOnPage = 50

// laterListed is how many questions saved for later are listed below the questions to answer.
const laterListed = 10

// inboxView is what an author looks at in the inbox: a list, its order, and what was searched for.
type inboxView struct {
	path  string // of the inbox
	show  string
	order qa.InboxOrder
	words string
}

// inboxViewOf reads the query of the inbox's address.
func inboxViewOf(event qa.EventID, q url.Values) inboxView {
	view := inboxView{path: eventPath(event) + "/inbox", show: q.Get("show"), order: qa.InboxOrder(q.Get("sort")), words: strings.TrimSpace(q.Get("q"))}
	if !slices.Contains(inboxShows, view.show) {
		view.show = inboxShows[0]
	}
	if view.order != qa.InboxAge && view.order != qa.InboxAsker {
		view.order = qa.InboxWanted
	}
	return view
}

// query returns the fields that differ from the defaults.
func (i inboxView) query() url.Values {
	to := url.Values{}
	if i.show != inboxShows[0] {
		to.Set("show", i.show)
	}
	if i.order != qa.InboxWanted {
		to.Set("sort", string(i.order))
	}
	if i.words != "" {
		to.Set("q", i.words)
	}
	return to
}

// address returns the address of the inbox with a question open ("": the first one), on its page.
func (i inboxView) address(open qa.PostID) string {
	to := i.query()
	if open != "" {
		to.Set("open", string(open))
	}
	return withQuery(i.path, to)
}

// page returns the address of a page of the inbox.
func (i inboxView) page(n int) string { return pageAddress(i.path, i.query(), n) }

// showing returns the view of another list, and by another order.
func (i inboxView) showing(show string, order qa.InboxOrder) inboxView {
	i.show, i.order = show, order
	return i
}

// list returns the list that the view shows.
func (i inboxView) list(in *qa.Inbox) []qa.InboxItem {
	return map[string][]qa.InboxItem{"waiting": in.Waiting, "mine": in.Mine, "others": in.Others, "later": in.Later, "answered": in.Answered}[i.show]
}

// loadInbox returns the inbox in the order of a view, with the questions that its search finds.
func (s *server) loadInbox(ctx context.Context, v *weekView, view inboxView) (qa.Inbox, qa.Postponed, error) {
	later, err := s.node.SavedForLater(ctx, v.Event.ID)
	if err != nil {
		return qa.Inbox{}, nil, err
	}
	in := v.NewInbox(v.me, later, v.cal.now.UnixMilli(), view.order)
	if view.words == "" {
		return in, later, nil
	}
	threads, err := s.threadsAbout(ctx, v, view.words)
	if err != nil {
		return qa.Inbox{}, nil, err
	}
	name := strings.ToLower(view.words)
	unmatched := func(item qa.InboxItem) bool {
		return !threads[v.threadIndex[item.Thread.Question.ID]] && !strings.Contains(strings.ToLower(item.Thread.Question.Name), name)
	}
	for _, list := range []*[]qa.InboxItem{&in.Waiting, &in.Mine, &in.Others, &in.Later, &in.Answered} {
		*list = slices.DeleteFunc(*list, unmatched)
	}
	return in, later, nil
}

func (s *server) inbox(w http.ResponseWriter, r *http.Request) {
	if v, ok := s.loadFor(w, r, forAuthors); ok {
		s.showInbox(w, r, http.StatusOK, v, "", "", node.Draft{})
	}
}

// threadsAbout returns the threads, by index, of which a post contains all words; none without words.
func (s *server) threadsAbout(ctx context.Context, v *weekView, words string) (map[int]bool, error) {
	if words == "" {
		return nil, nil
	}
	found, err := s.node.Search(ctx, v.Event.ID, words, math.MaxInt32)
	threads := map[int]bool{}
	for _, id := range found {
		if i, ok := v.threadIndex[id]; ok {
			threads[i] = true
		}
	}
	return threads, err
}

// showInbox renders the inbox. failed is a question whose answer could not be saved, why
// is the reason, and answer is its text; failed is "" when there is none.
func (s *server) showInbox(w http.ResponseWriter, r *http.Request, status int, v *weekView, failed qa.PostID, why string, answer node.Draft) {
	q := pageQuery(r)
	view := inboxViewOf(v.Event.ID, q)
	in, later, err := s.loadInbox(r.Context(), v, view)
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	items := view.list(&in)
	p := v.newInboxPage(view, &in, later)
	p.OthersAnswering, p.Saved = v.othersAnswering(), q.Has("saved")
	p.Heading = toAnswerWords(len(in.Waiting))
	p.Lede = v.progress(&in)
	if view.words != "" {
		p.Heading, p.Lede = "Questions about “"+view.words+"”", plural(len(in.Waiting), "question")+" to answer, "+plural(len(in.Answered), "answered question")+"."
		all := view
		all.words = ""
		p.Everything = all.address("")
	}
	for _, o := range []struct {
		order qa.InboxOrder
		name  string
	}{{qa.InboxWanted, "most wanted first"}, {qa.InboxAge, "oldest first"}, {qa.InboxAsker, "people without an answer first"}} {
		p.Orders = append(p.Orders, filter{Name: o.name, URL: view.showing(view.show, o.order).address(""), Here: o.order == view.order})
	}
	open := qa.PostID(cmp.Or(string(failed), q.Get("open")))
	isOpen := func(item qa.InboxItem) bool { return item.Thread.Question.ID == open }
	at := slices.IndexFunc(items, isOpen)
	if failed != "" && at < 0 { // another author has answered or taken the question meanwhile; the answer is shown anyway
		for _, list := range in.All() {
			if i := slices.IndexFunc(list, isOpen); i >= 0 {
				items, at = slices.Insert(slices.Clone(items), 0, list[i]), 0
			}
		}
	}
	p.paging = newPaging(len(items), entriesOnPage, q.Get("page"), at, view.page)
	from, until := p.on(len(items), entriesOnPage)
	p.Here = view.page(p.Page)
	if open != "" {
		p.Here = view.address(open)
	} else if from < until && view.show != "answered" {
		open = items[from].Thread.Question.ID
	}
	for i := range items[from:until] {
		e := v.entry(&items[from+i], view, open, later)
		e.Back = p.Here
		if e.ID == failed {
			e.Error = why
			e.Draft, e.DraftSaved = answer, ""
			e.Name.Typed = typedName(r).Typed
			for k := range e.Parts {
				e.Parts[k].Chosen = r.PostForm.Get("part") == strconv.Itoa(e.Parts[k].N)
			}
		}
		p.Entries = append(p.Entries, e)
	}
	if view.show == "waiting" {
		saved := view.showing("later", view.order)
		for i := range in.Later[:min(laterListed, len(in.Later))] {
			p.SavedForLater = append(p.SavedForLater, v.entry(&in.Later[i], saved, "", later))
		}
		if len(in.Later) > laterListed {
			p.AllLater = saved.address("")
		}
	}
	if len(p.Entries) == 0 {
		p.Empty = map[string]string{
			"waiting": "No questions to answer.", "mine": "You have not taken any questions.",
			"others": "Other authors have not taken any questions.", "later": "Nothing saved for later.", "answered": "No questions are answered yet.",
		}[view.show]
		if view.words != "" {
			p.Empty = "Nothing found in this list."
		}
	}
	l := s.layout(r, "Inbox, "+v.Event.Title, "inbox", p)
	v.nav(&l)
	l.Event, l.Stream = p.Path, p.Path+"/stream"
	s.page(w, r, status, "inbox", l)
}

// newInboxPage returns the page without its entries.
func (v *weekView) newInboxPage(view inboxView, in *qa.Inbox, later qa.Postponed) inboxPage {
	p := inboxPage{
		Event: v.Event, Path: eventPath(v.Event.ID), Inbox: view.path, CSRF: v.csrf, Count: len(view.list(in)),
		Show: view.query().Get("show"), Sort: view.query().Get("sort"), Words: view.words,
	}
	if view.show == inboxShows[0] {
		p.All = strconv.Itoa(len(in.Answered) + len(in.Waiting) + len(in.Others) + len(in.Later))
	}
	if next := later.Next(v.cal.now.UnixMilli()); next != 0 {
		p.ComesBack = strconv.FormatInt(next, 10)
	}
	for i, name := range []string{"To answer", "Taken by you", "Taken by others", "Saved for later", "Answered"} {
		of := view.showing(inboxShows[i], view.order)
		p.Filters = append(p.Filters, filter{Name: name, URL: of.address(""), Count: len(of.list(in)), Counted: true, Here: view.show == of.show})
	}
	return p
}

// inboxChanges renders the entries of a page of the inbox that have changed, also those that another list has now. The
// query has the view, the open question, the address of the page ("back"), and for each entry of the page "entry": its ID
// and its version.
func (s *server) inboxChanges(w http.ResponseWriter, r *http.Request) {
	v, ok := s.loadFor(w, r, forAuthors)
	if !ok {
		return
	}
	q := r.URL.Query()
	view := inboxViewOf(v.Event.ID, q)
	in, later, err := s.loadInbox(r.Context(), v, view)
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	items, listed := map[qa.PostID]*qa.InboxItem{}, map[qa.PostID]bool{}
	for _, list := range in.All() {
		for i := range list {
			items[list[i].Thread.Question.ID] = &list[i]
		}
	}
	for _, item := range view.list(&in) {
		listed[item.Thread.Question.ID] = true
	}
	p := v.newInboxPage(view, &in, later)
	for n, shown := range q["entry"] {
		if n == entriesOnPage {
			break
		}
		id, version, _ := strings.Cut(shown, " ")
		if !listed[qa.PostID(id)] {
			p.Gone = append(p.Gone, qa.PostID(id))
		}
		if item := items[qa.PostID(id)]; item != nil {
			if e := v.entry(item, view, qa.PostID(q.Get("open")), later); e.Version != version {
				e.Back = localPath(q.Get("back"))
				p.Entries = append(p.Entries, e)
			}
		}
	}
	write(w, http.StatusOK, s.render.of("inbox"), "inbox-changes", p)
}

// welcome tells an author who has not answered yet what to do.
type welcome struct {
	Inbox   string
	Waiting int // number of questions without an answer
}

// welcome returns nil for everybody but authors who have not answered anything yet. Organisers, who give the
// roles, are not welcomed.
func (v *weekView) welcome() *welcome {
	if !v.can.Answer || v.can.Organise || v.Event.Closed {
		return nil
	}
	out := &welcome{Inbox: eventPath(v.Event.ID) + "/inbox"}
	for i := range v.Threads {
		t := &v.Threads[i]
		if slices.ContainsFunc(t.Replies, func(p qa.PostView) bool { return p.By == v.me && p.ByAuthor }) {
			return nil
		}
		if t.Open() {
			out.Waiting++
		}
	}
	return out
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

func (v *weekView) entry(item *qa.InboxItem, view inboxView, open qa.PostID, later qa.Postponed) entryView {
	t, q := item.Thread, &item.Thread.Question
	e := entryView{
		Lang: v.lang,
		ID:   q.ID, Elem: postElem(q.ID), Path: postPath(v.Event.ID, q.ID), Week: v.address(q.ID), URL: view.address(q.ID) + "#" + postElem(q.ID),
		Who: upperFirst(v.writerName(q)), LookalikeNote: upperFirstLetter(v.lookalikes().Post(q).String()), Excerpt: markdown.Line(q.Text(), 240), Open: q.ID == open, Wants: t.Wants, When: v.writtenAt(q), Label: v.label(q),
		AskerUnanswered: item.AskerUnanswered && !t.Answered, Mine: slices.Contains(item.AssignedTo, v.me), Presence: v.answering(q.ID),
		Versions: len(q.Versions()) > 1, Late: q.Late, CameBack: item.Back, Answered: t.Answered,
		Key: string(q.ID), Field: "a-" + string(q.ID), Draft: v.drafts[string(q.ID)], DraftSaved: v.ownCal.draftSaved(v.drafts[string(q.ID)]), CSRF: v.csrf, Me: people.Isolate(v.People[v.me].Name), Name: v.nameBox("n-"+string(q.ID), ""), Picture: v.pictureBox("i-" + string(q.ID)),
	}
	_, saved := later[q.ID]
	e.Later = saved && !item.Back
	if item.UntilMillis != 0 {
		e.Until = v.cal.moment(item.UntilMillis)
	}
	var others []string
	for _, id := range item.AssignedTo {
		if id != v.me {
			others = append(others, v.personName(id))
		}
	}
	if len(others) > 0 {
		e.TakenBy = people.And(others)
	}
	if e.Open {
		e.Snooze = v.cal.snoozeTimes(v.Event.AnswersUntilMillis)
		e.Words = v.wordsOf(q, q.Text())
		for i, part := range item.Parts() {
			e.PartlyAnswered = e.PartlyAnswered || part.Answered
			e.Parts = append(e.Parts, partView{N: i + 1, Text: part.Text, Excerpt: markdown.Line(part.Text, 60), Answered: part.Answered})
		}
		for i := range t.Replies {
			if a := &t.Replies[i]; a.ByAuthor && a.Shown() {
				e.Answers = append(e.Answers, answerLine{upperFirst(v.writerName(a)), markdown.Line(a.Text(), 240), v.address(a.ID), v.writtenAt(a)})
			}
		}
		for _, g := range v.Event.Roles {
			if g.Role == qa.RoleAuthor && g.ID != v.me && !slices.Contains(item.AssignedTo, g.ID) {
				e.AssignTo = append(e.AssignTo, choice{ID: string(g.ID), Words: v.lookalikes().Call(g.ID)})
			}
		}
	}
	e.Version = e.version()
	return e
}

// version returns a short hash of what the entry shows, without the draft, which the page itself changes.
func (e entryView) version() string {
	e.Draft, e.DraftSaved, e.URL, e.CSRF = node.Draft{}, "", "", "" // the rest has no pointers, whose addresses would be hashed
	h := fnv.New64a()
	fmt.Fprintf(h, "%+v", e) // a hash takes everything
	return strconv.FormatUint(h.Sum64(), 36)
}

// answer posts an author's answer, saves it as a draft, or saves the question for later.
func (s *server) answer(w http.ResponseWriter, r *http.Request) {
	s.posting.Lock() // before the week is read, see postOnce
	defer s.posting.Unlock()
	v, t, i, ok := s.loadPostFor(w, r, forAuthors)
	if !ok {
		return
	}
	p, back := postAt(t, i), localPath(r.PostForm.Get("back"))
	ctx, key, d := r.Context(), string(p.ID), draftFrom(r)
	next := s.afterThis(ctx, v, p.ID, back)
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
		on := r.PostForm.Get("later") == "1"
		until, err := strconv.ParseInt(cmp.Or(r.PostForm.Get("until"), "0"), 10, 64)
		if on && (err != nil || until != 0 && until <= s.now().UnixMilli()) {
			fail(http.StatusUnprocessableEntity, "The time until which the question should be saved for later is over. Choose another one.")
			return
		}
		if err = s.node.SetDraft(ctx, v.Event.ID, key, d); err == nil {
			err = s.node.SaveForLater(ctx, v.Event.ID, p.ID, on, until)
		}
		if err != nil {
			fail(statusOf(err), notSaved(err))
			return
		}
		formDone(w, r, next, "")
		return
	}
	if strings.TrimSpace(d.Text) == "" {
		fail(statusOf(errEmpty), notSavedWords(errEmpty, &d))
		return
	}
	part, err := strconv.Atoi(cmp.Or(r.PostForm.Get("part"), "0"))
	var text string
	if err == nil {
		text, err = qa.AnswerPart(p.Words(), part, d.Text)
	}
	if err != nil {
		fail(http.StatusUnprocessableEntity, sentence(err.Error())+" Your text is still in the box.")
		return
	}
	if text, err = s.withPicture(r, v, text, ""); err == nil {
		err = s.saveName(r)
	}
	if err == nil {
		_, err = s.postOnce(r, v, qa.Act{Kind: qa.ActPost, Parent: p.ID, Text: text})
	}
	if err != nil {
		fail(statusOf(err), notSavedWords(err, &d))
		return
	}
	s.dropDraft(r, v.Event.ID, key)
	if !wantsJSON(r) { // a script says it itself
		next = savedAt(next)
	}
	formDone(w, r, next, "")
}

// afterThis returns the address of the inbox with the question open that follows a question, in the list to
// which back leads. At the end of the list, the first one is open.
func (s *server) afterThis(ctx context.Context, v *weekView, post qa.PostID, back string) string {
	u, err := url.Parse(back)
	if err != nil {
		return back
	}
	view := inboxViewOf(v.Event.ID, u.Query())
	in, _, err := s.loadInbox(ctx, v, view)
	if err != nil {
		return view.address("") // the answer is saved anyway
	}
	items := view.list(&in)
	i := slices.IndexFunc(items, func(item qa.InboxItem) bool { return item.Thread.Question.ID == post })
	if i < 0 || i+1 == len(items) {
		return view.address("")
	}
	if next := items[i+1].Thread.Question.ID; i > 0 {
		return view.address(next) + "#" + postElem(next)
	}
	return view.address("") // where the next one is the first
}

// assign marks who will answer a question: the reader, another author, or nobody.
func (s *server) assign(w http.ResponseWriter, r *http.Request) {
	v, t, i, ok := s.loadPostFor(w, r, forAuthors)
	if !ok {
		return
	}
	p := postAt(t, i)
	acts := []qa.Act{{Kind: qa.ActMark, Post: p.ID, Mark: schema.KeyAssigned, Identity: v.me, On: r.PostForm.Get("take") == "1"}}
	words, undo := marked(&acts[0]), ""
	var err error
	if r.PostForm.Has("give") {
		to := qa.Identity(r.PostForm.Get("give"))
		words = "Assigned to " + v.personName(to) + "."
		acts, err = node.AssignActs(&v.Week, v.me, p, to)
	}
	if err == nil {
		undo, err = s.doUndoable(r, v, words, acts...)
	}
	if err != nil {
		s.problem(w, r, statusOf(err), "Not assigned", sentence(err.Error())+" Nothing was changed.")
		return
	}
	s.undoableDone(w, r, localPath(r.PostForm.Get("back")), p.ID, undo)
}
