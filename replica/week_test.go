package replica_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/schema"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// rowsStore counts what is read from the views.
type rowsStore struct {
	storage.Store
	all, single, people atomic.Int64
}

func (c *rowsStore) Posts(ctx context.Context, id qa.EventID) ([]qa.Post, error) {
	c.all.Add(1)
	return c.Store.Posts(ctx, id)
}

func (c *rowsStore) Post(ctx context.Context, id qa.EventID, post qa.PostID) (qa.Post, error) {
	c.single.Add(1)
	return c.Store.Post(ctx, id, post)
}

func (c *rowsStore) People(ctx context.Context, id qa.EventID) ([]qa.Person, error) {
	c.people.Add(1)
	return c.Store.People(ctx, id)
}

func (c *rowsStore) since() (all, single, people int64) {
	return c.all.Swap(0), c.single.Swap(0), c.people.Swap(0)
}

func TestWeekReadsOnlyRowsThatChanged(t *testing.T) {
	store := &rowsStore{Store: mem.New()}
	n := openNode(t, replica.Config{Store: store})
	id := createEvent(t, n, "")
	first := ask(t, n, id, "first")
	ask(t, n, id, "second")
	week := func() qa.Week {
		t.Helper()
		w, err := n.Week(testContext(t), id)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	want := func(what string, all, single int64) {
		t.Helper()
		if a, s, _ := store.since(); a != all || s != single {
			t.Errorf("%s: all posts were read %d times, single ones %d times; want %d and %d", what, a, s, all, single)
		}
	}
	store.since()
	week()
	want("the first time", 1, 0)
	week()
	want("nothing has changed", 0, 0)
	do(t, n, id, qa.Act{Kind: qa.ActReact, Post: first, Emoji: "👍", On: true})
	ask(t, n, id, "third")
	store.since() // the acts read, too
	if w := week(); len(w.Threads) != 3 || len(w.Threads[0].Question.Reactions) != 1 {
		t.Errorf("%+v", w.Threads)
	}
	want("a reaction and a question", 0, 2)
	if err := n.Rebuild(testContext(t), id); err != nil {
		t.Fatal(err)
	}
	store.since()
	if got := texts(week()); fmt.Sprint(got) != "[first second third]" {
		t.Errorf("%q", got)
	}
	want("all rows were replaced", 1, 0)
	for range 5 { // a week that is read again and again stays in memory
		other := createEvent(t, n, "")
		if _, err := n.Week(testContext(t), other); err != nil {
			t.Fatal(err)
		}
		week()
	}
	want("other weeks in between", 5, 0)
	for range 5 { // the oldest of the weeks in memory goes
		week := createEvent(t, n, "")
		if _, err := n.Week(testContext(t), week); err != nil {
			t.Fatal(err)
		}
	}
	store.since()
	week()
	want("other weeks were read since", 1, 0)
}

// TestSortingAWeekLeavesOthersAlone: pages sort the threads of a week.
func TestSortingAWeekLeavesOthersAlone(t *testing.T) {
	n := openNode(t, replica.Config{Store: mem.New()})
	id := createEvent(t, n, "")
	ask(t, n, id, "first")
	ask(t, n, id, "second")
	w := weekOf(t, n, id)
	w.Threads[0], w.Threads[1] = w.Threads[1], w.Threads[0]
	if got := texts(weekOf(t, n, id)); fmt.Sprint(got) != "[first second]" {
		t.Errorf("%q", got)
	}
}

// TestWeekIsWhatTheViewsSay: after random acts of two people, read in the middle of writes, a week is what reading
// all rows gives.
func TestWeekIsWhatTheViewsSay(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(uint64(seed), 1))
	host := startRelay(t)
	n := openNode(t, replica.Config{Store: mem.New()})
	other := openNode(t, replica.Config{Store: mem.New()})
	id := createEvent(t, n, host.url())
	if err := n.Sync(testContext(t), id); err != nil {
		t.Fatal(err)
	}
	if err := other.Join(testContext(t), qa.Invitation{Event: id, Relay: host.url()}); err != nil {
		t.Fatal(err)
	}
	if err := other.Sync(testContext(t), id); err != nil {
		t.Fatal(err)
	}
	reading, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for reading.Err() == nil {
			if _, err := n.Week(t.Context(), id); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	var posts []qa.PostID
	threads, synced := 0, 0
	for k := range 120 {
		by, known := n, posts
		if synced > 0 && r.IntN(3) == 0 {
			by, known = other, posts[:synced]
		}
		some := func() qa.PostID { return known[r.IntN(len(known))] }
		var act qa.Act
		switch kind := r.IntN(7); {
		case kind < 2 || len(posts) == 0:
			act = qa.Act{Kind: qa.ActPost, Text: fmt.Sprint("post ", k)}
			by = n
		case kind == 2:
			act = qa.Act{Kind: qa.ActPost, Parent: some(), Text: fmt.Sprint("reply ", k)}
			by = n
		case kind == 3:
			act = qa.Act{Kind: qa.ActReact, Post: some(), Emoji: []string{"👍", qa.WantEmoji}[r.IntN(2)], On: r.IntN(3) > 0}
		case kind == 4:
			act, by = qa.Act{Kind: qa.ActEdit, Post: some(), Text: fmt.Sprint("edited ", k)}, n
		case kind == 5:
			act, by = qa.Act{Kind: qa.ActMark, Post: some(), Mark: schema.KeyHidden, Text: []string{"", "why"}[r.IntN(2)]}, n
		default:
			act = qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: fmt.Sprint("name ", k)}}
		}
		post, err := by.Do(testContext(t), id, act)
		if err != nil {
			t.Fatalf("%+v: %v", act, err)
		}
		if act.Kind == qa.ActPost {
			posts = append(posts, post)
		}
		if k%20 == 19 {
			synced = len(posts)
			for _, d := range []*replica.Node{n, other, n, other} {
				if err := d.Sync(testContext(t), id); err != nil {
					t.Fatal(err)
				}
			}
		}
		if k%10 != 9 {
			continue
		}
		for _, d := range []*replica.Node{n, other} {
			// The relay may send something between the two reads.
			eventually(t, d, fmt.Sprintf("after act %d, that a week is what reading all rows gives", k), func() bool {
				kept := weekOf(t, d, id)
				read, err := d.ReadWeek(testContext(t), id)
				if err != nil {
					t.Fatal(err)
				}
				threads = len(read.Threads)
				return reflect.DeepEqual(kept, read)
			})
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if threads < 5 {
		t.Errorf("only %d threads were made", threads)
	}
}

// interruptedStore calls during once, after it has read posts.
type interruptedStore struct {
	rowsStore
	during func()
}

func (s *interruptedStore) interrupt() {
	if f := s.during; f != nil {
		s.during = nil
		f()
	}
}

func (s *interruptedStore) Posts(ctx context.Context, id qa.EventID) ([]qa.Post, error) {
	posts, err := s.rowsStore.Posts(ctx, id)
	s.interrupt()
	return posts, err
}

func (s *interruptedStore) Post(ctx context.Context, id qa.EventID, post qa.PostID) (qa.Post, error) {
	p, err := s.rowsStore.Post(ctx, id, post)
	s.interrupt()
	return p, err
}

// TestRowsWrittenDuringAReadAreReadAgain: what is written, or read by somebody else, while a week is read, is in the week that
// is read next.
func TestRowsWrittenDuringAReadAreReadAgain(t *testing.T) {
	store := &interruptedStore{rowsStore: rowsStore{Store: mem.New()}}
	n := openNode(t, replica.Config{Store: store})
	id := createEvent(t, n, "")
	first := ask(t, n, id, "first")
	check := func(during string, read func(), want ...string) {
		t.Helper()
		store.during = read
		weekOf(t, n, id)
		if store.during != nil {
			t.Fatalf("%s: no posts were read", during)
		}
		if got := texts(weekOf(t, n, id)); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %q, want %q", during, got, want)
		}
	}
	check("a new question while all are read", func() { ask(t, n, id, "second") }, "first", "second")
	ask(t, n, id, "third")
	check("an edit while one is read", func() {
		do(t, n, id, qa.Act{Kind: qa.ActEdit, Post: first, Text: "first!"})
	}, "first!", "second", "third")
	ask(t, n, id, "fourth")
	check("an edit that somebody else has read already", func() {
		do(t, n, id, qa.Act{Kind: qa.ActEdit, Post: first, Text: "first!!"})
		weekOf(t, n, id)
	}, "first!!", "second", "third", "fourth")
	ask(t, n, id, "fifth")
	check("an edit that is read, and then other weeks, while one is read", func() {
		do(t, n, id, qa.Act{Kind: qa.ActEdit, Post: first, Text: "first!!!"})
		weekOf(t, n, id)
		for range 5 {
			other := createEvent(t, n, "")
			weekOf(t, n, other)
		}
	}, "first!!!", "second", "third", "fourth", "fifth")
	ask(t, n, id, "sixth")
	store.since()
	check("a rebuild", func() {
		if err := n.Rebuild(testContext(t), id); err != nil {
			t.Fatal(err)
		}
	}, "first!!!", "second", "third", "fourth", "fifth", "sixth")
	if all, _, _ := store.since(); all != 1 {
		t.Errorf("after a rebuild all posts were read %d times", all)
	}
}

