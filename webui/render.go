package webui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"flyleaf/internal/bounded"
	"flyleaf/node"
	"flyleaf/picture"
	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/schema"
)

// templates parses templates when they are first used: the pages of a program in a browser must
// open soon after each start.
type templates struct {
	parsed func() *template.Template // the partials; never executed, because they could not be cloned then

	mu      sync.Mutex
	sets    map[string]*template.Template        // by page, see of
	threads *bounded.Map[string, renderedThread] // by element
}

// renderedThread is a thread and its HTML.
type renderedThread struct {
	view threadView
	html template.HTML
}

func newTemplates() *templates {
	r := &templates{sets: map[string]*template.Template{}, threads: bounded.New[string, renderedThread](2 * ThreadsOnPage)}
	funcs := template.FuncMap{
		"plural": plural,
		"upper":  upperFirst,
		// capital begins a line with a capital letter.
		"capital": upperFirstLetter,
		"isolate": people.Isolate,
		"section": func(c weekSection, sections int) any {
			return struct {
				Section weekSection
				Many    bool // the page has several sections, so each needs its own heading
			}{c, sections > 1}
		},
		// program is the data of the template "program-link". id is that of its input element.
		"program": func(id, link string) any { return struct{ ID, Link string }{id, link} },
		"static":  staticAddress,
		"modules": func() []string { return staticModules },
		"thread":  r.thread,
		"base":    path.Base,
		"palette": func() template.HTML { return paletteButtons },
		// The maximum length in bytes of the value at a path of the schema. Any word stands
		// for a key that differs between documents: people/IDENTITY/name.
		"limit":      func(path string) int { return schema.Find(strings.Split(path, "/")...).Max },
		"maxAlt":     func() int { return picture.MaxAlt },
		"maxContact": func() int { return node.MaxContact },
	}
	r.parsed = sync.OnceValue(func() *template.Template {
		return parse(template.New("").Funcs(funcs), "templates/partials/*.html")
	})
	return r
}

var indentation = regexp.MustCompile(`(?m)^[ \t]+`)

// parse adds the templates of files to a set, without their indentation, a tenth of a page.
func parse(set *template.Template, pattern string) *template.Template {
	names, err := fs.Glob(files, pattern)
	if err != nil {
		panic(err) // the patterns are constants
	}
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			panic(err) // the files are part of the program
		}
		template.Must(set.Parse(string(indentation.ReplaceAll(text, nil))))
	}
	return set
}

// thread renders a thread of a week. Most threads are as they were on the page before, and
// rendering a hundred takes long in a browser.
func (r *templates) thread(v threadView) (template.HTML, error) {
	r.mu.Lock()
	last, ok := r.threads.Get(v.Elem)
	r.mu.Unlock()
	if ok && reflect.DeepEqual(last.view, v) {
		return last.html, nil
	}
	var b strings.Builder
	if err := r.of(partials).ExecuteTemplate(&b, "thread", v); err != nil {
		return "", err
	}
	html := template.HTML(b.String())
	r.mu.Lock()
	r.threads.Put(v.Elem, renderedThread{v, html})
	r.mu.Unlock()
	return html, nil
}

// partials is the page that has the partials alone.
const partials = ""

// of returns the templates of a page: its own and the partials.
func (r *templates) of(page string) *template.Template {
	r.mu.Lock()
	defer r.mu.Unlock()
	set, ok := r.sets[page]
	if !ok {
		set = template.Must(r.parsed().Clone())
		if page != partials {
			set = parse(set, "templates/"+page+".html")
		}
		r.sets[page] = set
	}
	return set
}

// write renders a template into memory first, so that an error never cuts a page short.
func write(w http.ResponseWriter, status int, t *template.Template, name string, data any) {
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "This page could not be shown: "+err.Error()+". Nothing was changed.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // fails only when the browser has disconnected
}

