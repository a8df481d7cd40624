package webui

import (
	"archive/zip"
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"flyleaf/qa"
)

// importFile sends the form of the page Files with a file, or without one if data is nil.
func (s *site) importFile(name string, data []byte, fields ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	fields = append(fields, "csrf", s.csrf)
	for i := 0; i < len(fields); i += 2 {
		if err := m.WriteField(fields[i], fields[i+1]); err != nil {
			s.t.Fatal(err)
		}
	}
	if data != nil {
		f, err := m.CreateFormFile("file", name)
		if err == nil {
			_, err = f.Write(data)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		s.t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/files", &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	return s.do(r)
}

const pageText = "Small Weather\nby Aino Berglund\n16 to 20 November 2026\n\nQuestions and Answers\n\nAna\n\nDoes it rain?\n\nAino Berglund\n\nAlways.\n\nAna\n\nAnd tomorrow?\n"

var pendingField = regexp.MustCompile(`name="pending" value="([0-9a-f]{64})"`)

// TestImportIsPreviewed: a preview imports nothing. It is confirmed without choosing the file again; the guesses can be
// corrected in an outline.
func TestImportIsPreviewed(t *testing.T) {
	s := newSite(t, "")
	before := len(s.followed())
	w := s.importFile("weather.txt", []byte(pageText), "preview", "1")
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	page := w.Body.String()
	mustContain(t, page, "Nothing was imported yet.", "weather.txt", "Small Weather", "Aino Berglund", "starts a thread", "The file does not say which messages open a thread.")
	if n := len(s.followed()); n != before {
		t.Errorf("the preview imported %d weeks", n-before)
	}
	pending := pendingField.FindStringSubmatch(page)
	if pending == nil {
		t.Fatal("the file is not kept")
	}
	outline := s.raw("/files/outline?pending=" + pending[1])
	if !strings.Contains(outline, "Does it rain?") {
		t.Errorf("the outline: %s", outline)
	}
	w = s.importFile("", nil, "pending", pending[1])
	mustContain(t, w.Body.String(), "Imported", "Small Weather", "new question")
	if n := len(s.followed()); n != before+1 {
		t.Errorf("%d weeks were imported", n-before)
	}

	// The file is gone after that, and when another one was previewed.
	for range 2 {
		w = s.importFile("", nil, "pending", pending[1])
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "choose it again; nothing was imported") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		s.importFile("another.txt", []byte("Another\nby B\n\nQuestions and Answers\n\nAna\n\nWhy?\n"), "preview", "1")
	}
	if r := s.do(httptest.NewRequest("GET", "/files/outline?pending="+pending[1], nil)); r.Code != http.StatusUnprocessableEntity {
		t.Errorf("an outline of a file that is gone: %d", r.Code)
	}
}

// TestPreviewOfABundle: it says how many changes there are, and whether they are valid.
func TestPreviewOfABundle(t *testing.T) {
	s := newSite(t, "")
	bundle := s.raw("/files/export?format=bundle&week=" + string(s.event))
	page := s.importFile("week.bundle", []byte(bundle), "preview", "1").Body.String()
	mustContain(t, page, "The Patient Ledger", "A bundle with ", "All are signed and permitted.")
	w := s.importFile("week.bundle", []byte(bundle), "into", string(s.event))
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "A bundle is a whole week") {
		t.Errorf("%d", w.Code)
	}
}

// TestImportIntoAWeek: organisers import into a week of theirs.
func TestImportIntoAWeek(t *testing.T) {
	s := newSite(t, "")
	mustNotContain(t, s.get("/files"), `id="f-into"`)
	s.node.giveReaderRole(s.event, qa.RoleOrganiser)
	mustContain(t, s.get("/files"), `<option value="`+string(s.event)+`">The Patient Ledger</option>`)
	before := len(s.followed())
	page := s.importFile("weather.txt", []byte(pageText), "into", string(s.event)).Body.String()
	mustContain(t, page, "Imported", `href="`+s.week()+`"`)
	if n := len(s.followed()); n != before {
		t.Errorf("%d new weeks", n-before)
	}
	mustContain(t, s.get(s.week()), "Does it rain?")
}

// TestWeekIsExported: a week is saved in every format that the command line has.
func TestWeekIsExported(t *testing.T) {
	s := newSite(t, "")
	page := s.get("/files")
	for format, want := range map[string][2]string{
		"json": {".json", `"flyleaf/week/1"`}, "jekyll": {".md", "---\n"}, "bundle": {".bundle", "FLY\r\n"}, "automerge": {".automerge", "\x85\x6f\x4a\x83"},
	} {
		mustContain(t, page, `<option value="`+format+`"`)
		w := s.do(httptest.NewRequest("GET", "/files/export?format="+format+"&week="+string(s.event), nil))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want[1]) || !strings.Contains(w.Header().Get("Content-Disposition"), want[0]) {
			t.Errorf("%s: %d, %s, %.40q", format, w.Code, w.Header().Get("Content-Disposition"), w.Body)
		}
	}
	for _, query := range []string{"format=punched&week=" + string(s.event), "format=json&week=" + string(eventID(9))} {
		if w := s.do(httptest.NewRequest("GET", "/files/export?"+query, nil)); w.Code < 400 || strings.Contains(w.Header().Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: %d", query, w.Code)
		}
	}
}

