package webui

import (
	"cmp"
	"html/template"
	"net/http"
	"net/url"
	"slices"

	"flyleaf/markdown"
	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
	"flyleaf/style"
)

// weekPage is the body of the page of a week.
type weekPage struct {
	Event          qa.Event
	Lang           string // see weekView.lang
	Path           string
	Days           string
	By             string
	About          template.HTML
	Announcement   template.HTML
	Winners        string // who gets a copy; "" if nobody does, or nobody knows yet
	Won            bool   // the reader gets one
	Links          []qa.Link
	Line           []weekday
	PhaseBold      string
	Phase          string
	Next           string        // what happens next in the week, and when
	Contradictions string        // details of the event that contradict each other
	OtherPages     []destination // of the week, besides those of the header
	Zone           string        // the event's zone, if it differs from the reader's
	CoverColour    int
	Cover          string // address of the cover picture; "" when there is none
	Setup          bool   // the reader may change the week's settings
	Invitation     string
	// InvitationProgram is the flyleaf: link, when Invitation opens in a browser.
	InvitationProgram string
	Ask               askBox
	Fresh             *freshLine
	Filters, Orders   []filter
	Threads           []threadView
	Empty             string
	paging
	Act         actForm
	Waiting     string // why the event is not downloaded yet
	NotArriving bool   // and it is not being downloaded now
	Claim       *claimNotice
	NotAccepted int // number of the reader's changes that were not accepted
	InviteQR    string
	Invited     bool
	CSRF        string
	OfferPhrase bool // see server.offersPhrase
}

// actForm is the one form that the small buttons below all posts belong to.
type actForm struct{ CSRF, Back string }

type filter struct {
	Name, URL string
	Count     int
	Counted   bool
	Here      bool
}

// askBox is the form for a question, with its contents.
type askBox struct {
	Title, Action, CSRF, Key string
	Draft                    node.Draft
	Kept                     bool // the draft was saved on this device
	DraftSaved               string
	Error                    string
	Preview                  template.HTML
	Name                     nameBox
	Picture                  pictureBox
	Suggestions              *suggestions // with Preview
	Anonymous                bool         // offer to ask without a name
	Ticked                   bool         // the reader chose to ask without a name
	NotAnonymous             string       // why the reader cannot ask without a name now; "" for no reason to show
}

// load reads a week for a page. When ok is false, it has already sent a response.
func (s *server) load(w http.ResponseWriter, r *http.Request) (v *weekView, ok bool) {
	ctx, event := r.Context(), qa.EventID(r.PathValue("event"))
	claim := s.claimNotice(ctx, event) // before the week, so that a role granted meanwhile is in the week or still announced
	week, err := s.node.Week(ctx, event)
	if err != nil || week.Event.Title == "" && len(week.Threads) == 0 {
		s.weekUnavailable(w, r, event, err)
		return nil, false
	}
	keys, err := s.node.Keys(ctx, event)
	if err != nil {
		s.readFailed(w, r, err)
		return nil, false
	}
	v = s.newWeekView(week, keys)
	v.can, v.csrf, v.claim = permissionsOf(week.Event, v.me), s.guard.form, claim
	v.nameless = v.People[v.me].Name == "" && s.person(ctx).Name == ""
	v.drafts, _ = s.node.Drafts(ctx, event) // the page must open anyway, here and in the next lines
	v.read, _ = s.node.ReadState(ctx, event)
	v.presence = s.presenceByPost(ctx, event)
	v.rejected, _ = s.node.Refusals(ctx, event)
	v.rejectedByPost = byPost(v.rejected)
	if v.unsent, err = s.node.Undelivered(ctx, event); err != nil {
		s.readFailed(w, r, err)
		return nil, false
	}
	if v.where, err = s.node.Whereabouts(ctx, event); err != nil {
		s.readFailed(w, r, err)
		return nil, false
	}
	st, err := s.node.Status(ctx, event)
	if err != nil {
		s.readFailed(w, r, err)
		return nil, false
	}
	v.relay, v.undelivered = st.Relay, st.Pending
	return v, true
}

