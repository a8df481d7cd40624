package webui

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"flyleaf/cover"
	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
	"flyleaf/style"
)

// coverPath returns the address of an event's cover picture; "" when it has none.
func coverPath(e qa.Event) string {
	if e.Cover == "" {
		return ""
	}
	return eventPath(e.ID) + "/blob/" + url.PathEscape(e.Cover)
}

// blob serves a picture of an event. Any program may have written the bytes, so they are
// served only if they are a picture, and as that type. Browsers may cache them for good:
// the key is the hash of the bytes.
func (s *server) blob(w http.ResponseWriter, r *http.Request) {
	b, err := s.node.Blob(r.Context(), qa.EventID(r.PathValue("event")), r.PathValue("key"))
	if err != nil {
		s.problem(w, r, http.StatusNotFound, "This picture is not on this device", sentence(err.Error()))
		return
	}
	kind := http.DetectContentType(b)
	switch kind {
	case "image/jpeg", "image/png", "image/gif", "image/webp":
	default:
		s.problem(w, r, http.StatusUnsupportedMediaType, "This is not a picture", "The week has a file of another kind in its place. It is not shown.")
		return
	}
	if err := cover.CheckShown(b); err != nil {
		s.problem(w, r, http.StatusUnsupportedMediaType, "This picture is not shown", sentence(err.Error())+" Flyleaf did not make this picture.")
		return
	}
	sendPicture(w, kind, b)
}

// setupPage is the body of the page with the week's settings.
type setupPage struct {
	Event       qa.Event
	Path, CSRF  string
	New         bool // the week was created just now
	Cover       string
	CoverColour int
	By          string
	Title       string
	Subtitle    string
	Authors     string
	Description string
	Language    string
	Links       string // one per line: the address, then its text
	Zone        string
	Starts      string // first day; when set, all times follow from it
	Days        string // what happens on which days; "" for a week without dates
	Times       []setupTime
	Copies      string
	Math        bool
	Pictures    bool
	Clubs       []choice
	Error       string
}

// setupTime is one of the five times of a week.
type setupTime struct{ Key, Words, Value string }

var setupTimes = []struct{ key, words string }{
	{schema.KeyStartsAt, "Week starts"},
	{schema.KeyAnswersFrom, "Authors start answering"},
	{schema.KeyAnswersUntil, "Last answers"},
	{schema.KeyWinnersAt, "Authors choose winners"},
	{schema.KeyEndsAt, "Week ends"},
}

func (s *server) setup(w http.ResponseWriter, r *http.Request) {
	if v, ok := s.loadFor(w, r, forOrganisers); ok {
		s.showSetup(w, r, http.StatusOK, v, s.setupOf(v))
	}
}

// setupOf fills the form with the week's current settings.
func (s *server) setupOf(v *weekView) setupPage {
	e := v.Event
	p := setupPage{Title: e.Title, Subtitle: e.Subtitle, Authors: e.Authors, Description: e.Description, Language: e.Language, Zone: e.Zone, Math: e.HasMath(), Pictures: e.HasPictures()}
	for _, l := range e.Links {
		p.Links += strings.TrimSpace(l.URL+" "+l.Text) + "\n"
	}
	if e.Prizes > 0 {
		p.Copies = strconv.FormatUint(e.Prizes, 10)
	}
	times := e.Times()
	for _, t := range setupTimes {
		p.Times = append(p.Times, setupTime{t.key, t.words, qa.TypedTime(t.key, *times[t.key], v.cal.zone)})
	}
	return p
}

// daysInWords says what happens on which days of a week: "Questions are open from Monday to Friday."
func (c calendar) daysInWords(e qa.Event) string {
	d := e.DaysInWords(c.zone)
	var out []string
	if d.Asking != "" {
		out = append(out, "Questions are open "+d.Asking+".")
	}
	if d.Answering != "" {
		out = append(out, "The authors answer "+d.Answering+".")
	}
	if d.Choosing != "" {
		out = append(out, "They choose the winners on "+d.Choosing+".")
	}
	return strings.Join(out, " ")
}

func (s *server) showSetup(w http.ResponseWriter, r *http.Request, status int, v *weekView, p setupPage) {
	p.Event, p.Path, p.CSRF, p.New = v.Event, eventPath(v.Event.ID), v.csrf, r.URL.Query().Has("new")
	p.Days = strings.TrimPrefix(v.cal.days(v.Event)+". "+v.cal.daysInWords(v.Event), ". ")
	p.Cover, p.CoverColour, p.By = coverPath(v.Event), style.CoverColour(string(v.Event.ID)), people.ByLine(authorsOf(v.Event))
	clubs, err := s.node.Clubs(r.Context())
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	for _, e := range clubs {
		if e.HasRole(v.me, qa.RoleOrganiser) {
			listed := false
			for _, w := range e.Weeks {
				listed = listed || w.ID == v.Event.ID
			}
			p.Clubs = append(p.Clubs, choice{ID: string(e.ID), Words: e.Title, Chosen: listed})
		}
	}
	w.Header().Set(converterHeader, "pictures")
	l := s.layout(r, "Week settings, "+v.Event.Title, "week", p)
	v.nav(&l)
	l.Event = p.Path
	s.page(w, r, status, "setup", l)
}

