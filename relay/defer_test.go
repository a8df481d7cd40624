package relay_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flyleaf/crdt/policy"
	"flyleaf/crdt/wire"
	"flyleaf/qa"
	"flyleaf/relay"
	"flyleaf/relay/quota"
	"flyleaf/relay/relaytest"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// clock is a time that tests set.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.nanos.Load()) }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

// retrying makes a relay check often whether it can accept deferred changes.
var retrying = relay.Limits{Retry: 2 * time.Millisecond}

// deferred returns the codes of the changes that a device was told are deferred.
func deferred(s relaytest.State) (codes []policy.Code) {
	for _, r := range s.Refused {
		if r.Deferred {
			codes = append(codes, policy.Code(r.Code))
		}
	}
	return codes
}

func rows(t testing.TB, l storage.Ledger, event qa.EventID) (all []storage.Entry) {
	t.Helper()
	err := l.Entries(context20(t), event, 0, func(e storage.Entry) error {
		all = append(all, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// quiet waits until the relay has sent the device nothing for a moment, because earlier messages may
// still come. It fails the test if the relay never stops.
func quiet(t testing.TB, d *relaytest.Device) {
	t.Helper()
	before := d.State()
	for range 40 {
		time.Sleep(50 * time.Millisecond) // that nothing happens cannot be polled for
		after := d.State()
		if after.Messages == before.Messages && len(after.Refused) == len(before.Refused) {
			return
		}
		before = after
	}
	t.Errorf("the relay never stops sending to %s", d.Name)
}

// TestRateDefersAndAsksAgain: changes beyond the rate are deferred and not stored. The session stays open
// and the relay sends nothing more; once the rate allows it, the relay asks for the changes, and all
// arrive.
func TestRateDefersAndAsksAgain(t *testing.T) {
	c, store := newClock(), mem.New()
	s := start(t, relay.Config{Store: store, Now: c.now, Limits: retrying, Quotas: quota.Quotas{PersonBurst: 5, PersonRate: 5}})
	event := relaytest.EventID("rate")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	write(t, a, 20) // and the genesis, which costs a nothing
	connect(t, s, a, b)
	until(t, b, changes(5))
	until(t, a, func(s relaytest.State) bool { return len(deferred(s)) == 15 })
	for _, code := range deferred(a.State()) {
		if code != policy.CodeRate {
			t.Errorf("deferred as %q", code)
		}
	}
	if n := len(rows(t, store, event)); n != 6 {
		t.Errorf("%d rows stored", n)
	}
	quiet(t, a)
	quiet(t, b)
	write(t, b, 1) // depends on the stored changes only, so it is accepted at once
	until(t, a, changes(21))

	for n := 10; n <= 20; n += 5 {
		c.advance(time.Minute)
		until(t, b, changes(n+1))
		quiet(t, b)
	}
	onDisk(t, a)
	sameMessage(t, a, b)
}

// TestRetriesKeepOrderAndRate: the relay asks for deferred changes in their own order and a few at a time,
// however often it checks whether there is room. Asking for a later change first would bring all the
// changes below it as well.
func TestRetriesKeepOrderAndRate(t *testing.T) {
	c, store := newClock(), mem.New()
	s := start(t, relay.Config{Store: store, Now: c.now, Limits: relay.Limits{Retry: time.Millisecond}, Quotas: quota.Quotas{PersonBurst: 2, PersonRate: 2}})
	event := relaytest.EventID("in order")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	mine := write(t, a, 40)
	connect(t, s, a, b)
	until(t, b, changes(2))
	for n := 2; n < 40; n += 2 {
		if got := b.State().Changes; got != n {
			t.Fatalf("%d changes came, the rate allows %d", got, n)
		}
		c.advance(time.Minute)
		until(t, b, func(s relaytest.State) bool { return s.Changes >= n+2 })
		if !b.Has(mine[n+1]) {
			t.Fatal("the changes came in another order")
		}
	}
	sameMessage(t, a, b)
}

// TestDeferredIsAcceptedWhenSomebodyBuildsOnIt: a deferred change is accepted at once if a change of somebody
// within their quota depends on it.
func TestDeferredIsAcceptedWhenSomebodyBuildsOnIt(t *testing.T) {
	c, store := newClock(), mem.New()
	s := start(t, relay.Config{Store: store, Now: c.now, Quotas: quota.Quotas{PersonBurst: 5, PersonRate: 1}})
	event := relaytest.EventID("built on")
	a, b, third := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event), relaytest.NewDevice("third", event)
	fast := write(t, a, 20)
	connect(t, s, a, third)
	until(t, third, changes(5))
	until(t, a, func(s relaytest.State) bool { return len(deferred(s)) == 15 })

	// b got them from a by hand, and answers.
	var all []relaytest.Signed
	for _, h := range fast {
		signed, err := a.Signed(h)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, signed)
	}
	if err := b.Receive(relaytest.NewEvent("built on", "open").Genesis); err != nil {
		t.Fatal(err)
	}
	if err := b.Receive(all...); err != nil {
		t.Fatal(err)
	}
	answer := write(t, b, 1)[0]
	// Only the answer is sent by b: the rest the relay has to ask for.
	signed, err := b.Signed(answer)
	if err != nil {
		t.Fatal(err)
	}
	carrier := relaytest.NewDevice("carrier", event)
	connect(t, s, carrier)
	until(t, carrier, changes(5))
	if err := carrier.Offer(signed); err != nil {
		t.Fatal(err)
	}
	until(t, third, changes(21))
	sameMessage(t, a, third)
	// It is charged as debt: further changes by a are deferred for longer than a minute.
	write(t, a, 1)
	until(t, a, func(s relaytest.State) bool { return len(deferred(s)) == 16 })
	c.advance(10 * time.Minute)
	quiet(t, third)
}

// TestSeedingIsNotHeldUpByQuotas: one device brings a whole event of many writers from an address that has quota
// left for only a few changes. The changes that somebody with a role built on are accepted at once, in
// however many messages they came before.
func TestSeedingIsNotHeldUpByQuotas(t *testing.T) {
	for _, people := range []int{40, 1} {
		t.Run(fmt.Sprint("of ", people), func(t *testing.T) { seed(t, people, 400/people) })
	}
}

func seed(t *testing.T, people, rounds int) {
	store := mem.New()
	c := newClock()
	s := start(t, relay.Config{Store: store, Now: c.now, BehindProxy: true, Quotas: quota.Quotas{
		PersonBurst: 2, PersonRate: 1, NewcomersBurst: 5, NewcomersRate: 1, StrangersBurst: 10, StrangersRate: 1,
	}})
	event := relaytest.EventID(fmt.Sprint("seed ", people))
	seeder := relaytest.NewDevice("seeder", event)
	seeder.Header = http.Header{"X-Forwarded-For": {"203.0.113.5"}}
	var everybody []*relaytest.Device
	for i := range people {
		everybody = append(everybody, relaytest.NewDevice(fmt.Sprint("reader-", i), event))
	}
	e := relaytest.NewEvent(fmt.Sprint("seed ", people), "open")
	if err := seeder.Receive(e.Genesis); err != nil {
		t.Fatal(err)
	}
	// They write in turn, each on top of all before. What they write is
	// long enough for several messages.
	words := strings.Repeat("words ", 1000)
	last := e.Genesis
	n := 0
	for round := range rounds {
		for _, d := range everybody {
			post := e.Post(d.Name, uint64(round+1), last.MaxOp()+1, deps(last, ownLast(seeder, d.Name, round)), words)
			if err := seeder.Receive(post); err != nil {
				t.Fatal(err)
			}
			last = post
			n++
		}
	}
	// The founder thanks them all.
	thanks := e.ByFounder("thanks", 1, last.MaxOp()+1, []wire.Hash{last.Hash}, e.Block(relaytest.KeyOf("nobody").Identity(), "to be sure"))
	if err := seeder.Receive(thanks); err != nil {
		t.Fatal(err)
	}
	connect(t, s, seeder)
	other := relaytest.NewDevice("other", event)
	connect(t, s, other)
	until(t, other, changes(n+1))
	onDisk(t, seeder)
	// Some for each slice, and none for each change: what is asked for is not put off a
	// second time.
	if m := seeder.State().Messages; m > 13 {
		t.Errorf("%d messages for %d changes", m, n)
	}
}

func deps(last relaytest.Signed, own wire.Hash) []wire.Hash {
	if own == (wire.Hash{}) || own == last.Hash {
		return []wire.Hash{last.Hash}
	}
	return []wire.Hash{last.Hash, own}
}

// ownLast returns the change that the person wrote in the previous round, from the changes that a device has.
func ownLast(d *relaytest.Device, name string, round int) wire.Hash {
	h, _ := d.BySeq(relaytest.Actor(name), uint64(round))
	return h
}

// TestFounderBringsTenThousandPosts: people with a role, above all the founder, may bring many changes at once,
// also from an address with limits: here ten thousand imported posts.
func TestFounderBringsTenThousandPosts(t *testing.T) {
	n := 10_000
	if testing.Short() {
		n = 1_000
	}
	s := start(t, relay.Config{BehindProxy: true})
	event := relaytest.EventID("import")
	founder := relaytest.NewDevice("founder of import", event)
	founder.Header = http.Header{"X-Forwarded-For": {"203.0.113.5"}}
	for i := range n {
		if _, err := founder.Write("post number", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	connect(t, s, founder)
	onDisk(t, founder)
	if r := founder.State().Refused; len(r) > 0 {
		t.Errorf("%d changes were not accepted, the first: %+v", len(r), r[0])
	}
	t.Logf("%d posts in %v", n, time.Since(began))
	reader := relaytest.NewDevice("reader", event)
	connect(t, s, reader)
	until(t, reader, changes(n))
}

// TestThrowAwayIdentitiesAreBounded: one machine makes new keys without end and floods. Only a part of its changes
// is stored. People at other addresses and people with a role are not slowed down.
func TestThrowAwayIdentitiesAreBounded(t *testing.T) {
	store, c := mem.New(), newClock()
	s := start(t, relay.Config{Store: store, Now: c.now, Limits: retrying, BehindProxy: true, Quotas: quota.Quotas{
		NewcomersBurst: 20, NewcomersRate: 10, StrangersBurst: 100, StrangersRate: 10,
	}})
	event := relaytest.EventID("flood")
	e := relaytest.NewEvent("flood", "open")
	honest, other := relaytest.NewDevice("honest", event), relaytest.NewDevice("other", event)
	honest.Header = http.Header{"X-Forwarded-For": {"198.51.100.7"}}
	other.Header = http.Header{"X-Forwarded-For": {"198.51.100.8"}}
	write(t, honest, 1)
	connect(t, s, honest, other)
	until(t, other, changes(1))

	evil := relaytest.NewDevice("evil", event)
	evil.Header = http.Header{"X-Forwarded-For": {"203.0.113.5"}}
	connect(t, s, evil)
	until(t, evil, changes(1))
	heads, next := evil.State().Heads, evil.NextOp()
	const people, each = 60, 10
	sent := 0
	for i := range people {
		name := fmt.Sprint("throw-away-", i)
		last := relaytest.Signed{}
		var all []relaytest.Signed
		for k := range each {
			on, op := heads, next
			if k > 0 {
				on, op = []wire.Hash{last.Hash}, last.MaxOp()+1
			}
			last = e.Post(name, uint64(k+1), op, on, "buy")
			all = append(all, last)
			sent++
		}
		if err := evil.Offer(all...); err != nil {
			t.Fatal(err)
		}
	}
	until(t, evil, func(s relaytest.State) bool { return len(deferred(s)) >= sent-100 })
	mine := write(t, honest, 3)
	until(t, other, func(s relaytest.State) bool { return slices.Contains(s.Heads, mine[2]) || other.Has(mine[2]) })
	writers := map[qa.Identity]bool{}
	fromEvil := 0
	for _, row := range rows(t, store, event) {
		if id := qa.IdentityOfActor([]byte(row.Actor)); id != e.Founder.Identity() && id != relaytest.KeyOf("honest").Identity() {
			writers[id] = true
			fromEvil++
		}
	}
	if fromEvil > 100 || len(writers) > 20 || fromEvil < 50 {
		t.Errorf("%d changes of %d throw-away identities are stored", fromEvil, len(writers))
	}
}

// TestBlockedIsDeferred: the changes of a blocked person stay on their device until the block is lifted, or until
// somebody who is not blocked answers one of them. Nobody else is cut off.
func TestBlockedIsDeferred(t *testing.T) {
	store := mem.New()
	s := start(t, relay.Config{Store: store, Limits: retrying})
	event := relaytest.EventID("blocked")
	e := relaytest.NewEvent("blocked", "open")
	founder, eve, bob := relaytest.NewDevice("founder of blocked", event), relaytest.NewDevice("eve", event), relaytest.NewDevice("bob", event)
	write(t, eve, 1)
	connect(t, s, founder, eve, bob)
	until(t, founder, changes(1))
	var block wire.OpID
	if _, err := founder.Do(func(a wire.ActorID, op uint64) []wire.Op {
		block = wire.OpID{Counter: op, Actor: a}
		return []wire.Op{e.Block(relaytest.KeyOf("eve").Identity(), "spam")}
	}); err != nil {
		t.Fatal(err)
	}
	until(t, eve, changes(2))
	until(t, bob, changes(2))
	hers := write(t, eve, 3)
	until(t, eve, func(s relaytest.State) bool { return len(deferred(s)) == 3 })
	for _, code := range deferred(eve.State()) {
		if code != policy.CodeBlocked {
			t.Errorf("deferred as %q", code)
		}
	}
	quiet(t, eve)
	quiet(t, bob)
	if _, err := store.Entry(context20(t), event, hers[0]); err == nil {
		t.Error("it was stored")
	}

	// Bob has two of them by another way, and answers.
	for _, h := range hers[:2] {
		c, err := eve.Signed(h)
		if err != nil {
			t.Fatal(err)
		}
		if err := bob.Receive(c); err != nil {
			t.Fatal(err)
		}
	}
	write(t, bob, 1)
	until(t, founder, changes(5))
	if !founder.Has(hers[1]) || founder.Has(hers[2]) {
		t.Error("accepted something other than the changes that the answer depends on")
	}
	// After the block is revoked, the relay requests the deferred changes.
	if _, err := founder.Do(func(wire.ActorID, uint64) []wire.Op {
		return []wire.Op{e.Block(relaytest.KeyOf("eve").Identity(), "", block)}
	}); err != nil {
		t.Fatal(err)
	}
	until(t, founder, changes(7))
	sameMessage(t, founder, eve, bob)
}

// TestDeferredHeadsComeLater: heads beyond the limit are deferred, and accepted when others were merged.
func TestDeferredHeadsComeLater(t *testing.T) {
	s := start(t, relay.Config{Limits: retrying})
	event := relaytest.EventID("heads later")
	e := relaytest.NewEvent("heads later", "open")
	a, b := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	connect(t, s, a, b)
	next := e.Genesis.MaxOp() + 1
	all := []relaytest.Signed{e.Genesis}
	const beyond = 10
	for i := range relay.MaxHeads + beyond {
		all = append(all, e.Post(fmt.Sprint("head ", i), 1, next, []wire.Hash{e.Genesis.Hash}, "v"))
	}
	// a holds them all, so that the relay can ask it.
	if err := a.Receive(all...); err != nil {
		t.Fatal(err)
	}
	if err := a.Offer(all...); err != nil {
		t.Fatal(err)
	}
	until(t, b, changes(relay.MaxHeads))
	until(t, a, func(s relaytest.State) bool { return len(deferred(s)) >= beyond })
	write(t, b, 1) // on top of all that b has
	until(t, b, changes(relay.MaxHeads+beyond+1))
	sameMessage(t, a, b)
}

// TestWaitingListIsShared: a peer that fills the list of waiting changes cannot keep others out of it.
func TestWaitingListIsShared(t *testing.T) {
	s := start(t, relay.Config{})
	event := relaytest.EventID("shared room")
	e := relaytest.NewEvent("shared room", "open")
	a, b, evil := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event), relaytest.NewDevice("evil", event)
	write(t, a, 1)
	connect(t, s, a, b, evil)
	until(t, b, changes(1))
	var flood []relaytest.Signed
	for i := range relay.MaxPending + 10 {
		flood = append(flood, e.Post(fmt.Sprint("w", i), 1, 1000, []wire.Hash{{9, byte(i), byte(i >> 8)}}, "v"))
	}
	if err := evil.Offer(flood...); err != nil {
		t.Fatal(err)
	}
	until(t, evil, func(s relaytest.State) bool { return len(deferred(s)) == 10 })
	// Honest changes come in the wrong order, so the first has to wait.
	heads, next := a.State().Heads, a.NextOp()
	one := e.Post("honest", 1, next, heads, "one")
	two := e.Post("honest", 2, one.MaxOp()+1, []wire.Hash{one.Hash}, "two")
	for _, c := range []relaytest.Signed{two, one} {
		if err := a.Offer(c); err != nil {
			t.Fatal(err)
		}
	}
	until(t, b, changes(3))
	// It is empty again when its owner has disconnected.
	evil.Disconnect()
	again := relaytest.NewDevice("again", event)
	connect(t, s, again)
	eventually(t, "room for as many", func() bool {
		if err := again.Offer(flood[:relay.MaxPending/2]...); err != nil {
			t.Fatal(err)
		}
		n := len(again.State().Refused)
		return n == 0
	})
}

// TestBadSignatureDoesNotCondemnTheChange: a change with a bad signature is refused, but may come again with a good
// one, and changes that depend on it may wait for that.
func TestBadSignatureDoesNotCondemnTheChange(t *testing.T) {
	s := start(t, relay.Config{})
	event := relaytest.EventID("bad signature")
	e := relaytest.NewEvent("bad signature", "open")
	a, b, evil := relaytest.NewDevice("a", event), relaytest.NewDevice("b", event), relaytest.NewDevice("evil", event)
	write(t, a, 1)
	connect(t, s, a, b, evil)
	until(t, b, changes(1))
	heads, next := a.State().Heads, a.NextOp()
	one := e.Post("honest", 1, next, heads, "one")
	two := e.Post("honest", 2, one.MaxOp()+1, []wire.Hash{one.Hash}, "two")
	bad := one
	bad.Signature = bytes.Clone(one.Signature)
	bad.Signature[10] ^= 1
	if err := b.Offer(two); err != nil { // it waits
		t.Fatal(err)
	}
	for range 3 {
		if err := evil.Offer(bad); err != nil {
			t.Fatal(err)
		}
	}
	until(t, evil, func(s relaytest.State) bool { return len(s.Refused) == 3 })
	if r := evil.State().Refused[0]; policy.Code(r.Code) != policy.CodeSignature || r.Deferred {
		t.Errorf("refused as %+v", r)
	}
	if err := evil.Offer(one); err != nil {
		t.Fatal(err)
	}
	until(t, a, changes(3))
	if n := len(b.State().Refused); n > 0 {
		t.Errorf("%d refusals were sent to a peer whose changes were valid", n)
	}

	// Who sent it badly signed may hold it well signed, and is asked when it is wanted.
	holder := relaytest.NewDevice("holder", event)
	connect(t, s, holder)
	until(t, holder, changes(3))
	three := e.Post("honest", 3, two.MaxOp()+1, []wire.Hash{two.Hash}, "three")
	four := e.Post("honest", 4, three.MaxOp()+1, []wire.Hash{three.Hash}, "four")
	if err := holder.Receive(three); err != nil {
		t.Fatal(err)
	}
	bad = three
	bad.Signature = one.Signature
	if err := holder.Offer(bad); err != nil {
		t.Fatal(err)
	}
	until(t, holder, func(s relaytest.State) bool { return len(s.Refused) == 1 })
	if err := b.Offer(four); err != nil {
		t.Fatal(err)
	}
	until(t, a, changes(5))
}

// TestBytesAreBounded: a person's bytes in an event are limited, and so are those of all people without a role
// together. People with a role may have more. A deferred change comes when its writer gets the role.
func TestBytesAreBounded(t *testing.T) {
	t.Run("of a person", func(t *testing.T) {
		s := start(t, relay.Config{Limits: retrying, Quotas: quota.Quotas{PersonBytes: 2000}})
		event := relaytest.EventID("person's bytes")
		e := relaytest.NewEvent("person's bytes", "open")
		founder, a := relaytest.NewDevice("founder of person's bytes", event), relaytest.NewDevice("a", event)
		write(t, founder, 20) // has no such bound
		write(t, a, 20)
		connect(t, s, founder, a)
		until(t, a, func(s relaytest.State) bool { return len(deferred(s)) > 10 })
		onDisk(t, founder)
		if codes := deferred(a.State()); slices.ContainsFunc(codes, func(c policy.Code) bool { return c != policy.CodeQuota }) {
			t.Errorf("deferred as %v", codes)
		}
		until(t, founder, func(s relaytest.State) bool { return s.Changes >= 20+3 })
		if n := founder.State().Changes; n > 20+7 {
			t.Errorf("%d changes are there", n)
		}
		if n := len(founder.State().Refused); n > 0 {
			t.Errorf("%d of the founder's changes were not accepted", n)
		}
		if _, err := founder.Do(func(actor wire.ActorID, op uint64) []wire.Op {
			return e.Role(actor, op, relaytest.KeyOf("a").Identity(), qa.RoleMember, true)
		}); err != nil {
			t.Fatal(err)
		}
		until(t, founder, changes(41))
		sameMessage(t, founder, a)
	})
	t.Run("of an event", func(t *testing.T) {
		s := start(t, relay.Config{Quotas: quota.Quotas{EventBytes: 2500}})
		event := relaytest.EventID("event's bytes")
		founder, a, b := relaytest.NewDevice("founder of event's bytes", event), relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
		write(t, a, 5)
		write(t, b, 5)
		connect(t, s, a, b, founder)
		eventually(t, "something beyond it", func() bool { return len(deferred(a.State()))+len(deferred(b.State())) > 0 })
		for _, code := range append(deferred(a.State()), deferred(b.State())...) {
			if code != policy.CodeQuota {
				t.Errorf("deferred as %v", code)
			}
		}
		write(t, founder, 10)
		onDisk(t, founder)
		if n := len(founder.State().Refused); n > 0 {
			t.Errorf("%d of the founder's changes were not accepted", n)
		}
	})
}

// TestRolesGetMore: people with a role may bring more at once than others.
func TestRolesGetMore(t *testing.T) {
	s := start(t, relay.Config{Quotas: quota.Quotas{PersonBurst: 3, RoleBurst: 100}})
	event := relaytest.EventID("more")
	e := relaytest.NewEvent("more", "open")
	founder, author, reader := relaytest.NewDevice("founder of more", event), relaytest.NewDevice("author", event), relaytest.NewDevice("reader", event)
	if _, err := founder.Do(func(actor wire.ActorID, op uint64) []wire.Op {
		return e.Role(actor, op, relaytest.KeyOf("author").Identity(), qa.RoleAuthor, true)
	}); err != nil {
		t.Fatal(err)
	}
	connect(t, s, founder, author, reader)
	until(t, author, changes(1))
	until(t, reader, changes(1))
	write(t, author, 20)
	onDisk(t, author)
	write(t, reader, 20)
	until(t, reader, func(s relaytest.State) bool { return len(deferred(s)) == 17 })
	until(t, founder, changes(1+20+3))
	if n := len(author.State().Refused); n > 0 {
		t.Errorf("%d of the author's changes were not accepted", n)
	}
}

// TestAuthorityChangesAreBounded: changes of roles, blocks and closings are accepted up to a limit. All other
// changes still are.
func TestAuthorityChangesAreBounded(t *testing.T) {
	s := start(t, relay.Config{Limits: relay.Limits{AuthorityChanges: 10}})
	event := relaytest.EventID("rulings")
	e := relaytest.NewEvent("rulings", "open")
	founder, reader := relaytest.NewDevice("founder of rulings", event), relaytest.NewDevice("reader", event)
	for i := range 12 {
		if _, err := founder.Do(func(wire.ActorID, uint64) []wire.Op {
			return []wire.Op{e.Block(relaytest.KeyOf(fmt.Sprint("spammer ", i)).Identity(), "spam")}
		}); err != nil {
			t.Fatal(err)
		}
	}
	connect(t, s, founder, reader)
	until(t, reader, changes(10))
	until(t, founder, func(s relaytest.State) bool { return len(deferred(s)) == 2 })
	if code := deferred(founder.State())[0]; code != policy.CodeFull {
		t.Errorf("deferred as %q", code)
	}
	write(t, reader, 1)
	until(t, founder, changes(13))
	// Who builds on what was put off is not cut off by the bound.
	write(t, founder, 1)
	until(t, reader, changes(14))
}
