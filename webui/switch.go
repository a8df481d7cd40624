package webui

import (
	"net/http"
	"strconv"

	"flyleaf/qa"
	"flyleaf/schema"
)

// switchPage is the body of the page that asks once before one of the week's switches is set.
type switchPage struct {
	Event            qa.Event
	CSRF, Path, Back string
	Switch, On       string
	Title, Button    string
	Effects          []string
	AlreadySet       bool
}

// switchWords are the title and the button of the page for each switch, off and on.
var switchWords = map[string][2][2]string{
	schema.KeyClosed:  {{"Reopen the week?", "Reopen the week"}, {"Close the week?", "Close the week"}},
	schema.KeyApprove: {{"Turn off approval?", "Turn off approval"}, {"Turn on approval?", "Turn on approval"}},
}

// switchOf returns the switch that a form is about, and whether it is to be on.
func (s *server) switchOf(w http.ResponseWriter, r *http.Request) (key string, on, ok bool) {
	key = r.FormValue("switch")
	if _, ok = switchWords[key]; !ok {
		s.problem(w, r, http.StatusUnprocessableEntity, "Unknown setting", "Nothing was changed. Reload the page and try again.")
	}
	return key, r.FormValue("on") == "1", ok
}

// confirmSwitch says what setting one of the week's switches does, and offers to do it.
func (s *server) confirmSwitch(w http.ResponseWriter, r *http.Request) {
	v, ok := s.loadFor(w, r, forOrganisers)
	if !ok {
		return
	}
	key, on, ok := s.switchOf(w, r)
	if !ok {
		return
	}
	words := switchWords[key][oneIf(on)]
	p := switchPage{
		Event: v.Event, CSRF: v.csrf, Path: eventPath(v.Event.ID), Back: switchBack(r, v.Event.ID), Switch: key, On: strconv.Itoa(oneIf(on)),
		Title: words[0], Button: words[1], Effects: v.SwitchEffects(key, on),
	}
	p.AlreadySet = len(p.Effects) == 0
	l := s.layout(r, p.Title, "week", nil)
	v.nav(&l)
	l.Body, l.Event = p, p.Path
	s.page(w, r, http.StatusOK, "switch", l)
}

func switchBack(r *http.Request, event qa.EventID) string {
	if back := r.FormValue("back"); back != "" {
		return localPath(back)
	}
	return eventPath(event) + "/people#week"
}

// setSwitch sets one of the week's switches: whether it is closed, whether posts need approval.
func (s *server) setSwitch(w http.ResponseWriter, r *http.Request) {
	v, ok := s.loadFor(w, r, forOrganisers)
	if !ok {
		return
	}
	key, on, ok := s.switchOf(w, r)
	if !ok {
		return
	}
	act := qa.Act{Kind: qa.ActEvent, Fields: map[string]any{key: on}}
	if _, err := s.node.Do(r.Context(), v.Event.ID, act); err != nil {
		s.problem(w, r, statusOf(err), "Not saved", sentence(err.Error())+" The week was not changed.")
		return
	}
	formDone(w, r, switchBack(r, v.Event.ID), "")
}
