package webui

import (
	"net/http"
	"strconv"

	"flyleaf/qa"
	"flyleaf/qa/people"
)

// newsWords says what the new posts are: "your question was answered, 2 questions".
func newsWords(n qa.NewsCounts) string {
	var parts []string
	switch n.Answered {
	case 0:
	case 1:
		parts = append(parts, "your question was answered")
	default:
		parts = append(parts, strconv.Itoa(n.Answered)+" of your questions were answered")
	}
	for _, p := range []struct {
		count     int
		one, many string
	}{
		{n.Replies, "reply to you", "replies to you"},
		{n.Answers, "answer to others", "answers to others"},
		{n.Questions, "question", "questions"},
		{n.Others, "reply to others", "replies to others"},
	} {
		if p.count > 0 {
			parts = append(parts, plural(p.count, p.one, p.many))
		}
	}
	return people.And(parts)
}

// freshLine says what is new on the page of a week.
type freshLine struct {
	Count int
	Words string
	Path  string // of the week
	CSRF  string
	UpTo  int64 // see node.Node.MarkRead
}

// isUnread reports whether a post has the mark of a new post.
func (v *weekView) isUnread(p *qa.PostView) bool {
	return p.Shown() && !v.mine(p) && v.read.IsUnread(&p.Post)
}

// fresh returns the line about new posts; nil if there are none.
func (v *weekView) fresh() *freshLine {
	news := v.read.News(&v.Week, v.keys)
	n := news.Count()
	if n.All() == 0 {
		return nil
	}
	return &freshLine{Count: n.All(), Words: newsWords(n), Path: eventPath(v.Event.ID), CSRF: v.csrf, UpTo: v.read.UpTo}
}

// hasUnread reports whether a thread has a new post.
func (v *weekView) hasUnread(t *qa.Thread) bool {
	for i := range t.Replies {
		if v.isUnread(&t.Replies[i]) {
			return true
		}
	}
	return v.isUnread(&t.Question)
}

// nextUnread leads to a new post: the first of the page, the next after the post "after", or the last before the post
// "before".
func (s *server) nextUnread(w http.ResponseWriter, r *http.Request) {
	v, ok := s.load(w, r)
	if !ok {
		return
	}
	q := r.URL.Query()
	after, before := qa.PostID(q.Get("after")), qa.PostID(q.Get("before"))
	var to qa.PostID
	passed := after == "" // the post "after"
	reached := false      // the post "before"
	v.EachPost(func(p *qa.PostView) {
		reached = reached || p.ID == before
		if v.isUnread(p) && passed && !reached && (to == "" || before != "") {
			to = p.ID
		}
		passed = passed || p.ID == after
	})
	if to == "" {
		http.Redirect(w, r, eventPath(v.Event.ID), http.StatusSeeOther)
		return
	}
	http.Redirect(w, r, v.address(to), http.StatusSeeOther)
}

// maxMarkedRead is the maximum number of posts that one form marks as read. The script sends fewer.
const maxMarkedRead = 500

// markRead marks the posts of the form as read, or all that had arrived when its page was made.
func (s *server) markRead(w http.ResponseWriter, r *http.Request) {
	event := qa.EventID(r.PathValue("event"))
	var posts []qa.PostID
	for _, id := range r.PostForm["post"] {
		posts = append(posts, qa.PostID(id))
	}
	upTo, err := strconv.ParseInt(r.PostForm.Get("upTo"), 10, 64)
	if len(posts) > maxMarkedRead || len(posts) == 0 && err != nil {
		s.problem(w, r, http.StatusUnprocessableEntity, "Nothing was marked as read", "Reload the page and try again.")
		return
	}
	if err := s.node.MarkRead(r.Context(), event, posts, upTo); err != nil {
		s.problem(w, r, statusOf(err), "Nothing was marked as read", sentence(err.Error()))
		return
	}
	if wantsJSON(r) {
		s.countNews(w, r)
		return
	}
	http.Redirect(w, r, eventPath(event), http.StatusSeeOther)
}

// allNews returns what is new in all weeks. A page opens also if that cannot be read.
func (s *server) allNews(r *http.Request) (sum qa.NewsCounts) {
	all, _ := s.node.News(r.Context())
	for _, n := range all {
		sum.Add(n)
	}
	return sum
}

// countNews tells the script what is new in all weeks.
func (s *server) countNews(w http.ResponseWriter, r *http.Request) {
	n := s.allNews(r)
	writeJSON(w, http.StatusOK, map[string]int{"new": n.All(), "answers": n.AnswersToYou})
}

// addNews sets what is new in the weeks of cards.
func addNews(cards []weekCard, news map[qa.EventID]qa.NewsCounts) {
	for i := range cards {
		if n := news[cards[i].id]; n.All() > 0 {
			cards[i].New, cards[i].News = n.All(), newsWords(n)
		}
	}
}
