package qa

import (
	"slices"

	"flyleaf/schema"
)

// DefaultPrize is the note of a choice for which nobody wrote another.
const DefaultPrize = "a copy of the book"

// Asker is an entrant with all of their questions that are shown.
type Asker struct {
	Entrant
	Questions []*Thread // in the order of the week
	Wants     int       // of all their questions
	// MostWanted is the first of the questions that most people want answered. Choices that are made
	// for the entrant are recorded at it.
	MostWanted PostID
}

// Askers returns the entrants with questions that are shown, in the order of their first questions.
func (w *Week) Askers() []Asker {
	var out []Asker
	at := map[Entrant]int{}
	most := map[Entrant]int{}
	for i := range w.Threads {
		t := &w.Threads[i]
		if !t.Question.Shown() {
			continue
		}
		who := EntrantOf(&t.Question.Post)
		k, known := at[who]
		if !known {
			k = len(out)
			at[who] = k
			out = append(out, Asker{Entrant: who})
		}
		a := &out[k]
		a.Questions = append(a.Questions, t)
		a.Wants += t.Wants
		if !known || t.Wants > most[who] {
			a.MostWanted, most[who] = t.Question.ID, t.Wants
		}
	}
	return out
}

// WinnerChoice is what an author or organiser wants for one entrant.
type WinnerChoice struct {
	Post      PostID // Asker.MostWanted
	Chosen    bool   // the entrant gets a copy
	Candidate bool   // the entrant takes part in the draw
}

// ChoiceActs returns the acts with which a person's choices become those given. They do not change
// what was chosen for other entrants, or by other people. Marks of candidates are changed only by
// authors, and only until the draw is fixed: later they would have no effect.
func (w *Week) ChoiceActs(me Identity, choices []WinnerChoice) []Act {
	marksCandidates := !w.DrawFixed() && w.Event.MayWrite(me, schema.MapCandidate.Keyed(), false)
	var acts []Act
	for _, a := range w.Askers() {
		k := slices.IndexFunc(choices, func(c WinnerChoice) bool { return c.Post == a.MostWanted })
		if k < 0 {
			continue
		}
		want := &choices[k]
		chosenHere := func(post PostID) bool {
			return slices.ContainsFunc(w.Event.Winners, func(x Winner) bool { return x.By == me && x.Post == post })
		}
		chosen := slices.ContainsFunc(w.questionsOf(a.Entrant), func(q *PostView) bool { return chosenHere(q.ID) })
		marked := slices.ContainsFunc(w.questionsOf(a.Entrant), func(q *PostView) bool { return slices.Contains(q.Marks.Candidate, me) })
		for _, t := range a.Questions {
			q := &t.Question
			switch {
			case !want.Chosen && chosenHere(q.ID):
				acts = append(acts, Act{Kind: ActWinner, Post: q.ID})
			case want.Chosen && !chosen && q.ID == a.MostWanted:
				acts = append(acts, Act{Kind: ActWinner, Post: q.ID, Text: DefaultPrize})
			}
			if !marksCandidates {
				continue
			}
			mark := Act{Kind: ActMark, Mark: schema.KeyCandidate, Post: q.ID, Identity: me, On: want.Candidate}
			switch {
			case !want.Candidate && slices.Contains(q.Marks.Candidate, me), want.Candidate && !marked && q.ID == a.MostWanted:
				acts = append(acts, mark)
			}
		}
	}
	return acts
}

// questionsOf returns all questions of an entrant, shown or not.
func (w *Week) questionsOf(who Entrant) []*PostView {
	var out []*PostView
	for i := range w.Threads {
		if q := &w.Threads[i].Question; EntrantOf(&q.Post) == who {
			out = append(out, q)
		}
	}
	return out
}
