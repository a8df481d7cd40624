package relay_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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
	"flyleaf/schema"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// from makes devices appear to come from an address, as a proxy's header says.
func from(address string, devices ...*relaytest.Device) {
	for _, d := range devices {
		d.Header = http.Header{"X-Forwarded-For": {address}}
	}
}

// ask requests documents.
func ask(t testing.TB, d *relaytest.Device, events ...qa.EventID) {
	t.Helper()
	for _, event := range events {
		err := d.Send(&repo.Message{
			Type: repo.TypeRequest, SenderID: d.Name, DocumentID: string(event), Data: (&wire.Message{Have: []wire.Have{{}}}).Encode(),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func unknown(who string, n int) (events []qa.EventID) {
	for i := range n {
		events = append(events, relaytest.DocumentID(fmt.Sprint(who, " asks for ", i)))
	}
	return events
}

// TestUnknownDocumentsTakeNoMemory: requests for unknown IDs take no documents, so they keep nobody's event
// out. A peer that asked before the event existed is told when the event is created.
func TestUnknownDocumentsTakeNoMemory(t *testing.T) {
	s := start(t, relay.Config{BehindProxy: true, Limits: relay.Limits{DocumentsInUse: 2}})
	const strangers, each = 20, 50
	for i := range strangers {
		d := relaytest.NewDevice(fmt.Sprint("stranger ", i), relaytest.DocumentID(fmt.Sprint("nothing ", i)))
		from("203.0.113.5", d)
		connect(t, s, d)
		ask(t, d, unknown(d.Name, each)...)
		until(t, d, func(s relaytest.State) bool { return s.Unavailable == each+1 })
	}
	if see := s.See(); see.Documents != 0 || see.Interests != strangers*(each+1) {
		t.Errorf("%+v", see)
	}
	event := relaytest.EventID("honest")
	reader, writer := relaytest.NewDevice("reader", event), relaytest.NewDevice("writer", event)
	from("198.51.100.7", reader, writer)
	connect(t, s, reader)
	until(t, reader, func(s relaytest.State) bool { return s.Unavailable == 1 })
	write(t, writer, 3)
	connect(t, s, writer)
	until(t, reader, changes(3))
	write(t, reader, 1)
	until(t, writer, changes(4))
	if see := s.See(); see.Documents != 1 {
		t.Errorf("%+v", see)
	}
	sameMessage(t, reader, writer)
}

// TestInterestsAreForgottenFairly: the relay remembers a bounded number of requests for unknown IDs. It forgets
// those of addresses with many, not those of an address with a few. Nothing is left when the peers go.
func TestInterestsAreForgottenFairly(t *testing.T) {
	s := start(t, relay.Config{BehindProxy: true, Limits: relay.Limits{Interests: 200, InterestsFromAddress: 150}})
	event := relaytest.EventID("asked for")
	reader := relaytest.NewDevice("reader", event)
	from("198.51.100.7", reader)
	connect(t, s, reader)
	until(t, reader, func(s relaytest.State) bool { return s.Unavailable == 1 })
	var strangers []*relaytest.Device
	for i := range 4 {
		d := relaytest.NewDevice(fmt.Sprint("stranger ", i), relaytest.DocumentID(fmt.Sprint("nothing ", i)))
		from(fmt.Sprint("203.0.113.", i/2), d)
		connect(t, s, d)
		ask(t, d, unknown(d.Name, 100)...)
		until(t, d, func(s relaytest.State) bool { return s.Unavailable == 101 })
		strangers = append(strangers, d)
	}
	if see := s.See(); see.Interests > 200 {
		t.Errorf("%+v", see)
	}
	if n := s.Asked(event); n != 1 {
		t.Errorf("the reader was forgotten: %d wait", n)
	}
	for _, d := range strangers {
		d.Disconnect()
	}
	eventually(t, "all but the reader's are gone", func() bool { return s.See().Interests == 1 })
	writer := relaytest.NewDevice("writer", event)
	from("198.51.100.8", writer)
	write(t, writer, 1)
	connect(t, s, writer)
	until(t, reader, changes(1))
}

// speaker is a connection that can talk about many documents, and records the relay's answers.
type speaker struct {
	*relaytest.Device // has no document; it signs its messages like any device
	ws                *websocket.Conn

	mu      sync.Mutex
	refused []repo.Refusal
	held    map[string][]wire.Hash // the last heads that the relay announced, by document
}

func speak(t testing.TB, s *server, name, address string) *speaker {
	t.Helper()
	ws, _, err := relaytest.DialFrom(context20(t), s.url, name, http.Header{"X-Forwarded-For": {address}})
	if err != nil {
		t.Fatal(err)
	}
	sp := &speaker{Device: relaytest.NewDevice(name, relaytest.DocumentID("none")), ws: ws, held: map[string][]wire.Hash{}}
	var read sync.WaitGroup
	read.Go(func() {
		for {
			_, b, err := ws.ReadMessage()
			if err != nil {
				return
			}
			m, err := repo.Decode(b)
			if err != nil {
				t.Error(err)
				return
			}
			sp.mu.Lock()
			sp.refused = append(sp.refused, m.Refused...)
			if m.Type == repo.TypeSync {
				if msg, err := wire.DecodeMessage(m.Data); err == nil {
					sp.held[m.DocumentID] = msg.Heads
				}
			}
			sp.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		_ = ws.Close()
		read.Wait()
	})
	return sp
}

// offer sends changes of an event without keeping them.
func (sp *speaker) offer(t testing.TB, e *relaytest.Event, changes ...relaytest.Signed) {
	t.Helper()
	m := sp.Message(changes...)
	m.DocumentID = string(e.ID)
	send(t, sp.ws, m)
}

func (sp *speaker) told() (refused []repo.Refusal, held int) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	for _, heads := range sp.held {
		if len(heads) > 0 {
			held++
		}
	}
	return slices.Clone(sp.refused), held
}

// TestDocumentsWithoutGenesisAreFew: an address may have a few documents whose first change never comes.
// Changes of further ones are deferred, and these documents are not kept.
func TestDocumentsWithoutGenesisAreFew(t *testing.T) {
	s := start(t, relay.Config{BehindProxy: true})
	d := speak(t, s, "d", "203.0.113.5")
	for i := range relay.MaxUnfoundedFrom + 10 {
		e := relaytest.NewEvent(fmt.Sprint("without beginning ", i), "open")
		d.offer(t, e, e.Post("x", 1, 1000, []wire.Hash{{1}}, "waits for ever"))
	}
	eventually(t, "ten are put off", func() bool {
		refused, _ := d.told()
		return len(refused) == 10
	})
	refused, _ := d.told()
	for _, r := range refused {
		if policy.Code(r.Code) != policy.CodePendingFull || !r.Deferred {
			t.Errorf("told %+v", r)
		}
	}
	if see := s.See(); see.Unfounded != relay.MaxUnfoundedFrom || see.Documents != relay.MaxUnfoundedFrom {
		t.Errorf("%+v", see)
	}
	_ = d.ws.Close()
	eventually(t, "they are gone", func() bool { see := s.See(); return see.Unfounded == 0 && see.Documents == 0 && see.Interests == 0 })
}

// TestDocumentSlotsGoRound: when all documents are in use, the address that uses the most loses its documents to
// an address that uses none.
func TestDocumentSlotsGoRound(t *testing.T) {
	s := start(t, relay.Config{BehindProxy: true, Limits: relay.Limits{DocumentsInUse: 10, Idle: 50 * time.Millisecond}})
	hog := speak(t, s, "hog", "203.0.113.5")
	for i := range 10 {
		e := relaytest.NewEvent(fmt.Sprint("hog's ", i), "open")
		hog.offer(t, e, e.Genesis)
	}
	eventually(t, "all slots are in use", func() bool { return s.See().Documents == 10 })
	event := relaytest.EventID("one only")
	a := relaytest.NewDevice("a", event)
	from("198.51.100.7", a)
	write(t, a, 1)
	connect(t, s, a)
	onDisk(t, a)
	eventually(t, "the other is disconnected", func() bool { return s.Connections() == 1 && s.See().Documents == 1 })
}

// heldLedger reports the batches of each Append and blocks it until it is released.
type heldLedger struct {
	storage.Ledger
	entered chan []storage.Batch
	release chan struct{}
}

func (l *heldLedger) Append(ctx context.Context, batches ...storage.Batch) error {
	l.entered <- batches
	<-l.release
	return l.Ledger.Append(ctx, batches...)
}

// TestEventsTakeTurns: if one event gets very many changes, the relay handles a bounded part of them in a turn.
// Another event's change is in the very next commit.
func TestEventsTakeTurns(t *testing.T) {
	l := &heldLedger{Ledger: mem.New(), entered: make(chan []storage.Batch), release: make(chan struct{})}
	s := start(t, relay.Config{Store: l, Quotas: quota.None})
	const many = 3*relay.TurnChanges + 10
	big := relaytest.NewEvent("big", "open")
	flood := relaytest.NewDevice("flood", big.ID)
	all := []relaytest.Signed{big.Genesis}
	for i := range many {
		last := all[i]
		all = append(all, big.Post("flood", uint64(i+1), last.MaxOp()+1, []wire.Hash{last.Hash}, "v"))
	}
	event := relaytest.EventID("small")
	honest := relaytest.NewDevice("honest", event)
	write(t, honest, 1)
	connect(t, s, flood)
	if err := flood.Offer(all...); err != nil {
		t.Fatal(err)
	}
	sizes := map[qa.EventID][]int{}
	note := func(batches []storage.Batch) (events []qa.EventID) {
		for _, b := range batches {
			sizes[b.Event] = append(sizes[b.Event], len(b.Entries))
			events = append(events, b.Event)
		}
		return events
	}
	note(<-l.entered) // the flood's first turn; the disk is slow
	turns := s.See().Turns
	connect(t, s, honest)
	eventually(t, "the honest one's turn", func() bool { return s.See().Turns > turns })
	l.release <- struct{}{}
	commits := 0
	for len(sizes[event]) == 0 {
		note(<-l.entered)
		commits++
		l.release <- struct{}{}
	}
	if commits > 1 {
		t.Errorf("stored by commit %d after it came", commits)
	}
	for done := 0; done <= many; {
		done = 0
		for _, n := range sizes[big.ID] {
			done += n
			if n > relay.TurnChanges {
				t.Fatalf("%d changes in one turn", n)
			}
		}
		if done > many {
			break
		}
		note(<-l.entered)
		l.release <- struct{}{}
	}
	if n := len(sizes[big.ID]); n != 4 {
		t.Errorf("%d turns for %d changes: %v", n, many+1, sizes[big.ID])
	}
	go func() {
		for range l.entered {
			l.release <- struct{}{}
		}
	}()
	onDisk(t, honest)
	// The last commit was released, but may not have finished.
	eventually(t, "all changes are stored", func() bool { return len(rows(t, l, big.ID)) == many+1 })
	s.stop()
	close(l.entered)
}

// TestOperationsAreBounded: turns and pending changes are also bounded in operations. A few changes with
// many operations take several turns.
func TestOperationsAreBounded(t *testing.T) {
	ops := func(e *relaytest.Event, n int, what string) (all []wire.Op) {
		for i := range n {
			all = append(all, e.Block(relaytest.KeyOf(fmt.Sprint(what, i)).Identity(), "x"))
		}
		return all
	}
	s := start(t, relay.Config{Quotas: quota.None})
	e := relaytest.NewEvent("wide", "open")
	a := relaytest.NewDevice("a", e.ID)
	connect(t, s, a)
	var waiting []relaytest.Signed
	const each = 900
	shared := ops(e, each, "somebody ")
	for i := range relay.MaxPendingOps/each + 5 {
		waiting = append(waiting, e.ByFounder(fmt.Sprint("w", i), 1, 1000, []wire.Hash{{9, byte(i)}}, shared...))
	}
	if err := a.Offer(waiting...); err != nil {
		t.Fatal(err)
	}
	until(t, a, func(s relaytest.State) bool { return len(s.Refused) == 5 })
	for _, code := range deferred(a.State()) {
		if code != policy.CodePendingFull {
			t.Errorf("deferred as %q", code)
		}
	}
	b := relaytest.NewEvent("wide too", "open")
	founder := relaytest.NewDevice("founder of wide too", b.ID)
	connect(t, s, founder)
	before := s.See().Turns
	all := []relaytest.Signed{b.Genesis}
	// The largest possible questions: a turn reaches its limit of operations before its limit of
	// changes.
	const most = 9 + 1 + schema.MaxXKeys
	const n = 3 * relay.TurnOps / most
	if n >= 2*relay.TurnChanges {
		t.Fatalf("%d changes take three turns, whatever their size", n)
	}
	for i := range n {
		last := all[i]
		all = append(all, b.WidePost(fmt.Sprint("w", i), last.MaxOp()+1, []wire.Hash{last.Hash}))
	}
	if err := founder.Offer(all...); err != nil {
		t.Fatal(err)
	}
	until(t, founder, func(s relaytest.State) bool { return s.Changes == n })
	if turns := s.See().Turns - before; turns < 3 {
		t.Errorf("%d operations in %d turns", n*most, turns)
	}
}

// TestAThousandWeeksOfOneOrganiser: an organiser can bring 1,000 weeks at once from one address.
func TestAThousandWeeksOfOneOrganiser(t *testing.T) {
	n := 1_000
	if testing.Short() {
		n = 300 // more than newcomers-burst
	}
	store := mem.New()
	s := start(t, relay.Config{Store: store, BehindProxy: true})
	organiser := relaytest.KeyOf("organiser")
	d := speak(t, s, "organiser", "203.0.113.5")
	for i := range n {
		e := relaytest.NewEventOf(organiser, fmt.Sprint("week ", i), "open")
		d.offer(t, e, e.Genesis, e.Post("organiser", 1, e.Genesis.MaxOp()+1, []wire.Hash{e.Genesis.Hash}, "imported"))
	}
	eventually(t, "all weeks are there", func() bool {
		refused, held := d.told()
		if len(refused) > 0 {
			t.Fatalf("%d were not taken, the first: %+v", len(refused), refused[0])
		}
		return held == n
	})
	events, err := store.Documents(context20(t))
	if err != nil || len(events) != n {
		t.Errorf("%d weeks, %v", len(events), err)
	}
}

// TestFoundingsAreBounded: an address can create a limited number of events. The relay tells the peer about
// those beyond the limit, and asks for them later.
func TestFoundingsAreBounded(t *testing.T) {
	c, store := newClock(), mem.New()
	s := start(t, relay.Config{Store: store, Now: c.now, BehindProxy: true, Limits: retrying, Quotas: quota.Quotas{FoundingBurst: 3, FoundingRate: 3}})
	var all []*relaytest.Device
	for i := range 5 {
		d := relaytest.NewDevice(fmt.Sprint("d", i), relaytest.EventID(fmt.Sprint("founded ", i)))
		from("203.0.113.5", d)
		write(t, d, 2)
		connect(t, s, d)
		all = append(all, d)
		if i < 3 {
			onDisk(t, d)
			continue
		}
		until(t, d, func(s relaytest.State) bool { return len(deferred(s)) > 0 })
		if r := d.State().Refused[0]; policy.Code(r.Code) != policy.CodeFounding || !r.Deferred || !strings.Contains(r.Reason, "minutes") {
			t.Errorf("told %+v", r)
		}
	}
	other := relaytest.NewDevice("other", relaytest.EventID("of another address"))
	from("198.51.100.7", other)
	write(t, other, 1)
	connect(t, s, other)
	onDisk(t, other)
	if see := s.See(); see.Documents != 4 {
		t.Errorf("%+v", see)
	}
	c.advance(time.Hour)
	for _, d := range all {
		onDisk(t, d)
	}
}

// storedChange returns the size of the events' changes in the ledger, as quotas count it.
func storedChange(t testing.TB, l storage.Ledger, events ...qa.EventID) (n int64) {
	for _, event := range events {
		for _, e := range rows(t, l, event) {
			n += int64(len(e.Bytes())) + quota.RowBytes
		}
	}
	return n
}

// TestBytesFromAnAddressAreBounded: an address can have a limited number of bytes stored, also by founders, in
// any number of events and under any number of names. The rest is stored as time passes.
func TestBytesFromAnAddressAreBounded(t *testing.T) {
	const burst = 40_000
	c, store := newClock(), mem.New()
	s := start(t, relay.Config{Store: store, Now: c.now, BehindProxy: true, Limits: retrying, Quotas: quota.Quotas{AddressBytesBurst: burst, AddressBytesRate: burst}})
	var events []qa.EventID
	var devices []*relaytest.Device
	words := strings.Repeat("words ", 150)
	for i := range 4 {
		name := fmt.Sprint("fills ", i)
		d := relaytest.NewDevice("founder of "+name, relaytest.EventID(name))
		from("203.0.113.5", d)
		for range 20 {
			if _, err := d.Write(words); err != nil {
				t.Fatal(err)
			}
		}
		events, devices = append(events, d.Event), append(devices, d)
		connect(t, s, d)
		until(t, d, func(s relaytest.State) bool { return s.Stored || len(deferred(s)) > 0 })
	}
	if n := storedChange(t, store, events...); n > burst || n < burst/2 {
		t.Errorf("%d bytes are stored", n)
	}
	other := relaytest.NewDevice("other", events[0])
	from("198.51.100.7", other)
	connect(t, s, other)
	until(t, other, func(s relaytest.State) bool { return s.Changes > 5 })
	write(t, other, 1)
	onDisk(t, other)
	for _, d := range devices {
		eventually(t, "the relay stores the deferred changes, too", func() bool { c.advance(time.Minute); return d.State().Stored })
	}
}

// TestDebtIsBounded: a peer that sends the last change first, so that it depends on all the others,
// gets at most one more quota as debt: for its address, and for all young events together.
func TestDebtIsBounded(t *testing.T) {
	const burst = 20_000
	for name, quotas := range map[string]quota.Quotas{
		"by an address":   {AddressBytesBurst: burst, AddressBytesRate: burst},
		"by young events": {YoungBytesBurst: burst, YoungBytesRate: burst},
	} {
		t.Run(name, func(t *testing.T) {
			c, store := newClock(), mem.New()
			s := start(t, relay.Config{Store: store, Now: c.now, BehindProxy: true, Quotas: quotas})
			e := relaytest.NewEvent("owed "+name, "open")
			d := relaytest.NewDevice("d", e.ID)
			from("203.0.113.5", d)
			connect(t, s, d)
			words := strings.Repeat("words ", 150)
			chain := make([]relaytest.Signed, 0, 100)
			last := e.Genesis
			for i := range 100 {
				last = e.Post("writer", uint64(i+1), last.MaxOp()+1, []wire.Hash{last.Hash}, words)
				chain = append(chain, last)
			}
			if err := d.Offer(e.Genesis); err != nil {
				t.Fatal(err)
			}
			for i := len(chain) - 1; i >= 0; i-- { // the last first
				if err := d.Offer(chain[i]); err != nil {
					t.Fatal(err)
				}
			}
			until(t, d, func(s relaytest.State) bool { return len(deferred(s)) > 10 })
			quiet(t, d)
			if n := storedChange(t, store, e.ID); n > 2*burst+2_000 {
				t.Errorf("%d bytes are stored", n)
			}
		})
	}
}

// TestYoungEventsAreBoundedTogether: all young events together have a limit, however many addresses write
// them. Older events are not affected.
func TestYoungEventsAreBoundedTogether(t *testing.T) {
	const burst = 30_000
	c, store := newClock(), mem.New()
	old := relaytest.NewDevice("founder of old", relaytest.EventID("old"))
	quotas := quota.Quotas{YoungBytesBurst: burst, YoungBytesRate: burst}
	s := start(t, relay.Config{Store: store, Now: c.now, BehindProxy: true, Limits: retrying, Quotas: quotas})
	from("198.51.100.7", old)
	write(t, old, 1)
	connect(t, s, old)
	onDisk(t, old)
	old.Disconnect()
	s.stop()
	c.advance(quota.YoungFor) // a restart makes it no younger
	s = start(t, relay.Config{Store: store, Now: c.now, BehindProxy: true, Limits: retrying, Quotas: quotas})
	words := strings.Repeat("words ", 150)
	var events []qa.EventID
	for i := range 6 {
		name := fmt.Sprint("young ", i)
		d := relaytest.NewDevice("founder of "+name, relaytest.EventID(name))
		from(fmt.Sprint("203.0.113.", i), d)
		for range 10 {
			if _, err := d.Write(words); err != nil {
				t.Fatal(err)
			}
		}
		events = append(events, d.Event)
		connect(t, s, d)
		until(t, d, func(s relaytest.State) bool { return s.Stored || len(deferred(s)) > 0 })
	}
	if n := storedChange(t, store, events...); n > burst || n < burst/2 {
		t.Errorf("%d bytes are stored", n)
	}
	for range 40 {
		if _, err := old.Write(words); err != nil {
			t.Fatal(err)
		}
	}
	connect(t, s, old)
	onDisk(t, old)
	if n := len(old.State().Refused); n > 0 {
		t.Errorf("%d changes of an old event were not accepted", n)
	}
}

// TestFoundersAreBounded: all events of a founder together have a limit. It holds after a restart for the events
// in use.
func TestFoundersAreBounded(t *testing.T) {
	const most = 20_000
	store := mem.New()
	k := relaytest.KeyOf("prolific")
	words := strings.Repeat("words ", 150)
	var events []qa.EventID
	for range 2 {
		s := start(t, relay.Config{Store: store, Quotas: quota.Quotas{FounderBytes: most}})
		for i := range 3 {
			e := relaytest.NewEventOf(k, fmt.Sprint("prolific ", i), "open")
			d := relaytest.NewDevice("prolific", e.ID)
			for range 20 {
				if _, err := d.Write(words); err != nil {
					t.Fatal(err)
				}
			}
			connect(t, s, d)
			until(t, d, func(s relaytest.State) bool { return s.Stored || len(deferred(s)) > 0 })
			quiet(t, d)
			for _, code := range deferred(d.State()) {
				if code != policy.CodeQuota {
					t.Errorf("deferred as %q", code)
				}
			}
			d.Disconnect()
			events = append(events, e.ID)
		}
		s.stop()
	}
	var n int64
	for _, event := range events[:3] {
		for _, e := range rows(t, store, event) {
			n += int64(len(e.Bytes()))
		}
	}
	if n > most+3*2_000 || n < most/2 { // and three first changes
		t.Errorf("%d bytes are stored", n)
	}
}

// TestFullDisk: as the disk fills up, the relay first stops accepting new events, then changes of people without a
// role, then all changes. It says why, and accepts them again when there is room.
func TestFullDisk(t *testing.T) {
	const reserve = 1 << 20
	var free atomic.Int64
	free.Store(10 * reserve)
	s := start(t, relay.Config{Limits: retrying, Disk: relay.Disk{Reserve: reserve, Measure: func() (int64, int64, error) { return 0, free.Load(), nil }}})
	event := relaytest.EventID("on a full disk")
	founder, stranger := relaytest.NewDevice("founder of on a full disk", event), relaytest.NewDevice("stranger", event)
	e := relaytest.NewEvent("on a full disk", "open")
	write(t, founder, 1)
	connect(t, s, founder, stranger)
	until(t, stranger, changes(1))

	// The relay may notice a full disk with a delay.
	full := func(d *relaytest.Device, from int) {
		t.Helper()
		until(t, d, func(s relaytest.State) bool { return len(s.Refused) > from })
		for _, r := range d.State().Refused[from:] {
			if policy.Code(r.Code) != policy.CodeRelayFull || !r.Deferred || r.Reason == "" {
				t.Errorf("told %+v", r)
			}
		}
	}
	free.Store(3*reserve - 1)
	eventually(t, "no event is begun", func() bool { return s.Scarcity() == 1 })
	late := relaytest.NewDevice("late", relaytest.EventID("begun too late"))
	write(t, late, 2)
	connect(t, s, late)
	full(late, 0)
	write(t, stranger, 1)
	until(t, founder, changes(2))

	free.Store(2*reserve - 1)
	eventually(t, "no stranger writes", func() bool { return s.Scarcity() == 2 })
	write(t, stranger, 1)
	full(stranger, 0)
	next := founder.NextOp()
	byFounder := e.ByFounder("ruling", 1, next, founder.State().Heads, e.Block(relaytest.KeyOf("spammer").Identity(), "spam"))
	if err := founder.Offer(byFounder); err != nil {
		t.Fatal(err)
	}
	until(t, stranger, func(relaytest.State) bool { return stranger.Has(byFounder.Hash) })

	free.Store(reserve - 1)
	eventually(t, "the relay accepts nothing", func() bool { return s.Scarcity() == 3 })
	if err := founder.Offer(e.ByFounder("ruling too", 1, byFounder.MaxOp()+1, []wire.Hash{byFounder.Hash}, e.Block(relaytest.KeyOf("another").Identity(), "spam"))); err != nil {
		t.Fatal(err)
	}
	full(founder, 0)

	free.Store(10 * reserve)
	onDisk(t, late)
	onDisk(t, stranger)
}

func TestDiskLevels(t *testing.T) {
	for _, c := range []struct {
		d          relay.Disk
		used, free int64
		want       int
	}{
		{relay.Disk{}, 1 << 60, 0, 0},
		{relay.Disk{Reserve: 100}, 0, 300, 0},
		{relay.Disk{Reserve: 100}, 0, 299, 1},
		{relay.Disk{Reserve: 100}, 0, 199, 2},
		{relay.Disk{Reserve: 100}, 0, 99, 3},
		{relay.Disk{Max: 1000}, 899, 0, 0},
		{relay.Disk{Max: 1000}, 900, 0, 1},
		{relay.Disk{Max: 1000}, 950, 0, 2},
		{relay.Disk{Max: 1000}, 1000, 0, 3},
		{relay.Disk{Max: 1000, Reserve: 100}, 900, 150, 2},
	} {
		s := start(t, relay.Config{Disk: relay.Disk{Max: c.d.Max, Reserve: c.d.Reserve, Measure: func() (int64, int64, error) { return c.used, c.free, nil }}})
		if got := s.Scarcity(); got != c.want {
			t.Errorf("%+v: %d, want %d", c, got, c.want)
		}
	}
	s := start(t, relay.Config{Disk: relay.Disk{Reserve: 1, Measure: func() (int64, int64, error) { return 0, 0, errors.New("no disk") }}})
	if s.Scarcity() != 0 {
		t.Error("a disk whose free space is unknown counts as full")
	}
}

// TestEphemeralBytesAreBounded: however many connections of however many addresses send ephemeral messages, a
// reader gets a bounded number of bytes, and sync messages in between.
func TestEphemeralBytesAreBounded(t *testing.T) {
	c := newClock()
	s := start(t, relay.Config{Now: c.now, BehindProxy: true})
	event := relaytest.EventID("noisy")
	reader, writer := relaytest.NewDevice("reader", event), relaytest.NewDevice("writer", event)
	from("198.51.100.7", reader, writer)
	write(t, writer, 1)
	connect(t, s, reader, writer)
	until(t, reader, changes(1))
	body := make([]byte, relay.MaxEphemeral)
	body[0] = 0x40 // any CBOR
	flood := func(addresses, connections int) {
		for i := range addresses {
			for k := range connections {
				d := relaytest.NewDevice(fmt.Sprint("noise ", addresses, " ", i, " ", k), event)
				from(fmt.Sprint("203.0.113.", i), d)
				connect(t, s, d)
				until(t, d, changes(1))
				for n := range 10 {
					err := d.Send(&repo.Message{Type: repo.TypeEphemeral, SenderID: d.Name, DocumentID: string(event), Data: body, SessionID: d.Name, Count: uint64(n + 1)})
					if err != nil {
						t.Fatal(err)
					}
				}
				ask(t, d, relaytest.DocumentID("answered behind it"))
				until(t, d, func(s relaytest.State) bool { return s.Unavailable == 1 })
				d.Disconnect()
			}
		}
	}
	got := func() (n int) {
		for _, m := range reader.State().Ephemeral {
			n += len(m.Data)
		}
		return n
	}
	flood(1, 5)
	if n := got(); n > quota.EphemeralAddressBurst {
		t.Errorf("%d bytes of one address", n)
	}
	flood(5, 3)
	write(t, writer, 1)
	until(t, reader, changes(2))
	if n := got(); n > relay.EphemeralReaderBurst || n > relay.EphemeralEventBurst {
		t.Errorf("%d bytes to one reader", n)
	}
	c.advance(time.Minute)
	err := writer.Send(&repo.Message{Type: repo.TypeEphemeral, SenderID: "writer", DocumentID: string(event), Data: []byte{1}, SessionID: "w", Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	until(t, reader, func(s relaytest.State) bool {
		return len(s.Ephemeral) > 0 && s.Ephemeral[len(s.Ephemeral)-1].SenderID == "writer"
	})
}

// lateLedger delays the answer of one Entries call.
type lateLedger struct {
	storage.Ledger
	event   qa.EventID
	looked  chan struct{}
	release chan struct{}
	once    atomic.Bool
}

func (l *lateLedger) Entries(ctx context.Context, event qa.EventID, after int64, fn func(storage.Entry) error) error {
	err := l.Ledger.Entries(ctx, event, after, fn)
	if event == l.event && l.once.CompareAndSwap(false, true) {
		close(l.looked)
		<-l.release
	}
	return err
}

// TestAskedWhileTheEventIsCreated: a peer asks for an event, and the event is created after the relay has looked
// in the ledger and before it has noted the request. The peer is told of the event, and no request is left.
func TestAskedWhileTheEventIsCreated(t *testing.T) {
	event := relaytest.EventID("begun meanwhile")
	l := &lateLedger{Ledger: mem.New(), event: event, looked: make(chan struct{}), release: make(chan struct{})}
	s := start(t, relay.Config{Store: l, Limits: relay.Limits{Idle: 50 * time.Millisecond}})
	reader, writer := relaytest.NewDevice("reader", event), relaytest.NewDevice("writer", event)
	connect(t, s, reader)
	<-l.looked
	write(t, writer, 1)
	connect(t, s, writer)
	onDisk(t, writer)
	close(l.release)
	until(t, reader, changes(1))
	write(t, writer, 1)
	until(t, reader, changes(2))
	reader.Disconnect()
	writer.Disconnect()
	eventually(t, "nothing is left", func() bool { see := s.See(); return see.Documents == 0 && see.Interests == 0 })
}
