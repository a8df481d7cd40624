package relay_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay"
	"flyleaf/relay/quota"
	"flyleaf/relay/relaytest"
	"flyleaf/storage"
	"flyleaf/storage/mem"
	"flyleaf/storage/sqlite"
)

// server is a relay behind an HTTP server.
type server struct {
	*relay.Relay
	url  string
	http *httptest.Server
	t    testing.TB
	once sync.Once
}

func start(t testing.TB, cfg relay.Config) *server {
	t.Helper()
	return startWith(t, cfg, func(net.Conn) {})
}

// startWith is start; it calls accepted with each new connection of the server.
func startWith(t testing.TB, cfg relay.Config, accepted func(net.Conn)) *server {
	t.Helper()
	if cfg.Store == nil {
		cfg.Store = mem.New()
	}
	r, err := relay.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Relay: r, http: httptest.NewUnstartedServer(r), t: t}
	s.http.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			accepted(c)
		}
	}
	s.http.Start()
	s.url = "ws" + strings.TrimPrefix(s.http.URL, "http")
	t.Cleanup(s.stop)
	return s
}

// stop shuts the relay down gracefully. It fails the test when that takes too long.
func (s *server) stop() {
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), relaytest.Wait)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			s.t.Errorf("shutdown: %v", err)
		}
		s.http.Close()
	})
}

func context20(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), relaytest.Wait)
	t.Cleanup(cancel)
	return ctx
}

func connect(t testing.TB, s *server, devices ...*relaytest.Device) {
	t.Helper()
	for _, d := range devices {
		if err := d.Connect(context20(t), s.url); err != nil {
			t.Fatalf("%s: %v", d.Name, err)
		}
		t.Cleanup(d.Disconnect)
	}
}

func write(t testing.TB, d *relaytest.Device, n int) (hashes []wire.Hash) {
	t.Helper()
	for range n {
		h, err := d.Write()
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, h)
	}
	return hashes
}

func sameMessage(t testing.TB, devices ...*relaytest.Device) {
	t.Helper()
	if err := relaytest.SameHeads(context20(t), devices...); err != nil {
		t.Fatal(err)
	}
}

func until(t testing.TB, d *relaytest.Device, ok func(relaytest.State) bool) {
	t.Helper()
	if err := d.Until(context20(t), ok); err != nil {
		t.Fatal(err)
	}
}

func changes(n int) func(relaytest.State) bool {
	return func(s relaytest.State) bool { return s.Changes == n }
}

// onDisk waits until the relay has said that it has stored every change of the device.
func onDisk(t testing.TB, d *relaytest.Device) {
	t.Helper()
	until(t, d, func(s relaytest.State) bool { return s.Stored })
}

