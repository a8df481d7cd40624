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

// QuestionCounts are the numbers of a week's questions. Hidden questions and duplicates are not counted.
type QuestionCounts struct {
	Questions int `json:"questions"`
	Open      int `json:"open"` // not answered
}

// CountQuestions counts the week's questions.
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
