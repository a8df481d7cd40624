package webui

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"flyleaf/node"
	"flyleaf/node/convert"
	"flyleaf/qa"
	"flyleaf/schema"
)

// TestLibraryCountsQuestions: the library shows the number of questions, and of unanswered
// ones, of each downloaded week, and says which weeks are not downloaded.
func TestLibraryCountsQuestions(t *testing.T) {
	s := newSite(t, "")
	addToClub(s)
	week, err := s.node.Week(t.Context(), s.event)
	if err != nil {
		t.Fatal(err)
	}
	n := week.CountQuestions()
	page := s.get("/")
	mustContain(t, page, fmt.Sprintf("<b>%d questions</b>, %d unanswered.", n.Questions, n.Open), "This week, day 3 of 5", `<span class="count">not downloaded yet</span>`)
}

// TestLibraryOfAHugeClub: the library shows a limited number of a club's weeks. Separate
// pages list all of them.
func TestLibraryOfAHugeClub(t *testing.T) {
	s := newSite(t, "")
	id := eventID(7)
	club := qa.Event{ID: id, Kind: "club", Title: "The Lamplight Readers", Founder: noor}
	day := func(n int) int64 { return testNow.AddDate(0, 0, n).UnixMilli() }
	week := func(n int) qa.ListedWeek {
		return qa.ListedWeek{ID: qa.MakeEventID([16]byte{5, byte(n >> 8), byte(n)}), Title: fmt.Sprintf("Volume %d", n)}
	}
	for n := range 2_000 {
		l := week(n)
		switch n % 4 {
		case 0:
			l.StartsAtMillis, l.EndsAtMillis = day(-1), day(3)
		case 1:
			l.StartsAtMillis, l.EndsAtMillis = day(n), day(n+4)
		default:
			l.StartsAtMillis, l.EndsAtMillis = day(-n-10), day(-n-6)
		}
		club.Weeks = append(club.Weeks, l)
	}
	s.node.addEvent(club)
	page := s.get("/")
	if n := strings.Count(page, "Volume "); n > 200 {
		t.Errorf("%d titles in the library", n)
	}
	mustContain(t, page, `<a href="/club/`+string(id)+`">All 2000 weeks</a>`)
	seen := map[string]bool{}
	for n := 1; n <= 20; n++ {
		page := s.get(fmt.Sprintf("/club/%s?page=%d", id, n))
		for _, part := range strings.Split(page, `<a href="/e/`)[1:] {
			seen[part[:strings.Index(part, `"`)]] = true
		}
	}
	if len(seen) != 2_000 {
		t.Errorf("%d weeks on 20 pages", len(seen))
	}
	if w := s.do(httptest.NewRequest("GET", "/club/"+string(eventID(99)), nil)); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
}

// TestWeekSaysWhatComesNext: the page names the next phase of the week in the reader's time zone.
func TestWeekSaysWhatComesNext(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	auckland, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		t.Fatal(err)
	}
	var e qa.Event
	e.Zone = "Europe/Berlin"
	e.SetWeek(2026, time.March, 23, berlin)
	at := func(day, hour int) time.Time { return time.Date(2026, time.March, day, hour, 0, 0, 0, berlin) }
	for _, c := range []struct {
		now  time.Time
		zone *time.Location
		want string
	}{
		{at(20, 9), berlin, ""}, // the line above says it
		{at(20, 9), auckland, "Week starts: Monday 23 March, 12:00 (your time)."},
		{at(25, 9), berlin, "Last answers: Thursday 26 March, end of day."},
		{at(25, 9), auckland, "Last answers: Friday 27 March, 12:00 (your time)."},
		{at(27, 9), auckland, "Winners are chosen: Saturday 28 March, 00:00 (your time)."},
		{at(27, 13), berlin, "Week ends: Friday 27 March, end of day."},
		{at(29, 9), berlin, ""},
	} {
		s := &server{zone: c.zone, now: func() time.Time { return c.now }}
		if got := s.nextPhaseWords(e, s.calendar(e)); got != c.want {
			t.Errorf("at %v: %q, want %q", c.now, got, c.want)
		}
	}
	e.Closed = true
	s := &server{zone: berlin, now: func() time.Time { return at(25, 9) }}
	if got := s.nextPhaseWords(e, s.calendar(e)); got != "" {
		t.Errorf("closed, and %q", got)
	}
}

