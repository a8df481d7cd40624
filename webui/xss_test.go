package webui

import (
	"testing"

	"flyleaf/internal/testfixture"
	"flyleaf/qa"
)

// TestPagesEscapeNamesTitlesAndTags puts texts that try to run a script into every place for a
// person's words except Markdown, which package markdown tests.
func TestPagesEscapeNamesTitlesAndTags(t *testing.T) {
	s := newSite(t, "")
	s.node.giveReaderRole(s.event, qa.RoleAuthor)
	for _, text := range testfixture.XSS {
		s.node.editViews(s.event, func(w *shownWeek) {
			w.event.Title, w.event.Authors, w.event.Description = text, text, text
			w.event.Links = []qa.Link{{Text: text, URL: text}, {Text: text, URL: "https://example.org/" + text}}
			w.people[obi] = qa.Person{ID: obi, Name: text}
			w.posts[3].OnBehalfOf = text
			w.posts[7].Marks.Hidden = text
			w.posts[0].Tags = []string{text}
			w.posts[0].Reactions = []qa.Reaction{{By: obi, Emoji: text}}
			w.relay = &qa.RelayStatus{Why: text, URL: text, State: qa.RelayOffline}
		})
		s.node.setSetting("name", text)
		id := s.id(0)
		for _, path := range []string{"/", "/you", "/sync", s.week(), s.week() + "/p/" + id, s.week() + "/inbox", s.week() + "/inbox?show=answered", s.week() + "/winners", s.week() + "/people", s.week() + "/log", "/?join=" + "%3Cscript%3Ewindow.ran=1%3C/script%3E"} {
			page := s.get(path)
			mustNotContain(t, page, "<script>", "<img src=x", "<img>", "<img/", "evil.example/pixel.gif\"", "<iframe", "<SCRIPT", "<svg onload", "<style", "<base", "<form action=https", "onerror=window.ran=1>", `" onmouseover="`, `href="javascript`, "ZgotmplZ")
		}
		rec := s.send(s.week()+"/ask", "body", text, "onBehalfOf", text, "preview", "1")
		mustNotContain(t, rec.Body.String(), "<script>", "<img src=x", "<img>", "<img/", "evil.example/pixel.gif\"", "<iframe", "<SCRIPT", "<svg onload", "<style", "<base")
	}
}
