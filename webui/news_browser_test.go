//go:build !js

package webui

import (
	"testing"

	"github.com/chromedp/chromedp"

	"flyleaf/qa"
)

// New posts are marked, keys go from one to the next, what was in the window counts as read, and the tab's title
// follows.
func TestBrowserNewPosts(t *testing.T) {
	b := openBrowserOn(t)
	b.enter(b.week())
	b.live()
	first := b.node.sample[0]
	answer := b.node.doAs(ilse, b.event, qa.Act{Kind: qa.ActPost, Parent: first, Text: "One more answer."})
	b.until("the title counts the answer", `document.title.startsWith('(1) ')`)
	asked := b.node.doAs(maren, b.event, qa.Act{Kind: qa.ActPost, Text: "Does paper last?"})
	b.until("the title counts the question", `document.title.startsWith('(2) ')`)

	b.run(chromedp.Navigate(b.url(b.week())), main())
	b.live()
	b.until("the line", `document.querySelector('#fresh')?.textContent.includes('2 new posts')`)
	b.eval(`scrollTo(0, 0)`)
	focused := func(id qa.PostID) string { return `document.activeElement.id === 'p-` + string(id) + `'` }
	b.run(chromedp.KeyEvent("n"))
	b.until("the answer has the focus", focused(answer))
	b.run(chromedp.KeyEvent("n"))
	b.until("the question has the focus", focused(asked))
	b.run(chromedp.KeyEvent("p"))
	b.until("the answer has the focus again", focused(answer))
	b.until("the answer was read", `!document.title.startsWith('(2) ')`)
	b.run(chromedp.KeyEvent("n"))
	b.until("both were read", `!document.title.startsWith('(')`)
	if !value[bool](b, `!!document.querySelector('#p-`+string(answer)+` .badge.new')`) {
		t.Error("the mark goes while the page is open")
	}
	b.run(chromedp.Navigate(b.url(b.week())), main())
	if value[bool](b, `!!document.querySelector('#fresh, .badge.new')`) {
		t.Error("a post that was read is still marked")
	}
	b.checkLooks("new-posts", func() {
		b.node.doAs(ilse, b.event, qa.Act{Kind: qa.ActPost, Parent: b.node.sample[len(b.node.sample)-1], Text: "Once a minute is fine."})
		b.run(chromedp.Navigate(b.url(b.week())), main())
	})
	b.checkLooks("new-in-library", func() {
		b.node.doAs(ilse, b.event, qa.Act{Kind: qa.ActPost, Parent: b.node.sample[len(b.node.sample)-1], Text: "Once an hour, too."})
		b.run(chromedp.Navigate(b.url("/")), main())
	})
}
