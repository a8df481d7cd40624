//go:build !js

package webui

import (
	"testing"

	"github.com/chromedp/chromedp"

	"flyleaf/qa"
)

// Results appear while one types: on the page of a week those of the week, on the page "Search" with an address of their own.
func TestBrowserFind(t *testing.T) {
	b := openBrowserOn(t)
	b.node.doAs(maren, b.event, qa.Act{Kind: qa.ActPost, Text: "Does a ledger need a margin?", Tags: []string{"paper"}})
	b.enter(b.week())
	b.live()
	b.run(chromedp.KeyEvent("/"))
	b.until("the box has the focus", `document.activeElement.id === 'find'`)
	b.run(keys("#find", "marg"))
	b.until("the result", `document.querySelector('#found mark')?.textContent === 'margin' && document.querySelectorAll('#found li').length === 1`)
	if path := value[string](b, `location.pathname`); path != b.week() {
		t.Errorf("the page was left for %s", path)
	}
	b.run(click("#found li .note a")) // its tag
	b.until("the page of the tag", `location.pathname === '/search' && document.querySelector('#f-tag')?.value === 'paper'`)
	b.run(keys("#find", "ledg"))
	b.until("the address follows", `location.search.includes('q=ledg') && location.search.includes('tag=paper')`)
	b.until("the words are marked", `document.querySelector('#found mark')?.textContent === 'ledger'`)
	b.run(keys("#find", "xyz"))
	b.until("nothing is found", `document.querySelector('#found h2')?.textContent === 'No results'`)
	b.checkLooks("find", func() { b.run(chromedp.Navigate(b.url("/search?q=ledger&tag=paper")), main()) })
	b.checkLooks("find-in-week", func() {
		b.run(chromedp.Navigate(b.url(b.week())), main())
		b.live()
		b.run(keys("#find", "ledger"))
		b.until("results", `document.querySelector('#found mark')`)
	})
}
