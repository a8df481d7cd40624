package replica_test

import (
	"testing"
	"time"

	"flyleaf/replica"
	"flyleaf/storage/mem"
)

// Two events of the same words, founded in one moment, are two events: an
// event's ID is made from its first change, which must be like no other.
func TestEventsFoundedInOneMomentAreTwo(t *testing.T) {
	moment := time.UnixMilli(1_700_000_000_000)
	n := openNode(t, replica.Config{Store: mem.New(), Now: func() time.Time { return moment }})
	if a, b := found(t, n, ""), found(t, n, ""); a == b {
		t.Errorf("both are %s", a)
	}
}
