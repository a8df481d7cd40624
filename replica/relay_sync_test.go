package replica_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flyleaf/qa"
	"flyleaf/relay"
	"flyleaf/replica"
	"flyleaf/replica/relayclient"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// relayHost is a relay at a fixed address. It can be stopped, started again, and given another
// disk.
type relayHost struct {
	app   bool // the relay says that it serves Flyleaf for the browser
	t     testing.TB
	addr  string
	disk  storage.Store
	relay *relay.Relay
	http  *http.Server
	done  chan struct{}
}

func startRelay(t testing.TB) *relayHost {
	t.Helper()
	h := &relayHost{t: t, addr: "127.0.0.1:0", disk: mem.New()}
	h.start()
	t.Cleanup(h.stop)
	return h
}

func (h *relayHost) url() string { return "ws://" + h.addr }

func (h *relayHost) start() {
	h.t.Helper()
	listener, err := net.Listen("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.addr = listener.Addr().String()
	if h.relay, err = relay.New(relay.Config{Store: h.disk, ServesApp: h.app}); err != nil {
		h.t.Fatal(err)
	}
	h.http = &http.Server{Handler: h.relay}
	h.done = make(chan struct{})
	go func(s *http.Server, done chan struct{}) {
		defer close(done)
		_ = s.Serve(listener)
	}(h.http, h.done)
}

func (h *relayHost) stop() {
	if h.relay == nil {
		return
	}
	// The test's context has ended when this runs as a clean-up.
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	if err := h.relay.Shutdown(ctx); err != nil {
		h.t.Error(err)
	}
	_ = h.http.Close()
	<-h.done
	h.relay = nil
}

func (h *relayHost) loseDisk() { h.disk = mem.New() }

// fastRetries makes reconnecting fast enough for tests.
func fastRetries(cfg replica.Config) replica.Config {
	cfg.RetryMin, cfg.RetryMax = time.Millisecond, 20*time.Millisecond
	return cfg
}

func device(t *testing.T, store storage.Store) *replica.Node {
	t.Helper()
	n := openNode(t, fastRetries(replica.Config{Store: store}))
	n.Start(t.Context())
	return n
}

func join(t *testing.T, n *replica.Node, id qa.EventID, relay string) {
	t.Helper()
	if err := n.Join(testContext(t), qa.Invitation{Event: id, Relay: relay}); err != nil {
		t.Fatal(err)
	}
}

func syncNow(t *testing.T, n *replica.Node, id qa.EventID) {
	t.Helper()
	if err := n.Sync(testContext(t), id); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until ok returns true. It checks after each update from the node.
func eventually(t *testing.T, n *replica.Node, what string, ok func() bool) {
	t.Helper()
	updates, cancel := n.Subscribe("")
	defer cancel()
	deadline := time.After(testTimeout)
	for !ok() {
		select {
		case <-updates:
		case <-time.After(50 * time.Millisecond):
		case <-deadline:
			status, _ := n.Status(context.Background())
			t.Fatalf("%s did not happen; status %+v", what, status)
		}
	}
}

func waitSynced(t *testing.T, n *replica.Node, id qa.EventID, posts int) {
	t.Helper()
	eventually(t, n, fmt.Sprintf("being synced with %d posts", posts), func() bool {
		s := statusOf(t, n, id)
		return s.Posts == posts && s.Pending == 0 && s.Relay.State == qa.RelaySynced
	})
}

func TestTwoOfflineDevicesConverge(t *testing.T) {
	checkNoGoroutineLeak(t)
	onStores(t, func(t *testing.T, store storage.Store) {
		host := startRelay(t)
		a, b := device(t, store), device(t, mem.New())
		id := createEvent(t, a, host.url())
		q := ask(t, a, id, "Together?")
		join(t, b, id, host.url())
		waitSynced(t, a, id, 1)
		waitSynced(t, b, id, 1)

		host.stop()
		for _, n := range []*replica.Node{a, b} {
			eventually(t, n, "detecting that the relay has stopped", func() bool {
				return statusOf(t, n, id).Relay.State == qa.RelayOffline
			})
		}
		ask(t, a, id, "Asked offline on A")
		do(t, a, id, qa.Act{Kind: qa.ActEdit, Post: q, Text: "Together, on A?"})
		do(t, b, id, qa.Act{Kind: qa.ActPost, Parent: q, Text: "Answered offline on B"})
		do(t, b, id, qa.Act{Kind: qa.ActReact, Post: q, Emoji: qa.WantEmoji, On: true})
		do(t, b, id, qa.Act{Kind: qa.ActPerson, Person: &qa.Person{Name: "Bob"}})
		if s := statusOf(t, a, id); s.Pending != 2 || s.Relay.State == qa.RelaySynced || s.Relay.State == qa.RelayOffline && s.Relay.Why == "" {
			t.Fatalf("%+v", s)
		}
		if s := statusOf(t, b, id); s.Pending != 3 {
			t.Fatalf("%+v", s)
		}

		host.start() // the devices reconnect automatically
		waitSynced(t, a, id, 3)
		waitSynced(t, b, id, 3)
		wa, wb := weekOf(t, a, id), weekOf(t, b, id)
		if !reflect.DeepEqual(wa, wb) {
			t.Fatalf("A\n%+v\nB\n%+v", wa, wb)
		}
		if got := texts(wa); !slices.Equal(got, []string{"Together, on A?", "  Answered offline on B", "Asked offline on A"}) {
			t.Fatalf("%q", got)
		}
		if wa.Threads[0].Wants != 1 || wa.Threads[0].Replies[0].Name != "Bob" {
			t.Fatalf("%+v", wa.Threads[0])
		}
		if sa, sb := statusOf(t, a, id), statusOf(t, b, id); !slices.Equal(sa.Heads, sb.Heads) || sa.Changes != sb.Changes {
			t.Fatalf("%+v\n%+v", sa, sb)
		}
		// Changes from the other device are in the document too: the next acts depend on them.
		ask(t, a, id, "On top of all")
		ask(t, b, id, "And this")
		waitSynced(t, a, id, 5)
		waitSynced(t, b, id, 5)
		if s := statusOf(t, a, id); !slices.Equal(s.Heads, statusOf(t, b, id).Heads) {
			t.Fatalf("%+v", s)
		}
		for _, n := range []*replica.Node{a, b} {
			before := weekOf(t, n, id)
			if err := n.Rebuild(testContext(t), id); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(before, weekOf(t, n, id)) {
				t.Fatal("the rebuilt views differ")
			}
		}
	})
}

func TestConcurrentEditsByOnePersonAreBothKept(t *testing.T) {
	host := startRelay(t)
	key := newKey(t)
	open := func() *replica.Node {
		n := openNode(t, fastRetries(replica.Config{Store: mem.New(), Key: key}))
		n.Start(t.Context())
		return n
	}
	a, b := open(), open()
	id := createEvent(t, a, host.url())
	q := ask(t, a, id, "?")
	join(t, b, id, host.url())
	waitSynced(t, b, id, 1)
	host.stop()
	do(t, a, id, qa.Act{Kind: qa.ActEdit, Post: q, Text: "on A"})
	do(t, b, id, qa.Act{Kind: qa.ActEdit, Post: q, Text: "on B"})
	host.start()
	for _, n := range []*replica.Node{a, b} {
		eventually(t, n, "both versions", func() bool {
			p, err := n.Post(t.Context(), id, q)
			return err == nil && len(p.Versions()) == 2 && len(p.Revisions) == 3
		})
	}
}

// A relay with an empty disk gets all changes again from a device, with the signatures of all
// writers.
func TestRelayThatLostItsDiskIsRestored(t *testing.T) {
	host := startRelay(t)
	a, b := device(t, mem.New()), device(t, mem.New())
	id := createEvent(t, a, host.url())
	ask(t, a, id, "by A")
	join(t, b, id, host.url())
	waitSynced(t, b, id, 1)
	ask(t, b, id, "by B")
	waitSynced(t, a, id, 2)
	waitSynced(t, b, id, 2)
	old := entries(t, host.disk, id)

	host.stop()
	if err := b.Close(); err != nil { // only A can restore the relay
		t.Fatal(err)
	}
	host.loseDisk()
	host.start()
	eventually(t, a, "the new relay's ledger", func() bool { return len(entries(t, host.disk, id)) == len(old) })
	waitSynced(t, a, id, 2)
	seeded := map[string][]byte{}
	for _, en := range entries(t, host.disk, id) {
		seeded[en.Hash().String()] = en.Signature
	}
	for _, en := range old {
		if len(en.Signature) != 64 || !reflect.DeepEqual(seeded[en.Hash().String()], en.Signature) {
			t.Fatalf("the signature of %s was lost", en.Hash())
		}
	}
}

// Changes that the relay lost are pending again while they cannot be sent.
func TestChangesThatTheRelayLostArePendingAgain(t *testing.T) {
	host := startRelay(t)
	store := mem.New()
	a := device(t, store)
	id := createEvent(t, a, host.url())
	ask(t, a, id, "?")
	waitSynced(t, a, id, 1)
	host.stop()
	host.loseDisk()
	// The new relay's disk is full, so it accepts no changes.
	full := &failingStore{Store: host.disk}
	full.fail.Store(true)
	host.disk = full
	host.start()
	eventually(t, a, "the changes being pending again", func() bool { return statusOf(t, a, id).Pending == 2 })
	if s := statusOf(t, a, id); s.Relay.State == qa.RelaySynced {
		t.Fatalf("%+v", s)
	}
	full.fail.Store(false)
	waitSynced(t, a, id, 1)
}

func TestJoiningBeforeTheRelayHasTheEvent(t *testing.T) {
	host := startRelay(t)
	store, key := mem.New(), newKey(t)
	a := openNode(t, fastRetries(replica.Config{Store: store, Key: key, Offline: true}))
	id := createEvent(t, a, host.url())
	ask(t, a, id, "?")
	if s := statusOf(t, a, id); s.Relay.State != qa.RelayOffline || s.Relay.Why == "" {
		t.Fatalf("%+v", s)
	}
	b := device(t, mem.New())
	join(t, b, id, host.url())
	eventually(t, b, "the relay's word that it has nothing", func() bool {
		s := statusOf(t, b, id)
		return s.Relay.State == qa.RelaySyncing && strings.Contains(s.Relay.Why, "does not have this event")
	})
	short, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	var not *replica.NotSyncedError
	if err := b.Sync(short, id); !errors.As(err, &not) || !errors.Is(err, context.DeadlineExceeded) || not.Relay.Why == "" {
		t.Fatalf("synced with a relay that has nothing: %v", err)
	}
	events, err := b.Events(testContext(t))
	if err != nil || len(events) != 1 || events[0].ID != id || events[0].Title != "" {
		t.Fatalf("%+v, %v", events, err)
	}
	if w := weekOf(t, b, id); len(w.Threads) != 0 {
		t.Fatalf("%+v", w)
	}

	// The founder's device comes online.
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = openNode(t, fastRetries(replica.Config{Store: store, Key: key}))
	a.Start(t.Context())
	waitSynced(t, a, id, 1)
	waitSynced(t, b, id, 1)
}

func TestSyncOpensAConnection(t *testing.T) {
	host := startRelay(t)
	store, key := mem.New(), newKey(t)
	a := openNode(t, fastRetries(replica.Config{Store: store, Key: key}))
	id := createEvent(t, a, host.url())
	for i := range 30 {
		ask(t, a, id, fmt.Sprint(i))
	}
	if s := statusOf(t, a, id); s.Pending != 31 || s.Relay.State != qa.RelayOffline || a.Running() {
		t.Fatalf("%+v", s)
	}
	syncNow(t, a, id)
	if s := statusOf(t, a, id); s.Pending != 0 || s.Relay.State != qa.RelaySynced {
		t.Fatalf("%+v", s)
	}
	b := openNode(t, fastRetries(replica.Config{Store: mem.New()}))
	join(t, b, id, host.url())
	syncNow(t, b, id)
	if !reflect.DeepEqual(weekOf(t, a, id), weekOf(t, b, id)) {
		t.Fatal("the weeks differ")
	}
	host.stop()
	ask(t, a, id, "more")
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var not *replica.NotSyncedError
	if err := a.Sync(short, id); !errors.As(err, &not) || not.Pending != 1 || !strings.Contains(err.Error(), "safe on this device") {
		t.Fatalf("%v", err)
	}
	none := createEvent(t, a, "")
	if err := a.Sync(testContext(t), none); !errors.As(err, &not) || not.Relay.State != qa.RelayNone {
		t.Fatalf("%v", err)
	}
}

// Ten weeks imported on one device arrive on another byte for byte.
func TestManyEventsShareOneConnection(t *testing.T) {
	host := startRelay(t)
	a, b := device(t, mem.New()), device(t, mem.New())
	var ids []qa.EventID
	for i := range 10 {
		w := importedWeek(30)
		w.Source = fmt.Sprint("page:", i)
		r, err := a.Import(testContext(t), "", w, host.url())
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.Event)
		join(t, b, r.Event, host.url())
	}
	for _, id := range ids {
		waitSynced(t, a, id, 30)
		waitSynced(t, b, id, 30)
		if !reflect.DeepEqual(weekOf(t, a, id), weekOf(t, b, id)) {
			t.Fatalf("%s differs", id)
		}
	}
	if got := host.relay.Connections(); got != 2 {
		t.Fatalf("%d connections of 2 devices", got)
	}
}

// unreachableDialer never connects, and counts the attempts.
type unreachableDialer struct {
	dials atomic.Int64
	asked chan struct{}
}

func (d *unreachableDialer) Dial(context.Context, string) (relayclient.Conn, error) {
	d.dials.Add(1)
	d.asked <- struct{}{}
	return nil, errors.New("no way")
}

func TestWakeStartsTheNextAttemptAtOnce(t *testing.T) {
	checkNoGoroutineLeak(t)
	dial := &unreachableDialer{asked: make(chan struct{}, 100)}
	n := openNode(t, replica.Config{Store: mem.New(), Dial: dial, RetryMin: 1000 * time.Hour, RetryMax: 1000 * time.Hour})
	id := createEvent(t, n, "wss://relay.example")
	n.Start(t.Context())
	for range 3 {
		select {
		case <-dial.asked:
		case <-testContext(t).Done():
			t.Fatal("no attempt")
		}
		eventually(t, n, "being offline", func() bool { return statusOf(t, n, id).Relay.State == qa.RelayOffline })
		if s := statusOf(t, n, id); !strings.Contains(s.Relay.Why, "no way") || s.Pending != 1 {
			t.Fatalf("%+v", s)
		}
		n.Wake()
	}
}

func TestAttemptsRepeatUntilClose(t *testing.T) {
	checkNoGoroutineLeak(t)
	dial := &unreachableDialer{asked: make(chan struct{}, 1000)}
	n := openNode(t, fastRetries(replica.Config{Store: mem.New(), Dial: dial}))
	createEvent(t, n, "wss://relay.example")
	n.Start(t.Context())
	for range 10 {
		select {
		case <-dial.asked:
		case <-testContext(t).Done():
			t.Fatal("gave up")
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	after := dial.dials.Load()
	if dial.dials.Load() != after {
		t.Fatal("an attempt after Close")
	}
}

// The status says how often connecting has failed and when it is tried again, until a relay is connected.
func TestStatusSaysHowOftenConnectingFailed(t *testing.T) {
	host := startRelay(t)
	var c clock
	c.millis.Store(1_800_000_000_000)
	a := openNode(t, fastRetries(replica.Config{Store: mem.New(), Now: c.now}))
	a.Start(t.Context())
	id := createEvent(t, a, host.url())
	waitSynced(t, a, id, 0)
	if s := statusOf(t, a, id); s.Relay.Tries != 0 || s.Relay.LastTryMillis != 0 || s.Relay.NextTryMillis != 0 {
		t.Fatalf("%+v", s.Relay)
	}
	host.stop()
	eventually(t, a, "failed attempts", func() bool {
		s := statusOf(t, a, id).Relay
		return s.State == qa.RelayOffline && s.Tries >= 3 && s.LastTryMillis == c.millis.Load() && s.NextTryMillis >= c.millis.Load()
	})
	host.start()
	waitSynced(t, a, id, 0)
	if s := statusOf(t, a, id); s.Relay.Tries != 0 || s.Relay.NextTryMillis != 0 {
		t.Fatalf("%+v", s.Relay)
	}
}
