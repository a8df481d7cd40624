package qa

import (
	"math"
	"testing"
)

func TestBelievedTimes(t *testing.T) {
	const now, founded = 1_795_000_000_000, 1_794_000_000_000
	for _, c := range []struct {
		name                  string
		at, received, founded int64
		imported              bool
		want                  int64
	}{
		{"ordinary", now - 5, now, founded, false, now - 5},
		{"written offline, weeks ago", now - 30*86_400_000, now, founded, false, now - 30*86_400_000},
		{"a moment ahead", now + 1, now, founded, false, now},
		{"ahead", now + 1<<40, now, founded, false, now},
		{"the last of 64 bits", math.MaxInt64, now, founded, false, now},
		{"the first of 64 bits", math.MinInt64, now, founded, false, now},
		{"of 1996", 820_454_400_000, now, founded, false, now},
		{"of 1996, imported", 820_454_400_000, now, founded, true, 820_454_400_000},
		{"ahead, imported", now + 1<<40, now, founded, true, now},
		{"the founder's clock was of 1996", 820_454_400_000, now, 820_454_400_000, false, now},
		{"the founder's clock was ahead", now - 5, now, math.MaxInt64, false, now - 5},
		{"the founder's clock was of no year", now - 5, now, math.MinInt64, false, now - 5},
		{"no receipt", math.MaxInt64, 0, founded, false, math.MaxInt64},
		{"this device's clock was of 1970", now, 1, founded, false, 1},
		{"so was the writer's", 0, 1, founded, false, 0},
	} {
		if got := PlausibleMillis(c.at, c.received, c.founded, c.imported); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	for _, c := range []struct {
		at, received int64
		want         bool
	}{
		{math.MaxInt64, now, true},
		{math.MinInt64, now, true},
		{math.MinInt64, math.MaxInt64, true},
		{now + ClockTolerance, now, false},
		{now + ClockTolerance + 1, now, true},
		{now, 0, false},
	} {
		if p := (Post{AtMillis: c.at, ReceivedAtMillis: c.received}); p.ClockWrong() != c.want {
			t.Errorf("%+v is said to be wrong: %v", c, p.ClockWrong())
		}
	}
}

// TestNothingIsShownAsWrittenLaterThanNow: times in the views that are later than now are not shown.
func TestNothingIsShownAsWrittenLaterThanNow(t *testing.T) {
	const now = 1_795_000_000_000
	posts := []Post{{ID: "a", AtMillis: now + 1<<50}, {ID: "b", AtMillis: 1, ReceivedAtMillis: now + 9}, {ID: "c", AtMillis: now - 3}}
	CapShownTimes(posts, now)
	for _, th := range NewWeek(Event{}, posts, nil).Threads {
		q := th.Question
		want := map[PostID]int64{"a": now, "b": now, "c": now - 3}[q.ID]
		if q.AtMillis != want || q.WriterMillis() != map[PostID]int64{"a": now + 1<<50, "b": 1, "c": now - 3}[q.ID] {
			t.Errorf("%s is shown as of %d, its clock said %d", q.ID, q.AtMillis, q.WriterMillis())
		}
	}
}

func TestClockWords(t *testing.T) {
	for off, want := range map[int64]string{
		0:                   "",
		3_600_000:           "this device’s clock is 60 minutes ahead of the relay’s. One of them is wrong. Your posts use this device’s time",
		-3 * 3_600_000:      "this device’s clock is 3 hours behind the relay’s. One of them is wrong. Your posts use this device’s time",
		-30 * 365 * 86400e3: "this device’s clock is 10950 days behind the relay’s. One of them is wrong. Your posts use this device’s time",
	} {
		if got := (&RelayStatus{ClockOffMillis: off}).ClockWarning(); got != want {
			t.Errorf("%d: %q", off, got)
		}
	}
}
