package webui

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
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

// TestNobodyIsCalledByTheirKey: no page shows a person's key where their name belongs, neither the reader's own nor
// another's. Where somebody needs it to tell people apart, the short ID is marked as one.
func TestNobodyIsCalledByTheirKey(t *testing.T) {
	s := newSite(t, "")
	id := asAuthor(s)
	s.node.giveReaderRole(s.event, qa.RoleModerator)
	s.node.giveReaderRole(s.event, qa.RoleOrganiser)
	s.node.editViews(s.event, func(w *shownWeek) {
		clear(w.people)
		w.presence = []qa.Presence{{Kind: qa.PresenceAnswering, By: teodor, Post: id}, {Kind: qa.PresenceSeen, By: ilse, Post: s.node.sample[pUnsent]}}
		for i := range w.posts {
			if w.posts[i].ID == id {
				w.posts[i].Marks.Assigned = []qa.Identity{teodor}
			}
		}
	})
	marked := regexp.MustCompile(`(?s)<(span|dd|input)[^>]* class="hash"[^>]*>(.*?</(span|dd)>)?`)
	tags := regexp.MustCompile(`(?s)<[^>]*>`)
	for _, path := range []string{
		"", "/inbox", "/inbox?show=others", "/inbox?show=answered", "/winners", "/log", "/people", "/setup", "/p/" + string(s.node.sample[pHidden]), "/p/" + string(id) + "/moderate",
		"/p/" + string(s.node.sample[pAnswer]) + "/proof", "/p/" + string(s.node.sample[pReply]),
	} {
		page := s.raw(s.week() + path)
		text := tags.ReplaceAllString(marked.ReplaceAllString(page, ""), " ")
		for _, who := range []qa.Identity{reader, ilse, teodor, maren, obi, noor} {
			if i := strings.Index(text, who.Short()); i >= 0 {
				t.Errorf("%q shows a key: …%s…", path, text[max(0, i-60):min(len(text), i+40)])
			}
		}
	}
	text := s.raw(s.week())
	for _, name := range []string{qa.NamelessName(maren, ""), qa.NamelessName(ilse, qa.RoleAuthor)} {
		if !strings.Contains(text, "<bdi>"+name+"</bdi>") {
			t.Errorf("the week lacks %s", name)
		}
	}
}

// TestANameIsAskedForAndNotRequired: who has no name can give one with the first question, a reply, an answer or the
// invitation.
func TestANameIsAskedForAndNotRequired(t *testing.T) {
	box := regexp.MustCompile(`<input id="[^"]+" name="name"`)
	for form, fields := range map[string][]string{
		"ask": {"body", "A question?"}, "reply": {"body", "A reply."}, "answer": {"body", "An answer.", "back", ""}, "join": {"invitation", ""},
	} {
		s := newSite(t, "")
		question := s.node.sample[pQuestion]
		path, page := s.week()+"/ask", s.week()
		switch form {
		case "reply":
			path, page = s.post(pQuestion)+"/reply", s.post(pQuestion)
		case "answer":
			asAuthor(s)
			path, page = s.post(pQuestion)+"/answer", s.week()+"/inbox?show=answered&open="+string(question)
			fields[3] = page
		case "join":
			inv, err := s.node.Invitation(t.Context(), s.event)
			if err != nil {
				t.Fatal(err)
			}
			path, page, fields[1] = "/join", "/", inv.String()
		}
		if n := len(box.FindAllString(s.raw(page), -1)); n == 0 {
			t.Errorf("%s: no field for a name", form)
		}
		// An invalid name saves nothing and loses nothing.
		w := s.send(path, append(fields, "name", "Wr\u202een")...)
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), strings.TrimPrefix(fields[1], "flyleaf:")) || !strings.Contains(w.Body.String(), `value="Wren"`) || len(s.node.acts()) != 0 {
			t.Errorf("%s: an invalid name: %d, %d acts\n%s", form, w.Code, len(s.node.acts()), w.Body)
		}
		s.sent(path, fields...) // without one
		if s.node.setting("name") != "" || !box.MatchString(s.raw(page)) {
			t.Errorf("%s: without a name, the name is %q", form, s.node.setting("name"))
		}
		if form != "join" {
			fields[1] += " Again."
		}
		s.sent(path, append(fields, "name", "  Wren  Castellane")...)
		if s.node.setting("name") != "Wren Castellane" || box.MatchString(s.raw(page)) {
			t.Errorf("%s: the name is %q", form, s.node.setting("name"))
		}
		if name := s.node.shown(s.event).people[reader].Name; form != "join" && name != "Wren Castellane" {
			t.Errorf("%s: the week has the name %q", form, name)
		}
	}
}

// TestAnonymousIsNotNameless: a question asked without a name is not shown as that of somebody who has none.
func TestAnonymousIsNotNameless(t *testing.T) {
	s := newSite(t, "")
	s.node.editViews(s.event, func(w *shownWeek) {
		delete(w.people, maren)
		delete(w.people, obi)
		for i := range w.posts {
			if w.posts[i].By == obi && w.posts[i].Parent == "" {
				w.posts[i].X = map[string]string{qa.XAnonymous: qa.AnonymousYes}
			}
		}
	})
	page := s.raw(s.week())
	for post, name := range map[int]string{pQuestion: qa.NamelessName(maren, ""), pDuplicate: qa.AnonymousName} {
		if a := article(t, page, s.id(post)); !strings.Contains(a, "<b><bdi>"+name+"</bdi></b>") {
			t.Errorf("not by %s: %s", name, a)
		}
	}
}