// saveSetup handles the form: the week's settings, and the clubs that list the week.
func (s *server) saveSetup(w http.ResponseWriter, r *http.Request) {
	v, ok := s.loadFor(w, r, forOrganisers)
	if !ok {
		return
	}
	want, err := v.typedEvent(r, s.zone)
	var picture []byte
	if err == nil && r.PostForm.Get("nocover") != "1" {
		picture, err = typedPicture(r, "cover")
	}
	if err == nil {
		_, err = node.ChangeWeek(r.Context(), s.node, s.converter, &v.Event, &want, picture)
	}
	if err == nil && r.PostForm.Has("clubs") {
		_, err = node.UpdateClubLists(r.Context(), s.node, &want, func(club qa.EventID, _ bool) bool {
			return slices.Contains(r.PostForm["club"], string(club))
		})
	}
	if err != nil {
		typed := s.typedSetup(r)
		typed.Error = "Not saved. " + sentence(err.Error()) + " What you typed is still here. If you chose an image, choose it again."
		s.showSetup(w, r, http.StatusUnprocessableEntity, v, typed)
		return
	}
	formDone(w, r, eventPath(v.Event.ID), "")
}

// typedSetup returns the form as the reader filled it in, to show it again.
func (s *server) typedSetup(r *http.Request) setupPage {
	f := r.PostForm
	p := setupPage{
		Title: f.Get("title"), Subtitle: f.Get("subtitle"), Authors: f.Get("authors"), Description: f.Get("description"), Links: f.Get("links"),
		Language: f.Get("language"), Zone: f.Get("zone"), Starts: f.Get("starts"), Copies: f.Get("copies"), Math: f.Get("math") == "1", Pictures: f.Get("pictures") == "1",
	}
	for _, t := range setupTimes {
		p.Times = append(p.Times, setupTime{t.key, t.words, f.Get(t.key)})
	}
	return p
}

// typedEvent returns the week with the settings that the form asks for.
func (v *weekView) typedEvent(r *http.Request, here *time.Location) (qa.Event, error) {
	f := r.PostForm
	text := func(key string) string { return strings.TrimSpace(qa.LineEnds(f.Get(key))) }
	want := v.Event
	want.Title, want.Subtitle, want.Authors = text("title"), text("subtitle"), text("authors")
	want.Description, want.Zone = text("description"), text("zone")
	if on := f.Get("math") == "1"; on != want.HasMath() { // the value of a later version stays
		want.SetMath(on)
	}
	if on := f.Get("pictures") == "1"; on != want.HasPictures() {
		want.SetPictures(on)
	}
	if f.Has("language") {
		want.Language = text("language")
	}
	if want.Title == "" {
		return want, errors.New("the week needs the title of the book")
	}
	zone := here
	if want.Zone != "" {
		z, err := qa.LoadZone(want.Zone)
		if err != nil {
			return want, fmt.Errorf("%w, or leave it empty", err)
		}
		zone = z
	}
	want.Prizes = 0
	if n := text("copies"); n != "" {
		prizes, err := strconv.ParseUint(n, 10, 32)
		if err != nil {
			return want, errors.New("the number of copies to win must be a number, or empty")
		}
		want.Prizes = prizes
	}
	if r.PostForm.Get("nocover") == "1" {
		want.Cover = ""
	}
	if err := setupTimesFrom(f, &want, v.cal, zone); err != nil {
		return want, err
	}
	links, err := qa.ParseLinks(strings.Split(text("links"), "\n"))
	want.Links = links
	return want, err
}

// setupTimesFrom reads the times of the week. When the form has a first day, the week moves
// there. Otherwise it reads each field. The fields show minutes, so a field
// that was not edited leaves its time unchanged, to the millisecond.
func setupTimesFrom(f url.Values, e *qa.Event, shown calendar, zone *time.Location) error {
	if day := strings.TrimSpace(f.Get("starts")); day != "" {
		t, err := time.ParseInLocation(time.DateOnly, day, zone)
		if err != nil {
			return errors.New("write the first day like 2026-11-30, or leave it empty")
		}
		e.MoveWeek(t.Year(), t.Month(), t.Day(), shown.zone, zone)
		return nil
	}
	for key, ms := range e.Times() {
		value := strings.TrimSpace(f.Get(key))
		if !f.Has(key) || *ms != 0 && value == qa.TypedTime(key, *ms, shown.zone) && zone.String() == shown.zone.String() {
			continue
		}
		if value == "" {
			*ms = 0
			continue
		}
		at, err := qa.ParseTime(key, value, zone)
		if err != nil {
			return err
		}
		*ms = at
	}
	return nil
}

// typedPicture returns the file that was chosen in a field; nil for none.
func typedPicture(r *http.Request, field string) ([]byte, error) {
	if r.MultipartForm == nil || len(r.MultipartForm.File[field]) == 0 {
		return nil, nil
	}
	file, err := r.MultipartForm.File[field][0].Open()
	if err != nil {
		return nil, fmt.Errorf("the picture could not be read: %w", err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, cover.MaxInput+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the picture could not be read: %w", err)
	case len(b) == 0:
		return nil, nil // no file was chosen
	}
	return b, nil
}
