package qa

import "slices"

// LibraryEntry is a followed event in a list of events.
type LibraryEntry struct {
	// Event lacks the fields that only its own page shows: description, links, x, winners, draw and weeks.
	// For an event that has not arrived yet only the ID is set.
	Event Event `json:"event"`
	Posts int   `json:"posts"`
}

// Arrived reports whether this device has received any part of the event.
func (s *LibraryEntry) Arrived() bool { return s.Event.Founder != "" }

// QuestionCounts are the numbers of a week's questions, and its winners. Hidden questions and duplicates are not counted.
type QuestionCounts struct {
	Questions int `json:"questions"`
	Open      int `json:"open"` // not answered
	// Winners are the names of the people who get a copy, if the event has any; see Event.WinnersTold.
	Winners []string `json:"winners,omitempty"`
	Won     bool     `json:"won,omitempty"` // this device's person is among them
}

// CountQuestions counts the week's questions. viewer has the keys of the person who looks.
func (w *Week) CountQuestions(viewer ...Identity) QuestionCounts {
	var n QuestionCounts
	for _, p := range w.Won() {
		n.Winners = append(n.Winners, w.EntrantName(p.Entrant))
		n.Won = n.Won || slices.Contains(viewer, p.By)
	}
	for i := range w.Threads {
		t := &w.Threads[i]
		if t.Original() {
			n.Questions++
		}
		if t.Open() {
			n.Open++
		}
	}
	return n
}
