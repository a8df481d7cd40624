// Package site writes weeks as a static site: pages that any web server can serve, and that also
// work from a local directory.
//
// The same weeks, in any order, give the same bytes. The pages show publish.Published: people
// have the names that they chose, and no file contains anything withdrawn, hidden, blocked or not
// approved. A published page keeps its address even when the week's title changes, if the caller
// passes the Memory of the last Build. Pages are complete without scripts, styles or a network. They fetch
// nothing from other sites, and their content security policy forbids it.
//
// Files:
//
//	index.html              the current and coming weeks, the archive by year, search
//	books/SLUG.html         a week, or the first page of a long one
//	books/SLUG/2.html …     the other pages of a long week, see parts.go
//	books/SLUG.atom, .json  the week's feeds; books/SLUG.ics its days
//	feed.atom, feed.json    the newest posts of all weeks
//	calendar.ics            the days of all weeks
//	covers/, pictures/      covers; the pictures of posts, and those that other sites show next to a link
//	search/                 the search index that site.js reads, see search.go
//	flyleaf.css, site.css   the style sheets; site.js, the only script
//	sitemap.xml, robots.txt
//
// Feeds, sitemap and pictures need the address of the site. Without one they are left out.
package site

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"flyleaf/cover"
	"flyleaf/publish"
	"flyleaf/publish/ical"
	"flyleaf/publish/syndication"
	"flyleaf/qa"
	"flyleaf/qa/people"
	"flyleaf/style"
)

// Week is a week to publish.
type Week struct {
	// Key is the week's permanent name: its event ID.
	Key       string
	Published publish.Published
	Cover     []byte // PNG, JPEG, GIF or WebP; anything else is ignored
}

// Site is the result of Build.
type Site struct {
	Files  []publish.File    // ascending by path
	Memory map[string]string // for the next Build
	// Pages are the paths of the weeks' pages by their key.
	Pages map[string]string
}

// ErrBaseURL is returned when publish.SiteConfig.BaseURL cannot be the address of a site.
var ErrBaseURL = errors.New("the address of the site must begin with http:// or https:// and have neither ? nor #")

// CheckBaseURL returns the normalised address of a site: with a slash at its end, the host name in
// ASCII as in DNS (bücher.example is xn--bcher-kva.example), and the other letters of the path escaped.
// ErrBaseURL is returned for anything that cannot be the address of a site.
func CheckBaseURL(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#") {
		return "", fmt.Errorf("%.100q: %w", s, ErrBaseURL)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", fmt.Errorf("%.100q: %.20s is not a port; ports go from 1 to 65535: %w", s, port, ErrBaseURL)
		}
	}
	if name := u.Hostname(); strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) {
		ascii, err := idna.Lookup.ToASCII(name)
		if err != nil {
			return "", fmt.Errorf("%.100q: %q is not a valid host name: %w", s, name, ErrBaseURL)
		}
		u.Host = ascii + strings.TrimPrefix(u.Host, name)
	}
	u.Path = norm.NFC.String(strings.TrimRight(u.Path, "/")) + "/"
	u.RawPath = ""
	return u.String(), nil
}

//go:embed static/site.css static/site.js
var static embed.FS

// builder makes one site.
type builder struct {
	publish.SiteConfig
	weeks  []*week // ascending by first day, then by key
	files  map[string][]byte
	memory map[string]string
}

// week is a Week with the paths of its files.
type week struct {
	Week
	slug   string
	cover  string // path
	event  *qa.Event
	counts counts
	parts  []part         // one for each page; most weeks have one
	pageOf map[string]int // for a week of many pages: the page of each post, by its anchor
	kept   int            // pages that the week has or once had
}

// path is the path of the week's first page.
func (w *week) path() string { return "books/" + w.slug + ".html" }

type counts struct{ questions, open, replies int }