// newWeekView returns the view of a week, with its threads in the order of the page. keys
// are the reader's identities: their own key first, then the keys of anonymous questions.
func (s *server) newWeekView(week qa.Week, keys []qa.Identity) *weekView {
	v := &weekView{Week: week, lang: week.Event.Consistent().Language, keys: keys, cal: s.calendar(week.Event), ownCal: s.calendar(qa.Event{})}
	if len(keys) > 0 {
		v.me = keys[0]
	}
	if week.Event.HasMath() {
		v.formula = s.formula
	}
	v.pinnedFirst()
	v.index()
	return v
}

// weekUnavailable responds for an event that is not followed, cannot be read, or is not
// downloaded yet.
func (s *server) weekUnavailable(w http.ResponseWriter, r *http.Request, event qa.EventID, err error) {
	st, statusErr := s.node.Status(r.Context(), event)
	switch {
	case node.KindOf(statusErr) == node.NotFound && s.relay != "" && isEventID(event):
		// Somebody opened the address of a page instead of an invitation. In a browser tab, the
		// page at /join/EVENT lets them join the week.
		http.Redirect(w, r, "/join/"+url.PathEscape(string(event)), http.StatusSeeOther)
		return
	case node.KindOf(statusErr) == node.NotFound:
		s.problem(w, r, http.StatusNotFound, "This week is not on this device",
			"To join it, paste its invitation under “Your weeks”.")
		return
	case statusErr != nil:
		s.readFailed(w, r, statusErr)
		return
	case err != nil && st.Title != "":
		s.readFailed(w, r, err)
		return
	}
	bold, rest := relayNow(st.Relay)
	l := s.layout(r, "Downloading", "week", weekPage{Event: qa.Event{ID: event}, Path: eventPath(event), Waiting: bold + ". " + rest, NotArriving: !isDownloading(st.Relay), Claim: s.claimNotice(r.Context(), event)})
	l.Stream = eventPath(event) + "/stream"
	s.page(w, r, http.StatusOK, "waiting", l)
}

// isDownloading reports whether an event of which nothing has arrived is on its way.
func isDownloading(r qa.RelayStatus) bool {
	return r.State == qa.RelayConnecting || r.State == qa.RelaySynced || r.State == qa.RelaySyncing && r.Why == ""
}

func isEventID(event qa.EventID) bool {
	_, err := qa.ParseEventID(string(event))
	return err == nil
}

func (s *server) week(w http.ResponseWriter, r *http.Request) {
	// From now on, an event that only a club lists is downloaded. If that is not possible,
	// the page says why.
	_ = s.node.Visit(r.Context(), qa.EventID(r.PathValue("event")))
	if v, ok := s.load(w, r); ok {
		if v.Event.Kind == schema.KindClub { // its page is the library
			http.Redirect(w, r, "/#club-"+url.PathEscape(string(v.Event.ID)), http.StatusSeeOther)
			return
		}
		s.showWeek(w, r, http.StatusOK, v, nil)
	}
}

