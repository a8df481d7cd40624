package node_test

import (
	"slices"
	"strconv"
	"testing"

	"flyleaf/node"
	"flyleaf/qa"
)

func weekOfQuestions(texts ...string) qa.Week {
	var posts []qa.Post
	for i, text := range texts {
		n := strconv.Itoa(i)
		posts = append(posts, qa.Post{ID: qa.PostID(n), Op: qa.OpID{Counter: uint64(i + 1)}, AtMillis: int64(i), Revisions: []qa.Revision{{ID: qa.RevisionID(n), Text: text}}})
	}
	return qa.NewWeek(qa.Event{ID: "e"}, posts, nil)
}

// Questions are found by what they ask about, in whatever form and order of words, and not by the
// words that every question has.
func TestSimilarQuestions(t *testing.T) {
	w := weekOfQuestions(
		"At what size does a ledger begin to pay for itself?",
		"What is the best way to keep a diary?",
		"Who reads a ledger that is correct, signed and boring?",
		"Why did you choose PostgreSQL over SQLite for the examples?",
		"What is the story behind the title of the book?",
		"Will there be a second edition of the book?",
		"書籍の第二版は出ますか",
	)
	var s node.Similar
	for _, c := range []struct {
		text string
		want []string
	}{
		{"When do ledgers begin paying?", []string{"0"}},
		{"Is a second edition of this book planned?", []string{"5"}},
		{"SQLite or PostgreSQL: why did you choose it", []string{"3"}},
		{"what is the way of", nil},
		{"What is the meaning of life?", nil},
		{"Ledger", nil},
		{"", nil},
		{"第二版は", []string{"6"}},
		{"Who reads signed ledgers? They are boring", []string{"2"}},
	} {
		var got []string
		for _, th := range s.Find(&w, c.text, "", 3) {
			got = append(got, string(th.Question.ID))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

// What is found follows the week: edited, withdrawn and duplicate questions, and the next week.
func TestSimilarQuestionsFollowTheWeek(t *testing.T) {
	const ask = "Which ledger begins to pay?"
	var s node.Similar
	found := func(w qa.Week, except qa.PostID) int { return len(s.Find(&w, ask, except, 9)) }
	texts := []string{"At what size does a ledger begin to pay?", "When does a ledger begin to pay?", "Why do you write?"}
	if w := weekOfQuestions(texts...); found(w, "") != 2 || found(w, "1") != 1 || len(s.Find(&w, ask, "", 1)) != 1 {
		t.Error("both questions, one of two, and the first of two are not found")
	}
	w := weekOfQuestions(texts...)
	w.Threads[0].DuplicateOf = "1"
	if found(w, "") != 1 {
		t.Error("a duplicate is found")
	}
	w = weekOfQuestions(texts...)
	w.Threads[1].Question.Withdrawn = true
	if found(w, "") != 1 {
		t.Error("a withdrawn question is found")
	}
	texts[0] = "Nothing of it."
	if w := weekOfQuestions(texts...); found(w, "") != 1 {
		t.Error("an edited question is found by its earlier text")
	}
	other := weekOfQuestions("Why do you write?")
	other.Event.ID = "f"
	if found(other, "") != 0 {
		t.Error("a question of another week is found")
	}
}

func BenchmarkSimilar(b *testing.B) {
	var texts []string
	for i := range 10_000 {
		texts = append(texts, "What about chapter "+strconv.Itoa(i%97)+", where ledger number "+strconv.Itoa(i)+" is signed by somebody who has never seen the bakery, and does it begin to pay for itself before the year ends?")
	}
	w := weekOfQuestions(texts...)
	var s node.Similar
	for b.Loop() {
		if got := s.Find(&w, "Does the ledger in chapter 12 begin to pay for itself before the year ends?", "", 3); len(got) != 3 {
			b.Fatal(got)
		}
	}
}