// TestOrderOfTheLibrary: running weeks come first, then upcoming ones, then the archive by date, whether or
// not a club lists them. Nobody is invited to ask in a week that is over or closed.
func TestOrderOfTheLibrary(t *testing.T) {
	s := newSite(t, "")
	day := func(n int) int64 { return testNow.AddDate(0, 0, n).UnixMilli() }
	add := func(n byte, e qa.Event) qa.Event {
		e.ID, e.Kind, e.Founder = eventID(n), schema.KindEvent, noor
		s.node.addEvent(e)
		return e
	}
	dates := func(title string, from, until int) qa.Event {
		return qa.Event{Title: title, StartsAtMillis: day(from), EndsAtMillis: day(until)}
	}
	old := add(20, dates("Read in 2021", -2000, -1996))
	add(21, dates("Read in 2022", -1600, -1596))
	order := func(titles ...string) {
		t.Helper()
		page, at := s.get("/"), 0
		for _, title := range titles {
			n := strings.Index(page[at:], ">"+title+"</a>")
			if n < 0 {
				t.Errorf("%q is not after the others of %q", title, titles)
			}
			at += max(n, 0)
		}
	}
	s.node.editViews(s.event, func(w *shownWeek) { // the sample's week is over, too
		w.event.StartsAtMillis, w.event.EndsAtMillis, w.event.AnswersUntilMillis, w.event.WinnersAtMillis = day(-9), day(-5), 0, 0
	})
	order("The Patient Ledger", "Read in 2022", "Read in 2021")
	page := s.get("/")
	mustNotContain(t, page, "latest", "#ask", "This week")
	mustContain(t, page, ">Past weeks<")

	add(22, dates("In December", 30, 34))
	add(23, dates("Next week", 5, 9))
	add(24, dates("Now", -1, 3))
	closed := dates("Now, and closed", -2, 2)
	closed.Closed = true
	add(25, closed)
	add(26, qa.Event{Title: "Whenever you like"})
	add(27, qa.Event{Title: "Of unknown age", Source: "page:x"})
	order("Now, and closed", "Now", "Whenever you like", "Next week", "In December", "The Patient Ledger", "Read in 2021", "Of unknown age")
	page = s.get("/")
	for id, asks := range map[byte]bool{20: false, 22: false, 23: false, 24: true, 25: false, 26: true, 27: false} {
		if got := strings.Contains(page, `href="`+eventPath(eventID(id))+`#ask"`); got != asks {
			t.Errorf("week %d offers to ask: %v", id, got)
		}
	}

	// A club without a running week comes after weeks that are running, and archives come last.
	s.node.addEvent(qa.Event{ID: eventID(30), Kind: schema.KindClub, Title: "A Club", Founder: noor, Weeks: []qa.ListedWeek{
		old.Listing(), {ID: eventID(31), Title: "The club’s next", StartsAtMillis: day(2), EndsAtMillis: day(6)}, {ID: eventID(32), Title: "To be decided"},
	}})
	order("Now", "The club’s next", "To be decided", "Read in 2021")
	order("Now", "In December", "Read in 2022")
	order("The club’s next", "Read in 2022")
	mustContain(t, s.get("/"), "<h1>Your weeks</h1>", "Dates not set yet")
	s.node.addEvent(qa.Event{ID: eventID(33), Kind: schema.KindClub, Title: "Club B", Founder: noor, Weeks: []qa.ListedWeek{
		{ID: eventID(34), Title: "Running in B", StartsAtMillis: day(-1), EndsAtMillis: day(3)},
	}})
	order("Running in B", "The club’s next")
}

// slackExport is a converter for which every file is a Slack export with one week.
type slackExport struct {
	node.Converter
	question string
}

func (x slackExport) ReadWeeks(context.Context, node.FileToRead) (node.WeeksOfFile, error) {
	return node.WeeksOfFile{Channel: "books", Weeks: []node.WeekOfFile{{Week: qa.Imported{
		Format: "slack", Source: "slack:books", Event: qa.Event{Title: "Out of Slack"},
		Posts: []qa.ImportedPost{{Parent: -1, Name: "Ada", Text: x.question, AtMillis: testNow.UnixMilli(), Source: "slack:books#1"}},
	}}}}, nil
}

