package qa

import (
	"slices"
	"strings"
	"testing"
)

// TestSimilarQuestions: questions that share rare words come first; duplicates and hidden questions are not offered.
func TestSimilarQuestions(t *testing.T) {
	ask := func(id PostID, n uint64, text string, m Marks) Post {
		return Post{ID: id, By: person(int(n)), Op: OpID{Counter: n}, AtMillis: int64(n), Marks: m, Revisions: []Revision{{Text: text}}}
	}
	w := NewWeek(Event{}, []Post{
		ask("asked", 1, "What does a ledger cost a small choir?", Marks{}),
		ask("choir", 2, "Does a choir need a ledger?", Marks{}),
		ask("ledger", 3, "What is a ledger?", Marks{}),
		ask("other", 4, "Who paints the boats?", Marks{}),
		ask("hidden", 5, "What does a ledger cost a small choir!", Marks{Hidden: "spam"}),
		ask("repeated", 6, "What does a ledger cost a small choir, then?", Marks{DuplicateOf: "choir"}),
		ask("long", 7, "What does one need, and "+strings.Repeat("lorem ipsum dolor sit amet ", 3)+"ledger", Marks{}),
	}, nil)
	var got []PostID
	for _, th := range w.SimilarQuestions("asked", 3) {
		got = append(got, th.Question.ID)
	}
	if !slices.Equal(got, []PostID{"choir", "ledger", "long"}) {
		t.Errorf("%q", got)
	}
	if got := w.SimilarQuestions("other", 3); len(got) != 0 {
		t.Errorf("%d questions are similar to one that has nothing in common with any", len(got))
	}
	if w.SimilarQuestions("none", 3) != nil {
		t.Error("a question that is not there has similar ones")
	}
}
