package node

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"

	"flyleaf/internal/smallsort"
	"flyleaf/qa"
	"flyleaf/schema"
	"flyleaf/storage"
)

// Query is a search query. A post must match all of its conditions; the zero value finds nothing.
type Query struct {
	Event qa.EventID  // "" searches all weeks
	Words string      // a post must contain all words
	By    qa.Identity // the writer of the post
	// AskedBy and AnsweredBy are words, or beginnings of words, of the name of the person who asked the post's question, and
	// of an author who answered it.
	AskedBy, AnsweredBy string
	State               QuestionState // of the post's question
	Tag                 string        // of the post or its question, in any case
	Sort                SortOrder
	Offset, Limit       int // which of the hits to return
}

// QuestionState selects questions by whether they are answered.
type QuestionState string

// The states.
const (
	AnyState   QuestionState = ""
	Answered   QuestionState = "answered"
	Unanswered QuestionState = "unanswered"
)

// SortOrder is the order of the hits.
type SortOrder string

// The orders. Posts that are equal in an order are sorted by SortNewest.
const (
	SortBest     SortOrder = ""         // the best match for the words first; without words, SortNewest
	SortNewest   SortOrder = "newest"   // the post that was written last first
	SortActivity SortOrder = "activity" // the post whose thread got its last post last first
	SortWanted   SortOrder = "wanted"   // the post whose question most people want answered first
)

// Found is the result of a search.
type Found struct {
	Posts []FoundPost // from Query.Offset on, at most Query.Limit
	Total int         // number of all hits
}

// empty reports whether the query has no condition.
func (q *Query) empty() bool {
	return len(storage.Terms(q.Words)) == 0 && q.By == "" && q.AskedBy == "" && q.AnsweredBy == "" && q.State == AnyState && q.Tag == ""
}

// maxFacts is the maximum number of posts whose facts stay in memory.
const maxFacts = 50_000

// finder keeps what searches need to know about posts, so that a search does not read the weeks. It reads a week again
// when something was written to its event.
type finder struct {
	mu    sync.Mutex // guards what follows; held while weeks are read
	weeks map[qa.EventID]*weekFacts
	posts int // in weeks
}

// weekFacts are the visible posts of a week.
type weekFacts struct {
	position int64 // the last change that they know
	posts    map[qa.PostID]postFacts
}

type postFacts struct {
	thread *threadFacts
	by     qa.Identity
	at     int64
	tags   []string // in search form, see tagWords
	asks   bool     // it is the question
}

type threadFacts struct {
	asked      []string   // words of the asker's name
	answeredBy [][]string // words of the names of the authors who answered
	state      QuestionState
	tags       []string
	wants      int
	last       int64 // when its last post was written
}

// tagWords returns a tag in the form in which tags are compared.
func tagWords(tag string) string {
	out := ""
	for _, w := range storage.Words(tag) {
		out += w + " "
	}
	return out
}

func tagsWords(tags []string) (out []string) {
	for _, t := range tags {
		out = append(out, tagWords(t))
	}
	return out
}

// stateOf returns the state of a question. A duplicate is neither answered nor unanswered, unless it has an answer of its
// own: its original waits for an answer.
func stateOf(t *qa.Thread) QuestionState {
	switch {
	case t.Answered:
		return Answered
	case t.Open():
		return Unanswered
	}
	return AnyState
}

// factsOf returns the facts about a week.
func factsOf(w *qa.Week, position int64) *weekFacts {
	f := &weekFacts{position: position, posts: map[qa.PostID]postFacts{}}
	for i := range w.Threads {
		t := &w.Threads[i]
		facts := &threadFacts{asked: storage.Words(t.Question.Name), state: stateOf(t), tags: tagsWords(t.Question.Tags), wants: t.Wants, last: t.LastMillis()}
		add := func(p *qa.PostView, asks bool) {
			if !p.Shown() {
				return
			}
			one := postFacts{thread: facts, by: p.By, at: p.AtMillis, asks: asks}
			if !asks {
				one.tags = tagsWords(p.Tags)
			}
			f.posts[p.ID] = one
		}
		add(&t.Question, true)
		for j := range t.Replies {
			r := &t.Replies[j]
			add(r, false)
			if r.ByAuthor && r.Shown() {
				facts.answeredBy = append(facts.answeredBy, storage.Words(r.Name))
			}
		}
	}
	return f
}

