package replica_test

import (
	"fmt"
	"testing"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage/mem"
)

// After one device has synced a change, another device that calls Sync gets it: Sync does not
// rely on an earlier "synced" state.
func TestSyncFetchesEarlierChanges(t *testing.T) {
	host := startRelay(t)
	a := openNode(t, fastRetries(replica.Config{Store: mem.New()}))
	id := createEvent(t, a, host.url())
	syncNow(t, a, id)
	b := openNode(t, fastRetries(replica.Config{Store: mem.New()}))
	join(t, b, id, host.url())
	syncNow(t, b, id)
	for i := range 100 {
		from, to := a, b
		if i%2 == 1 {
			from, to = b, a
		}
		post := ask(t, from, id, fmt.Sprint(i))
		syncNow(t, from, id)
		syncNow(t, to, id)
		if _, err := to.Post(t.Context(), id, post); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		if s := statusOf(t, from, id); s.Pending != 0 || s.Relay.State != qa.RelaySynced {
			t.Fatalf("round %d: %+v", i, s)
		}
	}
}

// A command syncs and exits. The automatic answers of an organiser's device have been sent by
// then.
func TestSyncAnswersClaims(t *testing.T) {
	host := startRelay(t)
	boss := openNode(t, fastRetries(replica.Config{Store: mem.New()}))
	id := createEvent(t, boss, host.url())
	for i := range 20 {
		label := fmt.Sprint("invitation ", i)
		inv := invite(t, boss, id, qa.RoleAuthor, label)
		syncNow(t, boss, id)
		guest := openNode(t, fastRetries(replica.Config{Store: mem.New()}))
		joinByLink(t, guest, inv)
		syncNow(t, guest, id)
		if state := claimOf(t, guest, id); state != qa.InviteClaimed && state != qa.InviteGranted {
			t.Fatalf("%s: the guest has synced, and its claim is %q", label, state)
		}
		syncNow(t, boss, id)
		syncNow(t, guest, id)
		if state := claimOf(t, guest, id); state != qa.InviteGranted {
			t.Fatalf("%s: both have synced after the claim, and it is %q", label, state)
		}
		if err := guest.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
