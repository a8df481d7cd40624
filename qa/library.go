package qa

// LibraryEntry is a followed event as a list of many shows it.
type LibraryEntry struct {
	// Event lacks what only its own page shows: description, links, x, winners, draw
	// and weeks. Of one that has not arrived yet only the ID is set.
	Event Event `json:"event"`
	Posts int   `json:"posts"`
}

// Arrived reports whether anything of the event has arrived.
func (s *LibraryEntry) Arrived() bool { return s.Event.Founder != "" }

// QuestionCounts counts a week's questions: those that are shown and repeat no other.
type QuestionCounts struct {
	Questions int `json:"questions"`
	Open      int `json:"open"` // not answered
}

// QuestionCounts counts the week's questions.
func (w *Week) CountQuestions() QuestionCounts {
	var n QuestionCounts
	for i := range w.Threads {
		t := &w.Threads[i]
		if !t.Question.Shown() || t.DuplicateOf != "" {
			continue
		}
		n.Questions++
		if !t.Answered {
			n.Open++
		}
	}
	return n
}
