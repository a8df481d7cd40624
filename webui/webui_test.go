package webui

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"flyleaf/node"
	"flyleaf/node/convert"
	"flyleaf/qa"
	"flyleaf/schema"
)

// site drives the handler as a browser without scripts would.
type site struct {
	t          *testing.T
	h          http.Handler
	node       *testNode
	event      qa.EventID
	cookies    []*http.Cookie
	csrf       string
	token      string
	identities int // that were put in the place of the browser's own
	clock      time.Time
	converter  node.Converter
}

const testHost = "127.0.0.1:7117"

func newSite(t *testing.T, token string) *site {
	t.Helper()
	n, event := sample(t)
	return newSiteOf(t, token, n, event)
}

// newSiteOf returns the pages of a node.
func newSiteOf(t *testing.T, token string, n *testNode, event qa.EventID) *site {
	s := &site{t: t, node: n, event: event, token: token, clock: testNow, converter: convert.Direct{}}
	s.serve(n)
	return s
}

// serve replaces the handler with the pages of a node.
func (s *site) serve(n node.Node) {
	s.h = New(Config{
		Converter: s.converter, Node: n, Token: s.token, Starts: &starts, Hosts: []string{testHost}, Now: func() time.Time { return s.clock }, Zone: time.UTC,
		UseIdentity: func(context.Context, []byte, string, bool) error { s.identities++; return nil },
		Storage:     func(context.Context) (Storage, error) { return Storage{}, nil },
	})
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

// get returns a page, and fails the test unless the status is 200. It removes the marks that
// isolate people's words, so that tests can look for sentences. raw keeps the marks.
func (s *site) get(path string) string {
	s.t.Helper()
	return strings.NewReplacer("<bdi>", "", "</bdi>", "", ` dir="auto"`, "").Replace(s.raw(path))
}

func (s *site) raw(path string) string {
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

// sent posts a form and returns the address of the redirect. Any other response fails the test.
func (s *site) sent(path string, fields ...string) string {
	s.t.Helper()
	w := s.send(path, fields...)
	if w.Code != http.StatusSeeOther {
		b, _ := io.ReadAll(w.Body)
		s.t.Fatalf("POST %s: %d, want 303\n%s", path, w.Code, b)
	}
	return w.Header().Get("Location")
}

// followed lists the events that the device follows.
func (s *site) followed() []qa.Event {
	s.t.Helper()
	all, err := s.node.Events(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

func (s *site) week() string { return eventPath(s.event) }

func (s *site) lastAct(kind qa.ActKind) qa.Act {
	s.t.Helper()
	acts := s.node.acts()
	if n := len(acts); n > 0 && acts[n-1].Kind == kind {
		return acts[n-1]
	}
	s.t.Fatalf("last act is not %s: %+v", kind, acts)
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
	id := string(s.node.sample[0])
	for _, path := range []string{"/", "/you", "/sync", s.week(), s.week() + "?show=unanswered", s.week() + "?show=mine", s.week() + "?sort=wanted", s.week() + "/p/" + id, s.week() + "/fragment?post=" + id, "/sync/summary"} {
		page := s.get(path)
		mustNotContain(t, page, "<script>", "style=", "ZgotmplZ", "could not be shown")
	}
}

func TestAskAndReply(t *testing.T) {
	s := newSite(t, "")
	to := s.sent(s.week()+"/ask", "body", "How do you correct a wrong entry?\r\nReally?", "onBehalfOf", " Priya ", "tags", "#sql, paper,, sql")
	act := s.lastAct(qa.ActPost)
	if act.Text != "How do you correct a wrong entry?\nReally?" || act.OnBehalfOf != "Priya" || strings.Join(act.Tags, "|") != "sql|paper" {
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

func (s *site) id(n int) string { return string(s.node.sample[n]) }

// version is one of the two texts that the sample's forked question has at once.
func (s *site) version(i int) string {
	s.t.Helper()
	p, err := s.node.Post(s.t.Context(), s.event, s.node.sample[pForked])
	if err != nil {
		s.t.Fatal(err)
	}
	return string(p.Versions()[i].ID)
}

// The posts of the sample by their place.
const (
	pQuestion, pAnswer, pReply, pSecond, pBehalf, pBehalfAnswer, pWithdrawn, pHidden = 0, 1, 2, 3, 4, 5, 6, 7
	pForked, pDuplicate, pMine, pUnsent                                              = 8, 9, 10, 11
)

// article cuts one post out of a page.
func article(t *testing.T, page, id string) string {
	t.Helper()
	_, after, ok := strings.Cut(page, `id="p-`+id+`"`)
	if !ok {
		t.Fatalf("no post %s in the page", id)
	}
	out, _, _ := strings.Cut(after, "</article>")
	return out
}

func TestStatesOfPosts(t *testing.T) {
	s := newSite(t, "")
	page := s.get(s.week())
	for _, c := range []struct {
		name  string
		n     int
		has   []string
		lacks []string
	}{
		{"question", pQuestion, []string{`<h3 class="byline"><b>Maren Holt</b> <i>asks</i>`, "<ol>", "Answered", `data-state="answered"`, `name="want" value="0" aria-pressed="true"><b>2</b>`, `name="off" value="📒" aria-pressed="true">📒 <b>2</b>`}, []string{"badge author", "Edit"}},
		{"answer", pAnswer, []string{`<h4 class="byline"><b>Ilse Marrow</b> <i>answers</i> <a class="proof"`, `<span class="badge author">`, `<pre tabindex="0"><code>`, "😄", `<a href="https://example.org/ledger" rel="noopener nofollow noreferrer">`}, nil},
		{"reply to a reply", pReply, []string{`<b>Obi Tamsin</b> <i>adds, to Ilse Marrow</i>`}, []string{"badge"}},
		{"a second answer", pSecond, []string{`<i>answers</i>`, "badge author"}, nil},
		{"on behalf of", pBehalf, []string{`<b>Priya Lund</b> <i>asks, through Noor Adeyemi</i>`}, []string{"badge"}},
		{"withdrawn", pWithdrawn, []string{"withdrew this question", "Withdrawn by its writer"}, []string{"words that were taken back", "deleted", "want", "☺"}},
		{"hidden", pHidden, []string{"<b>A post</b> <i>is hidden</i>", "an advertisement, third time"}, []string{"words that are hidden", "11111111 ", "☺"}},
		{"two versions", pForked, []string{"volunteer", "sports", "Take version 1", `name="both" value="1"`, `formaction="` + s.week() + "/p/" + s.id(pForked) + `/edit" name="keep" value="` + s.version(0) + `"`, "until you choose", "3 versions", "Edit", "wants this"}, []string{`<button class="want"`}},
		{"duplicate", pDuplicate, []string{"Duplicate of", "/go/" + s.id(pQuestion), "Maren Holt"}, []string{"Not answered yet", `class="want"`}},
		{"own, on the relay", pMine, []string{"<b>You</b> <i>asked</i>", `data-state="relay"`, "On the relay", "Saved on relay.example:3030", "Not answered yet"}, []string{"Only on this device"}},
		{"own, only here", pUnsent, []string{`data-state="device"`, "Only on this device", "Not on the relay yet"}, nil},
	} {
		a := article(t, page, s.id(c.n))
		for _, has := range c.has {
			if !strings.Contains(a, has) {
				t.Errorf("%s lacks %q:\n%s", c.name, has, a)
			}
		}
		for _, lacks := range c.lacks {
			if strings.Contains(a, lacks) {
				t.Errorf("%s has %q:\n%s", c.name, lacks, a)
			}
		}
	}
	mustContain(t, page, "Ask Ilse and Teodor", `<h2 class="day" id="d-2026-11-09">Monday</h2>`, `<h2 class="day" id="d-2026-11-11">Today</h2>`, `<time datetime="2026-11-09T09:04:00Z">Mon 09:04</time>`,
		`All <span class="count">8</span>`, `Unanswered <span class="count">3</span>`, `Mine <span class="count">3</span>`, "Three copies to win", `aria-current="date"`, "flyleaf:"+string(s.event)+"@ws://relay.example:3030", "https://example.org/ledger")
	mustNotContain(t, page, "javascript:alert")
}

func TestFilters(t *testing.T) {
	s := newSite(t, "")
	for show, want := range map[string][]int{
		"": {pQuestion, pBehalf, pWithdrawn, pHidden, pForked, pDuplicate, pMine, pUnsent}, "?show=unanswered": {pForked, pMine, pUnsent},
		"?show=mine": {pForked, pMine, pUnsent}, "?sort=wanted": {pQuestion, pForked, pBehalf, pWithdrawn, pHidden, pDuplicate, pMine, pUnsent},
	} {
		page, at := s.get(s.week()+show), -1
		if n := strings.Count(page, `<section class="thread`); n != len(want) {
			t.Errorf("%q shows %d threads, want %d", show, n, len(want))
		}
		for _, n := range want {
			i := strings.Index(page, `id="t-`+s.id(n)+`"`)
			if i <= at {
				t.Errorf("%q: thread %d is missing or out of order", show, n)
			}
			at = i
		}
	}
	empty := newNode(t)
	empty.addEvent(qa.Event{ID: s.event, Title: "Empty", Authors: "A"})
	s.serve(empty)
	mustContain(t, s.get(s.week()), "No questions yet")
	mustContain(t, s.get(s.week()+"?show=mine"), "You have not asked")
}

func TestEditKeepWithdrawReact(t *testing.T) {
	s := newSite(t, "")
	mine := s.week() + "/p/" + s.id(pMine)
	mustContain(t, s.get(mine+"/edit"), "Is there a good way to close a ledger?</textarea>")
	if to := s.sent(mine+"/edit", "body", "Is there a *kind* way?"); to != s.week()+"#p-"+s.id(pMine) {
		t.Errorf("leads to %s", to)
	}
	mustContain(t, article(t, s.get(s.week()), s.id(pMine)), "<em>kind</em>", "2 versions", "Only on this device")
	mustContain(t, s.get(mine), "Versions", "First version", "Is there a good way", "Current version", ", on this device</header>",
		"Is there a <del>good</del><ins>*kind*</ins> way<del> to close a ledger</del>?")

	forked := s.week() + "/p/" + s.id(pForked)
	mustContain(t, s.get(forked+"/edit?merge=1"), "volunteer association keep its ledger?\n\n---\n\nHow long should a sports")
	mustContain(t, s.get(forked+"/edit?merge=1"), "<del>volunteer</del><ins>sports</ins> association")
	mustContain(t, s.get(forked), "Version 2 compared with version 1", "<del>volunteer</del><ins>sports</ins> association", ", on another device of yours</header>")
	s.sent(forked+"/edit", "keep", s.version(0))
	if act := s.lastAct(qa.ActEdit); act.Text != "How long should a volunteer association keep its ledger?" {
		t.Errorf("kept %q", act.Text)
	}
	if w := s.send(forked+"/edit", "keep", "7-nothing"); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("an unknown version: %d", w.Code)
	}

	other := newSite(t, "")
	other.sent(other.week()+"/p/"+other.id(pForked)+"/edit", "both", "1")
	mustContain(t, other.lastAct(qa.ActEdit).Text, "volunteer association keep its ledger?\n\n---\n\nHow long should a sports")
	mustNotContain(t, article(t, other.get(other.week()), other.id(pForked)), "until you choose")

	mustContain(t, s.get(mine+"/withdraw"), "Withdraw")
	s.sent(mine+"/withdraw", "on", "1")
	page := article(t, s.get(s.week()), s.id(pMine))
	mustContain(t, page, "withdrew this question", "Show again", "Show what you wrote")
	mustContain(t, s.get(mine+"/withdraw"), "Show this post again?")
	s.sent(mine+"/withdraw", "on", "0")
	mustContain(t, article(t, s.get(s.week()), s.id(pMine)), "<em>kind</em>")

	react := s.week() + "/p/" + s.id(pBehalf) + "/react"
	if to := s.sent(react, "want", "1", "back", s.week()+"?show=mine"); to != s.week()+"?show=mine#p-"+s.id(pBehalf) {
		t.Errorf("leads to %s", to)
	}
	s.sent(react, "want", "1") // twice does no harm
	mustContain(t, article(t, s.get(s.week()), s.id(pBehalf)), `value="0" aria-pressed="true"><b>1</b> <span>you too`)
	s.sent(react, "on", "🐟")
	mustContain(t, article(t, s.get(s.week()), s.id(pBehalf)), "🐟 <b>1</b>")
	s.sent(react, "off", "🐟")
	mustNotContain(t, article(t, s.get(s.week()), s.id(pBehalf)), "🐟")
	for _, bad := range []string{"", strings.Repeat("x", schema.MaxEmoji+1)} {
		if w := s.send(react, "on", bad); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("reaction %q: %d", bad, w.Code)
		}
	}
}

func TestOthersPostsCannotBeChanged(t *testing.T) {
	s := newSite(t, "")
	theirs := s.week() + "/p/" + s.id(pQuestion)
	for _, path := range []string{"/edit", "/withdraw"} {
		if w := s.do(httptest.NewRequest("GET", theirs+path, nil)); w.Code != http.StatusForbidden {
			t.Errorf("GET %s: %d", path, w.Code)
		}
		if w := s.send(theirs+path, "body", "x", "on", "1"); w.Code != http.StatusForbidden {
			t.Errorf("POST %s: %d", path, w.Code)
		}
	}
	if len(s.node.acts()) != 0 {
		t.Errorf("%+v", s.node.acts())
	}
}

// TestWordsAreKeptWhenTheyCannotBeSaved: after every kind of error, the words come back with
// the page.
func TestWordsAreKeptWhenTheyCannotBeSaved(t *testing.T) {
	s := newSite(t, "")
	s.node.setFail(errors.New("the disk is full"))
	words := "These </textarea> words must stay & be <escaped>"
	for path, code := range map[string]int{
		"/ask": 500, "/p/" + s.id(pQuestion) + "/reply": 500, "/p/" + s.id(pMine) + "/edit": 500,
	} {
		for _, draft := range []bool{false, true} {
			fields := []string{"body", words, "onBehalfOf", "Priya", "tags", "sql"}
			if draft {
				fields = append(fields, "draft", "1")
			}
			w := s.send(s.week()+path, fields...)
			if w.Code != code {
				t.Errorf("%s: %d", path, w.Code)
			}
			mustContain(t, w.Body.String(), "disk is full", "still in the box", html.EscapeString(words)+"</textarea>", `role="alert"`)
		}
	}
	w := s.send(s.week()+"/ask", "body", words, "onBehalfOf", "Priya")
	mustContain(t, w.Body.String(), `value="Priya"`)
	w = s.send("/new", "title", "My <week>", "authors", "A", "relay", "ws://r")
	mustContain(t, w.Body.String(), "My &lt;week&gt;", "disk is full", `value="ws://r"`)
	w = s.send("/join", "invitation", "flyleaf:"+string(eventID(9)))
	mustContain(t, w.Body.String(), "Not joined", string(eventID(9)))
	w = s.send("/you", "name", "Tino")
	mustContain(t, w.Body.String(), `value="Tino"`, "Not saved")

	// With the script the answer is a sentence for it.
	r := httptest.NewRequest("POST", s.week()+"/ask", strings.NewReader("body=x"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	var answer map[string]string
	if rec := s.do(r); rec.Code != 500 || json.Unmarshal(rec.Body.Bytes(), &answer) != nil || !strings.Contains(answer["error"], "disk is full") {
		t.Errorf("%d %v", rec.Code, answer)
	}

	s.node.setFail(nil)
	for path := range map[string]bool{"/ask": true, "/p/" + s.id(pQuestion) + "/reply": true, "/p/" + s.id(pMine) + "/edit": true} {
		if w := s.send(s.week()+path, "body", " \n"); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("nothing sent to %s: %d", path, w.Code)
		}
	}
}

func TestDraftsAndPreview(t *testing.T) {
	s := newSite(t, "")
	reply := s.week() + "/p/" + s.id(pQuestion) + "/reply"
	if to := s.sent(s.week()+"/ask", "body", "half a <thought>", "onBehalfOf", "Priya", "draft", "1"); to != s.week()+"#ask" {
		t.Error(to)
	}
	s.sent(reply, "body", "half a reply", "draft", "1")
	if len(s.node.acts()) != 0 {
		t.Fatalf("a draft was posted: %+v", s.node.acts())
	}
	page := s.get(s.week())
	mustContain(t, page, "half a &lt;thought&gt;</textarea>", `value="Priya"`, "Delete draft", `class="reply-box" open>`, "half a reply</textarea>")
	mustContain(t, s.get(s.week()+"/p/"+s.id(pQuestion)), "half a reply</textarea>")

	// What the script sends while somebody types.
	if w := s.send(s.week()+"/draft", "key", "ask", "body", "a whole thought"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Draft saved ") {
		t.Errorf("draft: %d", w.Code)
	}
	saved := "data-saved>Draft saved " + testNow.UTC().Format("15:04") + "</p>"
	mustContain(t, s.get(s.week()), "a whole thought</textarea>", saved)
	s.node.giveReaderRole(s.event, qa.RoleAuthor)
	open := s.week() + "/inbox?open=" + s.id(pMine)
	s.sent(s.post(pMine)+"/answer", "body", "half an answer", "draft", "1", "back", open)
	mustContain(t, s.get(open), "half an answer</textarea>", saved)
	// A restarted program has them, and says when, also on another day.
	later := testNow.Add(24 * time.Hour)
	s.h = New(Config{Node: s.node, Hosts: []string{testHost}, Now: func() time.Time { return later }, Zone: time.UTC})
	mustContain(t, s.get(open), "half an answer</textarea>", "data-saved>Draft saved "+testNow.UTC().Format("Mon 15:04")+"</p>")
	s.h = New(Config{Node: s.node, Hosts: []string{testHost}, Now: func() time.Time { return testNow }, Zone: time.UTC})
	for path, fields := range map[string][]string{
		s.week() + "/draft": {"key", "", "body", "x"}, "/e/nonsense/draft": {"key", "ask", "body", "x"},
	} {
		if w := s.send(path, fields...); w.Code < 400 {
			t.Errorf("%s %v: %d", path, fields, w.Code)
		}
	}
	w := s.send(s.week()+"/ask", "body", "see **this**", "preview", "1")
	mustContain(t, w.Body.String(), "<strong>this</strong>", "see **this**</textarea>")
	w = s.send(reply, "body", "see **this**", "preview", "1")
	mustContain(t, w.Body.String(), "<strong>this</strong>", "see **this**</textarea>")

	s.sent(s.week()+"/ask", "body", "a whole thought, asked")
	s.sent(reply, "body", "a whole reply")
	page = s.get(s.week())
	mustNotContain(t, page, "a whole thought</textarea>", "half a reply", "Delete draft")
}

func TestName(t *testing.T) {
	s := newSite(t, "")
	mustContain(t, s.get(s.week()), `name="name"`)
	mustContain(t, s.get(s.week()+"/fragment?thread="+s.id(pMine)), `id="n-`+s.id(pMine)+`"`) // of the reply box, as on the page
	mustContain(t, s.get("/you"), "others see you as “"+qa.NamelessName(reader, "")+"”")
	s.sent("/you", "name", "  Wren   Castellane ")
	if got := s.node.setting("name"); got != "Wren Castellane" {
		t.Errorf("name = %q", got)
	}
	mustContain(t, s.get("/you?saved"), `value="Wren Castellane"`, "Saved on this device", string(reader))
	if w := s.send("/you", "name", strings.Repeat("x", schema.MaxName+1)); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a long name: %d", w.Code)
	}
}

func TestTheme(t *testing.T) {
	s := newSite(t, "")
	for theme, want := range map[string]string{"dark": `<html lang="en" data-theme="dark">`, "light": `data-theme="light"`, "": `<html lang="en">`, `"><script>`: `<html lang="en">`} {
		if to := s.sent("/you/theme", "theme", theme, "back", s.week()+"?show=mine"); to != s.week()+"?show=mine" {
			t.Errorf("leads to %s", to)
		}
		mustContain(t, s.get("/"), want)
	}
}

func TestCreateAndJoin(t *testing.T) {
	s := newSite(t, "")
	mustContain(t, s.get("/"), "The Patient Ledger", `value="2026-11-16"`)
	to := s.sent("/new", "title", "Small Weather", "authors", "Aino Berglund", "starts", "2026-11-30", "zone", "Europe/Helsinki", "relay", "ws://r.example:1", "description", "On **rain**.", "copies", "3")
	mustContain(t, s.get(to), "Week settings", `value="Small Weather"`, `value="3"`) // to go on with, or not
	page := s.get(strings.TrimSuffix(to, "/setup?new=1"))
	mustContain(t, page, "Small Weather", "Aino Berglund", "30 November to 4 December 2026", "Starts on Monday 30 November", "<strong>rain</strong>", "Times are in the Europe/Helsinki time zone", "Mon 30")
	mustContain(t, s.get("/"), "Small Weather")
	for field, value := range map[string]string{"title": " ", "zone": "Nowhere/Atall", "starts": "soon", "relay": "http://r.example"} {
		fields := map[string]string{"title": "T", "authors": "A"}
		fields[field] = value
		var pairs []string
		for k, v := range fields {
			pairs = append(pairs, k, v)
		}
		w := s.send("/new", pairs...)
		if w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s = %q: %d", field, value, w.Code)
		}
		mustContain(t, w.Body.String(), `role="alert"`)
	}

	inv := qa.Invitation{Event: eventID(77), Relay: "ws://r.example:1"}
	to = s.sent("/join", "invitation", " "+inv.String()+" ")
	if to != eventPath(eventID(77)) {
		t.Errorf("leads to %s", to)
	}
	mustContain(t, s.get(to), "This week has not arrived yet", "No connection to the relay was opened")
	if page := s.get("/sync"); !strings.Contains(page, "Nothing has arrived yet") {
		t.Errorf("the sync page says nothing of a week that is being downloaded: %s", page)
	}
	mustContain(t, s.get("/"), "A week")
	mustContain(t, s.get("/sync"), "A week")
	w := s.send("/join", "invitation", "hello")
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("%d", w.Code)
	}
	mustContain(t, w.Body.String(), "Not joined. Not a Flyleaf invitation: nothing in this text begins with flyleaf:", ">hello</textarea>")

	// One that would move an event to another relay is asked about.
	w = s.send("/join", "invitation", "flyleaf:"+string(eventID(77))+"@wss://theirs.example")
	if w.Code != http.StatusConflict {
		t.Errorf("%d", w.Code)
	}
	mustContain(t, w.Body.String(), "would switch it to wss://theirs.example; nothing was changed", `aria-describedby="inv-e" autofocus`, `name="move" value="1"`, "@wss://theirs.example</textarea>")
}

// TestSyncPageSaysWhatWaits: a vote that waits to be sent is listed as a vote, not as somebody's post, and
// changes about no post are counted. A post of the reader's that was sent stays "on the relay" meanwhile.
func TestSyncPageSaysWhatWaits(t *testing.T) {
	s := newSite(t, "")
	id := s.send(s.week()+"/ask", "body", "Was it sent?")
	if id.Code != http.StatusSeeOther {
		t.Fatal(id.Code)
	}
	s.node.deliver(s.event)
	s.node.editViews(s.event, func(w *shownWeek) {
		w.relay = &qa.RelayStatus{URL: sampleRelay, State: qa.RelayOffline, Why: "no route to host"}
	})
	mustNotContain(t, s.get("/sync"), "Waiting to be sent")
	week, err := s.node.Week(t.Context(), s.event)
	if err != nil {
		t.Fatal(err)
	}
	var theirs, mine *qa.PostView
	week.EachPost(func(p *qa.PostView) {
		switch {
		case p.Text() == "Was it sent?":
			mine = p
		case theirs == nil && p.Shown():
			theirs = p
		}
	})
	for _, act := range []qa.Act{
		{Kind: qa.ActReact, Post: theirs.ID, Emoji: qa.WantEmoji},
		{Kind: qa.ActReact, Post: mine.ID, Emoji: "👏", On: true},
		{Kind: qa.ActPerson, Person: &qa.Person{Name: "Tino"}},
	} {
		if _, err := s.node.Do(t.Context(), s.event, act); err != nil {
			t.Fatal(err)
		}
	}
	page := s.get("/sync")
	mustContain(t, page, "<h1>3 changes only on this device</h1>", "Your vote on “<a href=\""+s.week()+"/go/"+string(theirs.ID), "Your reaction on “<a href=\""+s.week()+"/go/"+string(mine.ID),
		"And 1 change not about a post")
	mustNotContain(t, page, "<p>“<a")
	post := s.get(s.week())
	post = post[strings.Index(post, `id="p-`+string(mine.ID)):]
	post = post[:strings.Index(post, "</article>")]
	mustContain(t, post, "On the relay")
	mustNotContain(t, post, "Only on this device")
}

// TestRefusalReachesThePage: while nothing of a week has arrived, its page, the list of weeks and the sync
// status say why. A week that the relay refuses is not called up to date, or being downloaded.
func TestRefusalReachesThePage(t *testing.T) {
	s := newSite(t, "")
	id := eventID(77)
	s.sent("/join", "invitation", "flyleaf:"+string(id)+"@ws://relay.example:3030")
	show := func(r qa.RelayStatus) { s.node.overrides[id] = &shownWeek{relay: &r} }
	show(qa.RelayStatus{URL: sampleRelay, State: qa.RelaySyncing, Why: "the relay refuses this event now: too many documents on one connection"})
	const why = "The relay refuses this event now: too many documents on one connection."
	for _, path := range []string{"/", "/sync", eventPath(id)} {
		page := s.get(path)
		mustContain(t, page, why)
		mustNotContain(t, page, "Downloading…", "Everything is on the relay", "being downloaded")
	}
	mustContain(t, s.get(eventPath(id)), "<h1>This week has not arrived yet</h1>", `id="waiting"`)
	show(qa.RelayStatus{URL: sampleRelay, State: qa.RelaySyncing})
	mustContain(t, s.get(eventPath(id)), "<h1>This week is being downloaded</h1>", "Syncing.")
	show(qa.RelayStatus{URL: sampleRelay, State: qa.RelayOffline, Why: "the relay refused the connection: Too many connections from your address"})
	mustContain(t, s.get(eventPath(id)), "<h1>This week has not arrived yet</h1>", "Relay unreachable. The relay refused the connection: Too many connections from your address.")
}

func TestMissingPages(t *testing.T) {
	s := newSite(t, "")
	for _, path := range []string{"/x", "/e/nonsense", "/e/" + string(eventID(200)), s.week() + "/p/none", s.week() + "/go/none", s.week() + "/p/none/edit", "/static/", "/static/nothing.css", staticAddress("nothing.css")} {
		if w := s.do(httptest.NewRequest("GET", path, nil)); w.Code != http.StatusNotFound {
			t.Errorf("GET %s: %d", path, w.Code)
		}
	}
}

func TestSyncSummary(t *testing.T) {
	st := func(pending int, state string) qa.Status {
		return qa.Status{Pending: pending, Changes: 3, Relay: qa.RelayStatus{State: state}}
	}
	joined := func(state string) qa.Status { return qa.Status{Relay: qa.RelayStatus{State: state}} }
	for _, c := range []struct {
		all  []qa.Status
		want syncSummary
	}{
		{nil, syncSummary{"draft", "Nothing here yet"}},
		{[]qa.Status{st(0, qa.RelaySynced)}, syncSummary{"relay", "Everything is on the relay"}},
		{[]qa.Status{st(0, qa.RelaySynced), st(1, qa.RelaySynced)}, syncSummary{"device", "1 change only on this device"}},
		{[]qa.Status{st(2, qa.RelaySyncing), st(1, qa.RelayOffline)}, syncSummary{"device", "3 changes only on this device"}},
		// An archive without a relay: its changes do not wait to be sent.
		{[]qa.Status{st(4131, qa.RelayNone), st(1, qa.RelayOffline)}, syncSummary{"device", "1 change only on this device"}},
		{[]qa.Status{st(4131, qa.RelayNone)}, syncSummary{"draft", "No relay"}},
		{[]qa.Status{st(4131, qa.RelayNone), st(12, ""), st(0, qa.RelaySynced)}, syncSummary{"relay", "All sent. 2 weeks have no relay"}},
		{[]qa.Status{st(0, qa.RelaySynced), st(0, qa.RelayOffline)}, syncSummary{"relay", "All sent. Relay unreachable"}},
		{[]qa.Status{st(0, qa.RelayConnecting)}, syncSummary{"relay", "All sent. Connecting…"}},
		{[]qa.Status{st(0, qa.RelaySyncing)}, syncSummary{"relay", "All sent. Connecting…"}},
		{[]qa.Status{st(0, qa.RelayNone)}, syncSummary{"draft", "No relay"}},
		{[]qa.Status{st(0, qa.RelayNone), st(0, qa.RelaySynced)}, syncSummary{"relay", "All sent. 1 week has no relay"}},
		{[]qa.Status{joined(qa.RelaySynced)}, syncSummary{"relay", "Downloading…"}},
		{[]qa.Status{joined(qa.RelayConnecting), st(0, qa.RelaySynced)}, syncSummary{"relay", "Downloading…"}},
		{[]qa.Status{st(0, qa.RelayIdle), st(0, qa.RelaySynced)}, syncSummary{"relay", "Everything is on the relay"}},
		{[]qa.Status{joined(qa.RelayIdle), st(0, qa.RelaySynced)}, syncSummary{"relay", "Downloading…"}},
		{[]qa.Status{{Relay: qa.RelayStatus{State: qa.RelaySyncing, Why: "too many"}}, st(0, qa.RelaySynced)}, syncSummary{"relay", "All sent. 1 week not here yet"}},
		{[]qa.Status{joined(qa.RelayOffline)}, syncSummary{"relay", "All sent. Relay unreachable"}},
	} {
		if got := syncSummaryOf(node.Summarize(c.all)); got != c.want {
			t.Errorf("%+v: %+v, want %+v", c.all, got, c.want)
		}
	}
	// Everything is said only when every relay holds everything.
	for _, state := range []string{qa.RelayNone, qa.RelayOffline, qa.RelayConnecting, qa.RelaySyncing, ""} {
		if got := syncSummaryOf(node.Summarize([]qa.Status{st(0, qa.RelaySynced), st(0, state)})); strings.Contains(got.Words, "Everything") {
			t.Errorf("%q: %q", state, got.Words)
		}
	}
	s := newSite(t, "")
	relay := func(r qa.RelayStatus) { s.node.editViews(s.event, func(w *shownWeek) { w.relay = &r }) }
	relay(qa.RelayStatus{URL: sampleRelay, State: qa.RelayOffline, Why: "no route to host", SinceMillis: testNow.UnixMilli()})
	mustContain(t, s.get("/sync"), "1 change only on this device", "On page 140 you", "No route to host.", "Relay unreachable", "ws://relay.example:3030", "1 change only on this device")
	mustContain(t, s.get("/sync"), "Flyleaf sends your changes the next time")
	relay(qa.RelayStatus{State: qa.RelayNone})
	mustContain(t, s.get("/sync"), "<h1>No relay</h1>", "Only on this device", "losing the device would lose them")
	mustNotContain(t, s.get("/sync"), "Flyleaf sends your changes the next time", "On page 140 you", "1 change") // there is no relay to send them to
	relay(qa.RelayStatus{URL: sampleRelay, State: qa.RelayOffline})
	s.sent("/sync/try")
	if s.node.reconnects != 1 {
		t.Error("the node was not woken")
	}
	s.node.deliver(s.event)
	relay(qa.RelayStatus{URL: sampleRelay, State: qa.RelaySynced})
	mustContain(t, s.get("/sync"), "Everything is on the relay")
	mustNotContain(t, s.get("/sync"), "only on this device")
}

func TestClosedWeekAcceptsNothing(t *testing.T) {
	s := newSite(t, "")
	s.node.editViews(s.event, func(w *shownWeek) { w.event.Closed = true })
	page := s.get(s.week())
	mustContain(t, page, "This week is closed.")
	mustNotContain(t, page, `id="ask"`, `name="want"`, `class="reply-box"`, ">Edit<span", "☺")
}

func TestStream(t *testing.T) {
	s := newSite(t, "")
	srv := httptest.NewServer(s.h)
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", srv.URL+s.week()+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = testHost
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	until := func(want string) {
		t.Helper()
		for lines.Scan() {
			if lines.Text() == want {
				return
			}
		}
		t.Fatalf("the stream ended before %q: %v", want, lines.Err())
	}
	until("event: hello")
	s.node.notify(qa.Update{Event: eventID(99), Posts: []qa.PostID{"other"}}) // not of this week
	s.node.notify(qa.Update{Event: s.event, Posts: []qa.PostID{"a\nb", "c"}, Status: true})
	until("event: posts")
	lines.Scan()
	var got struct{ Posts []string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(lines.Text(), "data: ")), &got); err != nil || len(got.Posts) != 2 || got.Posts[0] != "a\nb" {
		t.Errorf("%q: %v", lines.Text(), err)
	}
	until("event: status")
	if s.node.subscribers() != 1 {
		t.Errorf("%d subscribers", s.node.subscribers())
	}
	cancel()
	for deadline := time.Now().Add(10 * time.Second); s.node.subscribers() != 0; time.Sleep(5 * time.Millisecond) { // polling
		if time.Now().After(deadline) {
			t.Fatal("the subscription outlives the page")
		}
	}
}

func TestFragmentIsThePostOfThePage(t *testing.T) {
	s := newSite(t, "")
	page := s.get(s.week())
	q := url.Values{"post": {s.id(pQuestion), "none", s.id(pUnsent)}}
	f := s.get(s.week() + "/fragment?" + q.Encode())
	if n := strings.Count(f, "<article"); n != 2 {
		t.Errorf("%d posts", n)
	}
	for _, n := range []int{pQuestion, pUnsent} {
		if article(t, page, s.id(n)) != article(t, f, s.id(n)) {
			t.Errorf("post %d differs from the page's", n)
		}
	}
}

// big is a week of 12,000 posts in 4,000 threads.
func big(tb testing.TB) (*testNode, qa.EventID) {
	tb.Helper()
	n := newNode(tb)
	inv, err := n.CreateEvent(tb.Context(), qa.Event{Title: "A long week", Authors: "A", StartsAtMillis: testNow.UnixMilli(), EndsAtMillis: testNow.UnixMilli() + 1}, "")
	if err != nil {
		tb.Fatal(err)
	}
	n.editViews(inv.Event, func(w *shownWeek) {
		w.event.Roles = append(w.event.Roles, qa.Grant{ID: ilse, Role: qa.RoleAuthor})
		put := func(p qa.Post, text string) qa.PostID {
			p.Op = qa.OpID{Counter: uint64(len(w.posts) + 1), Actor: "01"}
			p.ID = qa.PostID(fmt.Sprintf("%s-aaaaaaaaaaaaa-%d", p.By[:16], p.Op.Counter))
			p.Revisions = []qa.Revision{{ID: qa.RevisionID(fmt.Sprintf("%d-a", p.Op.Counter)), Text: text, AtMillis: p.AtMillis, Op: p.Op}}
			w.posts = append(w.posts, p)
			return p.ID
		}
		for i := range 4000 {
			q := put(qa.Post{By: maren, AtMillis: testNow.UnixMilli() - 10_000 + int64(i)}, fmt.Sprintf("Question number %d, with *words* and `code`\n\n- one\n- two", i))
			for j := range 3 {
				if i%2 == 0 || j == 0 {
					put(qa.Post{By: []qa.Identity{ilse, obi, reader}[j], Parent: q, AtMillis: testNow.UnixMilli() - 9_999 + int64(i)}, fmt.Sprintf("Reply %d to %d", j, i))
				}
			}
		}
	})
	return n, inv.Event
}

// readOnce is a node that reads each week once, for a test that opens its page forty times.
type readOnce struct {
	node.Node
	read map[qa.EventID]qa.Week
}

func (n readOnce) Week(ctx context.Context, event qa.EventID) (qa.Week, error) {
	if w, ok := n.read[event]; ok {
		return w, nil
	}
	w, err := n.Node.Week(ctx, event)
	n.read[event] = w
	return w, err
}

func TestTenThousandPosts(t *testing.T) {
	f, event := big(t)
	s := &site{t: t, node: f, event: event, clock: testNow}
	s.serve(readOnce{f, map[qa.EventID]qa.Week{}})
	page := s.get(s.week())
	if n := strings.Count(page, `<section class="thread`); n != ThreadsOnPage {
		t.Errorf("%d threads on a page", n)
	}
	if len(page) > 2<<20 {
		t.Errorf("a page of %d bytes", len(page))
	}
	seen, path := 0, s.week()
	for n := 1; !testing.Short() || n < 4; n++ {
		page := s.get(path)
		for i := seen; i < seen+ThreadsOnPage; i++ {
			if !strings.Contains(page, fmt.Sprintf("Question number %d,", i)) {
				t.Fatalf("page %d lacks question %d", n, i)
			}
		}
		seen += ThreadsOnPage
		next := fmt.Sprintf(`href="%s?page=%d#threads"`, s.week(), n+1)
		if seen == 4000 {
			mustNotContain(t, page, next)
			break
		}
		mustContain(t, page, next)
		path = fmt.Sprintf("%s?page=%d", s.week(), n+1)
	}
	// A new question leads to the last page, where it stands.
	s.serve(f)
	to := s.sent(s.week()+"/ask", "body", "the last of all", "back", "/")
	if !strings.Contains(to, fmt.Sprintf("?page=%d#p-", 4000/ThreadsOnPage+1)) {
		t.Errorf("leads to %s", to)
	}
	mustContain(t, s.get(strings.Split(to, "#")[0]), "the last of all")
	for _, odd := range []string{"?page=0", "?page=-3", "?page=999999", "?page=x", "?page=1e9"} {
		s.get(s.week() + odd)
	}
}

func BenchmarkWeekOfTenThousandPosts(b *testing.B) {
	f, event := big(b)
	h := New(Config{Node: f, Hosts: []string{testHost}, Now: func() time.Time { return testNow }})
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("GET", eventPath(event)+"?page=7", nil)
		r.Host = testHost
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}
