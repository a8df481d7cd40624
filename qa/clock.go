package qa

import "time"

// Times are the writer's clock, and clocks are wrong: of a battery that was empty, of a
// person who set it by hand, of an attacker. No permission and no validity depends on
// one, and the order of posts only within bounds (see NewWeek). What is shown is decided
// here, from the one other clock that there is, that of this device: a time that cannot
// be true is replaced by the time at which the device received the change.

const (
	// ClockTolerance is how far two clocks, in ms, may differ before one is said to be
	// wrong: 5 minutes.
	ClockTolerance = 5 * 60 * 1000
	// firstClock is before the first version of this program, in ms: no post was
	// written with it then, whatever the founder's clock said.
	firstClock = 1_577_836_800_000 // 2020-01-01
)

// BelievedMillis returns the time to show for something that a writer's clock dates
// atMillis and that this device received at receivedMillis: the one of the two that can
// be true. foundedMillis is when the event was founded, by its founder's clock or the
// receipt, whichever was earlier. Nothing is shown as written after it was received, and
// nothing as written more than 90 days before the event was founded, unless it is
// imported: what an import brings in was written elsewhere, as long ago as it says. With
// receivedMillis 0 the receipt is not known and the writer is believed.
func BelievedMillis(atMillis, receivedMillis, foundedMillis int64, imported bool) int64 {
	switch {
	case receivedMillis == 0:
		return atMillis
	case atMillis > receivedMillis:
		return receivedMillis
	case !imported && atMillis < max(min(foundedMillis, receivedMillis), firstClock)-slackMillis && receivedMillis > firstClock:
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

// ClockWrong reports whether the writer's clock, or this device's when it received the
// post, was so far off that it has to be said.
func (p *Post) ClockWrong() bool {
	return p.ReceivedAtMillis != 0 && apart(p.AtMillis, p.ReceivedAtMillis)
}

// apart reports whether two times differ by more than clocks may.
func apart(a, b int64) bool {
	if a < b {
		a, b = b, a
	}
	// The difference of any two int64 fits a uint64.
	return uint64(a)-uint64(b) > ClockTolerance
}

// ClocksApart reports whether this device's clock differs from another's by more than
// clocks may.
func ClocksApart(here, there time.Time) bool { return apart(here.UnixMilli(), there.UnixMilli()) }

// ShownUntil caps the times at which posts are shown at a moment of this device's
// clock, in place. Posts whose views an earlier version made have no time of receipt,
// and a clock that was set back makes even that one lie ahead.
func ShownUntil(posts []Post, nowMillis int64) {
	for i := range posts {
		if p := &posts[i]; p.ShownMillis() > nowMillis {
			p.ReceivedAtMillis = nowMillis
		}
	}
}
