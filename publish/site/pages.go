package site

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"sync"
	"time"

	"flyleaf/markdown"
	posted "flyleaf/picture"
	"flyleaf/publish"
	"flyleaf/publish/syndication"
	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/style"
	"flyleaf/weekfile"
)

//go:embed templates/*.html
var templateFiles embed.FS

// templates are the pages' templates, parsed when the first site is made: a program that makes no
// site does not wait for them, and the program for the browser does not contain this package.
func templates() *template.Template {
	templatesOnce.Do(func() {
		parsed = template.Must(template.New("").ParseFS(templateFiles, "templates/*.html"))
	})
	return parsed
}

var (
	templatesOnce sync.Once
	parsed        *template.Template
)

// layout has the template data common to all pages.
type layout struct {
	Title, Site, Description string
	Root                     string // relative path of the site's folder: "", "../" or "../../"
	Canonical, Picture       string // addresses; "" without a BaseURL
	Previous, Next           string // pages of the same week, relative; "" for none
	Atom, JSON, ICS          string // of this page, relative; "" for none
	Here                     string // the entry of the navigation that is this page
	Kind                     string // Open Graph's type
	Structured               template.JS
	Body                     any
}

// weekBody is the body of a week's page.
type weekBody struct {
	Title, Subtitle, By, Days, Cover string
	Lang                             string // of the posts; "" is English, as the page itself
	CoverColour                      int
	State                            string
	Description                      template.HTML
	Links                            []qa.Link
	Count                            string
	Threads                          []thread
	Rules                            rules
	Calendar                         string
	Pager                            *pager // nil for a week on one page
	Further                          bool   // not the first page of the week
}

// Paged reports whether the week has more than one page.
func (b weekBody) Paged() bool { return b.Pager != nil && b.Pager.Count > 1 }

type thread struct {
	Day       string // heading above the first question of a day; "" for other questions
	Beginning string // first words of a question that is on an earlier page
	Continued string // link to a question that is on an earlier page
	Rest      string // link to the next reply, when it is on the next page
	post
	Wants     int
	Won       bool
	Duplicate string // link to the question that this one repeats
	Replies   []post
}

type post struct {
	Anchor      string
	Lang        string // of its words; "" is the page's own
	Name, Say   string
	Author      bool
	Not         string // PublishedPost.Not
	Placeholder string // the sentence in place of a replaced question; "" for others
	Late        bool
	To          string
	Words       template.HTML
	At          moment
	Reactions   []qa.ImportedReaction
}

// rules are the participation rules: Own, or the standard rules if Own is empty.
type rules struct {
	Own    template.HTML
	Prizes string
	Days   qa.DaysInWords // on which people do what
}

// placeholderWords are shown instead of a replaced question (PublishedPost.Placeholder).
var placeholderWords = map[string]string{
	publish.Withdrawn: "This question was withdrawn by its writer.",
	publish.Hidden:    "This question was hidden by the moderators.",
	publish.Void:      "This question is void: two versions of it were signed.",
}

// postOf returns a post of a page that is in root. The picture of the post becomes a file.
func (b *builder) postOf(e *qa.Event, p *publish.PublishedPost, root, say, lang string) post {
	html := syndication.PostHTML(e, p.Text)
	if words, pic, ok := posted.In(p.Text); ok {
		sum := sha256.Sum256(pic.JPEG)
		path := "pictures/" + hex.EncodeToString(sum[:8]) + ".jpg"
		b.files[path] = pic.JPEG
		html = syndication.PostHTML(e, words) + pic.HTML(root+path)
	}
	return post{
		Anchor: weekfile.Anchor(p.ID), Lang: lang, Name: p.ShownName(), Say: say, Author: p.Author, Not: p.Not, Placeholder: placeholderWords[p.Placeholder], Late: p.Late,
		To: p.ReplyTo, Words: html, At: written(e, p.AtMillis), Reactions: p.Reactions,
	}
}

