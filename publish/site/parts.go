package site

import (
	"fmt"
	"strconv"

	"flyleaf/publish"
	"flyleaf/weekfile"
)

// A week with more posts than a page should hold stands on several: books/SLUG.html and
// books/SLUG/2.html and so on, in the order of the week. books/SLUG.html#ANCHOR is the
// address of a post for ever: where the post stands on another page, or has moved to one
// since, site.js finds it in books/SLUG/where.js and goes there. A page that once stood
// there stays, and leads on, when the week has become shorter.

// A page ends with the post that reaches one of these. The longest weeks of the archive
// have some 400 posts and 80 KiB of words, and stay whole.
const (
	pagePosts = 500
	pageBytes = 256 << 10 // of words
)

// part is what stands on one page of a week.
type part struct {
	number  int // from 1
	threads []threadPart
}

// threadPart is a thread, or that piece of a long one which stands on one page.
type threadPart struct {
	*publish.PublishedThread
	index    int // of the thread in the week
	from, to int // its replies on this page
	goesOn   bool
}

// continued reports whether the question stands on an earlier page.
func (t *threadPart) continued() bool { return t.from > 0 || t.goesOn }

// divide lays a week out on pages. A thread begins on a new page when it does not fit
// on the rest of this one and does on a page; a longer one is cut between replies.
func divide(threads []publish.PublishedThread) []part {
	parts := []part{{number: 1}}
	posts, bytes := 0, 0
	full := func(p, b int) bool { return posts > 0 && (posts+p > pagePosts || bytes+b > pageBytes) }
	turn := func() {
		parts = append(parts, part{number: len(parts) + 1})
		posts, bytes = 0, 0
	}
	for i := range threads {
		t := &threads[i]
		words := len(t.Text)
		for j := range t.Replies {
			words += len(t.Replies[j].Text)
		}
		whole := 1+len(t.Replies) <= pagePosts && words <= pageBytes
		if whole && full(1+len(t.Replies), words) || !whole && full(1, len(t.Text)) {
			turn()
		}
		piece := threadPart{PublishedThread: t, index: i}
		posts, bytes = posts+1, bytes+len(t.Text)
		for j := range t.Replies {
			if !whole && full(1, len(t.Replies[j].Text)) {
				last := &parts[len(parts)-1]
				last.threads = append(last.threads, piece)
				turn()
				piece = threadPart{PublishedThread: t, index: i, from: j, to: j, goesOn: true}
			}
			piece.to = j + 1
			posts, bytes = posts+1, bytes+len(t.Replies[j].Text)
		}
		last := &parts[len(parts)-1]
		last.threads = append(last.threads, piece)
	}
	return parts
}

// pagePath is the path of a page of the week by its number.
func (w *week) pagePath(number int) string {
	if number <= 1 {
		return w.path()
	}
	return "books/" + w.slug + "/" + strconv.Itoa(number) + ".html"
}

// place is where a post stands, as a path with a fragment.
func (w *week) place(anchor string) string {
	return escapePath(w.pagePath(w.at[anchor])) + "#" + anchor
}

// lay divides the week and notes where each post stands.
func (w *week) lay() {
	w.parts = divide(w.Published.Threads)
	if len(w.parts) == 1 {
		return
	}
	w.at = map[string]int{}
	for _, p := range w.parts {
		for i := range p.threads {
			t := &p.threads[i]
			if !t.continued() {
				w.at[weekfile.Anchor(t.ID)] = p.number
			}
			for j := t.from; j < t.to; j++ {
				w.at[weekfile.Anchor(t.Replies[j].ID)] = p.number
			}
		}
	}
}

// where writes the file by which site.js finds the page of a post: [path, [anchors]] for
// each page, paths below books/.
func (b *builder) where(w *week) {
	type page [2]any
	pages := make([]page, len(w.parts))
	for i, p := range w.parts {
		anchors := []string{}
		for j := range p.threads {
			t := &p.threads[j]
			if !t.continued() {
				anchors = append(anchors, weekfile.Anchor(t.ID))
			}
			for k := t.from; k < t.to; k++ {
				anchors = append(anchors, weekfile.Anchor(t.Replies[k].ID))
			}
		}
		pages[i] = page{escapePath(w.pagePath(p.number))[len("books/"):], anchors}
	}
	b.scriptAt("books/"+w.slug+"/where.js", "where", pages)
}

// pager are the links between the pages of a week.
type pager struct {
	Number, Count    int
	Previous, Next   string // "" for none
	Pages            []pageLink
	First            string
	WhereDir, Prefix string // of where.js, and what leads to books/
}

type pageLink struct {
	Number int
	Href   string // "" for this page
	Gap    bool   // some pages are left out here
}

// shownPages is how many pages on each side of this one are named.
const shownPages = 4

// pagerOf makes the links of page number; nil for a week that has always been on one.
func (w *week) pagerOf(number int) *pager {
	if w.most <= 1 {
		return nil
	}
	count := len(w.parts)
	p := &pager{Number: number, Count: count, Prefix: up(number)[len("../"):], First: w.href(number, 1)}
	p.WhereDir = p.Prefix + escapePath(w.slug)
	if number > 1 {
		p.Previous = w.href(number, min(number-1, count))
	}
	if number < count {
		p.Next = w.href(number, number+1)
	}
	gap := false
	for n := 1; n <= count; n++ {
		if n > 1 && n < count && (n < number-shownPages || n > number+shownPages) {
			if !gap {
				p.Pages = append(p.Pages, pageLink{Gap: true})
			}
			gap = true
			continue
		}
		gap = false
		link := pageLink{Number: n}
		if n != number {
			link.Href = w.href(number, n)
		}
		p.Pages = append(p.Pages, link)
	}
	return p
}

// up leads from a page of a week to the site's folder.
func up(number int) string {
	if number > 1 {
		return "../../"
	}
	return "../"
}

// href leads from one page of the week to another.
func (w *week) href(from, to int) string { return up(from) + escapePath(w.pagePath(to)) }

// link leads from a page to a post of the week.
func (w *week) link(from int, anchor string) string {
	if at := max(w.at[anchor], 1); at != from {
		return w.href(from, at) + "#" + anchor
	}
	return "#" + anchor
}

// remember keeps how many pages a week has had: none of them is taken away.
func (b *builder) remember(w *week) {
	key := "pages " + w.Key
	was, err := strconv.Atoi(b.Memory[key])
	if err != nil || was < 0 || was > maxPagesKept {
		was = 1
	}
	w.most = max(was, len(w.parts))
	if w.most > 1 {
		b.memory[key] = strconv.Itoa(w.most)
	}
}

// maxPagesKept bounds what a memory that somebody edited can ask for.
const maxPagesKept = 10_000

// weekPages writes the pages of a week.
func (b *builder) weekPages(w *week) error {
	for _, p := range w.parts {
		if err := b.weekPage(w, p); err != nil {
			return fmt.Errorf("page %d: %w", p.number, err)
		}
	}
	for n := len(w.parts) + 1; n <= w.most; n++ {
		if err := b.weekPage(w, part{number: n}); err != nil {
			return fmt.Errorf("page %d: %w", n, err)
		}
	}
	if w.most > 1 {
		b.where(w)
	}
	return nil
}
