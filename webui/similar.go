package webui

import (
	"net/http"

	"flyleaf/markdown"
	"flyleaf/node"
	"flyleaf/qa"
)

// maxSimilar is how many similar questions are offered.
const maxSimilar = 3

var errOneQuestion = node.Errorf(node.Invalid, "this asks only one thing, so there is nothing to separate")

// suggestions are shown below a question that is being written.
type suggestions struct {
	Similar []similarQuestion
	Parts   []string // the questions that the text could be cut into
}

// similarQuestion is a question that asks much the same.
type similarQuestion struct {
	Question postView
	URL      string
	Words    string
	Answered bool
}

// suggest shows what could be done instead of asking a question as it is written: vote for a question that
// asks much the same, or ask several things separately. The script calls it while the reader writes.
func (s *server) suggest(w http.ResponseWriter, r *http.Request) {
	v, ok := s.load(w, r)
	if !ok {
		return
	}
	write(w, http.StatusOK, s.render.of(partials), "suggestions", s.suggestionsFor(v, qa.LineEnds(r.PostForm.Get("body")), r.PostForm.Has("anonymous")))
}

// suggestionsFor returns what to suggest for a text: nothing if it is too long for a draft. An anonymous
// question is not cut: each one needs a key of its own, so they cannot all be saved together.
func (s *server) suggestionsFor(v *weekView, text string, anonymous bool) *suggestions {
	out := &suggestions{}
	if len(text) > maxDraft {
		return out
	}
	for _, t := range s.similar.Find(&v.Week, text, "", maxSimilar) {
		out.Similar = append(out.Similar, similarQuestion{
			Question: v.post(t, -1), URL: eventPath(v.Event.ID) + "/go/" + string(t.Question.ID),
			Words: markdown.Line(t.Question.Text(), 160), Answered: t.Answered,
		})
	}
	if !anonymous {
		out.Parts = qa.SeparateQuestions(text)
	}
	return out
}

// askSeparately posts the questions of a text one by one, in one transaction. It returns the first.
func (s *server) askSeparately(r *http.Request, v *weekView, act qa.Act) (qa.PostID, error) {
	texts := qa.SeparateQuestions(act.Text)
	if texts == nil || act.Anonymous {
		return "", errOneQuestion
	}
	var acts []qa.Act
	var err error
	if texts[0], err = s.withPicture(r, v, texts[0], ""); err != nil {
		return "", err
	}
	for _, text := range texts {
		act.Text = text
		if s.postedBefore(r, v, act) == "" {
			acts = append(acts, act)
		}
	}
	if err := s.node.DoAll(r.Context(), v.Event.ID, acts); err != nil {
		return "", err
	}
	week, err := s.node.Week(r.Context(), v.Event.ID)
	if err != nil {
		return "", err
	}
	act.Text = texts[0]
	return s.postedBefore(r, &weekView{Week: week, keys: v.keys, me: v.me}, act), nil
}
