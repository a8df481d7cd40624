package webui

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"flyleaf/picture"
	"flyleaf/qa"
	"flyleaf/schema"
)

// TestPicturesAreASettingOfTheWeek: off at first; while they are off, no form asks for a picture, none is accepted, and none
// is shown.
func TestPicturesAreASettingOfTheWeek(t *testing.T) {
	s := newSite(t, "")
	s.node.giveReaderRole(s.event, qa.RoleOrganiser)
	mustNotContain(t, s.get(s.week()), `name="picture"`)
	w := s.uploadAs("picture", s.week()+"/ask", pngOf(t, 40, 20), "body", "Which ford is it?")
	if w.Code < 400 {
		t.Fatalf("%d", w.Code)
	}
	mustContain(t, w.Body.String(), "have not turned on pictures", "Which ford is it?</textarea>")

	settings := []string{"title", "The Patient Ledger", "authors", "Ilse Marrow, Teodor Anand"}
	s.sent(s.week()+"/setup", append(settings, "pictures", "1")...)
	if act := s.lastAct(qa.ActEvent); act.Fields[schema.KeyPictures] != schema.PicturesOn {
		t.Fatalf("%+v", act)
	}
	mustContain(t, s.get(s.week()+"/setup"), `name="pictures" value="1" aria-describedby="s-pictures-n" checked>`)
	mustContain(t, s.get(s.week()), `id="ask" method="post" action="`+s.week()+`/ask" enctype="multipart/form-data"`, `id="i-ask" name="picture"`)
	to := s.askWithPicture("Which ford is it?", "A map of the <old> river")
	asked := s.lastAct(qa.ActPost).Text
	page := s.get(s.week())
	address := pictureAddress(t, page)
	mustContain(t, page, `alt="A map of the &lt;old&gt; river" width="40" height="20" loading="lazy"></p>`)
	mustNotContain(t, page, "base64")
	w = s.do(httptest.NewRequest("GET", address, nil))
	if h := w.Header(); w.Code != http.StatusOK || h.Get("Content-Type") != "image/jpeg" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(w.Body.String(), "\xff\xd8\xff") {
		t.Fatalf("%d %v", w.Code, h)
	}
	if w := s.do(httptest.NewRequest("GET", address+"x", nil)); w.Code != http.StatusNotFound {
		t.Errorf("a version that is not there: %d", w.Code)
	}

	// Turned off, the words say what the picture shows, and the picture is not served; turned on again, it is back.
	s.sent(s.week()+"/setup", settings...)
	page = s.get(s.week())
	mustContain(t, page, "[Picture: A map of the &lt;old&gt; river]")
	mustNotContain(t, page, "<img src=\""+address)
	if w := s.do(httptest.NewRequest("GET", address, nil)); w.Code != http.StatusNotFound {
		t.Errorf("turned off: %d", w.Code)
	}
	s.sent(s.week()+"/setup", append(settings, "pictures", "1")...)

	// A withdrawn post shows none to others; its writer still sees it.
	_, id, _ := strings.Cut(to, "#p-")
	s.node.doAs(obi, s.event, qa.Act{Kind: qa.ActPost, Text: asked, AtMillis: testNow.UnixMilli()})
	theirs := regexp.MustCompile(`/p/([^/]+)/picture/`).FindAllStringSubmatch(s.get(s.week()), -1)
	for _, m := range theirs {
		if m[1] == id {
			continue
		}
		address = pictureAddress(t, s.get(s.week()+"/p/"+m[1]))
		s.node.doAs(obi, s.event, qa.Act{Kind: qa.ActWithdraw, Post: qa.PostID(m[1]), On: true})
		mustNotContain(t, s.get(s.week()+"/p/"+m[1]), "<img", "base64", "river")
		if w := s.do(httptest.NewRequest("GET", address, nil)); w.Code != http.StatusNotFound {
			t.Errorf("withdrawn: %d", w.Code)
		}
		return
	}
	t.Error("the picture of somebody else is not shown")
}

