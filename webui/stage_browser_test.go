//go:build !js

package webui

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"flyleaf/qa"
)

// The keys of a keyboard and of a remote control go through the questions; answers appear by themselves.
func TestBrowserStage(t *testing.T) {
	b := openBrowserOn(t)
	b.enter(b.week() + "/stage")
	b.live()
	first, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.querySelector('.big').textContent`))
	if err != nil {
		t.Fatal(err)
	}
	shown := `document.querySelector('.big').textContent`
	b.run(chromedp.KeyEvent(kb.PageDown))
	b.until("the next question", shown+` !== `+"`"+first+"`")
	b.live()
	b.run(chromedp.KeyEvent(kb.ArrowLeft))
	b.until("the first question", shown+` === `+"`"+first+"`")
	b.live()
	b.run(chromedp.KeyEvent("b"))
	b.until("a blank screen", `getComputedStyle(document.querySelector('.scene')).visibility === 'hidden'`)
	b.run(chromedp.KeyEvent("b"))
	b.until("the question again", `getComputedStyle(document.querySelector('.scene')).visibility === 'visible'`)
	b.node.doAs(ilse, b.event, qa.Act{Kind: qa.ActPost, Parent: qa.PostID(value[string](b, `document.querySelector('[data-question]').dataset.question`)), Text: "An answer for the room."})
	b.until("the answer", `document.querySelector('.answer-on-stage')?.textContent.includes('An answer for the room.')`)
	b.checkLooks("stage", func() { b.run(chromedp.Navigate(b.url(b.week()+"/stage")), chromedp.WaitVisible(chromedp.CSS(".big"))) })
	b.live()
	b.run(chromedp.KeyEvent(kb.Escape))
	b.until("the page of the week", `location.pathname === '`+b.week()+`'`)
}
