package main

import (
	"strings"
	"testing"
	"time"

	"flyleaf/qa"
)

// A week that was fetched is shown with the first day in its own time zone. Of the others, archived weeks
// are fetched only when somebody opens them.
func TestClubShowsDaysAndWhatIsFetched(t *testing.T) {
	const now = 1_774_220_400_000 // 22 March 2026, 23:00 UTC
	local := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = local })
	var out strings.Builder
	a := &app{std: streams{out: &out}}
	club := qa.NewClub(qa.Event{Title: "The Lamplight Readers", Weeks: []qa.ListedWeek{
		{ID: "here", Title: "The Patient Ledger", StartsAtMillis: now},
		{ID: "next", Title: "Slow Indexes", StartsAtMillis: now + 86_400_000},
		{ID: "over", Title: "Borrowed Clocks", StartsAtMillis: now - 8*86_400_000, EndsAtMillis: now - 1},
		{ID: "old", Title: "Small Weather", StartsAtMillis: now - 60*86_400_000, EndsAtMillis: now - 55*86_400_000},
	}}, now)
	a.printClub(&club, map[qa.EventID]qa.Event{"here": {ID: "here", Zone: "Europe/Berlin"}}, now)
	for _, line := range []string{
		"  2026-03-23  here  The Patient Ledger\n",
		"  2026-03-23  next  Slow Indexes  (not fetched yet)\n",
		"  2026-03-14  over  Borrowed Clocks  (not fetched yet)\n",
		"  2026-01-21  old  Small Weather  (fetched when it is opened)\n",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("lacks %q:\n%s", line, out.String())
		}
	}
}
