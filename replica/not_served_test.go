package replica_test

import (
	"strings"
	"testing"

	"flyleaf/crdt/sync/repo"
	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage/mem"
)

// TestDeviceSaysWhyTheRelayDoesNotServeAnEvent: a relay that refuses an event says why, and the device shows
// that reason instead of saying that the relay does not have the event. The reason goes when the relay lacks the
// event, or sends it.
func TestDeviceSaysWhyTheRelayDoesNotServeAnEvent(t *testing.T) {
	p := newFakeRelay(t)
	founder := openNode(t, replica.Config{Store: mem.New(), Key: newKey(t)})
	id := createEvent(t, founder, "")
	p.event = id
	n := openNode(t, fastRetries(replica.Config{Store: mem.New(), Dial: p}))
	joinByLink(t, n, qa.Invitation{Event: id, Relay: "ws://relay.example"})
	n.Start(t.Context())
	p.accept()
	why := func(want string) func() bool {
		return func() bool {
			r := statusOf(t, n, id).Relay
			return r.State == qa.RelaySyncing && strings.Contains(r.Why, want)
		}
	}
	p.send(&repo.Message{Type: repo.TypeUnavailable, DocumentID: string(id), Message: "relay: too many documents on one connection."})
	eventually(t, n, "the reason", why("the relay refuses this event now: too many documents on one connection. This device asks again"))
	p.send(&repo.Message{Type: repo.TypeUnavailable, DocumentID: string(id), Message: "\u202eno\nroom"})
	eventually(t, n, "the reason as a line", why("now: no room."))
	p.send(&repo.Message{Type: repo.TypeUnavailable, DocumentID: string(id)})
	eventually(t, n, "that the relay lacks the event", why("the relay does not have this event yet"))
}

// TestARefusedEventIsNotLost: a relay that does not serve an event now may still have what was sent to it. One that lacks the
// event does not.
func TestARefusedEventIsNotLost(t *testing.T) {
	host, store, key := startRelay(t), mem.New(), newKey(t)
	first := openNode(t, replica.Config{Store: store, Key: key})
	id := createEvent(t, first, host.url())
	if err := first.Sync(testContext(t), id); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	p := newFakeRelay(t)
	p.event = id
	n := openNode(t, fastRetries(replica.Config{Store: store, Key: key, Dial: p}))
	n.Start(t.Context())
	p.accept()
	pending := func() int { return statusOf(t, n, id).Pending }
	p.send(&repo.Message{Type: repo.TypeUnavailable, DocumentID: string(id), Message: "no room"})
	eventually(t, n, "the reason", func() bool { return strings.Contains(statusOf(t, n, id).Relay.Why, "no room") })
	if got := pending(); got != 0 {
		t.Errorf("%d changes are to be sent again to a relay that refuses the event", got)
	}
	p.send(&repo.Message{Type: repo.TypeUnavailable, DocumentID: string(id)})
	eventually(t, n, "that the changes are lost", func() bool { return pending() > 0 })
}
