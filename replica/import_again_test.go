package replica_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"flyleaf/publish"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// weekWithTimes returns a week of six posts with known times, like an import of a chat export.
func weekWithTimes() qa.Imported {
	w := qa.Imported{Format: "slack", Source: "slack:C1:w", Event: week}
	for i := range 6 {
		p := qa.ImportedPost{Parent: -1, Name: fmt.Sprint("Reader ", i%2), Text: fmt.Sprint("text ", i), Source: fmt.Sprint("slack:C1:w#", i), AtMillis: week.StartsAtMillis + int64(i+1)*1000}
		if i%3 != 0 {
			p.Parent = i - i%3
		}
		w.Posts = append(w.Posts, p)
	}
	return w
}

func changeKinds(r replica.ImportResult) []string {
	var out []string
	for _, c := range r.Changes {
		s := c.Kind + " " + c.Source[strings.LastIndex(c.Source, "#"):]
		if c.Applied {
			s += " done"
		}
		if c.NotApplied != "" {
			s += " kept"
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// without returns the week without one post.
func without(w qa.Imported, i int) qa.Imported {
	w.Posts = slices.Delete(slices.Clone(w.Posts), i, i+1)
	for j := range w.Posts {
		if w.Posts[j].Parent > i {
			w.Posts[j].Parent--
		}
	}
	return w
}

// Edits and deletions in the source are reported by the next import. They are applied only if
// the person chooses so. After that, another import changes nothing.
func TestImportingAgainReportsChanges(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		n := openNode(t, replica.Config{Store: store})
		again := func(w qa.Imported) replica.ImportResult {
			t.Helper()
			r, err := n.Import(testContext(t), "", w, "")
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		id := again(weekWithTimes()).Event

		later := weekWithTimes()
		later.Posts[1].Text = "text 1, corrected"
		later.Posts[2].Text = "(This question was deleted.)"
		later.Deleted = []string{"slack:C1:w#2"}
		later.Posts[3].Name = "Renamed"
		later.Posts[5].X = map[string]string{"reactions": "new"}
		later = without(later, 4)
		want := []string{"deleted #2", "missing #4", "name #3 kept", "reactions #5 kept", "text #1"}

		before, changes := texts(weekOf(t, n, id)), len(entries(t, store, id))
		r := again(later)
		if got := changeKinds(r); !slices.Equal(got, want) || r.Unchanged != 1 || r.Revised+r.Withdrawn+r.Questions+r.Replies != 0 {
			t.Fatalf("%q, %+v", got, r)
		}
		if got := texts(weekOf(t, n, id)); !slices.Equal(got, before) || len(entries(t, store, id)) != changes {
			t.Fatalf("importing again without a choice changed %q to %q", before, got)
		}
		for _, c := range r.Changes {
			if c.Kind == qa.ChangedText && (c.Was != "text 1" || c.Is != "text 1, corrected" || c.Name != "Reader 1") {
				t.Fatalf("%+v", c)
			}
		}

		later.Accept = qa.ImportChoice{Revise: true}
		if r = again(later); r.Revised != 1 || r.Withdrawn != 0 || !slices.Contains(changeKinds(r), "text #1 done") {
			t.Fatalf("%q, %+v", changeKinds(r), r)
		}
		later.Accept = qa.ImportChoice{Revise: true, Withdraw: true}
		if r = again(later); r.Revised != 0 || r.Withdrawn != 2 {
			t.Fatalf("%q, %+v", changeKinds(r), r)
		}
		changes = len(entries(t, store, id))
		for range 2 {
			if r = again(later); r.Revised+r.Withdrawn != 0 || !slices.Equal(changeKinds(r), []string{"name #3 kept", "reactions #5 kept"}) || r.Unchanged != 3 {
				t.Fatalf("%q, %+v", changeKinds(r), r)
			}
		}
		if got := len(entries(t, store, id)); got != changes {
			t.Fatalf("%d changes after importing for the last time, %d before", got, changes)
		}
		posts, err := store.Posts(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range posts {
			switch n := p.Source[len(p.Source)-1]; {
			case p.Withdrawn != (n == '2' || n == '4'):
				t.Errorf("%s withdrawn: %v", p.Source, p.Withdrawn)
			case n == '1' && (p.Text() != "text 1, corrected" || len(p.Revisions) != 2):
				t.Errorf("%+v", p)
			}
		}
		// The source has the first version of the text again: this is an edit like others.
		back := weekWithTimes()
		back.Accept = qa.ImportChoice{Revise: true}
		if r = again(back); r.Revised != 1 || !slices.Equal(changeKinds(r), []string{"text #1 done"}) {
			t.Fatalf("%q, %+v", changeKinds(r), r)
		}
	})
}

// An import does not overwrite posts that a person edited here.
func TestImportingAgainKeepsLocalEdits(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		n := openNode(t, replica.Config{Store: store})
		r, err := n.Import(testContext(t), "", weekWithTimes(), "")
		if err != nil {
			t.Fatal(err)
		}
		id := r.Event
		post := map[string]qa.PostID{}
		posts, err := store.Posts(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range posts {
			post[p.Source[len(p.Source)-1:]] = p.ID
		}
		do(t, n, id, qa.Act{Kind: qa.ActEdit, Post: post["1"], Text: "text 1, as the organiser has it"})
		do(t, n, id, qa.Act{Kind: qa.ActWithdraw, Post: post["3"], On: true})

		// The source has not changed, so the local edit is not reported.
		w := weekWithTimes()
		w.Accept = qa.ImportChoice{Revise: true, Withdraw: true}
		if r, err = n.Import(testContext(t), "", w, ""); err != nil || len(r.Changes) != 0 || r.Unchanged != 6 {
			t.Fatalf("%+v, %v", r, err)
		}
		w.Posts[1].Text = "text 1, as its writer has it now"
		w.Posts[3].Text = "text 3, edited"
		if r, err = n.Import(testContext(t), "", w, ""); err != nil || !slices.Equal(changeKinds(r), []string{"text #1 kept"}) || r.Revised != 0 {
			t.Fatalf("%q, %+v, %v", changeKinds(r), r, err)
		}
		if got := texts(weekOf(t, n, id)); !slices.Contains(got, "  text 1, as the organiser has it") {
			t.Fatalf("%q", got)
		}
	})
}

// A post can be missing from an input only if the input covers it.
func TestOnlyCoveredPostsCanBeMissing(t *testing.T) {
	n := openNode(t, replica.Config{Store: mem.New()})
	if _, err := n.Import(testContext(t), "", weekWithTimes(), ""); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(w *qa.Imported){
		"the input begins later":     func(w *qa.Imported) { w.FromMillis = week.StartsAtMillis + 7000 },
		"the input ends earlier":     func(w *qa.Imported) { w.ToMillis = week.StartsAtMillis + 500 },
		"the input names it present": func(w *qa.Imported) { w.Present = []string{"slack:C1:w#5"} },
		"another input":              func(w *qa.Imported) { w.Source, w.Posts = "", nil },
		"its text is not exported": func(w *qa.Imported) {
			*w = weekWithTimes()
			w.Posts[5].Text, w.Absent = "(This question is not in the export.)", []string{"slack:C1:w#5"}
		},
	} {
		w := without(weekWithTimes(), 5)
		id := qa.EventID("")
		change(&w)
		if w.Source == "" {
			id = createEvent(t, n, "")
		}
		r, err := n.Import(testContext(t), id, w, "")
		if err != nil || len(r.Changes) != 0 {
			t.Errorf("%s: %q, %v", name, changeKinds(r), err)
		}
	}
}

// If a message's source is derived from its text, an edit changes the source. The message is
// recognised by its writer and its similar text; other new messages of the writer are new.
func TestImportingAgainMatchesEditedMessages(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		n := openNode(t, replica.Config{Store: store})
		page := func(texts ...string) qa.Imported {
			w := qa.Imported{Format: "page", Source: "page:w", Event: week}
			for _, s := range texts {
				w.Posts = append(w.Posts, qa.ImportedPost{Parent: -1, Name: "Tino", Text: s, Source: qa.SourceByText("page:w", "Tino", s)})
			}
			return w
		}
		if _, err := n.Import(testContext(t), "", page("At what size does a ledger begin to pay?", "Which correction wins in the end?"), ""); err != nil {
			t.Fatal(err)
		}
		edited := page("At what size does a ledger begin to pay off?", "Is there an audio version?")
		r, err := n.Import(testContext(t), "", edited, "")
		if err != nil || r.Questions != 1 || len(r.Changes) != 2 || r.Changes[0].Kind != qa.ChangedText || r.Changes[1].Kind != qa.ChangedMissing {
			t.Fatalf("%+v, %v", r, err)
		}
		edited.Accept = qa.ImportChoice{Revise: true, Withdraw: true}
		if r, err = n.Import(testContext(t), "", edited, ""); err != nil || r.Revised != 1 || r.Withdrawn != 1 || r.Questions != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		for range 2 {
			if r, err = n.Import(testContext(t), "", edited, ""); err != nil || len(r.Changes) != 0 || r.Questions != 0 || r.Unchanged != 2 {
				t.Fatalf("%+v, %v", r, err)
			}
		}
	})
}

