package site

import (
	"fmt"
	"strconv"

	posted "flyleaf/picture"
	"flyleaf/publish"
	"flyleaf/weekfile"
)

// A long week has several pages: books/SLUG.html, books/SLUG/2.html and so on, in the order
// of the week. The permanent address of a post is books/SLUG.html#ANCHOR: if the post is on another
// page, site.js finds the page in books/SLUG/where.js and opens it. When a week becomes shorter, the
// pages that it no longer needs are kept, and link to the first page.

// Bounds of a page. The longest known weeks have about 400 posts and 80 KiB of text, and fit on one
// page.
const (
	pagePosts = 500
	pageBytes = 256 << 10 // of text
)

// part is the part of a week that is on one page.
type part struct {
	number  int // from 1
	threads []threadPart
}

// threadPart is a thread, or the part of a long thread that is on one page.
type threadPart struct {
	*publish.PublishedThread
	index     int  // of the thread in the week
	from, to  int  // its replies on this page, as indices: from ≤ i < to
	continued bool // the question is on an earlier page
}

// divide puts threads on pages. A thread that does not fit on the rest of a page begins on
// the next one. A thread that is longer than a page is cut between replies.
func divide(threads []publish.PublishedThread) []part {
	parts := []part{{number: 1}}
	posts, bytes := 0, 0
	overflows := func(p, b int) bool { // p posts with b bytes do not fit on the current page
		return posts > 0 && (posts+p > pagePosts || bytes+b > pageBytes)
	}
	nextPage := func() {
		parts = append(parts, part{number: len(parts) + 1})
		posts, bytes = 0, 0
	}
	for i := range threads {
		t := &threads[i]
		words := len(posted.Words(t.Text))
		for j := range t.Replies {
			words += len(posted.Words(t.Replies[j].Text))
		}
		whole := 1+len(t.Replies) <= pagePosts && words <= pageBytes
		if whole && overflows(1+len(t.Replies), words) || !whole && overflows(1, len(posted.Words(t.Text))) {
			nextPage()
		}
		piece := threadPart{PublishedThread: t, index: i}
		posts, bytes = posts+1, bytes+len(posted.Words(t.Text))
		for j := range t.Replies {
			if !whole && overflows(1, len(posted.Words(t.Replies[j].Text))) {
				last := &parts[len(parts)-1]
				last.threads = append(last.threads, piece)
				nextPage()
				piece = threadPart{PublishedThread: t, index: i, from: j, to: j, continued: true}
			}
			piece.to = j + 1
			posts, bytes = posts+1, bytes+len(posted.Words(t.Replies[j].Text))
		}
		last := &parts[len(parts)-1]
		last.threads = append(last.threads, piece)
	}
	return parts
}

// pagePath is the path of a page of the week, by its number.
func (w *week) pagePath(number int) string {
	if number <= 1 {
		return w.path()
	}
	return "books/" + w.slug + "/" + strconv.Itoa(number) + ".html"
}

// postPath is the path of a post, with its fragment.
func (w *week) postPath(anchor string) string {
	return escapePath(w.pagePath(w.pageOf[anchor])) + "#" + anchor
}

// divideWeek divides the week into pages, and notes the page of each post.
func (w *week) divideWeek() {
	w.parts = divide(w.Published.Threads)
	if len(w.parts) == 1 {
		return
	}
	w.pageOf = map[string]int{}
	for _, p := range w.parts {
		for i := range p.threads {
			t := &p.threads[i]
			if !t.continued {
				w.pageOf[weekfile.Anchor(t.ID)] = p.number
			}
			for j := t.from; j < t.to; j++ {
				w.pageOf[weekfile.Anchor(t.Replies[j].ID)] = p.number
			}
		}
	}
}

// writeWhere writes the file in which site.js finds the page of a post: [path, [anchors]] for
// each page, with paths below books/.
func (b *builder) writeWhere(w *week) {
	type page [2]any
	pages := make([]page, len(w.parts))
	for i, p := range w.parts {
		anchors := []string{}
		for j := range p.threads {
			t := &p.threads[j]
			if !t.continued {
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
	WhereDir, Prefix string // relative paths of the folder of where.js, and of books/
}

type pageLink struct {
	Number int
	Href   string // "" for this page
	Gap    bool   // an ellipsis in place of several pages
}

// shownPages is how many pages before and after this one have a link.
const shownPages = 4

// pagerOf returns the links of a page; nil for a week that has never had more than one page.
func (w *week) pagerOf(number int) *pager {
	if w.kept <= 1 {
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

// up is the relative path from a page of a week to the site's folder.
func up(number int) string {
	if number > 1 {
		return "../../"
	}
	return "../"
}

// href is the relative path from one page of the week to another.
func (w *week) href(from, to int) string { return up(from) + escapePath(w.pagePath(to)) }

// link is the relative address of a post, from a page of its week.
func (w *week) link(from int, anchor string) string {
	if at := max(w.pageOf[anchor], 1); at != from {
		return w.href(from, at) + "#" + anchor
	}
	return "#" + anchor
}

// rememberPages stores the largest number of pages that a week has had, because no page is ever
// removed.
func (b *builder) rememberPages(w *week) {
	key := "pages " + w.Key
	earlier, err := strconv.Atoi(b.Memory[key])
	if err != nil || earlier < 0 || earlier > maxPagesKept {
		earlier = 1
	}
	w.kept = max(earlier, len(w.parts))
	if w.kept > 1 {
		b.memory[key] = strconv.Itoa(w.kept)
	}
}

// maxPagesKept is the maximum number of pages that is read from Memory. Memory is in a file that
// somebody may have edited.
const maxPagesKept = 10_000

// weekPages adds the pages of a week.
func (b *builder) weekPages(w *week) error {
	for _, p := range w.parts {
		if err := b.weekPage(w, p); err != nil {
			return fmt.Errorf("page %d: %w", p.number, err)
		}
	}
	for n := len(w.parts) + 1; n <= w.kept; n++ {
		if err := b.weekPage(w, part{number: n}); err != nil {
			return fmt.Errorf("page %d: %w", n, err)
		}
	}
	if w.kept > 1 {
		b.writeWhere(w)
	}
	return nil
}
