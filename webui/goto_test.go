package webui

import (
	"net/url"
	"strings"
	"testing"

	"flyleaf/qa"
)

// gotoLinks returns the links and buttons of the page for what was typed, as it shows them.
func gotoLinks(t *testing.T, s *site, week, typed string) string {
	t.Helper()
	page := s.get("/goto?" + url.Values{"week": {week}, "q": {typed}}.Encode())
	_, list, ok := strings.Cut(page, `id="goto-list"`)
	if !ok {
		t.Fatal(page)
	}
	list, _, _ = strings.Cut(list, "</main>")
	return list
}

// TestGoTo: the list has what the reader may open, and the beginnings of words choose from it.
func TestGoTo(t *testing.T) {
	s := newSite(t, "")
	week := string(s.event)
	all := gotoLinks(t, s, week, "")
	mustContain(t, all, `href="`+s.week()+`/people"`, "Ask a question", "Sync status", `value="dark"`, "The Patient Ledger")
	mustNotContain(t, all, "/inbox", "/queue", "/setup", "Search all posts")
	if list := gotoLinks(t, s, week, "SET w"); list == all || strings.Contains(list, "/setup") {
		t.Errorf("a reader who may not change the settings: %s", list)
	}
	s.node.giveReaderRole(s.event, qa.RoleOrganiser)
	list := gotoLinks(t, s, week, "SET w")
	mustContain(t, list, `href="`+s.week()+`/setup"`)
	mustNotContain(t, list, "Sync status", "/people", "Close the week")
	mustContain(t, gotoLinks(t, s, week, "close"), s.week()+"/switch?closed=1")
	mustContain(t, gotoLinks(t, s, week, "pencil"), "accounts of a fishing boat", "Search all posts for “pencil”")
	mustContain(t, gotoLinks(t, s, "", "patient"), `href="`+s.week()+`"`)
	mustNotContain(t, gotoLinks(t, s, "", ""), s.week()+"/people")
	mustNotContain(t, gotoLinks(t, s, "nonsense", "<script>alert(1)</script>"), "<script>")
	s.sent("/you/theme", "theme", "dark", "back", s.week())
}
