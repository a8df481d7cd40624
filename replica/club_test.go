package replica_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/replica/archive"
	"flyleaf/replica/relayclient"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// monday is when these tests are.
var monday = time.Date(2026, 11, 9, 10, 0, 0, 0, time.UTC)

func onMonday(cfg replica.Config) replica.Config {
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return monday }
	}
	return quick(cfg)
}

// weekFrom is a week that begins some days from now.
func weekFrom(title string, days int) qa.Event {
	e := qa.Event{Title: title, Authors: "Ilse Marrow"}
	d := monday.AddDate(0, 0, days)
	e.SetWeek(d.Year(), d.Month(), d.Day(), time.UTC)
	return e
}

func newClub(t *testing.T, n *replica.Node, relay string) qa.EventID {
	t.Helper()
	id, _, err := n.CreateEvent(bounded(t), qa.Event{Kind: "club", Title: "The Lamplight Readers"}, relay)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func newWeek(t *testing.T, n *replica.Node, e qa.Event, relay string) qa.EventID {
	t.Helper()
	id, _, err := n.CreateEvent(bounded(t), e, relay)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// list lists weeks in a club.
func list(t *testing.T, n *replica.Node, club qa.EventID, weeks ...qa.EventID) {
	t.Helper()
	var acts []qa.Act
	for _, id := range weeks {
		e := weekOf(t, n, id).Event
		w := e.Listing()
		acts = append(acts, w.Act(monday.UnixMilli()))
	}
	if err := n.DoAll(bounded(t), club, acts); err != nil {
		t.Fatal(err)
	}
}

func followed(t *testing.T, n *replica.Node) []qa.EventID {
	t.Helper()
	events, err := n.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []qa.EventID
	for _, e := range events {
		out = append(out, e.ID)
	}
	return out
}

// arrives waits for a week that is followed because of a club.
func arrives(t *testing.T, n *replica.Node, id qa.EventID, posts int) {
	t.Helper()
	eventually(t, n, "following "+string(id), func() bool { return slices.Contains(followed(t, n), id) })
	settled(t, n, id, posts)
}

// Joining the club once is enough: weeks that are near come by themselves, those
// of the archive when they are opened, and new ones as soon as they are listed.
func TestClubBringsItsWeeks(t *testing.T) {
	host := startRelay(t)
	a := openNode(t, onMonday(replica.Config{Store: mem.New()}))
	club := newClub(t, a, host.url())
	now, next, old := newWeek(t, a, weekFrom("now", 0), host.url()), newWeek(t, a, weekFrom("next", 7), host.url()), newWeek(t, a, weekFrom("old", -70), host.url())
	ask(t, a, now, "a question")
	ask(t, a, old, "an old question")
	a.Start(t.Context())
	list(t, a, club, now, next, old)

	store := mem.New()
	b := openNode(t, onMonday(replica.Config{Store: store}))
	b.Start(t.Context())
	join(t, b, club, host.url())
	arrives(t, b, now, 1)
	arrives(t, b, next, 0)
	if got := followed(t, b); slices.Contains(got, old) {
		t.Fatalf("the archive was fetched: %v", got)
	}
	if w, of, ok := b.Listed(old); !ok || of != club || w.Title != "old" || w.Relay != host.url() {
		t.Fatalf("listed as %+v in %s", w, of)
	}
	settled(t, a, club, 0)

	soon := newWeek(t, a, weekFrom("soon", 14), host.url())
	list(t, a, club, soon)
	arrives(t, b, soon, 0)
	if got := weekOf(t, b, soon).Event.Title; got != "soon" {
		t.Errorf("the new week is %q", got)
	}

	if err := b.Visit(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	settled(t, b, old, 1)
	if got := texts(weekOf(t, b, old)); !slices.Equal(got, []string{"an old question"}) {
		t.Errorf("%q", got)
	}
	if err := b.Visit(t.Context(), qa.MakeEventID([16]byte{9})); !errors.Is(err, replica.ErrUnknownEvent) {
		t.Errorf("a week of nobody: %v", err)
	}
}

// What is opened without a network says so, and comes when there is one.
func TestArchivedWeekIsOpenedOffline(t *testing.T) {
	host := startRelay(t)
	a := openNode(t, onMonday(replica.Config{Store: mem.New()}))
	club, old := newClub(t, a, host.url()), newWeek(t, a, weekFrom("old", -70), host.url())
	ask(t, a, old, "an old question")
	list(t, a, club, old)
	synced(t, a, club)
	synced(t, a, old)
	b := openNode(t, onMonday(replica.Config{Store: mem.New()}))
	b.Start(t.Context())
	join(t, b, club, host.url())
	settled(t, b, club, 0)

	host.stop()
	eventually(t, b, "being offline", func() bool { return statusOf(t, b, club).Relay.State != qa.RelaySynced })
	if err := b.Visit(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if s := statusOf(t, b, old); s.Relay.State == qa.RelaySynced || s.Relay.State == qa.RelayIdle || s.Changes != 0 {
		t.Errorf("offline and not here, it is said to be %+v", s)
	}
	host.start()
	settled(t, b, old, 1)
}

// A hundred weeks that are over are delivered in turns, and then cost nothing.
func TestWeeksThatAreOverRest(t *testing.T) {
	const weeks = 3 * archive.MaxAttached
	host := startRelay(t)
	a := openNode(t, onMonday(replica.Config{Store: mem.New()}))
	club := newClub(t, a, host.url())
	a.Start(t.Context())
	most := make(chan int)
	stop := make(chan struct{})
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				most <- n
				return
			case <-time.After(time.Millisecond):
				_, _, linked := a.Loaded()
				n = max(n, linked)
			}
		}
	}()
	var ids []qa.EventID
	var acts []qa.Act
	for i := range weeks {
		w := imported(3)
		w.Source = fmt.Sprint("page:", i)
		w.Event = weekFrom(fmt.Sprint("old ", i), -30-7*i)
		r, err := a.ImportListed(bounded(t), w, host.url())
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.Event)
		e := weekOf(t, a, r.Event).Event
		l := e.Listing()
		acts = append(acts, l.Act(1))
	}
	if err := a.DoAll(bounded(t), club, acts); err != nil {
		t.Fatal(err)
	}
	eventually(t, a, "all being delivered and at rest", func() bool {
		for _, id := range ids {
			if s := statusOf(t, a, id); s.Pending > 0 || s.Relay.State != qa.RelayIdle {
				return false
			}
		}
		return true
	})
	close(stop)
	if n := <-most; n > archive.MaxAttached+1 || n < 2 {
		t.Errorf("%d events were on the link at once, the club among them", n)
	}
	eventually(t, a, "having only the club in memory", func() bool {
		graphs, _, linked := a.Loaded()
		return graphs <= 1 && linked <= 1
	})
	settled(t, a, club, 0) // the list is on the relay, too
	b := openNode(t, onMonday(replica.Config{Store: mem.New()}))
	b.Start(t.Context())
	join(t, b, club, host.url())
	settled(t, b, club, 0)
	if got := followed(t, b); len(got) != 1 {
		t.Errorf("%d events are followed beside the club", len(got)-1)
	}
	if err := b.Visit(t.Context(), ids[weeks/2]); err != nil {
		t.Fatal(err)
	}
	settled(t, b, ids[weeks/2], 3)
}

