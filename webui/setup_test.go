package webui

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"flyleaf/qa"
	"flyleaf/schema"
)

// upload sends the form with the settings with a picture in it, as a browser does.
func (s *site) upload(path string, picture []byte, fields ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	return s.uploadAs("cover", path, picture, fields...)
}

// uploadAs sends a form with a file in a field.
func (s *site) uploadAs(field, path string, picture []byte, fields ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for i := 0; i < len(fields); i += 2 {
		if err := m.WriteField(fields[i], fields[i+1]); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := m.WriteField("csrf", s.csrf); err != nil {
		s.t.Fatal(err)
	}
	f, err := m.CreateFormFile(field, "cover.png")
	if err == nil {
		_, err = f.Write(picture)
	}
	if err == nil {
		err = m.Close()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	r := httptest.NewRequest("POST", path, &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	return s.do(r)
}

func pngOf(t *testing.T, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSetupIsForOrganisers(t *testing.T) {
	s := newSite(t, "")
	if w := s.do(httptest.NewRequest("GET", s.week()+"/setup", nil)); w.Code != http.StatusForbidden {
		t.Errorf("%d", w.Code)
	}
	if w := s.upload(s.week()+"/setup", pngOf(t, 9, 9), "title", "Mine now"); w.Code != http.StatusForbidden || len(s.node.acts()) != 0 {
		t.Errorf("%d %+v", w.Code, s.node.acts())
	}
}

// TestSetupChangesOnlyWhatWasChanged: a form that is sent back unchanged changes nothing.
func TestSetupChangesOnlyWhatWasChanged(t *testing.T) {
	s := newSite(t, "")
	s.node.giveReaderRole(s.event, qa.RoleOrganiser)
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActEvent, Links: []qa.Link{{Text: "The book", URL: "https://example.org/ledger"}}})
	form := func(change ...string) []string {
		page := s.get(s.week() + "/setup")
		fields := []string{"title", "The Patient Ledger", "authors", "Ilse Marrow, Teodor Anand", "description", s.node.shown(s.event).event.Description, "zone", "UTC", "links", "https://example.org/ledger The book\r\n", "copies", "3"}
		for _, time := range setupTimes {
			fields = append(fields, time.key, between(t, page[strings.Index(page, `name="`+time.key+`"`):], `value="`, `"`))
		}
		return append(fields, change...)
	}
	if w := s.send(s.week()+"/setup", form()...); w.Code != http.StatusSeeOther || len(s.node.acts()) != 0 {
		t.Fatalf("%d %+v", w.Code, s.node.acts())
	}
	fields := form()
	fields[1] = "The Impatient Ledger"
	s.send(s.week()+"/setup", fields...)
	if act := s.lastAct(qa.ActEvent); len(act.Fields) != 1 || act.Fields["title"] != "The Impatient Ledger" || act.Links != nil {
		t.Errorf("%+v", act)
	}
	s.send(s.week()+"/setup", form("subtitle", "Data & the Years")...)
	if act := s.lastAct(qa.ActEvent); act.Fields["subtitle"] != "Data & the Years" {
		t.Errorf("%+v", act)
	}
	for _, path := range []string{"", "/setup"} {
		if page := s.get(s.week() + path); !strings.Contains(page, "Data &amp; the Years") {
			t.Errorf("no subtitle on %q", path)
		}
	}
	fields = form("subtitle", "Data & the Years")
	fields[1], fields[9], fields[11] = "The Impatient Ledger", "https://example.org/ledger\nmailto:a@example.org Write to us", ""
	s.send(s.week()+"/setup", append(fields, "starts", "2026-03-23", "clubs", "1")...)
	act := s.lastAct(qa.ActEvent)
	if act.Fields["prizes"] != uint64(0) || len(act.Links) != 2 || act.Links[1] != (qa.Link{URL: "mailto:a@example.org", Text: "Write to us"}) {
		t.Errorf("%+v", act)
	}
	if at := time.UnixMilli(act.Fields["winnersAt"].(int64)).UTC(); at != time.Date(2026, 3, 27, 10, 0, 0, 0, time.UTC) { // the hour stays
		t.Errorf("the authors choose at %v", at)
	}
	for _, bad := range [][]string{{"title", " "}, {"zone", "Mars/Olympus"}, {"copies", "many"}, {"links", "javascript:alert(1)"}, {"starts", "soon"}, {"startsAt", "soon"}} {
		before := len(s.node.acts())
		w := s.send(s.week()+"/setup", append(append([]string{}, bad...), "title", "T", "description", "kept words")...)
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "kept words") || len(s.node.acts()) != before {
			t.Errorf("%v: %d", bad, w.Code)
		}
	}
}

func TestCover(t *testing.T) {
	s := newSite(t, "")
	s.node.giveReaderRole(s.event, qa.RoleOrganiser)
	w := s.upload(s.week()+"/setup", pngOf(t, 1200, 1600), "title", "The Patient Ledger")
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	key := s.node.shown(s.event).event.Cover
	page := s.get(s.week())
	if key == "" || !strings.Contains(page, `<img class="cover bound" src="`+s.week()+"/blob/"+key+`"`) {
		t.Fatal("no picture on the page")
	}
	mustContain(t, s.get("/"), "/blob/"+key)
	got := s.do(httptest.NewRequest("GET", s.week()+"/blob/"+key, nil))
	if got.Header().Get("Content-Type") != "image/jpeg" || got.Header().Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(got.Header().Get("Cache-Control"), "immutable") || got.Body.Len() > schema.MaxBlob {
		t.Errorf("%d bytes, %v", got.Body.Len(), got.Header())
	}
	for name, bad := range map[string][]byte{"no picture": []byte("<svg onload=alert(1)>"), "cut off": pngOf(t, 50, 50)[:60]} {
		if w := s.upload(s.week()+"/setup", bad, "title", "The Patient Ledger", "description", "kept words"); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "kept words") {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	// Bytes that another program stored there are not served as a page.
	html := []byte("<!doctype html><script>alert(1)</script>")
	blob := func(b []byte) *httptest.ResponseRecorder {
		s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActBlob, Bytes: b})
		return s.do(httptest.NewRequest("GET", s.week()+"/blob/"+qa.BlobKey(b), nil))
	}
	if got := blob(html); got.Code != http.StatusUnsupportedMediaType || bytes.Contains(got.Body.Bytes(), html) {
		t.Errorf("%d", got.Code)
	}
	large := pngOf(t, 1, 1)
	binary.BigEndian.PutUint32(large[16:], 40_000_000)
	binary.BigEndian.PutUint32(large[29:], crc32.ChecksumIEEE(large[12:29]))
	if got := blob(large); got.Code != http.StatusUnsupportedMediaType || !strings.Contains(got.Body.String(), "too large") {
		t.Errorf("a picture of 40 megapixels an edge: %d", got.Code)
	}
	if got := s.do(httptest.NewRequest("GET", s.week()+"/blob/none", nil)); got.Code != http.StatusNotFound {
		t.Errorf("%d", got.Code)
	}
	s.send(s.week()+"/setup", "title", "The Patient Ledger", "nocover", "1")
	if s.node.shown(s.event).event.Cover != "" {
		t.Error("the picture is still there")
	}
}

