package qa

import "testing"

// TestRestoredQuestionCountsOnce: an earlier version excluded a question, its writer posted it again, and the excluded
// question was restored. Then the later post is a duplicate of the first.
func TestRestoredQuestionCountsOnce(t *testing.T) {
	post := func(id, origin PostID, by Identity, n uint64) Post {
		return Post{ID: id, Origin: origin, By: by, Op: OpID{Counter: n, Actor: string(by)}, Revisions: []Revision{{Text: "Why?"}}}
	}
	first := post("a", "", "rita", 1)
	again := post("b", "a", "rita", 2)
	stranger := post("c", "a", "eve", 3)
	w := NewWeek(Event{}, []Post{first, again, stranger}, nil)
	for _, th := range w.Threads {
		if want := map[PostID]PostID{"b": "a"}[th.Question.ID]; th.DuplicateOf != want {
			t.Errorf("%s is a duplicate of %q, want %q", th.Question.ID, th.DuplicateOf, want)
		}
	}
	first.Void = true
	for _, th := range NewWeek(Event{}, []Post{first, again}, nil).Threads {
		if th.DuplicateOf != "" {
			t.Errorf("%s is a duplicate of %q, which is void", th.Question.ID, th.DuplicateOf)
		}
	}
}

// TestVoidIsNotShown: a void post keeps its place among the threads, and none of its text is
// shown.
func TestVoidIsNotShown(t *testing.T) {
	void := Post{ID: "v", By: "equivocator", Void: true, VoidVersion: "one", Parent: "two", Op: OpID{Counter: 3}}
	posts := []Post{
		{ID: "one", By: "rita", Op: OpID{Counter: 1}},
		{ID: "two", By: "rita", Op: OpID{Counter: 2}},
		void,
		{ID: "same", By: "rudi", Parent: "v", Op: OpID{Counter: 4}, Ancestors: []PostVersion{{"v", "one"}, {"two", "x"}}},
		{ID: "other", By: "rudi", Parent: "v", Op: OpID{Counter: 5}, Ancestors: []PostVersion{{"v", "another"}, {"one", "x"}}},
		{ID: "gone", By: "rudi", Parent: "v", Op: OpID{Counter: 6}, Ancestors: []PostVersion{{"v", "another"}}},
	}
	w := NewWeek(Event{}, posts, nil)
	under := map[PostID]PostID{}
	for _, th := range w.Threads {
		for _, r := range th.Replies {
			under[r.ID] = th.Question.ID
		}
	}
	for id, want := range map[PostID]PostID{"v": "two", "same": "two", "other": "one", "gone": "two"} {
		if under[id] != want {
			t.Errorf("%s is in the thread of %s, want %s", id, under[id], want)
		}
	}
	if void.Shown() || (Event{}).Published(&void) {
		t.Error("a void post is shown")
	}
}