func (b *builder) rules(e *qa.Event) rules {
	r := rules{}
	if strings.TrimSpace(b.Rules) != "" {
		r.Own = markdown.Prose(b.Rules)
	}
	if e == nil {
		r.Days = b.usualDays()
		return r
	}
	r.Days = e.DaysInWords(e.Location())
	if e.Prizes > 0 {
		r.Prizes = plural(int(min(e.Prizes, 1<<20)), "copy", "copies")
	}
	return r
}

// usualDays returns the days of the current week, else of the next one, else of the latest. Weeks whose days
// have no names, only dates, do not count.
func (b *builder) usualDays() (days qa.DaysInWords) {
	best := ""
	rank := map[string]int{"over": 1, "coming": 2, "now": 3}
	for _, w := range b.weeks { // the earliest first
		d := w.event.DaysInWords(w.event.Location())
		if phase := b.phase(w.event); d.Weekdays && (rank[phase] > rank[best] || phase == best && phase == "over") {
			days, best = d, phase
		}
	}
	return days
}

// webAddress reports whether a link is to a page or a mailbox.
func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") || u.Scheme == "mailto" && u.Opaque != "")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// phase returns "now", "coming" or "over".
func (b *builder) phase(e *qa.Event) string {
	listed := e.Listing()
	now := b.Now.UnixMilli()
	switch {
	case listed.Over(now):
		return "over"
	case e.StartsAtMillis > now, e.StartsAtMillis == 0 && e.EndsAtMillis == 0:
		return "coming"
	}
	return "now"
}

// weekPage adds one page of a week.
func (b *builder) weekPage(w *week, p part) error {
	e, root := w.event, up(p.number)
	body := weekBody{
		Title: e.Title, Subtitle: e.Subtitle, By: people.ByLine(people.SplitNames(e.Authors)), Days: days(e), CoverColour: style.CoverColour(w.Key),
		Count: countWords(w.counts), Lang: cmp.Or(e.Language, b.Language), Pager: w.pagerOf(p.number), Further: p.number > 1,
	}
	if body.Lang == "en" {
		body.Lang = ""
	}
	switch b.phase(e) {
	case "coming":
		body.State = "This week has not started yet."
	case "now":
		body.State = "This week is in progress: questions and answers may be added."
	}
	if e.StartsAtMillis != 0 {
		body.Calendar = root + "books/" + escapePath(w.slug) + ".ics"
		if !body.Further {
			body.Calendar = w.slug + ".ics"
		}
	}
	if !body.Further {
		b.aboutWeek(w, &body)
	}
	last := ""
	for i := range p.threads {
		t := &p.threads[i]
		x := thread{post: b.postOf(e, &t.PublishedPost, root, "asks", body.Lang), Wants: t.Wants, Won: t.Won}
		if t.continued {
			x.Continued, x.Beginning = w.link(p.number, x.Anchor), markdown.Line(t.Text, 110)
		}
		if t.to < len(t.Replies) {
			x.Rest = w.link(p.number, weekfile.Anchor(t.Replies[t.to].ID))
		}
		if t.DuplicateOf != "" {
			x.Duplicate = w.link(p.number, weekfile.Anchor(t.DuplicateOf))
		}
		if d := day(e, t.AtMillis); d != "" && d != last {
			x.Day, last = d, d
		}
		for j := t.from; j < t.to; j++ {
			r := &t.Replies[j]
			say := "adds"
			if r.Author {
				say = "answers"
			}
			x.Replies = append(x.Replies, b.postOf(e, r, root, say, body.Lang))
		}
		body.Threads = append(body.Threads, x)
	}
	ld, err := b.structured(w, p)
	if err != nil {
		return err
	}
	l := layout{
		Title: e.Title, Root: root, Structured: ld, Kind: "article", Body: body, ICS: body.Calendar,
		Description: "Questions and answers about " + e.Title,
	}
	if body.By != "" {
		l.Description += " with " + body.By
	}
	if body.Further {
		l.Title += fmt.Sprintf(", page %d", p.number)
		l.Description += fmt.Sprintf(", page %d", p.number)
	}
	if body.Pager != nil {
		l.Previous, l.Next = body.Pager.Previous, body.Pager.Next
	}
	if b.BaseURL != "" {
		l.Canonical, l.Picture = b.address(w.pagePath(p.number)), b.address("pictures/"+w.slug+".png")
		l.Atom, l.JSON = w.slug+".atom", w.slug+".json"
		if body.Further {
			l.Atom, l.JSON = "../"+l.Atom, "../"+l.JSON
		}
	}
	return b.page("week.html", w.pagePath(p.number), l)
}

