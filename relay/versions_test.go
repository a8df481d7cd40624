package relay_test

import (
	"fmt"
	"slices"
	"testing"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/sync/repo"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay"
	"flyleaf/relay/quota"
	"flyleaf/relay/relaytest"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

func statuses(t testing.TB, l storage.Ledger, event qa.EventID) map[wire.Hash]storage.Status {
	t.Helper()
	all := map[wire.Hash]storage.Status{}
	for _, e := range rows(t, l, event) {
		all[e.Hash()] = e.Status
	}
	return all
}

// inDocument fails unless every row of an event is part of the document.
func inDocument(t testing.TB, l storage.Ledger, event qa.EventID, want int) {
	t.Helper()
	all := statuses(t, l, event)
	for h, status := range all {
		if status != storage.InDocument {
			t.Errorf("%s has status %d", h, status)
		}
	}
	if len(all) != want {
		t.Errorf("%d rows, want %d", len(all), want)
	}
}

func hashes(changes ...relaytest.Signed) (out []wire.Hash) {
	for _, c := range changes {
		out = append(out, c.Hash)
	}
	return out
}

// TestEquivocation: there are two versions of a change, and changes of others that depend on the first. The relay passes
// both versions on like any other changes, and no change of anybody else is removed, also after a restart.
// Clients that accept one version of a change get one, and everything that does not depend on the other.
func TestEquivocation(t *testing.T) {
	dir := t.TempDir()
	store := openStore(t, dir)
	s := start(t, relay.Config{Store: store})
	event := relaytest.EventID("equivocation")
	e := relaytest.NewEvent("equivocation", "open")
	a, b, c := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event), relaytest.NewDevice("c", event)
	stock, evil := relaytest.NewStockClient("stock", event), relaytest.NewDevice("evil", event)
	first := write(t, a, 1)[0]
	connect(t, s, a, b, c, stock, evil)
	for _, d := range []*relaytest.Device{b, c, stock, evil} {
		until(t, d, changes(1))
	}
	next := a.NextOp()
	good := e.Post("equivocator", 1, next, []wire.Hash{first}, "in good faith")
	one := e.Post("equivocator", 2, good.MaxOp()+1, []wire.Hash{good.Hash}, "this")
	later := e.Post("equivocator", 3, one.MaxOp()+1, []wire.Hash{one.Hash}, "and more")
	two := e.Post("equivocator", 2, good.MaxOp()+1, []wire.Hash{good.Hash}, "that")
	if err := evil.Offer(good, one, later); err != nil {
		t.Fatal(err)
	}
	until(t, b, changes(4))
	onIt := write(t, b, 2) // honest posts that depend on it
	for _, d := range []*relaytest.Device{c, stock, a} {
		until(t, d, changes(6))
	}
	if err := evil.Offer(two); err != nil {
		t.Fatal(err)
	}
	for _, d := range []*relaytest.Device{a, b, c} {
		until(t, d, changes(7))
	}
	sameMessage(t, a, b, c)
	// Depends on both versions: clients that accept one version do not get it.
	onBoth := write(t, c, 1)
	until(t, a, changes(8))
	until(t, b, changes(8))
	// Depends on neither: everybody gets it.
	aside := e.Post("aside", 1, next, []wire.Hash{first}, "beside all that")
	if err := evil.Offer(aside); err != nil {
		t.Fatal(err)
	}
	until(t, a, changes(9))
	until(t, stock, changes(7))
	for _, h := range append([]wire.Hash{two.Hash}, onBoth...) {
		if stock.Has(h) || !a.Has(h) {
			t.Errorf("%s was sent to a client that accepts one version", h)
		}
	}
	for _, h := range append(hashes(good, one, later, aside), onIt...) {
		if !stock.Has(h) {
			t.Errorf("%s is missing", h)
		}
	}
	if r := evil.State().Refused; len(r) != 0 {
		t.Errorf("refused %+v", r)
	}
	quiet(t, stock)
	inDocument(t, store, event, 1+9)

	s.stop()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store = openStore(t, dir)
	defer store.Close()
	s = start(t, relay.Config{Store: store})
	defer s.stop()
	for _, d := range []*relaytest.Device{a, c, stock} {
		d.Disconnect()
	}
	late, lateStock := relaytest.NewDevice("late", event), relaytest.NewStockClient("late stock", event)
	connect(t, s, late, lateStock, stock, a, c)
	until(t, late, changes(9))
	until(t, lateStock, changes(7))
	sameMessage(t, a, c, late)
	sameMessage(t, stock, lateStock)
	write(t, late, 1)
	until(t, a, changes(10))
	// A client that accepts one version can still write on top of what it has.
	write(t, lateStock, 1)
	until(t, stock, changes(8))
	until(t, a, changes(11))
	if r := append(stock.State().Refused, lateStock.State().Refused...); len(r) != 0 {
		t.Errorf("refused %+v", r)
	}
	quiet(t, lateStock)
	inDocument(t, store, event, 1+11)
}

