package webui

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"flyleaf/internal/smallsort"
	"flyleaf/markdown"
	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
)

// winnersPage is the body of the winners page. Everybody may read it.
type winnersPage struct {
	Event    qa.Event
	Path     string
	Address  string // of this page
	CSRF     string
	Can      permissions
	Lede     string
	Choosers []chooser
	Rows     []winnersRow // of this page
	Mine     int          // number of the reader's choices
	Askers   int          // number of people who asked
	Filters  []filter
	Words    string // searched for
	Show     string // field of the search form
	Back     string // the address of this page, to return to after the form is saved
	paging
	WonCopies     []wonCopy
	Remaining     int // number of copies without a winner
	Draw          drawView
	Fixed         bool   // who takes part in the draw, and its candidates, are fixed
	Announce      string // the text of the form
	Announced     string // the text that everybody sees; "" for none
	JustSaved     bool   // the announcement was saved just now
	AnnounceError string
	Won           bool // the reader has won a copy
	Saved         bool // the reader saved choices just now
	Claimed       bool // the reader sent an address just now
	Founder       string
	Claims        []qa.Claim
	ShowClaims    bool
	Contact       string // typed
	Error         string
	ClaimError    string
}

// chooser is an author or organiser, who has a column of the table.
type chooser struct {
	ID   qa.Identity
	Name string
	Me   bool
}

// winnersRow is the row of one entrant: a person who asked, with all of their questions.
type winnersRow struct {
	Who       string
	Asked     []askedLine
	More      int    // number of questions that are not listed
	All       string // address of the page with all questions of the entrant
	Wants     int
	Post      qa.PostID // the entrant's most wanted question, for which a choice is made
	Chosen    bool
	Cells     []chosenCell
	Candidate bool // the reader has marked the entrant as a candidate
	InDraw    bool // an author has marked the entrant before the week was closed
	Excluded  string
}

type askedLine struct {
	ID         qa.PostID
	Words, URL string
}

type chosenCell struct {
	Name string
	Me   bool
	Yes  bool
}

// wonCopy is one copy that has a winner.
type wonCopy struct{ Name, How, Through string }

// drawView is the state of the draw.
type drawView struct {
	State        qa.DrawState
	Words        string
	LastReveal   string   // warns about the person who reveals last
	Skipped      []string // people who cannot win, each with the reason
	Participants []string // names of the people who take part
	CanCommit    bool     // the reader may take part
	Committed    bool
	CanReveal    bool // the reader has a secret to reveal
	Rule         string
	CanSetRule   bool
	Seed         string
	Secrets      []drawSecret
	Entrants     []string
	Order        []string
	LeftOut      string
	Command      string
}

type drawSecret struct{ Name, Commitment, Secret string }

func (s *server) winners(w http.ResponseWriter, r *http.Request) {
	if v, ok := s.load(w, r); ok {
		s.showWinners(w, r, http.StatusOK, v, winnersPage{Claimed: r.URL.Query().Has("claimed"), Saved: r.URL.Query().Has("saved")})
	}
}

// movedToWinners redirects from an earlier address of the winners page, which people may
// have bookmarked.
func movedToWinners(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, eventPath(qa.EventID(r.PathValue("event")))+"/winners", http.StatusMovedPermanently)
}

