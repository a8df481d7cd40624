package webui

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"flyleaf/markdown"
	"flyleaf/node"
	"flyleaf/qa"
)

// searchPage is the body of the page with the results of a search, over all weeks or in one.
type searchPage struct {
	Query      searchQuery
	Title      string // of the week that is searched; "" when all are
	Everywhere string // address of the same search over all weeks
	Asked      bool   // the reader searched for something
	Filtered   bool   // the filters are in use, so they are open
	Found      []searchResult
	Total      int
	Orders     []filter
	paging
}

// searchQuery is the query of a search page, as its form and its address have it.
type searchQuery struct {
	Words, Week, Asked, Answered, State, Tag, Sort string
}

type searchResult struct {
	Who, LookalikeNote, URL, Week string
	What                          string // "question", "answer", "reply"
	Words                         []node.Segment
	Tags                          []tagLink
	When                          moment
}

// tagLink is a tag of a post, with the address of a search for it.
type tagLink struct{ Name, URL string }

// resultsOnPage is how many posts one page of a search shows; maxResultsPage bounds the number of a page in an address.
const (
	resultsOnPage  = 20
	maxResultsPage = 1_000_000
)

// Of a text that was found, the page shows at most excerptLength characters, from excerptBefore characters before the first
// match on.
const (
	excerptLength = 220
	excerptBefore = 70
)

const searchPath = "/search"

func searchQueryOf(q url.Values) searchQuery {
	get := func(key string) string { return strings.TrimSpace(q.Get(key)) }
	return searchQuery{Words: get("q"), Week: get("week"), Asked: get("asked"), Answered: get("answered"), State: get("state"), Tag: strings.TrimLeft(get("tag"), "#"), Sort: get("sort")}
}

// address returns the address of the search.
func (q searchQuery) address(page int) string {
	v := url.Values{}
	for key, value := range map[string]string{"q": q.Words, "week": q.Week, "asked": q.Asked, "answered": q.Answered, "state": q.State, "tag": q.Tag, "sort": q.Sort} {
		if value != "" {
			v.Set(key, value)
		}
	}
	return pageAddress(searchPath, v, page)
}

func (q searchQuery) orders() (out []filter) {
	for _, o := range []struct {
		name string
		sort node.SortOrder
	}{{"Best match", node.SortBest}, {"Newest", node.SortNewest}, {"Latest activity", node.SortActivity}, {"Most wanted", node.SortWanted}} {
		if o.sort == node.SortBest && q.Words == "" {
			continue // it would be the same as the newest
		}
		there := q
		there.Sort = string(o.sort)
		here := q.Sort == there.Sort || q.Words == "" && q.Sort == "" && o.sort == node.SortNewest
		out = append(out, filter{Name: o.name, URL: there.address(1), Here: here})
	}
	return out
}

func (s *server) search(w http.ResponseWriter, r *http.Request) {
	ctx, asked := r.Context(), r.URL.Query().Get("page")
	q := searchQueryOf(r.URL.Query())
	weeks := node.NewWeekCache(s.node)
	p := searchPage{Query: q, Orders: q.orders(), Filtered: q.Asked+q.Answered+q.State+q.Tag != ""}
	p.Asked = p.Filtered || q.Words != ""
	l := s.layout(r, "Search", "library", nil)
	if q.Week != "" {
		week, err := weeks.Get(ctx, qa.EventID(q.Week))
		if err != nil {
			s.weekUnavailable(w, r, qa.EventID(q.Week), err)
			return
		}
		p.Title, l.Event = week.Event.Title, eventPath(week.Event.ID)
		there := q
		there.Week = ""
		p.Everywhere = there.address(1)
	}
	query := node.Query{
		Event: qa.EventID(q.Week), Words: q.Words, AskedBy: q.Asked, AnsweredBy: q.Answered, State: node.QuestionState(q.State), Tag: q.Tag,
		Sort: node.SortOrder(q.Sort), Limit: resultsOnPage,
	}
	n, _ := strconv.Atoi(asked)
	query.Offset = (min(max(n, 1), maxResultsPage) - 1) * resultsOnPage
	hits, total, err := weeks.Search(ctx, query)
	if err == nil && total > 0 && query.Offset >= total { // a page behind the last one
		query.Offset = (total - 1) / resultsOnPage * resultsOnPage
		hits, _, err = weeks.Search(ctx, query)
	}
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	p.Total = total
	p.paging = newPaging(total, resultsOnPage, asked, -1, q.address)
	views := map[*qa.Week]*weekView{}
	for _, hit := range hits {
		v := views[hit.Week]
		if v == nil {
			keys, err := s.node.Keys(ctx, hit.Week.Event.ID)
			if err != nil {
				s.readFailed(w, r, err)
				return
			}
			v = s.newWeekView(*hit.Week, keys)
			views[hit.Week] = v
		}
		p.Found = append(p.Found, v.result(hit.Post, q))
	}
	l.Body = p
	s.page(w, r, http.StatusOK, "search", l)
}

func (v *weekView) result(p *qa.PostView, q searchQuery) searchResult {
	out := searchResult{
		Who: upperFirst(v.writerName(p)), LookalikeNote: upperFirstLetter(v.lookalikes().Post(p).String()), What: kindOf(p),
		Words: foundWords(p.Text(), q.Words), URL: v.address(p.ID), Tags: v.tags(p), When: v.writtenAt(p),
	}
	if q.Week == "" {
		out.Week = v.Event.Title
	}
	return out
}

// foundWords returns the part of a text with the first match, with the matches as segments of their own.
func foundWords(text, words string) []node.Segment {
	all := node.Highlight(markdown.Line(text, maxForm), words)
	first := slices.IndexFunc(all, func(s node.Segment) bool { return s.Hit })
	var out []node.Segment
	from := 0
	if first > 0 {
		before := []rune(all[first-1].Text)
		cut := max(0, len(before)-excerptBefore)
		for cut > 0 && cut < len(before) && before[cut-1] != ' ' {
			cut++
		}
		// What precedes that text is left out too; it would only be another match if this text were empty.
		if cut > 0 || first > 1 {
			out = append(out, node.Segment{Text: "… "})
		}
		out = append(out, node.Segment{Text: string(before[cut:])})
		from = first
	}
	length := 0
	for _, s := range out {
		length += len([]rune(s.Text))
	}
	for _, s := range all[from:] {
		runes := []rune(s.Text)
		if length+len(runes) > excerptLength {
			if s.Hit {
				return append(out, node.Segment{Text: "…"})
			}
			space := ""
			if runes[0] == ' ' {
				space = " " // excerpt trims it
			}
			return append(out, node.Segment{Text: space + excerpt(s.Text, max(1, excerptLength-length))})
		}
		out = append(out, s)
		length += len(runes)
	}
	return out
}

// tags returns the tags of a post, as links to the posts of the week that have them.
func (v *weekView) tags(p *qa.PostView) (out []tagLink) {
	for _, tag := range p.Tags {
		if tag = strings.TrimSpace(tag); tag != "" {
			out = append(out, tagLink{"#" + tag, searchQuery{Week: string(v.Event.ID), Tag: tag}.address(1)})
		}
	}
	return out
}
