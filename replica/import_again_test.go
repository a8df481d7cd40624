package replica_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// lateWeek is a week of six posts with times of their own, as a chat's export gives them.
func lateWeek() qa.Imported {
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

func kinds(r replica.ImportResult) []string {
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

// without leaves a post out, and the replies to it.
func without(w qa.Imported, i int) qa.Imported {
	w.Posts = slices.Delete(slices.Clone(w.Posts), i, i+1)
	for j := range w.Posts {
		if w.Posts[j].Parent > i {
			w.Posts[j].Parent--
		}
	}
	return w
}

// What was edited and deleted where an import came from is told the next time, changes
// nothing by itself, and is brought in when that is chosen; the third time there is nothing left to do.
func TestImportingAgainTellsWhatChanged(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		n := openNode(t, replica.Config{Store: store})
		again := func(w qa.Imported) replica.ImportResult {
			t.Helper()
			r, err := n.Import(bounded(t), "", w, "")
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		id := again(lateWeek()).Event

		later := lateWeek()
		later.Posts[1].Text = "text 1, corrected"
		later.Posts[2].Text = "(This question was deleted.)"
		later.Deleted = []string{"slack:C1:w#2"}
		later.Posts[3].Name = "Renamed"
		later.Posts[5].X = map[string]string{"reactions": "new"}
		later = without(later, 4)
		want := []string{"deleted #2", "missing #4", "name #3 kept", "reactions #5 kept", "text #1"}

		before, changes := texts(weekOf(t, n, id)), len(entries(t, store, id))
		r := again(later)
		if got := kinds(r); !slices.Equal(got, want) || r.Unchanged != 1 || r.Revised+r.Withdrawn+r.Questions+r.Replies != 0 {
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
		if r = again(later); r.Revised != 1 || r.Withdrawn != 0 || !slices.Contains(kinds(r), "text #1 done") {
			t.Fatalf("%q, %+v", kinds(r), r)
		}
		later.Accept = qa.ImportChoice{Revise: true, Withdraw: true}
		if r = again(later); r.Revised != 0 || r.Withdrawn != 2 {
			t.Fatalf("%q, %+v", kinds(r), r)
		}
		changes = len(entries(t, store, id))
		for range 2 {
			if r = again(later); r.Revised+r.Withdrawn != 0 || !slices.Equal(kinds(r), []string{"name #3 kept", "reactions #5 kept"}) || r.Unchanged != 3 {
				t.Fatalf("%q, %+v", kinds(r), r)
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
		// It comes back there, in its first form: that is an edit like others.
		back := lateWeek()
		back.Accept = qa.ImportChoice{Revise: true}
		if r = again(back); r.Revised != 1 || !slices.Equal(kinds(r), []string{"text #1 done"}) {
			t.Fatalf("%q, %+v", kinds(r), r)
		}
	})
}

// What a person edited here is not written over, on any of the organiser's devices.
func TestImportingAgainKeepsEditsMadeHere(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		n := openNode(t, replica.Config{Store: store})
		r, err := n.Import(bounded(t), "", lateWeek(), "")
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

		// Nothing changed there: the edit here is no difference to report.
		w := lateWeek()
		w.Accept = qa.ImportChoice{Revise: true, Withdraw: true}
		if r, err = n.Import(bounded(t), "", w, ""); err != nil || len(r.Changes) != 0 || r.Unchanged != 6 {
			t.Fatalf("%+v, %v", r, err)
		}
		w.Posts[1].Text = "text 1, as its writer has it now"
		w.Posts[3].Text = "text 3, edited"
		if r, err = n.Import(bounded(t), "", w, ""); err != nil || !slices.Equal(kinds(r), []string{"text #1 kept"}) || r.Revised != 0 {
			t.Fatalf("%q, %+v, %v", kinds(r), r, err)
		}
		if got := texts(weekOf(t, n, id)); !slices.Contains(got, "  text 1, as the organiser has it") {
			t.Fatalf("%q", got)
		}
	})
}

// Only what the input covers can be missing from it.
func TestImportingAgainAPart(t *testing.T) {
	n := openNode(t, replica.Config{Store: mem.New()})
	if _, err := n.Import(bounded(t), "", lateWeek(), ""); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(w *qa.Imported){
		"it begins later":             func(w *qa.Imported) { w.FromMillis = week.StartsAtMillis + 7000 },
		"it ends earlier":             func(w *qa.Imported) { w.ToMillis = week.StartsAtMillis + 500 },
		"it has it and leaves it out": func(w *qa.Imported) { w.Present = []string{"slack:C1:w#5"} },
		"it is another input":         func(w *qa.Imported) { w.Source, w.Posts = "", nil },
		"words that it does not hold": func(w *qa.Imported) {
			*w = lateWeek()
			w.Posts[5].Text, w.Absent = "(This question is not in the export.)", []string{"slack:C1:w#5"}
		},
	} {
		w := without(lateWeek(), 5)
		id := qa.EventID("")
		change(&w)
		if w.Source == "" {
			id = found(t, n, "")
		}
		r, err := n.Import(bounded(t), id, w, "")
		if err != nil || len(r.Changes) != 0 {
			t.Errorf("%s: %q, %v", name, kinds(r), err)
		}
	}
}

// A message that is named by its words has another name when they are edited. By writer and
// words it is known all the same; what is new by the same writer is new.
func TestImportingAgainWhatIsNamedByItsWords(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		n := openNode(t, replica.Config{Store: store})
		page := func(texts ...string) qa.Imported {
			w := qa.Imported{Format: "page", Source: "page:w", Event: week}
			for _, s := range texts {
				w.Posts = append(w.Posts, qa.ImportedPost{Parent: -1, Name: "Tino", Text: s, Source: qa.SourceByText("page:w", "Tino", s)})
			}
			return w
		}
		if _, err := n.Import(bounded(t), "", page("At what size does a ledger begin to pay?", "Which correction wins in the end?"), ""); err != nil {
			t.Fatal(err)
		}
		edited := page("At what size does a ledger begin to pay off?", "Is there an audio version?")
		r, err := n.Import(bounded(t), "", edited, "")
		if err != nil || r.Questions != 1 || len(r.Changes) != 2 || r.Changes[0].Kind != qa.ChangedText || r.Changes[1].Kind != qa.ChangedMissing {
			t.Fatalf("%+v, %v", r, err)
		}
		edited.Accept = qa.ImportChoice{Revise: true, Withdraw: true}
		if r, err = n.Import(bounded(t), "", edited, ""); err != nil || r.Revised != 1 || r.Withdrawn != 1 || r.Questions != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		for range 2 {
			if r, err = n.Import(bounded(t), "", edited, ""); err != nil || len(r.Changes) != 0 || r.Questions != 0 || r.Unchanged != 2 {
				t.Fatalf("%+v, %v", r, err)
			}
		}
	})
}

