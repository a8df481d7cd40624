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
	if len(d.Text) > 2*schema.MaxText {
		s.problem(w, r, http.StatusUnprocessableEntity, "This draft is too long to save", "It stays in the box as long as the page is open.")
		return
	}
	if err := s.node.SetDraft(r.Context(), event, key, d); err != nil {
		s.problem(w, r, http.StatusInternalServerError, "The draft was not saved", sentence(err.Error())+" It stays in the box as long as the page is open.")
		return
	}
	s.announceAnswering(r.Context(), event, key, d)
	w.WriteHeader(http.StatusNoContent)
}
