package relay_test

import (
	"testing"

	"flyleaf/crdt/wire"
	"flyleaf/relay"
	"flyleaf/relay/relaytest"
	"flyleaf/storage"
	"flyleaf/storage/mem"
)

// rejectedWhilePending returns a relay that has refused b's pending change: it depended on a's last
// change, which was refused because a's earlier change was.
func rejectedWhilePending(t *testing.T, name string) (s *server, a, b *relaytest.Device) {
	s = start(t, relay.Config{})
	event, e := relaytest.EventID(name), relaytest.NewEvent(name, "open")
	a, b = relaytest.NewDevice("a", event), relaytest.NewDevice("b", event)
	write(t, a, 1)
	connect(t, s, a, b)
	until(t, b, changes(1))
	good := e.Post("f", 1, a.NextOp(), a.State().Heads, "good")
	gap := e.Post("f", 4, good.MaxOp()+1, []wire.Hash{good.Hash}, "a number was left out")
	one := e.Post("g", 1, gap.MaxOp()+1, []wire.Hash{gap.Hash}, "on top of it")
	two := e.Post("h", 1, one.MaxOp()+1, []wire.Hash{one.Hash}, "and on top of that")
	if err := b.Offer(two); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the change waits", func() bool { _, pending := s.Kept(event); return pending == 1 })
	if err := a.Offer(good, gap); err != nil {
		t.Fatal(err)
	}
	until(t, a, func(s relaytest.State) bool { return len(s.Refused) == 1 })
	if err := a.Offer(one); err != nil {
		t.Fatal(err)
	}
	until(t, a, func(s relaytest.State) bool { return len(s.Refused) == 2 })
	return s, a, b
}

// TestSenderOfAPendingChangeIsTold: the sender of a pending change is told as soon as one of its
// dependencies is refused. The change is then no longer kept.
func TestSenderOfAPendingChangeIsTold(t *testing.T) {
	s, _, b := rejectedWhilePending(t, "told")
	until(t, b, func(s relaytest.State) bool { return len(s.Refused) == 1 })
	if _, pending := s.Kept(b.Event); pending != 0 {
		t.Errorf("%d changes wait", pending)
	}
}

// TestSenderOfARejectedChangeDisconnects: the relay keeps running when the sender of a pending
// change that was refused disconnects.
func TestSenderOfARejectedChangeDisconnects(t *testing.T) {
	s, a, b := rejectedWhilePending(t, "leaves")
	b.Disconnect()
	write(t, a, 1)
	c := relaytest.NewDevice("c", a.Event)
	connect(t, s, c)
	until(t, c, changes(3))
}

// TestQuotaCountsARowOnce: a row of the ledger that is pending when its document is loaded counts
// once in the quotas, however late its dependencies arrive.
func TestQuotaCountsARowOnce(t *testing.T) {
	for _, status := range []storage.Status{storage.Excluded, storage.InDocument} {
		store := mem.New()
		event, e := relaytest.EventID("once"), relaytest.NewEvent("once", "open")
		a := relaytest.NewDevice("a", event)
		first := write(t, a, 1)[0]
		s := start(t, relay.Config{Store: store})
		connect(t, s, a)
		until(t, a, func(s relaytest.State) bool { return s.Stored })
		s.stop()
		missing := e.Post("missing", 1, a.NextOp(), []wire.Hash{first}, "what is not here")
		above := e.Post("above", 1, missing.MaxOp()+1, hashes(missing), "on top of what is not here")
		batch := storage.Batch{Event: event, Entries: []storage.Entry{{
			Chunk: above.Chunk(), Actor: above.Actor, Seq: above.Seq, Signature: above.Signature, Status: status,
		}}}
		if err := store.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		s = start(t, relay.Config{Store: store})
		b := relaytest.NewDevice("b", event)
		connect(t, s, b)
		until(t, b, changes(1))
		if err := b.Offer(missing, above); err != nil {
			t.Fatal(err)
		}
		until(t, b, changes(3))
		got, _ := s.Kept(event)
		s.stop()
		s = start(t, relay.Config{Store: store})
		c := relaytest.NewDevice("c", event)
		connect(t, s, c)
		until(t, c, changes(3))
		if want, _ := s.Kept(event); got != want {
			t.Errorf("status %d: %d bytes are counted, and %d after a restart; the row has %d", status, got, want, len(above.Encode()))
		}
		s.stop()
	}
}
