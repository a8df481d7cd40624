package webui

import (
	"bytes"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"flyleaf/qa"
)

const testToken = "a-secret-of-the-device"

// starts admits the browsers of the tests.
var starts StartTokens

// letIn opens the start link and keeps the cookie and the forms' token.
func (s *site) letIn() {
	s.t.Helper()
	w := s.do(httptest.NewRequest("GET", "/?token="+starts.New(), nil))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" {
		s.t.Fatalf("start link: %d to %q", w.Code, w.Header().Get("Location"))
	}
	s.cookies = w.Result().Cookies()
	m := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(s.get("/"))
	if m == nil {
		s.t.Fatal("no token in the forms")
	}
	s.csrf = m[1]
}

func TestStartLinkGivesAStrictCookie(t *testing.T) {
	s := newSite(t, testToken)
	s.letIn()
	c := s.cookies[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Name != "flyleaf-7117" || strings.Contains(c.Value, testToken) {
		t.Errorf("cookie = %+v", c)
	}
	if s.csrf == c.Value || strings.Contains(s.csrf, testToken) {
		t.Error("the forms' token gives the cookie or the start token away")
	}
	// From a page of another site a redirect would lose the strict cookie.
	token := starts.New()
	r := httptest.NewRequest("GET", "/e/x?token="+token+"&show=mine", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	w := s.do(r)
	if w.Code != http.StatusOK {
		t.Errorf("from another site: %d", w.Code)
	}
	mustContain(t, w.Body.String(), `content="0;url=/e/x?show=mine"`)
	mustNotContain(t, w.Body.String(), testToken, token)
}

func TestWithoutTheCookieNothingIsShown(t *testing.T) {
	s := newSite(t, testToken)
	for _, path := range []string{"/", "/sync", "/you", s.week(), s.week() + "/stream", s.week() + "/fragment", "/sync/summary", "/stream", "/?token=wrong", "/e/x?token="} {
		w := s.do(httptest.NewRequest("GET", path, nil))
		if w.Code != http.StatusUnauthorized {
			t.Errorf("GET %s: %d", path, w.Code)
		}
		mustContain(t, w.Body.String(), "Open Flyleaf with its link")
		mustNotContain(t, w.Body.String(), "Patient Ledger", "csrf", testToken)
	}
	r := httptest.NewRequest("GET", s.week()+"/stream", nil)
	r.Header.Set("Accept", "text/event-stream")
	if w := s.do(r); w.Code != http.StatusForbidden {
		t.Errorf("stream: %d", w.Code)
	}
	if w := s.send(s.week()+"/ask", "body", "x"); w.Code != http.StatusForbidden {
		t.Errorf("ask: %d", w.Code)
	}
	if len(s.node.acts()) != 0 {
		t.Errorf("acts = %+v", s.node.acts())
	}
	if w := s.do(httptest.NewRequest("GET", staticAddress("pages.css"), nil)); w.Code != http.StatusOK {
		t.Errorf("the style of the locked page: %d", w.Code)
	}
}

// mutations are all addresses that change something, with the fields of a valid form.
func (s *site) mutations() map[string]url.Values {
	first, mine := string(s.node.sample[0]), string(s.node.sample[10])
	v := func(pairs ...string) url.Values {
		out := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			out.Set(pairs[i], pairs[i+1])
		}
		return out
	}
	return map[string]url.Values{
		s.week() + "/ask":                                          v("body", "x"),
		s.week() + "/draft":                                        v("key", "ask", "body", "x"),
		s.week() + "/p/" + first + "/reply":                        v("body", "x"),
		s.week() + "/p/" + mine + "/edit":                          v("body", "x"),
		s.week() + "/p/" + mine + "/withdraw":                      v("on", "1"),
		s.week() + "/p/" + mine + "/appeal":                        v("text", "x"),
		s.week() + "/p/" + first + "/react":                        v("on", "👍"),
		s.week() + "/p/" + first + "/mark":                         v("pinned", "1"),
		s.week() + "/p/" + first + "/block":                        v("on", "1", "why", "x"),
		s.week() + "/role":                                         v("identity", string(obi), "role", "author", "on", "1"),
		s.week() + "/unblock":                                      v("identity", string(obi)),
		s.week() + "/switch":                                       v("switch", "approve", "on", "1"),
		s.week() + "/queue":                                        v("approve", "1", "post", first),
		s.week() + "/invite":                                       v("role", "author"),
		s.week() + "/invite/" + string(s.invitation()) + "/revoke": v(),
		s.week() + "/refused/" + strings.Repeat("ab", 32):          v(),
		s.week() + "/p/" + first + "/answer":                       v("body", "x"),
		s.week() + "/p/" + first + "/take":                         v("take", "1"),
		s.week() + "/winners/choose":                               v("row", first, "choose", first),
		s.week() + "/winners/announce":                             v("text", "x"),
		s.week() + "/winners/draw":                                 v("step", "commit"),
		s.week() + "/setup":                                        v("title", "T"),
		s.week() + "/invitation/seen":                              v("state", "open"),
		s.week() + "/read":                                         v("upTo", "1"),
		s.week() + "/claim":                                        v("contact", "x"),
		"/digest":                                                  v(),
		"/club/new":                                                v("title", "A club"),
		"/new":                                                     v("title", "T"),
		"/join":                                                    v("invitation", "flyleaf:"+string(eventID(9))),
		"/you":                                                     v("name", "Tino"),
		"/you/theme":                                               v("theme", "dark"),
		"/files":                                                   v(),
		"/you/identity":                                            v("text", "x"),
		"/storage/phrase":                                          v(),
		"/sync/try":                                                v(),
		"/undo":                                                    v("id", "x"),
	}
}

// TestEveryMutationIsListed: the list above has every address that the source of the
// package registers for POST.
func TestEveryMutationIsListed(t *testing.T) {
	s := newSite(t, "")
	src, err := os.ReadFile("webui.go")
	if err != nil {
		t.Fatal(err)
	}
	listed := s.mutations()
	routes := regexp.MustCompile(`"(POST|PUT|DELETE|PATCH) ([^"]+)"`).FindAllStringSubmatch(string(src), -1)
	if len(routes) < 15 {
		t.Fatalf("only %d routes were found", len(routes))
	}
	for _, m := range routes {
		pattern := regexp.MustCompile("^" + regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(m[2], "[^/]+") + "$")
		// These two change nothing; see TestPhraseIsShownOnlyWhenAskedFor.
		found := m[2] == "/you/phrase" || m[2] == "/e/{event}/suggest"
		for path := range listed {
			found = found || pattern.MatchString(path)
		}
		if !found {
			t.Errorf("%s %s is not tried without the forms' token", m[1], m[2])
		}
	}
}

func TestMutationsNeedTheFormsToken(t *testing.T) {
	s := newSite(t, testToken)
	s.node.giveReaderRole(s.event, qa.RoleOrganiser)
	s.node.giveReaderRole(s.event, qa.RoleAuthor)
	if _, err := s.node.Invite(t.Context(), s.event, qa.RoleAuthor, ""); err != nil {
		t.Fatal(err)
	}
	refuse(s, qa.NotAccepted{Hash: strings.Repeat("ab", 32)})
	s.letIn()
	good, settings := s.csrf, s.node.countSettings()
	for path, fields := range s.mutations() {
		for _, bad := range []string{"", "wrong", s.cookies[0].Value} {
			s.csrf = bad
			var pairs []string
			for k := range fields {
				pairs = append(pairs, k, fields.Get(k))
			}
			if w := s.send(path, pairs...); w.Code != http.StatusForbidden {
				t.Errorf("POST %s with the token %q: %d", path, bad, w.Code)
			}
			// In the address it does not count: addresses are kept and shared.
			if w := s.send(path+"?csrf="+good, pairs...); w.Code != http.StatusForbidden {
				t.Errorf("POST %s with the token in the address: %d", path, w.Code)
			}
		}
	}
	if len(s.node.acts()) != 0 || s.node.countSettings() != settings || len(s.followed()) != 1 || s.node.reconnects != 0 || s.identities != 0 {
		t.Errorf("something was changed: %+v %v", s.node.acts(), s.node.countSettings())
	}
	invites, err := s.node.Invitations(t.Context(), s.event)
	if refusals := s.node.override(s.event).refusals; err != nil || len(invites) != 1 || invites[0].State != qa.InviteOpen || len(refusals) != 1 {
		t.Errorf("something was changed: %+v %+v, %v", invites, refusals, err)
	}
	s.csrf = good
	for path, fields := range s.mutations() {
		var pairs []string
		for k := range fields {
			pairs = append(pairs, k, fields.Get(k))
		}
		w := s.send(path, pairs...)
		if strings.HasSuffix(path, "/claim") || path == "/files" { // authors and organisers win nothing; there is no file
			if w.Code != http.StatusUnprocessableEntity {
				t.Errorf("POST %s with the token: %d", path, w.Code)
			}
			continue
		}
		if path == "/undo" { // nothing was done
			if w.Code != http.StatusGone {
				t.Errorf("POST %s with the token: %d", path, w.Code)
			}
			continue
		}
		if strings.HasSuffix(path, "/appeal") { // the post is not hidden
			if w.Code != http.StatusConflict {
				t.Errorf("POST %s with the token: %d", path, w.Code)
			}
			continue
		}
		if w.Code != http.StatusSeeOther && w.Code != http.StatusNoContent && w.Code != http.StatusOK {
			t.Errorf("POST %s with the token: %d", path, w.Code)
		}
	}
}

func TestHostsAndOrigins(t *testing.T) {
	s := newSite(t, testToken)
	s.letIn()
	for _, c := range []struct {
		name, method, host, origin, site string
		want                             int
	}{
		{"ours", "GET", testHost, "", "", 200},
		{"ours, typed", "GET", testHost, "", "none", 200},
		{"a link elsewhere", "GET", testHost, "", "cross-site navigate document", 200}, // with the cookie only because the test sends it
		{"a frame elsewhere", "GET", testHost, "", "cross-site navigate iframe", 403},
		{"a frame of another port", "GET", testHost, "", "same-site navigate iframe", 403},
		{"an object elsewhere", "GET", testHost, "", "cross-site navigate object", 403},
		{"a picture elsewhere", "GET", testHost, "", "cross-site no-cors image", 403},
		{"a script of another port", "GET", testHost, "", "same-site no-cors script", 403},
		{"prefetched elsewhere", "GET", testHost, "", "cross-site no-cors empty", 403},
		{"a form elsewhere", "POST", testHost, "", "cross-site navigate document", 403},
		{"own form", "POST", testHost, "http://" + testHost, "same-origin", 303},
		{"a name that resolves to us", "GET", "evil.example:7117", "", "", 403},
		{"another port", "GET", "127.0.0.1:7118", "", "", 403},
		{"no port", "GET", "127.0.0.1", "", "", 403},
		{"a name with ours in it", "GET", "127.0.0.1:7117.evil.example", "", "", 403},
		{"another origin", "POST", testHost, "https://evil.example", "cross-site", 403},
		{"another origin reads", "GET", testHost, "https://evil.example", "cross-site", 403},
		{"another port of this host", "POST", testHost, "http://127.0.0.1:9999", "same-site", 403},
		{"no origin", "POST", testHost, "null", "", 403},
		{"cross-site without origin", "POST", testHost, "", "cross-site", 403},
		{"same site is not same origin", "POST", testHost, "", "same-site", 403},
	} {
		body := strings.NewReader(url.Values{"csrf": {s.csrf}, "theme": {"dark"}}.Encode())
		path := "/"
		if c.method == "POST" {
			path = "/you/theme"
		}
		r := httptest.NewRequest(c.method, path, body)
		r.Host = c.host
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		for i, value := range strings.Fields(c.site) {
			r.Header.Set([]string{"Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"}[i], value)
		}
		if w := s.do(r); w.Code != c.want {
			t.Errorf("%s: %d, want %d", c.name, w.Code, c.want)
		}
	}
}

func TestHostsWithoutAList(t *testing.T) {
	g := newGuard("", nil, nil)
	for host, want := range map[string]bool{
		"localhost:1": true, "LOCALHOST": true, "127.0.0.1:80": true, "[::1]:7117": true, "[::1]": true,
		"evil.example": false, "127.0.0.1.evil.example:80": false, "localhost.evil.example": false, "": false, "127.0.0.2": false,
	} {
		if g.servesHost(host) != want {
			t.Errorf("knows(%q) = %v", host, !want)
		}
	}
}

// TestUpgradesAndOtherMethods: no connection is upgraded, and only GET, HEAD and POST are served.
func TestUpgradesAndOtherMethods(t *testing.T) {
	s := newSite(t, testToken)
	s.letIn()
	for _, path := range []string{"/", "/stream", s.week() + "/stream"} {
		for _, origin := range []string{"", "http://" + testHost, "https://evil.example"} {
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", "websocket")
			r.Header.Set("Sec-WebSocket-Version", "13")
			r.Header.Set("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
			if origin != "" {
				r.Header.Set("Origin", origin)
			}
			if w := s.do(r); w.Code != http.StatusForbidden {
				t.Errorf("upgrade of %s from %q: %d", path, origin, w.Code)
			}
		}
	}
	for _, method := range []string{"OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"} {
		r := httptest.NewRequest(method, s.week()+"/ask", nil)
		if w := s.do(r); w.Code < 400 || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %v", method, w.Code, w.Header())
		}
	}
	if len(s.node.acts()) != 0 {
		t.Errorf("acts = %+v", s.node.acts())
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	s := newSite(t, testToken)
	paths := []string{"/", staticAddress("flyleaf.css"), staticAddress("main.js"), "/static/", "/nowhere", "/e/x", "/you", "/sync", s.week(), s.week() + "/people", s.week() + "/log", s.week() + "/invite/all.svg"}
	s.letIn()
	for _, path := range paths {
		h := s.do(httptest.NewRequest("GET", path, nil)).Header()
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "http:") {
			t.Errorf("%s: CSP %q", path, csp)
		}
		for key, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "X-DNS-Prefetch-Control": "off", "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp", "Access-Control-Allow-Origin": ""} {
			if h.Get(key) != want {
				t.Errorf("%s: %s = %q", path, key, h.Get(key))
			}
		}
	}
}

