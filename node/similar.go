package node

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"

	"flyleaf/internal/smallsort"
	"flyleaf/qa"
	"flyleaf/storage"
)

// Similar finds the questions of a week that ask much the same as a text. It keeps the words of the
// week that it was asked about last. The zero value is ready; it is safe for concurrent use.
type Similar struct {
	mu        sync.Mutex // guards what follows
	event     qa.EventID
	questions map[qa.PostID]stemmed
	with      map[string]int // in how many questions each stem is
}

// stemmed is a text with its stems.
type stemmed struct {
	text  string
	stems []string
}

const (
	// stemLength is after how many letters a word is cut off, so that its forms are the same:
	// "ledger" and "ledgers", "begin" and "begins".
	stemLength = 5
	// minShared is how many stems of at least four letters two similar questions share.
	minShared = 2
	// minSimilarity is the part of the text, by the weight of its stems, that a similar question
	// contains.
	minSimilarity = 0.4
)

// Find returns at most limit questions of a week that are similar to a text, the most similar first. A
// duplicate is not among them, because its original is. except is a question that is left out, or "".
func (s *Similar) Find(w *qa.Week, text string, except qa.PostID, limit int) []*qa.Thread {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.event != w.Event.ID {
		s.event, s.questions, s.with = w.Event.ID, map[qa.PostID]stemmed{}, map[string]int{}
	}
	for i := range w.Threads {
		s.read(&w.Threads[i].Question)
	}
	wanted, total := map[string]float64{}, 0.0
	for _, stem := range stemsOf(text) {
		wanted[stem] = s.weight(stem)
		total += wanted[stem]
	}
	type match struct {
		thread *qa.Thread
		score  float64
	}
	var found []match
	for i := range w.Threads {
		t := &w.Threads[i]
		if !t.Original() || t.Question.ID == except {
			continue
		}
		stems := s.questions[t.Question.ID].stems
		shared, long := 0.0, 0
		for _, stem := range stems {
			weight, ok := wanted[stem]
			shared += weight
			if ok && (utf8.RuneCountInString(stem) >= 4 || !spaced(stem)) {
				long++
			}
		}
		if long < minShared || shared < minSimilarity*total {
			continue
		}
		own := 0.0
		for _, stem := range stems {
			own += s.weight(stem)
		}
		found = append(found, match{t, shared/total + shared/own})
	}
	smallsort.StableFunc(found, func(a, b match) int { return cmp.Compare(b.score, a.score) })
	var out []*qa.Thread
	for _, m := range found[:min(limit, len(found))] {
		out = append(out, m.thread)
	}
	return out
}

// read records the stems of a question, unless its text is the same as before.
func (s *Similar) read(p *qa.PostView) {
	text := p.Words()
	before, known := s.questions[p.ID]
	if known && before.text == text {
		return
	}
	for _, stem := range before.stems {
		s.with[stem]--
	}
	now := stemmed{text, stemsOf(text)}
	for _, stem := range now.stems {
		s.with[stem]++
	}
	s.questions[p.ID] = now
}

// weight is how much a stem says: the rarer and the longer, the more.
func (s *Similar) weight(stem string) float64 {
	length := 2.0
	if spaced(stem) {
		length = min(float64(utf8.RuneCountInString(stem)), stemLength)
	}
	return length * length * math.Log(1+float64(len(s.questions)+1)/float64(s.with[stem]+1))
}

// spaced reports whether a stem is in a script that puts spaces between words. In the others every
// character is a word.
func spaced(stem string) bool {
	r, size := utf8.DecodeRuneInString(stem)
	return size < len(stem) || r < utf8.RuneSelf || !unicode.IsLetter(r)
}

// stemsOf returns the stems of a text, each once.
func stemsOf(text string) []string {
	words := storage.Words(text)
	for i, word := range words {
		n := 0
		for at := range word {
			if n == stemLength {
				words[i] = word[:at]
				break
			}
			n++
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}