// Posts that another organiser imported are not changed: the report says so, and no change is
// refused.
func TestImportingAgainLeavesOtherOrganisersPosts(t *testing.T) {
	a, b := openNode(t, replica.Config{Store: mem.New(), Offline: true}), openNode(t, replica.Config{Store: mem.New(), Offline: true})
	id := createEvent(t, a, "")
	if _, err := a.Import(testContext(t), id, weekWithTimes(), ""); err != nil {
		t.Fatal(err)
	}
	do(t, a, id, qa.Act{Kind: qa.ActRole, Identity: b.Identity(), Role: qa.RoleOrganiser, On: true})
	if got, err := b.Merge(testContext(t), id, bundleChanges(t, a, id)); err != nil || len(got.Refused) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	w := without(weekWithTimes(), 5)
	w.Posts[1].Text = "edited"
	w.Accept = qa.ImportChoice{Revise: true, Withdraw: true}
	r, err := b.Import(testContext(t), id, w, "")
	if err != nil || !slices.Equal(changeKinds(r), []string{"missing #5 kept", "text #1 kept"}) || r.Revised+r.Withdrawn+r.Questions+r.Replies != 0 {
		t.Fatalf("%q, %+v, %v", changeKinds(r), r, err)
	}
}

// If the organiser who imported a week loses the role later, its posts are still recognised, and their
// published addresses stay. Views that an earlier version wrote are rebuilt; a store that cannot be written
// keeps them.
func TestImportsStayImportsWhenTheRoleIsRevoked(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		key := newKey(t)
		founder, former := openNode(t, replica.Config{Store: store, Key: key, Offline: true}), openNode(t, replica.Config{Store: mem.New(), Offline: true})
		merge := func(to, from *replica.Node, id qa.EventID) {
			t.Helper()
			if got, err := to.Merge(testContext(t), id, bundleChanges(t, from, id)); err != nil || len(got.Refused) != 0 {
				t.Fatalf("%+v, %v", got, err)
			}
		}
		role := func(id qa.EventID, on bool) {
			t.Helper()
			do(t, founder, id, qa.Act{Kind: qa.ActRole, Identity: former.Identity(), Role: qa.RoleOrganiser, On: on})
		}
		id := createEvent(t, founder, "")
		role(id, true)
		merge(former, founder, id)
		if _, err := former.Import(testContext(t), id, weekWithTimes(), ""); err != nil {
			t.Fatal(err)
		}
		merge(founder, former, id)
		ids := func(n *replica.Node) (out []string) {
			t.Helper()
			for _, th := range publish.Publish(weekOf(t, n, id)).Threads {
				out = append(out, th.ID)
				for _, r := range th.Replies {
					out = append(out, r.ID)
				}
			}
			return out
		}
		before := ids(founder)
		if !slices.Contains(before, "slack:C1:w#5") {
			t.Fatalf("published as %q", before)
		}
		role(id, false)
		recognised := func(n *replica.Node) {
			t.Helper()
			if got := ids(n); !slices.Equal(got, before) {
				t.Errorf("published as %q, was %q", got, before)
			}
			if r, err := n.Import(testContext(t), id, weekWithTimes(), ""); err != nil || r.Unchanged != 6 || r.Questions+r.Replies+len(r.Changes) != 0 {
				t.Errorf("%+v, %v", r, err)
			}
		}
		recognised(founder)

		outdate := func() {
			t.Helper()
			posts, err := store.Posts(testContext(t), id)
			if err != nil {
				t.Fatal(err)
			}
			for i := range posts {
				posts[i].Imported = nil
			}
			if err := store.Append(testContext(t), storage.Batch{Event: id, Views: storage.ViewUpdate{Posts: posts}}); err != nil {
				t.Fatal(err)
			}
		}
		outdate()
		if r, err := founder.Import(testContext(t), id, weekWithTimes(), ""); err != nil || r.Unchanged != 6 {
			t.Errorf("with views of an earlier version: %+v, %v", r, err)
		}
		if posts, err := store.Posts(testContext(t), id); err != nil || slices.ContainsFunc(posts, func(p qa.Post) bool { return p.OutdatedView() }) {
			t.Errorf("the views were not rebuilt, %v", err)
		}
		outdate()
		w := weekOf(t, founder, id)
		w.EachPost(func(want *qa.PostView) {
			outdate()
			got, err := founder.Post(testContext(t), id, want.ID)
			if err != nil || got.IsImported() != want.IsImported() || got.OutdatedView() {
				t.Errorf("with views of an earlier version, %s is an import: %v, want %v, %v", want.ID, got.IsImported(), want.IsImported(), err)
			}
		})
		outdate()
		recognised(founder)
		outdate()
		recognised(openNode(t, replica.Config{Store: keepsViews{store}, Key: key, Offline: true}))
	})
}

