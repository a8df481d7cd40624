package webui

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"flyleaf/qa"
)

// TestNamesThatLookLikeAnAuthors: a name that looks like an author's is marked. The author's
// badge is a separate element, which no name can imitate.
func TestNamesThatLookLikeAnAuthors(t *testing.T) {
	s := newSite(t, "")
	for name, want := range map[string]string{
		"Ilse\u200b Marrow": "Not the author Ilse Marrow", "IIse Marrow (author)": "Not the author Ilse Marrow", "Obi ✓ Author": "Not an author", "Obi Tamsin": "",
	} {
		s.node.editViews(s.event, func(w *shownWeek) { w.people[obi] = qa.Person{ID: obi, Name: name} })
		page := s.raw(s.week())
		a := article(t, page, s.id(pReply))
		if !strings.Contains(a, "<b><bdi>"+name+"</bdi></b>") || strings.Contains(a, `class="badge author"`) {
			t.Errorf("%q: %s", name, a)
		}
		if got := strings.Contains(a, `<span class="badge not">`+want+"</span>"); got != (want != "") {
			t.Errorf("%q is marked: %v\n%s", name, got, a)
		}
		if a := article(t, page, s.id(pAnswer)); !strings.Contains(a, `class="badge author"`) || strings.Contains(a, "badge not") {
			t.Errorf("the author's own: %s", a)
		}
	}
}

// Names, titles and reasons are isolated; words take their own direction.
func TestWhatPeopleWroteIsIsolated(t *testing.T) {
	s := newSite(t, "")
	s.node.giveReaderRole(s.event, qa.RoleModerator)
	const name = "אורי"
	s.node.editViews(s.event, func(w *shownWeek) {
		w.people[obi] = qa.Person{ID: obi, Name: name}
		w.people[ilse] = qa.Person{ID: ilse, Name: "עדה"}
	})
	page := s.raw(s.week())
	for _, part := range []string{
		`<h1 dir="auto">The Patient Ledger</h1>`, "<b><bdi>\u2068" + name + "\u2069</bdi></b> <i>adds, to \u2068עדה\u2069</i>", `<div class="words" dir="auto">`, `<textarea dir="auto" id="q"`,
		"<q><bdi>an advertisement, third time</bdi></q>",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the week lacks %q", part)
		}
	}
	for path, part := range map[string]string{
		"/":                       `<bdi>The Patient Ledger</bdi></a>`,
		s.week() + "/people":      "<b><bdi>\u2068עדה\u2069</bdi></b>",
		s.week() + "/winners":     `<span class="who"><bdi>`,
		s.week() + "/log":         `<bdi>The Patient Ledger</bdi>`,
		"/search?q=ledger":        "<b><bdi>",
		s.post(pReply):            "Your reply to \u2068" + name + "\u2069",
		s.post(pReply) + "/proof": "<b><bdi>\u2068" + name,
	} {
		if page := s.raw(path); !strings.Contains(page, part) {
			t.Errorf("%s lacks %q", path, part)
		}
	}
}

// TestModerationShowsWhoIsBlocked: moderators see the writer of a post, even if the post is
// shown under another name.
func TestModerationShowsWhoIsBlocked(t *testing.T) {
	s := newSite(t, "")
	s.node.giveReaderRole(s.event, qa.RoleModerator)
	s.node.editViews(s.event, func(w *shownWeek) {
		for i := range w.posts {
			if w.posts[i].By == obi && w.posts[i].Parent == "" {
				w.posts[i].OnBehalfOf = "Ilse Marrow"
			}
		}
	})
	page := s.get(s.post(pDuplicate) + "/moderate")
	mustContain(t, page, "Block Obi Tamsin</h2>", string(obi), "no role. <b>Not the author Ilse Marrow</b>", "First post", "We did this for a housing co-op.")
}

// TestForbiddenCharactersAreNotSaved: a text with forbidden characters is not saved, and comes
// back without these characters.
func TestForbiddenCharactersAreNotSaved(t *testing.T) {
	s := newSite(t, "")
	acts := len(s.node.acts())
	for typed, want := range map[string]string{"a\x00b": "ab", "Why \u202ereversed?": "Why reversed?", "bell\a": "bell", "\u200b": ""} {
		w := s.send(s.week()+"/ask", "body", typed)
		if w.Code != http.StatusUnprocessableEntity {
			t.Fatalf("%q: %d", typed, w.Code)
		}
		page := w.Body.String()
		mustContain(t, page, "Not saved.", "removed from the box", ">"+want+"</textarea>")
		r := httptest.NewRequest("POST", s.week()+"/ask", strings.NewReader(url.Values{"body": {typed}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept", "application/json")
		w = s.do(r)
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `"body":"`+want+`"`) {
			t.Errorf("%q: %d %s", typed, w.Code, w.Body)
		}
		w = s.send(s.post(pQuestion)+"/reply", "body", typed)
		mustContain(t, w.Body.String(), "removed from the box")
	}
	if w := s.send("/you", "name", "a\u202eb"); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "202E") {
		t.Errorf("a name: %d", w.Code)
	}
	if len(s.node.acts()) != acts {
		t.Errorf("something was written: %+v", s.node.acts()[acts:])
	}
	if w := s.send(s.week()+"/ask", "body", "two\r\nlines"); w.Code != http.StatusSeeOther || s.lastAct(qa.ActPost).Text != "two\nlines" {
		t.Errorf("line ends of a form: %d", w.Code)
	}
}

// TestNameOfAnEarlierVersionIsKept: a name that only an earlier version accepted is kept.
func TestNameOfAnEarlierVersionIsKept(t *testing.T) {
	s := newSite(t, "")
	s.node.setSetting("name", "Ti\x00no\n")
	if w := s.send(s.week()+"/ask", "body", "Still here?"); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, a := range s.node.acts() {
		if a.Kind == qa.ActPerson && a.Person.Name != "Tino " && a.Person.Name != "Tino" {
			t.Errorf("introduced as %q", a.Person.Name)
		}
	}
}

// TestWinnersTellsTwoOfOneNameApart: the table of winners tells two people with one name apart.
func TestWinnersTellsTwoOfOneNameApart(t *testing.T) {
	s := newSite(t, "")
	s.node.giveReaderRole(s.event, qa.RoleAuthor)
	s.node.editViews(s.event, func(w *shownWeek) {
		w.people[maren] = qa.Person{ID: maren, Name: "Obi Tamsin"}
		w.people[obi] = qa.Person{ID: obi, Name: "Obi\u200b Tamsin"}
	})
	mustContain(t, s.raw(s.week()+"/winners"), "Obi\u200b Tamsin ("+obi.Short()+")")
}
