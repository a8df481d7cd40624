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
