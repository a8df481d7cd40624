// Package storagetest is the suite that every storage.Store passes.
//
// It checks only the common contract.
package storagetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/storage"
)

// Open returns an empty store, which is closed when the test ends, and a function that closes
// it and opens it again. For a store whose data does not outlive Close, the function returns
// the store without closing it.
type Open func(t *testing.T) (s storage.Store, reopen func() storage.Store)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"AppendIsIdempotent", appendIsIdempotent},
		{"AppendIsAllOrNothing", appendIsAllOrNothing},
		{"EntriesKeepEverything", entriesKeepEverything},
		{"PositionsAscendAndAreNeverReused", positions},
		{"WalksInPages", walks},
		{"DocumentsAreSeparate", documents},
		{"DeliveredAndUndelivered", delivered},
		{"StatusDecidesWhatCounts", status},
		{"ExclusionIsOneTransaction", exclusion},
		{"ViewsAreReplaced", viewsAreReplaced},
		{"Reactions", reactions},
		{"ReplaceViews", replaceViews},
		{"Search", search},
		{"SearchHostile", searchHostile},
		{"Settings", settings},
		{"Following", following},
		{"Snapshots", snapshots},
		{"OwnMemory", ownMemory},
		{"Concurrency", concurrency},
		{"Cancelled", cancelled},
		{"Closed", closed},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open) })
	}
}

const (
	eventA = qa.EventID("2akvofn6L1o4RMUEMQi7qzwRjKWZ")
	eventB = qa.EventID("4NMNnkMhL8jXrdJ9jamS58PAVdXu")
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func wantEqual[T any](t *testing.T, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func readAll(t *testing.T, s storage.Store, event qa.EventID, after int64) []storage.Entry {
	t.Helper()
	var all []storage.Entry
	must(t, s.Entries(t.Context(), event, after, func(e storage.Entry) error { all = append(all, e); return nil }))
	return all
}

func hashes(entries []storage.Entry) []wire.Hash {
	var all []wire.Hash
	for _, e := range entries {
		all = append(all, e.Hash())
	}
	return all
}

func counts(t *testing.T, s storage.Store, event qa.EventID) storage.Counts {
	t.Helper()
	c, err := s.Counts(t.Context(), event)
	must(t, err)
	return c
}

func appendIsIdempotent(t *testing.T, open Open) {
	s, reopen := open(t)
	must(t, s.Append(t.Context()))
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA}))
	entries := Entries("a", 0, 5, true)
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA, Entries: entries[:3]}))
	before := readAll(t, s, eventA, 0)

	// Known entries with different fields, together with new ones, and one twice in a call.
	again := slices.Clone(entries)
	for i := range again {
		again[i].ReceivedAtMillis++
		again[i].Own = false
		again[i].Act = nil
		again[i].Status = storage.Refused
	}
	post := Post("p", "first")
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA, Entries: append(again[:3:3], entries[3], entries[3])},
		storage.Batch{Event: eventA, Entries: entries[2:], Views: storage.ViewUpdate{Posts: []qa.Post{post}}}))
	s = reopen()
	after := readAll(t, s, eventA, 0)
	wantEqual(t, hashes(after), hashes(entries))
	wantEqual(t, after[:3], before)

	// Views are applied even when every entry is known.
	post.Revisions[0].Text = "second"
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA, Entries: entries[:1], Views: storage.ViewUpdate{Posts: []qa.Post{post}}}))
	got, err := s.Post(t.Context(), eventA, "p")
	must(t, err)
	wantEqual(t, got.Text(), "second")
	wantEqual(t, counts(t, s, eventA), storage.Counts{Changes: 5, Undelivered: 5, Posts: 1, Last: after[4].Position})
}

