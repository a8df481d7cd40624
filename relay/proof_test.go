package relay_test

import (
	"fmt"
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
		all[e.Hash] = e.Status
	}
	return all
}

func proofOf(a, b relaytest.Signed) *repo.Proof {
	return &repo.Proof{A: a.Encode(), SigA: a.Signature, B: b.Encode(), SigB: b.Signature}
}

// A number used twice, with others already on top of the first: both go, with all
// that hang on them, at everybody who is told; the rest lives on, over a restart,
// and also with those who do not understand what they are told.
func TestEquivocation(t *testing.T) {
	dir := t.TempDir()
	store := openStore(t, dir)
	s := start(t, relay.Config{Store: store})
	event := relaytest.EventID("equivocation")
	e := relaytest.NewEvent("equivocation", "open")
	a, b, c := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event), relaytest.NewDevice("c", event)
	stock, evil := relaytest.NewDevice("stock", event), relaytest.NewDevice("evil", event)
	stock.Forgetful, evil.Forgetful = true, true
	first := write(t, a, 1)[0]
	connect(t, s, a, b, c, stock, evil)
	for _, d := range []*relaytest.Device{b, c, stock, evil} {
		until(t, d, changes(1))
	}
	next := a.NextOp()
	good := e.Post("liar", 1, next, []wire.Hash{first}, "in good faith")
	lie := e.Post("liar", 2, good.MaxOp()+1, []wire.Hash{good.Hash}, "this")
	later := e.Post("liar", 3, lie.MaxOp()+1, []wire.Hash{lie.Hash}, "and more")
	twin := e.Post("liar", 2, good.MaxOp()+1, []wire.Hash{good.Hash}, "that")
	if err := evil.Offer(good, lie, later); err != nil {
		t.Fatal(err)
	}
	until(t, b, changes(4))
	onIt := write(t, b, 2) // honest words on top of it
	until(t, c, changes(6))
	until(t, stock, changes(6))
	until(t, a, changes(6))
	aside := e.Post("aside", 1, next, []wire.Hash{first}, "beside all that")
	if err := evil.Offer(aside); err != nil {
		t.Fatal(err)
	}
	until(t, c, changes(7))
	until(t, stock, changes(7))
	until(t, b, changes(7))

	if err := evil.Offer(twin); err != nil {
		t.Fatal(err)
	}
	// Left: a's first, the liar's first, and what stands aside.
	for _, d := range []*relaytest.Device{a, b, c} {
		until(t, d, func(s relaytest.State) bool { return s.Changes == 3 && len(s.Proofs) == 1 })
	}
	until(t, stock, func(s relaytest.State) bool { return len(s.Proofs) == 1 })
	until(t, evil, func(s relaytest.State) bool { return len(s.Refused) > 0 })
	if r := evil.State().Refused[0]; policy.Code(r.Code) != policy.CodeDuplicateSeq || wire.Hash(r.Hash) != twin.Hash {
		t.Errorf("refused as %+v", r)
	}
	same(t, a, b, c)
	write(t, c, 1)
	until(t, a, changes(4))
	same(t, a, b, c)
	until(t, stock, changes(8)) // it has what was new, and what left
	want := statuses(t, store, event)
	for _, h := range append([]wire.Hash{lie.Hash, later.Hash, twin.Hash}, onIt...) {
		if want[h] != storage.Left {
			t.Errorf("%s has status %d", h, want[h])
		}
	}
	if len(want) != 5+5 || want[good.Hash] != storage.InDocument {
		t.Errorf("%d rows: %v", len(want), want)
	}

	// The relay starts again: it knows, and tells whoever comes.
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
	late := relaytest.NewDevice("late", event)
	connect(t, s, late, stock, a, c)
	until(t, late, func(s relaytest.State) bool { return s.Changes == 4 && len(s.Proofs) == 1 })
	same(t, a, c, late)
	// A client that does not understand it offers what left, and is told each time.
	until(t, stock, func(s relaytest.State) bool { return len(s.Refused) >= 5 })
	codes := map[policy.Code]int{}
	for _, r := range stock.State().Refused {
		codes[policy.Code(r.Code)]++
	}
	if codes[policy.CodeDuplicateSeq] == 0 || codes[policy.CodeDependsOn] == 0 || len(codes) != 2 {
		t.Errorf("told %v", codes)
	}
	write(t, late, 1)
	until(t, a, changes(5))
	until(t, stock, changes(9))
	quiet(t, stock)
	if got := statuses(t, store, event); got[lie.Hash] != storage.Left || got[onIt[1]] != storage.Left {
		t.Error("what left came back")
	}
}