// showWinners fills in the rest of page and renders it. Fields that page already has were
// typed by the reader, and are shown again.
func (s *server) showWinners(w http.ResponseWriter, r *http.Request, status int, v *weekView, page winnersPage) {
	drawn, err := v.RunDraw()
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	prizes := v.Prizes(drawn)
	path := eventPath(v.Event.ID)
	page.Event, page.Path, page.Address, page.CSRF, page.Can = v.Event, path, path+"/winners", v.csrf, v.can
	page.Lede = v.copiesLede()
	page.Choosers = v.choosers()
	if err := s.fillWinnersRows(r, v, &page); err != nil {
		s.readFailed(w, r, err)
		return
	}
	for _, p := range prizes {
		page.WonCopies = append(page.WonCopies, v.wonCopy(p))
		page.Won = page.Won || slices.Contains(v.keys, p.By)
	}
	page.Remaining = max(0, int(v.Event.Prizes)-len(prizes))
	page.Draw, page.Fixed = v.drawView(drawn), v.DrawFixed()
	page.Announced, page.JustSaved = v.Event.Announcement, r.URL.Query().Has("announced")
	page.Announce = cmp.Or(page.Announce, page.Announced, v.SuggestedAnnouncement())
	page.Founder = v.personName(v.Event.Founder)
	if v.Event.Founder == v.me {
		if page.Claims, err = s.node.PrizeClaims(r.Context(), v.Event.ID); err != nil {
			s.readFailed(w, r, err)
			return
		}
		page.ShowClaims = len(prizes)+len(page.Claims) > 0
	}
	if page.Won {
		w.Header().Set(converterHeader, "contacts")
	}
	l := s.layout(r, "Winners, "+v.Event.Title, "winners", page)
	v.nav(&l)
	l.Event, l.Winners, l.Stream, l.RefreshWhole = path, true, path+"/stream", r.Method == http.MethodGet
	s.page(w, r, status, "winners", l)
}

// nav chooses which pages of the week the header links to, and what new authors are told.
func (v *weekView) nav(l *layout) {
	l.Author, l.Welcome = v.can.Answer, v.welcome()
	l.ToApprove, l.Moderator = v.toApprove()
	l.Winners = v.can.Answer || v.can.Organise || len(v.Event.Winners) > 0 || v.Event.Draw != nil && v.DrawFixed()
}

func (v *weekView) copiesLede() string {
	by := "The authors choose the winners"
	switch v.Event.Prizes {
	case 0:
		return by + "."
	case 1:
		return "One copy. " + by + "; if they choose nobody, it is drawn at random."
	}
	return strings.TrimSpace(strings.Replace(prizes(v.Event), " to win.", ".", 1)) + " " + by + "; remaining copies are drawn at random."
}

