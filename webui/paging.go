package webui

import (
	"maps"
	"net/url"
	"strconv"
)

// paging is which page of a long list is shown, and the links to others.
type paging struct {
	Page, Last int
	Pages      []pageLink // empty when there is one page
}

type pageLink struct {
	N    int
	URL  string
	Here bool
	Rel  string // "next" and "prev" beside the current page
}

// newPaging returns the page that has the item at an index, or, if that is negative, the page that the address asks for.
// size is how many items a page has.
func newPaging(items, size int, asked string, at int, address func(n int) string) paging {
	p := paging{Last: max(1, (items+size-1)/size)}
	n, err := strconv.Atoi(asked)
	if err != nil {
		n = 1
	}
	if at >= 0 {
		n = at/size + 1
	}
	p.Page = min(max(n, 1), p.Last)
	if p.Last == 1 {
		return p
	}
	for n := 1; n <= p.Last; n++ {
		// Link only the first page, the last, and those close to the current one.
		if n != 1 && n != p.Last && (n < p.Page-3 || n > p.Page+3) {
			continue
		}
		rel := map[int]string{p.Page - 1: "prev", p.Page + 1: "next"}[n]
		p.Pages = append(p.Pages, pageLink{N: n, URL: address(n), Here: n == p.Page, Rel: rel})
	}
	return p
}

// pageAddress returns the address of page n of the list at a path.
func pageAddress(path string, q url.Values, n int) string {
	if n > 1 {
		if q = maps.Clone(q); q == nil {
			q = url.Values{}
		}
		q.Set("page", strconv.Itoa(n))
	}
	return withQuery(path, q)
}

func withQuery(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// on returns which items are on the page.
func (p paging) on(items, size int) (from, until int) {
	return min((p.Page-1)*size, items), min(p.Page*size, items)
}