// TestClientKeepsItsVersion: a client that accepts only one version continues to get the version that it has, also when
// the relay learns of the other version from changes that depend on it.
func TestClientKeepsItsVersion(t *testing.T) {
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		s := start(t, relay.Config{})
		event := relaytest.EventID("first of two")
		e := relaytest.NewEvent("first of two", "open")
		a, stock, evil := relaytest.NewDevice("a", event), relaytest.NewStockClient("stock", event), relaytest.NewDevice("evil", event)
		first := write(t, a, 1)[0]
		connect(t, s, a, stock, evil)
		until(t, evil, changes(1))
		both := []relaytest.Signed{
			e.Post("equivocator", 1, a.NextOp(), []wire.Hash{first}, "this"),
			e.Post("equivocator", 1, a.NextOp(), []wire.Hash{first}, "that"),
		}
		if err := evil.Offer(both[order[0]]); err != nil {
			t.Fatal(err)
		}
		until(t, stock, changes(2))
		if err := evil.Offer(both[order[1]]); err != nil {
			t.Fatal(err)
		}
		until(t, a, changes(3))
		if !stock.Has(both[order[0]].Hash) || stock.Has(both[order[1]].Hash) {
			t.Errorf("the stock client holds %v", stock.Order())
		}
		s.stop()
	}
}

// TestProofsOfEarlierDevices: a device of an earlier version sends two conflicting changes as a proof. The relay accepts
// or refuses them like any other changes, whether or not it has them.
func TestProofsOfEarlierDevices(t *testing.T) {
	store := mem.New()
	s := start(t, relay.Config{Store: store})
	event := relaytest.EventID("brought")
	e := relaytest.NewEvent("brought", "open")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	first := write(t, a, 1)[0]
	connect(t, s, a, b)
	until(t, b, changes(1))
	next := a.NextOp()
	on := []wire.Hash{first}
	one, two := e.Post("equivocator", 1, next, on, "one"), e.Post("equivocator", 1, next, on, "two")
	elsewhere := relaytest.NewEvent("elsewhere", "open").Post("equivocator", 1, next, on, "three")
	tell := func(p *repo.Proof) {
		t.Helper()
		if err := a.Send(&repo.Message{Type: repo.TypeProof, SenderID: a.Name, DocumentID: string(event), Proof: p}); err != nil {
			t.Fatal(err)
		}
	}
	proof := func(a, b relaytest.Signed) *repo.Proof {
		return &repo.Proof{A: a.Encode(), SigA: a.Signature, B: b.Encode(), SigB: b.Signature}
	}
	for _, p := range []*repo.Proof{
		proof(elsewhere, elsewhere),
		{A: one.Encode(), SigA: two.Signature, B: two.Encode(), SigB: one.Signature},
		{A: []byte("no change"), SigA: one.Signature, B: []byte("nor this"), SigB: two.Signature},
	} {
		tell(p)
	}
	write(t, a, 1) // after it on the same connection
	until(t, b, changes(2))
	if b.Has(one.Hash) || b.Has(two.Hash) {
		t.Fatal("a change with a wrong signature was accepted")
	}
	tell(proof(one, two))
	tell(proof(two, one)) // the same again
	until(t, b, changes(4))
	write(t, b, 1)
	until(t, a, changes(5))
	sameMessage(t, a, b)
	inDocument(t, store, event, 1+5)
}

// TestEquivocationAmongPendingChanges: both versions of a change are pending when they arrive.
func TestEquivocationAmongPendingChanges(t *testing.T) {
	store := mem.New()
	s := start(t, relay.Config{Store: store})
	event := relaytest.EventID("both wait")
	e := relaytest.NewEvent("both wait", "open")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	first := write(t, a, 1)[0]
	connect(t, s, a, b)
	until(t, b, changes(1))
	late := e.Post("late", 1, a.NextOp(), []wire.Hash{first}, "what both wait for")
	on := []wire.Hash{late.Hash}
	one, two := e.Post("equivocator", 1, late.MaxOp()+1, on, "one"), e.Post("equivocator", 1, late.MaxOp()+1, on, "two")
	above := e.Post("above", 1, one.MaxOp()+1, []wire.Hash{one.Hash}, "on top")
	for _, c := range []relaytest.Signed{above, one, two, late} {
		if err := a.Offer(c); err != nil {
			t.Fatal(err)
		}
	}
	until(t, b, changes(5))
	write(t, b, 1)
	until(t, a, changes(6))
	sameMessage(t, a, b)
	inDocument(t, store, event, 1+6)
}