// facts returns the facts about a week as it is now. The lock is held.
func (d *Device) facts(ctx context.Context, event qa.EventID) (*weekFacts, error) {
	position, err := d.replica.Position(ctx, event)
	if err != nil {
		return nil, err
	}
	known := d.finder.weeks[event]
	if known != nil && known.position == position {
		return known, nil
	}
	week, err := d.Week(ctx, event)
	if err != nil {
		return nil, err
	}
	now := factsOf(&week, position)
	if d.finder.weeks == nil {
		d.finder.weeks = map[qa.EventID]*weekFacts{}
	}
	if known != nil {
		d.finder.posts -= len(known.posts)
		delete(d.finder.weeks, event)
	}
	if d.finder.posts+len(now.posts) <= maxFacts {
		d.finder.posts += len(now.posts)
		d.finder.weeks[event] = now
	}
	return now, nil
}

// matcher is a query, prepared for comparing.
type matcher struct {
	*Query
	asked, answered []storage.Term
	tag             string
}

func (m *matcher) match(p *postFacts) bool {
	t := p.thread
	return (m.By == "" || p.by == m.By) &&
		(m.asked == nil || storage.Score(t.asked, m.asked) > 0) &&
		(m.answered == nil || slices.ContainsFunc(t.answeredBy, func(name []string) bool { return storage.Score(name, m.answered) > 0 })) &&
		(m.State == AnyState || t.state == m.State) &&
		(m.tag == "" || slices.Contains(t.tags, m.tag) || slices.Contains(p.tags, m.tag))
}

// candidate is a post that matches.
type candidate struct {
	FoundPost
	facts postFacts
}

// Find implements Node.
func (d *Device) Find(ctx context.Context, q Query) (Found, error) {
	if q.empty() {
		return Found{}, nil
	}
	d.finder.mu.Lock()
	defer d.finder.mu.Unlock()
	m := matcher{Query: &q, asked: storage.Terms(q.AskedBy), answered: storage.Terms(q.AnsweredBy), tag: tagWords(q.Tag)}
	var all []candidate
	words := len(storage.Terms(q.Words)) > 0
	var err error
	if words {
		all, err = d.withWords(ctx, &m)
	} else {
		all, err = d.withoutWords(ctx, &m)
	}
	if err != nil {
		return Found{}, err
	}
	if !words || q.Sort != SortBest {
		key := func(c *candidate) int64 {
			switch q.Sort {
			case SortActivity:
				return c.facts.thread.last
			case SortWanted:
				return int64(c.facts.thread.wants)
			}
			return c.facts.at
		}
		smallsort.Func(all, func(a, b candidate) int {
			return cmp.Or(cmp.Compare(key(&b), key(&a)), cmp.Compare(b.facts.at, a.facts.at), cmp.Compare(a.Post, b.Post))
		})
	}
	out := Found{Total: len(all)}
	from := min(max(q.Offset, 0), len(all))
	for _, c := range all[from:min(from+max(q.Limit, 0), len(all))] {
		out.Posts = append(out.Posts, c.FoundPost)
	}
	return out, nil
}

// withWords returns the posts that contain the words, the best match first.
func (d *Device) withWords(ctx context.Context, m *matcher) (all []candidate, err error) {
	var found []FoundPost
	if m.Event == "" {
		hits, err := d.store.SearchAll(ctx, m.Words, math.MaxInt32)
		if err != nil {
			return nil, err
		}
		for _, h := range hits {
			found = append(found, FoundPost(h))
		}
	} else {
		ids, err := d.store.Search(ctx, m.Event, m.Words, math.MaxInt32)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			found = append(found, FoundPost{m.Event, id})
		}
	}
	weeks := map[qa.EventID]*weekFacts{}
	for _, f := range found {
		week, ok := weeks[f.Event]
		if !ok {
			if week, err = d.facts(ctx, f.Event); KindOf(err) == NotFound {
				week, err = nil, nil // not followed any more
			}
			if err != nil {
				return nil, err
			}
			weeks[f.Event] = week
		}
		if week == nil {
			continue
		}
		if p, ok := week.posts[f.Post]; ok && m.match(&p) {
			all = append(all, candidate{f, p})
		}
	}
	return all, nil
}

// withoutWords returns the posts of one person, or the questions, that match the other conditions.
func (d *Device) withoutWords(ctx context.Context, m *matcher) (all []candidate, err error) {
	events := []qa.EventID{m.Event}
	if m.Event == "" {
		events = nil
		library, err := d.Library(ctx)
		if err != nil {
			return nil, err
		}
		for i := range library {
			if library[i].Arrived() && library[i].Event.Kind != schema.KindClub {
				events = append(events, library[i].Event.ID)
			}
		}
	}
	for _, event := range events {
		week, err := d.facts(ctx, event)
		if err != nil {
			return nil, err
		}
		for id, p := range week.posts {
			if (p.asks || m.By != "") && m.match(&p) {
				all = append(all, candidate{FoundPost{event, id}, p})
			}
		}
	}
	return all, nil
}
