package qa

// LibraryEntry is a followed event in a list of events.
type LibraryEntry struct {
	// Event lacks the fields that only its own page shows: description, links, x, winners, draw and weeks.
	// For an event that has not arrived yet only the ID is set.
	Event Event `json:"event"`
	Posts int   `json:"posts"`
}

// Arrived reports whether this device has received any part of the event.
func (s *LibraryEntry) Arrived() bool { return s.Event.Founder != "" }

// QuestionCounts has the number of a week's questions that are shown and are not duplicates.
type QuestionCounts struct {
	Questions int `json:"questions"`
	Open      int `json:"open"` // not answered
}

// QuestionCounts counts the week's questions.
func (w *Week) CountQuestions() QuestionCounts {
	var n QuestionCounts
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