func appendIsAllOrNothing(t *testing.T, open Open) {
	s, reopen := open(t)
	good := storage.Batch{
		Event: eventA, Entries: Entries("a", 0, 3, true),
		Views:  storage.ViewUpdate{Event: &qa.Event{ID: eventA, Title: "T"}, Posts: []qa.Post{Post("p", "x")}},
		Follow: &storage.Following{Event: eventA, Relay: "wss://relay.example", JoinedAtMillis: 3},
	}
	for name, spoil := range map[string]func(*storage.Entry){
		"no change":      func(e *storage.Entry) { e.Chunk = wire.Chunk{} },
		"long signature": func(e *storage.Entry) { e.Signature = make([]byte, 65) },
	} {
		bad := storage.Batch{Event: eventB, Entries: Entries("b", 0, 3, true)}
		spoil(&bad.Entries[2])
		err := s.Append(t.Context(), good, bad)
		if !errors.Is(err, storage.ErrMalformed) {
			t.Fatalf("%s: error %v, want %v", name, err, storage.ErrMalformed)
		}
		s = reopen()
		for _, event := range []qa.EventID{eventA, eventB} {
			wantEqual(t, counts(t, s, event), storage.Counts{})
			wantEqual(t, len(readAll(t, s, event, 0)), 0)
		}
		_, err = s.Event(t.Context(), eventA)
		wantError(t, err, storage.ErrNotFound)
		found, err := s.Search(t.Context(), eventA, "x", 10)
		must(t, err)
		wantEqual(t, len(found), 0)
		following, err := s.Following(t.Context())
		must(t, err)
		wantEqual(t, len(following), 0)
	}
	must(t, s.Append(t.Context(), good, storage.Batch{Event: eventB, Entries: Entries("b", 0, 3, true)}))
	s = reopen()
	following, err := s.Following(t.Context())
	must(t, err)
	wantEqual(t, following, []storage.Following{*good.Follow})
	wantEqual(t, counts(t, s, eventA).Changes, 3)
	wantEqual(t, counts(t, s, eventB).Changes, 3)
}

func entriesKeepEverything(t *testing.T, open Open) {
	s, reopen := open(t)
	full := Entry("a", 0, true)
	full.Seq = 1<<63 + 5
	full.Status, full.Delivered = storage.Excluded, true
	minimal := Entry("b", 1, false)
	minimal.Signature, minimal.ReceivedAtMillis = nil, -5
	minimal.Status = storage.Deferred
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA, Entries: []storage.Entry{full, minimal}}))
	s = reopen()
	all := readAll(t, s, eventA, 0)
	full.Position, minimal.Position = all[0].Position, all[1].Position
	wantEqual(t, all, []storage.Entry{full, minimal})
	one, err := s.Entry(t.Context(), eventA, minimal.Hash())
	must(t, err)
	wantEqual(t, one, minimal)
	_, err = s.Entry(t.Context(), eventB, minimal.Hash())
	wantError(t, err, storage.ErrNotFound)
	_, err = s.Entry(t.Context(), eventA, wire.Hash{})
	wantError(t, err, storage.ErrNotFound)
}

func positions(t *testing.T, open Open) {
	s, reopen := open(t)
	var last int64
	for n := range 30 {
		event := []qa.EventID{eventA, eventB}[n%2]
		must(t, s.Append(t.Context(), storage.Batch{Event: event, Entries: Entries("a", n, n+2, false)}))
		all := readAll(t, s, event, last)
		if len(all) == 0 {
			t.Fatalf("append %d: nothing after position %d", n, last)
		}
		for _, e := range all {
			if e.Position <= last {
				t.Fatalf("append %d: position %d after %d", n, e.Position, last)
			}
			last = e.Position
		}
		wantEqual(t, counts(t, s, event).Last, last)
		if n%10 == 9 {
			s = reopen()
		}
	}
	wantEqual(t, len(readAll(t, s, eventA, last)), 0)
}

func walks(t *testing.T, open Open) {
	s, _ := open(t)
	const n = 700 // more than the page size of every implementation
	entries := Entries("a", 0, n, true)
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA, Entries: entries}))
	all := readAll(t, s, eventA, 0)
	wantEqual(t, hashes(all), hashes(entries))
	wantEqual(t, hashes(readAll(t, s, eventA, all[400].Position)), hashes(entries[401:]))

	stop := errors.New("stop")
	visited := 0
	err := s.Entries(t.Context(), eventA, 0, func(storage.Entry) error {
		if visited++; visited == 300 {
			return stop
		}
		return nil
	})
	wantError(t, err, stop)
	wantEqual(t, visited, 300)

	// fn may call the store, and also write to it.
	visited = 0
	must(t, s.Undelivered(t.Context(), eventA, func(e storage.Entry) error {
		visited++
		return s.SetDelivered(t.Context(), eventA, true, e.Hash())
	}))
	wantEqual(t, visited, n)
	wantEqual(t, counts(t, s, eventA).Undelivered, 0)
}