// TestFilesPageAsksBeforeASecondClub: an import into a club of almost the same name imports nothing and asks.
func TestFilesPageAsksBeforeASecondClub(t *testing.T) {
	s := newSite(t, "")
	s.converter = slackExport{convert.Direct{}, "A question?"}
	s.serve(s.node)
	if _, err := s.node.CreateEvent(t.Context(), qa.Event{Kind: schema.KindClub, Title: "The Lamplight Readers"}, ""); err != nil {
		t.Fatal(err)
	}
	mustContain(t, s.get("/files"), `<option value="The Lamplight Readers">`)
	send := func(fields ...string) string {
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		for i := 0; i < len(fields); i += 2 {
			if err := m.WriteField(fields[i], fields[i+1]); err != nil {
				t.Fatal(err)
			}
		}
		f, err := m.CreateFormFile("file", "export.zip")
		if err == nil {
			_, err = f.Write([]byte("x"))
		}
		if err = errors.Join(err, m.WriteField("csrf", s.csrf), m.Close()); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", "/files", &b)
		r.Header.Set("Content-Type", m.FormDataContentType())
		return s.do(r).Body.String()
	}
	clubs := func() int {
		list, err := s.node.Clubs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	page := send("club", "The Lamplight")
	mustContain(t, page, "but there is “The Lamplight Readers”; nothing was changed.", "Then choose the file again.", `name="club" dir="auto" autocomplete="off" maxlength="300" value="The Lamplight"`, `name="newclub" value="1"`)
	if n := clubs(); n != 1 {
		t.Fatalf("%d clubs", n)
	}
	mustContain(t, send("club", "The Lamplight", "newclub", "1"), "Out of Slack", "1 new question")
	if n := clubs(); n != 2 {
		t.Errorf("%d clubs", n)
	}
	page = send("club", "The Lamplight Readers")
	mustContain(t, page, "Out of Slack", "1 post already on this device")
	s.converter = slackExport{s.converter, "A question, edited?"}
	s.serve(s.node)
	mustContain(t, send("club", "The Lamplight Readers"), "1 post of an earlier import: different in the file now", "choose what to apply", `name="revise" value="1">`)
	mustContain(t, send("club", "The Lamplight Readers", "revise", "1"), "1 post of an earlier import: a new version was added", `name="revise" value="1" checked>`)
	mustNotContain(t, page, `name="newclub"`)
	if n := clubs(); n != 2 {
		t.Errorf("%d clubs", n)
	}
}

// TestPublishedArchiveKeepsAddresses: a page keeps its address in the next archive, although the week has another
// title by then.
func TestPublishedArchiveKeepsAddresses(t *testing.T) {
	s := newSite(t, "")
	pages := func(query string) (names []string) {
		t.Helper()
		b := s.raw("/files/published?format=site&week=" + query)
		z, err := zip.NewReader(strings.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			if strings.HasPrefix(f.Name, "books/") && strings.HasSuffix(f.Name, ".html") {
				names = append(names, f.Name)
			}
		}
		return names
	}
	before := pages(string(s.event))
	s.node.editViews(s.event, func(w *shownWeek) { w.event.Title = "The Patient Ledger, second edition" })
	if after := pages(string(s.event)); len(before) != 1 || !slices.Equal(before, after) {
		t.Errorf("%v, and then %v", before, after)
	}
	club := addToClub(s)
	mustContain(t, s.get("/files"), `<option value="club:`+string(club)+`">all weeks of The Lamplight Readers</option>`)
	if got := pages("club:" + string(club)); len(got) != 1 || slices.Equal(got, before) {
		t.Errorf("the club’s first archive has %v", got)
	}
}

// TestDeadlinesAreShownAsTheLastDay: the line of days, the sentence below it and the settings name the day
// until whose end something lasts, also in a week from Wednesday to Sunday.
func TestDeadlinesAreShownAsTheLastDay(t *testing.T) {
	s := newSite(t, "")
	s.node.giveReaderRole(s.event, qa.RoleOrganiser)
	lisbon, err := time.LoadLocation("Europe/Lisbon")
	if err != nil {
		t.Fatal(err)
	}
	dated := qa.Event{Zone: "Europe/Lisbon"}
	dated.SetWeek(2026, time.November, 11, lisbon)
	show := func() { // the sample itself notes acts and changes nothing
		s.node.editViews(s.event, func(w *shownWeek) {
			w.event.Zone = dated.Zone
			for key, ms := range w.event.Times() {
				*ms = *dated.Times()[key]
			}
		})
	}
	show()
	page := strings.Join(strings.Fields(s.get(s.week())), " ")
	mustContain(t, page, "11 to 15 November 2026", "<b>Sat 14</b> <span>last answers</span>", `choosing"><b>Sun 15</b> <span>winners chosen</span>`,
		"<b>Questions are open</b> until Sunday 15 November, end of day.")
	settings := func() string { return strings.Join(strings.Fields(s.get(s.week()+"/setup")), " ") }
	mustContain(t, settings(), "Now: 11 to 15 November 2026. Questions are open from Wednesday to Sunday. The authors answer from Wednesday to Saturday. They choose the winners on Sunday.",
		`name="answersUntil" type="datetime-local" value="2026-11-14T23:59"`, `name="endsAt" type="datetime-local" value="2026-11-15T23:59"`, `name="winnersAt" type="datetime-local" value="2026-11-15T12:00"`)

	// The form changes nothing that was not edited, and 23:59 is the end of a day.
	form := []string{"title", "The Patient Ledger", "zone", "Europe/Lisbon", "startsAt", "2026-11-11T00:00", "answersFrom", "2026-11-11T00:00", "answersUntil", "2026-11-14T23:59", "winnersAt", "2026-11-15T12:00", "endsAt", "2026-11-16T23:59"}
	if w := s.upload(s.week()+"/setup", nil, form...); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	acts := s.node.acts()
	times := maps.Clone(acts[0].Fields)
	maps.DeleteFunc(times, func(key string, _ any) bool { return qa.EventField(key).Type != schema.Time })
	if len(acts) != 1 || len(times) != 1 || times["endsAt"] != time.Date(2026, 11, 17, 0, 0, 0, 0, lisbon).UnixMilli()-1 {
		t.Fatalf("%+v", acts)
	}
	dated = dated.With(&acts[0])
	show()
	mustContain(t, s.get(s.week()), "11 to 16 November 2026")

	// A week that is moved keeps its days.
	if w := s.upload(s.week()+"/setup", nil, "title", "The Patient Ledger", "zone", "Europe/Lisbon", "starts", "2026-11-18"); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	acts = s.node.acts()
	dated = dated.With(&acts[1])
	show()
	mustContain(t, settings(), "Now: 18 to 23 November 2026. Questions are open from Wednesday to Monday. The authors answer from Wednesday to Saturday.")

	dated = qa.Event{}
	show()
	mustContain(t, settings(), "The week gets five days")
}

// TestWeekIntoACalendar: the sequence number of the calendar file grows with every edit.
func TestWeekIntoACalendar(t *testing.T) {
	s := newSite(t, "")
	mustContain(t, s.get(s.week()), `href="`+s.week()+`/calendar.ics"`)
	get := func(query string) *httptest.ResponseRecorder {
		return s.do(httptest.NewRequest("GET", s.week()+"/calendar.ics"+query, nil))
	}
	w := get("")
	if kind := w.Header().Get("Content-Type"); kind != "text/calendar; charset=utf-8" || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("%v", w.Header())
	}
	mustContain(t, w.Body.String(), "UID:"+string(s.event)+"-readers@flyleaf", "SEQUENCE:0", "SUMMARY:Book of the week: The Patient Ledger")
	s.node.editViews(s.event, func(w *shownWeek) { w.event.Edits = 3 })
	mustContain(t, get("").Body.String(), "SEQUENCE:3")
	mustContain(t, get("?for=authors").Body.String(), "Last answers: The Patient Ledger")
	mustNotContain(t, s.get(s.week()), "calendar.ics?for=authors")
	s.node.giveReaderRole(s.event, qa.RoleAuthor)
	mustContain(t, s.get(s.week()), "calendar.ics?for=authors")
	s.node.editViews(s.event, func(w *shownWeek) { w.event.StartsAtMillis, w.event.EndsAtMillis, w.event.WinnersAtMillis = 0, 0, 0 })
	mustNotContain(t, s.get(s.week()), "calendar.ics")
	if w := get(""); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
}

