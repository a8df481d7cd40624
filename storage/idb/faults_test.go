//go:build js && wasm

package idb_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall/js"
	"testing"
	"time"

	"flyleaf/qa"
	"flyleaf/storage"
	"flyleaf/storage/idb"
	"flyleaf/storage/storagetest"
)

const event = qa.EventID("2akvofn6L1o4RMUEMQi7qzwRjKWZ")

// batchSize is how many changes a batch has in these tests. It also has one post.
const batchSize = 5

// batch returns the n-th batch.
func batch(n int) storage.Batch {
	return storage.Batch{
		Event: event, Entries: storagetest.Entries("a", batchSize*n, batchSize*(n+1), true),
		Views: storage.ViewUpdate{Posts: []qa.Post{storagetest.Post(fmt.Sprintf("p%d", n), "words of it")}},
	}
}

// checkBatches fails the test unless the store has exactly n complete batches.
func checkBatches(t *testing.T, s *idb.Store, n int) {
	t.Helper()
	c, err := s.Counts(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	if c.Changes != batchSize*n || c.Posts != n || c.Undelivered != batchSize*n {
		t.Fatalf("%+v, want %d complete batches", c, n)
	}
}

func appendBatches(t *testing.T, s *idb.Store, n int) {
	t.Helper()
	for i := range n {
		if err := s.Append(t.Context(), batch(i)); err != nil {
			t.Fatal(err)
		}
	}
}

const killed = "killed"

// TestKilledAnywhere terminates a writing worker at random moments: afterwards acknowledged
// batches are present, and unacknowledged ones are complete or absent.
func TestKilledAnywhere(t *testing.T) {
	if err := idb.Delete(t.Context(), killed); err != nil {
		t.Fatal(err)
	}
	stored := 0
	for range 15 {
		acknowledged := make(chan int, 1000)
		worker := js.Global().Get("Worker").New("worker.js#-test.run=^TestWriter$")
		onMessage := js.FuncOf(func(_ js.Value, args []js.Value) any {
			acknowledged <- args[0].Get("data").Int()
			return nil
		})
		worker.Set("onmessage", onMessage)
		last := stored - 1
		for more := 1 + rand.IntN(8); more > 0; more-- {
			last = <-acknowledged
		}
		time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond) // a random moment; the test waits for nothing
		worker.Call("terminate")
		onMessage.Release()
		for len(acknowledged) > 0 {
			last = <-acknowledged
		}
		s, err := idb.Open(t.Context(), killed)
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.Counts(t.Context(), event)
		if err != nil {
			t.Fatal(err)
		}
		stored = c.Changes / batchSize
		checkBatches(t, s, stored)
		if stored <= last {
			t.Fatalf("%d batches are stored, and number %d was acknowledged", stored, last)
		}
		if err := s.Entries(t.Context(), event, 0, func(storage.Entry) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d batches stored", stored)
}

// TestWriter is the worker of TestKilledAnywhere: it appends until it is terminated.
func TestWriter(t *testing.T) {
	if !js.Global().Get("importScripts").Truthy() {
		t.Skip("for a worker that another test starts")
	}
	s, err := idb.Open(context.Background(), killed)
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Counts(context.Background(), event)
	if err != nil {
		t.Fatal(err)
	}
	for n := c.Changes / batchSize; ; n++ {
		if err := s.Append(context.Background(), batch(n)); err != nil {
			t.Fatal(err)
		}
		js.Global().Call("postMessage", n)
	}
}

const noRoom = "no room"

// TestFullStoreKeepsNoPartOfABatch runs with a small quota: Append returns ErrFull, and no
// batch is stored in part.
func TestFullStoreKeepsNoPartOfABatch(t *testing.T) {
	if err := idb.Delete(t.Context(), noRoom); err != nil {
		t.Fatal(err)
	}
	s := openNamed(t, noRoom)
	// The browser checks the quota only from time to time, so some batches fit beyond it.
	n := 0
	for ; ; n++ {
		b := batch(n)
		large := make([]byte, 1<<20)
		for i := range large {
			large[i] = byte('a' + rand.IntN(26)) // does not compress well
		}
		b.Views.Posts[0].Revisions[0].Text = string(large)
		err := s.Append(t.Context(), b)
		if errors.Is(err, storage.ErrFull) {
			break
		}
		if err != nil || n == 200 {
			t.Fatalf("after %d batches: %v, want ErrFull", n, err)
		}
	}
	if n == 0 {
		t.Error("nothing could be stored")
	}
	checkBatches(t, s, n)
}

// TestFullStoreWorksAgainWithRoom runs after TestFullStoreKeepsNoPartOfABatch, with the normal
// quota.
func TestFullStoreWorksAgainWithRoom(t *testing.T) {
	s := openNamed(t, noRoom)
	c, err := s.Counts(t.Context(), event)
	if err != nil || c.Posts == 0 {
		t.Fatal(c, err)
	}
	if err := s.Append(t.Context(), batch(c.Posts)); err != nil {
		t.Fatal(err)
	}
	checkBatches(t, s, c.Posts+1)
}

// TestDeletedWhileOpen: if the site's data is cleared while the program runs, Append returns
// ErrDeleted.
func TestDeletedWhileOpen(t *testing.T) {
	s := fresh(t)
	appendBatches(t, s, 2)
	if err := idb.Delete(t.Context(), t.Name()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Append(t.Context(), batch(2)); !errors.Is(err, storage.ErrDeleted) {
			t.Fatalf("%v, want ErrDeleted", err)
		}
	}
	checkBatches(t, open(t), 0)
}

// TestConnectionLost: the store works on when the browser closes the connection.
func TestConnectionLost(t *testing.T) {
	s := fresh(t)
	appendBatches(t, s, 1)
	for n := 1; n < 4; n++ {
		s.LoseConnection()
		checkBatches(t, s, n)
		s.LoseConnection()
		if err := s.Append(t.Context(), batch(n)); err != nil {
			t.Fatal(err)
		}
	}
	checkBatches(t, s, 4)
}

// TestTwoVersions: when a newer version of the program upgrades the database, the older one
// closes its connection, returns ErrNewer, and changes nothing.
func TestTwoVersions(t *testing.T) {
	s := fresh(t)
	appendBatches(t, s, 2)
	newer, err := idb.RawOpen(t.Context(), t.Name(), 99)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), batch(2)); !errors.Is(err, storage.ErrNewer) {
		t.Fatalf("%v, want ErrNewer", err)
	}
	if _, err := idb.Open(t.Context(), t.Name()); !errors.Is(err, storage.ErrNewer) {
		t.Fatalf("%v, want ErrNewer", err)
	}
	count := newer.Call("transaction", "changes").Call("objectStore", "changes").Call("count")
	done := make(chan int, 1)
	on := js.FuncOf(func(js.Value, []js.Value) any { done <- count.Get("result").Int(); return nil })
	defer on.Release()
	count.Set("onsuccess", on)
	if n := <-done; n != 2*batchSize {
		t.Errorf("%d changes", n)
	}
	newer.Call("close")
}

