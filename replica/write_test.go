package replica_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flyleaf/crdt/policy/policytest"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/schema"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

var errDisk = errors.New("the disk says no")

// failingStore is a store whose Append fails on request.
type failingStore struct {
	storage.Store
	fail            atomic.Bool
	failAfterCommit atomic.Bool // report an error although the commit succeeded
}

func (f *failingStore) Append(ctx context.Context, batches ...storage.Batch) error {
	if f.fail.Load() {
		return errDisk
	}
	err := f.Store.Append(ctx, batches...)
	if err == nil && f.failAfterCommit.Load() {
		return errDisk
	}
	return err
}

func entries(t *testing.T, s storage.Store, id qa.EventID) []storage.Entry {
	t.Helper()
	var out []storage.Entry
	if err := s.Entries(t.Context(), id, 0, func(en storage.Entry) error { out = append(out, en); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFailedWriteLeavesNothingAndTheNextSucceeds(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		disk := &failingStore{Store: store}
		n := openNode(t, replica.Config{Store: disk})
		id := createEvent(t, n, "")
		ask(t, n, id, "before")
		updates, cancel := n.Subscribe(id)
		defer cancel()

		disk.fail.Store(true)
		for range 3 {
			if _, err := n.Do(testContext(t), id, qa.Act{Kind: qa.ActPost, Text: "lost"}); !errors.Is(err, errDisk) || !errors.Is(err, replica.ErrNotSaved) {
				t.Fatalf("a failed write gave %v", err)
			}
		}
		if _, _, err := n.CreateEvent(testContext(t), week, ""); !errors.Is(err, replica.ErrNotSaved) {
			t.Fatalf("creating an event on a failing disk gave %v", err)
		}
		select {
		case u := <-updates:
			t.Fatalf("an update about an act that was not saved: %+v", u)
		default:
		}
		disk.fail.Store(false)
		ask(t, n, id, "after")

		if got := texts(weekOf(t, n, id)); !slices.Equal(got, []string{"before", "after"}) {
			t.Fatalf("%q", got)
		}
		if events, err := n.Events(testContext(t)); err != nil || len(events) != 1 {
			t.Fatalf("%d events, %v", len(events), err)
		}
		type use struct {
			actor wire.ActorID
			seq   uint64
		}
		seen := map[use]bool{}
		all := entries(t, store, id)
		for _, en := range all {
			if u := (use{en.Actor, en.Seq}); seen[u] {
				t.Fatalf("actor and sequence number used twice: %+v", u)
			} else {
				seen[u] = true
			}
		}
		if len(all) != 3 || all[1].Actor == all[2].Actor {
			t.Fatalf("%d entries; the actor of the failed write was used again: %v", len(all), all[1].Actor == all[2].Actor)
		}
		select {
		case <-updates:
		case <-testContext(t).Done():
			t.Fatal("no update about the saved act")
		}
	})
}

// A write that reports an error after its commit is not reported as failed: otherwise the
// person would write the post twice.
func TestWriteThatFailsAfterItsCommitIsKeptOnce(t *testing.T) {
	disk := &failingStore{Store: mem.New()}
	n := openNode(t, replica.Config{Store: disk})
	id := createEvent(t, n, "")
	weekOf(t, n, id)
	disk.failAfterCommit.Store(true)
	ask(t, n, id, "once")
	if got := texts(weekOf(t, n, id)); !slices.Equal(got, []string{"once"}) {
		t.Fatalf("%q", got)
	}
	disk.failAfterCommit.Store(false)
	ask(t, n, id, "twice")
	if got := texts(weekOf(t, n, id)); !slices.Equal(got, []string{"once", "twice"}) {
		t.Fatalf("%q", got)
	}
}

func TestRefusedActsChangeNothing(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		n := openNode(t, replica.Config{Store: store})
		id := createEvent(t, n, "")
		q := ask(t, n, id, "?")
		var field *qa.FieldError
		if _, err := n.Do(testContext(t), id, qa.Act{Kind: qa.ActPost, Text: strings.Repeat("x", schema.MaxText+1)}); !errors.As(err, &field) {
			t.Fatalf("a text too long: %v", err)
		}
		if _, err := n.Do(testContext(t), id, qa.Act{Kind: qa.ActPost, Parent: "nobody", Text: "x"}); err == nil {
			t.Fatal("a reply to a missing post was accepted")
		}
		// An act that changes nothing is not an error.
		do(t, n, id, qa.Act{Kind: qa.ActReact, Post: q, Emoji: "want", On: true})
		do(t, n, id, qa.Act{Kind: qa.ActReact, Post: q, Emoji: "want", On: true})
		if got := len(entries(t, store, id)); got != 3 {
			t.Fatalf("%d entries", got)
		}
		if _, err := n.Do(testContext(t), qa.MakeEventID([16]byte{9}), qa.Act{Kind: qa.ActPost, Text: "x"}); !errors.Is(err, replica.ErrUnknownEvent) {
			t.Fatalf("an unknown event: %v", err)
		}
		if _, err := n.Post(testContext(t), id, "nobody"); !errors.Is(err, replica.ErrUnknownPost) {
			t.Fatalf("an unknown post: %v", err)
		}
		other := qa.MakeEventID([16]byte{1})
		if err := n.Join(testContext(t), qa.Invitation{Event: other}); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Do(testContext(t), other, qa.Act{Kind: qa.ActPost, Text: "x"}); !errors.Is(err, replica.ErrNotFetched) {
			t.Fatalf("an event that was not fetched: %v", err)
		}
	})
}

