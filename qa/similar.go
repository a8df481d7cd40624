package qa

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
)

// SimilarQuestions returns the questions of the week that have most in common with a question, at most n, most similar
// first. Words that few questions have count more. Duplicates, and questions that are not shown, are left out.
func (w *Week) SimilarQuestions(to PostID, n int) []*Thread {
	words := make([]map[string]bool, len(w.Threads))
	have := map[string]float64{} // by word, how many questions have it
	at := -1
	for i := range w.Threads {
		q := &w.Threads[i].Question
		if q.ID == to {
			at = i
		}
		if q.ID == to || w.Threads[i].Original() {
			words[i] = wordsOf(q.Text())
		}
		for word := range words[i] {
			have[word]++
		}
	}
	if at < 0 {
		return nil
	}
	weight := func(word string) float64 { return math.Log(1 + float64(len(w.Threads))/have[word]) }
	type similar struct {
		thread *Thread
		score  float64
	}
	var found []similar
	for i := range w.Threads {
		if i == at || words[i] == nil {
			continue
		}
		var common, all float64
		for word := range words[i] {
			x := weight(word)
			if all += x; words[at][word] {
				common += x
			}
		}
		if common > 0 {
			found = append(found, similar{&w.Threads[i], common / math.Sqrt(all)}) // so that long questions are not similar to everything
		}
	}
	slices.SortStableFunc(found, func(a, b similar) int { return cmp.Compare(b.score, a.score) })
	var out []*Thread
	for _, s := range found[:min(n, len(found))] {
		out = append(out, s.thread)
	}
	return out
}

// wordsOf returns the words of a text in lower case. Words of one or two letters say little, and are left out if they
// are of an alphabet.
func wordsOf(text string) map[string]bool {
	out := map[string]bool{}
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if len(word) > 2 {
			out[word] = true
		}
	}
	return out
}
