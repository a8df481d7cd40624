package qa

import "time"

// Times come from the writer's clock, which may be wrong or forged. Permissions and validity never
// depend on it, and the order of posts only within bounds. If a time cannot be true, this device's
// receive time is shown instead.

const (
	// ClockTolerance is how far two clocks may differ, in ms, before one counts as wrong: 5 minutes.
	ClockTolerance = 5 * 60 * 1000
	// firstClock is a time before the first release, in ms; clocks with earlier times are wrong.
	firstClock = 1_577_836_800_000 // 2020-01-01
)

// PlausibleMillis returns the time to show for a change: atMillis, the writer's time, or if that cannot be
// true, receivedMillis, when this device received the change. foundedMillis is when the event was created,
// by its founder's clock or when this device received it, whichever is earlier.
//
// A change cannot have been written after it was received, nor more than 90 days before the event was
// created. The second does not apply to imported posts, which were written elsewhere. If receivedMillis is
// 0, it is not known, and the result is atMillis.
func PlausibleMillis(atMillis, receivedMillis, foundedMillis int64, imported bool) int64 {
	switch {
	case receivedMillis == 0:
		return atMillis
	case atMillis > receivedMillis:
		return receivedMillis
	case !imported && atMillis < max(min(foundedMillis, receivedMillis), firstClock)-orderMarginMillis && receivedMillis > firstClock:
		return receivedMillis
	}
	return atMillis
}

// ShownMillis returns the time at which a page shows that the post was written.
func (p *Post) ShownMillis() int64 {
	if p.ReceivedAtMillis != 0 {
		return p.ReceivedAtMillis
	}
	return p.AtMillis
}

// ClockWrong reports whether the writer's clock, or this device's when it received the post, is so
// far off that the page should say so.
func (p *Post) ClockWrong() bool {
	return p.ReceivedAtMillis != 0 && clocksDiffer(p.AtMillis, p.ReceivedAtMillis)
}

// clocksDiffer reports whether two times differ by more than ClockTolerance.
func clocksDiffer(a, b int64) bool {
	if a < b {
		a, b = b, a
	}
	// The difference of any two int64 fits a uint64.
	return uint64(a)-uint64(b) > ClockTolerance
}

// ClocksDiffer reports whether this device's clock differs from another one by more than ClockTolerance.
func ClocksDiffer(here, there time.Time) bool {
	return clocksDiffer(here.UnixMilli(), there.UnixMilli())
}

// CapShownTimes replaces shown times after nowMillis by nowMillis. Such times come from older
// versions' views, or from a clock that was set back.
func CapShownTimes(posts []Post, nowMillis int64) {
	for i := range posts {
		if p := &posts[i]; p.ShownMillis() > nowMillis {
			p.ReceivedAtMillis = nowMillis
		}
	}
}
