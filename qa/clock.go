package qa

import "time"

// Times come from the writer's clock, which may be wrong or forged. Permissions and validity never
// depend on it, and the order of posts only within bounds. If a time cannot be true, this device's
// receive time is shown instead.

const (
	// ClockTolerance is how far two clocks, in ms, may differ before one is said to be
	// wrong: 5 minutes.
	ClockTolerance = 5 * 60 * 1000
	// firstClock is before the first release, in ms; earlier times are wrong.
	firstClock = 1_577_836_800_000 // 2020-01-01
)

// PlausibleMillis returns the time to show for something that a writer's clock dates
// atMillis and that this device received at receivedMillis: the one of the two that can
// be true. foundedMillis is when the event was founded, by its founder's clock or the
// receipt, whichever was earlier. Nothing is shown as written after it was received, and
// nothing as written more than 90 days before the event was founded, unless it is
// imported: what an import brings in was written elsewhere, as long ago as it says. With
// receivedMillis 0 the receipt is not known and the writer is believed.
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

// clocksDiffer reports whether two times differ by more than clocks may.
func clocksDiffer(a, b int64) bool {
	if a < b {
		a, b = b, a
	}
	// The difference of any two int64 fits a uint64.
	return uint64(a)-uint64(b) > ClockTolerance
}

// ClocksDiffer reports whether this device's clock differs from another's by more than
// clocks may.
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
