package webui

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"flyleaf/qa"
)

func TestSearchPage(t *testing.T) {
	s := newSite(t, "")
	tagged := s.node.doAs(maren, s.event, qa.Act{Kind: qa.ActPost, Text: "Does a <ledger> need a margin?", Tags: []string{"Paper", "fine print"}})
	page := s.get("/search?q=ledg")
	mustContain(t, page, "<h1>Search</h1>", "Does a &lt;<mark>ledger</mark>&gt; need a margin?", "The Patient Ledger, question", `href="`+s.week()+`#p-`+string(tagged)+`"`,
		"<b>Best match</b>", `<a href="/search?q=ledg&amp;sort=newest">Newest</a>`, `value="ledg"`)
	// In one week, with the filters.
	week := "/search?week=" + string(s.event)
	mustContain(t, s.get(week+"&q=ledger"), "Search in The Patient Ledger", `<a href="/search?q=ledger">Search all weeks</a>`)
	for query, want := range map[string]int{
		"&q=accounts": 1, "&asked=maren": 2, "&answered=teodor": 1, "&state=unanswered": 4, "&state=answered": 2, "&tag=paper": 1, "&tag=%23paper": 1,
		"&tag=print": 0, "&tag=Fine+Print": 1, "&asked=maren&state=unanswered": 1, "&q=ledger&tag=paper": 1, "&asked=nobody": 0,
	} {
		heading := "No results"
		if want > 0 {
			heading = plural(want, "post") + "<"
		}
		page := s.get(week + query)
		if !strings.Contains(page, heading) || strings.Count(page, "#p-") != want {
			t.Errorf("%s: %d links, want %q", query, strings.Count(page, "#p-"), heading)
		}
	}
	// A tag of a post leads to its search.
	mustContain(t, article(t, s.get(s.week()), string(tagged)), `<a class="ui" href="/search?tag=Paper&amp;week=`+string(s.event)+`">#Paper</a>`)
	mustContain(t, s.get(week+"&tag=Paper"), `<details open>`, `value="Paper"`)
	// The box of the week searches the week, also without scripts.
	mustContain(t, s.get(s.week()), `<input type="hidden" name="week" value="`+string(s.event)+`">`)
	if w := s.do(httptest.NewRequest("GET", "/search?week=nothing&q=x", nil)); w.Code != http.StatusNotFound {
		t.Errorf("an unknown week: %d", w.Code)
	}
}

func TestSearchHasPages(t *testing.T) {
	s := newSite(t, "")
	var acts []qa.Act
	for i := range 2*resultsOnPage + 5 {
		acts = append(acts, qa.Act{Kind: qa.ActPost, Text: fmt.Sprintf("Verso number %d", i), AtMillis: onDay(11, 9, 0) + int64(i)})
	}
	s.node.doAs(maren, s.event, acts...)
	first := s.get("/search?q=verso&sort=newest")
	mustContain(t, first, "45 posts", "number 44", "number 25", `href="/search?page=2&amp;q=verso&amp;sort=newest"`)
	mustNotContain(t, first, "number 24")
	for _, page := range []string{"3", "4", "999999999999999999999", "99999999"} {
		mustContain(t, s.get("/search?q=verso&sort=newest&page="+page), "45 posts", "number 4<", "number 0<")
	}
	for _, page := range []string{"0", "-1", "x"} {
		mustContain(t, s.get("/search?q=verso&sort=newest&page="+page), "number 44")
	}
}

func TestFoundWords(t *testing.T) {
	long := strings.Repeat("many words before ", 30) + "the ledger" + strings.Repeat(" and many after", 30)
	var b strings.Builder
	for _, s := range foundWords(long, "ledger") {
		b.WriteString(s.Text)
	}
	got := b.String()
	if !strings.HasPrefix(got, "… ") || !strings.Contains(got, "the ledger and") || !strings.HasSuffix(got, "…") || len([]rune(got)) > excerptLength+20 {
		t.Errorf("%q", got)
	}
	if s := foundWords("A *short* ledger", "ledger"); len(s) != 2 || s[0].Text != "A short " || !s[1].Hit {
		t.Errorf("%+v", s)
	}
}

// The orders of a week's questions, together with its filters.
func TestWeekOrders(t *testing.T) {
	s := newSite(t, "")
	s.node.doAs(ilse, s.event, qa.Act{Kind: qa.ActPost, Parent: s.node.sample[pBehalf], Text: "A late answer.", AtMillis: onDay(11, 10, 20)})
	for query, want := range map[string][]int{
		"?sort=newest":                  {pUnsent, pMine, pDuplicate, pForked},
		"?sort=activity":                {pBehalf, pUnsent, pMine, pDuplicate, pForked, pQuestion},
		"?show=unanswered&sort=wanted":  {pForked, pMine, pUnsent},
		"?show=unanswered&sort=newest":  {pUnsent, pMine, pForked},
		"?show=mine&sort=no-such-order": {pForked, pMine, pUnsent},
	} {
		page, at := s.get(s.week()+query), -1
		for _, n := range want {
			i := strings.Index(page, `id="t-`+s.id(n)+`"`)
			if i <= at {
				t.Errorf("%q: thread %d is missing or out of order", query, n)
			}
			at = i
		}
	}
	mustContain(t, s.get(s.week()+"?show=unanswered&sort=newest"), `<a href="`+s.week()+`?show=mine&amp;sort=newest"`, "<b>Newest</b>", `<a href="`+s.week()+`?show=unanswered">By day</a>`)
}
