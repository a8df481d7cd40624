//go:build !js

package webui

import (
	"testing"

	"github.com/chromedp/chromedp"

	"flyleaf/qa"
)

// TestBrowserLooksOfClubs: a club in the library, all of its weeks, a week with a cover, and the page that sets it up.
func TestBrowserLooksOfClubs(t *testing.T) {
	b := openBrowserOn(t)
	s := &site{t: t, h: b.srv.Config.Handler, node: b.node, event: b.event}
	club := addToClub(s)
	b.node.giveReaderRole(b.event, qa.RoleOrganiser)
	b.node.editViews(club, func(w *shownWeek) {
		w.event.Founder = reader
		for n, title := range []string{"A Field Guide to Silence", "Borrowed Clocks", "The Honest Cache", "Rooms Without Servers", "Twelve Kinds of Maybe", "Letters to a Young Parser"} {
			at := testNow.AddDate(0, 0, -30-14*n)
			w.event.Weeks = append(w.event.Weeks, qa.ListedWeek{
				ID: qa.MakeEventID([16]byte{8, byte(n)}), Title: title, Authors: "Tomasz Okell", StartsAtMillis: at.UnixMilli(), EndsAtMillis: at.AddDate(0, 0, 4).UnixMilli(),
			})
		}
	})
	b.node.cover(b.event, pngOf(t, 400, 600))
	b.enter("/")
	for name, path := range map[string]string{
		"club-library": "/", "club-weeks": "/club/" + string(club), "club-week": b.week(), "club-setup": b.week() + "/setup", "club-setup-new": b.week() + "/setup?new=1", "club-search": "/search?q=ledger",
	} {
		b.checkLooks(name, func() { b.run(chromedp.Navigate(b.url(path)), main()) })
	}
	b.checkNoForeignRequests()
}