// TestPostsInAClosedEvent: a closed event accepts no post. A closing does not count if its writer
// lost the role concurrently.
func TestPostsInAClosedEvent(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	olga := w.Writer("olga")
	w.Founder.Do(func(d *policytest.Draft) { d.Role(olga.ID(), qa.RoleOrganiser, true) })
	before := w.Heads()
	w.Founder.DoOn(before, func(d *policytest.Draft) { d.Role(olga.ID(), qa.RoleOrganiser, false) })
	olga.DoOn(before, func(d *policytest.Draft) { d.Bool("event/closed", true) })
	n := nodeWithBundles(t, w.Event, asBundle(w.Changes...))
	if q := ask(t, n, w.Event, "Is it open?"); weekOf(t, n, w.Event).Event.Closed || q == "" {
		t.Error("the event is shown as closed")
	}
	closed := w.Founder.DoOn(before, func(d *policytest.Draft) { d.Bool("event/closed", true) })
	if _, err := n.Merge(testContext(t), w.Event, asBundle(closed)); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Do(testContext(t), w.Event, qa.Act{Kind: qa.ActPost, Text: "late"}); !errors.Is(err, replica.ErrEventClosed) {
		t.Errorf("a post in a closed event: %v", err)
	}
	if got := textsOf(t, n, w.Event); !slices.Equal(got, []string{"Is it open?"}) {
		t.Errorf("%q", got)
	}
}

// TestActsRepeatedAfterARevocation: an act is written also if the same was written before by
// somebody who had lost the role, so that it was not in effect.
func TestActsRepeatedAfterARevocation(t *testing.T) {
	w := policytest.NewWorld(policytest.Options{})
	olga, ann := w.Writer("olga"), w.Writer("ann")
	var q qa.PostID
	ann.Do(func(d *policytest.Draft) { q = d.Post("", "Why?") })
	w.Founder.Do(func(d *policytest.Draft) { d.Role(olga.ID(), qa.RoleOrganiser, true) })
	before := w.Heads()
	w.Founder.DoOn(before, func(d *policytest.Draft) { d.Role(olga.ID(), qa.RoleOrganiser, false) })
	olga.DoOn(before, func(d *policytest.Draft) {
		d.Role(ann.ID(), qa.RoleAuthor, true)
		d.Bool("posts/"+string(q)+"/marks/pinned", true)
		d.Str("posts/"+string(q)+"/marks/hidden", "rude")
		d.Str("event/title", "The title")
	})
	n := openNode(t, replica.Config{Store: mem.New(), Key: policytest.KeyOf("founder"), Offline: true})
	if _, err := n.Merge(testContext(t), w.Event, asBundle(w.Changes...)); err != nil {
		t.Fatal(err)
	}
	do(t, n, w.Event, qa.Act{Kind: qa.ActRole, Identity: ann.ID(), Role: qa.RoleAuthor, On: true})
	do(t, n, w.Event, qa.Act{Kind: qa.ActMark, Post: q, Mark: schema.KeyPinned, On: true})
	do(t, n, w.Event, qa.Act{Kind: qa.ActMark, Post: q, Mark: schema.KeyHidden, Text: "rude"})
	do(t, n, w.Event, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"title": "The title"}})
	week := weekOf(t, n, w.Event)
	p, err := n.Post(testContext(t), w.Event, q)
	if err != nil {
		t.Fatal(err)
	}
	if !week.Event.HasRole(ann.ID(), qa.RoleAuthor) || !p.Marks.Pinned || p.Marks.Hidden != "rude" || week.Event.Title != "The title" {
		t.Errorf("%+v, %+v", week.Event, p.Marks)
	}
	if _, err := n.Do(testContext(t), w.Event, qa.Act{Kind: qa.ActMark, Post: q, Mark: schema.KeyPinned, On: true}); err != nil {
		t.Fatal(err)
	}
	log, err := n.Log(testContext(t), w.Event)
	if err != nil {
		t.Fatal(err)
	}
	pinned := 0
	for _, l := range log {
		if l.Kind == qa.LogPinned {
			pinned++
		}
	}
	if pinned != 2 {
		t.Errorf("pinned %d times: what is in effect must not be written again", pinned)
	}
}