// showWeek renders a week. ask, when not nil, is a question that could not be saved, or a
// preview.
func (s *server) showWeek(w http.ResponseWriter, r *http.Request, status int, v *weekView, ask *askBox) {
	e, q := v.Event, r.URL.Query()
	p := weekPage{
		Event: e, Lang: v.lang, Path: eventPath(e.ID), Contradictions: contradictionWords(&e), Days: v.cal.days(e), By: people.ByLine(authorsOf(e)), Line: v.cal.weekline(e),
		Zone: s.zoneToName(e, v.cal), CoverColour: style.CoverColour(string(e.ID)), Cover: coverPath(e), Setup: v.can.Organise,
	}
	p.PhaseBold, p.Phase = v.cal.phase(e)
	p.Next = s.nextPhaseWords(e, v.cal)
	p.OtherPages = v.otherPages()
	if e.Description != "" {
		p.About = markdown.Prose(e.Description)
	}
	if e.Announcement != "" {
		p.Announcement = markdown.Prose(e.Announcement)
	}
	if e.WinnersTold(s.now().UnixMilli()) {
		n := v.CountQuestions(v.keys...)
		p.Winners, p.Won = winnersWords(n.Winners), n.Won
	}
	for _, l := range e.Links {
		if qa.IsExternalLink(l.URL) {
			p.Links = append(p.Links, l)
		}
	}
	if inv, err := s.node.Invitation(r.Context(), e.ID); err == nil {
		p.Invitation, p.InvitationProgram = s.linksOf(inv)
		p.InviteQR = p.Path + "/invite/all.svg"
	}
	if p.Claim = v.claim; p.Claim != nil && e.Access != schema.AccessInvited && !e.Closed {
		p.Claim.Words += " Meanwhile you can read and ask."
	}
	p.OfferPhrase = s.offersPhrase(r.Context(), v)
	p.NotAccepted = len(v.rejected)
	p.Invited, p.CSRF = e.Access == schema.AccessInvited, v.csrf

	d, kept := v.drafts[askKey]
	p.Ask = askBox{Draft: d, Kept: kept}
	if ask != nil {
		p.Ask = *ask
	}
	p.Ask.Picture = v.pictureBox("i-ask")
	p.Ask.Name = v.nameBox("n-ask", p.Ask.Name.Typed)
	p.Ask.Anonymous, p.Ask.NotAnonymous = s.mayAskAnonymously(v)
	p.Ask.DraftSaved = v.ownCal.draftSaved(p.Ask.Draft)
	p.Ask.Title, p.Ask.Action, p.Ask.CSRF, p.Ask.Key = askTitle(e), p.Path+"/ask", v.csrf, askKey

	p.Fresh = v.fresh()
	show := q.Get("show")
	chosen := v.filterThreads(show, q.Get("sort"), &p)
	to := url.Values{}
	for _, key := range []string{"show", "sort"} {
		if s := q.Get(key); s != "" {
			to.Set(key, s)
		}
	}
	p.paging = newPaging(len(chosen), ThreadsOnPage, q.Get("page"), -1, func(n int) string { return pageAddress(p.Path, to, n) + "#threads" })
	from, until := p.on(len(chosen), ThreadsOnPage)
	day := ""
	byDay := q.Get("sort") == ""
	for _, t := range chosen[from:until] {
		tv := v.thread(t)
		key, title := v.cal.day(t.Question.AtMillis)
		if pinned(t) {
			key, title = "pinned", "Pinned"
		}
		if v.timeUnknown(&t.Question) && !pinned(t) {
			key = day // its day is not known either
		}
		if byDay && key != day {
			day, tv.Day, tv.DayElem = key, title, "d-"+key
		}
		p.Threads = append(p.Threads, tv)
	}
	if len(p.Threads) == 0 {
		p.Empty = emptyWords(show, len(v.Threads))
	}
	nav := "week"
	if r.URL.RawQuery == "" {
		nav = "this week"
	}
	l := s.layout(r, e.Title, nav, nil)
	if r.Method != http.MethodGet {
		l.Here = p.Path
	}
	p.Act = actForm{CSRF: v.csrf, Back: l.Here}
	v.nav(&l)
	l.Body, l.Event, l.Stream = p, p.Path, p.Path+"/stream"
	s.page(w, r, status, "week", l)
}

