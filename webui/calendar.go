package webui

import (
	"net/http"

	"flyleaf/publish/ical"
)

// ics gives the days of a week as a calendar file, for readers or, with for=authors,
// for the authors. Its entries have a higher number after every change to what the
// week says of itself, so that calendars take the new ones.
func (s *server) ics(w http.ResponseWriter, r *http.Request) {
	v, ok := s.load(w, r)
	if !ok {
		return
	}
	e := v.Event
	entries, name := ical.Readers(&e, string(e.ID), ""), "week.ics"
	if r.URL.Query().Get("for") == "authors" {
		entries, name = ical.Authors(&e, string(e.ID), ""), "week-for-authors.ics"
	}
	if len(entries) == 0 {
		s.problem(w, r, http.StatusNotFound, "This week has no days yet", "There is nothing for a calendar. Its organiser can give it days on the page “Set up the week”.")
		return
	}
	for i := range entries {
		entries[i].Sequence = e.Edits
	}
	w.Header().Set("Content-Type", ical.Type)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, _ = w.Write(ical.Update(nil, ical.Calendar{Name: e.Title, Entries: entries}, s.now())) // the reader has gone away: nobody to tell
}
