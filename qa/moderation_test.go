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
		if got := seen(week.VisibleTo(c.viewer...)); got != c.want {
			t.Errorf("%s sees %q, want %q", c.name, got, c.want)
		}
	}
	for _, th := range week.VisibleTo(other).Threads {
		if th.Question.ID == "waits" && (th.Question.Text() != "" || len(th.Replies) != 1) {
			t.Errorf("a question that waits shows %q and %d replies to somebody who replied to it", th.Question.Text(), len(th.Replies))
		}
	}
	if week.Threads[1].Question.Text() == "" || len(week.Threads) != 3 {
		t.Error("looking at a week changed it")
	}
	e.Approve = false
	if got := seen(NewWeek(e, posts, nil).VisibleTo()); got != everything {
		t.Errorf("without approval %q is seen", got)
	}
}

func letters(c byte) Identity { return Identity(strings.Repeat(string(c), 64)) }

// TestVotesOfDuplicatesCountOncePerPerson: the askers and voters of a question and its duplicates are
// counted together, each person once.
func TestVotesOfDuplicatesCountOncePerPerson(t *testing.T) {
	a, b, c, d, e := letters('a'), letters('b'), letters('c'), letters('d'), letters('e')
	ask := func(id PostID, by Identity, n uint64, of PostID, voters ...Identity) Post {
		p := Post{ID: id, By: by, Op: OpID{Counter: n}, Marks: Marks{DuplicateOf: of}}
		for _, v := range voters {
			p.Reactions = append(p.Reactions, Reaction{By: v, Emoji: WantEmoji}, Reaction{By: v, Emoji: "♥"})
		}
		return p
	}
	for _, x := range []struct {
		name  string
		posts []Post
		want  int
	}{
		{"alone", []Post{ask("q", a, 1, "", b, c)}, 2},
		{"its asker votes too", []Post{ask("q", a, 1, "", a)}, 1},
		{"a duplicate's asker", []Post{ask("q", a, 1, ""), ask("r", b, 2, "q")}, 1},
		{"asker and voter in one", []Post{ask("q", a, 1, "", b), ask("r", b, 2, "q", c, b)}, 2},
		{"who asked it twice", []Post{ask("q", a, 1, ""), ask("r", a, 2, "q")}, 0},
		{"who asked it and votes for the duplicate", []Post{ask("q", a, 1, ""), ask("r", b, 2, "q", a)}, 1},
		{"who asked it twice, and voted for it", []Post{ask("q", a, 1, "", a), ask("r", a, 2, "q")}, 1},
		{"a duplicate of a duplicate", []Post{ask("q", a, 1, ""), ask("r", b, 2, "q", c), ask("s", d, 3, "r", e, c)}, 4},
		{"of something else", []Post{ask("q", a, 1, "", b), ask("r", c, 2, ""), ask("s", d, 3, "r")}, 1},
	} {
		w := NewWeek(Event{}, x.posts, nil)
		if got := w.Threads[0].Wants; got != x.want {
			t.Errorf("%s: %d want it, not %d", x.name, got, x.want)
		}
	}
	// The asker of a withdrawn question, or a blocked asker, does not count. Two people on whose behalf
	// somebody asked both count.
	gone, blocked := ask("r", b, 2, "q", c), ask("s", d, 3, "q")
	gone.Withdrawn, blocked.Blocked = true, true
	ann, bob := ask("t", e, 4, "q"), ask("u", e, 5, "q")
	ann.OnBehalfOf, bob.OnBehalfOf = "Ann", "Bob"
	w := NewWeek(Event{}, []Post{ask("q", a, 1, ""), gone, blocked, ann, bob}, nil)
	if got := w.Threads[0].Wants; got != 3 {
		t.Errorf("%d want it, not 3: a voter of the withdrawn one, Ann and Bob", got)
	}
	// A duplicate of a reply adds to no other count.
	reply := Post{ID: "reply", By: b, Parent: "q", Op: OpID{Counter: 2}}
	w = NewWeek(Event{}, []Post{ask("q", a, 1, ""), reply, ask("r", c, 3, "reply", d)}, nil)
	if w.Threads[0].Wants != 0 || w.Threads[1].Wants != 1 || w.Threads[1].DuplicateOf != "reply" {
		t.Errorf("%+v", w.Threads)
	}
}
