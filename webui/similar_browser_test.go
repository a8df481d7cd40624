//go:build !js

package webui

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// While somebody writes a question, similar ones appear below the box. A vote for one leaves the text
// alone; the questions in the text can be asked separately with one click.
func TestBrowserSuggestsWhileAQuestionIsWritten(t *testing.T) {
	b := openBrowserOn(t)
	b.enter(b.week())
	b.live()
	const text = "Was it wrong to keep accounts of a fishing boat in pencil? And does it close?"
	b.run(chromedp.SendKeys(chromedp.CSS("#q"), text))
	vote := `button[formaction$="/p/` + string(b.question(pBehalf)) + `/react"]`
	b.until("a similar question", `!!document.querySelector('#suggestions `+vote+`')`)
	at := `Math.round(document.getElementById('q').getBoundingClientRect().top + scrollY)`
	before, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](at))
	if err != nil {
		t.Fatal(err)
	}
	b.run(chromedp.SendKeys(chromedp.CSS("#q"), kb.Enter))
	b.run(chromedp.Click(chromedp.CSS("#suggestions " + vote)))
	b.until("the vote", `document.querySelector('#suggestions `+vote+`')?.getAttribute('aria-pressed') === 'true'`)
	b.until("the text", `document.getElementById('q').value.trim() === `+"`"+text+"`")
	if after, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](at)); err != nil || after < before-1 || after > before+1 {
		t.Errorf("the box moved from %d to %d, %v", before, after, err)
	}
	b.run(chromedp.Click(chromedp.CSS("#suggestions button[name=split]")))
	b.until("two questions", `['Was it wrong to keep accounts of a fishing boat in pencil?', 'And does it close?'].every(text => [...document.querySelectorAll('#threads .post .words')].some(e => e.textContent.trim() === text))`)
	b.until("an empty box", `document.getElementById('q').value === '' && document.getElementById('suggestions').textContent.trim() === ''`)
}

func TestBrowserLooksOfSuggestions(t *testing.T) {
	b := openBrowserOn(t)
	b.enter("/")
	b.checkLooks("week-suggestions", func() {
		b.run(chromedp.Navigate(b.url(b.week())), main(), chromedp.SendKeys(chromedp.CSS("#q"), "Was it wrong to keep accounts of a fishing boat in pencil? And does it close?"))
		b.until("suggestions", `!!document.querySelector('#suggestions [name=split]')`)
	})
}
