package webui

import (
	"strconv"
	"strings"
	"sync"
	"testing"

	"flyleaf/qa"
)

// posts counts the posts of the sample week that have a text.
func (s *site) posts(text string) (n int) {
	s.t.Helper()
	week, err := s.node.Week(s.t.Context(), s.event)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, t := range week.Threads {
		for _, p := range append([]qa.PostView{t.Question}, t.Replies...) {
			if p.Text() == text {
				n++
			}
		}
	}
	return n
}

// TestAFormSentTwicePostsOnce: a browser sends a form again when somebody clicks twice, or when it
// ended the program before the answer came. Other words, or another place, are another post.
func TestAFormSentTwicePostsOnce(t *testing.T) {
	s := newSite(t, "")
	first := s.sent(s.week()+"/ask", "body", "Is it\r\ntwice? ")
	if again := s.sent(s.week()+"/ask", "body", "Is it\r\ntwice? "); again != first {
		t.Errorf("the second time leads to %s, the first to %s", again, first)
	}
	if n := s.posts(s.lastAct(qa.ActPost).Text); n > 1 {
		t.Errorf("the question is there %d times", n)
	}
	_, elem, _ := strings.Cut(first, "#p-")
	reply := s.week() + "/p/" + elem + "/reply"
	if a, b := s.sent(reply, "body", "a reply"), s.sent(reply, "body", "a reply"); a != b || s.posts("a reply") != 1 {
		t.Errorf("%s, then %s; the reply is there %d times", a, b, s.posts("a reply"))
	}
	s.sent(s.week()+"/ask", "body", "a reply")
	s.sent(s.week()+"/ask", "body", "a reply", "onBehalfOf", "Priya")
	if n := s.posts("a reply"); n != 3 {
		t.Errorf("%d posts in other places, or for others, want 3", n)
	}

	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { s.send(s.week()+"/ask", "body", "at the same time") })
	}
	both.Wait()
	if n := s.posts("at the same time"); n != 1 {
		t.Errorf("two clicks made %d questions", n)
	}
}

// TestAnotherPostWithTheSameWords: what is not the same post is posted, although the words are the same.
func TestAnotherPostWithTheSameWords(t *testing.T) {
	s := newSite(t, "")
	ask := func(fields ...string) string {
		return s.sent(s.week()+"/ask", append([]string{"body", "Why?"}, fields...)...)
	}
	seen := map[string]string{}
	another := func(what, address string) {
		t.Helper()
		if was, ok := seen[address]; ok {
			t.Errorf("%s: the same post as %s", what, was)
		}
		seen[address] = what
	}
	another("plain", ask())
	another("tagged", ask("tags", "sql"))
	another("tagged otherwise", ask("tags", "sql, go"))
	s.node.deliver(s.event) // else nobody can ask anonymously
	another("anonymous", ask("anonymous", "1"))
	if again := ask("tags", "#sql; go"); seen[again] != "tagged otherwise" {
		t.Errorf("the same tags, written otherwise: %q, %s", again, seen[again])
	}

	s.node.addPost(s.event, qa.Post{By: maren, AtMillis: testNow.UnixMilli()}, "Of Maren")
	another("another person's", s.sent(s.week()+"/ask", "body", "Of Maren"))

	first := ask()
	_, id, _ := strings.Cut(first, "#p-")
	s.sent(s.week()+"/p/"+id+"/withdraw", "on", "1")
	another("after the first was withdrawn", ask())
	tried := strconv.FormatInt(s.clock.UnixMilli(), 10)
	unanswered := ask()
	s.clock = s.clock.Add(2 * sameFor)
	if again := ask("tried", tried); again != unanswered {
		t.Errorf("sent again because there was no answer: %q, %s", again, seen[again])
	}
	another("minutes later", ask())
	s.clock = s.clock.Add(sameFor)
	another("a minute later", ask("tried", strconv.FormatInt(s.clock.UnixMilli(), 10)))
}