// What another organiser imported is theirs: the report says so, and nothing is refused.
func TestImportingAgainWhatAnotherOrganiserBroughtIn(t *testing.T) {
	a, b := openNode(t, replica.Config{Store: mem.New(), Offline: true}), openNode(t, replica.Config{Store: mem.New(), Offline: true})
	id := found(t, a, "")
	if _, err := a.Import(bounded(t), id, lateWeek(), ""); err != nil {
		t.Fatal(err)
	}
	do(t, a, id, qa.Act{Kind: qa.ActRole, Identity: b.Identity(), Role: qa.RoleOrganiser, On: true})
	if got, err := b.Merge(bounded(t), id, bundled(t, a, id)); err != nil || len(got.Refused) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	w := without(lateWeek(), 5)
	w.Posts[1].Text = "edited"
	w.Accept = qa.ImportChoice{Revise: true, Withdraw: true}
	r, err := b.Import(bounded(t), id, w, "")
	if err != nil || !slices.Equal(kinds(r), []string{"missing #5 kept", "text #1 kept"}) || r.Revised+r.Withdrawn+r.Questions+r.Replies != 0 {
		t.Fatalf("%q, %+v, %v", kinds(r), r, err)
	}
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

// Many imports after each other do not each read all the events before them.
func TestManyImportsReadFewEvents(t *testing.T) {
	store := &countingStore{Store: mem.New()}
	n := openNode(t, replica.Config{Store: store, Offline: true})
	read := func(from, to int) int64 {
		before := store.events.Load()
		for i := from; i < to; i++ {
			w := imported(1)
			w.Source = fmt.Sprint("page:", i)
			if r, err := n.ImportListed(bounded(t), w, ""); err != nil || r.Questions != 1 {
				t.Fatalf("%+v, %v", r, err)
			}
		}
		return store.events.Load() - before
	}
	if first, later := read(0, 20), read(20, 40); later > first+20 {
		t.Errorf("20 imports read %d events, the 20 after them %d", first, later)
	}
	w := imported(1)
	w.Source = "page:3"
	if r, err := n.Import(bounded(t), "", w, ""); err != nil || r.Unchanged != 1 {
		t.Errorf("the same again: %+v, %v", r, err)
	}
}
