package webui

import (
	"net/http"

	"flyleaf/publish/ical"
)

// ics serves the days of a week as a calendar file, for readers or, with for=authors,
// for the authors. The sequence number of its entries grows with every change to the
// week's details, so that calendars replace their older entries.
func (s *server) ics(w http.ResponseWriter, r *http.Request) {
	v, ok := s.load(w, r)
	if !ok {
		return
	}
	authors, name := r.URL.Query().Get("for") == "authors", "week.ics"
	if authors {
		name = "week-for-authors.ics"
	}
	calendar := ical.OfWeek(&v.Event, authors, "", nil, s.now())
	if calendar == nil {
		s.problem(w, r, http.StatusNotFound, "This week has no dates yet", "There is nothing to add to a calendar. An organiser can set the dates under “Week settings”.")
		return
	}
	w.Header().Set("Content-Type", ical.Type)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, _ = w.Write(calendar) // fails only when the browser has disconnected
}
