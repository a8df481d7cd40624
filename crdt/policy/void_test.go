package policy_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/projection"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
)

// shown returns the projection of a world, after checking that a few random orders of arrival give
// the same one.
func shown(t *testing.T, w *policytest.World) *projection.Projection {
	t.Helper()
	var f *projection.Projection
	all := make([]*wire.Change, len(w.Changes))
	for i := range w.Changes {
		all[i] = w.Changes[i].Change
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		x := policytest.NewReplica(w.Event)
		for _, c := range all {
			if err := x.ApplyChange(c); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range x.Graph.Rejected() {
			t.Fatal(c.Err)
		}
		f = projection.New(w.Event, x.Graph, x.Policy.Authority())
		for _, c := range x.Applied {
			if err := f.Apply(c); err != nil {
				t.Fatal(err)
			}
		}
		if err := sameWhenGrown(w.Event, x.Applied, f, r); err != nil {
			t.Fatal(err)
		}
		r.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	}
	return f
}

func week(f *projection.Projection) qa.Week { return qa.NewWeek(f.Event(), f.Posts(), f.People()) }

// TestVoidPostKeepsItsPosition: a question with two versions shows no text. Replies and reactions
// of others stay where they were.
func TestVoidPostKeepsItsPosition(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	equivocator, reader, author := w.Writer("equivocator"), w.Writer("reader"), w.Writer("author")
	w.Founder.Do(func(d *policytest.Draft) { d.Role(author.ID(), qa.RoleAuthor, true) })
	var before, question, after, reply, below qa.PostID
	reader.Do(func(d *policytest.Draft) { before = d.Post("", "Before?") })
	kept, genesis := equivocator.Clone(), w.Heads()
	equivocator.Do(func(d *policytest.Draft) { question = d.Post("", "Honest?") })
	reader.Do(func(d *policytest.Draft) { after = d.Post("", "After?") })
	author.Do(func(d *policytest.Draft) { reply = d.Post(question, "Yes.") })
	reader.Do(func(d *policytest.Draft) { below = d.Post(reply, "Thanks.") })
	reader.Do(func(d *policytest.Draft) { d.React(question, qa.WantEmoji, true) })
	author.Do(func(d *policytest.Draft) {
		d.Bool("posts/"+string(question)+"/marks/candidate/"+string(author.ID()), true)
	})
	same := func(stage string, void bool) {
		t.Helper()
		wk := week(shown(t, w))
		var ids []qa.PostID
		for i := range wk.Threads {
			ids = append(ids, wk.Threads[i].Question.ID)
		}
		if !slices.Equal(ids, []qa.PostID{before, question, after}) {
			t.Fatalf("%s: threads %q", stage, ids)
		}
		th := wk.Threads[1]
		if len(th.Replies) != 2 || th.Replies[0].ID != reply || th.Replies[1].ID != below || th.Replies[0].Text() != "Yes." || !th.Answered {
			t.Fatalf("%s: replies %+v", stage, th.Replies)
		}
		if th.Wants != 1 || !th.Question.Marks.InDraw || len(th.Question.Marks.Candidate) != 1 {
			t.Fatalf("%s: votes and marks %+v", stage, th)
		}
		if q := &th.Question; q.Void != void || q.Shown() == void || q.Text() != map[bool]string{true: "", false: "Honest?"}[void] {
			t.Fatalf("%s: %+v", stage, q)
		}
	}
	same("before the lie is known", false)
	// The second version arrives late, and would move the replies into another thread.
	kept.DoOn(genesis, func(d *policytest.Draft) { d.Post(before, "Another.") })
	same("when it is", true)
	// A third version creates no post at all.
	third := w.Writer("equivocator")
	third.DoOn(genesis, func(d *policytest.Draft) { d.Path("people/" + string(third.ID())) })
	same("with a third version", true)
	// People who know of it continue below posts that are not void.
	reader.Do(func(d *policytest.Draft) { d.Post("", "And now?") })
	w.Founder.Do(func(d *policytest.Draft) { d.Str("event/title", "A week") })
	if wk := week(shown(t, w)); len(wk.Threads) != 4 || wk.Event.Title != "A week" {
		t.Fatalf("%+v", wk)
	}
}

// TestRepliesStayWithTheirVersion: a reply has two versions, below different questions. An answer
// to one of the versions stays in the thread of that version.
func TestRepliesStayWithTheirVersion(t *testing.T) {
	for name, late := range map[string]func(d *policytest.Draft, one, two qa.PostID) qa.PostID{
		"below another question": func(d *policytest.Draft, _, two qa.PostID) qa.PostID { return d.Post(two, "Elsewhere.") },
		"as a question":          func(d *policytest.Draft, _, _ qa.PostID) qa.PostID { return d.Post("", "A question?") },
	} {
		t.Run(name, func(t *testing.T) {
			inFirst := 0
			for hash := range 12 { // so that each of the two hashes is sometimes the lower one
				w := policytest.NewWorld(policytest.Options{})
				equivocator, reader, third := w.Writer("equivocator"), w.Writer("reader"), w.Writer("third")
				var one, two, a, b qa.PostID
				reader.Do(func(d *policytest.Draft) { one = d.Post("", "One?") })
				reader.Do(func(d *policytest.Draft) { two = d.Post("", "Two?") })
				kept, on := equivocator.Clone(), w.Heads()
				equivocator.Do(func(d *policytest.Draft) { a = d.Post(one, "Here.") })
				var honest, under qa.PostID
				reader.Do(func(d *policytest.Draft) { honest = d.Post(a, "I answer what is here.") })
				third.Do(func(d *policytest.Draft) { under = d.Post(honest, "And I you.") })
				kept.DoOn(on, func(d *policytest.Draft) {
					d.TimeMillis += int64(hash)
					b = late(d, one, two)
				})
				if a != b {
					t.Fatal("the versions have different IDs")
				}
				for _, th := range week(shown(t, w)).Threads {
					for _, r := range th.Replies {
						if (r.ID == honest || r.ID == under) && th.Question.ID != one {
							t.Fatalf("%s was moved to %s", r.Text(), th.Question.ID)
						}
						if r.ID == a && th.Question.ID == one {
							inFirst++
						}
					}
				}
			}
			if name == "as a question" && inFirst != 0 || name != "as a question" && (inFirst == 0 || inFirst == 12) {
				t.Errorf("the void post stood in the first thread %d times of 12", inFirst)
			}
		})
	}
}

// TestVoidWritesReplaceNothing: a value that a void write had replaced is current again, unless a
// valid write replaced it too; also if the void post has later branches.
func TestVoidWritesReplaceNothing(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	equivocator, mod := w.Writer("equivocator"), w.Writer("mod")
	w.Founder.Do(func(d *policytest.Draft) {
		d.Role(equivocator.ID(), qa.RoleOrganiser, true).Role(mod.ID(), qa.RoleOrganiser, true)
		d.Str("event/title", "Founded")
	})
	var post qa.PostID
	w.Writer("reader").Do(func(d *policytest.Draft) { post = d.Post("", "Why?") })
	me := "people/" + string(equivocator.ID())
	equivocator.Do(func(d *policytest.Draft) { d.Path(me).Str(me+"/name", "Liar").Pred = nil })
	var mine qa.PostID
	equivocator.Do(func(d *policytest.Draft) { mine = d.Post("", "First words.") })
	rev := func(text string) func(*policytest.Draft) {
		return func(d *policytest.Draft) { d.Str("posts/"+string(mine)+"/revisions/"+d.RevisionID(), text) }
	}
	equivocator.Do(rev("Second words."))
	// From here on there are two versions.
	x, on := equivocator.Clone(), w.Heads()
	hidden := "posts/" + string(post) + "/marks/hidden"
	equivocator.Do(func(d *policytest.Draft) { d.Str("event/title", "Lied"); d.Str("event/zone", "Nowhere") })
	equivocator.Do(rev("Third words."))
	equivocator.Do(func(d *policytest.Draft) { d.Str(hidden, "rude") })
	equivocator.Do(func(d *policytest.Draft) { d.Str(me+"/name", "Another") })
	equivocator.Do(func(d *policytest.Draft) { d.Role(w.Writer("friend").ID(), qa.RoleModerator, true) })
	equivocator.Do(func(d *policytest.Draft) { d.Bool("event/closed", true) })
	equivocator.Do(func(d *policytest.Draft) { d.Str("blocks/"+string(w.Writer("reader").ID()), "spam") })
	mod.Do(func(d *policytest.Draft) { d.Str("event/zone", "Europe/Berlin") }) // depends on the void write
	f := shown(t, w)
	if e := f.Event(); e.Title != "Lied" || e.Zone != "Europe/Berlin" || !e.Closed || !e.HasRole(w.Writer("friend").ID(), qa.RoleModerator) {
		t.Fatalf("before: %+v", e)
	}
	if p, _ := f.Post(post); p.Marks.Hidden != "rude" || !p.Blocked && false {
		t.Fatalf("before: %+v", p)
	}
	x.DoOn(on, func(d *policytest.Draft) { d.Bool("event/approve", true) })
	f = shown(t, w)
	if e := f.Event(); e.Title != "Founded" || e.Zone != "Europe/Berlin" || e.Closed || e.Approve || e.HasRole(w.Writer("friend").ID(), qa.RoleModerator) {
		t.Fatalf("after: %+v", e)
	}
	if p, _ := f.Post(post); p.Marks.Hidden != "" || p.Blocked {
		t.Fatalf("after: %+v", p)
	}
	p, _ := f.Post(mine)
	if p.Void || p.Text() != "Second words." || len(p.Revisions) != 2 || !p.Revisions[0].Superseded || p.Revisions[1].Superseded {
		t.Fatalf("after: %+v", p.Revisions)
	}
	if who, _ := f.Person(equivocator.ID()); who.Name != "Liar" {
		t.Fatalf("after: %+v", who)
	}
	void := 0
	for _, l := range f.Log() {
		if l.Void {
			void++
		}
		if l.Void && l.InEffect || l.By == equivocator.ID() && !l.Void {
			t.Errorf("%+v", l)
		}
	}
	if void != 5 {
		t.Errorf("%d lines of the log are void", void)
	}
	// Another device of the same person is not void, and continues from the current values.
	second := w.Writer("equivocator/2")
	second.Do(func(d *policytest.Draft) { d.Str(me+"/name", "Honest again") })
	second.Do(rev("Last words."))
	f = shown(t, w)
	if who, _ := f.Person(equivocator.ID()); who.Name != "Honest again" {
		t.Fatalf("the second device: %+v", who)
	}
	if p, _ := f.Post(mine); p.Text() != "Last words." || len(p.Versions()) != 1 {
		t.Fatalf("the second device: %+v", p.Revisions)
	}
}

// TestOthersEntriesInVoidMaps: entries of others, and of another device of the same person, in a
// map that a void change made still count.
func TestOthersEntriesInVoidMaps(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	equivocator, boss := w.Writer("equivocator"), w.Writer("boss")
	w.Founder.Do(func(d *policytest.Draft) {
		d.Role(equivocator.ID(), qa.RoleOrganiser, true).Role(boss.ID(), qa.RoleOrganiser, true)
	})
	var post qa.PostID
	boss.Do(func(d *policytest.Draft) { post = d.Post("", "Why?") })
	second := w.Writer("equivocator/2")
	friend := w.Writer("friend").ID()
	x, on := equivocator.Clone(), w.Heads()
	equivocator.Do(func(d *policytest.Draft) {
		d.Path("event/links/0")
		d.Str("event/links/0/text", "Lie")
		d.Str("event/links/0/url", "https://lie.example")
	})
	equivocator.Do(func(d *policytest.Draft) { d.Role(friend, qa.RoleModerator, true) })
	equivocator.Do(func(d *policytest.Draft) { d.React(post, qa.WantEmoji, true) })
	boss.Do(func(d *policytest.Draft) { d.Str("event/links/0/text", "True") })
	boss.Do(func(d *policytest.Draft) { d.Role(friend, qa.RoleAuthor, true) })
	second.Do(func(d *policytest.Draft) { d.React(post, "heart", true) })
	x.DoOn(on, func(d *policytest.Draft) { d.Bool("event/approve", true) })
	f := shown(t, w)
	e := f.Event()
	if len(e.Links) != 1 || e.Links[0].Text != "True" || e.Links[0].URL != "" {
		t.Errorf("links %+v", e.Links)
	}
	if !e.HasRole(friend, qa.RoleAuthor) || e.HasRole(friend, qa.RoleModerator) {
		t.Errorf("roles %+v", e.Roles)
	}
	if p, _ := f.Post(post); !slices.Equal(p.Reactions, []qa.Reaction{{By: equivocator.ID(), Emoji: "heart"}}) {
		t.Errorf("reactions %+v", p.Reactions)
	}
	// People who know of the equivocation write into maps of their own.
	boss.Do(func(d *policytest.Draft) {
		d.Path("event/links/0")
		d.Str("event/links/0/text", "True")
		d.Str("event/links/0/url", "https://true.example")
	})
	boss.Do(func(d *policytest.Draft) { d.Role(friend, qa.RoleAuthor, false) })
	second.Do(func(d *policytest.Draft) { d.React(post, qa.WantEmoji, true) })
	f = shown(t, w)
	e = f.Event()
	if len(e.Links) != 1 || e.Links[0].URL != "https://true.example" || e.HasRole(friend, qa.RoleAuthor) {
		t.Errorf("%+v, %+v", e.Links, e.Roles)
	}
	if p, _ := f.Post(post); len(p.Reactions) != 2 {
		t.Errorf("reactions %+v", p.Reactions)
	}
}

// TestSecretInAVoidChangeIsShown: everybody who has a void change knows the secret that it reveals.
// So the event is touched, and shows the secret, when such a change arrives after its writer is
// known to equivocate.
func TestSecretInAVoidChangeIsShown(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	author := w.Writer("author")
	w.Founder.Do(func(d *policytest.Draft) { d.Role(author.ID(), qa.RoleAuthor, true) })
	secret := make([]byte, qa.DrawSecretSize)
	hash, err := qa.CommitDraw(w.Event, author.ID(), secret)
	if err != nil {
		t.Fatal(err)
	}
	author.Do(func(d *policytest.Draft) { d.Set("draw/commit/"+string(author.ID()), wire.BytesValue(hash)) })
	heads, copied := w.Heads(), author.Clone()
	author.DoOn(heads, func(d *policytest.Draft) { d.Post("", "One version") })
	copied.DoOn(heads, func(d *policytest.Draft) { d.Post("", "Another version") })
	copied.DoOn(heads, func(d *policytest.Draft) { d.Set("draw/reveal/"+string(author.ID()), wire.BytesValue(secret)) })
	x := policytest.NewReplica(w.Event)
	var f *projection.Projection
	for i, s := range w.Changes {
		if err := x.Apply(s); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			f = projection.New(w.Event, x.Graph, x.Policy.Authority())
		}
		if i == len(w.Changes)-1 {
			f.Touched()
		}
		if err := f.Apply(s.Change); err != nil {
			t.Fatal(err)
		}
	}
	if d := f.Event().Draw; d == nil || len(d.Commitments) != 1 || d.Commitments[0].Secret == "" {
		t.Errorf("the draw is %+v", d)
	}
	if !f.Touched().Event {
		t.Error("the event is not touched")
	}
}