func importedWeek(posts int) qa.Imported {
	w := qa.Imported{Format: "page", Source: "page:a-week", Event: week}
	for i := range posts {
		p := qa.ImportedPost{Parent: -1, Name: fmt.Sprint("Reader ", i), Text: fmt.Sprint("text ", i), Source: fmt.Sprint("a-week#", i), Line: i + 1}
		if i == 3 {
			p.X = map[string]string{"reactions": "what came with it"}
		}
		if i%3 != 0 {
			p.Parent, p.AsAuthor = i-i%3, i%3 == 1
		}
		w.Posts = append(w.Posts, p)
	}
	return w
}

func TestImportingAgainAddsNothing(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		n := openNode(t, replica.Config{Store: store})
		r, err := n.Import(testContext(t), "", importedWeek(9), "")
		if err != nil || r.Questions != 3 || r.Replies != 6 || r.Unchanged != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		first := weekOf(t, n, r.Event)
		changes := len(entries(t, store, r.Event))
		for _, into := range []qa.EventID{"", r.Event} {
			again, err := n.Import(testContext(t), into, importedWeek(9), "")
			if err != nil || !reflect.DeepEqual(again, replica.ImportResult{Event: r.Event, Unchanged: 9}) {
				t.Fatalf("into %q: %+v, %v", into, again, err)
			}
		}
		if got := len(entries(t, store, r.Event)); got != changes {
			t.Fatalf("%d changes after importing again, %d before", got, changes)
		}
		if !reflect.DeepEqual(first, weekOf(t, n, r.Event)) {
			t.Fatal("the week changed")
		}
		// A longer version of the file adds the new posts, in their places.
		more, err := n.Import(testContext(t), "", importedWeek(12), "")
		if err != nil || more.Event != r.Event || more.Questions != 1 || more.Replies != 2 || more.Unchanged != 9 {
			t.Fatalf("%+v, %v", more, err)
		}
		want := make([]string, 12)
		for i := range want {
			want[i] = fmt.Sprint("text ", i)
			if i%3 != 0 {
				want[i] = "  " + want[i]
			}
		}
		w := weekOf(t, n, r.Event)
		if got := texts(w); !slices.Equal(got, want) {
			t.Fatalf("%q", got)
		}
		if q := w.Threads[1].Question; q.Name != "Reader 3" || q.AtMillis <= w.Threads[0].Replies[1].AtMillis || q.AtMillis < week.StartsAtMillis {
			t.Fatalf("%+v", q)
		}
		if q := w.Threads[1].Question; q.X["reactions"] != "what came with it" || w.Threads[0].Question.X["reactions"] != "" {
			t.Fatalf("what came with a message is %v", q.X)
		}
		if !w.Threads[0].Replies[0].ByAuthor || w.Threads[0].Replies[1].ByAuthor {
			t.Fatal("the mark of the author's replies was lost")
		}
	})
}

