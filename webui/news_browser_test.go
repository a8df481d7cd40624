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

// A notification is shown only by choice, while the reader looks elsewhere, and says no more than that there is an answer.
func TestBrowserNotifications(t *testing.T) {
	b := openBrowserOn(t)
	b.enter(b.week())
	b.live()
	b.run(chromedp.Navigate(b.url("/you")), main())
	b.until("the setting", `!document.querySelector('#notify').closest('section').hidden && !document.querySelector('#notify').checked`)
	b.eval(`(() => {
		window.shown = [];
		window.Notification = class {
			static permission = 'denied';
			static requestPermission() { return Promise.resolve(Notification.permission) }
			constructor(title, options) { window.shown.push(title + ': ' + options.body) }
		};
		document.hasFocus = () => false;
	})()`)
	b.run(click("#notify"))
	b.until("the refusal of the browser", `!document.querySelector('#notify').checked && !document.querySelector('#notify-denied').hidden`)
	b.eval(`(() => { Notification.permission = 'granted' })()`)
	b.run(click("#notify"))
	b.until("the choice", `document.querySelector('#notify').checked && localStorage['flyleaf notifications'] === 'on'`)
	b.until("the count of answers before and after the stream is open", `performance.getEntriesByType('resource').filter(e => e.name.endsWith('/news')).length >= 2`)
	mine := b.node.sample[len(b.node.sample)-1]
	b.node.doAs(maren, b.event, qa.Act{Kind: qa.ActPost, Text: "A question is not an answer."})
	b.until("the title counts it", `document.title.startsWith('(1) ')`)
	b.node.doAs(ilse, b.event, qa.Act{Kind: qa.ActPost, Parent: mine, Text: "Once a minute is fine."})
	b.until("the notification", `window.shown.length > 0`)
	if got := value[string](b, `window.shown.join(' | ')`); got != "Flyleaf: There is a new answer to a question of yours." {
		t.Error(got)
	}
	b.checkLooks("you-notifications", func() { b.run(chromedp.Navigate(b.url("/you")), main()) })
}