// keepsViews is a store in which views cannot be replaced.
type keepsViews struct{ storage.Store }

func (keepsViews) ReplaceViews(context.Context, qa.EventID, storage.ViewUpdate) error {
	return storage.ErrFull
}

// countingStore counts how often events are read.
type countingStore struct {
	storage.Store
	events atomic.Int64
}

func (s *countingStore) Event(ctx context.Context, id qa.EventID) (qa.Event, error) {
	s.events.Add(1)
	return s.Store.Event(ctx, id)
}

// An import does not read all events that earlier imports created.
func TestManyImportsReadFewEvents(t *testing.T) {
	store := &countingStore{Store: mem.New()}
	n := openNode(t, replica.Config{Store: store, Offline: true})
	read := func(from, to int) int64 {
		before := store.events.Load()
		for i := from; i < to; i++ {
			w := importedWeek(1)
			w.Source = fmt.Sprint("page:", i)
			if r, err := n.ImportListed(testContext(t), w, ""); err != nil || r.Questions != 1 {
				t.Fatalf("%+v, %v", r, err)
			}
		}
		return store.events.Load() - before
	}
	if first, later := read(0, 20), read(20, 40); later > first+20 {
		t.Errorf("20 imports read %d events, the 20 after them %d", first, later)
	}
	w := importedWeek(1)
	w.Source = "page:3"
	if r, err := n.Import(testContext(t), "", w, ""); err != nil || r.Unchanged != 1 {
		t.Errorf("the same import again: %+v, %v", r, err)
	}
}