func openStore(t testing.TB, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), filepath.Join(dir, "relay.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPlainHTTP(t *testing.T) {
	s := start(t, relay.Config{})
	get := func(path string) (int, string) {
		resp, err := http.Get(s.http.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	if code, text := get("/"); code != 200 || !strings.Contains(text, "Flyleaf relay") {
		t.Errorf("/ is %d %q", code, text)
	}
	if code, text := get("/healthz"); code != 200 || text != "ok\n" {
		t.Errorf("/healthz is %d %q", code, text)
	}
	if code, _ := get("/other"); code != 404 {
		t.Errorf("/other is %d", code)
	}
	if err := s.Shutdown(context20(t)); err != nil {
		t.Fatal(err)
	}
	if code, _ := get("/healthz"); code != 503 {
		t.Errorf("/healthz after Shutdown is %d", code)
	}
	if _, _, err := relaytest.Dial(context20(t), s.url, "late"); err == nil {
		t.Error("a connection was accepted after Shutdown")
	}
}

func TestTwoDevicesConverge(t *testing.T) {
	s := start(t, relay.Config{})
	event := relaytest.EventID("two")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	write(t, a, 3)
	connect(t, s, a, b)
	sameMessage(t, a, b)
	write(t, b, 1)
	until(t, a, changes(4))
	write(t, a, 2)
	write(t, b, 2)
	until(t, a, changes(8))
	sameMessage(t, a, b)
	for _, d := range []*relaytest.Device{a, b} {
		if n := d.State().Unsigned; n != 0 {
			t.Errorf("%s got %d changes without their signature", d.Name, n)
		}
	}
}

func TestOfflineMerge(t *testing.T) {
	s := start(t, relay.Config{})
	event := relaytest.EventID("offline")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	write(t, a, 1)
	connect(t, s, a, b)
	until(t, b, changes(1))
	a.Disconnect()
	b.Disconnect()
	write(t, a, 40)
	write(t, b, 30)
	connect(t, s, a)
	onDisk(t, a)
	connect(t, s, b)
	until(t, a, changes(71))
	sameMessage(t, a, b)
	if n := len(a.State().Heads); n != 2 {
		t.Errorf("%d heads after the two histories were merged", n)
	}
}

func TestLateJoinerGetsItInSlices(t *testing.T) {
	s := start(t, relay.Config{Quotas: quota.None})
	event := relaytest.EventID("late")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	for range 100 {
		if _, err := a.Write(strings.Repeat("text ", 4000)); err != nil {
			t.Fatal(err)
		}
	}
	connect(t, s, a)
	onDisk(t, a)
	a.Disconnect()
	connect(t, s, b)
	until(t, b, changes(100))
	if n := b.State().Biggest; n > wire.MaxMessage+64<<10 {
		t.Errorf("a frame of %d bytes", n)
	}
	if n := b.State().Messages; n < 4 {
		t.Errorf("2 MB came in %d messages", n)
	}
}

func TestRestartKeepsAll(t *testing.T) {
	dir := t.TempDir()
	event := relaytest.EventID("restart")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	store := openStore(t, dir)
	s := start(t, relay.Config{Store: store})
	hashes := write(t, a, 200)
	connect(t, s, a)
	onDisk(t, a)
	s.stop()
	until(t, a, func(s relaytest.State) bool { return !s.Connected })
	if err := a.State().CloseErr; !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("the relay ended with %v, not with close code 1001", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}

	store = openStore(t, dir)
	defer store.Close()
	s = start(t, relay.Config{Store: store})
	defer s.stop() // before the store
	connect(t, s, b)
	until(t, b, changes(200))
	sameMessage(t, a, b)
	for _, h := range hashes {
		if !slices.Equal(b.SignatureOf(h), a.SignatureOf(h)) {
			t.Fatalf("the signature of %s did not survive", h)
		}
	}
}

// TestLostDisk: any device can restore a relay that lost its disk, signatures included.
func TestLostDisk(t *testing.T) {
	event := relaytest.EventID("lost")
	a, b, c := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event), relaytest.NewDevice("c", event)
	s := start(t, relay.Config{})
	hashes := write(t, a, 20)
	connect(t, s, a, b)
	sameMessage(t, a, b)
	a.Disconnect()
	s.stop()
	b.Disconnect()

	s = start(t, relay.Config{})
	connect(t, s, b)
	onDisk(t, b)
	b.Disconnect()
	connect(t, s, c)
	until(t, c, changes(20))
	sameMessage(t, a, c)
	for _, h := range hashes {
		if !slices.Equal(c.SignatureOf(h), a.SignatureOf(h)) {
			t.Fatalf("the signature of %s was lost", h)
		}
	}
}

func TestUnsignedChangesAreSentWithoutSignatures(t *testing.T) {
	s := start(t, relay.Config{Open: true})
	event := relaytest.DocumentID("unsigned")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	a.Unsigned = true
	write(t, a, 3)
	connect(t, s, a, b)
	until(t, b, changes(3))
	if n := b.State().Unsigned; n != 3 {
		t.Errorf("%d of 3 came without signature", n)
	}
}

func TestUnavailableThenThere(t *testing.T) {
	s := start(t, relay.Config{})
	event := relaytest.EventID("unavailable")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	connect(t, s, b)
	until(t, b, func(s relaytest.State) bool { return s.Unavailable == 1 })

	// A second request on the same connection is answered again.
	request := &repo.Message{
		Type: repo.TypeRequest, SenderID: "b", TargetID: s.ID(), DocumentID: string(event),
		Data: (&wire.Message{Have: []wire.Have{{}}}).Encode(),
	}
	if err := b.Send(request); err != nil {
		t.Fatal(err)
	}
	until(t, b, func(s relaytest.State) bool { return s.Unavailable == 2 })

	write(t, a, 5)
	connect(t, s, a)
	until(t, b, changes(5))

	if err := b.Send(request); err != nil {
		t.Fatal(err)
	}
	write(t, b, 1)
	until(t, a, changes(6))
	if n := b.State().Unavailable; n != 2 {
		t.Errorf("told %d times that the document is unavailable", n)
	}
}

func TestEphemeral(t *testing.T) {
	s := start(t, relay.Config{})
	event := relaytest.EventID("ephemeral")
	a, b, c := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event), relaytest.NewDevice("c", relaytest.EventID("another"))
	write(t, a, 1)
	write(t, c, 1)
	connect(t, s, a, b, c)
	sameMessage(t, a, b)
	onDisk(t, c)
	for _, count := range []uint64{1, 1, 2, 1, 3} {
		err := a.Send(&repo.Message{
			Type: repo.TypeEphemeral, SenderID: "a", TargetID: s.ID(), DocumentID: string(event),
			Data: []byte{0x18, byte(count)}, SessionID: "session", Count: count, Signatures: relaytest.Signature(wire.Hash{1}),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	until(t, b, func(s relaytest.State) bool { return len(s.Ephemeral) >= 3 })
	write(t, a, 1) // the next change shows that nothing else was sent before it
	sameMessage(t, a, b)
	got := b.State().Ephemeral
	if len(got) != 3 {
		t.Fatalf("%d ephemeral messages, repeats should be dropped", len(got))
	}
	for i, m := range got {
		if m.SenderID != "a" || m.TargetID != "b" || m.SessionID != "session" || m.Count != uint64(i+1) ||
			!slices.Equal(m.Data, []byte{0x18, byte(i + 1)}) || !slices.Equal(m.Signatures, relaytest.Signature(wire.Hash{1})) {
			t.Errorf("message %d is %+v", i, m)
		}
	}
	if n := len(a.State().Ephemeral) + len(c.State().Ephemeral); n != 0 {
		t.Errorf("%d ephemeral messages went to the wrong peers", n)
	}
}

func TestRefusals(t *testing.T) {
	s := start(t, relay.Config{})
	event := relaytest.EventID("refusals")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	first := write(t, a, 1)[0]
	connect(t, s, a, b)
	sameMessage(t, a, b)

	e := relaytest.NewEvent("refusals", "open")
	next := a.NextOp()
	good := e.Post("forger", 1, next, []wire.Hash{first}, "good")
	gap := e.Post("forger", 4, good.MaxOp()+1, []wire.Hash{good.Hash}, "a gap before it")
	below := e.Post("forger", 5, gap.MaxOp()+1, []wire.Hash{gap.Hash}, "on top of that")
	later := e.Post("forger", 6, below.MaxOp()+1, []wire.Hash{below.Hash}, "which comes when that is refused already")
	large := e.Post("large", 1, next, []wire.Hash{first}, strings.Repeat("x", wire.MaxChange))
	damaged := e.Post("x", 1, next, []wire.Hash{first}, "damaged")
	m := a.Message(below, good, gap, large, later, damaged)
	m.Data[bytes.LastIndex(m.Data, []byte("damaged"))] ^= 1
	if err := a.Send(m); err != nil {
		t.Fatal(err)
	}
	until(t, a, func(s relaytest.State) bool { return len(s.Refused) == 5 })
	codes := map[string]policy.Code{}
	for _, r := range a.State().Refused {
		codes[wire.Hash(r.Hash).String()] = policy.Code(r.Code)
		if r.Deferred || r.Reason == "" {
			t.Errorf("refusal %+v", r)
		}
	}
	for c, want := range map[*wire.Change]policy.Code{
		gap.Change: policy.CodeSequence, below.Change: policy.CodeDependsOn, later.Change: policy.CodeDependsOn, large.Change: policy.CodeTooLarge,
	} {
		if got := codes[c.Hash.String()]; got != want {
			t.Errorf("seq %d was refused as %q, want %q", c.Seq, got, want)
		}
	}
	until(t, b, changes(2)) // the valid message arrived
	if !b.Has(good.Hash) {
		t.Error("the wrong change was passed on")
	}
	if st := a.State(); !st.Connected {
		t.Errorf("the sender was disconnected: %v", st.CloseErr)
	}
	write(t, b, 1)
	until(t, a, changes(3))
}

// TestChangesOfOtherProgramsAreNotForEvents: a change that a stock client writes into an event is not an event's change.
// No device could accept it, so a relay for events refuses it. An open relay does not.
func TestChangesOfOtherProgramsAreNotForEvents(t *testing.T) {
	foreign := relaytest.NewChange(relaytest.Actor("x")[:16], 1, 1, nil, "k", "v")
	send := func(s *server, event qa.EventID) (a *relaytest.Device) {
		a = relaytest.NewDevice("a", event)
		connect(t, s, a)
		m := &wire.Message{Heads: []wire.Hash{foreign.Hash}, Changes: [][]byte{foreign.Encode()}}
		if err := a.Send(&repo.Message{Type: repo.TypeSync, SenderID: "a", DocumentID: string(event), Data: m.Encode()}); err != nil {
			t.Fatal(err)
		}
		return a
	}
	s := start(t, relay.Config{})
	event := relaytest.EventID("other programs")
	a := send(s, event)
	until(t, a, func(s relaytest.State) bool { return len(s.Refused) == 1 })
	if r := a.State().Refused[0]; wire.Hash(r.Hash) != foreign.Hash || policy.Code(r.Code) != policy.CodeSignature || r.Deferred {
		t.Errorf("refused as %+v", r)
	}
	write(t, a, 2) // and the sender can continue
	b := relaytest.NewDevice("b", event)
	connect(t, s, b)
	until(t, b, changes(2))
	if b.Has(foreign.Hash) {
		t.Error("the foreign change was passed on")
	}

	open := start(t, relay.Config{Open: true})
	event = relaytest.DocumentID("other programs")
	send(open, event)
	b = relaytest.NewDevice("b", event)
	connect(t, open, b)
	until(t, b, changes(1))
	if !b.Has(foreign.Hash) {
		t.Error("an open relay did not pass the change on")
	}
}

// TestDepsComeLater: a change whose dependencies come in a later message stays pending until then.
func TestDepsComeLater(t *testing.T) {
	store := mem.New()
	s := start(t, relay.Config{Store: store})
	event := relaytest.EventID("later")
	e := relaytest.NewEvent("later", "open")
	chain := []relaytest.Signed{e.Genesis}
	for i := range 5 {
		last := chain[i]
		chain = append(chain, e.Post("x", uint64(i+1), last.MaxOp()+1, []wire.Hash{last.Hash}, "v"))
	}
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	connect(t, s, a, b)
	for i := len(chain) - 1; i >= 0; i-- {
		if err := a.Offer(chain[i]); err != nil {
			t.Fatal(err)
		}
	}
	until(t, b, changes(5))
	var order []wire.Hash
	err := store.Entries(context20(t), event, 0, func(e storage.Entry) error {
		order = append(order, e.Hash())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range chain {
		if i >= len(order) || order[i] != c.Hash {
			t.Fatalf("the ledger's order is not causal: %v", order)
		}
	}
}

// slowLedger blocks Append until it is released, or makes it fail.
type slowLedger struct {
	storage.Ledger
	entered chan struct{}
	release chan error
	batches atomic.Int64
	rows    atomic.Int64
}

func (l *slowLedger) Append(ctx context.Context, batches ...storage.Batch) error {
	l.entered <- struct{}{}
	if err := <-l.release; err != nil {
		return err
	}
	l.batches.Add(1)
	for _, b := range batches {
		l.rows.Add(int64(len(b.Entries)))
	}
	return l.Ledger.Append(ctx, batches...)
}

// TestNothingIsAnnouncedBeforeItIsStored: no change is announced before the ledger has it, and
// queued changes share a commit.
func TestNothingIsAnnouncedBeforeItIsStored(t *testing.T) {
	const writers = 8
	l := &slowLedger{Ledger: mem.New(), entered: make(chan struct{}), release: make(chan error)}
	s := start(t, relay.Config{Store: l})
	event := relaytest.EventID("durable")
	reader := relaytest.NewDevice("reader", event)
	connect(t, s, reader)
	until(t, reader, func(s relaytest.State) bool { return s.Unavailable == 1 })

	e := relaytest.NewEvent("durable", "open")
	var devices []*relaytest.Device
	for i := range writers {
		d := relaytest.NewDevice("writer-"+string(rune('a'+i)), event)
		connect(t, s, d)
		until(t, d, func(s relaytest.State) bool { return s.Unavailable == 1 })
		devices = append(devices, d)
	}
	for i, d := range devices {
		offer := []relaytest.Signed{e.Post(d.Name, 1, e.Genesis.MaxOp()+1, []wire.Hash{e.Genesis.Hash}, d.Name)}
		if i == 0 {
			offer = append([]relaytest.Signed{e.Genesis}, offer...)
		}
		if err := d.Offer(offer...); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			<-l.entered // its commit is blocked; the others queue behind it
		}
	}
	// The first writer's change is in the graph by now, but has not been announced.
	if n := len(reader.Announced()) + len(devices[0].Announced()); n != 0 {
		t.Fatalf("%d changes were announced before they were stored", n)
	}
	l.release <- nil
	go func() {
		for range l.entered {
			time.Sleep(5 * time.Millisecond) // a slow disk
			l.release <- nil
		}
	}()
	until(t, reader, changes(writers))
	close(l.entered)
	if rows, n := l.rows.Load(), l.batches.Load(); rows != writers+1 || n >= writers {
		t.Errorf("%d changes in %d commits, they should share some", rows, n)
	}
}

// TestFailedCommit: when the disk is full, nothing is announced and everybody is disconnected. When
// there is room again, the relay accepts the changes.
func TestFailedCommit(t *testing.T) {
	l := &slowLedger{Ledger: mem.New(), entered: make(chan struct{}), release: make(chan error)}
	s := start(t, relay.Config{Store: l})
	event := relaytest.EventID("full")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	write(t, a, 1)
	connect(t, s, b, a)
	<-l.entered
	l.release <- nil
	until(t, b, changes(1))
	onDisk(t, a)
	told := len(b.Announced())
	write(t, a, 2)
	<-l.entered
	l.release <- storage.ErrFull
	for _, d := range []*relaytest.Device{a, b} {
		until(t, d, func(s relaytest.State) bool { return !s.Connected })
		if err := d.State().CloseErr; !websocket.IsCloseError(err, websocket.CloseTryAgainLater) {
			t.Errorf("%s was disconnected by %v", d.Name, err)
		}
		if n := len(b.Announced()); n != told {
			t.Errorf("%d changes were announced although they could not be stored", n-told)
		}
	}
	if f := a.State().Failures; len(f) != 1 || !strings.Contains(f[0], "still has them") {
		t.Errorf("the writer was told %q", f)
	}
	go func() {
		for range l.entered {
			l.release <- nil
		}
	}()
	connect(t, s, a, b)
	until(t, b, changes(3))
	close(l.entered)
}

func TestManyDocumentsAndDevices(t *testing.T) {
	s := start(t, relay.Config{Limits: relay.Limits{Idle: 20 * time.Millisecond}})
	var wg sync.WaitGroup
	for _, name := range []string{"one", "two", "three", "four"} {
		wg.Go(func() {
			event := relaytest.EventID(name)
			var devices []*relaytest.Device
			for _, who := range []string{"a", "b", "c", "d", "e"} {
				d := relaytest.NewDevice(name+"-"+who, event)
				if err := d.Connect(context20(t), s.url); err != nil {
					t.Error(err)
					return
				}
				defer d.Disconnect()
				devices = append(devices, d)
			}
			for round := range 10 {
				for _, d := range devices {
					if _, err := d.Write(); err != nil {
						t.Error(err)
						return
					}
				}
				if round == 5 { // one leaves and comes back in the middle of it
					devices[4].Disconnect()
					if err := devices[4].Connect(context20(t), s.url); err != nil {
						t.Error(err)
						return
					}
				}
			}
			if err := devices[0].Until(context20(t), changes(50)); err != nil {
				t.Error(err)
			}
			if err := relaytest.SameHeads(context20(t), devices...); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestIdleDocumentsAreReloaded: documents without users are dropped from memory and loaded from the
// ledger again.
func TestIdleDocumentsAreReloaded(t *testing.T) {
	s := start(t, relay.Config{Limits: relay.Limits{Idle: time.Millisecond, DocumentsInUse: 1}})
	event := relaytest.EventID("idle")
	a := relaytest.NewDevice("a", event)
	write(t, a, 4)
	connect(t, s, a)
	onDisk(t, a)

	// The maximum number of documents is in use, so another one is not served, and the error says so.
	other := relaytest.NewDevice("other", relaytest.EventID("other"))
	write(t, other, 1)
	connect(t, s, other)
	until(t, other, func(s relaytest.State) bool { return s.Unavailable == 1 && len(s.Failures) == 1 })
	if f := other.State().Failures[0]; f != relay.ErrTooManyInUse.Error() {
		t.Errorf("told %q", f)
	}
	other.Disconnect()
	a.Disconnect()

	// Once nobody uses the first document, its slot is free.
	deadline := time.Now().Add(relaytest.Wait)
	for {
		other = relaytest.NewDevice("other", relaytest.EventID("other"))
		write(t, other, 1)
		connect(t, s, other)
		err := other.Until(context20(t), func(s relaytest.State) bool { return len(s.Failures) > 0 || len(other.Announced()) > 0 })
		if err == nil && len(other.Announced()) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the first document never leaves the memory")
		}
		other.Disconnect()
	}
	other.Disconnect()
	var b *relaytest.Device
	for {
		b = relaytest.NewDevice("b", event)
		connect(t, s, b)
		err := b.Until(context20(t), func(s relaytest.State) bool { return len(s.Failures) > 0 || s.Changes == 4 })
		if err == nil && b.State().Changes == 4 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the first document never comes back")
		}
		b.Disconnect()
	}
	sameMessage(t, a, b)
}

// TestShutdownLeavesNothing: no goroutine of the relay is left after Shutdown, whatever the peers were doing.
func TestShutdownLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 3 {
		s := start(t, relay.Config{})
		event := relaytest.EventID("leak")
		var devices []*relaytest.Device
		for _, name := range []string{"a", "b", "c"} {
			d := relaytest.NewDevice(name, event)
			write(t, d, 10)
			connect(t, s, d)
			devices = append(devices, d)
		}
		ws, _, err := websocket.DefaultDialer.DialContext(context20(t), s.url, nil) // never says join
		if err != nil {
			t.Fatal(err)
		}
		s.stop()
		_ = ws.Close()
		for _, d := range devices {
			d.Disconnect()
		}
	}
	http.DefaultClient.CloseIdleConnections()
	deadline := time.Now().Add(relaytest.Wait)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestNewNeedsALedger(t *testing.T) {
	if _, err := relay.New(relay.Config{}); err == nil {
		t.Error("a relay without a ledger")
	}
	if errors.Is(relay.ErrClosed, relay.ErrStore) {
		t.Error("two errors are one")
	}
}