// aboutWeek adds the parts that only the first page of a week has.
func (b *builder) aboutWeek(w *week, body *weekBody) {
	e := w.event
	body.Description, body.Rules = markdown.Prose(strings.TrimSpace(e.Description)), b.rules(e)
	if w.cover != "" {
		body.Cover = "../" + w.cover
	}
	for _, l := range e.Links {
		if webAddress(l.URL) {
			if strings.TrimSpace(l.Text) == "" {
				l.Text = l.URL
			}
			body.Links = append(body.Links, l)
		}
	}
}

func countWords(c counts) string {
	if c.questions == 0 {
		return "no questions"
	}
	s := plural(c.questions, "question", "questions")
	if c.open > 0 {
		s += fmt.Sprintf(", %d unanswered", c.open)
	}
	return s
}

// indexBody is the body of the first page.
type indexBody struct {
	Title       string
	Description template.HTML
	Now, Coming []book
	Recent      []book
	Years       []year
	Weeks       int
	Rules       rules
	Calendar    bool
}

type book struct {
	Title, By, Path, Days, Short, Cover string
	CoverColour                         int
	Count                               string
}

type year struct {
	Name  string
	Books []book
}

// maxRecent is how many books the first page shows.
const maxRecent = 12

func (b *builder) indexPage() error {
	body := indexBody{
		Title: b.Title, Description: markdown.Prose(strings.TrimSpace(b.Description)), Weeks: len(b.weeks), Rules: b.rules(nil),
		Calendar: b.files["calendar.ics"] != nil,
	}
	for _, w := range b.weeks {
		body.Calendar = body.Calendar || w.event.StartsAtMillis != 0
	}
	for i := range b.weeks {
		w := b.weeks[len(b.weeks)-1-i] // the latest first
		e := w.event
		x := book{
			Title: e.Title, By: people.ByLine(people.SplitNames(e.Authors)), Path: escapePath(w.path()), Days: days(e), Cover: w.cover,
			CoverColour: style.CoverColour(w.Key), Count: countWords(w.counts),
		}
		switch b.phase(e) {
		case "now":
			body.Now = append(body.Now, x)
			continue
		case "coming":
			body.Coming = append([]book{x}, body.Coming...) // the next one first
			continue
		}
		name := "No date"
		if at := cmp.Or(e.StartsAtMillis, e.EndsAtMillis); at != 0 {
			t := time.UnixMilli(at).In(e.Location())
			x.Short, name = t.Format("2 Jan"), t.Format("2006")
		}
		if len(body.Recent) < maxRecent {
			body.Recent = append(body.Recent, x)
		}
		if n := len(body.Years); n == 0 || body.Years[n-1].Name != name {
			body.Years = append(body.Years, year{Name: name})
		}
		y := &body.Years[len(body.Years)-1]
		y.Books = append(y.Books, x)
	}
	l := layout{Title: b.Title, Here: "index", Kind: "website", Body: body, Description: markdown.Line(b.Description, 200)}
	if body.Calendar {
		l.ICS = "calendar.ics"
	}
	if l.Description == "" {
		l.Description = "Questions and answers with the authors of a book each week"
	}
	if b.BaseURL != "" {
		l.Canonical, l.Atom, l.JSON = b.BaseURL, "feed.atom", "feed.json"
		if len(b.weeks) > 0 {
			l.Picture = b.address("pictures/" + b.weeks[len(b.weeks)-1].slug + ".png")
		}
	}
	return b.page("index.html", "index.html", l)
}

// page renders a template as a file.
func (b *builder) page(name, path string, l layout) error {
	l.Site = b.Title
	var out bytes.Buffer
	if err := templates().ExecuteTemplate(&out, name, l); err != nil {
		return err
	}
	b.files[path] = out.Bytes()
	return nil
}