// A device brings a proof, of changes that the relay has or never saw; it holds
// from then on. What proves nothing changes nothing.
func TestProofsFromDevices(t *testing.T) {
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
	one, two := e.Post("liar", 1, next, on, "one"), e.Post("liar", 1, next, on, "two")
	elsewhere, other := relaytest.NewEvent("elsewhere", "open").Post("liar", 1, next, on, "three"), e.Post("x", 1, next, on, "four")
	tell := func(d *relaytest.Device, p *repo.Proof) {
		t.Helper()
		if err := d.Send(&repo.Message{Type: repo.TypeProof, SenderID: d.Name, DocumentID: string(event), Proof: p}); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []*repo.Proof{
		proofOf(one, one), proofOf(one, other), proofOf(one, elsewhere),
		{A: one.Encode(), SigA: two.Signature, B: two.Encode(), SigB: two.Signature},
		{A: []byte("no change"), SigA: one.Signature, B: two.Encode(), SigB: two.Signature},
	} {
		tell(a, p)
	}
	write(t, a, 1) // behind it on the same connection
	until(t, b, changes(2))
	if n := len(b.State().Proofs); n > 0 {
		t.Fatalf("%d proofs of nothing were passed on", n)
	}

	tell(a, proofOf(one, two))
	tell(a, proofOf(two, one)) // the same again
	until(t, b, func(s relaytest.State) bool { return len(s.Proofs) == 1 })
	if got := statuses(t, store, event); got[one.Hash] != storage.Left || got[two.Hash] != storage.Left || len(got) != 5 {
		t.Errorf("rows %v", got)
	}
	if err := b.Offer(one); err != nil {
		t.Fatal(err)
	}
	until(t, b, func(s relaytest.State) bool { return len(s.Refused) == 1 })
	if r := b.State().Refused[0]; policy.Code(r.Code) != policy.CodeDuplicateSeq {
		t.Errorf("refused as %+v", r)
	}
	write(t, b, 1)
	until(t, a, changes(3))
	if n := len(b.State().Proofs); n != 1 {
		t.Errorf("told %d times", n)
	}

	// An earlier number of the same actor takes out more.
	three := e.Post("early", 1, next, on, "1")
	four := e.Post("early", 2, three.MaxOp()+1, []wire.Hash{three.Hash}, "2")
	if err := a.Offer(three, four); err != nil {
		t.Fatal(err)
	}
	until(t, b, changes(5))
	tell(a, proofOf(four, e.Post("early", 2, three.MaxOp()+1, []wire.Hash{three.Hash}, "2, too")))
	until(t, b, changes(4))
	tell(a, proofOf(three, e.Post("early", 1, next, on, "1, too")))
	until(t, b, changes(3))
	same(t, a, b)
}

// Both changes wait when it is found out.
func TestEquivocationAmongWhatWaits(t *testing.T) {
	store := mem.New()
	s := start(t, relay.Config{Store: store})
	event := relaytest.EventID("waiting twins")
	e := relaytest.NewEvent("waiting twins", "open")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	first := write(t, a, 1)[0]
	connect(t, s, a, b)
	until(t, b, changes(1))
	late := e.Post("late", 1, a.NextOp(), []wire.Hash{first}, "what both wait for")
	on := []wire.Hash{late.Hash}
	one, two := e.Post("liar", 1, late.MaxOp()+1, on, "one"), e.Post("liar", 1, late.MaxOp()+1, on, "two")
	above := e.Post("above", 1, one.MaxOp()+1, []wire.Hash{one.Hash}, "on top")
	for _, c := range []relaytest.Signed{above, one, two, late} {
		if err := a.Offer(c); err != nil {
			t.Fatal(err)
		}
	}
	until(t, b, func(s relaytest.State) bool { return len(s.Proofs) == 1 && s.Changes == 2 })
	write(t, b, 1)
	until(t, a, changes(3))
	same(t, a, b)
	for h, status := range statuses(t, store, event) {
		if out := h == one.Hash || h == two.Hash || h == above.Hash; out != (status == storage.Left) {
			t.Errorf("%s has status %d", h, status)
		}
	}
}

// Proofs are kept up to a bound; beyond it a second change is merely refused.
func TestProofsAreBounded(t *testing.T) {
	s := start(t, relay.Config{Quotas: quota.None})
	event := relaytest.EventID("many proofs")
	e := relaytest.NewEvent("many proofs", "open")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	first := write(t, a, 1)[0]
	connect(t, s, a, b)
	until(t, b, changes(1))
	next := a.NextOp()
	var all []relaytest.Signed
	for i := range relay.MaxProofs + 2 {
		name := fmt.Sprint("liar ", i)
		all = append(all, e.Post(name, 1, next, []wire.Hash{first}, "this"), e.Post(name, 1, next, []wire.Hash{first}, "that"))
	}
	if err := a.Offer(all...); err != nil {
		t.Fatal(err)
	}
	until(t, b, func(s relaytest.State) bool { return len(s.Proofs) == relay.MaxProofs })
	until(t, b, changes(1+2)) // the first changes of the two beyond it
	write(t, b, 1)
	until(t, a, func(s relaytest.State) bool { return len(s.Refused) == relay.MaxProofs+2 })
	late := relaytest.NewDevice("late", event) // gets them all, slow as it may be
	connect(t, s, late)
	until(t, late, func(s relaytest.State) bool { return len(s.Proofs) == relay.MaxProofs && s.Changes == 4 })
}