// addToClub adds the sample week, and weeks that are not on this device, to a club's list.
func addToClub(s *site) qa.EventID {
	id := eventID(7)
	day := func(y, m, d int) int64 { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC).UnixMilli() }
	here := s.node.shown(s.event).event
	here.ID = s.event
	s.node.addEvent(qa.Event{ID: id, Kind: "club", Title: "The Lamplight Readers", Founder: noor, Description: "One book *a week*.", Weeks: []qa.ListedWeek{
		here.Listing(),
		{ID: eventID(8), Title: "Small Weather", Authors: "Aino Berglund", StartsAtMillis: day(2026, 11, 16), EndsAtMillis: day(2026, 11, 20)},
		{ID: eventID(9), Title: "Slow Indexes", Authors: "Perpetua Lindqvist", StartsAtMillis: day(2026, 10, 26), EndsAtMillis: day(2026, 10, 30)},
		{ID: eventID(10), Title: "Twelve Folding Chairs", Authors: "Dovid Marsh", StartsAtMillis: day(2025, 10, 6), EndsAtMillis: day(2025, 10, 10)},
	}})
	return id
}

func TestLibraryOfAClub(t *testing.T) {
	s := newSite(t, "")
	id := addToClub(s)
	page := s.get("/")
	mustContain(t, page, "<h1>The Lamplight Readers</h1>", "One book <em>a week</em>.", "The Patient Ledger", ">Upcoming<", "Small Weather", ">2025<", "Twelve Folding Chairs", "not downloaded yet", "Invite someone to the club")
	if n := strings.Count(page, "The Patient Ledger</a>"); n != 1 {
		t.Errorf("the week stands in the library %d times", n)
	}
	// Opening a week that only the club lists has it fetched.
	s.do(httptest.NewRequest("GET", eventPath(eventID(9)), nil))
	if len(s.node.visited) != 1 || s.node.visited[0] != eventID(9) {
		t.Errorf("%v", s.node.visited)
	}
	if w := s.do(httptest.NewRequest("GET", eventPath(id), nil)); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/#club-"+string(id) {
		t.Errorf("the club's own address: %d %s", w.Code, w.Header().Get("Location"))
	}
}

