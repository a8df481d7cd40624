package webui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"flyleaf/node"
	"flyleaf/qa"
)

// What arrives after a visit is marked, counted and filtered, until the reader has read it.
func TestNewPosts(t *testing.T) {
	s := newSite(t, "")
	page := s.get(s.week())
	mustNotContain(t, page, `id="fresh"`, "New</span>", "show=new", "<title>(")
	answer := s.node.doAs(ilse, s.event, qa.Act{Kind: qa.ActPost, Parent: s.node.sample[len(s.node.sample)-1], Text: "Once a minute is fine."})
	// A clock that is years behind does not make a post old.
	asked := s.node.doAs(maren, s.event, qa.Act{Kind: qa.ActPost, Text: "Does paper last?", AtMillis: 1_000_000_000_000})
	s.node.doAs(obi, s.event, qa.Act{Kind: qa.ActPost, Parent: qa.PostID(s.id(0)), Text: "Ours has 30 members."})

	page = s.get(s.week())
	mustContain(t, page, "3 new posts</b></a>: your question was answered, 1 question and 1 reply to others.",
		`<a href="`+s.week()+`?show=new">New <span class="count">3</span>`, "<title>(3) The Patient Ledger", `data-new="3"`)
	if n := strings.Count(page, `<span class="badge new">New</span>`); n != 3 {
		t.Errorf("%d marks", n)
	}
	mustContain(t, article(t, page, string(answer)), "data-unread")
	library := s.get("/")
	mustContain(t, library, "3 new posts</a>: your question was answered, 1 question and 1 reply to others.", "<title>(3) Your weeks")
	mustContain(t, s.get("/you"), "<title>(3) You ")
	mustNotContain(t, s.get(s.week()+"/stage"), "(3)", "data-new")

	fresh := s.get(s.week() + "?show=new")
	mustContain(t, fresh, "Does paper last?", "Once a minute is fine.", "Ours has 30 members.")
	mustNotContain(t, fresh, "My grandmother kept the accounts")

	// Without scripts a button marks all as read: what had arrived when its page was made.
	_, upTo, _ := strings.Cut(page, `name="upTo" value="`)
	upTo, _, _ = strings.Cut(upTo, `"`)
	later := s.node.doAs(teodor, s.event, qa.Act{Kind: qa.ActPost, Parent: asked, Text: "For three hundred years."})
	s.sent(s.week()+"/read", "upTo", upTo)
	page = s.get(s.week())
	mustContain(t, page, "1 new post</b></a>: 1 answer to others.")
	mustContain(t, article(t, page, string(later)), "data-unread")

	// The script says which posts were in the window.
	w := s.sendJSON(s.week()+"/read", "post", string(later))
	if got := w.Body.String(); w.Code != http.StatusOK || got != `{"answers":0,"new":0}` {
		t.Errorf("%d %s", w.Code, got)
	}
	mustNotContain(t, s.get(s.week()), `id="fresh"`, "New</span>", "<title>(")
	mustContain(t, s.get(s.week()+"?show=new"), "Nothing is new.")
	// Nothing of it is in the event.
	for _, act := range s.node.acts() {
		t.Errorf("an act: %+v", act)
	}
	for _, bad := range [][]string{{}, {"upTo", "x"}} {
		if w := s.send(s.week()+"/read", bad...); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d", bad, w.Code)
		}
	}
}

// sendJSON posts a form as the script does.
func (s *site) sendJSON(path string, fields ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	return s.do(r)
}

// The next and the previous new post are found across the pages of a week.
func TestNextUnread(t *testing.T) {
	s := newSite(t, "")
	s.get(s.week())
	var acts []qa.Act
	for i := range 3 * ThreadsOnPage {
		acts = append(acts, qa.Act{Kind: qa.ActPost, Text: fmt.Sprintf("Question %d", i), AtMillis: onDay(11, 10, 20) + int64(i)})
	}
	s.node.doAs(maren, s.event, acts...)
	week, err := s.node.Week(t.Context(), s.event)
	if err != nil {
		t.Fatal(err)
	}
	at := func(i int) string { return string(week.Threads[i].Question.ID) }
	first, last := 30, 2*ThreadsOnPage+5
	for i := range week.Threads {
		if i != first && i != last {
			s.sendJSON(s.week()+"/read", "post", at(i))
		}
	}
	firstAddress, lastAddress := s.week()+"#p-"+at(first), s.week()+"?page=3#p-"+at(last)
	for query, want := range map[string]string{
		"":                              firstAddress,
		"?after=" + at(3):               firstAddress,
		"?after=" + at(first):           lastAddress,
		"?after=" + at(last):            s.week(),
		"?before=" + at(last+1):         lastAddress,
		"?before=" + at(last):           firstAddress,
		"?before=" + at(first):          s.week(),
		"?after=not-a-post-of-the-week": s.week(),
	} {
		w := s.do(httptest.NewRequest("GET", s.week()+"/unread"+query, nil))
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("%q leads to %s, want %s", query, got, want)
		}
	}
}

// noNews is a node that cannot read what was read.
type noNews struct{ node.Node }

func (noNews) ReadState(context.Context, qa.EventID) (qa.ReadState, error) {
	return qa.ReadState{}, errors.New("the disk is gone")
}

func (noNews) News(context.Context) (map[qa.EventID]qa.NewsCounts, error) {
	return nil, errors.New("the disk is gone")
}

func TestPagesOpenWithoutNews(t *testing.T) {
	s := newSite(t, "")
	s.serve(noNews{s.node})
	mustContain(t, s.get(s.week()), "The Patient Ledger")
	mustContain(t, s.get("/"), "The Patient Ledger")
}
