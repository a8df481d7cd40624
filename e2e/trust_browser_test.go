package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestTrustInARealBrowser: on the pages, the organiser creates an invitation, sees it claimed
// and granted without reloading, follows the author's badge to the proof, hides a question with
// a reason that its writer's device shows, closes the week, and sees the same recovery phrase
// as the command prints.
func TestTrustInARealBrowser(t *testing.T) {
	ctx := browser(t)
	relay := newRelay(t).up()
	organiser, author, reader := newDevice(t), newDevice(t), newDevice(t)
	week := organiser.createWeek(relay.url())
	organiser.run("identity", "name", "Noor Adeyemi")
	organiser.run("sync")
	author.run("identity", "name", "Ilse Marrow")
	reader.run("identity", "name", "Tino")
	reader.run("join", week.Invitation)
	question := reader.run("ask", "Buy my ledger software?")
	reader.run("sync")
	_, url := organiser.serve()
	page := "/e/" + week.Event

	do(t, ctx, chromedp.Navigate(url), chromedp.WaitVisible(`#main`))
	base := ask[string](t, ctx, `location.origin`)
	do(t, ctx, chromedp.Navigate(base+page+"/people"), chromedp.WaitVisible(`#i-role`),
		chromedp.SendKeys(`#i-label`, "Ilse, by post"), chromedp.Click(`form[action$="/invite"] button.primary`), chromedp.WaitVisible(`#fresh`))
	link := ask[string](t, ctx, `document.querySelector('#fresh').value`)
	eventually(t, "the code of the link is drawn", func() error {
		if !ask[bool](t, ctx, `(i => i.complete && i.naturalWidth > 0)(document.querySelector('.made .qr img'))`) {
			return errors.New("not yet")
		}
		return nil
	})

	author.run("join", link)
	eventually(t, "the author is admitted", func() error {
		author.run("sync")
		if out := author.run("event", "roles"); strings.Contains(out, "Waiting") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	shows(t, ctx, "Granted: Ilse Marrow") // before she has written anything
	author.run("reply", question, "It is not for sale.")
	author.run("sync")

	do(t, ctx, chromedp.Navigate(base+page), chromedp.WaitVisible(`#q`))
	eventually(t, "the answer is on the page", func() error {
		if ask[int](t, ctx, `document.querySelectorAll('.answer a.proof').length`) == 1 {
			return nil
		}
		ask[bool](t, ctx, `(a => { a?.click(); return true })(document.querySelector('#news a'))`)
		return errors.New("not yet")
	})
	do(t, ctx, chromedp.Click(`.answer a.proof`), chromedp.WaitVisible(`.proof-of`))
	shows(t, ctx, "Every change to this post is signed by the person who made it")
	shows(t, ctx, "by the key of Ilse Marrow")
	shows(t, ctx, "Author, given to Ilse Marrow by ")

	do(t, ctx, chromedp.Navigate(base+page+"/p/"+question+"/moderate"), chromedp.WaitVisible(`#reason`),
		chromedp.SendKeys(`#reason`, "an advertisement"), chromedp.Click(`button[name="hidden"]`), chromedp.WaitVisible(`.removed`))
	shows(t, ctx, "Hidden by you")
	eventually(t, "the reason reaches the writer's device", func() error {
		reader.run("sync")
		if out := reader.run("show", question); !strings.Contains(out, "an advertisement") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	do(t, ctx, chromedp.Navigate(base+page+"/log"), chromedp.WaitVisible(`.log`))
	shows(t, ctx, "You hid a post: an advertisement")

	do(t, ctx, chromedp.Navigate(base+page+"/people"), chromedp.WaitVisible(`#week`), chromedp.Click(`#week ~ .facts button`),
		chromedp.WaitVisible(`.effects`), chromedp.Click(`form[action$="/switch"] button.primary`), chromedp.WaitVisible(`#week`))
	shows(t, ctx, "Reopen the week")

	do(t, ctx, chromedp.Navigate(base+"/you"), chromedp.WaitVisible(`#name`), chromedp.Click(`form[action="/you/phrase"] button`), chromedp.WaitVisible(`.phrase`))
	phrase := ask[string](t, ctx, `[...document.querySelectorAll('.phrase li')].map(e => e.textContent).join(' ')`)
	if out := organiser.run("identity", "export"); len(strings.Fields(phrase)) != 24 || !strings.Contains(strings.Join(strings.Fields(out), " "), phrase) {
		t.Error("the page and the command show different phrases")
	}
}