// TestOrganisersListTheirWeeks: organisers list their weeks in their clubs, and remove them again.
func TestOrganisersListTheirWeeks(t *testing.T) {
	s := newSite(t, "")
	inv, err := s.node.CreateEvent(t.Context(), qa.Event{Kind: "club", Title: "Another circle"}, "")
	if err != nil {
		t.Fatal(err)
	}
	id := inv.Event
	to := s.sent("/new", "title", "Borrowed Clocks", "starts", "2026-12-07", "club", string(id))
	mustContain(t, s.get("/"), "Borrowed Clocks")
	setup := strings.TrimSuffix(to, "?new=1")
	mustContain(t, s.get(setup), `name="club" value="`+string(id)+`" checked`)
	s.send(setup, "title", "Borrowed Clocks, again", "clubs", "1", "club", string(id))
	if weeks := s.node.shown(id).event.Weeks; len(weeks) != 1 || weeks[0].Title != "Borrowed Clocks, again" {
		t.Errorf("the club still says %+v", weeks)
	}
	s.send(setup, "title", "Borrowed Clocks, again", "clubs", "1")
	if n := len(s.node.shown(id).event.Weeks); n != 0 {
		t.Errorf("%d weeks on the list", n)
	}
	s.node.setFail(errors.New("the disk is full"))
	if w := s.send(setup, "title", "Third", "clubs", "1", "club", string(id)); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `value="Third"`) {
		t.Errorf("%d", w.Code)
	}
}

func TestSearchOverAllWeeks(t *testing.T) {
	s := newSite(t, "")
	mustContain(t, s.get("/search?q=accounts"), "1 post", "Priya Lund", "fishing boat", s.week()+"#p-", "The Patient Ledger")
	mustContain(t, s.get("/search?q=nothingofthekind"), "No results", `value="nothingofthekind"`)
	mustNotContain(t, s.get("/search?q=words+that"), "words that are hidden", "words that were taken back")
	mustContain(t, s.get("/search"), "<h1>Search</h1>")
}

// TestAWeekThatContradictsItself: the page of a week whose details contradict each other shows
// the week and a notice. The form refuses to save such details.
func TestAWeekThatContradictsItself(t *testing.T) {
	s := newSite(t, "")
	s.node.giveReaderRole(s.event, qa.RoleOrganiser)
	start := time.Date(2026, 11, 9, 0, 0, 0, 0, time.UTC).UnixMilli()
	s.node.editViews(s.event, func(w *shownWeek) {
		w.event.StartsAtMillis, w.event.EndsAtMillis = start, start-86_400_000
		w.event.AnswersUntilMillis, w.event.WinnersAtMillis, w.event.Zone = 0, 1<<62, "UTC"
	})
	page := s.get(s.week())
	mustContain(t, page, "Book of the week, 9 November 2026", `class="weekline"`, "/calendar.ics",
		"The week ends on 7 November 2026, end of day, before it begins on 9 November 2026, 00:00.", "The authors choose in a year outside 1900 to 2199")
	mustContain(t, s.get("/"), "The Patient Ledger")
	mustContain(t, s.get(s.week()+"/calendar.ics"), "DTSTART;VALUE=DATE:20261109", "DTEND;VALUE=DATE:20261110")

	w := s.upload(s.week()+"/setup", pngOf(t, 9, 9), "title", "The Patient Ledger", "zone", "UTC", "endsAt", "2026-11-01T09:00")
	if w.Code != http.StatusUnprocessableEntity || len(s.node.acts()) != 0 {
		t.Errorf("%d %+v", w.Code, s.node.acts())
	}
	// The error is a sentence, and the fields that it is about are unfolded.
	mustContain(t, w.Body.String(), "Not saved. The week ends on 1 November 2026, 09:00, before it begins", "2026-11-01T09:00",
		`role="alert" tabindex="-1" autofocus`, `<details class="ui" open>`)
	mustNotContain(t, w.Body.String(), "endsAt has")
}

// TestAWrongClockIsShown: the page says that the writer's clock was wrong, and shows when the post
// was received.
func TestAWrongClockIsShown(t *testing.T) {
	s := newSite(t, "")
	id := s.send(s.week()+"/ask", "body", "From 2126?")
	if id.Code != http.StatusSeeOther {
		t.Fatal(id.Code)
	}
	s.node.editViews(s.event, func(w *shownWeek) {
		p := &w.posts[len(w.posts)-1]
		p.ReceivedAtMillis, p.AtMillis = testNow.UnixMilli(), testNow.AddDate(100, 0, 0).UnixMilli()
	})
	mustContain(t, s.get(s.week()), "Clock was wrong", "2126", "The time shown is when this device received it.")
}

// TestErrorsOfTheNewWeekFormAreSentences: the form's text and the error make one sentence.
func TestErrorsOfTheNewWeekFormAreSentences(t *testing.T) {
	s := newSite(t, "")
	for _, c := range [][2]string{{"relay", "x"}, {"zone", "Nowhere"}} {
		page := s.send("/new", "title", "Small Weather", c[0], c[1]).Body.String()
		mustContain(t, page, map[string]string{"relay": "The relay", "zone": "or leave it empty."}[c[0]])
		mustNotContain(t, page, "The the", "or left empty")
	}
}
