package webui

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"flyleaf/internal/smallsort"
	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
	"flyleaf/style"
)

// libraryPage is the body of the first page.
type libraryPage struct {
	Club     string // the only section is this club, and the page has its name; "" otherwise
	Sections []weekSection
	Waiting  []weekCard // joined, but not downloaded yet
	Any      bool
	Forms    libraryForms
	NewClub  clubForm
}

// clubForm is the form of a new club, with its contents.
type clubForm struct {
	CSRF                         string
	Open                         bool
	Name, About, Language, Relay string
	Error                        string
	Similar                      bool // ask whether to create a club although another has almost the same name
}

type year struct {
	Name  string
	Books []weekCard
}

// weekCard is what the library shows of one week.
type weekCard struct {
	Title, By, Path, Days, Day string
	Line                       []weekday
	CoverColour                int
	Bold, Posts                string // number of questions, and of unanswered questions; or "not downloaded yet"
	Why                        string // why the week is not downloaded yet
	Winners                    string // "You won a copy", or who did; "" if nobody has
	Cover                      string // address of its picture; "" when it has none
	Today                      string // "day 3 of 5"; "" outside the week
	Ask                        bool   // questions are open
	New                        int    // number of new posts
	News                       string // what they are
	id                         qa.EventID
	winnersTold                bool // see qa.Event.WinnersTold
	starts                     int64
}

// libraryForms are the two forms of the library page, with their contents.
type libraryForms struct {
	CSRF                                string
	Open                                string // the form that is open: "new" or "join"
	Title, Authors, Starts, Zone, Relay string
	Description, Invitation, Access     string
	Copies, Club                        string
	Clubs                               []choice // that a new week can be listed in
	NewError, JoinError                 string
	Name                                nameBox
	JoinMove                            string // the relay to which joining would move the event, for the reader to confirm
}

// joinParam is the parameter of the list of weeks with an invitation, which fills in the form for joining.
const joinParam = "join"

// JoinPath returns the path of the page that asks whether to join with an invitation.
func JoinPath(inv qa.Invitation) string {
	return "/?" + url.Values{joinParam: {inv.String()}}.Encode() + "#join"
}

func (s *server) library(w http.ResponseWriter, r *http.Request) {
	f := libraryForms{Starts: nextMonday(s.now().In(s.zone)).Format(time.DateOnly)}
	if inv := r.URL.Query().Get(joinParam); inv != "" {
		f.Open, f.Invitation = "join", inv
	}
	s.showLibrary(w, r, http.StatusOK, f, clubForm{})
}

func (s *server) showLibrary(w http.ResponseWriter, r *http.Request, status int, f libraryForms, club clubForm) {
	ctx := r.Context()
	library, err := s.node.Library(ctx)
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	clubs, err := s.node.Clubs(ctx)
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	all, err := s.node.Overview(ctx)
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	if f.Relay == "" && f.NewError == "" {
		f.Relay = s.relay
	}
	states := make(map[qa.EventID]qa.Status)
	for _, st := range all {
		states[st.Event] = st
		if f.Relay == "" && f.NewError == "" && st.Relay.URL != "" {
			f.Relay = st.Relay.URL // a suggestion: most clubs use one relay
		}
	}
	if club.Relay == "" && club.Error == "" {
		club.Relay = f.Relay
	}
	p := libraryPage{Any: len(library) > 0, Forms: f, NewClub: club}
	p.Forms.CSRF, p.NewClub.CSRF = s.guard.form, s.guard.form
	if s.person(ctx).Name == "" {
		p.Forms.Name.Elem = "n-join"
	}
	if !p.Any && f.Open == "" && !club.Open {
		p.Forms.Open = "join"
	}
	now := s.now().UnixMilli()
	me, err := s.node.Identity(ctx)
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	listed := s.clubSections(ctx, me, clubs, library, &p)
	var others []qa.Event // in no club
	for i := range library {
		e := library[i].Event.Consistent()
		switch {
		case e.Kind == schema.KindClub || listed[e.ID]:
		case e.Title == "":
			b := s.cardOf(e)
			b.Title = "A week"
			bold, rest := relayNow(states[e.ID].Relay)
			b.Why = bold + ". " + rest
			p.Waiting = append(p.Waiting, b)
		default:
			others = append(others, e)
		}
	}
	p.addOthers(s, others, now)
	smallsort.StableFunc(p.Sections, func(a, b weekSection) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title)))
	})
	if len(p.Sections) == 1 {
		p.Club = p.Sections[0].Title
	}
	s.countAllQuestions(ctx, &p)
	l := s.layout(r, "Your weeks", "library", p)
	l.Sync = syncSummaryOf(node.Summarize(all))
	s.page(w, r, status, "library", l)
}