// choosers returns the authors, the reader if they are an organiser, and everybody else whose
// choices count: the reader first, then by name.
func (v *weekView) choosers() []chooser {
	var out []chooser
	add := func(id qa.Identity) {
		if !slices.ContainsFunc(out, func(c chooser) bool { return c.ID == id }) {
			out = append(out, chooser{ID: id, Name: v.firstName(id), Me: id == v.me})
		}
	}
	for _, g := range v.Event.Roles {
		if g.Role == qa.RoleAuthor {
			add(g.ID)
		}
	}
	if v.can.Organise {
		add(v.me)
	}
	for _, win := range v.Event.Winners {
		add(win.By)
	}
	smallsort.StableFunc(out, func(a, b chooser) int {
		return cmp.Or(oneIf(b.Me)-oneIf(a.Me), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// How many people one winners page lists, how many questions of each, and how many names each list of the draw.
const (
	rowsOnPage     = 50
	questionsOfOne = 3
	namesOfDraw    = 100
)

// fillWinnersRows fills in the table: the people on the page that the query of the address asks for.
func (s *server) fillWinnersRows(r *http.Request, v *weekView, page *winnersPage) error {
	q := pageQuery(r)
	rows, mine := v.winnersRows(page.Choosers)
	page.Mine, page.Askers, page.Words, page.Show = mine, len(rows), strings.TrimSpace(q.Get("q")), q.Get("show")
	found, err := s.threadsAbout(r.Context(), v, page.Words)
	if err != nil {
		return err
	}
	var chosen []winnersRow
	one := qa.PostID(q.Get("who"))
	kept := rows[:0]
	for _, row := range rows {
		if one != "" && !slices.ContainsFunc(row.Asked, func(a askedLine) bool { return a.ID == one }) || page.Words != "" && !row.isAbout(v, page.Words, found) {
			continue
		}
		kept = append(kept, row)
		if row.Chosen || row.Candidate || row.InDraw {
			chosen = append(chosen, row)
		}
	}
	rows = kept
	address := func(show string, n int) string {
		to := url.Values{}
		for key, value := range map[string]string{"show": show, "q": page.Words, "who": string(one)} {
			if value != "" {
				to.Set(key, value)
			}
		}
		return pageAddress(page.Address, to, n)
	}
	page.Filters = []filter{
		{Name: "Everyone", URL: address("", 1), Count: len(rows), Counted: true, Here: page.Show != "chosen"},
		{Name: "Chosen and candidates", URL: address("chosen", 1), Count: len(chosen), Counted: true, Here: page.Show == "chosen"},
	}
	if page.Show == "chosen" {
		rows = chosen
	}
	page.paging = newPaging(len(rows), rowsOnPage, q.Get("page"), -1, func(n int) string { return address(page.Show, n) })
	from, until := page.on(len(rows), rowsOnPage)
	page.Rows, page.Back = rows[from:until], address(page.Show, page.Page)
	for i := range page.Rows {
		if row := &page.Rows[i]; one == "" && len(row.Asked) > questionsOfOne {
			row.More, row.Asked = len(row.Asked)-questionsOfOne, row.Asked[:questionsOfOne]
			row.All = withQuery(page.Address, url.Values{"who": {string(row.Post)}})
		}
		for k := range page.Rows[i].Asked {
			a := &page.Rows[i].Asked[k]
			t, _, _ := v.find(a.ID)
			a.Words, a.URL = markdown.Line(t.Question.Text(), 120), v.address(a.ID)
		}
	}
	return nil
}

// isAbout reports whether a search finds the entrant's name or one of their questions. found are the threads that contain the words.
func (row *winnersRow) isAbout(v *weekView, words string, found map[int]bool) bool {
	return strings.Contains(strings.ToLower(row.Who), strings.ToLower(words)) ||
		slices.ContainsFunc(row.Asked, func(a askedLine) bool { return found[v.threadIndex[a.ID]] })
}

// few bounds a list of names.
func few(names []string) []string {
	if len(names) <= namesOfDraw {
		return names
	}
	return append(slices.Clone(names[:namesOfDraw]), fmt.Sprintf("and %d more", len(names)-namesOfDraw))
}

// winnersRows lists the people who asked, most wanted first.
func (v *weekView) winnersRows(choosers []chooser) (rows []winnersRow, mine int) {
	for _, a := range v.Askers() {
		row := winnersRow{Who: v.askerName(&a), Wants: a.Wants, Post: a.MostWanted, Excluded: v.WhyIneligible(&a.Questions[0].Question)}
		chosen := map[qa.Identity]bool{}
		for _, t := range a.Questions {
			q := &t.Question
			row.Asked = append(row.Asked, askedLine{ID: q.ID})
			row.Candidate = row.Candidate || slices.Contains(q.Marks.Candidate, v.me)
			row.InDraw = row.InDraw || q.Marks.InDraw
			for _, win := range v.Event.Winners {
				if win.Post == q.ID {
					chosen[win.By] = true
				}
			}
		}
		for _, c := range choosers {
			yes := chosen[c.ID]
			row.Cells = append(row.Cells, chosenCell{Name: c.Name, Me: c.Me, Yes: yes})
			row.Chosen = row.Chosen || yes
			if c.Me && yes {
				mine++
			}
		}
		rows = append(rows, row)
	}
	smallsort.StableFunc(rows, func(a, b winnersRow) int { return b.Wants - a.Wants })
	return rows, mine
}

// askerName returns the name of a row.
func (v *weekView) askerName(a *qa.Asker) string {
	q := &a.Questions[0].Question
	name := q.Name
	if q.OnBehalfOf == "" && v.People[q.By].Name != "" {
		name = v.lookalikes().Call(q.By) // tells apart two people with one name
	}
	if q.OnBehalfOf != "" && !q.IsImported() && !v.mine(q) {
		name = people.Isolate(name) + ", through " + v.personName(q.By)
	}
	return name
}

func (v *weekView) entrant(e qa.Entrant) string {
	return people.Isolate(v.EntrantName(e))
}

func (v *weekView) wonCopy(p qa.Prize) wonCopy {
	out := wonCopy{Name: v.entrant(p.Entrant), How: "drawn at random"}
	if len(p.ChosenBy) > 0 {
		var names []string
		for _, id := range p.ChosenBy {
			names = append(names, v.personName(id))
		}
		out.How = "chosen by " + people.And(names)
	}
	if p.OnBehalfOf != "" {
		out.Through = "goes to " + v.personName(p.By) + ", who asked on their behalf"
	}
	return out
}

// shownWinners is how many winners the list of weeks and the page of a week name.
const shownWinners = 5

// winnersWords lists the names of winners.
func winnersWords(names []string) string {
	out := make([]string, 0, shownWinners+1)
	for _, name := range names[:min(len(names), shownWinners)] {
		out = append(out, people.Isolate(name))
	}
	if n := len(names) - shownWinners; n > 0 {
		out = append(out, fmt.Sprintf("%d more", n))
	}
	return people.And(out)
}

// announce shows a text of the organiser to everybody, or removes it. The week may be closed.
func (s *server) announce(w http.ResponseWriter, r *http.Request) {
	v, ok := s.loadFor(w, r, forOrganisers)
	if !ok {
		return
	}
	text := strings.TrimSpace(qa.LineEnds(r.PostForm.Get("text")))
	if r.PostForm.Has("remove") {
		text = ""
	}
	act := qa.Act{Kind: qa.ActEvent, Fields: map[string]any{schema.KeyAnnouncement: text}}
	if _, err := s.node.Do(r.Context(), v.Event.ID, act); err != nil {
		s.showWinners(w, r, statusOf(err), v, winnersPage{AnnounceError: "Not saved. " + notSaved(err), Announce: text})
		return
	}
	formDone(w, r, eventPath(v.Event.ID)+"/winners?announced=1#say", "")
}

func (v *weekView) drawView(d qa.Drawn) drawView {
	out := drawView{State: d.State, Rule: qa.DrawAll, Seed: d.Seed, Command: "flyleaf winners verify --event " + string(v.Event.ID)}
	var commitments []qa.Commitment
	if v.Event.Draw != nil {
		commitments, out.Rule = v.Event.Draw.Commitments, cmp.Or(v.Event.Draw.Rule, qa.DrawAll)
	}
	for _, c := range commitments {
		out.Participants = append(out.Participants, v.personName(c.By))
		if c.By == v.me {
			out.Committed = true
			out.CanReveal = v.MayReveal(v.me) == nil
		}
		out.Secrets = append(out.Secrets, drawSecret{v.personName(c.By), c.Hash, c.Secret})
	}
	out.LastReveal = v.LastRevealWarning(d)
	for _, p := range v.Ineligible(d) {
		out.Skipped = append(out.Skipped, v.entrant(p.Entrant)+": "+p.Why)
	}
	out.CanCommit = !v.DrawFixed() && !out.Committed && (v.can.Answer || v.can.Organise)
	out.CanSetRule = !v.DrawFixed() && v.can.Organise
	names := func(ids []qa.Identity) string {
		var list []string
		for _, id := range ids {
			list = append(list, v.personName(id))
		}
		return people.And(list)
	}
	if len(d.Excluded) > 0 {
		out.LeftOut = names(d.Excluded)
	}
	for _, e := range d.Entrants {
		out.Entrants = append(out.Entrants, v.entrant(e))
	}
	for _, e := range d.Order {
		out.Order = append(out.Order, v.entrant(e))
	}
	out.Entrants, out.Order, out.Skipped = few(out.Entrants), few(out.Order), few(out.Skipped)
	switch d.State {
	case qa.DrawOpen:
		out.Words = "Participants and candidates are fixed when the week is closed."
	case qa.DrawWaiting:
		out.Words = "Waiting for " + names(d.Unrevealed) + " to reveal their secret."
	case qa.DrawDone:
		out.Words = "Drawn. The remaining copies go out in this order."
		switch {
		case v.Event.Prizes == 0:
			out.Words = "Drawn, but the week has no number of copies, so nobody gets a copy by the draw."
		case !slices.ContainsFunc(v.Prizes(d), func(p qa.Prize) bool { return len(p.ChosenBy) == 0 }):
			out.Words = "Drawn, but no copy is left for it: the authors chose the winners of all copies."
		}
	default:
		switch why := v.WhyNoDraw(d); {
		case why != "":
			out.Words = why
		case len(commitments) == 0:
			out.Words = "Nobody takes part yet. Organisers and authors each commit to a secret. With only one secret, its owner could predict the result."
		default:
			out.Words = "No candidates yet. Authors mark them in the table."
		}
	}
	return out
}

// chooseWinners handles the check boxes of the table. It does not change rows that were
// not on the page.
func (s *server) chooseWinners(w http.ResponseWriter, r *http.Request) {
	v, ok := s.loadFor(w, r, forChoosers)
	if !ok {
		return
	}
	has := func(name, post string) bool { return slices.Contains(r.PostForm[name], post) }
	var choices []qa.WinnerChoice
	for _, post := range r.PostForm["row"] {
		choices = append(choices, qa.WinnerChoice{Post: qa.PostID(post), Chosen: has("choose", post), Candidate: has("candidate", post)})
	}
	undo, err := s.doUndoable(r, v, "Choices saved.", v.ChoiceActs(v.me, choices)...)
	if err != nil {
		s.showWinners(w, r, statusOf(err), v, winnersPage{Error: "Not saved. " + sentence(err.Error())})
		return
	}
	back := eventPath(v.Event.ID) + "/winners"
	if r.PostForm.Has("back") {
		back = localPath(r.PostForm.Get("back"))
	}
	s.undoableDone(w, r, savedAt(back), "", undo)
}

// drawStep handles the buttons of the draw: take part, reveal the secret, set the rule.
func (s *server) drawStep(w http.ResponseWriter, r *http.Request) {
	v, ok := s.loadFor(w, r, forChoosers)
	if !ok {
		return
	}
	var err error
	switch r.PostForm.Get("step") {
	case "rule":
		_, err = s.node.Do(r.Context(), v.Event.ID, qa.Act{Kind: qa.ActDraw, Mark: schema.KeyRule, Text: r.PostForm.Get("rule")})
	case "commit":
		err = s.node.CommitDraw(r.Context(), v.Event.ID)
	case "open":
		err = s.node.RevealDraw(r.Context(), v.Event.ID)
	default:
		err = node.Errorf(node.Invalid, "this form has no such step")
	}
	if err != nil {
		s.showWinners(w, r, statusOf(err), v, winnersPage{Error: "Not done. " + sentence(err.Error()) + " Nothing was changed."})
		return
	}
	formDone(w, r, eventPath(v.Event.ID)+"/winners#draw", "")
}

// claim encrypts the reader's address for the founder and sends it.
func (s *server) claim(w http.ResponseWriter, r *http.Request) {
	v, ok := s.load(w, r)
	if !ok {
		return
	}
	contact := strings.TrimSpace(r.PostForm.Get("contact"))
	if _, err := s.node.ClaimPrize(r.Context(), v.Event.ID, contact); err != nil {
		s.showWinners(w, r, http.StatusUnprocessableEntity, v, winnersPage{Contact: contact, ClaimError: "Not sent. " + sentence(err.Error())})
		return
	}
	formDone(w, r, eventPath(v.Event.ID)+"/winners?claimed=1#claim", "")
}
