package qa

import "slices"

// News are new posts of a week, by what they are to one person.
type News struct {
	Yours     []NewPost // replies to the person's questions
	Answers   []NewPost // by authors, to other people's questions
	Questions []NewPost
	Others    []NewPost // other readers' replies to other people's questions
}

// NewPost is a new post with its thread. Both point into the week.
type NewPost struct {
	Post   *PostView
	Thread *Thread
}

// News returns the posts of other people that isNew reports, in the order of the page. me has the keys of the person
// whom the posts are new for.
func (w *Week) News(me []Identity, isNew func(*PostView) bool) (n News) {
	for i := range w.Threads {
		t := &w.Threads[i]
		add := func(to *[]NewPost, p *PostView) {
			if !slices.Contains(me, p.By) && isNew(p) {
				*to = append(*to, NewPost{p, t})
			}
		}
		add(&n.Questions, &t.Question)
		mine := t.AskedBy(me)
		for j := range t.Replies {
			switch r := &t.Replies[j]; {
			case mine:
				add(&n.Yours, r)
			case r.ByAuthor:
				add(&n.Answers, r)
			default:
				add(&n.Others, r)
			}
		}
	}
	return n
}

// AskedBy reports whether the thread's question is the person's own. me has their keys.
func (t *Thread) AskedBy(me []Identity) bool {
	return slices.Contains(me, t.Question.By) && t.Question.OnBehalfOf == ""
}

// Count returns the numbers of posts.
func (n *News) Count() NewsCounts {
	c := NewsCounts{Replies: len(n.Yours), Answers: len(n.Answers), Questions: len(n.Questions), Others: len(n.Others)}
	last := (*Thread)(nil)
	for _, p := range n.Yours {
		if p.Post.ByAuthor {
			c.Replies--
			c.AnswersToYou++
			if p.Thread != last {
				last = p.Thread
				c.Answered++
			}
		}
	}
	return c
}

// NewsCounts are the numbers of the posts in News.
type NewsCounts struct {
	Answered     int `json:"answered,omitempty"`     // of the person's questions, that have a new answer
	AnswersToYou int `json:"answersToYou,omitempty"` // by authors, to the person's questions
	Replies      int `json:"replies,omitempty"`      // by other readers, to the person's questions
	Answers      int `json:"answers,omitempty"`      // to other people's questions
	Questions    int `json:"questions,omitempty"`
	Others       int `json:"others,omitempty"` // other readers' replies to other people's questions
}

// All returns the number of all new posts.
func (c NewsCounts) All() int { return c.AnswersToYou + c.Replies + c.Answers + c.Questions + c.Others }

// Add adds the numbers of another week.
func (c *NewsCounts) Add(o NewsCounts) {
	c.Answered += o.Answered
	c.AnswersToYou += o.AnswersToYou
	c.Replies += o.Replies
	c.Answers += o.Answers
	c.Questions += o.Questions
	c.Others += o.Others
}

// ReadState says which posts of an event the user of this device has not read. It goes by the order in which
// this device received the changes, and by no clock.
type ReadState struct {
	// Begun: the user has opened the event when all of it had arrived. Before that, nothing counts as unread.
	Begun bool `json:"begun,omitempty"`
	// UpTo is the position in the ledger of the last change that this state knows.
	UpTo int64 `json:"upTo,omitempty"`
	// First has, by actor (lower-case hex), the lowest operation counter in the changes that arrived since the state was last
	// stored. An actor's changes arrive in their order, so it did all with a higher counter since then too.
	First map[string]uint64 `json:"first,omitempty"`
	// Unread are the unread posts among those that arrived before, ascending. Posts that the user cannot see yet are among
	// them.
	Unread []PostID `json:"unread,omitempty"`
}

// IsUnread reports whether the user has not read a post. Their own posts are not excepted.
func (r *ReadState) IsUnread(p *Post) bool {
	if !r.Begun {
		return false
	}
	if r.arrivedSince(p) {
		return true
	}
	_, unread := slices.BinarySearch(r.Unread, p.ID)
	return unread
}

func (r *ReadState) arrivedSince(p *Post) bool {
	first, ok := r.First[p.Op.Actor]
	return ok && p.Op.Counter >= first
}

// Empty reports whether no post can be unread.
func (r *ReadState) Empty() bool { return len(r.First) == 0 && len(r.Unread) == 0 }

// News returns what the user of this device has not read of a week, as they see it. me has their keys.
func (r *ReadState) News(w *Week, me []Identity) News {
	return w.News(me, func(p *PostView) bool { return p.Shown() && r.IsUnread(&p.Post) })
}
