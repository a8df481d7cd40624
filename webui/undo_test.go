package webui

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"flyleaf/qa"
	"flyleaf/schema"
)

var undoID = regexp.MustCompile(`name="id" value="([A-Z0-9]+)"`)

// undoes presses "Undo" on the page to which a form has led, as a browser without scripts does, and returns that page.
func (s *site) undoes(t *testing.T, to, words string) string {
	t.Helper()
	before, _, _ := strings.Cut(to, "#")
	page := s.get(before)
	mustContain(t, page, `<div class="toast" id="undo" role="status">`, "<p>"+words+"</p>")
	m := undoID.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("%s offers no undo", before)
	}
	back := regexp.MustCompile(`name="back" value="([^"]+)">\s*<button class="plain">Undo`).FindStringSubmatch(page)
	to = s.sent("/undo", "id", m[1], "back", strings.ReplaceAll(back[1], "&amp;", "&"))
	if w := s.send("/undo", "id", m[1], "back", "/"); w.Code != http.StatusGone {
		t.Errorf("undone twice: %d", w.Code)
	}
	page = s.get(to)
	mustContain(t, page, "<p>Undone.</p>")
	return page
}

// Everything that the pages do and that can be undone is confirmed with the offer to undo it. Works without scripts.
func TestWhatWasDoneCanBeUndone(t *testing.T) {
	s := newSite(t, "")
	for _, role := range []qa.Role{qa.RoleOrganiser, qa.RoleAuthor} {
		s.node.giveReaderRole(s.event, role)
	}
	post := func(i int) *qa.PostView {
		week, err := s.node.Week(t.Context(), s.event)
		if err != nil {
			t.Fatal(err)
		}
		return week.Post(qa.PostID(s.id(i)))
	}
	at := s.week() + "/p/" + s.id(pQuestion)
	for _, c := range []struct {
		what, path, words string
		form              []string
		done              func() bool
	}{
		{"hide", at + "/mark", "Hidden.", []string{"hidden", "1", "reason", "spam"}, func() bool { return post(pQuestion).Marks.Hidden == "spam" }},
		{"pin", at + "/mark", "Pinned.", []string{"pinned", "1"}, func() bool { return post(pQuestion).Marks.Pinned }},
		{"mark as duplicate", at + "/mark", "Marked as duplicate.", []string{"duplicateOf", "1", "of", s.id(pMine)}, func() bool { return post(pQuestion).Marks.DuplicateOf != "" }},
		{"withdraw", s.week() + "/p/" + s.id(pMine) + "/withdraw", "Withdrawn.", []string{"on", "1"}, func() bool { return post(pMine).Withdrawn }},
		{"take", at + "/take", "Taken by you.", []string{"take", "1", "back", s.week() + "/inbox"}, func() bool { return len(post(pQuestion).Marks.Assigned) > 0 }},
		{"choose a winner", s.week() + "/winners/choose", "Choices saved.", []string{"row", s.id(pQuestion), "choose", s.id(pQuestion)}, func() bool {
			week, err := s.node.Week(t.Context(), s.event)
			return err == nil && len(week.Event.Winners) > 0
		}},
		{"give a role", s.week() + "/role", "Role given.", []string{"identity", string(post(pQuestion).By), "role", "moderator", "on", "1"}, func() bool {
			week, err := s.node.Week(t.Context(), s.event)
			return err == nil && week.Event.HasRole(post(pQuestion).By, qa.RoleModerator)
		}},
		{"block", at + "/block", "Blocked.", []string{"on", "1", "why", "spam"}, func() bool {
			log, err := s.node.Log(t.Context(), s.event)
			return err == nil && len(qa.Blocks(log)) > 0
		}},
	} {
		if c.done() {
			t.Fatalf("%s: done already", c.what)
		}
		to := s.sent(c.path, c.form...)
		if !c.done() {
			t.Fatalf("%s was not done", c.what)
		}
		s.undoes(t, to, c.words)
		if c.done() {
			t.Errorf("%s was not undone", c.what)
		}
	}
	// What somebody else has changed since stays.
	to := s.sent(at+"/mark", "hidden", "1", "reason", "spam")
	if _, err := s.node.Do(t.Context(), s.event, qa.Act{Kind: qa.ActMark, Post: qa.PostID(s.id(pQuestion)), Mark: schema.KeyHidden, Text: "rude"}); err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(to)
	to = s.sent("/undo", "id", u.Query().Get("undo"), "back", s.week())
	mustContain(t, s.get(to), "Somebody has changed this since, so nothing was undone.")
	if p := post(pQuestion); p.Marks.Hidden != "rude" {
		t.Errorf("hidden: %q", p.Marks.Hidden)
	}
	// No address makes a page offer what was not done here.
	mustNotContain(t, s.get(s.week()+"?undo=ABCDEF"), `id="undo"`)
}
