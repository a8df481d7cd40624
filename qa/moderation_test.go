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
		return Post{ID: id, By: by, Parent: parent, AtMillis: int64(n), Op: OpID{Counter: n}, Marks: m, AfterApproval: true, Revisions: []Revision{{Text: "words of " + string(id), AfterApproval: true}}}
	}
	posts := []Post{
		posted("approved", asker, "", 1, Marks{Approved: true}),
		posted("waits", asker, "", 2, Marks{}),
		posted("reply-waits", other, "approved", 3, Marks{}),
		posted("answer", author, "approved", 4, Marks{}),
		posted("reply-to-waiting", other, "waits", 5, Marks{}),
		posted("by-moderator", moderator, "", 6, Marks{}),
		posted("drawn", asker, "", 7, Marks{InDraw: true}),
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
	everything := "answer approved by-moderator drawn reply-to-waiting reply-waits waits"
	week := NewWeek(e, posts, nil)
	for _, c := range []struct {
		name   string
		viewer []Identity
		want   string
	}{
		{"nobody in particular", []Identity{letters('f')}, "answer approved by-moderator drawn"},
		{"no viewer", nil, "answer approved by-moderator drawn"},
		{"who asked", []Identity{asker}, "answer approved by-moderator drawn waits"},
		{"with a second key", []Identity{letters('f'), asker}, "answer approved by-moderator drawn waits"},
		{"who replied", []Identity{other}, "answer approved by-moderator drawn reply-to-waiting reply-waits waits"},
		{"an author is no moderator", []Identity{author}, "answer approved by-moderator drawn"},
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
	for _, id := range []Identity{letters('f'), founder} {
		w := week.VisibleTo(id)
		if got := w.Entrants(); len(got) != 1 || id != founder && w.Post("drawn").Text() != "" {
			t.Errorf("a question in the draw that waits: %s sees %d entrants and the text %q", id, len(got), w.Post("drawn").Text())
		}
	}
	if week.Threads[1].Question.Text() == "" || len(week.Threads) != 4 {
		t.Error("looking at a week changed it")
	}
	e.Approve = false
	for i := range posts {
		posts[i].AfterApproval = false
	}
	if got := seen(NewWeek(e, posts, nil).VisibleTo()); got != everything {
		t.Errorf("without approval %q is seen", got)
	}
}

// TestEditsThatWaitAreShownToTheWriterAndModerators: if approval was turned on after a post, an edit of it waits,
// and others see the text from before.
func TestEditsThatWaitAreShownToTheWriterAndModerators(t *testing.T) {
	founder, asker, other := letters('a'), letters('d'), letters('e')
	e := Event{Founder: founder, Approve: true}
	w := NewWeek(e, []Post{
		{ID: "q", By: asker, Op: OpID{Counter: 1}, Revisions: []Revision{{Text: "old", Superseded: true}, {Text: "new", AfterApproval: true}}},
		{ID: "r", Parent: "q", By: other, Op: OpID{Counter: 2}, Revisions: []Revision{
			{Text: "first", Superseded: true}, {Text: "waits", AfterApproval: true}, {Text: "concurrent"},
		}},
	}, nil)
	texts := func(viewer Identity) (out []string) {
		seen := w.VisibleTo(viewer)
		seen.EachPost(func(p *PostView) {
			for _, r := range p.Versions() {
				out = append(out, r.Text)
			}
			if own := p.By == viewer || viewer == founder; p.EditNeedsApproval != own {
				t.Errorf("%.1s sees that an edit of %s waits: %v", viewer, p.ID, p.EditNeedsApproval)
			}
		})
		return out
	}
	for viewer, want := range map[Identity][]string{
		letters('f'): {"old", "concurrent"}, founder: {"new", "waits", "concurrent"}, asker: {"new", "concurrent"}, other: {"old", "waits", "concurrent"},
	} {
		if got := texts(viewer); !slices.Equal(got, want) {
			t.Errorf("%.1s sees %q, want %q", viewer, got, want)
		}
	}
	if w.Post("q").Text() != "new" || !w.Post("q").Revisions[0].Superseded {
		t.Error("looking at a week changed it")
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