// TestSyncPageOfManyWeeks: with very many weeks, the page of the sync status lists the weeks
// that have unsent changes and counts the others.
func TestSyncPageOfManyWeeks(t *testing.T) {
	s := newSite(t, "")
	var all []qa.EventID
	deliver := func(delivered bool) {
		for _, id := range all {
			if err := s.node.store.SetDelivered(t.Context(), id, delivered); err != nil {
				t.Fatal(err)
			}
		}
		s.node.start()
	}
	for n := range 500 {
		inv, err := s.node.CreateEvent(t.Context(), qa.Event{Title: fmt.Sprintf("Volume %d", n)}, sampleRelay)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, inv.Event)
	}
	deliver(true)
	if _, err := s.node.Node.Do(t.Context(), all[456], qa.Act{Kind: qa.ActPost, Text: "Is it sent?"}); err != nil {
		t.Fatal(err)
	}
	page := s.get("/sync")
	mustContain(t, page, "Volume 456", "with nothing waiting to be sent", "The Patient Ledger")
	if n := strings.Count(page, "Volume "); n > 100 {
		t.Errorf("%d weeks are listed", n)
	}
	deliver(false)
	page = s.get("/sync")
	mustContain(t, page, "something waiting to be sent")
	if n := strings.Count(page, "Volume "); n > 100 {
		t.Errorf("%d weeks are listed", n)
	}
}