// plain renders a page without the usual layout, for browsers that have no cookie.
func (r *templates) plain(w http.ResponseWriter, status int, name string, data any) {
	write(w, status, r.of("plain"), name, data)
}

// layout is what every page has: the data of the template "layout". The presenter view has a template of its own of
// this name.
type layout struct {
	Title        string
	Theme        string
	Nav          string // the current link of the navigation: "library", "this week", "week" (a page of it), "you", …
	Here         string // path and query of this page, to return to and to reload
	CSRF         string
	Stream       string // address of the stream of updates
	Event        string // path of the event the page belongs to, or ""
	Author       bool   // show a link to the inbox: the reader is an author
	Welcome      *welcome
	Moderator    bool // show a link to the posts that wait for a moderator
	ToApprove    int  // number of these posts
	Winners      bool // show a link to the winners page: the reader chooses, or somebody has won
	Browser      bool // see Config.Browser
	RefreshWhole bool // the script reloads the whole content, from Here, when something changes
	New          int  // number of posts that the reader has not read, in all weeks; 0 also where the page does not say it
	Sync         syncSummary
	Undo         *undoOffer // what was just done; nil for nothing
	Body         any
}

func (s *server) layout(r *http.Request, title, nav string, body any) layout {
	l := layout{
		Title: title, Nav: nav, Here: r.URL.RequestURI(), CSRF: s.guard.form, Stream: "/stream", Browser: s.browser,
		Theme: s.theme(r.Context()), New: s.allNews(r).All(), Body: body, Undo: s.undoOfferFor(r),
	}
	if r.Method != http.MethodGet { // the page shows a form that was not saved; its address takes no GET
		l.Here = "/"
	}
	return l
}

func (s *server) page(w http.ResponseWriter, r *http.Request, status int, name string, l layout) {
	if l.Sync == (syncSummary{}) {
		l.Sync = s.syncSummary(r.Context())
	}
	write(w, status, s.render.of(name), "layout", l)
}

func (s *server) syncSummary(ctx context.Context) syncSummary {
	sum, err := s.node.Summary(ctx)
	if err != nil {
		return syncSummary{State: stateDraft, Words: "Status unknown"}
	}
	return syncSummaryOf(sum)
}

// topNow renders the parts at the top of a page that depend on the status and on the reader's roles. The query has
// "event", the ID of the page's event, if it has one, and "nav", the page's layout.Nav.
func (s *server) topNow(w http.ResponseWriter, r *http.Request) {
	ctx, q := r.Context(), r.URL.Query()
	l := layout{Nav: q.Get("nav"), Sync: s.syncSummary(ctx)}
	if event := qa.EventID(q.Get("event")); event != "" {
		_ = s.node.Visit(ctx, event) // the week may have arrived while the page was open
		if v := s.weekForNav(ctx, event); v != nil {
			l.Event = eventPath(event)
			v.nav(&l)
		}
	}
	write(w, http.StatusOK, s.render.of(partials), "top-now", l)
}

// problem is the body of a page with an error: what happened, whether anything was lost,
// and what to do.
type problem struct{ Title, Text string }

func (s *server) problem(w http.ResponseWriter, r *http.Request, status int, title, text string) {
	if wantsJSON(r) {
		writeJSON(w, status, map[string]string{"error": title + ". " + text})
		return
	}
	s.page(w, r, status, "problem", s.layout(r, title, "", problem{title, text}))
}

func (s *server) pageNotFound(w http.ResponseWriter, r *http.Request) {
	s.problem(w, r, http.StatusNotFound, "Page not found",
		"The address may be incomplete. All your weeks are under “Your weeks”.")
}

// readFailed responds that the node could not read its data.
func (s *server) readFailed(w http.ResponseWriter, r *http.Request, err error) {
	restart := "restart Flyleaf."
	if s.browser {
		restart = "close all pages of Flyleaf in this browser and open it again."
	}
	s.problem(w, r, http.StatusInternalServerError, "This could not be read",
		sentence(err.Error())+" What you wrote before is saved on this device and was not touched. Reload the page; if that does not help, "+restart)
}

