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
	"flyleaf/qa"
)

// coverPath is where the picture of an event's cover is served; "" when it has none.
func coverPath(e qa.Event) string {
	if e.Cover == "" {
		return ""
	}
	return eventPath(e.ID) + "/blob/" + url.PathEscape(e.Cover)
}

// blob serves a picture of an event. It was made small by one of ours, or by
// anybody's program: so it is only ever served as the picture that it is, and its
// key is the hash of its bytes, so it never changes.
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
		s.problem(w, r, http.StatusUnsupportedMediaType, "This is no picture", "The event holds something else in its place. It is not shown.")
		return
	}
	if err := cover.CheckShown(b); err != nil {
		s.problem(w, r, http.StatusUnsupportedMediaType, "This picture is not shown", sentence(err.Error())+" It was not made by a program of ours.")
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	_, _ = w.Write(b) // the reader has gone away: nobody to tell
}

// setupPage is the body of the page on which an organiser sets a week up.
type setupPage struct {
	Event       qa.Event
	Path, CSRF  string
	New         bool // it was founded just now
	Cover       string
	Cloth       int
	By          string
	Title       string
	Authors     string
	Description string
	Links       string // one a line: the address, then its words
	Zone        string
	Starts      string // a day: the template is laid over it
	Times       []setupTime
	Copies      string
	Clubs       []choice
	Error       string
}

// setupTime is one of the five times of a week.
type setupTime struct{ Key, Words, Value string }

var setupTimes = []struct{ key, words string }{
	{"startsAt", "Questions open"},
	{"answersFrom", "The authors begin to answer"},
	{"answersUntil", "Last answers"},
	{"winnersAt", "The authors choose"},
	{"endsAt", "The week ends"},
}

func (s *server) setup(w http.ResponseWriter, r *http.Request) {
	if v, ok := s.organise(w, r); ok {
		s.showSetup(w, r, http.StatusOK, v, s.setupOf(v))
	}
}

// setupOf fills the form with what the week says now.
func (s *server) setupOf(v *weekView) setupPage {
	e := v.Event
	p := setupPage{Title: e.Title, Authors: e.Authors, Description: e.Description, Zone: e.Zone}
	for _, l := range e.Links {
		p.Links += strings.TrimSpace(l.URL+" "+l.Text) + "\n"
	}
	if e.Prizes > 0 {
		p.Copies = strconv.FormatUint(e.Prizes, 10)
	}
	times := e.Times()
	for _, t := range setupTimes {
		value := ""
		if ms := *times[t.key]; ms != 0 {
			value = v.cal.at(ms).Format(qa.WallClock)
		}
		p.Times = append(p.Times, setupTime{t.key, t.words, value})
	}
	return p
}