// cardOf returns the card of a week without the number of its questions, which
// countQuestions adds to the cards that the page shows.
func (s *server) cardOf(e qa.Event) weekCard {
	e = e.Consistent()
	c := s.calendar(e)
	b := weekCard{
		Title: e.Title, By: people.ByLine(authorsOf(e)), Path: eventPath(e.ID), Days: c.days(e), CoverColour: style.CoverColour(string(e.ID)),
		Cover: coverPath(e), id: e.ID, starts: e.StartsAtMillis,
	}
	b.Ask = !e.Closed
	b.winnersTold = e.WinnersTold(s.now().UnixMilli())
	b.Line = c.weekline(e)
	b.Today = today(b.Line)
	if e.StartsAtMillis != 0 {
		b.Day = c.at(e.StartsAtMillis).Format("2 Jan")
	}
	return b
}

// addOthers adds the weeks that no club lists, as a section without a name. Without dates a week is running
// until it is closed, unless it was imported.
func (p *libraryPage) addOthers(s *server, weeks []qa.Event, nowMillis int64) {
	if len(weeks) == 0 {
		return
	}
	here := map[qa.EventID]qa.Event{}
	var dated, running, past []qa.ListedWeek
	for _, e := range weeks {
		here[e.ID] = e
		switch l := e.Listing(); {
		case l.StartsAtMillis != 0 || l.EndsAtMillis != 0:
			dated = append(dated, l)
		case e.Closed || e.Source != "":
			past = append(past, l)
		default:
			running = append(running, l)
		}
	}
	c := qa.NewClub(qa.Event{Weeks: dated}, nowMillis)
	all := func(weeks ...qa.ListedWeek) []weekCard { return s.cardsOfListed(weeks, len(weeks), here) }
	p.Sections = append(p.Sections, weekSection{
		Now: all(append(c.Now, running...)...), Coming: all(c.Upcoming...), Read: all(append(c.Archive, past...)...), Count: len(weeks),
	})
}

// groupByYear groups weeks by year. The weeks must be sorted by their first day.
func groupByYear(books []weekCard) (out []year) {
	for _, b := range books {
		name := "No date"
		if b.starts != 0 {
			name = time.UnixMilli(b.starts).UTC().Format("2006")
		}
		if n := len(out); n == 0 || out[n-1].Name != name {
			out = append(out, year{Name: name})
		}
		y := &out[len(out)-1]
		y.Books = append(y.Books, b)
	}
	return out
}

func nextMonday(t time.Time) time.Time {
	return t.AddDate(0, 0, (8-int(t.Weekday()))%7)
}

