package qa

import (
	"slices"
	"testing"
)

// TestLatePostsStandLast: what strangers wrote without knowing of the closing stands
// after everything else, however its times go, and is published once a moderator
// approves it.
func TestLatePostsStandLast(t *testing.T) {
	founder, author := person(1), person(2)
	post := func(id PostID, parent PostID, by Identity, at int64, late bool) Post {
		return Post{ID: id, Parent: parent, By: by, AtMillis: at, Late: late, Op: OpID{Counter: uint64(at)}, Revisions: []Revision{{Text: "?"}}}
	}
	posts := []Post{
		post("late", "", person(7), 1, true),
		post("reply to late", "late", author, 2, true),
		post("q", "", person(8), 10, false),
		post("late reply", "q", person(7), 11, true),
		post("reply", "q", person(9), 12, false),
		post("late of the author", "", author, 5, true),
	}
	e := Event{Founder: founder, Roles: []Grant{{author, RoleAuthor}}, Closed: true}
	order := func() (out []PostID) {
		for _, th := range NewWeek(e, posts, nil).Threads {
			out = append(out, th.Question.ID)
			for _, r := range th.Replies {
				out = append(out, r.ID)
			}
		}
		return out
	}
	if got, want := order(), []PostID{"late of the author", "q", "reply", "late reply", "late", "reply to late"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	published := func(id PostID) bool {
		for _, th := range NewWeek(e, posts, nil).Threads {
			for _, p := range append([]PostView{th.Question}, th.Replies...) {
				if p.ID == id {
					return e.Published(&p.Post)
				}
			}
		}
		t.Fatal(id)
		return false
	}
	for id, want := range map[PostID]bool{"late": false, "reply to late": true, "q": true, "late reply": false, "reply": true, "late of the author": true} {
		if published(id) != want {
			t.Errorf("%s: published %v", id, !want)
		}
	}
	posts[0].Marks.Approved = true
	if got := order(); got[0] != "late" || !published("late") {
		t.Errorf("approved: %v", got)
	}
}