func (s *server) showSetup(w http.ResponseWriter, r *http.Request, status int, v *weekView, p setupPage) {
	p.Event, p.Path, p.CSRF, p.New = v.Event, eventPath(v.Event.ID), v.csrf, r.URL.Query().Has("new")
	p.Cover, p.Cloth, p.By = coverPath(v.Event), cloth(v.Event.ID), and(authorsOf(v.Event))
	clubs, err := s.node.Clubs(r.Context())
	if err != nil {
		s.failed(w, r, err)
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
	l := s.layout(r, "Set up, "+v.Event.Title, "week", p)
	v.nav(&l)
	l.Event = p.Path
	s.page(w, r, status, "setup", l)
}

// errPicture says what is wrong with an uploaded picture.
var errPicture = errors.New("the picture")

// saveSetup takes the form: what has changed becomes one change, a picture another
// before it.
func (s *server) saveSetup(w http.ResponseWriter, r *http.Request) {
	v, ok := s.organise(w, r)
	if !ok {
		return
	}
	typed := s.typedSetup(r)
	acts, err := v.setupActs(r, s.zone)
	if err == nil {
		var picture []qa.Act
		if picture, err = pictureActs(r); err == nil {
			acts = append(picture, acts...)
		}
	}
	if err == nil {
		err = s.node.DoAll(r.Context(), v.Event.ID, acts)
	}
	if err == nil {
		err = s.listChosen(r, v)
	}
	if err != nil {
		typed.Error = "Not saved. " + sentence(err.Error()) + " What you typed is still here. A picture has to be chosen again."
		s.showSetup(w, r, http.StatusUnprocessableEntity, v, typed)
		return
	}
	done(w, r, eventPath(v.Event.ID), "")
}

// typedSetup is the form as it was typed, to come back with the page.
func (s *server) typedSetup(r *http.Request) setupPage {
	f := r.PostForm
	p := setupPage{
		Title: f.Get("title"), Authors: f.Get("authors"), Description: f.Get("description"), Links: f.Get("links"),
		Zone: f.Get("zone"), Starts: f.Get("starts"), Copies: f.Get("copies"),
	}
	for _, t := range setupTimes {
		p.Times = append(p.Times, setupTime{t.key, t.words, f.Get(t.key)})
	}
	return p
}

// setupActs returns the act that makes the week what the form says, none when it
// is so already.
func (v *weekView) setupActs(r *http.Request, here *time.Location) ([]qa.Act, error) {
	f := r.PostForm
	text := func(key string) string { return strings.TrimSpace(qa.LineEnds(f.Get(key))) }
	want := v.Event
	want.Title, want.Authors, want.Description, want.Zone = text("title"), text("authors"), text("description"), text("zone")
	if want.Title == "" {
		return nil, errors.New("the week needs a title: that of the book")
	}
	zone := here
	if want.Zone != "" {
		z, err := qa.LoadZone(want.Zone)
		if err != nil {
			return nil, fmt.Errorf("%w, or left empty", err)
		}
		zone = z
	}
	want.Prizes = 0
	if n := text("copies"); n != "" {
		prizes, err := strconv.ParseUint(n, 10, 32)
		if err != nil {
			return nil, errors.New("how many copies there are to win is a number, or left empty")
		}
		want.Prizes = prizes
	}
	if err := setupTimesFrom(f, &want, v.cal, zone); err != nil {
		return nil, err
	}
	if err := want.CheckNew(&v.Event); err != nil { // before a picture is saved
		return nil, err
	}
	fields := v.Event.Changes(&want)
	links, err := qa.ParseLinks(strings.Split(text("links"), "\n"))
	if err != nil {
		return nil, err
	}
	act := qa.Act{Kind: qa.ActEvent, Fields: fields}
	if !slices.Equal(links, v.Event.Links) {
		act.Links = links
	}
	if len(fields) == 0 && act.Links == nil {
		return nil, nil
	}
	return []qa.Act{act}, nil
}

// setupTimesFrom reads the times: of the template, when a first day is given, else
// one by one. A time that shows what it showed before is left as it is, to the
// millisecond.
func setupTimesFrom(f url.Values, e *qa.Event, shown calendar, zone *time.Location) error {
	if day := strings.TrimSpace(f.Get("starts")); day != "" {
		t, err := time.ParseInLocation(time.DateOnly, day, zone)
		if err != nil {
			return errors.New("the first day is written like 2026-11-30, or left empty")
		}
		e.SetWeek(t.Year(), t.Month(), t.Day(), zone)
		return nil
	}
	for key, ms := range e.Times() {
		value := strings.TrimSpace(f.Get(key))
		if !f.Has(key) || *ms != 0 && value == shown.at(*ms).Format(qa.WallClock) && zone.String() == shown.zone.String() {
			continue
		}
		if value == "" {
			*ms = 0
			continue
		}
		at, err := qa.ParseWallClock(value, zone)
		if err != nil {
			return err
		}
		*ms = at
	}
	return nil
}

// pictureActs makes the picture of the form small and returns what puts it into the
// week: the picture in a change of its own, then the cover that names it.
func pictureActs(r *http.Request) ([]qa.Act, error) {
	if r.PostForm.Get("nocover") == "1" {
		return []qa.Act{{Kind: qa.ActEvent, Fields: map[string]any{"cover": ""}}}, nil
	}
	if r.MultipartForm == nil || len(r.MultipartForm.File["cover"]) == 0 {
		return nil, nil
	}
	file, err := r.MultipartForm.File["cover"][0].Open()
	if err != nil {
		return nil, fmt.Errorf("%w could not be read: %w", errPicture, err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, cover.MaxInput+1))
	if err != nil {
		return nil, fmt.Errorf("%w could not be read: %w", errPicture, err)
	}
	if len(b) == 0 {
		return nil, nil // no file was chosen
	}
	small, err := cover.Shrink(b)
	if err != nil {
		return nil, err
	}
	return []qa.Act{
		{Kind: qa.ActBlob, Bytes: small},
		{Kind: qa.ActEvent, Fields: map[string]any{"cover": qa.BlobKey(small)}},
	}, nil
}

// listChosen puts the week on the lists of the clubs that are ticked, as it is now,
// and takes it off the others'.
func (s *server) listChosen(r *http.Request, v *weekView) error {
	if !r.PostForm.Has("clubs") {
		return nil
	}
	week, err := s.node.Week(r.Context(), v.Event.ID)
	if err != nil {
		return err
	}
	clubs, err := s.node.Clubs(r.Context())
	if err != nil {
		return err
	}
	week.Event.ID = v.Event.ID
	listing := week.Event.Listing()
	for _, e := range clubs {
		if !e.HasRole(v.me, qa.RoleOrganiser) {
			continue
		}
		var now *qa.ListedWeek
		for i := range e.Weeks {
			if e.Weeks[i].ID == v.Event.ID {
				now = &e.Weeks[i]
			}
		}
		wanted := false
		for _, id := range r.PostForm["club"] {
			wanted = wanted || id == string(e.ID)
		}
		switch {
		case wanted && (now == nil || *now != listing):
			err = s.node.ListWeeks(r.Context(), e.ID, []qa.ListedWeek{listing})
		case !wanted && now != nil:
			err = s.node.ListWeeks(r.Context(), e.ID, []qa.ListedWeek{{ID: v.Event.ID}})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