func pictureAddress(t *testing.T, page string) string {
	t.Helper()
	m := regexp.MustCompile(`<img src="([^"]+/picture/[^"]+)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatal("no picture is shown")
	}
	return m[1]
}

// askWithPicture asks with a picture, and returns the address to which that leads.
func (s *site) askWithPicture(words, alt string) string {
	s.t.Helper()
	w := s.uploadAs("picture", s.week()+"/ask", pngOf(s.t, 40, 20), "body", words, "alt", alt)
	if w.Code != http.StatusSeeOther {
		s.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Header().Get("Location")
}

func TestAnEditKeepsOrRemovesThePicture(t *testing.T) {
	s := newSite(t, "")
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{schema.KeyPictures: schema.PicturesOn}})
	_, id, _ := strings.Cut(s.askWithPicture("Which ford?", ""), "#p-")
	edit := s.week() + "/p/" + id + "/edit"
	mustContain(t, s.get(s.week()), `alt="no description"`)
	page := s.get(edit)
	mustContain(t, page, ">Which ford?</textarea>", "Remove the picture (no description)", "Another picture")
	mustNotContain(t, page, "base64")

	s.sent(edit, "body", "Which of the fords?")
	if words, _, ok := picture.In(s.lastAct(qa.ActEdit).Text); !ok || words != "Which of the fords?" {
		t.Errorf("the edit has %q, with a picture: %v", words, ok)
	}
	mustContain(t, s.get(s.week()+"/p/"+id), "[Picture: no description]") // in what the edit changed
	s.uploadAs("picture", edit, pngOf(t, 30, 30), "body", "Which of the fords?", "alt", "Another map")
	if _, p, _ := picture.In(s.lastAct(qa.ActEdit).Text); p.Width != 30 || p.Alt != "Another map" {
		t.Errorf("another picture: %d wide, %q", p.Width, p.Alt)
	}
	s.sent(edit, "body", "Which of the fords?", "nopicture", "1")
	if text := s.lastAct(qa.ActEdit).Text; text != "Which of the fords?" {
		t.Errorf("removed: %.100q", text)
	}
}

// TestAFailedEditShowsWords: what is in the box after a version could not be taken are its words, not the bytes of its
// picture.
func TestAFailedEditShowsWords(t *testing.T) {
	s := newSite(t, "")
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{schema.KeyPictures: schema.PicturesOn}})
	_, id, _ := strings.Cut(s.askWithPicture("Which ford?", "A map"), "#p-")
	version := regexp.MustCompile(`/picture/([^"]+)"`).FindStringSubmatch(s.get(s.week()))[1]
	page := s.get(s.week() + "/p/" + id)
	mustContain(t, page, "<title>Which ford? [Picture: A map]")
	s.sent(s.week()+"/p/"+id+"/edit", "body", "Which of the fords?")
	s.node.setFail(errors.New("the disk is full"))
	w := s.send(s.week()+"/p/"+id+"/edit", "keep", version, "body", "")
	if w.Code == http.StatusSeeOther {
		t.Error("saved on a full disk")
	}
	mustContain(t, w.Body.String(), ">Which ford?</textarea>", "Remove the picture (<bdi>A map</bdi>)")
	mustNotContain(t, w.Body.String(), "base64")
}

// TestAPictureThatCannotBeTaken loses no words, in each form for a post.
func TestAPictureThatCannotBeTaken(t *testing.T) {
	s := asRole(t, qa.RoleAuthor)
	s.node.doAs(noor, s.event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{schema.KeyPictures: schema.PicturesOn}})
	_, id, _ := strings.Cut(s.askWithPicture("Which ford?", ""), "#p-")
	theirs := string(s.node.doAs(obi, s.event, qa.Act{Kind: qa.ActPost, Text: "Mine?", AtMillis: testNow.UnixMilli()}))
	before := len(s.node.acts())
	for _, path := range []string{"/p/" + id, "/p/" + id + "/edit", "/inbox?open=" + theirs} {
		if n := strings.Count(s.get(s.week()+path), `name="picture"`); n != 1 {
			t.Errorf("%s asks for a picture %d times", path, n)
		}
	}
	for _, path := range []string{"/ask", "/p/" + id + "/reply", "/p/" + id + "/edit", "/p/" + theirs + "/answer"} {
		w := s.uploadAs("picture", s.week()+path, []byte("<svg onload=alert(1)>"), "body", "Many careful words")
		if w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", path, w.Code)
		}
		mustContain(t, w.Body.String(), "cannot be read as a picture", "Many careful words</textarea>")
	}
	if n := len(s.node.acts()); n != before {
		t.Errorf("%d acts", n-before)
	}
	for _, path := range []string{"/p/" + id + "/reply", "/p/" + theirs + "/answer"} {
		s.uploadAs("picture", s.week()+path, pngOf(t, 50, 20), "body", "Here", "alt", "A ledger")
		if _, p, _ := picture.In(s.lastAct(qa.ActPost).Text); p.Width != 50 || p.Alt != "A ledger" {
			t.Errorf("%s: %d wide, %q", path, p.Width, p.Alt)
		}
	}
}
