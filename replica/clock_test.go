package replica_test

import (
	"reflect"
	"testing"
	"time"

	"flyleaf/qa"
	"flyleaf/replica"
	"flyleaf/storage/mem"
)

// TestWrongClocksChangeNeitherOrderNorRights: clocks that are years off change neither rights
// nor the order of posts. Every device shows a plausible time, and says which clock was wrong.
func TestWrongClocksChangeNeitherOrderNorRights(t *testing.T) {
	now := time.Date(2026, 11, 11, 12, 0, 0, 0, time.UTC)
	clocks := map[string]time.Time{
		"right":           now,
		"a minute ahead":  now.Add(time.Minute),
		"ten years ahead": now.AddDate(10, 0, 0),
		"of 2126":         now.AddDate(100, 0, 0),
		"an hour behind":  now.Add(-time.Hour),
		"ten years ago":   now.AddDate(-10, 0, 0),
		"of 1996":         time.Date(1996, 1, 1, 0, 0, 0, 0, time.UTC),
		"of 1970":         time.UnixMilli(1),
	}
	wrong := map[string]bool{"ten years ahead": true, "of 2126": true, "ten years ago": true, "of 1996": true, "of 1970": true}
	node := func(now time.Time) *replica.Node {
		return openNode(t, replica.Config{Store: mem.New(), Now: func() time.Time { return now }})
	}
	host := node(now.Add(-time.Hour))
	e := week
	e.SetWeek(2026, 11, 9, time.UTC)
	id, _, err := host.CreateEvent(testContext(t), e, "")
	if err != nil {
		t.Fatal(err)
	}
	genesis := bundleChanges(t, host, id)
	seen := map[string]qa.PostView{}
	left := node(now)
	for name, clock := range clocks {
		n := node(clock)
		if _, err := n.Merge(testContext(t), id, genesis); err != nil {
			t.Fatal(err)
		}
		ask(t, n, id, name)
		if _, err := left.Merge(testContext(t), id, bundleChanges(t, n, id)); err != nil {
			t.Fatal(err)
		}
	}
	// A device that receives everything a month later shows the same order.
	later := node(now.AddDate(0, 1, 0))
	if _, err := later.Merge(testContext(t), id, bundleChanges(t, left, id)); err != nil {
		t.Fatal(err)
	}
	w := weekOf(t, left, id)
	if got, want := texts(weekOf(t, later, id)), texts(w); !reflect.DeepEqual(got, want) {
		t.Errorf("the order is %q there, %q here", got, want)
	}
	for _, th := range w.Threads {
		q := th.Question
		seen[q.Text()] = q
		if q.AtMillis > now.UnixMilli() || q.AtMillis < now.Add(-time.Hour).UnixMilli() {
			t.Errorf("%s: shown as %s", q.Text(), time.UnixMilli(q.AtMillis))
		}
		if q.ClockWrong() != wrong[q.Text()] {
			t.Errorf("%s: said to be wrong: %v", q.Text(), q.ClockWrong())
		}
		if q.WriterMillis() != clocks[q.Text()].UnixMilli() {
			t.Errorf("%s: its clock said %s", q.Text(), time.UnixMilli(q.WriterMillis()))
		}
		if at := q.Revisions[0].AtMillis; at != q.AtMillis {
			t.Errorf("%s: its text is of %s", q.Text(), time.UnixMilli(at))
		}
	}
	if len(seen) != len(clocks) {
		t.Fatalf("%d of %d questions", len(seen), len(clocks))
	}
	if err := left.Rebuild(testContext(t), id); err != nil {
		t.Fatal(err)
	}
	if again := weekOf(t, left, id); !reflect.DeepEqual(again, w) {
		t.Error("the week differs after a rebuild")
	}
}

// TestOnlyOrganisersImportsKeepOldTimes: a post that an organiser imported keeps its old time.
// A post by somebody else does not, even if it names a source.
func TestOnlyOrganisersImportsKeepOldTimes(t *testing.T) {
	old := time.Date(1996, 3, 4, 9, 0, 0, 0, time.UTC).UnixMilli()
	host, guest := openNode(t, replica.Config{Store: mem.New()}), openNode(t, replica.Config{Store: mem.New()})
	id := createEvent(t, host, "")
	do(t, host, id, qa.Act{Kind: qa.ActPost, Text: "imported", AtMillis: old, OnBehalfOf: "Tino", Source: "page:1"})
	if _, err := guest.Merge(testContext(t), id, bundleChanges(t, host, id)); err != nil {
		t.Fatal(err)
	}
	do(t, guest, id, qa.Act{Kind: qa.ActPost, Text: "pretended", AtMillis: old, OnBehalfOf: "Tino", Source: "page:2"})
	if _, err := host.Merge(testContext(t), id, bundleChanges(t, guest, id)); err != nil {
		t.Fatal(err)
	}
	for _, th := range weekOf(t, host, id).Threads {
		q := th.Question
		if imported := q.Text() == "imported"; q.ClockWrong() == imported || (q.AtMillis == old) != imported {
			t.Errorf("%s: of %s, said to be wrong: %v", q.Text(), time.UnixMilli(q.AtMillis), q.ClockWrong())
		}
	}
}

func TestWrongDeviceClockIsReported(t *testing.T) {
	host := startRelay(t)
	for _, c := range []struct {
		off  time.Duration
		said bool
	}{{0, false}, {time.Minute, false}, {-time.Minute, false}, {time.Hour, true}, {-24 * 365 * time.Hour, true}} {
		n := openNode(t, fastRetries(replica.Config{Store: mem.New(), Now: func() time.Time { return time.Now().Add(c.off) }}))
		n.Start(t.Context())
		id := createEvent(t, n, host.url())
		syncNow(t, n, id)
		relay := statusOf(t, n, id).Relay
		if said := relay.ClockOffMillis != 0; said != c.said || said != (relay.ClockWarning() != "") {
			t.Errorf("off by %s: %d, %q", c.off, relay.ClockOffMillis, relay.ClockWarning())
		}
		if d := time.Duration(relay.ClockOffMillis)*time.Millisecond - c.off; c.said && d.Abs() > time.Minute {
			t.Errorf("off by %s, said to be by %d ms", c.off, relay.ClockOffMillis)
		}
	}
}