// notSaved says why a form was not saved, and that its text is still in the box.
func notSaved(err error) string {
	var field *qa.FieldError
	if errors.As(err, &field) && errors.Is(err, qa.ErrTooLong) {
		advice := "shorten it."
		if field.Field == schema.MapRevisions.Keyed().Name {
			advice = "shorten it or split it into two posts."
		}
		return "The " + qa.FieldName(field.Field) + " " + qa.ErrTooLong.Error() + ": " + plural(field.Got, "byte") + ", and at most " + plural(field.Max, "byte") +
			" fit. Your text is still in the box; " + advice
	}
	if node.KindOf(err) == node.Invalid {
		return sentence(err.Error()) + " Your text is still in the box."
	}
	return strings.TrimSuffix(sentence(err.Error()), ".") + ". Your text is still in the box. Nothing else was changed. Try again later."
}

// notSavedWords is notSaved for a form with a text. If the text has characters that are
// not allowed, most of which are invisible, it removes them from d, which fills the box again.
func notSavedWords(err error, d *node.Draft) string {
	if errors.Is(err, errEmpty) {
		return sentence(err.Error())
	}
	if !errors.Is(err, qa.ErrCharacter) && !errors.Is(err, qa.ErrInvisible) {
		return notSaved(err)
	}
	d.Text, d.OnBehalfOf, d.Tags = qa.CleanText(d.Text), qa.CleanLine(d.OnBehalfOf), qa.CleanLine(d.Tags)
	why, _, _ := strings.Cut(err.Error(), ". Take it out")
	return sentence(strings.TrimSuffix(why, "; nothing was changed")) + " The characters that are not allowed were removed from the box. Check your text and send it again."
}

// refuseForm responds to a script that its form was not saved, with the text for the box.
func refuseForm(w http.ResponseWriter, status int, words string, d node.Draft) {
	writeJSON(w, status, map[string]string{"error": "Not saved. " + words, "body": d.Text})
}

func wantsJSON(r *http.Request) bool { return r.Header.Get("Accept") == "application/json" }

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// formDone responds to a form that was handled. A script gets the new address as JSON. A
// browser without scripts is redirected, so that reloading does not send the form again.
func formDone(w http.ResponseWriter, r *http.Request, to string, post qa.PostID) {
	if wantsJSON(r) {
		writeJSON(w, http.StatusOK, map[string]string{"location": to, "post": string(post), "elem": postElem(post)})
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// pageQuery returns the query of the page to show: of its address or, after a form, of the address in the field "back",
// from which the form came.
func pageQuery(r *http.Request) url.Values {
	if r.Method == http.MethodGet {
		return r.URL.Query()
	}
	back, err := url.Parse(localPath(r.PostForm.Get("back")))
	if err != nil {
		return url.Values{}
	}
	return back.Query()
}

// savedAt is an address of a page that confirms, in its element "saved", that the reader's form was saved.
func savedAt(to string) string {
	u, err := url.Parse(to)
	if err != nil {
		return to
	}
	q := u.Query()
	q.Set("saved", "1")
	u.RawQuery, u.Fragment = q.Encode(), "saved"
	return u.String()
}

// statuses maps kinds of errors to HTTP statuses. All other kinds are 500.
var statuses = map[node.Kind]int{
	node.NotFound:   http.StatusNotFound,
	node.NotFetched: http.StatusNotFound,
	node.Invalid:    http.StatusUnprocessableEntity,
	node.NotAllowed: http.StatusForbidden,
	node.NotInvited: http.StatusForbidden,
	node.OtherRelay: http.StatusConflict,
}

func statusOf(err error) int {
	if status, ok := statuses[node.KindOf(err)]; ok {
		return status
	}
	return http.StatusInternalServerError
}