// Build makes the site. Errors are ErrBaseURL, or say which page cannot be made.
func Build(c publish.SiteConfig, weeks []Week) (Site, error) {
	var err error
	if c.BaseURL, err = CheckBaseURL(c.BaseURL); err != nil {
		return Site{}, err
	}
	c.Title = cmp.Or(strings.TrimSpace(c.Title), "Book of the week")
	c.Language = cmp.Or(c.Language, "en")
	if c.Unmodified == nil {
		c.Unmodified = func(string) []byte { return nil }
	}
	b := &builder{SiteConfig: c, files: map[string][]byte{}, memory: map[string]string{}}
	b.addWeeks(weeks)
	b.files[style.Name] = style.Sheet
	for _, name := range []string{"site.css", "site.js"} {
		body, err := static.ReadFile("static/" + name)
		if err != nil {
			return Site{}, err
		}
		b.files[name] = body
	}
	b.pictures()
	for _, w := range b.weeks {
		if err := b.weekPages(w); err != nil {
			return Site{}, fmt.Errorf("the page of %q: %w", w.event.Title, err)
		}
	}
	if err := b.indexPage(); err != nil {
		return Site{}, fmt.Errorf("the first page: %w", err)
	}
	if err := b.feeds(); err != nil {
		return Site{}, err
	}
	b.calendars()
	b.search()
	b.sitemap()
	out := Site{Memory: b.memory, Pages: map[string]string{}}
	for _, w := range b.weeks {
		out.Pages[w.Key] = w.path()
	}
	for path, body := range b.files {
		out.Files = append(out.Files, publish.File{Path: path, Body: body})
	}
	slices.SortFunc(out.Files, func(a, b publish.File) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// addWeeks sorts the weeks and names their pages: by the name that the page already has, or else by
// day and title. If two weeks would have the same name, the later week gets a number.
func (b *builder) addWeeks(weeks []Week) {
	for _, w := range weeks {
		x := &week{Week: w}
		x.event = &x.Published.Event
		for i := range w.Published.Threads {
			t := &w.Published.Threads[i]
			x.counts.replies += len(t.Replies)
			x.counts.questions++
			if !t.Answered && t.Placeholder == "" {
				x.counts.open++
			}
		}
		b.weeks = append(b.weeks, x)
	}
	slices.SortFunc(b.weeks, func(x, y *week) int {
		return cmp.Or(cmp.Compare(x.event.StartsAtMillis, y.event.StartsAtMillis), strings.Compare(x.Key, y.Key))
	})
	used := map[string]bool{}
	here := map[string]bool{}
	for _, w := range b.weeks {
		here[w.Key] = true
	}
	for k, s := range b.Memory { // a week that is not published this time keeps its address
		if key, ok := strings.CutPrefix(k, "page "); ok && !here[key] {
			b.memory[k], used[s] = s, true
			if n := b.Memory["pages "+key]; n != "" {
				b.memory["pages "+key] = n
			}
		}
	}
	for _, w := range b.weeks {
		if s := b.Memory["page "+w.Key]; s != "" && !strings.ContainsAny(s, `/\`) && !used[s] {
			w.slug, used[s] = s, true
		}
	}
	for _, w := range b.weeks {
		base := publish.Slug(w.event)
		for n := 2; w.slug == ""; n++ {
			if !used[base] {
				w.slug, used[base] = base, true
			}
			base = publish.Slug(w.event) + "-" + strconv.Itoa(n)
		}
		b.memory["page "+w.Key] = w.slug
		w.divideWeek()
		b.rememberPages(w)
	}
}

// pictures adds the covers, and draws a picture of each week.
func (b *builder) pictures() {
	kinds := map[string]string{"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp"}
	type drawing struct {
		picture
		path string
		body []byte
	}
	var todo []*drawing
	for _, w := range b.weeks {
		if ext := kinds[http.DetectContentType(w.Cover)]; ext != "" && cover.CheckShown(w.Cover) == nil {
			sum := sha256.Sum256(w.Cover)
			w.cover = "covers/" + hex.EncodeToString(sum[:8]) + ext
			b.files[w.cover] = w.Cover
		}
		if b.BaseURL == "" {
			continue
		}
		d := &drawing{path: "pictures/" + w.slug + ".png"}
		d.picture = picture{Title: w.event.Title, By: people.And(people.SplitNames(w.event.Authors)), Club: b.Title, Days: days(w.event), CoverColour: style.CoverColour(w.Key)}
		if w.cover != "" {
			d.picture.cover = w.Cover
		}
		key := d.key()
		b.memory["picture "+w.Key] = key
		// Drawing takes longer than everything else, so an unchanged picture is kept.
		if b.Memory["picture "+w.Key] == key {
			if body := b.Unmodified(d.path); body != nil {
				b.files[d.path] = body
				continue
			}
		}
		todo = append(todo, d)
	}
	// Pictures are drawn in parallel.
	next := make(chan *drawing)
	var drawn sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		drawn.Go(func() {
			for d := range next {
				d.body = d.draw()
			}
		})
	}
	for _, d := range todo {
		next <- d
	}
	close(next)
	drawn.Wait()
	for _, d := range todo {
		b.files[d.path] = d.body
	}
}

// address is the address of a path of the site; the path itself when there is no BaseURL.
func (b *builder) address(path string) string { return b.BaseURL + escapePath(path) }

// escapePath writes a path as a part of an address.
func escapePath(path string) string {
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

// onItsPage returns the address of a post on the page where the post is, given its address on the
// week's first page.
func (b *builder) onItsPage(w *week, address string) string {
	if _, anchor, ok := strings.Cut(address, "#"); ok && w.pageOf != nil {
		return b.BaseURL + w.postPath(anchor)
	}
	return address
}

// feedEntries bounds the entries in the feed of all weeks.
const feedEntries = 100

// feeds writes the feed of each week and the feed of all weeks.
func (b *builder) feeds() error {
	if b.BaseURL == "" {
		return nil
	}
	all := syndication.Feed{
		ID: b.BaseURL, Title: b.Title, Home: b.BaseURL, Language: b.Language, Subtitle: "Questions and answers of all weeks",
	}
	write := func(path string, f syndication.Feed) error {
		var atom, js bytes.Buffer
		f.Self = b.address(path + ".atom")
		if err := syndication.WriteAtom(&atom, f); err != nil {
			return err
		}
		f.Self = b.address(path + ".json")
		if err := syndication.WriteJSON(&js, f); err != nil {
			return err
		}
		b.files[path+".atom"], b.files[path+".json"] = atom.Bytes(), js.Bytes()
		return nil
	}
	for _, w := range b.weeks {
		f := syndication.OfWeek(w.Published, "urn:flyleaf:"+w.Key, b.address(w.path()))
		for i := range f.Entries {
			f.Entries[i].URL, f.Entries[i].ReplyToURL = b.onItsPage(w, f.Entries[i].URL), b.onItsPage(w, f.Entries[i].ReplyToURL)
		}
		if err := write("books/"+w.slug, f); err != nil {
			return err
		}
		for i := range f.Entries {
			f.Entries[i].Title = w.event.Title + ": " + f.Entries[i].Title
		}
		all.Entries = append(all.Entries, f.Entries...)
		if len(all.Entries) > 20*feedEntries {
			all.Newest(feedEntries)
		}
	}
	all.Newest(feedEntries)
	return write("feed", all)
}

// calendarWeeks bounds the weeks in the calendar of all weeks, which has the latest weeks.
const calendarWeeks = 200

// calendars writes the calendar of each week and the calendar of all weeks.
func (b *builder) calendars() {
	all := ical.Calendar{Name: b.Title}
	for i, w := range b.weeks {
		url := ""
		if b.BaseURL != "" {
			url = b.address(w.path())
		}
		entries := ical.Readers(w.event, w.Key, url)
		if len(entries) == 0 {
			continue
		}
		path := "books/" + w.slug + ".ics"
		b.files[path] = ical.Update(b.Unmodified(path), ical.Calendar{Name: w.event.Title, Entries: entries}, b.Now)
		if i >= len(b.weeks)-calendarWeeks {
			all.Entries = append(all.Entries, entries...)
		}
	}
	if len(all.Entries) > 0 {
		b.files["calendar.ics"] = ical.Update(b.Unmodified("calendar.ics"), all, b.Now)
	}
}
