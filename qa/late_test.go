package qa

import (
	"slices"
	"testing"
)

// TestLatePostsAreLast: posts that people without a role wrote without knowing of the closing are
// after all other posts, whatever their times, and are published once a moderator approves them.
func TestLatePostsAreLast(t *testing.T) {
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

// TestPostsThatNeedAModerator: one rule says of every post whether a moderator has to look at it, whether it can be
// approved, and which of its texts is published.
func TestPostsThatNeedAModerator(t *testing.T) {
	author, member, reader := person(2), person(3), person(7)
	texts := func(late ...bool) (out []Revision) {
		for i, l := range late {
			out = append(out, Revision{Text: string(rune('a' + i)), Late: l})
		}
		return out
	}
	for name, c := range map[string]struct {
		open, approve              bool // the event: not closed; its posts need approval, since its first post
		since                      bool // posts need approval since the first revision of the post
		post                       Post
		waits, approval, published bool
		text                       string
	}{
		"before the closing":                {post: Post{By: reader, Revisions: texts(false)}, published: true, text: "a"},
		"late":                              {post: Post{By: reader, Late: true, Revisions: texts(true)}, waits: true, approval: true, text: "a"},
		"late, approved":                    {post: Post{By: reader, Late: true, Revisions: texts(true), Marks: Marks{Approved: true}}, approval: true, published: true, text: "a"},
		"late, by an author":                {post: Post{By: author, Late: true, Revisions: texts(true)}, approval: true, published: true, text: "a"},
		"late, by a member":                 {post: Post{By: member, Late: true, Revisions: texts(true)}, waits: true, approval: true, text: "a"},
		"late, hidden":                      {post: Post{By: reader, Late: true, Revisions: texts(true), Marks: Marks{Hidden: "spam"}}, text: "a"},
		"edited late":                       {post: Post{By: reader, Revisions: texts(false, true)}, waits: true, approval: true, published: true, text: "a"},
		"edited late, approved":             {post: Post{By: reader, Revisions: texts(false, true), Marks: Marks{Approved: true}}, approval: true, published: true, text: "b"},
		"edited late, by an author":         {post: Post{By: author, Revisions: texts(false, true)}, published: true, text: "b"},
		"posts need approval":               {open: true, approve: true, post: Post{By: reader, Revisions: texts(false)}, waits: true, approval: true, text: "a"},
		"posts need approval, by an author": {open: true, approve: true, post: Post{By: author, Revisions: texts(false)}, approval: true, published: true, text: "a"},
		"posts need approval, hidden":       {open: true, approve: true, post: Post{By: reader, Revisions: texts(false), Marks: Marks{Hidden: "spam"}}, text: "a"},
		"posts need approval, approved":     {open: true, approve: true, post: Post{By: reader, Revisions: texts(false), Marks: Marks{Approved: true}}, approval: true, published: true, text: "a"},
		"before approval":                   {open: true, since: true, post: Post{By: reader, Revisions: texts(false)}, published: true, text: "a"},
		"edited since":                      {open: true, since: true, post: Post{By: reader, Revisions: texts(false, false)}, waits: true, approval: true, published: true, text: "a"},
		"edited since, approved":            {open: true, since: true, post: Post{By: reader, Revisions: texts(false, false), Marks: Marks{Approved: true}}, approval: true, published: true, text: "b"},
		"edited since, by an author":        {open: true, since: true, post: Post{By: author, Revisions: texts(false, false)}, published: true, text: "b"},
		"edited since and late":             {since: true, post: Post{By: reader, Revisions: texts(false, true)}, waits: true, approval: true, published: true, text: "a"},
	} {
		e := Event{Founder: person(1), Roles: []Grant{{author, RoleAuthor}, {member, RoleMember}}, Closed: !c.open, Approve: c.approve || c.since}
		for i := range c.post.Revisions {
			c.post.Revisions[i].AfterApproval = c.approve || c.since && i > 0
		}
		c.post.AfterApproval = c.approve
		w := NewWeek(e, []Post{c.post}, nil)
		v := &w.Threads[0].Question
		if v.WaitsForModerator() != c.waits || v.HasApproval() != c.approval || e.Published(&v.Post) != c.published || e.PublishedText(&v.Post) != c.text {
			t.Errorf("%s: waits %v, approval %v, published %v, text %q", name, v.WaitsForModerator(), v.HasApproval(), e.Published(&v.Post), e.PublishedText(&v.Post))
		}
	}
}

// TestPublishedTexts: a post that was edited on two devices at once is published with both versions, until one is chosen.
func TestPublishedTexts(t *testing.T) {
	reader := person(7)
	for name, c := range map[string]struct {
		revisions []Revision
		approved  bool
		want      []string
	}{
		"one":                      {[]Revision{{Text: "a"}}, false, []string{"a"}},
		"edited":                   {[]Revision{{Text: "a", Superseded: true}, {Text: "b"}}, false, []string{"b"}},
		"two versions":             {[]Revision{{Text: "a", Superseded: true}, {Text: "b"}, {Text: "c"}}, false, []string{"b", "c"}},
		"the same text twice":      {[]Revision{{Text: "b"}, {Text: "b"}}, false, []string{"b"}},
		"edited late":              {[]Revision{{Text: "a", Superseded: true}, {Text: "b", Late: true}}, false, []string{"a"}},
		"edited late, approved":    {[]Revision{{Text: "a", Superseded: true}, {Text: "b", Late: true}}, true, []string{"b"}},
		"one of two waits":         {[]Revision{{Text: "a"}, {Text: "b", AfterApproval: true}}, false, []string{"a"}},
		"a late version, approved": {[]Revision{{Text: "a"}, {Text: "b", Late: true}}, true, []string{"a", "b"}},
		"only late":                {[]Revision{{Text: "a", Late: true}}, false, nil},
	} {
		p := Post{By: reader, Revisions: c.revisions, Marks: Marks{Approved: c.approved}}
		if got := (Event{Founder: person(1)}).PublishedTexts(&p); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