func TestLocalPath(t *testing.T) {
	for in, want := range map[string]string{
		"/e/x?page=2": "/e/x?page=2", "/": "/", "": "/", "//evil.example": "/", "https://evil.example": "/", `/\evil.example`: "/",
		"javascript:alert(1)": "/", "e/x": "/", "/e/x\r\nSet-Cookie: a=b": "/", "/\t/evil.example": "/",
	} {
		if got := localPath(in); got != want {
			t.Errorf("localPath(%q) = %q, want %q", in, got, want)
		}
	}
	s := newSite(t, "")
	id := string(s.node.sample[0])
	if to := s.sent(s.week()+"/p/"+id+"/react", "on", "👍", "back", "//evil.example/x"); !strings.HasPrefix(to, "/#") {
		t.Errorf("leads to %q", to)
	}
}

func TestFormsAreBounded(t *testing.T) {
	s := newSite(t, "")
	if w := s.send(s.week()+"/ask", "body", strings.Repeat("x", maxForm)); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a form of %d bytes: %d", maxForm, w.Code)
	}
	w := s.send(s.week()+"/ask", "body", strings.Repeat("ä", 20<<10))
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a text that is too long: %d", w.Code)
	}
	mustContain(t, w.Body.String(), "too long", "still in the box", strings.Repeat("ä", 20<<10))
}