// TestVersion1: a database of version 1 opens, its posts are found, and it can be written.
func TestVersion1(t *testing.T) {
	if err := idb.Delete(t.Context(), t.Name()); err != nil {
		t.Fatal(err)
	}
	old := storagetest.Post("old", "written by version one")
	rows, err := storage.EncodeViews(storage.ViewUpdate{Posts: []qa.Post{old}})
	if err != nil {
		t.Fatal(err)
	}
	if err := idb.CreateVersion1(t.Context(), t.Name(), event, rows.Posts[0]); err != nil {
		t.Fatal(err)
	}
	s := open(t)
	if err := s.Append(t.Context(), storage.Batch{Event: event, Views: storage.ViewUpdate{Posts: []qa.Post{storagetest.Post("new", "written by version two")}}}); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string][]qa.PostID{"version one": {"old"}, "two": {"new"}, "three": nil} {
		if got, err := s.Search(t.Context(), event, query, 9); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: found %q, want %q, %v", query, got, want, err)
		}
	}
	if got, err := s.SearchAll(t.Context(), "written", 9); err != nil || len(got) != 2 {
		t.Errorf("found %v, %v", got, err)
	}
	if p, err := s.Post(t.Context(), event, "old"); err != nil || p.Text() != old.Text() {
		t.Errorf("%+v, %v", p, err)
	}
	if n, err := s.PostIndexes(t.Context()); err != nil || n != 0 {
		t.Errorf("the posts still have %d indexes, %v", n, err)
	}
}

// TestTwoTabs: two programs of the same version can write into one database.
func TestTwoTabs(t *testing.T) {
	a := fresh(t)
	b := open(t)
	for n := 0; n < 6; n += 2 {
		if err := a.Append(t.Context(), batch(n)); err != nil {
			t.Fatal(err)
		}
		if err := b.Append(t.Context(), batch(n), batch(n+1)); err != nil {
			t.Fatal(err)
		}
	}
	checkBatches(t, a, 6)
	positions := map[int64]bool{}
	if err := a.Entries(t.Context(), event, 0, func(e storage.Entry) error { positions[e.Position] = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if len(positions) != 6*batchSize {
		t.Errorf("%d positions", len(positions))
	}
}

// TestForeignDatabase: a database that another program of the same site created is not opened.
func TestForeignDatabase(t *testing.T) {
	if err := idb.Delete(t.Context(), t.Name()); err != nil {
		t.Fatal(err)
	}
	db, err := idb.RawOpen(t.Context(), t.Name(), 1, "theirs")
	if err != nil {
		t.Fatal(err)
	}
	db.Call("close")
	if _, err := idb.Open(t.Context(), t.Name()); !errors.Is(err, storage.ErrForeign) {
		t.Fatalf("%v, want ErrForeign", err)
	}
	if db, err = idb.RawOpen(t.Context(), t.Name(), 1); err != nil {
		t.Fatalf("the other program cannot open its database any more: %v", err)
	}
	db.Call("close")
}

// TestDamage: damaged changes are listed, and repaired when they are appended again.
func TestDamage(t *testing.T) {
	s := fresh(t)
	appendBatches(t, s, 2)
	if err := s.Damage(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	none := func(storage.Entry) error { t.Error("a damaged change was returned"); return nil }
	var damaged *storage.DamagedError
	if err := s.Entries(t.Context(), event, 0, none); !errors.As(err, &damaged) || len(damaged.Hashes) != 2*batchSize {
		t.Fatal(err)
	}
	if _, err := s.Entry(t.Context(), event, damaged.Hashes[0]); !errors.Is(err, storage.ErrDamaged) {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), batch(0), batch(1)); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := s.Entries(t.Context(), event, 0, func(storage.Entry) error { n++; return nil }); err != nil || n != 2*batchSize {
		t.Fatal(n, err)
	}
}
