package webui

import (
	"net/http"
	"strings"

	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/schema"
)

// The keys of drafts. A draft of a reply has the ID of the post that is replied to.
const (
	askKey     = "ask"   // the ask box
	editKey    = "edit/" // followed by the ID of the post that is edited
	maxDraftID = 200     // bytes
)

// maxDraft is the maximum length of a draft's text, in bytes: longer than a post, so that it can still be shortened
// or divided.
const maxDraft = 2 * schema.MaxText

func draftFrom(r *http.Request) node.Draft {
	return node.Draft{
		Text:       qa.LineEnds(r.PostForm.Get("body")),
		OnBehalfOf: strings.TrimSpace(r.PostForm.Get(schema.KeyOnBehalfOf)),
		Tags:       r.PostForm.Get("tags"),
	}
}

// keepDraft saves a draft. The script calls it while the reader writes.
func (s *server) keepDraft(w http.ResponseWriter, r *http.Request) {
	key := r.PostForm.Get("key")
	if key == "" || len(key) > maxDraftID {
		s.problem(w, r, http.StatusBadRequest, "The draft was not saved", "The page did not say which question or reply the draft belongs to. Copy your text, reload the page and paste it.")
		return
	}
	event := qa.EventID(r.PathValue("event"))
	if _, err := qa.ParseEventID(string(event)); err != nil {
		s.pageNotFound(w, r)
		return
	}
	d := draftFrom(r)
	if len(d.Text) > maxDraft {
		s.problem(w, r, http.StatusUnprocessableEntity, "This draft is too long to save", "It stays in the box as long as the page is open.")
		return
	}
	s.drafting.Lock()
	defer s.drafting.Unlock()
	if other, ok := s.otherDraft(r, event, key, d); ok {
		writeJSON(w, http.StatusConflict, map[string]string{"error": "The draft was not saved, because there is another text in its place.", "body": other})
		return
	}
	if err := s.node.SetDraft(r.Context(), event, key, d); err != nil {
		s.problem(w, r, http.StatusInternalServerError, "The draft was not saved", sentence(err.Error())+" It stays in the box as long as the page is open.")
		return
	}
	s.announceAnswering(r.Context(), event, key, d)
	all, err := s.node.Drafts(r.Context(), event)
	stored, kept := all[key]
	if err != nil || !kept {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"saved": s.calendar(qa.Event{}).draftSaved(stored)})
}

// draftSaved says when a draft was saved; "" if it was not. The calendar is that of the reader's own time zone.
func (c calendar) draftSaved(d node.Draft) string {
	if d.AtMillis == 0 {
		return ""
	}
	if t, now := c.at(d.AtMillis), c.now.In(c.zone); t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return "Draft saved " + t.Format("15:04")
	}
	return "Draft saved " + c.moment(d.AtMillis).Words
}

// otherDraft returns the stored text of a draft, if d would replace words that the page which sends d does not
// know: somebody writes the same draft in two windows. The page says in "base" which text it knows; a form
// without it replaces any text. s.drafting is held.
func (s *server) otherDraft(r *http.Request, event qa.EventID, key string, d node.Draft) (text string, other bool) {
	if !r.PostForm.Has("base") {
		return "", false
	}
	all, err := s.node.Drafts(r.Context(), event)
	if err != nil {
		return "", false // storing it fails as well, and says why
	}
	text = all[key].Text
	known := strings.TrimSpace(text) == "" || text == qa.LineEnds(r.PostForm.Get("base")) || strings.Contains(d.Text, text)
	return text, !known
}

// dropDraft deletes a draft whose text was saved as a post. Words that another window has written meanwhile
// stay. Since the text is saved, a draft that cannot be deleted loses nothing.
func (s *server) dropDraft(r *http.Request, event qa.EventID, key string) {
	s.drafting.Lock()
	defer s.drafting.Unlock()
	if _, other := s.otherDraft(r, event, key, draftFrom(r)); !other {
		_ = s.node.SetDraft(r.Context(), event, key, node.Draft{})
	}
}
