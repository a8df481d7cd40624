package replica_test

import (
	"fmt"
	"testing"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage/mem"
)

// What one device has put on the relay, another that syncs afterwards has: a
// state of "synced" from before says nothing about now.
func TestSyncFetchesWhatWasThereBefore(t *testing.T) {
	host := startRelay(t)
	a := openNode(t, quick(replica.Config{Store: mem.New()}))
	id := found(t, a, host.url())
	synced(t, a, id)
	b := openNode(t, quick(replica.Config{Store: mem.New()}))
	join(t, b, id, host.url())
	synced(t, b, id)
	for i := range 100 {
		from, to := a, b
		if i%2 == 1 {
			from, to = b, a
		}
		post := ask(t, from, id, fmt.Sprint(i))
		synced(t, from, id)
		synced(t, to, id)
		if _, err := to.Post(t.Context(), id, post); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		if s := statusOf(t, from, id); s.Pending != 0 || s.Relay.State != qa.RelaySynced {
			t.Fatalf("round %d: %+v", i, s)
		}
	}
}

// A command syncs and ends. What an organiser's device answers by itself has gone
// out by then.
func TestSyncAnswersClaims(t *testing.T) {
	host := startRelay(t)
	boss := openNode(t, quick(replica.Config{Store: mem.New()}))
	id := found(t, boss, host.url())
	for i := range 20 {
		label := fmt.Sprint("invitation ", i)
		inv := invite(t, boss, id, qa.RoleAuthor, label)
		synced(t, boss, id)
		guest := openNode(t, quick(replica.Config{Store: mem.New()}))
		joinWith(t, guest, inv)
		synced(t, guest, id)
		if state := claimOf(t, guest, id); state != qa.InviteClaimed && state != qa.InviteGranted {
			t.Fatalf("%s: the guest has synced, and its claim is %q", label, state)
		}
		synced(t, boss, id)
		synced(t, guest, id)
		if state := claimOf(t, guest, id); state != qa.InviteGranted {
			t.Fatalf("%s: both have synced after the claim, and it is %q", label, state)
		}
		if err := guest.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
