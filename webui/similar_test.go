package webui

import (
	"net/http"
	"strings"
	"testing"

	"flyleaf/qa"
)

// Similar questions are suggested with their votes, and several questions in one text can be asked
// separately: while writing, and without scripts with the preview.
func TestSuggestions(t *testing.T) {
	s := newSite(t, "")
	const text = "At what size does a ledger begin to pay, and may nothing be changed? And does it close?"
	suggested := s.send(s.week()+"/suggest", "body", text)
	if suggested.Code != http.StatusOK {
		t.Fatalf("%d\n%s", suggested.Code, suggested.Body)
	}
	for name, page := range map[string]string{
		"while writing": suggested.Body.String(),
		"previewed":     s.send(s.week()+"/ask", "body", text, "preview", "1").Body.String(),
	} {
		t.Run(name, func(t *testing.T) {
			mustContain(t, page, s.week()+"/go/"+s.id(pQuestion), "Ask 2 separate questions", "And does it close?")
		})
	}
	page := s.send(s.week()+"/suggest", "body", text, "anonymous", "1").Body.String()
	mustContain(t, page, "go/"+s.id(pQuestion))
	mustNotContain(t, page, "separate")
	if page := s.send(s.week()+"/suggest", "body", "Nothing like it").Body.String(); strings.TrimSpace(page) != "" {
		t.Errorf("suggested %q", page)
	}
	if page := s.send(s.week()+"/suggest", "body", text+strings.Repeat(" ", maxDraft)).Body.String(); strings.TrimSpace(page) != "" {
		t.Errorf("suggested for a text that is too long: %q", page)
	}
	if n := s.posts(text); n > 0 {
		t.Error("a suggestion posted the question")
	}
}

// Questions asked separately keep the tags and the person asked for. Sending the form again asks
// none of them twice.
func TestAskSeparately(t *testing.T) {
	s := newSite(t, "")
	ask := func() string {
		return s.sent(s.week()+"/ask", "body", "I keep one.\r\nDoes it pay? And when?\r\nThank you", "split", "1", "onBehalfOf", "Priya", "tags", "paper")
	}
	to := ask()
	if again := ask(); again != to {
		t.Errorf("leads to %s, then to %s", to, again)
	}
	if a, b := s.posts("I keep one.\nDoes it pay?"), s.posts("And when?\n\nThank you"); a != 1 || b != 1 {
		t.Errorf("%d and %d questions, want one of each", a, b)
	}
	path, elem, _ := strings.Cut(to, "#p-")
	mustContain(t, s.get(path), "I keep one.", "asks, through you", "#paper")
	if p, err := s.node.Post(t.Context(), s.event, qa.PostID(elem)); err != nil || p.Text() != "I keep one.\nDoes it pay?" || p.OnBehalfOf != "Priya" {
		t.Errorf("leads to %+v, %v", p, err)
	}
	for _, fields := range [][]string{{"body", "Does it pay?"}, {"body", "Does it? And when?", "anonymous", "1"}} {
		w := s.send(s.week()+"/ask", append(fields, "split", "1")...)
		if w.Code != http.StatusUnprocessableEntity || strings.Contains(w.Body.String(), "Try again later") || s.posts("Does it pay?")+s.posts("Does it?") > 0 {
			t.Errorf("%q: %d", fields, w.Code)
		}
		mustContain(t, w.Body.String(), fields[1])
	}
}