func documents(t *testing.T, open Open) {
	s, reopen := open(t)
	shared := Entry("s", 0, true)
	must(t, s.Append(t.Context(), storage.Batch{Event: eventB, Entries: []storage.Entry{shared}},
		storage.Batch{Event: eventA, Entries: []storage.Entry{shared, Entry("a", 1, true)}}))
	// Views alone do not make a document.
	must(t, s.ReplaceViews(t.Context(), "other", storage.ViewUpdate{Posts: []qa.Post{Post("p", "x")}}))
	must(t, s.SetDelivered(t.Context(), eventA, true, shared.Hash()))
	s = reopen()
	all, err := s.Documents(t.Context())
	must(t, err)
	wantEqual(t, all, []qa.EventID{eventA, eventB})
	wantEqual(t, counts(t, s, eventA).Undelivered, 1)
	wantEqual(t, counts(t, s, eventB).Undelivered, 1)
	wantEqual(t, counts(t, s, "nowhere"), storage.Counts{})
	wantEqual(t, len(readAll(t, s, "nowhere", 0)), 0)
}

func delivered(t *testing.T, open Open) {
	s, reopen := open(t)
	own, others := Entries("a", 0, 4, true), Entries("b", 0, 4, false)
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA, Entries: append(own[:4:4], others...)}))
	undeliveredHashes := func() []wire.Hash {
		var all []storage.Entry
		must(t, s.Undelivered(t.Context(), eventA, func(e storage.Entry) error { all = append(all, e); return nil }))
		wantEqual(t, len(all), counts(t, s, eventA).Undelivered)
		return hashes(all)
	}
	wantEqual(t, undeliveredHashes(), hashes(own))
	must(t, s.SetDelivered(t.Context(), eventA, true, own[0].Hash(), own[2].Hash(), others[0].Hash(), wire.Hash{9}))
	s = reopen()
	wantEqual(t, undeliveredHashes(), []wire.Hash{own[1].Hash(), own[3].Hash()})
	e, err := s.Entry(t.Context(), eventA, others[0].Hash())
	must(t, err)
	wantEqual(t, e.Delivered, false)
	must(t, s.SetDelivered(t.Context(), eventA, true))
	wantEqual(t, len(undeliveredHashes()), 0)
	must(t, s.SetDelivered(t.Context(), eventA, false, own[3].Hash()))
	wantEqual(t, undeliveredHashes(), []wire.Hash{own[3].Hash()})
	must(t, s.SetDelivered(t.Context(), eventA, false)) // as for a new relay, which has nothing
	wantEqual(t, undeliveredHashes(), hashes(own))
	must(t, s.SetDelivered(t.Context(), "nowhere", true))
}

func status(t *testing.T, open Open) {
	s, reopen := open(t)
	own := Entries("a", 0, 6, true)
	own[5].Status = storage.Refused
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA, Entries: own}))
	wantEqual(t, counts(t, s, eventA).Changes, 5)
	wantEqual(t, counts(t, s, eventA).Undelivered, 5)
	set := func(event qa.EventID, statuses map[wire.Hash]storage.Status) {
		t.Helper()
		must(t, s.Append(t.Context(), storage.Batch{Event: event, Statuses: statuses}))
	}
	set(eventA, map[wire.Hash]storage.Status{
		own[0].Hash(): storage.Deferred, own[1].Hash(): storage.Refused, own[2].Hash(): storage.Excluded, {1}: storage.Deferred,
	})
	set(eventA, nil)
	set("nowhere", map[wire.Hash]storage.Status{own[3].Hash(): storage.Excluded})
	s = reopen()
	c := counts(t, s, eventA)
	wantEqual(t, c.Changes, 2)
	wantEqual(t, c.Undelivered, 2)
	var statuses []storage.Status
	for _, e := range readAll(t, s, eventA, 0) {
		statuses = append(statuses, e.Status)
	}
	wantEqual(t, statuses, []storage.Status{storage.Deferred, storage.Refused, storage.Excluded, 0, 0, storage.Refused})
	wantEqual(t, c.Last, readAll(t, s, eventA, 0)[5].Position)
	set(eventA, map[wire.Hash]storage.Status{own[0].Hash(): storage.InDocument, own[5].Hash(): storage.InDocument})
	wantEqual(t, counts(t, s, eventA).Changes, 4)
}

func settings(t *testing.T, open Open) {
	s, reopen := open(t)
	_, err := s.Setting(t.Context(), "draft/a/1")
	wantError(t, err, storage.ErrNotFound)
	want := map[string]string{
		"draft/a/1": "x", "draft/a/2": "", "draft/a\U0010ffff": "edge", "draft/b": "y", "Draft/a/1": "z",
		"dra%t": "%", "zeta": "ζ\x00\"'",
	}
	for k, v := range want {
		must(t, s.SetSetting(t.Context(), k, "old"))
		must(t, s.SetSetting(t.Context(), k, v))
	}
	s = reopen()
	for prefix, n := range map[string]int{"": 7, "draft/a/": 2, "draft/a": 3, "draft/": 4, "Draft": 1, "dra%": 1, "dra_": 0, "none": 0, "zeta": 1} {
		got, err := s.Settings(t.Context(), prefix)
		must(t, err)
		if len(got) != n {
			t.Fatalf("prefix %q: %v, want %d", prefix, got, n)
		}
		for k, v := range got {
			wantEqual(t, v, want[k])
		}
	}
	v, err := s.Setting(t.Context(), "zeta")
	must(t, err)
	wantEqual(t, v, want["zeta"])
	must(t, s.DeleteSetting(t.Context(), "zeta"))
	must(t, s.DeleteSetting(t.Context(), "zeta"))
	_, err = s.Setting(t.Context(), "zeta")
	wantError(t, err, storage.ErrNotFound)
}