// TestManyChangedPostsAreReadAtOnce: if many posts have changed, they are not read one by one.
func TestManyChangedPostsAreReadAtOnce(t *testing.T) {
	store := &rowsStore{Store: mem.New()}
	n := openNode(t, replica.Config{Store: store})
	id := createEvent(t, n, "")
	weekOf(t, n, id)
	acts := make([]qa.Act, 501)
	for i := range acts {
		acts[i] = qa.Act{Kind: qa.ActPost, Text: fmt.Sprint("question ", i)}
	}
	if err := n.DoAll(testContext(t), id, acts); err != nil {
		t.Fatal(err)
	}
	store.since()
	w := weekOf(t, n, id)
	if all, single, _ := store.since(); len(w.Threads) != len(acts) || all != 1 || single != 0 {
		t.Errorf("%d questions: all posts were read %d times, single ones %d times", len(w.Threads), all, single)
	}
}

// TestTimesInTheFutureArrive: a post whose clock is ahead is shown with the time of reading, until its time has come.
func TestTimesInTheFutureArrive(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	n := openNode(t, replica.Config{Store: mem.New(), Now: func() time.Time { return now }})
	id := createEvent(t, n, "")
	begin := now
	now = begin.Add(time.Hour)
	ask(t, n, id, "from the future")
	for _, minutes := range []int{0, 20, 40, 60, 80} {
		now = begin.Add(time.Duration(minutes) * time.Minute)
		want := begin.Add(time.Duration(min(minutes, 60)) * time.Minute).UnixMilli()
		if got := weekOf(t, n, id).Threads[0].Question.AtMillis; got != want {
			t.Errorf("after %d minutes: %d, want %d", minutes, got, want)
		}
	}
}

// TestAProfileIsOfferedOnce: a device without a name asks for its profile once in a run, not with all changes that arrive.
func TestAProfileIsOfferedOnce(t *testing.T) {
	host := startRelay(t)
	var asked atomic.Int64
	n := openNode(t, replica.Config{Store: mem.New(), Introduction: func(context.Context) (qa.Act, bool, error) {
		asked.Add(1)
		return qa.Act{}, false, nil
	}})
	id := createEvent(t, n, host.url())
	for range 3 {
		if err := n.Sync(testContext(t), id); err != nil {
			t.Fatal(err)
		}
	}
	if got := asked.Load(); got != 1 {
		t.Errorf("asked %d times", got)
	}
}
