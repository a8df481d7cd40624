package replica_test

import (
	"testing"
	"time"

	"flyleaf/replica"
	"flyleaf/storage/mem"
)

// Two events with the same fields that are created at the same moment have different IDs: the
// ID is derived from the first change, which is unique.
func TestEventsCreatedAtTheSameMomentDiffer(t *testing.T) {
	moment := time.UnixMilli(1_700_000_000_000)
	n := openNode(t, replica.Config{Store: mem.New(), Now: func() time.Time { return moment }})
	if a, b := createEvent(t, n, ""), createEvent(t, n, ""); a == b {
		t.Errorf("both are %s", a)
	}
}
