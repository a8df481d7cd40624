package webui

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"flyleaf/qa"
)

// site drives the handler as a browser without scripts would.
type site struct {
	t       *testing.T
	h       http.Handler
	node    *fakeNode
	event   qa.EventID
	cookies []*http.Cookie
	csrf    string
}

const testHost = "127.0.0.1:7117"

func newSite(t *testing.T, token string) *site {
	t.Helper()
	node, event := sample()
	h := New(Config{Node: node, Token: token, Hosts: []string{testHost}, Now: func() time.Time { return fakeNow }, Zone: time.UTC})
	return &site{t: t, h: h, node: node, event: event}
}

func (s *site) do(r *http.Request) *httptest.ResponseRecorder {
	s.t.Helper()
	if r.Host == "example.com" {
		r.Host = testHost
	}
	for _, c := range s.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	return w
}

// get fetches a page and insists that it is there.
func (s *site) get(path string) string {
	s.t.Helper()
	w := s.do(httptest.NewRequest("GET", path, nil))
	if w.Code != http.StatusOK {
		s.t.Fatalf("GET %s: %d\n%s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

// send posts a form. Fields come in pairs.
func (s *site) send(path string, fields ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	v := url.Values{}
	if s.csrf != "" {
		v.Set("csrf", s.csrf)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.do(r)
}

// sent posts a form, insists on the redirect and returns where it leads.
func (s *site) sent(path string, fields ...string) string {
	s.t.Helper()
	w := s.send(path, fields...)
	if w.Code != http.StatusSeeOther {
		b, _ := io.ReadAll(w.Body)
		s.t.Fatalf("POST %s: %d, want 303\n%s", path, w.Code, b)
	}
	return w.Header().Get("Location")
}

func (s *site) week() string { return eventPath(s.event) }

func (s *site) lastAct(kind qa.ActKind) qa.Act {
	s.t.Helper()
	s.node.mu.Lock()
	defer s.node.mu.Unlock()
	if n := len(s.node.acts); n > 0 && s.node.acts[n-1].Kind == kind {
		return s.node.acts[n-1]
	}
	s.t.Fatalf("last act is not %s: %+v", kind, s.node.acts)
	return qa.Act{}
}

func mustContain(t *testing.T, page string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(page, p) {
			t.Errorf("page does not contain %q\n%s", p, page)
			return
		}
	}
}

func mustNotContain(t *testing.T, page string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if strings.Contains(page, p) {
			t.Errorf("page contains %q", p)
		}
	}
}

func TestEveryPageOpens(t *testing.T) {
	s := newSite(t, "")
	id := string(s.node.weeks[s.event].posts[0].ID)
	for _, path := range []string{"/", "/you", "/sync", s.week(), s.week() + "?show=unanswered", s.week() + "?show=mine", s.week() + "?sort=wanted", s.week() + "/p/" + id, s.week() + "/fragment?post=" + id, "/truth"} {
		page := s.get(path)
		mustNotContain(t, page, "<script>", "style=", "ZgotmplZ", "could not be put together")
	}
}

func TestAskAndReply(t *testing.T) {
	s := newSite(t, "")
	to := s.sent(s.week()+"/ask", "body", "How do you correct a wrong entry?\r\nReally?", "onBehalfOf", " Priya ", "tags", "#sql, paper,, sql")
	act := s.lastAct(qa.ActPost)
	if act.Text != "How do you correct a wrong entry?\nReally?" || act.OnBehalfOf != "Priya" || strings.Join(act.Tags, "|") != "sql|paper" || act.AtMillis != fakeNow.UnixMilli() {
		t.Errorf("act = %+v", act)
	}
	path, elem, _ := strings.Cut(to, "#")
	page := s.get(path)
	mustContain(t, page, `id="`+elem+`"`, "How do you correct a wrong entry?<br", "asks, through you", "#sql", "2 changes only on this device")
	id := strings.TrimPrefix(elem, "p-")

	to = s.sent(s.week()+"/p/"+id+"/reply", "body", "I would like to know **too**")
	if act := s.lastAct(qa.ActPost); string(act.Parent) != id {
		t.Errorf("parent = %q", act.Parent)
	}
	path, elem, _ = strings.Cut(to, "#")
	mustContain(t, s.get(path), `id="`+elem+`"`, "<strong>too</strong>", "<b>You</b> <i>added</i>")
}