// TestManyVersions: however many versions there are, and whichever a device sees first, all devices end with all of
// them.
func TestManyVersions(t *testing.T) {
	s := start(t, relay.Config{Quotas: quota.None})
	event := relaytest.EventID("many versions")
	e := relaytest.NewEvent("many versions", "open")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	first := write(t, a, 1)[0]
	connect(t, s, a, b)
	until(t, b, changes(1))
	next := a.NextOp()
	var one, many []relaytest.Signed
	for i := range 300 {
		name := fmt.Sprint("equivocator ", i)
		one = append(one, e.Post("equivocator", 1, next, []wire.Hash{first}, fmt.Sprint("version ", i)))
		many = append(many, e.Post(name, 1, next, []wire.Hash{first}, "this"), e.Post(name, 1, next, []wire.Hash{first}, "that"))
	}
	if err := a.Offer(append(slices.Clone(one), many...)...); err != nil {
		t.Fatal(err)
	}
	until(t, b, changes(1+300+600))
	write(t, b, 1)
	until(t, a, changes(1+300+600+1))
	late := relaytest.NewDevice("late", event)
	connect(t, s, late)
	until(t, late, changes(1+300+600+1))
	sameMessage(t, a, b, late)
	if r := a.State().Refused; len(r) > 0 {
		t.Errorf("refused %+v", r[0])
	}
}

// TestChangesExcludedByEarlierVersionsComeBack: earlier versions excluded changes when two versions of a change were
// known. They are part of the document again; changes that the rules refuse are not.
func TestChangesExcludedByEarlierVersionsComeBack(t *testing.T) {
	store := mem.New()
	event := relaytest.EventID("excluded before")
	e := relaytest.NewEvent("excluded before", "open")
	a := relaytest.NewDevice("a", event)
	first := write(t, a, 1)[0]
	s := start(t, relay.Config{Store: store})
	connect(t, s, a)
	until(t, a, func(s relaytest.State) bool { return s.Stored })
	s.stop()
	next := a.NextOp()
	on := []wire.Hash{first}
	one, two := e.Post("equivocator", 1, next, on, "one"), e.Post("equivocator", 1, next, on, "two")
	honest := e.Post("honest", 1, one.MaxOp()+1, hashes(one), "an answer to it")
	missing := e.Post("missing", 1, next, on, "what is not here")
	above := e.Post("above", 1, missing.MaxOp()+1, hashes(missing), "on top of what is not here")
	invalid := e.Post("invalid", 1, next+7, on, "not numbered after what it builds on")
	below := e.Post("below", 1, invalid.MaxOp()+1, hashes(invalid), "and on top of that")
	var batch storage.Batch
	batch.Event = event
	for _, c := range []relaytest.Signed{one, honest, invalid, below, above, two} { // the second version came last
		batch.Entries = append(batch.Entries, storage.Entry{
			Chunk: c.Chunk(), Actor: c.Actor, Seq: c.Seq, Signature: c.Signature, Status: storage.Excluded,
		})
	}
	if err := store.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	for restart := range 2 {
		s = start(t, relay.Config{Store: store})
		b := relaytest.NewDevice(fmt.Sprint("b ", restart), event)
		connect(t, s, b)
		until(t, b, changes(4+2*restart))
		for _, c := range []relaytest.Signed{one, two, honest} {
			if !b.Has(c.Hash) {
				t.Errorf("%d is not back", c.Seq)
			}
		}
		got := statuses(t, store, event)
		if got[one.Hash] != storage.InDocument || got[honest.Hash] != storage.InDocument || got[two.Hash] != storage.InDocument ||
			got[invalid.Hash] != storage.Excluded || got[below.Hash] != storage.Excluded {
			t.Errorf("statuses %v", got)
		}
		if restart == 0 { // pending changes are applied once their dependencies have arrived
			if err := b.Offer(below); err != nil {
				t.Fatal(err)
			}
			until(t, b, func(s relaytest.State) bool {
				return len(s.Refused) == 1 && policy.Code(s.Refused[0].Code) == policy.CodeDependsOn
			})
			if err := b.Offer(missing, above); err != nil {
				t.Fatal(err)
			}
			until(t, b, changes(6))
			if got := statuses(t, store, event); got[above.Hash] != storage.InDocument {
				t.Errorf("the waiting change has status %d", got[above.Hash])
			}
		}
		s.stop()
	}
}
