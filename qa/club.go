package qa

import (
	"cmp"
	"strings"

	"flyleaf/internal/smallsort"
	"flyleaf/schema"
)

// ListedWeek is a club's entry for one of its weeks.
type ListedWeek struct {
	ID             EventID `json:"id"`
	Title          string  `json:"title"` // never empty: an empty title removes the week from the list
	Authors        string  `json:"authors,omitempty"`
	StartsAtMillis int64   `json:"startsAt,omitempty"` // 0: not set
	EndsAtMillis   int64   `json:"endsAt,omitempty"`
	Relay          string  `json:"relay,omitempty"` // ws:// or wss:// URL
}

// Bounds for a device that follows a club, whose list its organisers control.
const (
	// MaxWeeks is how many weeks of a club are shown: those that start latest.
	MaxWeeks = 10_000
	// MaxFollowed is how many of a club's weeks a device follows automatically: the first ones of
	// Club.Followed.
	MaxFollowed = 64
	// MaxClubRelays is how many relays, besides the club's own, a device connects to for weeks that it
	// follows automatically.
	MaxClubRelays = 8
)

// ArchiveAfterMillis is how long after its end a week is archived, in ms. Until then authors may answer on
// the weekend, winners send their addresses and the organiser may edit the week.
const ArchiveAfterMillis = 14 * 24 * 60 * 60 * 1000

// defaultWeekMillis is how long a week lasts if only its first day is known, in ms.
const defaultWeekMillis = 7 * 24 * 60 * 60 * 1000

// end returns the moment after which the week is over; 0 when it has no dates.
func (w *ListedWeek) end() int64 {
	start, end := w.days()
	if end != 0 {
		return end
	}
	if start != 0 {
		return start + defaultWeekMillis
	}
	return 0
}

// days returns the first and the last moment, each 0 when it is not set or contradictory; see
// Event.Consistent.
func (w *ListedWeek) days() (start, end int64) {
	e := Event{StartsAtMillis: w.StartsAtMillis, EndsAtMillis: w.EndsAtMillis}.withConsistentTimes()
	return e.StartsAtMillis, e.EndsAtMillis
}

// Over reports whether the week has ended. A week without dates is never over.
func (w *ListedWeek) Over(nowMillis int64) bool {
	end := w.end()
	return end != 0 && end < nowMillis
}

// Archived reports whether the week ended so long ago that nobody is expected to write in it. Devices
// fetch an archived week only when somebody opens it.
func (w *ListedWeek) Archived(nowMillis int64) bool {
	return w.Over(nowMillis - ArchiveAfterMillis)
}

// Club is a club's list as a page shows it.
type Club struct {
	Event Event // the club: title, description
	// Now has the weeks that have begun and not ended; the one that ends first comes first.
	Now []ListedWeek
	// Upcoming has the weeks that have not begun; the next one comes first, weeks without a date last.
	Upcoming []ListedWeek
	// Archive has the weeks that have ended; the latest comes first.
	Archive []ListedWeek
}

// NewClub sorts a club's weeks into current, upcoming and past ones.
func NewClub(e Event, nowMillis int64) Club {
	c := Club{Event: e}
	for _, w := range e.Weeks {
		start, end := w.days()
		switch {
		case w.Over(nowMillis):
			c.Archive = append(c.Archive, w)
		case start == 0 && end == 0, start > nowMillis:
			c.Upcoming = append(c.Upcoming, w)
		default:
			c.Now = append(c.Now, w)
		}
	}
	first := func(w ListedWeek) int64 {
		if start, _ := w.days(); start != 0 {
			return start
		}
		return schema.MaxInteger // weeks without a date come last
	}
	rest := func(a, b ListedWeek) int { return cmp.Or(cmp.Compare(a.Title, b.Title), cmp.Compare(a.ID, b.ID)) }
	smallsort.Func(c.Now, func(a, b ListedWeek) int { return cmp.Or(cmp.Compare(a.end(), b.end()), rest(a, b)) })
	smallsort.Func(c.Upcoming, func(a, b ListedWeek) int {
		return cmp.Or(cmp.Compare(first(a), first(b)), rest(a, b))
	})
	smallsort.Func(c.Archive, func(a, b ListedWeek) int { return cmp.Or(cmp.Compare(b.end(), a.end()), rest(a, b)) })
	return c
}

// Followed returns the weeks that a device follows automatically once it has joined the club: at most
// MaxFollowed weeks that are not archived, the earliest first, on at most MaxClubRelays relays besides the
// club's.
func (c *Club) Followed(nowMillis int64) []ListedWeek {
	var out []ListedWeek
	relays := map[string]bool{}
	for _, r := range c.Event.Relays {
		relays[r] = true
	}
	most := len(relays) + MaxClubRelays
	add := func(weeks []ListedWeek) {
		for _, w := range weeks {
			if len(out) == MaxFollowed || w.Archived(nowMillis) {
				continue
			}
			if !relays[w.Relay] && w.Relay != "" {
				if len(relays) == most {
					continue
				}
				relays[w.Relay] = true
			}
			out = append(out, w)
		}
	}
	add(c.Now)
	add(c.Upcoming)
	add(c.Archive)
	return out
}

// Listing returns the entry for the event in a club's list, without contradictory dates.
func (e *Event) Listing() ListedWeek {
	dated := e.withConsistentTimes()
	w := ListedWeek{
		ID: e.ID, Title: e.Title, Authors: e.Authors, StartsAtMillis: dated.StartsAtMillis, EndsAtMillis: dated.EndsAtMillis,
	}
	if len(e.Relays) > 0 {
		w.Relay = e.Relays[0]
	}
	return w
}

// Act returns the act that lists the week as w says.
func (w *ListedWeek) Act(atMillis int64) Act {
	e := &Event{ID: w.ID, Title: w.Title, Authors: w.Authors, StartsAtMillis: w.StartsAtMillis, EndsAtMillis: w.EndsAtMillis}
	if w.Relay != "" {
		e.Relays = []string{w.Relay}
	}
	return Act{Kind: ActWeek, AtMillis: atMillis, Event: e}
}

// TrimWeeks sorts a club's weeks by their first day, the latest first, then by title, and drops those
// beyond MaxWeeks.
func TrimWeeks(weeks []ListedWeek) []ListedWeek {
	smallsort.Func(weeks, func(a, b ListedWeek) int {
		return cmp.Or(cmp.Compare(b.StartsAtMillis, a.StartsAtMillis), strings.Compare(a.Title, b.Title), cmp.Compare(a.ID, b.ID))
	})
	return weeks[:min(len(weeks), MaxWeeks)]
}
