package webui

import (
	"html/template"
	"net/http"
	"strings"

	"flyleaf/qa"
)

// appealPage is the body of the page on which the writer of a hidden post answers why it was hidden.
type appealPage struct {
	Event        qa.Event
	Back         string
	Act, CSRF    string
	Post         postView
	Words        template.HTML
	Text, Before string // typed; the answer so far
	Error        string
}

// appealPath returns the address of the page.
func appealPath(event qa.EventID, post qa.PostID) string { return postPath(event, post) + "/appeal" }

func (s *server) appeal(w http.ResponseWriter, r *http.Request) {
	if v, p, ok := s.loadHidden(w, r); ok {
		s.showAppeal(w, r, http.StatusOK, v, p, appealPage{Text: p.Appeal()})
	}
}

// loadHidden loads a hidden post of the reader's.
func (s *server) loadHidden(w http.ResponseWriter, r *http.Request) (*weekView, *qa.PostView, bool) {
	v, t, i, ok := s.loadOwnPost(w, r)
	if !ok {
		return nil, nil, false
	}
	p := postAt(t, i)
	if p.Marks.Hidden == "" {
		s.problem(w, r, http.StatusConflict, "This post is not hidden", "Everybody can see it again. Nothing was changed.")
		return nil, nil, false
	}
	return v, p, true
}

func (s *server) showAppeal(w http.ResponseWriter, r *http.Request, status int, v *weekView, p *qa.PostView, page appealPage) {
	t, i, _ := v.find(p.ID)
	page.Event, page.Back, page.Act, page.CSRF = v.Event, v.address(p.ID), appealPath(v.Event.ID, p.ID), v.csrf
	page.Post, page.Before = v.post(t, i), p.Appeal()
	page.Words = page.Post.Words
	l := s.layout(r, "Why your post is hidden", "week", nil)
	v.nav(&l)
	l.Body, l.Event = page, eventPath(v.Event.ID)
	s.page(w, r, status, "appeal", l)
}

func (s *server) saveAppeal(w http.ResponseWriter, r *http.Request) {
	v, p, ok := s.loadHidden(w, r)
	if !ok {
		return
	}
	text := strings.TrimSpace(qa.LineEnds(r.PostForm.Get("text")))
	if text == "" {
		s.showAppeal(w, r, http.StatusUnprocessableEntity, v, p, appealPage{Error: "There is no text yet. Nothing was changed."})
		return
	}
	if _, err := s.node.Do(r.Context(), v.Event.ID, p.AppealAct(text)); err != nil {
		s.showAppeal(w, r, statusOf(err), v, p, appealPage{Text: text, Error: "Not saved. " + sentence(err.Error()) + " What you typed is still here."})
		return
	}
	formDone(w, r, v.address(p.ID), p.ID)
}