func following(t *testing.T, open Open) {
	s, reopen := open(t)
	must(t, s.Append(t.Context(), storage.Batch{
		Event: eventA, Entries: Entries("a", 0, 2, true),
		Views: storage.ViewUpdate{Posts: []qa.Post{Post("p", "x")}},
	}))
	all := []storage.Following{
		{Event: eventB, Relay: "", JoinedAtMillis: 5},
		{Event: eventA, Relay: "wss://relay.example/", JoinedAtMillis: 7},
		{Event: "zzz", Relay: "ws://localhost:1", JoinedAtMillis: 7},
	}
	for i := range all {
		must(t, s.Follow(t.Context(), all[len(all)-1-i]))
	}
	must(t, s.Follow(t.Context(), all[0]))
	s = reopen()
	got, err := s.Following(t.Context())
	must(t, err)
	wantEqual(t, got, all)
	must(t, s.Unfollow(t.Context(), eventA))
	must(t, s.Unfollow(t.Context(), eventA))
	got, err = s.Following(t.Context())
	must(t, err)
	wantEqual(t, got, []storage.Following{all[0], all[2]})
	// The changes stay, because no other device may have them yet.
	wantEqual(t, counts(t, s, eventA).Undelivered, 2)
	wantEqual(t, counts(t, s, eventA).Posts, 1)
}

func snapshots(t *testing.T, open Open) {
	s, reopen := open(t)
	_, err := s.Snapshot(t.Context(), eventA)
	wantError(t, err, storage.ErrNotFound)
	must(t, s.SaveSnapshot(t.Context(), eventA, storage.Snapshot{Position: 3, Bytes: []byte("old")}))
	want := storage.Snapshot{Position: 9, Bytes: make([]byte, 1<<20)}
	want.Bytes[12345] = 1
	must(t, s.SaveSnapshot(t.Context(), eventA, want))
	must(t, s.SaveSnapshot(t.Context(), eventB, storage.Snapshot{Position: 1}))
	s = reopen()
	got, err := s.Snapshot(t.Context(), eventA)
	must(t, err)
	wantEqual(t, got, want)
	got, err = s.Snapshot(t.Context(), eventB)
	must(t, err)
	wantEqual(t, got.Position, int64(1))
	wantEqual(t, len(got.Bytes), 0)
}

func ownMemory(t *testing.T, open Open) {
	s, _ := open(t)
	e, p := Entry("a", 0, true), Post("p", "mine")
	p.Tags = []string{"tag"}
	p.X = map[string]string{"k": "v"}
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA, Entries: []storage.Entry{e}, Views: storage.ViewUpdate{Posts: []qa.Post{p}}}))
	want := Entry("a", 0, true)
	spoil := func(e storage.Entry, p qa.Post) {
		clear(e.Bytes())
		clear(e.Act)
		clear(e.Signature)
		p.Revisions[0].Text, p.Tags[0], p.X["k"] = "theirs", "theirs", "theirs"
	}
	spoil(e, p)
	for range 2 {
		got := readAll(t, s, eventA, 0)[0]
		want.Position = got.Position
		wantEqual(t, got, want)
		post, err := s.Post(t.Context(), eventA, "p")
		must(t, err)
		wantEqual(t, []string{post.Text(), post.Tags[0], post.X["k"]}, []string{"mine", "tag", "v"})
		spoil(got, post)
	}
}

func cancelled(t *testing.T, open Open) {
	s, _ := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 5 { // often enough to detect a connection that was not returned to its pool
		wantError(t, s.Append(ctx, storage.Batch{Event: eventA, Entries: Entries("a", 0, 1, true)}), context.Canceled)
		_, err := s.Posts(ctx, eventA)
		wantError(t, err, context.Canceled)
	}
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA, Entries: Entries("a", 0, 600, true)}))

	// Cancel in the middle of a walk.
	ctx, cancel = context.WithCancel(t.Context())
	err := s.Entries(ctx, eventA, 0, func(storage.Entry) error { cancel(); return nil })
	wantError(t, err, context.Canceled)
	wantEqual(t, counts(t, s, eventA).Changes, 600)
}