// TestSiteWithTitleAndRules: a published site has the name and the rules that the form gives it.
func TestSiteWithTitleAndRules(t *testing.T) {
	s := newSite(t, "")
	mustContain(t, s.get("/files"), `name="title"`, `name="rules"`)
	b := s.raw("/files/published?format=site&week=" + string(s.event) + "&title=The+Reading+Room&rules=Be+*brief*.")
	z, err := zip.NewReader(strings.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range z.File {
		if r, err := f.Open(); err != nil {
			t.Fatal(err)
		} else if _, err := io.Copy(&all, r); err != nil {
			t.Fatal(err)
		}
	}
	mustContain(t, all.String(), "The Reading Room", "Be <em>brief</em>.")
}

// TestVerifyWeek: the page checks every change of a week and lists those that are invalid.
func TestVerifyWeek(t *testing.T) {
	s := newSite(t, "")
	mustContain(t, s.get(s.week()+"/people"), s.week()+`/verify"`)
	page := s.get(s.week() + "/verify")
	mustContain(t, page, "signed by who wrote them and permitted", "Noor Adeyemi", "Ilse Marrow", "author", "To compare with another device")
	mustNotContain(t, page, "Invalid changes")
}

// TestDigestPage: it lists what is new until it is marked as read; a day lists everything since then.
func TestDigestPage(t *testing.T) {
	s := newSite(t, "")
	mustContain(t, s.get("/"), `href="/digest"`)
	page := s.get("/digest")
	mustContain(t, page, "In the last seven days", "The Patient Ledger", "New questions", "I run the books of a small choir", s.week()+"/p/"+s.id(pQuestion)+`"`, "Mark all as read")
	mustNotContain(t, page, "words that are hidden", "http://")
	if to := s.sent("/digest"); to != "/digest" {
		t.Errorf("leads to %s", to)
	}
	mustContain(t, s.get("/digest"), "Nothing is new.", "Since you marked everything as read")
	mustContain(t, s.get("/digest?since=2026-11-09"), "I run the books of a small choir", "read or not")
	if w := s.do(httptest.NewRequest("GET", "/digest?since=soon", nil)); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "Write the day like 2026-11-09") {
		t.Errorf("%d", w.Code)
	}
	s.node.addPost(s.event, qa.Post{By: obi}, "Something that nobody has read")
	mustContain(t, s.get("/digest"), "Something that nobody has read")
}

// TestFeedAddresses: the page lists the addresses of the feeds where the program serves them.
func TestFeedAddresses(t *testing.T) {
	s := newSite(t, "")
	mustNotContain(t, s.get("/digest"), "Feeds")
	s.h = New(Config{Node: s.node, Converter: s.converter, Feed: func(e qa.EventID) string { return "/api/v1/events/" + string(e) + "/feed.atom" }})
	r := httptest.NewRequest("GET", "/digest", nil)
	r.Host = testHost
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	mustContain(t, w.Body.String(), `value="http://`+testHost+"/api/v1/events/"+string(s.event)+`/feed.atom"`)
}

// TestASiteIsImported: each page of its ZIP is a week of the club; a page that cannot be read is named, as are the files
// that are no pages.
func TestASiteIsImported(t *testing.T) {
	s := newSite(t, "")
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range map[string]string{
		"site/_books/weather.md": "---\ntitle: Small Weather\nauthors: [Aino Berglund]\n---\n\nRain, mostly.\n",
		"site/_books/clocks.md":  "---\ntitle: A Book of Clocks\nauthors: [Noor Adeyemi]\n---\n\nTime passes.\n",
		"site/_books/wrong.md":   "---\ntitle: [\n---\n",
		"site/_books/photo.jpg":  "",
	} {
		f, err := z.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	before := len(s.followed())
	w := s.importFile("site.zip", b.Bytes(), "preview", "1")
	mustContain(t, w.Body.String(), "Small Weather", "A Book of Clocks", "wrong.md", "nothing was imported", "Other files", "photo.jpg: ")
	if n := len(s.followed()); n != before {
		t.Errorf("the preview imported %d weeks", n-before)
	}
	w = s.importFile("site.zip", b.Bytes(), "into", string(s.event))
	if w.Code != http.StatusUnprocessableEntity || len(s.followed()) != before {
		t.Errorf("a site was imported into a week: %d, %d new", w.Code, len(s.followed())-before)
	}
	mustContain(t, w.Body.String(), "The file has 3 weeks, not one")
	w = s.importFile("site.zip", b.Bytes(), "club", "The reading room")
	mustContain(t, w.Body.String(), ">Small Weather</bdi></a>", ">A Book of Clocks</bdi></a>", "wrong.md", "photo.jpg: ")
	if n := len(s.followed()) - before; n != 3 { // and the club
		t.Errorf("%d new events", n)
	}
}