func TestImportIsAllOrNothing(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		disk := &failingStore{Store: store}
		n := openNode(t, replica.Config{Store: disk})
		bad := importedWeek(6)
		bad.Posts[5].Text = strings.Repeat("x", schema.MaxText+1)
		if _, err := n.Import(testContext(t), "", bad, ""); err == nil || !strings.Contains(err.Error(), "line 6") {
			t.Fatalf("a text too long: %v", err)
		}
		bad = importedWeek(6)
		bad.Posts[1].Parent = 4
		if _, err := n.Import(testContext(t), "", bad, ""); !errors.Is(err, replica.ErrBadImport) {
			t.Fatalf("a reply before its question: %v", err)
		}
		disk.fail.Store(true)
		if _, err := n.Import(testContext(t), "", importedWeek(6), ""); !errors.Is(err, replica.ErrNotSaved) {
			t.Fatalf("a failing disk: %v", err)
		}
		disk.fail.Store(false)
		if documents, err := store.Documents(t.Context()); err != nil || len(documents) != 0 {
			t.Fatalf("%d documents, %v", len(documents), err)
		}
		// Import into an existing event: the posts before the bad one must not stay in memory.
		id := createEvent(t, n, "")
		ask(t, n, id, "mine")
		bad = importedWeek(6)
		bad.Posts[5].Text = strings.Repeat("x", schema.MaxText+1)
		if _, err := n.Import(testContext(t), id, bad, ""); err == nil {
			t.Fatal("the bad import was accepted")
		}
		ask(t, n, id, "and more")
		if got := texts(weekOf(t, n, id)); !slices.Equal(got, []string{"mine", "and more"}) {
			t.Fatalf("%q", got)
		}
	})
}

func TestRebuiltViewsAreTheSame(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		n := openNode(t, replica.Config{Store: store})
		r, err := n.Import(testContext(t), "", importedWeek(12), "")
		if err != nil {
			t.Fatal(err)
		}
		id := r.Event
		q := ask(t, n, id, "**Really**?")
		do(t, n, id, qa.Act{Kind: qa.ActEdit, Post: q, Text: "Really?"})
		do(t, n, id, qa.Act{Kind: qa.ActReact, Post: q, Emoji: "want", On: true})
		do(t, n, id, qa.Act{Kind: qa.ActReact, Post: q, Emoji: "🎉", On: true})
		do(t, n, id, qa.Act{Kind: qa.ActReact, Post: q, Emoji: "🎉", On: false})
		do(t, n, id, qa.Act{Kind: qa.ActMark, Post: q, Mark: "pinned", On: true})
		do(t, n, id, qa.Act{Kind: qa.ActRole, Identity: n.Identity(), Role: qa.RoleAuthor, On: true})
		do(t, n, id, qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: "Ann"}})
		before := weekOf(t, n, id)
		found, err := store.Search(t.Context(), id, "really", 10)
		if err != nil || !slices.Equal(found, []qa.PostID{q}) {
			t.Fatalf("%v, %v", found, err)
		}
		if err := store.ReplaceViews(t.Context(), id, storage.ViewUpdate{}); err != nil {
			t.Fatal(err)
		}
		if err := n.Rebuild(testContext(t), id); err != nil {
			t.Fatal(err)
		}
		if after := weekOf(t, n, id); !reflect.DeepEqual(before, after) {
			t.Fatalf("before\n%+v\nafter\n%+v", before, after)
		}
		if found, err := store.Search(t.Context(), id, "really", 10); err != nil || !slices.Equal(found, []qa.PostID{q}) {
			t.Fatalf("%v, %v", found, err)
		}
		ask(t, n, id, "goes on")
	})
}

