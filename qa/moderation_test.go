package qa

import (
	"slices"
	"strings"
	"testing"
)

func TestWeekForAViewer(t *testing.T) {
	founder, author, moderator, asker, other := letters('a'), letters('b'), letters('c'), letters('d'), letters('e')
	e := Event{Founder: founder, Approve: true, Roles: []Grant{{author, RoleAuthor}, {moderator, RoleModerator}}}
	posted := func(id PostID, by Identity, parent PostID, n uint64, m Marks) Post {
		return Post{ID: id, By: by, Parent: parent, AtMillis: int64(n), Op: OpID{Counter: n}, Marks: m, Revisions: []Revision{{Text: "words of " + string(id)}}}
	}
	posts := []Post{
		posted("approved", asker, "", 1, Marks{Approved: true}),
		posted("waits", asker, "", 2, Marks{}),
		posted("reply-waits", other, "approved", 3, Marks{}),
		posted("answer", author, "approved", 4, Marks{}),
		posted("reply-to-waiting", other, "waits", 5, Marks{}),
		posted("by-moderator", moderator, "", 6, Marks{}),
	}
	seen := func(w Week) string {
		var out []string
		for _, th := range w.Threads {
			out = append(out, string(th.Question.ID))
			for _, r := range th.Replies {
				out = append(out, string(r.ID))
			}
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	everything := "answer approved by-moderator reply-to-waiting reply-waits waits"
	week := NewWeek(e, posts, nil)
	for _, c := range []struct {
		name   string
		viewer []Identity
		want   string
	}{
		{"nobody in particular", []Identity{letters('f')}, "answer approved by-moderator"},
		{"no viewer", nil, "answer approved by-moderator"},
		{"who asked", []Identity{asker}, "answer approved by-moderator waits"},
		{"with a second key", []Identity{letters('f'), asker}, "answer approved by-moderator waits"},
		{"who replied", []Identity{other}, "answer approved by-moderator reply-to-waiting reply-waits waits"},
		{"an author is no moderator", []Identity{author}, "answer approved by-moderator"},
		{"a moderator", []Identity{moderator}, everything},
		{"the founder", []Identity{founder}, everything},
	} {
		if got := seen(week.For(c.viewer...)); got != c.want {
			t.Errorf("%s sees %q, want %q", c.name, got, c.want)
		}
	}
	for _, th := range week.For(other).Threads {
		if th.Question.ID == "waits" && (th.Question.Text() != "" || len(th.Replies) != 1) {
			t.Errorf("a question that waits shows %q and %d replies to somebody who replied to it", th.Question.Text(), len(th.Replies))
		}
	}
	if week.Threads[1].Question.Text() == "" || len(week.Threads) != 3 {
		t.Error("looking at a week changed it")
	}
	e.Approve = false
	if got := seen(NewWeek(e, posts, nil).For()); got != everything {
		t.Errorf("without approval %q is seen", got)
	}
}

func letters(c byte) Identity { return Identity(strings.Repeat(string(c), 64)) }
