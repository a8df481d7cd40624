package qa

// Shelved is a followed event as a list of many shows it.
type Shelved struct {
	// Event lacks what only its own page shows: description, links, x, winners, draw
	// and weeks. Of one that has not arrived yet only the ID is set.
	Event Event `json:"event"`
	Posts int   `json:"posts"`
}

// Here reports whether anything of the event has arrived.
func (s *Shelved) Here() bool { return s.Event.Founder != "" }

// Numbers counts a week's questions: those that are shown and repeat no other.
type Numbers struct {
	Questions int `json:"questions"`
	Open      int `json:"open"` // not answered
}

// Numbers counts the week's questions.
func (w *Week) Numbers() Numbers {
	var n Numbers
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
