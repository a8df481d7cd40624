package webui

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"flyleaf/qa"
	"flyleaf/schema"
)

// draft is what somebody began to write: in the ask box (key "ask"), as a reply
// to a post (its ID), or as a new text of one ("edit/" and its ID). Drafts are
// settings of this device; they survive a restart and never leave it.
type draft struct {
	Text       string `json:"text"`
	OnBehalfOf string `json:"onBehalfOf,omitempty"`
	Tags       string `json:"tags,omitempty"`
	AtMillis   int64  `json:"at"`
}

const (
	askKey     = "ask"
	editKey    = "edit/"
	maxDrafts  = 200 // of one event; the oldest goes
	maxDraftID = 200
)

func (d draft) empty() bool {
	return strings.TrimSpace(d.Text) == "" && strings.TrimSpace(d.OnBehalfOf) == "" && strings.TrimSpace(d.Tags) == ""
}

// draftsOf returns the event's drafts. What cannot be read is no draft: the page
// must open all the same.
func (s *server) draftsOf(ctx context.Context, event qa.EventID) map[string]draft {
	out := make(map[string]draft)
	text, err := s.node.Setting(ctx, SettingDrafts+string(event))
	if err != nil || text == "" || json.Unmarshal([]byte(text), &out) != nil {
		return make(map[string]draft)
	}
	return out
}

// setDraft keeps d, or throws the draft away when it is empty.
func (s *server) setDraft(ctx context.Context, event qa.EventID, key string, d draft) error {
	s.drafts.Lock()
	defer s.drafts.Unlock()
	all := s.draftsOf(ctx, event)
	if _, had := all[key]; !had && d.empty() {
		return nil
	}
	delete(all, key)
	if !d.empty() {
		for len(all) >= maxDrafts {
			oldest := ""
			for k, v := range all {
				if oldest == "" || v.AtMillis < all[oldest].AtMillis {
					oldest = k
				}
			}
			delete(all, oldest)
		}
		d.AtMillis = s.now().UnixMilli()
		all[key] = d
	}
	b, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return s.node.SetSetting(ctx, SettingDrafts+string(event), string(b))
}

func draftFrom(r *http.Request) draft {
	return draft{
		Text:       qa.LineEnds(r.PostForm.Get("body")),
		OnBehalfOf: strings.TrimSpace(r.PostForm.Get("onBehalfOf")),
		Tags:       r.PostForm.Get("tags"),
	}
}

// keepDraft is what the script calls while somebody writes.
func (s *server) keepDraft(w http.ResponseWriter, r *http.Request) {
	key := r.PostForm.Get("key")
	if key == "" || len(key) > maxDraftID {
		s.problem(w, r, http.StatusBadRequest, "This draft has no place", "Nothing was changed. Reload the page; your words are kept in it.")
		return
	}
	event := qa.EventID(r.PathValue("event"))
	if _, err := qa.ParseEventID(string(event)); err != nil {
		s.nowhere(w, r)
		return
	}
	d := draftFrom(r)
	if len(d.Text) > 2*schema.MaxText {
		s.problem(w, r, http.StatusUnprocessableEntity, "This draft is too long to be kept", "It stays in the box as long as the page is open.")
		return
	}
	if err := s.setDraft(r.Context(), event, key, d); err != nil {
		s.problem(w, r, http.StatusInternalServerError, "The draft was not kept", sentence(err.Error())+" It stays in the box as long as the page is open.")
		return
	}
	s.writing(r.Context(), event, key, d)
	w.WriteHeader(http.StatusNoContent)
}