func TestStartURL(t *testing.T) {
	if got := StartURL("http://127.0.0.1:7117", "a b&c"); got != "http://127.0.0.1:7117/?token=a+b%26c" {
		t.Error(got)
	}
	if got := StartURL("http://127.0.0.1:7117/", ""); got != "http://127.0.0.1:7117/" {
		t.Error(got)
	}
}

// TestAStartTokenWorksOnce: a start token works once, in a link or in the form of the start
// page. A prefetch does not use it up.
func TestAStartTokenWorksOnce(t *testing.T) {
	s := newSite(t, testToken)
	ask := func(method, token string, header ...string) (int, bool) {
		t.Helper()
		r := httptest.NewRequest(method, "/?token="+token, nil)
		if method == "POST" {
			r = httptest.NewRequest(method, "/start", strings.NewReader(url.Values{"token": {token}}.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			// As a browser sends a form of a file.
			r.Header.Set("Origin", "null")
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := s.do(r)
		return w.Code, len(w.Result().Cookies()) == 1
	}
	for method, ok := range map[string]int{"GET": http.StatusSeeOther, "POST": http.StatusOK} {
		token := starts.New()
		if code, in := ask("HEAD", token); code < 400 || in {
			t.Errorf("HEAD: %d, let in: %v", code, in)
		}
		if code, _ := ask("GET", token, "Sec-Purpose", "prefetch;prerender"); code != http.StatusUnauthorized {
			t.Errorf("looking ahead: %d", code)
		}
		if code, in := ask(method, token); code != ok || !in {
			t.Errorf("%s: %d, let in: %v", method, code, in)
		}
		for _, again := range []string{"GET", "POST"} {
			if code, in := ask(again, token); code != http.StatusUnauthorized || in {
				t.Errorf("%s, then %s: %d, let in: %v", method, again, code, in)
			}
		}
	}
	for _, token := range []string{"", "x", testToken} { // nor does the device's secret
		for _, method := range []string{"GET", "POST"} {
			if code, in := ask(method, token); code != http.StatusUnauthorized || in {
				t.Errorf("%s with %q: %d, let in: %v", method, token, code, in)
			}
		}
	}
	var page strings.Builder
	if err := WriteStartPage(&page, "http://127.0.0.1:7117", "a<b", "/?c<d"); err != nil {
		t.Fatal(err)
	}
	mustContain(t, page.String(), `action="http://127.0.0.1:7117/start"`, `value="a&lt;b"`, `value="/?c&lt;d"`, `method="post"`)
	old := starts.New()
	for range maxStartTokens {
		starts.New()
	}
	if code, in := ask("GET", old); code != http.StatusUnauthorized || in {
		t.Errorf("one of too many: %d, let in: %v", code, in)
	}
}

// TestTheStartPageLeadsToItsPath: the form of the start page leads to its path if that is a path of
// Flyleaf's, with the invitation in it as it was. With an invalid token it leads to the first page, without
// the cookie: a browser that already has it is let in there, others are not.
func TestTheStartPageLeadsToItsPath(t *testing.T) {
	s := newSite(t, testToken)
	open := func(token, path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/start", strings.NewReader(url.Values{"token": {token}, "path": {path}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return s.do(r)
	}
	inv := qa.Invitation{Event: s.event, Relay: "wss://relay.example/a?b", Secret: bytes.Repeat([]byte{7}, qa.SecretSize)}
	for path, want := range map[string]string{
		JoinPath(inv): JoinPath(inv), "/sync": "/sync", "": "/", "https://elsewhere.example/": "/", "//elsewhere.example": "/", "javascript:alert(1)": "/",
	} {
		mustContain(t, html.UnescapeString(open(starts.New(), path).Body.String()), `content="0;url=`+want+`"`)
	}
	if u, err := url.Parse(JoinPath(inv)); err != nil || u.Query().Get(joinParam) != inv.String() {
		t.Errorf("%s contains %q (%v), not %s", JoinPath(inv), u.Query().Get(joinParam), err, inv)
	}
	w := open("used", JoinPath(inv))
	if mustContain(t, w.Body.String(), `content="0;url=/"`); w.Code != http.StatusUnauthorized || len(w.Result().Cookies()) != 0 {
		t.Errorf("an invalid token: %d, cookies %v", w.Code, w.Result().Cookies())
	}
}