// cannotFollow is a store that ends every program before it follows an event.
type cannotFollow struct{ storage.Store }

func (cannotFollow) Follow(context.Context, storage.Following) error { return storage.ErrFull }

// A new event is saved and followed in one transaction: a program that ends, or a disk that fills, never
// leaves a saved event that no page lists.
func TestNewEventIsSavedAndFollowedAtOnce(t *testing.T) {
	store, key := cannotFollow{mem.New()}, newKey(t)
	n := openNode(t, replica.Config{Store: store, Key: key, Offline: true})
	created, _, err := n.CreateEvent(testContext(t), week, "wss://relay.example")
	if err != nil {
		t.Fatal(err)
	}
	r, err := n.Import(testContext(t), "", importedWeek(1), "")
	if err != nil || r.Questions != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, n := range []*replica.Node{n, openNode(t, replica.Config{Store: store, Key: key, Offline: true})} {
		if got := len(weekOf(t, n, r.Event).Threads); got != 1 {
			t.Errorf("%d questions", got)
		}
		if inv, err := n.Invitation(testContext(t), created); err != nil || inv.Relay != "wss://relay.example" {
			t.Errorf("%+v, %v", inv, err)
		}
		if again, err := n.Import(testContext(t), "", importedWeek(1), ""); err != nil || again.Event != r.Event || again.Unchanged != 1 {
			t.Errorf("again: %+v, %v", again, err)
		}
	}
}
