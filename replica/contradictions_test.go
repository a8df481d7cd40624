package replica_test

import (
	"errors"
	"testing"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage/mem"
)

// TestDoAllChecksEachAct: DoAll refuses an act that makes the event contradict itself, like Do,
// and then carries out none of the acts.
func TestDoAllChecksEachAct(t *testing.T) {
	n := openNode(t, replica.Config{Store: mem.New()})
	id := createEvent(t, n, "")
	const day = 24 * 60 * 60 * 1000
	set := func(fields map[string]any) qa.Act { return qa.Act{Kind: qa.ActEvent, Fields: fields} }
	week := set(map[string]any{"startsAt": int64(10 * day), "endsAt": int64(15 * day)})
	ends := set(map[string]any{"endsAt": int64(9 * day)})
	var field *qa.FieldError
	if err := n.DoAll(testContext(t), id, []qa.Act{week, ends}); !errors.As(err, &field) {
		t.Errorf("an end before the beginning: %v", err)
	}
	if e := weekOf(t, n, id).Event; e.StartsAtMillis == 10*day {
		t.Error("the first of two acts was carried out without the second")
	}
	if _, err := n.Do(testContext(t), id, week); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Do(testContext(t), id, ends); !errors.As(err, &field) {
		t.Errorf("an end before the beginning, alone: %v", err)
	}
	if err := n.DoAll(testContext(t), id, []qa.Act{ends}); !errors.As(err, &field) {
		t.Errorf("an end before the beginning, as one of one: %v", err)
	}
	later := set(map[string]any{"endsAt": int64(20 * day)})
	if err := n.DoAll(testContext(t), id, []qa.Act{later, set(map[string]any{"startsAt": int64(16 * day)})}); err != nil {
		t.Errorf("the second act is valid after the first: %v", err)
	}
}