// createWeek handles the form of a new week. The week lasts five days, starting on the
// given day.
func (s *server) createWeek(w http.ResponseWriter, r *http.Request) {
	form := r.PostForm
	f := libraryForms{
		Open: "new", Title: strings.TrimSpace(form.Get("title")), Authors: strings.TrimSpace(form.Get("authors")),
		Starts: strings.TrimSpace(form.Get("starts")), Zone: strings.TrimSpace(form.Get("zone")),
		Relay: strings.TrimSpace(form.Get("relay")), Description: strings.TrimSpace(form.Get("description")), Access: form.Get("access"),
		Copies: strings.TrimSpace(form.Get("copies")), Club: form.Get("club"),
	}
	refuse := func(status int, words string) {
		f.NewError = words
		s.showLibrary(w, r, status, f, clubForm{})
	}
	if f.Title == "" {
		refuse(http.StatusUnprocessableEntity, "The week needs the title of the book.")
		return
	}
	if f.Access != schema.AccessInvited {
		f.Access = schema.AccessOpen
	}
	if f.Relay != "" {
		if err := qa.CheckRelay(f.Relay); err != nil {
			refuse(http.StatusUnprocessableEntity, sentence(err.Error())+" A relay address looks like ws://127.0.0.1:3030. Leave it empty to work without a relay for now.")
			return
		}
	}
	e := qa.Event{Kind: schema.KindEvent, Access: f.Access, Title: f.Title, Authors: f.Authors, Zone: f.Zone, Description: f.Description}
	zone := s.zone
	if f.Zone != "" {
		z, err := qa.LoadZone(f.Zone)
		if err != nil {
			refuse(http.StatusUnprocessableEntity, sentence(err.Error()+", or leave it empty"))
			return
		}
		zone = z
	}
	if f.Starts != "" {
		day, err := time.ParseInLocation(time.DateOnly, f.Starts, zone)
		if err != nil {
			refuse(http.StatusUnprocessableEntity, "Write the first day like 2026-11-30, or leave it empty.")
			return
		}
		e.SetWeek(day.Year(), day.Month(), day.Day(), zone)
	}
	if f.Copies != "" {
		n, err := strconv.ParseUint(f.Copies, 10, 32)
		if err != nil {
			refuse(http.StatusUnprocessableEntity, "The number of copies to win must be a number, or empty.")
			return
		}
		e.Prizes = n
	}
	inv, err := node.SetUpWeek(r.Context(), s.node, s.converter, node.NewWeek{Event: e, Relay: f.Relay, Club: qa.EventID(f.Club)})
	switch {
	case err != nil && inv.Event == "":
		refuse(statusOf(err), "Not saved. "+notSaved(err))
		return
	case err != nil:
		s.problem(w, r, statusOf(err), "The week is set up, but not on the club’s list", sentence(err.Error())+" Open the week under “Your weeks” and choose the club under “Week settings”.")
		return
	}
	formDone(w, r, eventPath(inv.Event)+"/setup?new=1", "")
}

// createClub handles the form of a new club.
func (s *server) createClub(w http.ResponseWriter, r *http.Request) {
	text := func(field string) string { return strings.TrimSpace(qa.LineEnds(r.PostForm.Get(field))) }
	f := clubForm{Open: true, Name: text("title"), About: text("about"), Language: text("language"), Relay: text("relay")}
	inv, err := node.CreateClub(r.Context(), s.node, qa.Event{Title: f.Name, Description: f.About, Language: f.Language}, f.Relay, r.PostForm.Has("another"))
	if err != nil {
		f.Error = "Not created. " + sentence(err.Error()) + " What you typed is still here."
		if similar := (*node.SimilarClubError)(nil); errors.As(err, &similar) {
			f.Similar = true
			f.Error = "Not created yet: there is a club with the same name, or almost the same: " + similar.Names() + "."
		}
		s.showLibrary(w, r, statusOf(err), libraryForms{Starts: nextMonday(s.now().In(s.zone)).Format(time.DateOnly)}, f)
		return
	}
	formDone(w, r, "/#club-"+string(inv.Event), "")
}

func (s *server) join(w http.ResponseWriter, r *http.Request) {
	f := libraryForms{Open: "join", Invitation: strings.TrimSpace(r.PostForm.Get("invitation")), Name: typedName(r)}
	inv, err := qa.ParseInvitation(f.Invitation)
	if err != nil {
		f.JoinError = "Not joined. " + sentence(err.Error()) + " What you pasted is still in the box."
		s.showLibrary(w, r, http.StatusUnprocessableEntity, f, clubForm{})
		return
	}
	if err := s.saveName(r); err != nil {
		f.JoinError = "Not joined. " + sentence(err.Error()) + " What you pasted is still in the box."
		s.showLibrary(w, r, statusOf(err), f, clubForm{})
		return
	}
	inv.Move = r.PostForm.Get("move") == "1"
	if err := s.node.Join(r.Context(), inv); err != nil {
		var other *qa.OtherRelayError
		if errors.As(err, &other) {
			f.JoinError, f.JoinMove = sentence(other.Error()), other.To
			s.showLibrary(w, r, http.StatusConflict, f, clubForm{})
			return
		}
		f.JoinError = "Not joined. " + notSaved(err)
		s.showLibrary(w, r, statusOf(err), f, clubForm{})
		return
	}
	formDone(w, r, "/e/"+url.PathEscape(string(inv.Event)), "")
}