// The document is unloaded after every act here and loaded again for the next act, from a
// snapshot once there are enough changes.
func TestDocumentIsUnloadedAndLoadedAgain(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		key := newKey(t)
		n := openNode(t, replica.Config{Store: store, Key: key})
		r, err := n.Import(testContext(t), "", importedWeek(240), "")
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Close(); err != nil { // saves a snapshot
			t.Fatal(err)
		}
		snapshot, err := store.Snapshot(t.Context(), r.Event)
		if err != nil || snapshot.Position == 0 {
			t.Fatalf("no snapshot after many changes: %v", err)
		}
		n = openNode(t, replica.Config{Store: store, Key: key, Idle: time.Nanosecond})
		for i := range 5 {
			ask(t, n, r.Event, fmt.Sprint("more ", i))
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		// An unusable snapshot costs time, but no data.
		if err := store.SaveSnapshot(t.Context(), r.Event, storage.Snapshot{Position: snapshot.Position, Bytes: nil}); err != nil {
			t.Fatal(err)
		}
		n = openNode(t, replica.Config{Store: store, Key: key})
		ask(t, n, r.Event, "last")
		if got := len(texts(weekOf(t, n, r.Event))); got != 246 {
			t.Fatalf("%d posts", got)
		}
	})
}

func TestSlowSubscriberGetsEverythingInFewUpdates(t *testing.T) {
	n := openNode(t, replica.Config{Store: mem.New()})
	id := createEvent(t, n, "")
	other := createEvent(t, n, "")
	one, cancelOne := n.Subscribe(id)
	all, cancelAll := n.Subscribe("")
	want := map[qa.PostID]bool{}
	for i := range 50 {
		want[ask(t, n, id, fmt.Sprint(i))] = true
	}
	ask(t, n, other, "elsewhere")
	got, reads := map[qa.PostID]bool{}, 0
	for len(got) < len(want) {
		select {
		case u := <-one:
			reads++
			if u.Event != id {
				t.Fatalf("an update of %s", u.Event)
			}
			for _, p := range u.Posts {
				got[p] = true
			}
		case <-testContext(t).Done():
			t.Fatalf("updates named %d of %d posts", len(got), len(want))
		}
	}
	if reads > 3 || !reflect.DeepEqual(got, want) {
		t.Fatalf("%d reads for 50 acts", reads)
	}
	for seen := map[qa.EventID]bool{}; len(seen) < 2; {
		select {
		case u := <-all:
			seen[u.Event] = true
		case <-testContext(t).Done():
			t.Fatal("no updates about both events")
		}
	}
	cancelOne()
	cancelOne() // a second call does nothing
	if _, open := <-one; open {
		t.Fatal("an update after the end")
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, open := <-all; open {
		t.Fatal("an update after Close")
	}
	cancelAll()
	if ch, _ := n.Subscribe(""); ch != nil {
		if _, open := <-ch; open {
			t.Fatal("a closed node sends updates")
		}
	}
}

func TestDeliveryListsUndeliveredPosts(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		n := openNode(t, replica.Config{Store: store})
		id := createEvent(t, n, "")
		a, b := ask(t, n, id, "a"), ask(t, n, id, "b")
		if err := store.SetDelivered(t.Context(), id, true); err != nil {
			t.Fatal(err)
		}
		do(t, n, id, qa.Act{Kind: qa.ActEdit, Post: b, Text: "b!"})
		c := ask(t, n, id, "c")
		do(t, n, id, qa.Act{Kind: qa.ActReact, Post: a, Emoji: qa.WantEmoji, On: true})
		do(t, n, id, qa.Act{Kind: qa.ActReact, Post: b, Emoji: "👏", On: true})
		do(t, n, id, qa.Act{Kind: qa.ActMark, Post: b, Mark: schema.KeyPinned, On: true})
		do(t, n, id, qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: "Ada"}})
		got, err := n.Delivery(testContext(t), id)
		if want := map[qa.PostID]qa.Unsent{
			a: {Vote: true, Changes: 1}, b: {Text: true, Reaction: true, Mark: true, Changes: 3}, c: {Text: true, Changes: 1}, "": {Mark: true, Changes: 1},
		}; err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v, %v; a is %s", got, err, a)
		}
		d := ask(t, n, id, "d")
		if got, err = n.Delivery(testContext(t), id); err != nil || !got[d].Text || len(got) != 5 {
			t.Fatalf("%v, %v", got, err)
		}
	})
}

// checkNoGoroutineLeak fails the test if goroutines are left after everything was closed. Call
// it first, so that its clean-up runs last.
func checkNoGoroutineLeak(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		deadline := time.Now().Add(testTimeout)
		for runtime.NumGoroutine() > before {
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<20)
				t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
}