// A week at rest is taken up again on the same connection: when somebody writes in
// it, and when somebody opens it.
func TestWeekAtRestIsTakenUpAgain(t *testing.T) {
	host := startRelay(t)
	now := monday
	clock := func() time.Time { return now }
	a := openNode(t, onMonday(replica.Config{Store: mem.New(), Now: clock}))
	club, old := newClub(t, a, host.url()), newWeek(t, a, weekFrom("old", -70), host.url())
	q := ask(t, a, old, "an old question")
	list(t, a, club, old)
	a.Start(t.Context())
	resting := func(n *replica.Node) func() bool {
		return func() bool {
			s := statusOf(t, n, old)
			return s.Relay.State == qa.RelayIdle && s.Pending == 0
		}
	}
	eventually(t, a, "being at rest", resting(a))

	b := openNode(t, onMonday(replica.Config{Store: mem.New()}))
	join(t, b, club, host.url())
	b.Start(t.Context())
	settled(t, b, club, 0)
	if err := b.Visit(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	settled(t, b, old, 1)
	do(t, b, old, qa.Act{Kind: qa.ActPost, Parent: q, Text: "after all these years"})
	settled(t, b, old, 2)

	// Nobody has opened it here, so it has not come.
	if s := statusOf(t, a, old); s.Posts != 1 || s.Relay.State != qa.RelayIdle {
		t.Fatalf("%+v", s)
	}
	if err := a.Visit(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	settled(t, a, old, 2)
	do(t, a, old, qa.Act{Kind: qa.ActPost, Parent: q, Text: "and once more"})
	settled(t, b, old, 3)
}

// oneRelay is a network with one relay on it, which counts the others asked for.
type oneRelay struct {
	url    string
	mu     sync.Mutex
	others map[string]bool
}

func (d *oneRelay) Dial(ctx context.Context, url string) (relayclient.Conn, error) {
	if url == d.url {
		return relayclient.WebSocket{}.Dial(ctx, url)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.others == nil {
		d.others = map[string]bool{}
	}
	d.others[url] = true
	return nil, errors.New("no such relay")
}

// A club's organiser decides what is listed, not how much a device takes on, nor
// through a club that the club lists.
func TestHostileClubIsBounded(t *testing.T) {
	host := startRelay(t)
	a := openNode(t, onMonday(replica.Config{Store: mem.New()}))
	outer, inner := newClub(t, a, host.url()), newClub(t, a, host.url())
	var acts, more []qa.Act
	for i := range 400 {
		e := weekFrom(fmt.Sprint(i), i+1)
		w := e.Listing()
		w.ID, w.Relay = qa.MakeEventID([16]byte{1, byte(i), byte(i >> 8)}), fmt.Sprintf("ws://relay-%d.example", i/2)
		acts = append(acts, w.Act(1))
		w.ID, w.Relay = qa.MakeEventID([16]byte{2, byte(i), byte(i >> 8)}), ""
		more = append(more, w.Act(1))
	}
	within := weekFrom("a club within, and the club itself", 0)
	for _, id := range []qa.EventID{inner, outer} {
		w := within.Listing()
		w.ID = id
		acts = append(acts, w.Act(1))
	}
	if err := a.DoAll(bounded(t), outer, acts); err != nil {
		t.Fatal(err)
	}
	if err := a.DoAll(bounded(t), inner, more); err != nil {
		t.Fatal(err)
	}
	synced(t, a, outer)
	synced(t, a, inner)

	net := &oneRelay{url: host.url()}
	b := openNode(t, onMonday(replica.Config{Store: mem.New(), Dial: net}))
	b.Start(t.Context())
	join(t, b, outer, host.url())
	arrives(t, b, inner, 0)
	settled(t, b, outer, 0)
	if got := len(followed(t, b)); got > qa.MaxFollowed+1 || got < 2*qa.MaxClubRelays {
		t.Errorf("%d events are followed", got)
	}
	net.mu.Lock()
	if len(net.others) > qa.MaxClubRelays {
		t.Errorf("%d relays were asked", len(net.others))
	}
	net.mu.Unlock()
	if err := b.Rebuild(bounded(t), inner); err != nil {
		t.Fatal(err)
	}
	for _, id := range followed(t, b) {
		if raw, _ := id.Bytes(); raw[0] == 2 && raw[3] == 0 {
			t.Errorf("a club within a club brought %s", id)
		}
	}
}

// What is taken off the list before it arrived is gone; what arrived stays.
func TestWeekTakenOffTheList(t *testing.T) {
	store := mem.New()
	a := openNode(t, onMonday(replica.Config{Store: store, Offline: true}))
	club, here := newClub(t, a, ""), newWeek(t, a, weekFrom("here", 0), "")
	never := qa.MakeEventID([16]byte{7})
	e := weekFrom("a mistake", 7)
	w := e.Listing()
	w.ID = never
	if err := a.DoAll(bounded(t), club, []qa.Act{w.Act(1)}); err != nil {
		t.Fatal(err)
	}
	list(t, a, club, here)
	if got := followed(t, a); !slices.Contains(got, never) || !slices.Contains(got, here) {
		t.Fatalf("%v", got)
	}
	for _, id := range []qa.EventID{never, here} {
		off := qa.ListedWeek{ID: id}
		if err := a.DoAll(bounded(t), club, []qa.Act{off.Act(2)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := followed(t, a); slices.Contains(got, never) || !slices.Contains(got, here) {
		t.Errorf("after taking both off the list: %v", got)
	}
	if _, _, ok := a.Listed(here); ok {
		t.Error("still listed")
	}
}

// The clock alone brings a week near: it is followed at the next start.
func TestWeekComesNearWhileTheProgramIsOff(t *testing.T) {
	store := mem.New()
	key := newKey(t)
	open := func(now time.Time) *replica.Node {
		return openNode(t, replica.Config{Store: store, Key: key, Offline: true, Now: func() time.Time { return now }})
	}
	a := open(monday)
	club := newClub(t, a, "")
	var acts []qa.Act
	for i := range 2 * qa.MaxFollowed {
		e := weekFrom(fmt.Sprint(i), 7*(i+1))
		w := e.Listing()
		w.ID = qa.MakeEventID([16]byte{1, byte(i)})
		acts = append(acts, w.Act(1))
	}
	if err := a.DoAll(bounded(t), club, acts); err != nil {
		t.Fatal(err)
	}
	last := qa.MakeEventID([16]byte{1, 2*qa.MaxFollowed - 1})
	if slices.Contains(followed(t, a), last) {
		t.Fatal("the last one is followed already")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = open(monday.AddDate(0, 0, 7*qa.MaxFollowed+30))
	if !slices.Contains(followed(t, a), last) {
		t.Error("not followed when it is near")
	}
}

func TestBlobsAreReadFromTheLedger(t *testing.T) {
	onStores(t, func(t *testing.T, store storage.Store) {
		host := startRelay(t)
		picture := bytes.Repeat([]byte("picture "), 1000)
		key := qa.BlobKey(picture)
		a := openNode(t, quick(replica.Config{Store: store}))
		id := found(t, a, host.url())
		do(t, a, id, qa.Act{Kind: qa.ActBlob, Bytes: picture})
		check := func(n *replica.Node, why string) {
			t.Helper()
			if got, err := n.Blob(bounded(t), id, key); err != nil || !bytes.Equal(got, picture) {
				t.Errorf("%s: %d bytes, %v", why, len(got), err)
			}
		}
		check(a, "before it is the cover")
		do(t, a, id, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"cover": key}})
		check(a, "as the cover")
		for _, none := range []string{"", "x", qa.BlobKey(nil)} {
			if _, err := a.Blob(bounded(t), id, none); !errors.Is(err, replica.ErrNoBlob) {
				t.Errorf("%q: %v", none, err)
			}
		}
		synced(t, a, id)
		b := openNode(t, quick(replica.Config{Store: mem.New()}))
		join(t, b, id, host.url())
		synced(t, b, id)
		check(b, "on another device")
		if err := b.Rebuild(bounded(t), id); err != nil {
			t.Fatal(err)
		}
		check(b, "after a rebuild")
	})
}

// However many events are written into, few engines are in memory.
func TestFewEnginesAreInMemory(t *testing.T) {
	a := openNode(t, replica.Config{Store: mem.New(), Offline: true})
	var ids []qa.EventID
	for range 2 * replica.MaxEngines {
		ids = append(ids, found(t, a, ""))
	}
	for _, id := range ids {
		ask(t, a, id, "one")
	}
	eventually(t, a, "closing the engines that were not used lately", func() bool {
		graphs, engines, _ := a.Loaded()
		return engines <= replica.MaxEngines && graphs <= replica.MaxEngines
	})
	for _, id := range ids {
		ask(t, a, id, "two")
		if got := texts(weekOf(t, a, id)); len(got) != 2 {
			t.Fatalf("%q", got)
		}
	}
}

// Engines of other events are closed while one is written into, a snapshot of each kept,
// and no two writers wait for each other over that.
func TestEnginesAreClosedWhileOthersWrite(t *testing.T) {
	store := mem.New()
	a := openNode(t, replica.Config{Store: store, Offline: true})
	var ids []qa.EventID
	for i := range replica.MaxEngines + 4 {
		w := imported(210)
		w.Source = fmt.Sprint("page:", i)
		result, err := a.Import(bounded(t), "", w, "")
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, result.Event)
	}
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			for i := range ids {
				id := ids[(w*7+i)%len(ids)]
				if _, err := a.Do(bounded(t), id, qa.Act{Kind: qa.ActPost, Text: fmt.Sprint(w)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	eventually(t, a, "closing the engines that were not used lately", func() bool {
		_, engines, _ := a.Loaded()
		return engines <= replica.MaxEngines
	})
	snapshots := 0
	for _, id := range ids {
		if _, err := store.Snapshot(t.Context(), id); err == nil {
			snapshots++
		}
	}
	if snapshots < 4 {
		t.Errorf("%d snapshots were kept", snapshots)
	}
}