// TestCreateAClub: the list of weeks has a form that creates a club. A name that resembles that of a club on this
// device is asked about, so that a form that is sent twice creates one club.
func TestCreateAClub(t *testing.T) {
	s := newSite(t, "")
	mustContain(t, s.get("/"), "Create a club", `action="/club/new"`)
	to := s.sent("/club/new", "title", " The Lamplight Readers ", "about", "One book *a week*.", "language", "pt-BR", "relay", "ws://r.example:1")
	clubs, err := s.node.Clubs(t.Context())
	if err != nil || len(clubs) != 1 {
		t.Fatalf("%v %v", clubs, err)
	}
	if c := clubs[0]; c.Title != "The Lamplight Readers" || c.Language != "pt-BR" || !slices.Equal(c.Relays, []string{"ws://r.example:1"}) || c.Founder != reader {
		t.Errorf("%+v", c)
	}
	if to != "/#club-"+string(clubs[0].ID) {
		t.Errorf("leads to %s", to)
	}
	mustContain(t, s.get("/"), `id="club-`+string(clubs[0].ID)+`"`, "One book <em>a week</em>.", "This club has no weeks yet", "Invite someone to the club")

	for _, c := range []struct{ name, language, relay, words string }{
		{"The Lamplight Readers", "", "", "Not created yet: there is a club with the same name, or almost the same: “The Lamplight Readers”."},
		{"  ", "", "", "Not created. A club needs a name; nothing was created."},
		{"Another", "no such language", "", "Unknown language"},
		{"Another", "", "http://r.example", "Not created."},
	} {
		w := s.send("/club/new", "title", c.name, "about", "What I typed", "language", c.language, "relay", c.relay)
		if w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%+v: %d", c, w.Code)
		}
		mustContain(t, w.Body.String(), c.words, "What I typed", `<details class="doing" open id="new-club">`)
	}
	if clubs, err := s.node.Clubs(t.Context()); err != nil || len(clubs) != 1 {
		t.Errorf("refused, but there are %d clubs: %v", len(clubs), err)
	}
	s.sent("/club/new", "title", "The Lamplight Readers", "another", "1")
	if clubs, err := s.node.Clubs(t.Context()); err != nil || len(clubs) != 2 {
		t.Errorf("confirmed, and there are %d clubs: %v", len(clubs), err)
	}
}

// TestLanguageOfAWeek: the settings of a week have its language, and another page's form leaves it alone.
func TestLanguageOfAWeek(t *testing.T) {
	s := newSite(t, "")
	s.node.giveReaderRole(s.event, qa.RoleOrganiser)
	s.sent(s.week()+"/setup", "title", "The Patient Ledger", "language", "pt-BR")
	mustContain(t, s.get(s.week()+"/setup"), `name="language"`, `value="pt-BR"`)
	s.sent(s.week()+"/setup", "title", "The Patient Ledger")
	mustContain(t, s.get(s.week()+"/setup"), `value="pt-BR"`)
	w := s.send(s.week()+"/setup", "title", "The Patient Ledger", "language", "no such language")
	mustContain(t, w.Body.String(), "Not saved. Unknown language", `value="no such language"`)
}