func closed(t *testing.T, open Open) {
	s, _ := open(t)
	must(t, s.Append(t.Context(), storage.Batch{Event: eventA, Entries: Entries("a", 0, 1, true)}))
	must(t, s.Close())
	must(t, s.Close())
	ctx := t.Context()
	none := func(storage.Entry) error { return nil }
	second := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"Append":         s.Append(ctx, storage.Batch{Event: eventA, Entries: Entries("a", 1, 2, true)}),
		"Append nothing": s.Append(ctx),
		"Entries":        s.Entries(ctx, eventA, 0, none),
		"Undelivered":    s.Undelivered(ctx, eventA, none),
		"Entry":          second(s.Entry(ctx, eventA, wire.Hash{})),
		"Documents":      second(s.Documents(ctx)),
		"SetDelivered":   s.SetDelivered(ctx, eventA, true),
		"Counts":         second(s.Counts(ctx, eventA)),
		"Event":          second(s.Event(ctx, eventA)),
		"Posts":          second(s.Posts(ctx, eventA)),
		"Post":           second(s.Post(ctx, eventA, "p")),
		"People":         second(s.People(ctx, eventA)),
		"Search":         second(s.Search(ctx, eventA, "x", 1)),
		"ReplaceViews":   s.ReplaceViews(ctx, eventA, storage.ViewUpdate{}),
		"Follow":         s.Follow(ctx, storage.Following{}),
		"Unfollow":       s.Unfollow(ctx, eventA),
		"Following":      second(s.Following(ctx)),
		"Setting":        second(s.Setting(ctx, "k")),
		"SetSetting":     s.SetSetting(ctx, "k", "v"),
		"DeleteSetting":  s.DeleteSetting(ctx, "k"),
		"Settings":       second(s.Settings(ctx, "")),
		"SaveSnapshot":   s.SaveSnapshot(ctx, eventA, storage.Snapshot{}),
		"Snapshot":       second(s.Snapshot(ctx, eventA)),
	} {
		if !errors.Is(err, storage.ErrClosed) {
			t.Errorf("%s after Close: %v, want %v", name, err, storage.ErrClosed)
		}
	}
}

// concurrency runs readers and writers at the same time: no call fails, and no reader sees a
// part of a batch.
func concurrency(t *testing.T, open Open) {
	s, _ := open(t)
	const writers, batches, size = 3, 20, 5
	ctx := t.Context()
	fail := make(chan error, writers+3)
	writing := make(chan struct{}, writers)
	for w := range writers {
		go func() {
			defer func() { writing <- struct{}{} }()
			for b := range batches {
				var posts []qa.Post
				for i := range size {
					posts = append(posts, Post(fmt.Sprintf("p%d-%d-%d", w, b, i), "word"))
				}
				if err := s.Append(ctx, storage.Batch{
					Event: eventA, Entries: Entries(fmt.Sprint(w), b*size, (b+1)*size, true),
					Views: storage.ViewUpdate{Posts: posts},
				}); err != nil {
					fail <- err
					return
				}
			}
		}()
	}
	reads := make(chan int, 3)
	stop := make(chan struct{})
	for _, check := range []func() error{
		func() error {
			c, err := s.Counts(ctx, eventA)
			if err == nil && (c.Changes%size != 0 || c.Changes != c.Posts) {
				err = fmt.Errorf("half a batch: %+v", c)
			}
			return err
		},
		func() error {
			p, err := s.Posts(ctx, eventA)
			if err == nil && len(p)%size != 0 {
				err = fmt.Errorf("half a batch: %d posts", len(p))
			}
			return err
		},
		func() error {
			_, err := s.Search(ctx, eventA, "wor", 10)
			if err != nil {
				return err
			}
			return s.Entries(ctx, eventA, 0, func(storage.Entry) error { return nil })
		},
	} {
		go func() {
			n := 0
			defer func() { reads <- n }()
			for {
				if err := check(); err != nil {
					fail <- err
					return
				}
				n++
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
	}
	for range writers {
		<-writing
	}
	close(stop)
	for range 3 {
		if n := <-reads; n == 0 {
			t.Error("a reader did not read")
		}
	}
	close(fail)
	for err := range fail {
		t.Error(err)
	}
	wantEqual(t, counts(t, s, eventA).Changes, writers*batches*size)
	if got := len(readAll(t, s, eventA, 0)); got != writers*batches*size {
		t.Errorf("%d entries", got)
	}
}
