package e2e

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

type clubList struct {
	Club     string       `json:"club"`
	Title    string       `json:"title"`
	Now      []listedWeek `json:"now"`
	Upcoming []listedWeek `json:"upcoming"`
	Archive  []listedWeek `json:"archive"`
	Fetched  []string     `json:"fetched"`
}

type listedWeek struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// TestClubBringsItsWeeks: after joining a club, its upcoming weeks arrive automatically; a past
// week is fetched when it is opened, and not before.
func TestClubBringsItsWeeks(t *testing.T) {
	t.Parallel()
	relay := newRelay(t).up()
	organiser, reader := newDevice(t), newDevice(t)
	organiser.run("identity", "name", "Orla")
	club := decode[struct{ Club, Invitation string }](organiser, "club", "new", "--title", "The Lamplight Readers", "--relay", relay.url())
	make := func(title, starts string) string {
		t.Helper()
		week := decode[made](organiser, "event", "new", "--title", title, "--by", "Ilse Marrow", "--starts", starts, "--relay", relay.url())
		organiser.run("ask", "--event", week.Event, "What of "+title+"?")
		organiser.run("sync", "--event", week.Event)
		return week.Event
	}
	old, next := make("Small Weather", "2020-01-06"), make("The Patient Ledger", "2099-11-30")
	organiser.run("club", "add", old, next)
	organiser.run("sync", "--event", club.Club)

	reader.run("join", club.Invitation)
	served, _ := reader.serve()
	listed := func() clubList { return decode[clubList](reader, "club", "show") }
	eventually(t, "the week to come", func() error {
		if l := listed(); len(l.Upcoming) != 1 || !slices.Equal(l.Fetched, []string{next}) {
			return fmt.Errorf("%+v", l)
		}
		return nil
	})
	// A week that is added later arrives automatically too.
	later := make("Slow Indexes", "2099-12-07")
	organiser.run("club", "add", later)
	organiser.run("sync", "--event", club.Club)
	eventually(t, "the week that was added", func() error {
		l := listed()
		if !slices.Contains(l.Fetched, later) {
			return fmt.Errorf("%+v", l)
		}
		if slices.Contains(l.Fetched, old) {
			return errors.New("the week that is over was fetched unasked")
		}
		return nil
	})
	if l := reader.list(later); len(l) != 1 || l[0].Text != "What of Slow Indexes?" {
		t.Errorf("%+v", l)
	}
	// Opening the past week fetches it.
	reader.run("list", "--event", old)
	eventually(t, "the old week, opened", func() error {
		if l := reader.list(old); len(l) != 1 || l[0].Text != "What of Small Weather?" {
			return fmt.Errorf("%+v", l)
		}
		return nil
	})
	// A week removed from the list stays on the devices that have it.
	organiser.run("club", "add", "--undo", later)
	organiser.run("sync", "--event", club.Club)
	eventually(t, "the week is removed from the list", func() error {
		if l := listed(); len(l.Upcoming) != 1 {
			return fmt.Errorf("%+v", l)
		}
		return nil
	})
	if l := reader.list(later); len(l) != 1 {
		t.Errorf("the week itself is gone: %+v", l)
	}
	if code := served.stop(); code != 0 {
		t.Errorf("Ctrl-C ended it with %d", code)
	}
}