// filterThreads returns the threads that a filter shows, in their order, and fills in the filters and orders.
func (v *weekView) filterThreads(show, sort string, p *weekPage) []*qa.Thread {
	var all, unanswered, mine, fresh []*qa.Thread
	for i := range v.Threads {
		t := &v.Threads[i]
		all = append(all, t)
		if t.Open() {
			unanswered = append(unanswered, t)
		}
		if v.hasUnread(t) {
			fresh = append(fresh, t)
		}
		if v.mine(&t.Question) || slices.ContainsFunc(t.Replies, func(p qa.PostView) bool { return v.mine(&p) }) {
			mine = append(mine, t)
		}
	}
	lists := map[string][]*qa.Thread{"": all, "unanswered": unanswered, "mine": mine, "new": fresh}
	if lists[show] == nil && show != "new" && show != "unanswered" && show != "mine" {
		show = ""
	}
	address := func(show, sort string) string {
		to := url.Values{}
		for key, value := range map[string]string{"show": show, "sort": sort} {
			if value != "" {
				to.Set(key, value)
			}
		}
		return withQuery(p.Path, to)
	}
	for _, f := range []struct{ name, show string }{{"All", ""}, {"New", "new"}, {"Unanswered", "unanswered"}, {"Mine", "mine"}} {
		n := len(lists[f.show])
		if f.show == "new" && n == 0 && show != "new" {
			continue
		}
		p.Filters = append(p.Filters, filter{Name: f.name, URL: address(f.show, sort), Count: n, Counted: true, Here: show == f.show})
	}
	if n, ok := v.toApprove(); ok {
		p.Filters = append(p.Filters, filter{Name: "To approve", URL: queuePath(v.Event.ID), Count: n, Counted: true})
	}
	chosen := lists[show]
	order := weekOrders[0]
	for _, o := range weekOrders {
		if o.sort == sort {
			order = o
		}
	}
	for _, o := range weekOrders {
		p.Orders = append(p.Orders, filter{Name: o.name, URL: address(show, o.sort), Here: o.sort == order.sort})
	}
	if order.key != nil {
		slices.SortStableFunc(chosen, func(a, b *qa.Thread) int {
			return cmp.Or(oneIf(a.Question.AfterClosing)-oneIf(b.Question.AfterClosing), cmp.Compare(order.key(b), order.key(a)))
		})
	}
	return chosen
}

// weekOrders are the orders of a week's questions. key is what the first of them has most of; nil leaves them as they are.
var weekOrders = []struct {
	name, sort string
	key        func(*qa.Thread) int64
}{
	{"By day", "", nil},
	{"Newest", "newest", func(t *qa.Thread) int64 { return t.Question.AtMillis }},
	{"Latest activity", "activity", func(t *qa.Thread) int64 { return t.LastMillis() }},
	{"Most wanted", "wanted", func(t *qa.Thread) int64 { return int64(t.Wants) }},
}

func emptyWords(show string, all int) string {
	switch {
	case show == "unanswered" && all > 0:
		return "All questions are answered."
	case show == "new":
		return "Nothing is new."
	case show == "mine":
		return "You have not asked or replied here yet."
	}
	return "No questions yet. Ask the first one."
}

// address returns the address of a post: the page of its week, and the place on the page.
func (v *weekView) address(id qa.PostID) string {
	to := eventPath(v.Event.ID)
	if i, ok := v.threadIndex[id]; ok {
		to = pageAddress(to, nil, i/ThreadsOnPage+1) + "#" + postElem(id)
	}
	return to
}

// goTo redirects to the page of the week that has a post.
func (s *server) goTo(w http.ResponseWriter, r *http.Request) {
	v, ok := s.load(w, r)
	if !ok {
		return
	}
	id := qa.PostID(r.PathValue("post"))
	if _, _, known := v.find(id); !known {
		s.postNotFound(w, r)
		return
	}
	http.Redirect(w, r, v.address(id), http.StatusSeeOther)
}

func (s *server) postNotFound(w http.ResponseWriter, r *http.Request) {
	s.problem(w, r, http.StatusNotFound, "This post is not on this device",
		"It may not have arrived yet, or the address may be incomplete. Open the week to see what is here.")
}
