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

// monday is the current time in these tests.
var monday = time.Date(2026, 11, 9, 10, 0, 0, 0, time.UTC)

func onMonday(cfg replica.Config) replica.Config {
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return monday }
	}
	return fastRetries(cfg)
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
	id, _, err := n.CreateEvent(testContext(t), qa.Event{Kind: "club", Title: "The Lamplight Readers"}, relay)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func newWeek(t *testing.T, n *replica.Node, e qa.Event, relay string) qa.EventID {
	t.Helper()
	id, _, err := n.CreateEvent(testContext(t), e, relay)
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
	if err := n.DoAll(testContext(t), club, acts); err != nil {
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

// waitFollowed waits until a week is followed because a club lists it, and is synced.
func waitFollowed(t *testing.T, n *replica.Node, id qa.EventID, posts int) {
	t.Helper()
	eventually(t, n, "following "+string(id), func() bool { return slices.Contains(followed(t, n), id) })
	waitSynced(t, n, id, posts)
}

// Joining the club once is enough: current weeks are followed automatically, old weeks when
// they are opened, and new weeks as soon as they are listed.
func TestJoiningAClubFollowsItsWeeks(t *testing.T) {
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
	waitFollowed(t, b, now, 1)
	waitFollowed(t, b, next, 0)
	if got := followed(t, b); slices.Contains(got, old) {
		t.Fatalf("the archive was fetched: %v", got)
	}
	if w, of, ok := b.Listed(old); !ok || of != club || w.Title != "old" || w.Relay != host.url() {
		t.Fatalf("listed as %+v in %s", w, of)
	}
	waitSynced(t, a, club, 0)

	soon := newWeek(t, a, weekFrom("soon", 14), host.url())
	list(t, a, club, soon)
	waitFollowed(t, b, soon, 0)
	if got := weekOf(t, b, soon).Event.Title; got != "soon" {
		t.Errorf("the new week is %q", got)
	}

	if err := b.Visit(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	waitSynced(t, b, old, 1)
	if got := texts(weekOf(t, b, old)); !slices.Equal(got, []string{"an old question"}) {
		t.Errorf("%q", got)
	}
	if err := b.Visit(t.Context(), qa.MakeEventID([16]byte{9})); !errors.Is(err, replica.ErrUnknownEvent) {
		t.Errorf("a week of nobody: %v", err)
	}
}

// A week that is opened without a network says that it is not here, and arrives when there is
// one.
func TestArchivedWeekIsOpenedOffline(t *testing.T) {
	host := startRelay(t)
	a := openNode(t, onMonday(replica.Config{Store: mem.New()}))
	club, old := newClub(t, a, host.url()), newWeek(t, a, weekFrom("old", -70), host.url())
	ask(t, a, old, "an old question")
	list(t, a, club, old)
	syncNow(t, a, club)
	syncNow(t, a, old)
	b := openNode(t, onMonday(replica.Config{Store: mem.New()}))
	b.Start(t.Context())
	join(t, b, club, host.url())
	waitSynced(t, b, club, 0)

	host.stop()
	eventually(t, b, "being offline", func() bool { return statusOf(t, b, club).Relay.State != qa.RelaySynced })
	if err := b.Visit(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if s := statusOf(t, b, old); s.Relay.State == qa.RelaySynced || s.Relay.State == qa.RelayIdle || s.Changes != 0 {
		t.Errorf("offline and not here, it is said to be %+v", s)
	}
	host.start()
	waitSynced(t, b, old, 1)
}

// A hundred weeks that are over are delivered in turns, and then use neither memory nor
// connections.
func TestWeeksThatAreOverBecomeIdle(t *testing.T) {
	const weeks = 3 * archive.MaxAttached
	host := startRelay(t)
	a := openNode(t, onMonday(replica.Config{Store: mem.New()}))
	club := newClub(t, a, host.url())
	a.Start(t.Context())
	maxAttached := make(chan int)
	stop := make(chan struct{})
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				maxAttached <- n
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
		w := importedWeek(3)
		w.Source = fmt.Sprint("page:", i)
		w.Event = weekFrom(fmt.Sprint("old ", i), -30-7*i)
		r, err := a.ImportListed(testContext(t), w, host.url())
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.Event)
		e := weekOf(t, a, r.Event).Event
		l := e.Listing()
		acts = append(acts, l.Act(1))
	}
	if err := a.DoAll(testContext(t), club, acts); err != nil {
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
	if n := <-maxAttached; n > archive.MaxAttached+1 || n < 2 {
		t.Errorf("%d events were on the link at once, the club among them", n)
	}
	eventually(t, a, "having only the club in memory", func() bool {
		graphs, _, linked := a.Loaded()
		return graphs <= 1 && linked <= 1
	})
	waitSynced(t, a, club, 0) // the club's list is on the relay too
	b := openNode(t, onMonday(replica.Config{Store: mem.New()}))
	b.Start(t.Context())
	join(t, b, club, host.url())
	waitSynced(t, b, club, 0)
	if got := followed(t, b); len(got) != 1 {
		t.Errorf("%d events other than the club are followed", len(got)-1)
	}
	if err := b.Visit(t.Context(), ids[weeks/2]); err != nil {
		t.Fatal(err)
	}
	waitSynced(t, b, ids[weeks/2], 3)
}

// An idle week is synced again over the same connection when somebody writes in it, and when
// somebody opens it.
func TestIdleWeekIsSyncedAgain(t *testing.T) {
	host := startRelay(t)
	now := monday
	clock := func() time.Time { return now }
	a := openNode(t, onMonday(replica.Config{Store: mem.New(), Now: clock}))
	club, old := newClub(t, a, host.url()), newWeek(t, a, weekFrom("old", -70), host.url())
	q := ask(t, a, old, "an old question")
	list(t, a, club, old)
	a.Start(t.Context())
	isIdle := func(n *replica.Node) func() bool {
		return func() bool {
			s := statusOf(t, n, old)
			return s.Relay.State == qa.RelayIdle && s.Pending == 0
		}
	}
	eventually(t, a, "being idle", isIdle(a))

	b := openNode(t, onMonday(replica.Config{Store: mem.New()}))
	join(t, b, club, host.url())
	b.Start(t.Context())
	waitSynced(t, b, club, 0)
	if err := b.Visit(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	waitSynced(t, b, old, 1)
	do(t, b, old, qa.Act{Kind: qa.ActPost, Parent: q, Text: "after all these years"})
	waitSynced(t, b, old, 2)

	// Nobody has opened the week on this device, so the reply has not arrived.
	if s := statusOf(t, a, old); s.Posts != 1 || s.Relay.State != qa.RelayIdle {
		t.Fatalf("%+v", s)
	}
	if err := a.Visit(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	waitSynced(t, a, old, 2)
	do(t, a, old, qa.Act{Kind: qa.ActPost, Parent: q, Text: "and once more"})
	waitSynced(t, b, old, 3)
}

// singleRelayDialer reaches one relay, and records the URLs of all others.
type singleRelayDialer struct {
	url    string
	mu     sync.Mutex
	others map[string]bool
}

func (d *singleRelayDialer) Dial(ctx context.Context, url string) (relayclient.Conn, error) {
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

// A club's organiser cannot make a device follow more than a bounded number of events and
// relays, not even through another club that the club lists.
func TestClubCannotMakeADeviceFollowManyWeeks(t *testing.T) {
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
	if err := a.DoAll(testContext(t), outer, acts); err != nil {
		t.Fatal(err)
	}
	if err := a.DoAll(testContext(t), inner, more); err != nil {
		t.Fatal(err)
	}
	syncNow(t, a, outer)
	syncNow(t, a, inner)

	net := &singleRelayDialer{url: host.url()}
	b := openNode(t, onMonday(replica.Config{Store: mem.New(), Dial: net}))
	b.Start(t.Context())
	join(t, b, outer, host.url())
	waitFollowed(t, b, inner, 0)
	waitSynced(t, b, outer, 0)
	if got := len(followed(t, b)); got > qa.MaxFollowed+1 || got < 2*qa.MaxClubRelays {
		t.Errorf("%d events are followed", got)
	}
	net.mu.Lock()
	if len(net.others) > qa.MaxClubRelays {
		t.Errorf("%d relays were asked", len(net.others))
	}
	net.mu.Unlock()
	if err := b.Rebuild(testContext(t), inner); err != nil {
		t.Fatal(err)
	}
	for _, id := range followed(t, b) {
		if raw, _ := id.Bytes(); raw[0] == 2 && raw[3] == 0 {
			t.Errorf("a club within a club brought %s", id)
		}
	}
}

// A week that is removed from the list before it arrived is unfollowed. A week that has
// arrived stays followed.
func TestUnlistedWeekIsUnfollowedUnlessItArrived(t *testing.T) {
	store := mem.New()
	a := openNode(t, onMonday(replica.Config{Store: store, Offline: true}))
	club, here := newClub(t, a, ""), newWeek(t, a, weekFrom("here", 0), "")
	never := qa.MakeEventID([16]byte{7})
	e := weekFrom("a mistake", 7)
	w := e.Listing()
	w.ID = never
	if err := a.DoAll(testContext(t), club, []qa.Act{w.Act(1)}); err != nil {
		t.Fatal(err)
	}
	list(t, a, club, here)
	if got := followed(t, a); !slices.Contains(got, never) || !slices.Contains(got, here) {
		t.Fatalf("%v", got)
	}
	for _, id := range []qa.EventID{never, here} {
		off := qa.ListedWeek{ID: id}
		if err := a.DoAll(testContext(t), club, []qa.Act{off.Act(2)}); err != nil {
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

// A week that becomes current while the program is not running is followed at the next start.
func TestWeekThatBecomesCurrentIsFollowedAtStart(t *testing.T) {
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
	if err := a.DoAll(testContext(t), club, acts); err != nil {
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
		a := openNode(t, fastRetries(replica.Config{Store: store}))
		id := createEvent(t, a, host.url())
		do(t, a, id, qa.Act{Kind: qa.ActBlob, Bytes: picture})
		check := func(n *replica.Node, why string) {
			t.Helper()
			if got, err := n.Blob(testContext(t), id, key); err != nil || !bytes.Equal(got, picture) {
				t.Errorf("%s: %d bytes, %v", why, len(got), err)
			}
		}
		check(a, "before it is the cover")
		do(t, a, id, qa.Act{Kind: qa.ActEvent, Fields: map[string]any{"cover": key}})
		check(a, "as the cover")
		for _, none := range []string{"", "x", qa.BlobKey(nil)} {
			if _, err := a.Blob(testContext(t), id, none); !errors.Is(err, replica.ErrNoBlob) {
				t.Errorf("%q: %v", none, err)
			}
		}
		syncNow(t, a, id)
		b := openNode(t, fastRetries(replica.Config{Store: mem.New()}))
		join(t, b, id, host.url())
		syncNow(t, b, id)
		check(b, "on another device")
		if err := b.Rebuild(testContext(t), id); err != nil {
			t.Fatal(err)
		}
		check(b, "after a rebuild")
	})
}

// However many events a person writes in, few engines are in memory.
func TestFewEnginesAreInMemory(t *testing.T) {
	a := openNode(t, replica.Config{Store: mem.New(), Offline: true})
	var ids []qa.EventID
	for range 2 * replica.MaxEngines {
		ids = append(ids, createEvent(t, a, ""))
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

// Engines of other events are closed, and their snapshots saved, while several writers write.
// The writers do not block each other.
func TestEnginesAreClosedWhileOthersWrite(t *testing.T) {
	store := mem.New()
	a := openNode(t, replica.Config{Store: store, Offline: true})
	var ids []qa.EventID
	for i := range replica.MaxEngines + 4 {
		w := importedWeek(210)
		w.Source = fmt.Sprint("page:", i)
		result, err := a.Import(testContext(t), "", w, "")
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
				if _, err := a.Do(testContext(t), id, qa.Act{Kind: qa.ActPost, Text: fmt.Sprint(w)}); err != nil {
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
